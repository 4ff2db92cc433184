"""The arithmetic of arrays: + - * / ** and their relatives, element by element, broadcasting as NumPy does."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...primitive import implements, primitive
from ..arrays.shape import astype, precise


@primitive(elementwise=True)
def add(a, b):
    """a + b."""
    return a + b


@add.vjp(0)
def _(g, y, a, b):
    return g


@add.vjp(1)
def _(g, y, a, b):
    return g


@primitive(elementwise=True)
def subtract(a, b):
    """a - b."""
    return a - b


@subtract.vjp(0)
def _(g, y, a, b):
    return g


@subtract.vjp(1)
def _(g, y, a, b):
    return -g


@primitive(elementwise=True)
def multiply(a, b):
    """a b."""
    return a * b


@multiply.vjp(0)
def _(g, y, a, b):
    return g * b


@multiply.vjp(1)
def _(g, y, a, b):
    return g * a


@primitive(elementwise=True)
def divide(a, b):
    """a / b."""
    return a / b


@divide.vjp(0)
def _(g, y, a, b):
    return g / b


@divide.vjp(1)
def _(g, y, a, b):
    return -g * y / b


@primitive(elementwise=True)
def negative(x):
    """-x."""
    return -x


@negative.vjp
def _(g, y, x):
    return -g


@primitive(elementwise=True)
def positive(x):
    """+x."""
    return +x


@positive.vjp
def _(g, y, x):
    return g


@primitive(elementwise=True)
def reciprocal(x):
    """1 / x."""
    return np.reciprocal(x)


@reciprocal.vjp
def _(g, y, x):
    return -g * y**2


@primitive(elementwise=True)
def power(a, b):
    """a ** b. The slope of a**0 is 0 everywhere, and so is that of 0**b in b for b > 0."""
    return raised(a, b)


def raised(a, b):
    """a ** b; of arrays the cube as a product, as NumPy takes twenty times as long for powers of negative numbers."""
    dtype = getattr(a, "dtype", None)
    is_cube = type(b) is int and b == 3 and isinstance(dtype, np.dtype) and dtype.kind == "f"
    return a * a * a if is_cube else a**b


@power.vjp(0)
def _(g, y, a, b):
    if isinstance(b, int | float):
        return g if b == 1 else g * (b * raised(a, b - 1)) if b else np.zeros_like(g)
    a, b = precise(a, like=y), precise(b, like=y)
    # a**0 is flat at a = 0 too, where b a**(b - 1) is 0 times infinity; what `where` does not take is not looked at.
    with np.errstate(divide="ignore", invalid="ignore"):
        return g * np.where((a == 0) & (b == 0), 0, b * a ** (b - 1))


@power.vjp(1)
def _(g, y, a, b):
    if isinstance(a, int | float) and a > 0:
        return g * (y * math.log(a))
    return g * power_log(precise(a, like=y), precise(b, like=y), 1)


@primitive(elementwise=True)
def power_log(a, b, /, order: int = 1):
    """a**b log(a)**order, the derivative of a**b in b of this order; 0, its limit, where a is 0 and b > 0."""
    vanishes = (a == 0) & (b > 0)
    return a**b * np.log(np.where(vanishes, 1, a)) ** order


@power_log.vjp(0)
def _(g, y, a, b, order: int = 1):
    lower = a ** (b - 1) if order == 1 else power_log(a, b - 1, order - 1)
    return g * (b * power_log(a, b - 1, order) + order * lower)


@power_log.vjp(1)
def _(g, y, a, b, order: int = 1):
    return g * power_log(a, b, order + 1)


@implements(np.float_power)
def float_power(a, b):
    """a ** b in double precision at least, of integers too."""
    return power(_double(a), _double(b))


def _double(x):
    return astype(x, np.result_type(x.dtype, np.float64)) if hasattr(x, "dtype") else np.float64(x)


@primitive(elementwise=True)
def absolute(x):
    """|x|, with the slope 0 at 0."""
    return np.absolute(x)


@primitive(elementwise=True)
def fabs(x):
    """|x| as a floating number, with the slope 0 at 0."""
    return np.fabs(x)


@absolute.vjp
@fabs.vjp
def _(g, y, x):
    return curved(g * np.sign(x), x, bend(g, y, is_kink=True))


@primitive(elementwise=True)
def sign(x):
    """-1, 0 or 1: a step, whose slope is 0."""
    return np.sign(x)


@sign.vjp
def _(g, y, x):
    return np.zeros_like(g)


@primitive(elementwise=True)
def copysign(a, b):
    """|a| with the sign of b, with the slope 0 at a = 0."""
    return np.copysign(a, b)


@copysign.vjp(0)
def _(g, y, a, b):
    return curved(g * (np.sign(a) * np.sign(y)), a, bend(g, y, is_kink=True))


@copysign.vjp(1)
def _(g, y, a, b):
    return np.zeros_like(g)


@primitive(elementwise=True)
def sqrt(x):
    """The square root."""
    return np.sqrt(x)


@sqrt.vjp
def _(g, y, x):
    return g / (2 * y)


@primitive(elementwise=True)
def square(x):
    """x squared."""
    return np.square(x)


@square.vjp
def _(g, y, x):
    return g * (2 * x)


@primitive(elementwise=True)
def cbrt(x):
    """The cube root, of negative numbers too."""
    return np.cbrt(x)


@cbrt.vjp
def _(g, y, x):
    return g / (3 * y**2)


@primitive(elementwise=True)
def hypot(a, b):
    """sqrt(a**2 + b**2), without overflow; its slope at the origin is 0, as that of every norm."""
    return np.hypot(a, b)


@hypot.vjp(0)
def _(g, y, a, b):
    return _curved_along(g * ratio(a, y), a, b, bend(g, y))


@hypot.vjp(1)
def _(g, y, a, b):
    return _curved_along(g * ratio(b, y), b, a, bend(g, y))


def _curved_along(slope, along, across, bend):
    """The slope along one of two sides: across, its derivative at the origin is 0, and NaN where there is none."""
    return slope if bend is None else curved(curved(slope, along, bend), across, 0 * bend)


@primitive(elementwise=True)
def ratio(a, b):
    """a / b, and 0 where b is 0: the slope of a norm, whose origin has none."""
    is_zero = b == 0
    if isinstance(is_zero, np.ndarray) and not is_zero.any():
        return a / b
    return np.where(is_zero, 0, a) / np.where(is_zero, 1, b)


@ratio.vjp(0)
def _(g, y, a, b):
    return ratio(g, b)


@ratio.vjp(1)
def _(g, y, a, b):
    return ratio(-g * y, b)


# The derivative of a slope that is 0 by convention.


def bend(g, y, **options):
    """dg/dy at the origin, if the slope g x/y of a norm has a derivative there, else NaN; of arrays None: curvature.py.

    It is asked for by rules whose slope at y = 0 is 0 by convention, and for second derivatives alone.
    """
    return g.__bend__(y, **options) if hasattr(g, "__bend__") else None


def curved(slope, x, bend, axis=()):
    """The slope, whose derivative in x is this bend besides its own: where y is 0 it goes as `bend` x."""
    return slope if bend is None else slope + bent(x, bend, axis=axis)


def none(g, where):
    """The bend of what has no second derivative there, whatever g is made of: NaN, unless g is 0."""
    return np.where(np.logical_and(where, g != 0), np.nan, 0) if hasattr(g, "__bend__") else None


@primitive(elementwise=True)
def bent(x, bend, /, axis=()):
    """0, whose slope in x is `bend`: what the gradient of a norm along `axis` does at the origin."""
    return np.zeros_like(x)


@bent.vjp(0)
def _(g, y, x, bend, axis=()):
    # A row that does not move has no second derivative to be missed.
    return np.where(np.any(g != 0, axis=axis, keepdims=True), g * bend, 0)


@primitive(elementwise=True)
def floor_divide(a, b):
    """floor(a / b): a step, whose slope is 0."""
    return a // b


@floor_divide.vjp(0)
@floor_divide.vjp(1)
def _(g, y, a, b):
    return np.zeros_like(g)


@primitive(elementwise=True)
def remainder(a, b):
    """a - floor(a / b) b, of the sign of b."""
    return a % b


@remainder.vjp(0)
def _(g, y, a, b):
    return g


@remainder.vjp(1)
def _(g, y, a, b):
    return -g * np.floor_divide(a, b)


@primitive(elementwise=True)
def fmod(a, b):
    """a - trunc(a / b) b, of the sign of a."""
    return np.fmod(a, b)


@fmod.vjp(0)
def _(g, y, a, b):
    return g


@fmod.vjp(1)
def _(g, y, a, b):
    # a / b may round up to the next integer, where trunc would be off by one; (a - y) / b is one but for rounding.
    return -g * np.rint((a - y) / b)


@implements(np.divmod)
def divmod(a, b) -> tuple[Any, Any]:
    """The pair of floor(a / b) and the remainder."""
    return floor_divide(a, b), remainder(a, b)
