"""Norms of vectors and matrices, and the condition number.

The slope of a norm at 0 is 0, and so is that of |x_i| at x_i = 0 in any of them; elements, rows or singular values that
tie for the largest or the smallest share its gradient evenly.
"""

from __future__ import annotations

import numpy as np

from ...primitive import implements, primitive
from ..arrays.shape import constant
from ..elementwise.arithmetic import curved, none
from .reduction import Axis, bend_of_rows, with_axes


@primitive
def euclidean_norm(x, /, axis: Axis = None, keepdims: bool = False):
    """The square root of the sum of the squares; the slope at 0 is 0."""
    if x.dtype.char in "fd" and (axis is None or np.size(axis) == x.ndim):
        row = x.reshape(-1)
        length = np.sqrt(np.dot(row, row))
        return length.reshape((1,) * x.ndim) if keepdims else length
    return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))


@euclidean_norm.vjp
def _(g, y, x, axis: Axis = None, keepdims: bool = False):
    curvature = bend_of_rows(g, y, x, axis)
    g, y = with_axes(g, x.shape, axis), with_axes(y, x.shape, axis)
    return curved(np.where(y == 0, 0, g * x / np.where(y == 0, 1, y)), x, curvature, axis)


@primitive
def power_norm(x, /, order: float, axis: Axis = None, keepdims: bool = False):
    """(the sum of |x|**p) ** (1/p); the slope is 0 where the norm is, and where an x is 0."""
    # 0**p is infinite for p < 0, and 1 / infinity is the right 0.
    with np.errstate(divide="ignore"):
        return np.sum(np.abs(x) ** order, axis=axis, keepdims=keepdims) ** (1 / order)


@power_norm.vjp
def _(g, y, x, order: float, axis: Axis = None, keepdims: bool = False):
    curvature = bend_of_rows(g, y, x, axis)
    if curvature is not None:
        # Only the squares make of any direction at the origin the same curve.
        curvature = np.where(curvature == 0, 0, np.nan)
    g, y = with_axes(g, x.shape, axis), with_axes(y, x.shape, axis)
    ratio = x / np.where(y == 0, 1, y)
    if order % 2 == 0 and order > 0:
        return curved(np.where(y == 0, 0, g * ratio ** (order - 1)), x, curvature, axis)
    # |x / y| ** (p - 1) is infinite at x = 0 for p < 1.
    flat = (x == 0) | (y == 0)
    slope = np.where(flat, 0, g * np.sign(x) * np.abs(np.where(flat, 1, ratio)) ** (order - 1))
    return curved(curved(slope, x, curvature, axis), x, none(g, flat) if order < 2 else None)


@primitive(elementwise=True)
def is_nonzero(x):
    """1 where x is not 0, else 0: a step, whose slope is 0."""
    return np.not_equal(x, 0).astype(x.dtype)


@is_nonzero.vjp
def _(g, y, x):
    return np.zeros_like(g)


@implements(np.linalg.norm)
def norm(x, ord=None, axis: Axis = None, keepdims: bool = False):
    """NumPy's norm: of all elements, of the vectors along an axis, or of the matrices that two axes make."""
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if (ord is None and axis is None) or len(axes) == 1:
        return vector_norm(x, axis=axes, keepdims=keepdims, ord=2 if ord is None else ord)
    if len(axes) != 2:
        raise ValueError(f"{len(axes)} axes make neither a vector nor a matrix; np.linalg.vector_norm takes any number")
    return _matrix_norm(_floating(x), *axes, keepdims, ord)


@implements(np.linalg.vector_norm)
def vector_norm(x, /, *, axis: Axis = None, keepdims: bool = False, ord=2):
    """The norm of the vector along an axis, or that several make: for p = `ord`, (the sum of |x|**p) ** (1/p).

    Infinity is the largest |x|, -infinity the smallest, and 0 how many are not 0, which has the slope 0.
    """
    x, ord = _floating(x), constant(ord, "ord")
    if isinstance(ord, str):
        raise ValueError(f"{ord!r} is not an order of a vector's norm")
    if ord == 2:
        return euclidean_norm(x, axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum(is_nonzero(x), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == np.inf:
        return _largest(np.abs(x), axis, keepdims)
    if ord == -np.inf:
        return np.min(np.abs(x), axis=axis, keepdims=keepdims)
    return power_norm(x, order=float(ord), axis=axis, keepdims=keepdims)


@implements(np.linalg.matrix_norm)
def matrix_norm(x, /, *, keepdims: bool = False, ord="fro"):
    """The norm of the matrices that the last two axes make."""
    return _matrix_norm(_floating(x), -2, -1, keepdims, ord)


def _matrix_norm(x, row: int, column: int, keepdims: bool, ord):
    both = (row, column)
    if ord in (None, "fro", "f"):
        return euclidean_norm(x, axis=both, keepdims=keepdims)
    if ord in (1, -1):
        sums = np.sum(np.abs(x), axis=row, keepdims=True)
        return _largest(sums, both, keepdims) if ord == 1 else np.min(sums, axis=both, keepdims=keepdims)
    if ord in (np.inf, -np.inf):
        return _matrix_norm(x, column, row, keepdims, 1 if ord == np.inf else -1)
    if ord not in (2, -2, "nuc"):
        raise ValueError(f"{ord!r} is not an order of a matrix's norm")
    s = np.linalg.svdvals(np.moveaxis(x, both, (-2, -1)))
    y = np.sum(s, axis=-1) if ord == "nuc" else _largest(s, -1, False) if ord == 2 else np.min(s, axis=-1)
    return with_axes(y, x.shape, both) if keepdims else y


def _largest(x, axis: Axis, keepdims: bool):
    """The largest of elements that are not negative; of none, 0."""
    return (np.max if x.size else np.sum)(x, axis=axis, keepdims=keepdims)


def _floating(x):
    return x if x.dtype.kind == "f" else x.astype(float)


@implements(np.linalg.cond)
def cond(x, p=None):
    """The condition number: the norm of A times that of A^-1; for the 2-norm the largest singular value / the smallest.

    That is infinite for a singular matrix, while the other norms need the inverse.
    """
    if x.size == 0:
        raise np.linalg.LinAlgError("an empty matrix has no condition number")
    if p not in (None, 2, -2):
        return _matrix_norm(x, -2, -1, False, p) * _matrix_norm(np.linalg.inv(x), -2, -1, False, p)
    s = np.linalg.svdvals(x)
    with np.errstate(all="ignore"):
        ratio = s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return np.where(np.isnan(ratio) & ~np.any(np.isnan(x), axis=(-2, -1)), np.inf, ratio)
