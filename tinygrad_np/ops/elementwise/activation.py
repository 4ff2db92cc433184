"""The activations of neural networks that NumPy has no name for, element by element.

Where one has a kink at 0, its slope there is that of the negative side, which is 0 for relu.
"""

from __future__ import annotations

import math

import numpy as np

from ...errors import ShapeError
from ...frames import user_place
from ...primitive import operation, primitive
from .selection import clip, only
from .special import bell, erfc

SQRT_HALF, SQRT_2_PI = math.sqrt(1 / 2), math.sqrt(2 / math.pi)


@primitive(elementwise=True)
def relu(x):
    """max(0, x), with the slope 0 at 0."""
    return np.maximum(x, 0)


@relu.vjp
def _(g, y, x):
    return g * (x > 0)


@primitive(elementwise=True)
def leaky_relu(x, slope: float = 0.01):
    """x where it is positive, slope * x elsewhere; the slope at 0 is `slope`."""
    # Two passes, where the line with the slope is the lower one on the right, and nothing is 0 times infinity.
    return np.maximum(x, slope * x) if 0 < slope <= 1 else np.maximum(x, 0) + slope * np.minimum(x, 0)


@leaky_relu.vjp
def _(g, y, x, slope: float = 0.01):
    positive = (x > 0).astype(x.dtype)
    return g * (np.maximum(positive, slope) if 0 < slope <= 1 else positive + slope * (1 - positive))


@primitive(elementwise=True, saves="inputs")
@np.errstate(over="ignore")
def sigmoid(x):
    """1 / (1 + exp(-x)); the exponential may overflow to infinity, and 1 / infinity is the right 0."""
    return 1 / (1 + np.exp(-x))


@sigmoid.vjp
def _(g, y, x):
    return g * (y * (1 - y))


@primitive(elementwise=True)
def softplus(x):
    """log(1 + exp(x)), as max(x, 0) + log(1 + exp(-|x|)), which can't overflow; its slope is sigmoid(x)."""
    # log1p takes a third of the time as the logarithm of the rounded sum, and what that has rounded away.
    small = np.exp(-np.absolute(x))
    rounded = 1 + small
    return np.maximum(x, 0) + (np.log(rounded) + (small - (rounded - 1)) / rounded)


@softplus.vjp
def _(g, y, x):
    return g * sigmoid(x)


@primitive(elementwise=True)
def elu(x, alpha: float = 1.0):
    """x where it is positive, alpha (exp(x) - 1) elsewhere (Clevert et al. 2015)."""
    return np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0))


@elu.vjp
def _(g, y, x, alpha: float = 1.0):
    return g * ((x > 0) + (x <= 0) * (alpha * np.exp(only(~(x > 0), x))))


@operation
def selu(x):
    """1.0507 elu(x, alpha=1.6733), which keeps mean 0 and variance 1 from layer to layer (Klambauer et al. 2017)."""
    return 1.0507009873554805 * elu(x, alpha=1.6732632423543772)


@operation
def silu(x):
    """x sigmoid(x), also called swish."""
    return x * sigmoid(x)


@operation
def mish(x):
    """x tanh(softplus(x)) (Misra 2019)."""
    return x * np.tanh(softplus(x))


@operation
def gelu(x, /, approximate: str = "none"):
    """x times the probability that a standard normal number is less than x (Hendrycks and Gimpel 2016).

    `approximate="tanh"` is x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x**3))), which is right to 0.0005. The names are
    PyTorch's.
    """
    if approximate not in ("none", "tanh"):
        raise ShapeError(f"gelu with approximate={approximate!r}, {user_place()}: it is neither 'none' nor 'tanh'.")
    return x * (normal_probability(x) if approximate == "none" else near_probability(x))


@primitive(elementwise=True)
def normal_probability(x):
    """The probability that a standard normal number is less than x."""
    return 0.5 * erfc(-SQRT_HALF * x)


@normal_probability.vjp
def _(g, y, x):
    return g * (0.5 * SQRT_2_PI * bell(SQRT_HALF * x))


@primitive(elementwise=True)
def near_probability(x):
    """The same to 0.0003, by 1/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x**3)))."""
    # The square may overflow to infinity, and tanh(infinity) is the right 1.
    with np.errstate(over="ignore"):
        return 0.5 + 0.5 * np.tanh(SQRT_2_PI * x * (1 + 0.044715 * x**2))


@near_probability.vjp
def _(g, y, x):
    # Where the square of x would overflow, the slope of tanh that it is multiplied with is 0 already.
    steepness = 2 * SQRT_2_PI * y * (1 - y)
    return g * (steepness + 0.134145 * steepness * x * x)


@operation
def softsign(x):
    """x / (1 + |x|)."""
    return x / (1 + np.absolute(x))


@operation
def hard_tanh(x):
    """x held between -1 and 1; at the bounds the slope is 1/2, as that of np.clip."""
    return clip(x, -1, 1)


@operation
def hard_sigmoid(x):
    """x/6 + 1/2 held between 0 and 1; at the bounds the slope is half of that inside."""
    return clip(x / 6 + 0.5, 0, 1)
