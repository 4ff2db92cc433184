"""Exponentials and logarithms, element by element."""

from __future__ import annotations

import math

import numpy as np

from ...primitive import primitive
from .activation import sigmoid


@primitive(elementwise=True)
def exp(x):
    """e to the x."""
    return np.exp(x)


@exp.vjp
def _(g, y, x):
    return g * y


@primitive(elementwise=True)
def exp2(x):
    """2 to the x."""
    return np.exp2(x)


@exp2.vjp
def _(g, y, x):
    return g * (y * math.log(2))


@primitive(elementwise=True)
def expm1(x):
    """exp(x) - 1, precise where x is small."""
    return np.expm1(x)


@expm1.vjp
def _(g, y, x):
    # y + 1 would be 0 where exp(x) is small.
    return g * np.exp(x)


@primitive(elementwise=True)
def log(x):
    """The natural logarithm."""
    return np.log(x)


@log.vjp
def _(g, y, x):
    return g / x


@primitive(elementwise=True)
def log2(x):
    """The logarithm to the base 2."""
    return np.log2(x)


@log2.vjp
def _(g, y, x):
    return g / (x * math.log(2))


@primitive(elementwise=True)
def log10(x):
    """The logarithm to the base 10."""
    return np.log10(x)


@log10.vjp
def _(g, y, x):
    return g / (x * math.log(10))


@primitive(elementwise=True)
def log1p(x):
    """log(1 + x), precise where x is small."""
    return np.log1p(x)


@log1p.vjp
def _(g, y, x):
    return g / (1 + x)


@primitive(elementwise=True)
def logaddexp(a, b):
    """log(exp(a) + exp(b)); -inf is the logarithm of 0, and has the slope 0 even beside another -inf."""
    return np.logaddexp(a, b)


@logaddexp.vjp(0)
def _(g, y, a, b):
    return g * sigmoid(lead(a, b))


@logaddexp.vjp(1)
def _(g, y, a, b):
    return g * sigmoid(lead(b, a))


@primitive(elementwise=True)
def logaddexp2(a, b):
    """log2(2**a + 2**b); -inf as in logaddexp."""
    return np.logaddexp2(a, b)


@logaddexp2.vjp(0)
def _(g, y, a, b):
    return g * sigmoid(lead(a, b) * math.log(2))


@logaddexp2.vjp(1)
def _(g, y, a, b):
    return g * sigmoid(lead(b, a) * math.log(2))


@primitive(elementwise=True)
def lead(a, b):
    """a - b; a itself beside an equal infinity, where a - b is not a number."""
    return a - np.where(np.isinf(b) & (a == b), 0, b)


@lead.vjp(0)
def _(g, y, a, b):
    return g


@lead.vjp(1)
def _(g, y, a, b):
    return -g
