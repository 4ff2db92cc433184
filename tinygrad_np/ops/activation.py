"""The activations of neural networks that NumPy has no name for, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import primitive


@primitive(elementwise=True)
def relu(x: Any) -> Any:
    """max(0, x), with the slope 0 at 0."""
    return np.maximum(x, 0)


@relu.vjp
def _(g: Any, y: Any, x: Any) -> Any:
    return g * (y > 0)


@primitive(elementwise=True)
def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """x where it is positive, slope * x elsewhere; the slope at 0 is `slope`."""
    return np.where(x > 0, x, slope * x)


@leaky_relu.vjp
def _(g: Any, y: Any, x: Any, slope: float = 0.01) -> Any:
    return np.where(x > 0, g, slope * g)


@primitive(elementwise=True)
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    # exp(-x) may overflow to infinity, and 1 / infinity is the right 0.
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


@sigmoid.vjp
def _(g: Any, y: Any, x: Any) -> Any:
    return g * (y * (1 - y))


@primitive(elementwise=True)
def softplus(x: Any) -> Any:
    """log(1 + exp(x)), which can't overflow as logaddexp(0, x); its slope is sigmoid(x)."""
    return np.logaddexp(x, 0)


@softplus.vjp
def _(g: Any, y: Any, x: Any) -> Any:
    return g * sigmoid(x)
