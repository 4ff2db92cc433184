"""Exponentials, logarithms and the hyperbolic tangent, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import primitive


@primitive(elementwise=True)
def exp(x: Any) -> Any:
    """e to the x."""
    return np.exp(x)


@exp.vjp
def _(g: Any, y: Any, x: Any) -> Any:
    return g * y


@primitive(elementwise=True)
def log(x: Any) -> Any:
    """The natural logarithm."""
    return np.log(x)


@log.vjp
def _(g: Any, y: Any, x: Any) -> Any:
    return g / x


@primitive(elementwise=True)
def tanh(x: Any) -> Any:
    """Hyperbolic tangent, element by element."""
    return np.tanh(x)


@tanh.vjp
def _(g: Any, y: Any, x: Any) -> Any:
    return g * (1 - y**2)
