"""Several results of one operation, packed in one array: a primitive has one result.

The parts lie end to end along a last axis, and before each there is a 0. In the gradient of the packed array a 1 stands
there if a gradient arrived at the part, though it be 0: then a rule can tell what nobody uses from what merely happens
to have the gradient 0 here, and may have another around.
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
    before = np.zeros((*batch, 1), rows[0].dtype)
    return np.concatenate([piece for row in rows for piece in (before, row)], axis=-1)


def unpacked(y, *shapes: tuple[int, ...]) -> list[Any]:
    """The parts that were packed in y, or in its gradient; `shapes` are theirs without the batch."""
    return [part(y, start=start, shape=shape) for start, shape in zip(_starts(shapes), shapes, strict=True)]


def arrived(g, *shapes: tuple[int, ...]) -> list[Any]:
    """For each part, in which matrices of the batch a gradient arrived at it."""
    return [g[..., start] != 0 for start in _starts(shapes)]


def _starts(shapes: tuple[tuple[int, ...], ...]) -> list[int]:
    sizes = [1 + math.prod(shape) for shape in shapes]
    return [sum(sizes[:number]) for number in range(len(shapes))]


@primitive
def part(y, /, start: int, shape: tuple[int, ...]):
    """The part of a packed array that is announced at `start`."""
    return y[..., start + 1 : start + 1 + math.prod(shape)].reshape(y.shape[:-1] + shape)


@part.vjp
def _(g, y, packed, start: int, shape: tuple[int, ...]):
    batch, size = packed.shape[:-1], math.prod(shape)
    announced = np.concatenate([np.ones((*batch, 1), g.dtype), g.reshape((*batch, size))], axis=-1)
    return scatter(announced, (..., slice(start, start + 1 + size)), packed.shape)
