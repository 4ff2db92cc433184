"""Large inputs, moved in batches along random directions: every element is in one, and few slopes are to be taken.

batches = Batches(x, 64)
batches.moved(t)        x, moved in batch i by (t[i] - 1) times a random direction; t is ones to begin with
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

LARGE = 4000
"""Inputs of more elements are moved in batches."""

COUNT = 64
"""So many batches are made, unless another number is asked for."""


class Batches:
    """The elements of an array, or some of them, in batches at random, each with a random direction.

    Attributes: `x`; `elements`, the flat indices of those that are moved; `count`, of batches; `number`, for each
    element of x that of its batch; `weights`, how far each is moved: its own size, or that of the others where it is 0,
    times a number between 1/2 and 2 of either sign; 0 for those that stay.
    """

    def __init__(self, x: Any, count: int, elements: Any = None) -> None:
        random = np.random.default_rng(x.size)
        self.x = x
        self.elements = np.arange(x.size) if elements is None else elements
        size = len(self.elements)
        self.count = min(count, size)
        self.number = np.zeros(x.size, int)
        self.number[self.elements] = random.permutation(size) % self.count
        values = np.abs(x.reshape(-1)[self.elements].astype(np.float64))
        sizes = np.where(values > 0, values, float(values.mean()) or 1.0)
        self.weights = np.zeros(x.size)
        self.weights[self.elements] = sizes * random.uniform(0.5, 2.0, size) * random.choice([-1.0, 1.0], size)

    @property
    def start(self) -> Any:
        """Where nothing is moved."""
        return np.ones(self.count, self.x.dtype)

    def moved(self, t: Any) -> Any:
        """The array with its batches moved."""
        steps = (t[self.number] - 1) * self.weights.astype(t.dtype)
        return self.x.astype(t.dtype) + steps.reshape(self.x.shape)

    def within(self, number: int) -> Any:
        """The elements of one batch."""
        return self.elements[self.number[self.elements] == number]


def found_in(x: Any, elements: Any, wrong_batches: Callable[[Batches], Any]) -> tuple[tuple[int, ...], Any] | None:
    """The one element of these whose gradient is wrong, in ever smaller batches, and the batches that hold it alone.

    `wrong_batches` says for each batch whether its derivative is wrong. None if no batch shows it by itself.
    """
    while True:
        batches = Batches(x, COUNT, elements)
        wrong = np.flatnonzero(wrong_batches(batches))
        if not len(wrong):
            return None
        elements = batches.within(int(wrong[0]))
        if len(elements) == 1:
            return tuple(int(i) for i in np.unravel_index(int(elements[0]), x.shape)), Batches(x, 1, elements)
