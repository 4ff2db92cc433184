"""Differences between neighbours, slopes and areas made of them: np.diff, np.ediff1d, np.gradient, np.trapezoid."""

from __future__ import annotations

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ...primitive import implements
from ..arrays.shape import array_of
from ..reductions.reduction_options import converted


def part(x, axis: int, start: int | None, stop: int | None):
    """x[start:stop] along an axis."""
    return x[(slice(None),) * axis + (slice(start, stop),)]


def step(x, axis: int):
    """Each element minus the one before it along an axis; of booleans, whether they differ."""
    later, earlier = part(x, axis, 1, None), part(x, axis, None, -1)
    return later != earlier if x.dtype == bool else later - earlier


@implements(np.diff)
def diff(a, n: int = 1, axis: int = -1, prepend=None, append=None):
    """The n-th difference along an axis, of a row that `prepend` and `append` may have lengthened first."""
    if n < 0:
        raise ValueError(f"the difference of order {n}: an order is 0 or more")
    if n == 0:
        return a
    a = array_of(a)
    if a.ndim == 0:
        raise ValueError("a single number has no neighbours to differ from")
    axis = normalize_axis_index(axis, a.ndim)
    pieces = [_piece(end, a, axis) for end in (prepend, a, append) if end is not None]
    if len(pieces) > 1:
        a = np.concatenate(pieces, axis)
    for _ in range(n):
        a = step(a, axis)
    return a


def _piece(end, a, axis: int):
    """What is put before or behind: an array, or a number repeated along the other axes."""
    end = array_of(end)
    return np.broadcast_to(end, (*a.shape[:axis], 1, *a.shape[axis + 1 :])) if end.ndim == 0 else end


@implements(np.ediff1d)
def ediff1d(ary, to_end=None, to_begin=None):
    """The differences between all elements in a row, with more numbers put before and after them."""
    row = array_of(ary).reshape(-1)
    pieces = [_as_kind(to_begin, row.dtype), row[1:] - row[:-1], _as_kind(to_end, row.dtype)]
    return np.concatenate([piece for piece in pieces if piece is not None])


def _as_kind(end, dtype):
    """What is put before or behind, in a row and in this dtype; None if there is nothing to put."""
    if end is None:
        return None
    end = array_of(end)
    if not np.can_cast(end.dtype, dtype, "same_kind"):
        raise TypeError(f"what is put before or after is {end.dtype}, which does not fit differences of {dtype}")
    return end.reshape(-1).astype(dtype)


@implements(np.gradient)
def gradient(f, *varargs, axis=None, edge_order: int = 1):
    """The slopes of a sampled function along each axis.

    `varargs` are the distances between samples, or their coordinates: none, a distance for all axes, or one for each.
    Inside, the slopes to both neighbours are weighted by the distance to the other, which is exact for a parabola; at
    an edge there is one slope, or with `edge_order=2` the parabola's again. (Fornberg 1988, "Generation of finite
    difference formulas on arbitrarily spaced grids".)
    """
    f = array_of(f)
    f = f if f.dtype.kind == "f" else f.astype(np.float64)
    axes = tuple(range(f.ndim)) if axis is None else normalize_axis_tuple(axis, f.ndim)
    spacings = [array_of(spacing) for spacing in varargs or (1.0,)]
    spacings = [one if one.dtype.kind == "f" else one.astype(np.float64) for one in spacings]
    if len(spacings) == 1 and spacings[0].ndim == 0:
        spacings = spacings * len(axes)
    if len(spacings) != len(axes):
        raise TypeError(f"{len(varargs)} spacings for {len(axes)} axes: give none, one distance, or one for each axis")
    if edge_order not in (1, 2):
        raise ValueError(f"edge_order must be 1 or 2, not {edge_order}")
    slopes = tuple(_slopes(f, spacing, axis, edge_order) for spacing, axis in zip(spacings, axes, strict=True))
    return slopes[0] if len(slopes) == 1 else slopes


def _slopes(f, spacing, axis: int, edge_order: int):
    """The slopes along one axis."""
    length = f.shape[axis]
    if length <= edge_order:
        raise ValueError(f"{length} samples along axis {axis} are too few for slopes with edge_order={edge_order}")
    if spacing.ndim == 0:
        before = behind = spacing
    elif spacing.shape == (length,):
        spacing = step(spacing, 0).reshape((-1,) + (1,) * (f.ndim - 1 - axis))
        before, behind = spacing[:-1], spacing[1:]
    else:
        raise ValueError(f"coordinates of shape {spacing.shape} for {length} samples along axis {axis}")
    between = step(f, axis) / spacing
    to_before, to_behind = part(between, axis, None, -1), part(between, axis, 1, None)
    # The parabola through three neighbours: its slope changes by 2 bend over a distance of 1.
    bend = (to_behind - to_before) / (before + behind)
    inside = to_before + before * bend
    if edge_order == 1:
        first, last = part(between, axis, None, 1), part(between, axis, -1, None)
    else:
        first = part(to_before - before * bend, axis, None, 1)
        last = part(to_behind + behind * bend, axis, -1, None)
    return converted(np.concatenate([first, inside, last], axis), f.dtype)


@implements(np.trapezoid)
def trapezoid(y, x=None, dx=1.0, axis: int = -1):
    """The area below straight lines between samples: the mean of two neighbours times their distance, summed."""
    y = array_of(y)
    axis = normalize_axis_index(axis, y.ndim)
    if x is not None:
        x = array_of(x)
        dx = step(x, axis) if x.ndim > 1 else step(x, 0).reshape((-1,) + (1,) * (y.ndim - 1 - axis))
    return np.sum(dx * (part(y, axis, 1, None) + part(y, axis, None, -1)) / 2, axis)
