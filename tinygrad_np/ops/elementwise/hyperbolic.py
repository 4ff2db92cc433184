"""The hyperbolic functions and their inverses, element by element."""

from __future__ import annotations

import numpy as np

from ...primitive import primitive


@primitive(elementwise=True)
def sinh(x):
    """The hyperbolic sine."""
    return np.sinh(x)


@sinh.vjp
def _(g, y, x):
    return g * np.cosh(x)


@primitive(elementwise=True)
def cosh(x):
    """The hyperbolic cosine."""
    return np.cosh(x)


@cosh.vjp
def _(g, y, x):
    return g * np.sinh(x)


@primitive(elementwise=True)
def tanh(x):
    """The hyperbolic tangent."""
    return np.tanh(x)


@tanh.vjp
def _(g, y, x):
    return g * (1 - y**2)


@primitive(elementwise=True)
def arcsinh(x):
    """The number whose hyperbolic sine is x."""
    return np.arcsinh(x)


@arcsinh.vjp
def _(g, y, x):
    # sqrt(x**2 + 1), without overflow.
    return g / np.hypot(x, 1)


@primitive(elementwise=True)
def arccosh(x):
    """The number that is not negative and whose hyperbolic cosine is x."""
    return np.arccosh(x)


@arccosh.vjp
def _(g, y, x):
    # sqrt(x**2 - 1), precise where x is near 1, and without overflow.
    return g / (np.sqrt(x - 1) * np.sqrt(x + 1))


@primitive(elementwise=True)
def arctanh(x):
    """The number whose hyperbolic tangent is x."""
    return np.arctanh(x)


@arctanh.vjp
def _(g, y, x):
    return g / ((1 - x) * (1 + x))
