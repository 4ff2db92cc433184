"""Pooling: each window becomes one number, the largest or the mean of what it sees. PyTorch's shapes and names."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ...errors import ShapeError, described
from ...frames import user_place
from ...primitive import operation, primitive
from ..arrays.shape import array_of, narrow, wide
from .patches import Each, Lengths, for_each_axis, patches, seen_by_each


@operation
def max_pool1d(
    x, kernel_size: Each, stride: Each | None = None, padding: Each = 0, dilation: Each = 1, *, ceil_mode: bool = False
):
    """The largest element of each window of signals (batch, channels, length), see `max_pool2d`."""
    return _max_pool(1, x, kernel_size, stride, padding, dilation, ceil_mode)


@operation
def max_pool2d(
    x, kernel_size: Each, stride: Each | None = None, padding: Each = 0, dilation: Each = 1, *, ceil_mode: bool = False
):
    """The largest element of each window of images; several that tie share the gradient evenly.

    Args:
        x: (..., height, width).
        kernel_size: the window's height and width: one number, or one for each axis.
        stride: how far apart the window's places are; without it kernel_size, so that the windows do not overlap.
        padding: how far the window reaches beyond each end, where there is nothing; at most half of kernel_size.
        dilation: how far apart the elements are that a window sees.
        ceil_mode: whether a last window that reaches beyond the end counts, if it begins before that.

    Returns (..., height', width'), height' = (height + 2 padding - dilation (kernel_size - 1) - 1) // stride + 1.
    Raises ShapeError if numbers do not fit.

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """
    return _max_pool(2, x, kernel_size, stride, padding, dilation, ceil_mode)


@operation
def avg_pool1d(
    x,
    kernel_size: Each,
    stride: Each | None = None,
    padding: Each = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
):
    """The mean of each window of signals (batch, channels, length), see `avg_pool2d`."""
    return _avg_pool(1, x, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


@operation
def avg_pool2d(
    x,
    kernel_size: Each,
    stride: Each | None = None,
    padding: Each = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
):
    """The mean of each window of images, the arguments as in `max_pool2d`.

    Beyond the ends there are zeros, which count as elements; not so with `count_include_pad=False`. With a
    `divisor_override` the sum is divided by that.

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """
    return _avg_pool(2, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@operation
def adaptive_avg_pool1d(x, output_size: int | None):
    """The means of as many even parts of signals (..., length) as asked for, see `adaptive_avg_pool2d`."""
    return _adaptive_avg_pool(1, x, output_size)


@operation
def adaptive_avg_pool2d(x, output_size: int | tuple[int | None, ...] | None):
    """The means of images (..., height, width) over windows that make the result's last axes as long as asked for.

    Window i of n sees the elements from floor(i length / n) to ceil((i + 1) length / n), which may overlap by one.
    `output_size` is one length or one for each axis; None keeps an axis as it is.

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.adaptive_avg_pool2d(np.arange(16.0).reshape(1, 4, 4), (1, 2))
    array([[[6.5, 8.5]]])
    """
    return _adaptive_avg_pool(2, x, output_size)


def _adaptive_avg_pool(axes: int, x, output_size):
    x = array_of(x)
    asked = output_size if isinstance(output_size, list | tuple) else (output_size,) * axes
    kept = [length if one is None else one for one, length in zip(asked, x.shape[-axes:], strict=False)]
    if x.ndim < axes or len(asked) != axes:
        raise ShapeError(f"pooling of {described(x)} to {output_size!r}, {user_place()}: over its last {axes} axes.")
    for axis, windows in zip(range(-axes, 0), for_each_axis(kept, axes, "output_size", 1), strict=True):
        # Each mean is a product with a row of weights that add up to 1.
        places, length = np.arange(windows)[:, None], x.shape[axis]
        starts, stops = places * length // windows, -((places + 1) * -length // windows)
        seen = (starts <= np.arange(length)) & (np.arange(length) < stops)
        weights = (seen / (stops - starts)).astype(x.dtype)
        x = np.swapaxes(np.swapaxes(x, axis, -1) @ weights.T, axis, -1)
    return x


def _max_pool(axes: int, x, kernel_size: Each, stride: Each | None, padding: Each, dilation: Each, ceil_mode: bool):
    x = array_of(x)
    least = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    x, size, steps, apart = _windows(axes, x, kernel_size, stride, padding, dilation, ceil_mode, least)
    return largest(x, size=size, stride=steps, dilation=apart)


@primitive(name="max_pool")
def largest(x, /, size: Lengths, stride: Lengths, dilation: Lengths):
    """The largest element of each window; several that tie share the gradient evenly, and a NaN is larger than all."""
    seen = patches(x, size=size, stride=stride, dilation=dilation)
    # Element for element of a window: NumPy's own reduction would run along the windows, which are short.
    return functools.reduce(np.maximum, [seen[offset] for offset in np.ndindex(size)])


@largest.vjp
def _(g, y, x, size: Lengths, stride: Lengths, dilation: Lengths):
    return to_largest(g, y, x, size=size, stride=stride, dilation=dilation)


@primitive(name="max_pool_gradient")
def to_largest(g, y, x, /, size: Lengths, stride: Lengths, dilation: Lengths):
    """Zeros of x's shape, to which g is added where the largest element y of each window of x stands."""
    result = np.zeros(x.shape, g.dtype)
    windows = list(seen_by_each(size, y.shape[-len(size) :], stride, dilation))
    chosen = [_is_largest(x[seen], y) for _, seen in windows]
    shares = g / functools.reduce(np.add, [one.astype(np.int16) for one in chosen])
    for (_, seen), one in zip(windows, chosen, strict=True):
        result[seen] += one * shares
    return result


