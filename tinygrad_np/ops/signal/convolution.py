"""Convolutions of networks (without a flip: cross-correlations), with PyTorch's shapes and names.

A convolution y = x * w and its gradients are slopes of one sum,

    S = the sum of z[n, o, p] w[o, c, k] x[n, c, stride p + dilation k]  over images n, channels o, c and places p, k,

which is linear in z, w and x: the convolution is dS/dz, and with the upstream gradient for z the gradient of its input
is dS/dx, that of its weight dS/dw. So each of the three operations has the other two as its gradients, and there are
derivatives of every order. Each is one product of matrices; the largest has a row for each input that a window sees,
and a column for each image at each place: with the images in the last axis it is copied in long runs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...errors import ShapeError, described
from ...frames import user_place
from ...primitive import operation, primitive
from ..arrays.shape import array_of
from .patches import Each, Lengths, for_each_axis, overlapped, patches

Pairs = tuple[tuple[int, int], ...]
"""How many zeros stand before and after, for each axis."""


@primitive
def convolution(x, w, /, stride: Lengths, padding: Pairs, dilation: Lengths, groups: int):
    """y[n, o, p] = the sum over c and k of w[o, c, k] x[n, c, stride p + dilation k]."""
    _check_channels(x, w, w.shape[1] * groups, groups)
    columns, places = _columns(x, w.shape[2:], stride, padding, dilation, groups)
    y = _blocks(w, groups) @ columns
    return np.moveaxis(y.reshape(w.shape[0], *places, x.shape[0]), -1, 0)


@convolution.vjp(0)
def _(g, y, x, w, **moves):
    return transposed_convolution(g, w, lengths=x.shape[2:], **moves)


@convolution.vjp(1)
def _(g, y, x, w, **moves):
    return window_correlation(x, g, size=w.shape[2:], **moves)


@primitive
def transposed_convolution(z, w, /, lengths: Lengths, stride: Lengths, padding: Pairs, dilation: Lengths, groups: int):
    """x[n, c, stride p + dilation k] = the sum over o, and what of p and k gets there, of w[o, c, k] z[n, o, p]."""
    _check_channels(z, w, w.shape[0], groups)
    columns = _blocks(w, groups).swapaxes(1, 2) @ _blocks(np.moveaxis(z, 0, -1), groups)
    channels, size = w.shape[1] * groups, w.shape[2:]
    seen = np.moveaxis(columns.reshape(channels, *size, 1, *z.shape[2:], z.shape[0]), 0, len(size) + 1)
    padded = [before + length + after for length, (before, after) in zip(lengths, padding, strict=True)]
    x = overlapped(seen, shape=(channels, *padded, z.shape[0]), stride=(*stride, 1), dilation=(*dilation, 1))
    inside = [slice(before, before + length) for length, (before, _) in zip(lengths, padding, strict=True)]
    within = (slice(None), *inside)
    return np.moveaxis(x[within], -1, 0)


@transposed_convolution.vjp(0)
def _(g, y, z, w, lengths: Lengths, **moves):
    return convolution(g, w, **moves)


@transposed_convolution.vjp(1)
def _(g, y, z, w, lengths: Lengths, **moves):
    return window_correlation(g, z, size=w.shape[2:], **moves)


@primitive
def window_correlation(x, z, /, size: Lengths, stride: Lengths, padding: Pairs, dilation: Lengths, groups: int):
    """w[o, c, k] = the sum over n and p of z[n, o, p] x[n, c, stride p + dilation k]."""
    columns, _ = _columns(x, size, stride, padding, dilation, groups)
    w = _blocks(np.moveaxis(z, 0, -1), groups) @ columns.swapaxes(1, 2)
    return w.reshape(z.shape[1], x.shape[1] // groups, *size)


@window_correlation.vjp(0)
def _(g, y, x, z, size: Lengths, **moves):
    return transposed_convolution(z, g, lengths=x.shape[2:], **moves)


@window_correlation.vjp(1)
def _(g, y, x, z, size: Lengths, **moves):
    return convolution(x, g, **moves)


def _columns(x, size: Lengths, stride: Lengths, padding: Pairs, dilation: Lengths, groups: int) -> tuple[Any, Lengths]:
    """What the windows see, a matrix for each group: (input channels and window, places and images); and the places."""
    x = np.moveaxis(x, 0, -1)
    x = np.pad(x, ((0, 0), *padding, (0, 0))) if any(map(any, padding)) else x.copy()
    seen = patches(np.moveaxis(x, -1, 0), size=size, stride=stride, dilation=dilation)
    seen = np.moveaxis(seen, (len(size) + 1, len(size)), (0, -1))
    return _blocks(seen, groups, 1 + len(size)), seen.shape[1 + len(size) : -1]


def _blocks(x, groups: int, rows: int = 1):
    """A matrix for each group, whose rows are the first axes, `rows` of them, and whose columns are the others."""
    return x.reshape(groups, math.prod(x.shape[:rows]) // groups, math.prod(x.shape[rows:]))


def _check_channels(x, w, channels: int, groups: int) -> None:
    if x.shape[1] != channels or w.shape[0] % groups:
        raise ValueError(f"with groups={groups} a weight {w.shape} is for {channels} channels, and x has {x.shape[1]}")


@operation
def conv1d(
    x,
    weight,
    bias=None,
    stride: Each = 1,
    padding: Each | str = 0,
    dilation: Each = 1,
    groups: int = 1,
):
    """The convolution of signals x (batch, channels, length) with a weight (output channels, channels / groups, size).

    The other arguments are those of `conv2d`.

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.conv1d(np.array([[[1.0, 2.0, 4.0, 8.0]]]), np.array([[[-1.0, 1.0]]]))
    array([[[1., 2., 4.]]])
    """
    return _convolved(1, x, weight, bias, stride, padding, dilation, groups)


@operation
def conv2d(
    x,
    weight,
    bias=None,
    stride: Each = 1,
    padding: Each | str = 0,
    dilation: Each = 1,
    groups: int = 1,
):
    """The convolution of images, as PyTorch's conv2d.

    y[n, o, i, j] = bias[o] + the sum over c, k and l of
        weight[o, c, k, l] x[n, c, stride i + dilation k - padding, stride j + dilation l - padding]

    Args:
        x: (batch, channels, height, width), or one image without the batch.
        weight: (output channels, channels / groups, window's height, window's width).
        bias: (output channels,), added at every place; or None.
        stride: how far apart the window's places are: one number, or one for each axis.
        padding: how many zeros stand before and after each axis; "same" for a result of x's size, "valid" for none.
        dilation: how far apart the elements are that a window sees.
        groups: into how many blocks the channels are divided; each sees its own input channels only.

    Returns (batch, output channels, height', width'), with the height' (height + 2 padding - dilation (k - 1) - 1) //
    stride + 1 and a width' alike. Raises ShapeError if shapes or numbers do not fit.

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), padding="same")[0, 0]
    array([[4., 4., 2.],
           [4., 4., 2.],
           [2., 2., 1.]])
    """
    return _convolved(2, x, weight, bias, stride, padding, dilation, groups)


@operation
def conv_transpose1d(
    x,
    weight,
    bias=None,
    stride: Each = 1,
    padding: Each = 0,
    output_padding: Each = 0,
    groups: int = 1,
    dilation: Each = 1,
):
    """The transposed convolution of signals (batch, channels, length), see `conv_transpose2d`."""
    return _convolved_back(1, x, weight, bias, stride, padding, output_padding, groups, dilation)


@operation
def conv_transpose2d(
    x,
    weight,
    bias=None,
    stride: Each = 1,
    padding: Each = 0,
    output_padding: Each = 0,
    groups: int = 1,
    dilation: Each = 1,
):
    """The transpose of conv2d, as PyTorch's conv_transpose2d: it spreads each element of x over a window of the result.

    The weight is (channels of x, output channels / groups, window's height, window's width), and the result has the
    height (height - 1) stride - 2 padding + dilation (k - 1) + output_padding + 1; the rest is as in `conv2d`.

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.conv_transpose2d(np.array([[[[1.0, 2.0]]]]), np.ones((1, 1, 1, 2)), stride=(1, 2))
    array([[[[1., 1., 2., 2.]]]])
    """
    return _convolved_back(2, x, weight, bias, stride, padding, output_padding, groups, dilation)


def _convolved(axes: int, x, weight, bias, stride: Each, padding: Each | str, dilation: Each, groups: int):
    x, weight = array_of(x), array_of(weight)
    if x.ndim == axes + 1:
        return _convolved(axes, x[None], weight, bias, stride, padding, dilation, groups)[0]
    _check_axes(axes, x, weight)
    moves = _moves(axes, weight.shape[2:], stride, padding, dilation, groups)
    y = convolution(x, weight, **moves)
    return y if bias is None else y + _for_each_place(bias, weight.shape[0], axes)


def _convolved_back(
    axes: int,
    x,
    weight,
    bias,
    stride: Each,
    padding: Each,
    output_padding: Each,
    groups: int,
    dilation: Each,
):
    x, weight = array_of(x), array_of(weight)
    if x.ndim == axes + 1:
        return _convolved_back(axes, x[None], weight, bias, stride, padding, output_padding, groups, dilation)[0]
    _check_axes(axes, x, weight)
    moves = _moves(axes, weight.shape[2:], stride, padding, dilation, groups)
    behind = for_each_axis(output_padding, axes, "output_padding", 0)
    if any(more >= max(both) for more, *both in zip(behind, moves["stride"], moves["dilation"], strict=True)):
        raise ShapeError(
            f"output_padding={output_padding!r}, {user_place()}: it must be less than the stride or the dilation."
        )
    lengths = tuple(
        (places - 1) * step - sum(ends) + spread * (size - 1) + 1 + more
        for places, size, step, ends, spread, more in zip(
            x.shape[2:], weight.shape[2:], moves["stride"], moves["padding"], moves["dilation"], behind, strict=True
        )
    )
    if any(length < 1 for length in lengths):
        raise ShapeError(
            f"padding={padding!r} leaves nothing of the result, {user_place()}: its last axes would have the "
            f"lengths {lengths}."
        )
    # A result that goes on for a stride or more after its last window has room for one more, which is not there: so
    # much less is cut off as padding, and what is still lacking are zeros.
    beyond = [max(more - step + 1, 0) for more, step in zip(behind, moves["stride"], strict=True)]
    kept = [max(one - after, 0) for one, (_, after) in zip(beyond, moves["padding"], strict=True)]
    ends = zip(moves["padding"], beyond, kept, strict=True)
    moves["padding"] = tuple((before, after - one + zeros) for (before, after), one, zeros in ends)
    reached = tuple(length - zeros for length, zeros in zip(lengths, kept, strict=True))
    y = transposed_convolution(x, weight, lengths=reached, **moves)
    if any(kept):
        y = np.pad(y, ((0, 0), (0, 0), *((0, zeros) for zeros in kept)))
    return y if bias is None else y + _for_each_place(bias, y.shape[1], axes)


def _check_axes(axes: int, x, weight) -> None:
    if x.ndim != axes + 2 or weight.ndim != axes + 2:
        lengths = ("length", "height, width")[axes - 1]
        raise ShapeError(
            f"a {axes}-d convolution of {described(x)} with the weight {described(weight)}, {user_place()}: x "
            f"must be (batch, channels, {lengths}) and the weight (output channels, channels / groups, {lengths})."
        )


def _for_each_place(bias, channels: int, axes: int):
    bias = array_of(bias)
    if bias.shape != (channels,):
        raise ShapeError(
            f"the bias {bias.shape} for {channels} output channels, {user_place()}: it has one number for each."
        )
    return bias.reshape((channels,) + (1,) * axes)


def _moves(axes: int, size: Lengths, stride: Each, padding: Each | str, dilation: Each, groups: int) -> dict[str, Any]:
    """How the window moves, as the primitives take it."""
    stride, dilation = for_each_axis(stride, axes, "stride", 1), for_each_axis(dilation, axes, "dilation", 1)
    if not isinstance(groups, int) or groups < 1:
        raise ShapeError(f"groups={groups!r}, {user_place()}, is not a whole number of at least 1.")
    return {
        "stride": stride,
        "padding": _pairs(padding, size, stride, dilation),
        "dilation": dilation,
        "groups": groups,
    }


def ends_of(padding: Each | str, size: Lengths, stride: Each, dilation: Each) -> Pairs:
    """How much stands before and after, for each axis, given what a convolution is given."""
    axes = len(size)
    return _pairs(padding, size, for_each_axis(stride, axes, "stride", 1), for_each_axis(dilation, axes, "dilation", 1))


def _pairs(padding: Each | str, size: Lengths, stride: Lengths, dilation: Lengths) -> Pairs:
    """How many zeros stand before and after, for each axis; "same" puts the odd one behind, as PyTorch does."""
    if padding == "same":
        if any(step != 1 for step in stride):
            raise ShapeError(
                f"padding='same' with stride={stride}, {user_place()}: only with stride=1 the result has the size of x."
            )
        missing = [step * (length - 1) for length, step in zip(size, dilation, strict=True)]
        return tuple((one // 2, one - one // 2) for one in missing)
    numbers = for_each_axis(0 if padding == "valid" else padding, len(size), "padding", 0)
    return tuple((one, one) for one in numbers)
