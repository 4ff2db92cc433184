"""Rounding and the parts of a floating number: steps, whose slope is 0 wherever they have one, and what they leave."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...primitive import implements, primitive


@primitive(elementwise=True)
def floor(x):
    """The largest integer that is not above x."""
    return np.floor(x)


@primitive(elementwise=True)
def ceil(x):
    """The smallest integer that is not below x."""
    return np.ceil(x)


@implements(np.fix)
@primitive(elementwise=True)
def trunc(x):
    """The integer next to x towards 0."""
    return np.trunc(x)


@primitive(elementwise=True)
def rint(x):
    """The nearest integer, the even one of two."""
    return np.rint(x)


@primitive(elementwise=True)
def integral_part(x):
    """trunc(x) as a floating number, of integers too."""
    return np.modf(x)[1]


@implements(np.around)
@primitive(elementwise=True)
def round(x, /, decimals: int = 0):
    """The nearest number of so many decimals, the even one of two."""
    return np.round(x, decimals)


@primitive(elementwise=True)
def spacing(x):
    """The distance from x to the next floating number away from 0."""
    return np.spacing(x)


@floor.vjp
@ceil.vjp
@trunc.vjp
@rint.vjp
@integral_part.vjp
@round.vjp
@spacing.vjp
def _(g, y, x, decimals: int = 0):
    return np.zeros_like(g)


@primitive(elementwise=True)
def heaviside(x, at_zero):
    """0 for negative x, 1 for positive x, `at_zero` for x = 0."""
    return np.heaviside(x, at_zero)


@heaviside.vjp(0)
def _(g, y, x, at_zero):
    return np.zeros_like(g)


@heaviside.vjp(1)
def _(g, y, x, at_zero):
    return g * (x == 0)


@heaviside.selects(1)
def _(x, at_zero):
    return np.equal(x, 0)


@primitive(elementwise=True)
def nextafter(a, b):
    """The floating number next to a in the direction of b, which has the slope 0."""
    return np.nextafter(a, b)


@nextafter.vjp(0)
def _(g, y, a, b):
    return g


@nextafter.vjp(1)
def _(g, y, a, b):
    return np.zeros_like(g)


@primitive(elementwise=True)
def fractional_part(x):
    """x - trunc(x), of the sign of x; 0 for infinities."""
    return np.modf(x)[0]


@fractional_part.vjp
def _(g, y, x):
    return g


@implements(np.modf)
def modf(x) -> tuple[Any, Any]:
    """The pair of the fractional part and the integral part, both floating and of the sign of x."""
    return fractional_part(x), integral_part(x)


@primitive(elementwise=True)
def ldexp(x, exponent):
    """x 2**exponent, for integer exponents."""
    return np.ldexp(x, exponent)


@ldexp.vjp(0)
def _(g, y, x, exponent):
    return np.ldexp(g, exponent)


@primitive(elementwise=True, data=True)
def binary_exponent(x):
    """The integer e for which |x| 2**-e is in [1/2, 1); 0 for 0."""
    return np.frexp(x)[1]


@implements(np.frexp)
def frexp(x) -> tuple[Any, Any]:
    """The pair of x 2**-e, which is in [1/2, 1) but for its sign, and the integer e."""
    exponent = binary_exponent(x)
    return ldexp(x, -exponent), exponent