@to_largest.vjp(0)
def _(g, y, upstream, values, x, size: Lengths, stride: Lengths, dilation: Lengths):
    windows = list(seen_by_each(size, upstream.shape[-len(size) :], stride, dilation))
    chosen = [_is_largest(x[seen], values) for _, seen in windows]
    total = functools.reduce(np.add, [one * g[seen] for one, (_, seen) in zip(chosen, windows, strict=True)])
    return total / functools.reduce(np.add, [one.astype(np.int16) for one in chosen])


@to_largest.vjp(1)
def _(g, y, upstream, values, x, **windows):
    return np.zeros_like(values)


@to_largest.vjp(2)
def _(g, y, upstream, values, x, **windows):
    return np.zeros_like(x)


def _is_largest(seen, y):
    """Which elements are the largest of their windows; a NaN equals nothing, not even itself."""
    return np.logical_or(seen == y, seen != seen)


def _avg_pool(
    axes: int,
    x,
    kernel_size: Each,
    stride: Each | None,
    padding: Each,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
):
    x = array_of(x)
    seen = _seen(axes, x, kernel_size, stride, padding, ceil_mode)
    if divisor is None and count_include_pad and not ceil_mode:
        return np.mean(seen, axis=0)
    seen = wide(seen)
    counts: Any = divisor
    if divisor is None:
        size = for_each_axis(kernel_size, axes, "kernel_size", 1)
        steps = size if stride is None else for_each_axis(stride, axes, "stride", 1)
        ends = for_each_axis(padding, axes, "padding", 0)
        each = zip(x.shape[x.ndim - axes :], seen.shape[seen.ndim - axes :], size, steps, ends, strict=True)
        counted = [_counted(*one, count_include_pad) for one in each]
        counts = functools.reduce(np.multiply.outer, counted).astype(seen.dtype)
    return narrow(np.sum(seen, axis=0) / counts, like=x)


def _counted(length: int, windows: int, size: int, stride: int, padding: int, with_padding: bool):
    """How many elements each window along an axis sees; what is beyond the padding never counts."""
    starts, beyond = np.arange(windows) * stride - padding, padding if with_padding else 0
    return np.minimum(starts + size, length + beyond) - np.maximum(starts, -beyond)


def _seen(axes: int, x, kernel_size: Each, stride: Each | None, padding: Each, ceil_mode: bool):
    """What the windows see, the elements of a window along a first axis; beyond the ends there are zeros."""
    x, size, steps, apart = _windows(axes, x, kernel_size, stride, padding, 1, ceil_mode, 0)
    seen = patches(x, size=size, stride=steps, dilation=apart)
    return seen.reshape(math.prod(size), *seen.shape[axes:])


def _windows(
    axes: int,
    x,
    kernel_size: Each,
    stride: Each | None,
    padding: Each,
    dilation: Each,
    ceil_mode: bool,
    beyond: float,
):
    """The array with `beyond` around it, and the size, stride and dilation of the windows that see it."""
    if x.ndim < axes:
        raise ShapeError(
            f"pooling of {described(x)} over its last {axes} axes, {user_place()}, which it does not have."
        )
    size = for_each_axis(kernel_size, axes, "kernel_size", 1)
    steps = size if stride is None else for_each_axis(stride, axes, "stride", 1)
    ends = for_each_axis(padding, axes, "padding", 0)
    if any(2 * end > length for end, length in zip(ends, size, strict=True)):
        raise ShapeError(
            f"padding={padding!r} is more than half of kernel_size={kernel_size!r}, {user_place()}: a window could see "
            "nothing."
        )
    apart = for_each_axis(dilation, axes, "dilation", 1)
    pads = [(end, end) for end in ends]
    if ceil_mode:
        windows = zip(x.shape[x.ndim - axes :], size, steps, ends, apart, strict=True)
        pads = [(end, end + _lacking(length, one, step, end, far)) for length, one, step, end, far in windows]
    if any(map(any, pads)):
        x = np.pad(x, [(0, 0)] * (x.ndim - axes) + pads, constant_values=beyond)
    return x, size, steps, apart


def _lacking(length: int, size: int, stride: int, padding: int, dilation: int) -> int:
    """How much a last window that begins within an axis, or its padding before it, reaches beyond its end."""
    extent, whole = dilation * (size - 1) + 1, length + 2 * padding
    last = -((extent - whole) // stride)  # The place of the last window, rounded up.
    last -= last * stride >= length + padding
    return max(last * stride + extent - whole, 0)
