"""The arithmetic of arrays: + - * / ** and their relatives, element by element, broadcasting as NumPy does."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import primitive


@primitive(elementwise=True)
def add(a: Any, b: Any) -> Any:
    """a + b."""
    return a + b


@add.vjp(0)
def _(g: Any, y: Any, a: Any, b: Any) -> Any:
    return g


@add.vjp(1)
def _(g: Any, y: Any, a: Any, b: Any) -> Any:
    return g


@primitive(elementwise=True)
def subtract(a: Any, b: Any) -> Any:
    """a - b."""
    return a - b


@subtract.vjp(0)
def _(g: Any, y: Any, a: Any, b: Any) -> Any:
    return g


@subtract.vjp(1)
def _(g: Any, y: Any, a: Any, b: Any) -> Any:
    return -g


@primitive(elementwise=True)
def multiply(a: Any, b: Any) -> Any:
    """a b."""
    return a * b


@multiply.vjp(0)
def _(g: Any, y: Any, a: Any, b: Any) -> Any:
    return g * b


@multiply.vjp(1)
def _(g: Any, y: Any, a: Any, b: Any) -> Any:
    return g * a


@primitive(elementwise=True)
def divide(a: Any, b: Any) -> Any:
    """a / b."""
    return a / b


@divide.vjp(0)
def _(g: Any, y: Any, a: Any, b: Any) -> Any:
    return g / b


@divide.vjp(1)
def _(g: Any, y: Any, a: Any, b: Any) -> Any:
    return -g * y / b


@primitive(elementwise=True)
def negative(x: Any) -> Any:
    """-x."""
    return -x


@negative.vjp
def _(g: Any, y: Any, x: Any) -> Any:
    return -g


@primitive(elementwise=True)
def power(a: Any, b: Any) -> Any:
    """a ** b. The slope of a**0 is 0 everywhere, and so is that of 0**b in b for b > 0."""
    return a**b


@power.vjp(0)
def _(g: Any, y: Any, a: Any, b: Any) -> Any:
    # a**(b - 1) is infinite where a and b are 0, though a**0 is flat there: the exponent is held at a harmless 1.
    if isinstance(b, int | float):
        return g * b if b == 1 else g * (b * a ** (b - 1)) if b else np.zeros_like(g * a)
    return g * b * a ** np.where(b == 0, 1, b - 1)


@power.vjp(1)
def _(g: Any, y: Any, a: Any, b: Any) -> Any:
    # y log(a) tends to 0 as a does, though log(0) is infinite: the logarithm is taken of a harmless 1 there.
    return g * y * np.log(np.where((a == 0) & (b > 0), 1, a))


@primitive(elementwise=True)
def absolute(x: Any) -> Any:
    """|x|, with the slope 0 at 0."""
    return np.absolute(x)


@absolute.vjp
def _(g: Any, y: Any, x: Any) -> Any:
    return g * np.sign(x)


@primitive(elementwise=True)
def sign(x: Any) -> Any:
    """-1, 0 or 1: a step, whose slope is 0."""
    return np.sign(x)


@sign.vjp
def _(g: Any, y: Any, x: Any) -> Any:
    return np.zeros_like(g)


@primitive(elementwise=True)
def sqrt(x: Any) -> Any:
    """The square root."""
    return np.sqrt(x)


@sqrt.vjp
def _(g: Any, y: Any, x: Any) -> Any:
    return g / (2 * y)


@primitive(elementwise=True)
def square(x: Any) -> Any:
    """x squared."""
    return np.square(x)


@square.vjp
def _(g: Any, y: Any, x: Any) -> Any:
    return g * (2 * x)


@primitive(elementwise=True)
def floor_divide(a: Any, b: Any) -> Any:
    """floor(a / b): a step, whose slope is 0."""
    return a // b


@floor_divide.vjp(0)
@floor_divide.vjp(1)
def _(g: Any, y: Any, a: Any, b: Any) -> Any:
    return np.zeros_like(g)


@primitive(elementwise=True)
def remainder(a: Any, b: Any) -> Any:
    """a - floor(a / b) b, of the sign of b."""
    return a % b


@remainder.vjp(0)
def _(g: Any, y: Any, a: Any, b: Any) -> Any:
    return g


@remainder.vjp(1)
def _(g: Any, y: Any, a: Any, b: Any) -> Any:
    return -g * np.floor_divide(a, b)
