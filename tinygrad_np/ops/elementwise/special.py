"""Functions that are integrals: the error function, sinc, and the Bessel function i0. Each can be derived to any order.

The derivatives of sinc and i0 of order k are primitives with k as a parameter: to derive is to raise it by 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...primitive import primitive
from .selection import is_all

ERF, ERFC = np.frompyfunc(math.erf, 1, 1), np.frompyfunc(math.erfc, 1, 1)

STEPS = 512
"""So many entries the tables have between two whole numbers."""

BLOCK = 16_384
"""So many elements are worked on at a time: what comes in between stays in the processor's cache."""

ERFS = np.asarray(ERF(np.arange(-6 * STEPS, 6 * STEPS + 1) / STEPS), float)
ERFCS = np.asarray(ERFC(np.arange(-6 * STEPS, 28 * STEPS + 1) / STEPS), float)


@primitive(elementwise=True)
def erf(x):
    """The error function, 2/sqrt(pi) times the integral of exp(-t**2) from 0 to x."""
    return tabulated(x, ERF, ERFS, 1)


@erf.vjp
def _(g, y, x):
    return g * (2 / math.sqrt(math.pi) * bell(x))


@primitive(elementwise=True)
def erfc(x):
    """1 - erf(x), precise where x is large."""
    return tabulated(x, ERFC, ERFCS, -1)


@erfc.vjp
def _(g, y, x):
    return g * (-2 / math.sqrt(math.pi) * bell(x))


def tabulated(x, function, table, sign: int):
    """A function whose slope is sign 2/sqrt(pi) exp(-t**2), from a table that begins at -6.

    From the entry next to x it is integrated to x, by the Taylor series about the middle m of the way, of length d:
    d exp(-m**2) (1 + w (m**2 - 1/2) + w**2 (0.3 m**4 - 0.9 m**2 + 0.225) + ...), w = 2/3 (d/2)**2. The next term is
    less than a rounding of the whole. A few elements are sooner done one by one.
    """
    if not isinstance(x, np.ndarray) or x.dtype.char not in "fd" or x.size < 200:
        return each(function, x)
    table = table.astype(x.dtype)
    result = np.empty(x.size, x.dtype)
    elements = x.reshape(-1)
    for start in range(0, x.size, BLOCK):
        # Beyond the ends of the table nothing changes any more. NaN has no entry: any will do, for NaN is added.
        near = np.clip(elements[start : start + BLOCK], -6, (table.size - 1) / STEPS - 6)
        steps = near * STEPS
        entry = np.rint(steps)
        half = (steps - entry) * (0.5 / STEPS)
        square = (near - half) ** 2
        rest = half * np.exp(-square) * (sign * 4 / math.sqrt(math.pi))
        if x.dtype.char == "d":  # In single precision the first term is all that counts.
            width = half**2 * (2 / 3)
            rest = rest * (1 + width * (square - 0.5 + width * ((0.3 * square - 0.9) * square + 0.225)))
        with np.errstate(invalid="ignore"):
            place = (entry + 6 * STEPS).astype(np.intp)
        result[start : start + BLOCK] = table.take(place, mode="clip") + rest
    return result.reshape(x.shape)


def each(function, x):
    """A function of the math module that NumPy lacks, made a ufunc of Python floats, in the dtype of x."""
    dtype = x.dtype if getattr(x, "dtype", np.dtype(int)).kind == "f" else np.dtype(float)
    result = function(x)
    return result.astype(dtype) if hasattr(result, "astype") else dtype.type(result)


def bell(x):
    """exp(-x**2)."""
    # The square may overflow to infinity, and exp(-infinity) is the right 0.
    with np.errstate(over="ignore"):
        return np.exp(-(x**2))


@primitive(elementwise=True)
def sinc(x):
    """sin(pi x) / (pi x), the integral of cos(pi x t) for t from 0 to 1; 1 at x = 0."""
    return np.sinc(x)


@sinc.vjp
def _(g, y, x):
    return g * sinc_derivative(x, 1)


@primitive(elementwise=True)
def sinc_derivative(x, /, order: int = 1):
    """The derivative of sinc of this order k, precise for all x.

    With f(z) = sin(z) / z and z = pi x it is pi**k times the k-th derivative of f. Where z is small, that of the Taylor
    series 1 - z**2/3! + z**4/5! - ...; elsewhere z f = sin z, k times derived: z f^(k) + k f^(k-1) = sin^(k)(z).
    """
    z = np.pi * x.astype(np.float64)
    radius = max(1, order)
    is_small = np.absolute(z) < radius
    large = np.where(is_small, 1, z)
    cycle = (np.sin(large), np.cos(large))
    far = cycle[0] / large
    for k in range(1, order + 1):
        far = ((-1) ** (k // 2) * cycle[k % 2] - k * far) / large
    small = np.where(is_small, z, 0)
    # The k-th derivative of z**n / (n + 1)! is z**(n - k) / ((n + 1) (n - k)!); the first even n is k or k + 1.
    first = order + order % 2
    square, near = small**2, 0 * small
    for n in reversed(range(first, first + 3 * radius + 20, 2)):
        near = near * square + (-1) ** (n // 2) / ((n + 1) * math.factorial(n - order))
    near = near * small ** (first - order)
    return (np.pi**order * np.where(is_small, near, far)).astype(x.dtype)


@sinc_derivative.vjp
def _(g, y, x, order: int = 1):
    return g * sinc_derivative(x, order + 1)


@primitive(elementwise=True)
def i0(x):
    """The modified Bessel function, 1/pi times the integral of exp(x cos(t)) for t from 0 to pi."""
    return np.i0(x)


@i0.vjp
def _(g, y, x):
    return g * i0_derivative(x, 1)


@primitive(elementwise=True)
def i0_derivative(x, /, order: int = 1):
    """The derivative of i0 of this order k: 1/pi times the integral of cos(t)**k exp(x cos(t)) for t from 0 to pi.

    By the midpoint rule, which for a periodic function converges exponentially (Trefethen and Weideman 2014): the error
    of n points is of the size of the Bessel function of order 2 n, nothing beside i0 wherever i0 is finite, or for
    small x with few points. The points t and pi - t together make a cosh or a sinh, and the terms add up without
    cancellation.
    """
    hyperbolic = np.sinh if order % 2 else np.cosh
    half = order + (10 if is_all(np.absolute(x) <= 6) else 64)
    doubles = x.astype(np.float64)
    total: Any = 0
    for cosine in np.cos(np.pi * (np.arange(half) + 0.5) / (2 * half)).tolist():
        total = total + cosine**order * hyperbolic(cosine * doubles)
    return (total / half).astype(x.dtype)


@i0_derivative.vjp
def _(g, y, x, order: int = 1):
    return g * i0_derivative(x, order + 1)
