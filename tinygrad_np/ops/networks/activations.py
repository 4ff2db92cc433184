"""Activations that are composed of others, under PyTorch's names, and those that mix the elements of an axis.

At a bound the slope is that of the outer side, as PyTorch's, which for relu6 at 0 is that of relu; np.clip has half.
"""

from __future__ import annotations

import numpy as np

from ...errors import ShapeError, described
from ...frames import user_place
from ...primitive import operation
from ..arrays.shape import array_of
from ..elementwise import activation
from ..elementwise.activation import elu, leaky_relu, sigmoid
from ..elementwise.selection import clip, where
from ..reductions.softmax import softmax


@operation
def hardtanh(x, min_val: float = -1.0, max_val: float = 1.0):
    """x held between two bounds."""
    _refuse(min_val > max_val, f"hardtanh from min_val={min_val!r} to max_val={max_val!r}")
    return _held(x, min_val, max_val)


@operation
def relu6(x):
    """x held between 0 and 6."""
    return _held(x, 0, 6)


@operation
def hardsigmoid(x):
    """x/6 + 1/2 held between 0 and 1."""
    return _held(array_of(x) / 6 + 0.5, 0, 1)


@operation
def hardswish(x):
    """x times x/6 + 1/2 held between 0 and 1 (Howard et al. 2019)."""
    return x * hardsigmoid(x)


@operation
def celu(x, alpha: float = 1.0):
    """x where it is positive, alpha (exp(x / alpha) - 1) elsewhere: its slope is continuous (Barron 2017)."""
    _refuse(alpha <= 0, f"celu with alpha={alpha!r}, which must be positive")
    return elu(x / alpha, alpha=1.0) * alpha


@operation
def logsigmoid(x):
    """log(sigmoid(x)), without overflow."""
    return -activation.softplus(-array_of(x))


@operation
def softplus(x, beta: float = 1.0, threshold: float = 20.0):
    """log(1 + exp(beta x)) / beta; with a threshold of 20, as PyTorch's, x itself where beta x is above it."""
    x = array_of(x)
    return where(x * beta > threshold, x, activation.softplus(x * beta) / beta)


@operation
def hardshrink(x, lambd: float = 0.5):
    """x where it is further from 0 than lambd, 0 elsewhere."""
    x = array_of(x)
    return where(np.logical_not((x >= -lambd) & (x <= lambd)), x, 0)  # NaN stays.


@operation
def softshrink(x, lambd: float = 0.5):
    """x moved by lambd towards 0, where it stays if it would cross it."""
    _refuse(lambd < 0, f"softshrink with lambd={lambd!r}, which must not be negative")
    x = array_of(x)
    return where(abs(x) <= lambd, 0, x - clip(x, -lambd, lambd))


@operation
def tanhshrink(x):
    """x - tanh(x)."""
    return x - np.tanh(x)


@operation
def threshold(x, threshold: float, value: float):
    """x where it is above the threshold, the value elsewhere."""
    x = array_of(x)
    return where(x <= threshold, value, x)


@operation
def prelu(x, weight):
    """x where it is positive, weight * x elsewhere: one weight, or one for each channel, axis 1 (He et al. 2015)."""
    x, weight = array_of(x), array_of(weight)
    if weight.size not in (1, x.shape[1] if x.ndim > 1 else 1):
        raise ShapeError(
            f"prelu of {described(x)} with {weight.size} slopes, {user_place()}: there is one, or one for each channel."
        )
    slopes = weight.reshape((1, -1) + (1,) * (x.ndim - 2)) if x.ndim > 1 else weight.reshape((1,) * x.ndim)
    return where(x > 0, x, slopes * x)


@operation
def rrelu(x, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, random=None):
    """x where it is positive, elsewhere times a slope: in training drawn between two bounds, else their mean."""
    _refuse(lower > upper, f"rrelu with slopes from lower={lower!r} to upper={upper!r}")
    x = array_of(x)
    if not training:
        return leaky_relu(x, slope=(lower + upper) / 2)
    slopes = np.random.default_rng(random).uniform(lower, upper, x.shape).astype(x.dtype)
    return where(x > 0, x, slopes * x)


@operation
def glu(x, axis: int = -1):
    """The first half of an axis times the sigmoid of its second half (Dauphin et al. 2017)."""
    x = array_of(x)
    if not -x.ndim <= axis < x.ndim or x.shape[axis] % 2:
        raise ShapeError(f"glu of {described(x)}, {user_place()}: axis {axis} must be of even length to be halved.")
    a, b = np.split(x, 2, axis=axis)
    return a * sigmoid(b)


@operation
def softmin(x, axis: int = -1):
    """softmax(-x): the smallest elements weigh most."""
    return softmax(-array_of(x), axis=axis)


def softmax2d(x):
    """The softmax over the channels of images (batch, channels, height, width), or of one image."""
    return softmax(x, axis=-3)


def _held(x, low: float, high: float):
    x = array_of(x)
    return where(x >= high, high, where(x <= low, low, x))


def _refuse(wrong: bool, what: str) -> None:
    if wrong:
        raise ShapeError(f"{what}, {user_place()}.")
