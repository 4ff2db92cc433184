"""One backward pass, kept to be looked at: every gradient in it, beside those that were written by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..engine import Revise, backward_steps
from ..graph import Node, ancestors
from .tolerance import ROUNDINGS, Judgement, judge, precision


class Passage:
    """What went by in the backward pass from `root`, which began with `seed`; the graph is left as it was.

    With `revise`, the steps of the pass are revised by it, as by another choice of slopes at kinks.

    Attributes: `nodes`, all that a gradient could reach, in the order made; `gradients`, what arrived at each;
    `uses`, for each node the operations that used its value, with the contribution that each sent back, last use first;
    `values`, the values of nodes as far as gradient rules have saved them.
    """

    def __init__(self, root: Node, seed: Any, revise: Revise | None = None) -> None:
        self.root = root
        self.seed = seed
        self.revise = revise
        self.nodes = ancestors(root)
        self.gradients: dict[Node, Any] = {}
        self.uses: dict[Node, list[tuple[Node, Any]]] = {}
        self.values: dict[Node, Any] = {}
        self._variants: dict[Any, dict[Node, Any]] = {}
        self._completed: dict[Node, int] = {root: 0}
        for step, (node, upstream, contributions) in enumerate(backward_steps(root, seed, revise=revise), start=1):
            self.gradients[node] = upstream
            for index, contribution in contributions:
                parent = node.inputs[index]
                self.uses.setdefault(parent, []).append((node, contribution))
                self._completed[parent] = step
            self.values.update(saved_values(node))

    def gradient(self, node: Node) -> Any:
        """The gradient of a node: zeros if no rule sent any."""
        gradient = self.gradients.get(node)
        return np.zeros(node.shape, node.dtype) if gradient is None else np.asarray(gradient)

    def implied_errors(self, start: Node, error: Any) -> dict[Node, Any]:
        """What a wrong gradient at `start` makes of all gradients that are computed from it.

        The backward pass is linear: if dL/d(start) is wrong by `error`, the gradient of each earlier node is wrong by
        what the backward pass makes of `error`.
        """
        steps = backward_steps(start, error, revise=self.revise)
        return {node: np.asarray(upstream) for node, upstream, _ in steps}

    def variant(
        self, key: Any, derivatives: Mapping[Node, Sequence[Callable[[Any], Any]]], scale: bool = False
    ) -> dict[Node, Any]:
        """All gradients, if these nodes sent back what other derivatives, one for each input, make of the upstream
        gradient; or with `scale`, of what they do send. They are kept under the key, for the next who asks.
        """

        def revise(node: Node, upstream: Any, sent: Sequence[tuple[int, Any]]) -> Sequence[tuple[int, Any]]:
            sent = sent if self.revise is None else self.revise(node, upstream, sent)
            if node not in derivatives:
                return sent
            others = derivatives[node]
            return [
                (
                    index,
                    np.asarray(others[min(index, len(others) - 1)](before if scale else upstream)).astype(before.dtype),
                )
                for index, before in sent
            ]

        if key not in self._variants:
            steps = backward_steps(self.root, self.seed, revise=revise)
            self._variants[key] = {node: np.asarray(upstream) for node, upstream, _ in steps}
        return self._variants[key]

    def order(self, node: Node) -> tuple[float, int]:
        """A key to sort by: whose gradient is complete first comes first, which is who is nearest to the loss."""
        return self._completed.get(node, np.inf), -node.number


@dataclass(frozen=True)
class Compared:
    """A gradient that was written by hand, `manual`, and autograd's; rounding explains differences up to `noise`."""

    name: str
    node: Node
    manual: Any
    gradient: Any
    noise: Any = 0.0

    @property
    def eps(self) -> float:
        """The precision of the coarser of the two."""
        return precision(self.node.dtype, self.manual.dtype)

    @property
    def fits(self) -> bool:
        """Whether the shape is right."""
        return bool(self.manual.shape == self.node.shape)

    @cached_property
    def judgement(self) -> Judgement | None:
        """What is to be said of each element; None if the shape is wrong."""
        if not self.fits:
            return None
        return judge(self.manual, self.gradient, self.eps, self.noise, self.noise / (ROUNDINGS * self.eps))

    @property
    def is_wrong(self) -> bool:
        """Whether the shape or any element is wrong."""
        return self.judgement is None or bool(self.judgement.wrong.any())

    @property
    def growth(self) -> float:
        """How many times too large the gradient by hand is; 1 if the right one is all noise."""
        size = float(np.abs(self.gradient).max(initial=0.0))
        if not self.fits or not size > np.max(self.noise, initial=0.0):
            return 1.0
        growth = float(np.abs(self.manual).max(initial=0.0)) / size
        return growth if np.isfinite(growth) else 1.0

    def noisier(self, growth: float) -> Compared:
        """The same, where the elements that are all noise may be this many times as noisy; up to half of the digits."""
        growth = max(1.0, min(growth, 1 / (ROUNDINGS * self.eps**0.5)))
        return replace(self, noise=np.where(np.abs(self.gradient) <= self.noise, growth, 1.0) * self.noise)

    def agrees(self, values: Any, expected: Any) -> bool:
        """Whether values made of these gradients agree with what they are expected to be, as right gradients would."""
        values, expected = np.asarray(values), np.asarray(expected)
        if values.shape != expected.shape:
            return False
        size = np.abs(expected).max(initial=0.0, where=np.isfinite(expected))
        growth = size / max(np.abs(self.gradient).max(initial=0.0), 1e-300)
        noise = min(np.max(self.noise, initial=0.0) * max(1.0, growth), np.sqrt(self.eps) * size)
        noise = max(noise, np.max(self.noise, initial=0.0))
        return not judge(values, expected, self.eps, noise).wrong.any()

    def is_beyond(self, relative: float) -> bool:
        """Whether the shape is wrong, or some relative error larger than this."""
        return self.judgement is None or self.judgement.largest_relative > relative


_ARRAYS = (np.ndarray, np.generic)


def saved_values(node: Node) -> list[tuple[Node, Any]]:
    """The values, of this node and of its inputs, that the gradient rules of this node read."""
    owned = zip((node, *node.inputs), node.saved or (), strict=False)
    return [(owner, array) for owner, array in owned if isinstance(array, _ARRAYS) and type(owner) is Node]


def described(node: Node) -> str:
    """What a report calls a node: its name, or its operation and line."""
    return node.name or f"{node.operation} ({node.place})"
