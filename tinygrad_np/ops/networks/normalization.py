"""Normalization: to mean 0 and variance 1, over the batch, the features, groups of channels or each image alone."""

from __future__ import annotations

import math

import numpy as np

from ...errors import ShapeError, described
from ...frames import user_place
from ...primitive import operation, primitive
from ..arrays.shape import array_of, narrow
from ..reductions.reduction import by_columns
from ..reductions.statistics import deviations


@primitive
def standardize(x, /, axis: tuple[int, ...], eps: float):
    """(x - mean) / sqrt(variance + eps), both over these axes; the variance is the mean of the squares."""
    apart = deviations(by_columns(x), axis)
    return narrow(apart / _deviation(apart, axis, eps), like=x)


@standardize.vjp
def _(g, y, x, axis: tuple[int, ...], eps: float):
    x, g = by_columns(x), by_columns(g)
    along = (g * y).mean(axis=axis, keepdims=True)
    return (g - g.mean(axis=axis, keepdims=True) - y * along) / _deviation(deviations(x, axis), axis, eps)


def _deviation(apart, axis: tuple[int, ...], eps: float):
    return np.sqrt((apart * apart).mean(axis=axis, keepdims=True) + eps)


@operation
def layer_norm(input, normalized_shape, weight=None, bias=None, eps: float = 1e-5):
    """Standardized over the last axes, whose shape is given, then times a weight and plus a bias (Ba et al. 2016).

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.layer_norm(np.array([[1.0, 2.0, 3.0]]), 3).round(2)
    array([[-1.22,  0.  ,  1.22]])
    """
    input, axes = _last_axes("layer_norm", input, normalized_shape)
    return _scaled(standardize(input, axis=axes, eps=eps), weight, bias)


@operation
def rms_norm(input, normalized_shape, weight=None, eps: float | None = None):
    """x / sqrt(mean(x**2) + eps) over the last axes, times a weight; eps is the dtype's unless given (Zhang 2019).

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.rms_norm(np.array([3.0, 4.0]), 2).round(2)
    array([0.85, 1.13])
    """
    input, axes = _last_axes("rms_norm", input, normalized_shape)
    least = float(np.finfo(input.dtype).eps) if eps is None else eps
    return _scaled(input / np.sqrt(np.mean(input**2, axis=axes, keepdims=True) + least), weight, None)


@operation
def batch_norm(
    input,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
):
    """Each channel (axis 1) standardized over the batch and all places, then scaled (Ioffe and Szegedy 2015).

    In training the mean and variance are the batch's own, and the running ones, which may be None, move towards them
    by the part `momentum`; out of training the running ones take their place. They are changed in place; towards the
    variance with n - 1 in its denominator, as PyTorch's.

    Raises ShapeError in training if a channel has one value only, which would become 0.

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.batch_norm(np.array([[1.0], [3.0]]), None, None, training=True).round(2)
    array([[-1.],
           [ 1.]])
    """
    input = _channels("batch_norm", input, running_mean, weight, bias)
    shape = (-1,) + (1,) * (input.ndim - 2)
    axes = (0, *range(2, input.ndim))
    if not training and running_mean is not None:
        y = (input - running_mean.reshape(shape)) / np.sqrt(running_var.reshape(shape) + eps)
    else:
        count = math.prod(input.shape[axis] for axis in axes)
        if count < 2 and training:
            raise ShapeError(
                f"batch_norm in training of {described(input)}, {user_place()}: each channel has {count} value, whose "
                "variance says nothing; give a larger batch, or use running statistics after model.eval()."
            )
        y = standardize(input, axis=axes, eps=eps)
        if running_mean is not None:
            _move(running_mean, input.mean(axis=axes), momentum)
            _move(running_var, input.var(axis=axes, ddof=1), momentum)
    return _scaled(y, weight, bias, shape)


@operation
def instance_norm(
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
):
    """Each channel of each image standardized over its places, then scaled (Ulyanov et al. 2016).

    Running statistics, if there are any, move towards the batch's means; without `use_input_stats` they are used.
    """
    input = _channels("instance_norm", input, running_mean, weight, bias)
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    axes, shape = tuple(range(2, input.ndim)), (-1,) + (1,) * (input.ndim - 2)
    if math.prod(input.shape[2:]) < 2:
        raise ShapeError(f"instance_norm of {described(input)}, {user_place()}: each channel has one value or none.")
    if running_mean is not None:
        _move(running_mean, input.mean(axis=axes).mean(axis=0), momentum)
        _move(running_var, input.var(axis=axes, ddof=1).mean(axis=0), momentum)
    return _scaled(standardize(input, axis=axes, eps=eps), weight, bias, shape)


def _channels(function: str, input, *for_each):
    """The input, if its axis 1 is that of the channels that weights and statistics are for."""
    input = array_of(input)
    if input.ndim < 2 or any(one is not None and one.shape != input.shape[1:2] for one in for_each):
        raise ShapeError(
            f"{function} of {described(input)}, {user_place()}, with statistics or weights for other channels than "
            "those of axis 1."
        )
    return input


@operation
def group_norm(input, num_groups: int, weight=None, bias=None, eps: float = 1e-5):
    """The channels (axis 1) in groups, each group of each image standardized over all it has, then scaled (Wu 2018)."""
    input = array_of(input)
    if input.ndim < 2 or num_groups < 1 or input.shape[1] % num_groups:
        raise ShapeError(
            f"group_norm of {described(input)} in {num_groups} groups, {user_place()}: they must share the channels of "
            "axis 1 evenly."
        )
    groups = input.reshape(input.shape[0], num_groups, math.prod(input.shape[1:]) // num_groups)
    if input.shape[0] == groups.shape[2] == 1:
        raise ShapeError(f"group_norm of {described(input)}, {user_place()}: each group has one value, and becomes 0.")
    y = standardize(groups, axis=(2,), eps=eps).reshape(input.shape)
    return _scaled(y, weight, bias, (-1,) + (1,) * (input.ndim - 2))


def _last_axes(function: str, input, shape):
    input, shape = array_of(input), tuple(shape) if isinstance(shape, list | tuple) else (shape,)
    if not shape or input.shape[input.ndim - len(shape) :] != shape:
        raise ShapeError(f"{function} over {shape} of {described(input)}, {user_place()}: its last axes are not those.")
    return input, tuple(range(input.ndim - len(shape), input.ndim))


def _scaled(y, weight, bias, shape=None):
    if weight is not None:
        y = y * (weight if shape is None else weight.reshape(shape))
    if bias is not None:
        y = y + (bias if shape is None else bias.reshape(shape))
    return y


def _move(running, towards, momentum: float) -> None:
    """Move a running statistic, an array or a Tensor, in place towards another, which is not differentiated."""
    old, new = (one.numpy() if hasattr(one, "__primitive__") else one for one in (running, towards))
    moved = (1 - momentum) * old + momentum * new
    if hasattr(running, "__primitive__"):
        running.data = moved
    else:
        running[...] = moved
