"""Comparisons and tests: their results are true or false, and carry no gradient."""

from __future__ import annotations

import numpy as np

from ...primitive import primitive


@primitive(elementwise=True)
def equal(a, b):
    """a == b."""
    return np.equal(a, b)


@primitive(elementwise=True)
def not_equal(a, b):
    """a != b."""
    return np.not_equal(a, b)


@primitive(elementwise=True)
def less(a, b):
    """a < b."""
    return np.less(a, b)


@primitive(elementwise=True)
def less_equal(a, b):
    """a <= b."""
    return np.less_equal(a, b)


@primitive(elementwise=True)
def greater(a, b):
    """a > b."""
    return np.greater(a, b)


@primitive(elementwise=True)
def greater_equal(a, b):
    """a >= b."""
    return np.greater_equal(a, b)


@primitive(elementwise=True)
def logical_not(x):
    """Whether x is 0 or false."""
    return np.logical_not(x)


@primitive(elementwise=True)
def logical_and(a, b):
    """Whether both are true."""
    return np.logical_and(a, b)


@primitive(elementwise=True)
def logical_or(a, b):
    """Whether either is true."""
    return np.logical_or(a, b)


@primitive(elementwise=True)
def logical_xor(a, b):
    """Whether one is true and the other is not."""
    return np.logical_xor(a, b)


@primitive(elementwise=True)
def isnan(x):
    """Whether x is not a number."""
    return np.isnan(x)


@primitive(elementwise=True)
def isinf(x):
    """Whether x is infinite."""
    return np.isinf(x)


@primitive(elementwise=True)
def isfinite(x):
    """Whether x is neither infinite nor NaN."""
    return np.isfinite(x)


@primitive(elementwise=True)
def signbit(x):
    """Whether the sign of x is negative."""
    return np.signbit(x)


@primitive(elementwise=True)
def invert(x):
    """~x."""
    return np.invert(x)


@primitive(elementwise=True)
def bitwise_and(a, b):
    """a & b."""
    return np.bitwise_and(a, b)


@primitive(elementwise=True)
def bitwise_or(a, b):
    """a | b."""
    return np.bitwise_or(a, b)


@primitive(elementwise=True)
def bitwise_xor(a, b):
    """a ^ b."""
    return np.bitwise_xor(a, b)
