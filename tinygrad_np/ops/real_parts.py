"""NumPy's functions of complex numbers, of the real numbers that tensors hold: themselves, 0, or a step."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import implements, primitive
from .shape import identity


@implements(np.real, np.conjugate)
def real(x: Any) -> Any:
    """The real part and the conjugate of a real number: itself."""
    return identity(x)


@implements(np.real_if_close)
def real_if_close(x: Any, tol: float = 100) -> Any:
    """A real number, however close it is."""
    return identity(x)


@primitive(elementwise=True)
def imag(x: Any) -> Any:
    """The imaginary part of a real number: 0."""
    return np.zeros_like(x)


@primitive(elementwise=True)
def angle(x: Any, /, deg: bool = False) -> Any:
    """The angle of a real number: 0 or, if it is negative, pi: a step, whose slope is 0."""
    return np.angle(x, deg)


@imag.vjp
@angle.vjp
def _(g: Any, y: Any, x: Any, deg: bool = False) -> Any:
    return np.zeros_like(g)
