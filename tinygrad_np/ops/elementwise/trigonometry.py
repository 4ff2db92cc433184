"""The circular functions and their inverses, element by element; angles are in radians."""

from __future__ import annotations

import math

import numpy as np

from ...primitive import implements, primitive
from ..arrays.shape import precise
from .arithmetic import curved, none, ratio
from .selection import all_are_normal


@primitive(elementwise=True)
def sin(x):
    """The sine."""
    return np.sin(x)


@sin.vjp
def _(g, y, x):
    return g * np.cos(x)


@primitive(elementwise=True)
def cos(x):
    """The cosine."""
    return np.cos(x)


@cos.vjp
def _(g, y, x):
    return -g * np.sin(x)


@primitive(elementwise=True)
def tan(x):
    """The tangent."""
    return np.tan(x)


@tan.vjp
def _(g, y, x):
    return g * (1 + y**2)


@primitive(elementwise=True)
def arcsin(x):
    """The angle in [-pi/2, pi/2] whose sine is x."""
    return np.arcsin(x)


@arcsin.vjp
def _(g, y, x):
    # (1 - x)(1 + x) keeps the digits that 1 - x**2 loses where x is near 1.
    return g / np.sqrt((1 - x) * (1 + x))


@primitive(elementwise=True)
def arccos(x):
    """The angle in [0, pi] whose cosine is x."""
    return np.arccos(x)


@arccos.vjp
def _(g, y, x):
    return -g / np.sqrt((1 - x) * (1 + x))


@primitive(elementwise=True)
def arctan(x):
    """The angle in [-pi/2, pi/2] whose tangent is x."""
    return np.arctan(x)


@arctan.vjp
def _(g, y, x):
    return g / (1 + x**2)


@primitive(elementwise=True)
def arctan2(a, b):
    """The angle of the point (b, a), whose tangent is a / b; its slope at the origin, where it has none, is 0."""
    return np.arctan2(a, b)


@arctan2.vjp(0)
def _(g, y, a, b):
    a, b = precise(a, like=g), precise(b, like=g)
    squares = _squares(a, b)
    if all_are_normal(squares):
        return g * (b / squares)
    # Without the overflow of squares.
    distance = np.hypot(a, b)
    return curved(ratio(g * ratio(b, distance), distance), a, none(g, distance == 0))


@arctan2.vjp(1)
def _(g, y, a, b):
    a, b = precise(a, like=g), precise(b, like=g)
    squares = _squares(a, b)
    if all_are_normal(squares):
        return -g * (a / squares)
    distance = np.hypot(a, b)
    return curved(ratio(-g * ratio(a, distance), distance), b, none(g, distance == 0))


def _squares(a, b):
    with np.errstate(over="ignore", under="ignore"):
        return a * a + b * b


@implements(np.radians)
@primitive(elementwise=True)
def deg2rad(x):
    """x pi / 180."""
    return np.deg2rad(x)


@deg2rad.vjp
def _(g, y, x):
    return g * (math.pi / 180)


@implements(np.degrees)
@primitive(elementwise=True)
def rad2deg(x):
    """x 180 / pi."""
    return np.rad2deg(x)


@rad2deg.vjp
def _(g, y, x):
    return g * (180 / math.pi)


@primitive
def unwrap(x, /, discont: float | None = None, axis: int = -1, *, period: float = 2 * math.pi):
    """The angles along an axis with whole periods added so that neighbours are close; the slope of each is 1."""
    return np.unwrap(x, discont, axis, period=period)


@unwrap.vjp
def _(g, y, x, discont=None, axis: int = -1, period: float = 2 * math.pi):
    return g
