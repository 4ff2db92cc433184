"""Several results of one operation, packed in one array: a primitive has one result.

The parts lie end to end along a last axis, and before each there are as many zeros. In the gradient of the packed array
a 1 stands there for each element at which a gradient arrived, though it be 0: then a rule can tell what nobody uses
from what merely happens to have the gradient 0 here, and may have another around. Which elements were used of a part
that was indexed is told by the masks of selected.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...primitive import primitive
from ..arrays.indexing import scatter


def packed(batch: tuple[int, ...], *parts):
    """The parts, each with the axes of the batch before its own, in one array with these axes and one more."""
    rows = [part.reshape(*batch, math.prod(part.shape[len(batch) :])) for part in parts]
    return np.concatenate([piece for row in rows for piece in (np.zeros_like(row), row)], axis=-1)


def unpacked(y, *shapes: tuple[int, ...]) -> list[Any]:
    """The parts that were packed in y, or in its gradient; `shapes` are theirs without the batch."""
    return [part(y, start=start, shape=shape) for start, shape in zip(_starts(shapes), shapes, strict=True)]


def arrived(g, *shapes: tuple[int, ...]) -> list[Any]:
    """For each part, at which of its elements a gradient arrived."""
    ends = (start + math.prod(shape) for start, shape in zip(_starts(shapes), shapes, strict=True))
    return [
        g[..., start:end].reshape(g.shape[:-1] + shape) != 0
        for start, end, shape in zip(_starts(shapes), ends, shapes, strict=True)
    ]


def _starts(shapes: tuple[tuple[int, ...], ...]) -> list[int]:
    sizes = [2 * math.prod(shape) for shape in shapes]
    return [sum(sizes[:number]) for number in range(len(shapes))]


@primitive(asks=True)
def part(y, /, start: int, shape: tuple[int, ...]):
    """The part of a packed array that is announced at `start`."""
    size = math.prod(shape)
    return y[..., start + size : start + 2 * size].reshape(y.shape[:-1] + shape)


@part.vjp
def _(g, y, packed, start: int, shape: tuple[int, ...]):
    batch, size = packed.shape[:-1], math.prod(shape)
    g = g.reshape((*batch, size))
    # Each announcement is made of its own element: that is how a mask reaches it.
    announced = np.concatenate([0 * np.sign(g) + 1, g], axis=-1)
    return scatter(announced, (..., slice(start, start + 2 * size)), packed.shape)
