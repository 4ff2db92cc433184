"""Arithmetic of integers, whose results carry no gradient: shifts, greatest common divisors."""

from __future__ import annotations

import numpy as np

from ...primitive import primitive


@primitive(elementwise=True)
def left_shift(a, b):
    """a 2**b."""
    return np.left_shift(a, b)


@primitive(elementwise=True)
def right_shift(a, b):
    """floor(a / 2**b)."""
    return np.right_shift(a, b)


@primitive(elementwise=True)
def bitwise_count(x):
    """How many bits of |x| are 1."""
    return np.bitwise_count(x)


@primitive(elementwise=True)
def gcd(a, b):
    """The greatest common divisor of |a| and |b|."""
    return np.gcd(a, b)


@primitive(elementwise=True)
def lcm(a, b):
    """The least common multiple of |a| and |b|."""
    return np.lcm(a, b)
