"""NumPy's functions of complex numbers, of the real numbers that tensors hold: themselves, 0, or a step."""

from __future__ import annotations

import numpy as np

from ...primitive import implements, primitive
from ..arrays.shape import identity


@implements(np.real, np.conjugate)
def real(x):
    """The real part and the conjugate of a real number: itself."""
    return identity(x)


@implements(np.real_if_close)
def real_if_close(x, tol: float = 100):
    """A real number, however close it is."""
    return identity(x)


@primitive(elementwise=True)
def imag(x):
    """The imaginary part of a real number: 0."""
    return np.zeros_like(x)


@primitive(elementwise=True)
def angle(x, /, deg: bool = False):
    """The angle of a real number: 0 or, if it is negative, pi: a step, whose slope is 0."""
    return np.angle(x, deg)


@imag.vjp
@angle.vjp
def _(g, y, x, deg: bool = False):
    return np.zeros_like(g)
