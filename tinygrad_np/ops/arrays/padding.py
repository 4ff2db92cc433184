"""np.pad: an array with a border around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ...primitive import implements, primitive
from .indexing import scatter
from .picking import along
from .shape import constant

Pairs = tuple[tuple[int, int], ...]

STATISTICS: dict[str, Callable[..., Any]] = {"maximum": np.max, "minimum": np.min, "median": np.median}


@implements(np.pad)
def pad(
    array,
    pad_width,
    mode="constant",
    *,
    constant_values=None,
    end_values=None,
    stat_length=None,
    reflect_type: str | None = None,
):
    """np.pad in all of its modes, but "empty", whose border has no values, and a function of the user's.

    The border of "maximum", "minimum" and "median" is a reduction; everything else is a sum of the elements with fixed
    factors: the primitive below.
    """
    if callable(mode) or mode == "empty":
        raise TypeError(f"mode={mode!r} gives a border that has no gradient; use another mode, or np.concatenate")
    widths = pairs(pad_width, array.ndim)
    given = {
        "constant_values": constant_values,
        "end_values": end_values,
        "stat_length": stat_length,
        "reflect_type": reflect_type,
    }
    options: dict[str, Any] = {name: constant(value, name) for name, value in given.items() if value is not None}
    if array.dtype.kind != "f":
        return padded(array, widths=widths, mode=mode, options=options)
    np.pad(np.zeros((1,) * array.ndim), 0, mode, **options)  # Refuses the options of other modes.
    if mode in STATISTICS:
        lengths = pairs(stat_length, array.ndim)
        return _with_statistics(array, widths, STATISTICS[mode], lengths)
    return padded(array, widths=widths, mode=mode, options=options)


def pairs(value, ndim: int) -> Pairs:
    """What is meant for the front and the back of each axis, given as one value, as a pair, or as pairs."""
    if isinstance(value, dict):
        by_axis = {normalize_axis_index(axis, ndim): pair for axis, pair in value.items()}
        value = [np.broadcast_to(by_axis.get(axis, 0), 2).tolist() for axis in range(ndim)]
    return tuple(tuple(pair) for pair in np.broadcast_to(np.array(value), (ndim, 2)).tolist())


@primitive(name="pad")
def padded(x, /, widths: Pairs, mode, options: dict[str, Any]):
    """x within a border whose elements are constants plus sums of x's elements times constants."""
    return np.pad(x, widths or 0, mode, **options)


@padded.vjp
def _(g, y, x, widths: Pairs, mode, options: dict[str, Any]):
    for axis, (front, back) in enumerate(widths):
        length = x.shape[axis]
        inside = g[along(axis, slice(front, front + length))]
        ends = g[along(axis, slice(0, front))], g[along(axis, slice(front + length, None))]
        if mode == "constant" or not front + back:
            g = inside
        elif _copies(mode, options):
            places = np.pad(np.arange(length), (front, back), mode, **options)
            index = along(axis, np.concatenate([places[:front], places[front + length :]]))
            g = inside + scatter(np.concatenate(ends, axis), index=index, shape=inside.shape)
        elif mode in ("linear_ramp", "mean"):
            counts = pairs(options.get("stat_length", 1 if mode == "linear_ramp" else None), x.ndim)[axis]
            front_count, back_count = (length if count is None else min(count, length) for count in counts)
            g = inside + _to_mean(ends[0], axis, slice(0, front_count), inside.shape, mode, 1)
            g = g + _to_mean(ends[1], axis, slice(length - back_count, length), inside.shape, mode, -1)
        else:
            g = np.moveaxis(np.tensordot(g, _factors(x, axis, (front, back), mode, options), (axis, 0)), -1, axis)
    return g


def _copies(mode, options: dict[str, Any]) -> bool:
    """Whether the border is made of copies of the elements."""
    return mode in ("edge", "wrap") or (mode in ("reflect", "symmetric") and options.get("reflect_type") != "odd")


def _to_mean(border, axis: int, seen: slice, shape: tuple[int, ...], mode, direction: int):
    """The gradient of a border each of whose elements is the mean of what is `seen`, or along a ramp a part of it."""
    size, count = border.shape[axis], seen.stop - seen.start
    if mode == "linear_ramp":
        parts = np.arange(size, dtype=border.dtype)[::direction] / max(size, 1)
        border = border * parts.reshape((size,) + (1,) * (border.ndim - axis - 1))
    share = np.sum(border, axis=axis, keepdims=True) / count
    each = np.broadcast_to(share, (*shape[:axis], count, *shape[axis + 1 :]))
    return scatter(each, index=along(axis, seen), shape=shape)


def _factors(x, axis: int, width: tuple[int, int], mode, options: dict[str, Any]):
    """The matrix that pads along this axis: the unit matrix, padded. The values that a ramp ends at are constants."""
    options = {name: value for name, value in options.items() if name != "end_values"}
    if "stat_length" in options:
        options["stat_length"] = (pairs(options["stat_length"], x.ndim)[axis], (1, 1))
    return np.pad(np.eye(x.shape[axis], dtype=x.dtype), (width, (0, 0)), mode, **options)


def _with_statistics(x, widths: Pairs, statistic: Callable[..., Any], lengths: Pairs):
    """A border of a statistic of the elements next to it, of all along the axis where the length is None."""
    for axis, (front, back) in enumerate(widths):
        count = x.shape[axis]
        if count == 0 and (front or back):
            raise ValueError(f"the empty axis {axis} has no {statistic.__name__}")
        first, last = (count if length is None else min(length, count) for length in lengths[axis])
        if front or back:
            at_front = statistic(x[along(axis, slice(0, first))], axis=axis, keepdims=True)
            at_back = statistic(x[along(axis, slice(count - last, count))], axis=axis, keepdims=True)
            x = np.concatenate([np.repeat(at_front, front, axis), x, np.repeat(at_back, back, axis)], axis=axis)
    return x
