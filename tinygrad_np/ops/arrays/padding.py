"""np.pad: an array with a border around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ...primitive import implements, primitive
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

    What is a copy of an element (edge, reflect, symmetric, wrap) is picked; the border of "maximum", "minimum" and
    "median" is a reduction; everything else is a sum of the elements with fixed factors: the primitive below.
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
    if mode in ("edge", "wrap") or (mode in ("reflect", "symmetric") and reflect_type != "odd"):
        for axis, width in enumerate(widths):
            if any(width):
                array = array[along(axis, np.pad(np.arange(array.shape[axis]), width, mode, **options))]
        return array
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
    if mode == "constant":
        return g[tuple(slice(front, front + length) for (front, _), length in zip(widths, x.shape, strict=True))]
    for axis, width in enumerate(widths):
        if not any(width):
            continue
        if mode in ("linear_ramp", "mean"):
            lengths = pairs(options.get("stat_length"), x.ndim)[axis] if mode == "mean" else (1, 1)
            g = _without_border(g, axis, x.shape[axis], width, mode, lengths)
        else:
            g = np.moveaxis(np.tensordot(g, _factors(x, axis, width, mode, options), (axis, 0)), -1, axis)
    return g


def _without_border(g, axis: int, length: int, width: tuple[int, int], mode, lengths):
    """The gradient inside, and on either side, added to the elements next to it, that of the border made of them.

    An element of the border is the mean of so many (`lengths`), times a factor that falls to 0 along a ramp.
    """
    front = width[0]
    inside = g[along(axis, slice(front, front + length))]
    for border, count, is_front in (
        (g[along(axis, slice(0, front))], lengths[0], True),
        (g[along(axis, slice(front + length, None))], lengths[1], False),
    ):
        size = border.shape[axis]
        if not size:
            continue
        count = length if count is None else min(count, length)
        if mode == "linear_ramp":
            factors = np.arange(size, dtype=g.dtype) / size
            border = border * (factors if is_front else factors[::-1]).reshape((size,) + (1,) * (g.ndim - axis - 1))
        share = border.sum(axis=axis, keepdims=True) / count
        near, far = (
            (slice(0, count), slice(count, None))
            if is_front
            else (slice(length - count, None), slice(0, length - count))
        )
        parts = [inside[along(axis, near)] + share, inside[along(axis, far)]]
        inside = np.concatenate(parts if is_front else parts[::-1], axis=axis)
    return inside


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
