"""Pooling: each window becomes one number, the largest or the mean of what it sees. PyTorch's shapes and names."""

from __future__ import annotations

import math

import numpy as np

from ...errors import ShapeError, described
from ...frames import user_place
from ...primitive import operation
from ..arrays.shape import array_of
from .patches import Each, for_each_axis, patches


@operation
def max_pool1d(x, kernel_size: Each, stride: Each | None = None, padding: Each = 0, dilation: Each = 1):
    """The largest element of each window of signals (batch, channels, length), see `max_pool2d`."""
    return _max_pool(1, x, kernel_size, stride, padding, dilation)


@operation
def max_pool2d(x, kernel_size: Each, stride: Each | None = None, padding: Each = 0, dilation: Each = 1):
    """The largest element of each window of images; several that tie share the gradient evenly.

    Args:
        x: (..., height, width).
        kernel_size: the window's height and width: one number, or one for each axis.
        stride: how far apart the window's places are; without it kernel_size, so that the windows do not overlap.
        padding: how far the window reaches beyond each end, where there is nothing; at most half of kernel_size.
        dilation: how far apart the elements are that a window sees.

    Returns (..., height', width'), height' = (height + 2 padding - dilation (kernel_size - 1) - 1) // stride + 1.
    Raises ShapeError if numbers do not fit.

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """
    return _max_pool(2, x, kernel_size, stride, padding, dilation)


@operation
def avg_pool1d(x, kernel_size: Each, stride: Each | None = None, padding: Each = 0, *, count_include_pad: bool = True):
    """The mean of each window of signals (batch, channels, length), see `avg_pool2d`."""
    return _avg_pool(1, x, kernel_size, stride, padding, count_include_pad)


@operation
def avg_pool2d(x, kernel_size: Each, stride: Each | None = None, padding: Each = 0, *, count_include_pad: bool = True):
    """The mean of each window of images, the arguments as in `max_pool2d`.

    Beyond the ends there are zeros, which count as elements; not so with `count_include_pad=False`.

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """
    return _avg_pool(2, x, kernel_size, stride, padding, count_include_pad)


def _max_pool(axes: int, x, kernel_size: Each, stride: Each | None, padding: Each, dilation: Each):
    x = array_of(x)
    least = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    return np.max(_seen(axes, x, kernel_size, stride, padding, dilation, least), axis=0)


def _avg_pool(axes: int, x, kernel_size: Each, stride: Each | None, padding: Each, count_include_pad: bool):
    x = array_of(x)
    seen = _seen(axes, x, kernel_size, stride, padding, 1, 0)
    if count_include_pad:
        return np.mean(seen, axis=0)
    counted = _seen(axes, np.ones(x.shape[-axes:], x.dtype), kernel_size, stride, padding, 1, 0)
    return np.sum(seen, axis=0) / np.sum(counted, axis=0)


def _seen(axes: int, x, kernel_size: Each, stride: Each | None, padding: Each, dilation: Each, beyond: float):
    """What the windows see, the elements of a window along a first axis; beyond the ends it is `beyond`."""
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
    if any(ends):
        x = np.pad(x, [(0, 0)] * (x.ndim - axes) + [(end, end) for end in ends], constant_values=beyond)
    seen = patches(x, size=size, stride=steps, dilation=for_each_axis(dilation, axes, "dilation", 1))
    return seen.reshape(math.prod(size), *seen.shape[axes:])
