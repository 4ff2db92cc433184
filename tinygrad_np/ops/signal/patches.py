"""What a sliding window sees, for convolution and pooling; and backward the same, added up where windows overlap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ...errors import ShapeError
from ...frames import user_place
from ...primitive import implements, primitive

Lengths = tuple[int, ...]
Each = int | tuple[int, ...]
"""One number for all axes, or one for each."""


@primitive(saves="shapes")
def patches(x, /, size: Lengths, stride: Lengths, dilation: Lengths):
    """What a window of this size sees, at each of its places along the last axes: (*size, ..., *places).

    The elements of a window lie `dilation` apart, and its places `stride`. With the axes of the window in front, an
    operation runs along the places, which are many, once for each element of a window, of which there are few.
    """
    axes = range(x.ndim - len(size), x.ndim)
    extents = tuple(step * (length - 1) + 1 for length, step in zip(size, dilation, strict=True))
    if any(extent > x.shape[axis] for extent, axis in zip(extents, axes, strict=True)):
        raise ValueError(f"a window that extends over {extents} does not fit into {x.shape[axes.start :]}")
    every_place = np.lib.stride_tricks.sliding_window_view(x, extents, tuple(axes))
    steps: tuple[Any, ...] = (..., *(slice(None, None, step) for step in (*stride, *dilation)))
    return np.moveaxis(every_place[steps], range(x.ndim, x.ndim + len(size)), range(len(size)))


@patches.vjp
def _(g, y, x, size: Lengths, stride: Lengths, dilation: Lengths):
    return overlapped(g, shape=x.shape, stride=stride, dilation=dilation)


@primitive(saves="shapes")
def overlapped(w, /, shape: Lengths, stride: Lengths, dilation: Lengths):
    """Zeros of this shape, to which the windows are added where they were seen: the transpose of `patches`."""
    # An axis at a time, the first first: what is added lies in longer runs.
    for axis in range(-len(stride), 0):
        lengths = [*w.shape[1:]]
        lengths[axis] = shape[axis]
        result = np.zeros(lengths, w.dtype)
        along = np.moveaxis(result, axis, -1)
        for offset, seen in enumerate(w):
            start, end = offset * dilation[axis], stride[axis] * (w.shape[axis] - 1) + 1
            along[..., start : start + end : stride[axis]] += np.moveaxis(seen, axis, -1)
        w = result
    return w


@overlapped.vjp
def _(g, y, w, shape: Lengths, stride: Lengths, dilation: Lengths):
    return patches(g, size=w.shape[: len(stride)], stride=stride, dilation=dilation)


def seen_by_each(size: Lengths, places: Lengths, stride: Lengths, dilation: Lengths) -> Iterator[tuple[Lengths, Any]]:
    """For each element of a window, where it stands in it, and the index of what it sees at all places."""
    for offset in np.ndindex(size):
        starts = [place * step for place, step in zip(offset, dilation, strict=True)]
        stops = [start + step * (count - 1) + 1 for start, step, count in zip(starts, stride, places, strict=True)]
        yield offset, (..., *map(slice, starts, stops, stride))


def for_each_axis(value, axes: int, name: str, least: int) -> Lengths:
    """A whole number for each of the axes, given one for all or a sequence; `name` and `least` are for the error."""
    numbers = tuple(value) if isinstance(value, list | tuple) else (value,) * axes
    if len(numbers) != axes or not all(isinstance(one, int | np.integer) and one >= least for one in numbers):
        raise ShapeError(
            f"{name}={value!r}, {user_place()}, is neither a whole number of at least {least} nor a tuple of "
            f"{axes} such."
        )
    return tuple(int(one) for one in numbers)


@implements(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(x, window_shape, axis=None):
    """What a window of this shape sees at each of its places along the axes; one axis may be given more than once."""
    size = tuple(window_shape) if np.iterable(window_shape) else (window_shape,)
    axes = normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim, allow_duplicate=True)
    if len(size) != len(axes):
        raise ValueError(f"a window of shape {size} has another number of axes than axis={axes}")
    for length, along in zip(size, axes, strict=True):
        seen = patches(np.moveaxis(x, along, -1), size=(length,), stride=(1,), dilation=(1,))
        x = np.moveaxis(seen, (0, -1), (-1, along))
    return x
