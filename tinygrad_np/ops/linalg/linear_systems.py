"""A x = b and what solves it: the inverse, the solution, and where there is none or more than one, least squares.

Formulas: M. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation (2008);
G. Golub, V. Pereyra, The differentiation of pseudo-inverses and nonlinear least squares problems (1973).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import EllipsisType
from typing import Any

import numpy as np

from ...primitive import implements, primitive
from ..arrays.shape import array_of
from .products import transposed


@implements(np.linalg.inv)
@primitive
def inv(a, /):
    """The inverse: A A^-1 = I."""
    return np.linalg.inv(a)


@inv.vjp
def _(g, y, a):
    return -transposed(y) @ g @ transposed(y)


@implements(np.linalg.solve)
@primitive
def solve(a, b, /):
    """The x with A x = b: b is one vector if it has one axis, and otherwise a matrix, or a stack of them."""
    return np.linalg.solve(a, b)


@solve.vjp(0)
def _(g, y, a, b):
    # A dx = -dA x, and so the gradient is -(A^-T g) x^T.
    if b.ndim == 1:
        g, y = g[..., None], y[..., None]
    return -np.linalg.solve(transposed(a), g) @ transposed(y)


@solve.vjp(1)
def _(g, y, a, b):
    return np.linalg.solve(transposed(a), g[..., None])[..., 0] if b.ndim == 1 else np.linalg.solve(transposed(a), g)


@primitive(name="pinv")
def pseudo_inverse(a, /, rcond=1e-15):
    """The pseudo-inverse; where rcond cuts nothing off, its slope is along changes of A that leave its rank."""
    return np.linalg.pinv(a, rcond)


@pseudo_inverse.vjp
def _(g, y, a, rcond=1e-15):
    if _cuts(a, rcond):
        return _truncated(g, a, rcond)
    # dY = -Y dA Y + Y Y^T dA^T (I - A Y) + (I - Y A) dA^T Y^T Y, where I - A Y and I - Y A project.
    y_t, g_t, a_t = transposed(y), transposed(g), transposed(a)
    # Of a full rank nothing lies beyond, and what rounding leaves there would be multiplied by Y twice.
    s = np.linalg.svdvals(a)
    rank = np.sum(s > np.maximum(rcond, 0)[..., None] * s[..., :1], axis=-1)[..., None, None]
    beyond_columns = np.where(rank < a.shape[-2], _without(_without(g_t, a, y), a, y) @ y @ y_t, 0)
    beyond_rows = np.where(rank < a.shape[-1], y_t @ y @ transposed(_without(_without(g, a_t, y_t), a_t, y_t)), 0)
    return -y_t @ g @ y_t + beyond_columns + beyond_rows


@implements(np.linalg.pinv)
def pinv(a, rcond=None, hermitian: bool = False, *, rtol: Any | EllipsisType | None = ...):
    """The pseudo-inverse, in which singular values below rcond times the largest count as 0.

    With `hermitian` the lower triangle of A is read, and mirrored.
    """
    if rcond is not None and rtol is not ...:
        raise ValueError("rcond and rtol are the same, and both were given")
    if a.ndim < 2:
        raise np.linalg.LinAlgError(f"an array of shape {a.shape} is not a matrix")
    if hermitian:
        a = np.tril(a) + transposed(np.tril(a, -1))
    if rcond is None:
        rcond = 1e-15 if rtol is ... else _rounding(a) if rtol is None else rtol
    return pseudo_inverse(a, rcond=rcond)


def _rounding(a) -> float:
    """The part of the largest singular value below which rounding alone accounts for others."""
    eps = float(np.finfo(a.dtype if a.dtype.kind == "f" else float).eps)
    return eps * int(max(a.shape[-2:]))


def _without(x, a, y):
    """x without what is in the range of A. Once is not enough: rounding leaves some, and Y makes it large."""
    return x - a @ (y @ x)


def _cuts(a, rcond) -> bool:
    """Whether rcond makes singular values 0 that are more than rounding."""
    if np.ndim(rcond) == 0 and rcond <= _rounding(a):
        return False
    s = np.linalg.svdvals(a)
    largest = s[..., :1]
    return bool(np.any((s <= np.asarray(rcond)[..., None] * largest) & (s > _rounding(a) * largest)))


def _truncated(g, a, rcond):
    """The slope of Y = V F U^T, F = diag(1/s) over the singular values that rcond keeps; the others turn U and V.

    Between two that are kept it is that of an inverse. With H = U^T G^T V, H^+ and H^- its symmetric and antisymmetric
    part, f = 1/s or 0, it is H^+ (f_i - f_j) / (s_i - s_j) + H^- (f_i + f_j) / (s_i + s_j) between one that is kept and
    one that is not: differences of F in partial fractions, as in the rule of svd.
    """
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    v, g_t = transposed(vh), transposed(g)
    kept = s > np.asarray(rcond)[..., None] * s[..., :1]
    f = np.where(kept, 1 / np.where(kept, s, 1), 0)
    h = transposed(u) @ g_t @ v
    s_i, s_j, f_i, f_j = s[..., :, None], s[..., None, :], f[..., :, None], f[..., None, :]
    mixed = kept[..., :, None] != kept[..., None, :]
    symmetric = (h + transposed(h)) * (f_i - f_j) / np.where(mixed, s_i - s_j, 1)
    antisymmetric = (h - transposed(h)) * (f_i + f_j) / np.where(mixed, s_i + s_j, 1)
    inner = np.where(mixed, (symmetric + antisymmetric) / 2, -transposed(h) * f_i * f_j)
    beyond_u = (g_t @ v - u @ h) * f[..., None, :] ** 2
    beyond_v = (transposed(u) @ g_t - h @ vh) * f[..., :, None] ** 2
    return u @ inner @ vh + beyond_u @ vh + u @ beyond_v


@primitive(name="lstsq")
def least_squares(a, b, /, rcond: float):
    """The shortest of the x that make |A x - b| the least: pinv(A) b."""
    return np.linalg.lstsq(a, b, rcond)[0]


@least_squares.vjp(0)
def _(g, y, a, b, rcond: float):
    # The rule of pinv, times b: with Y = pinv(A) only Y^T g and products of it with what is left, b - A x, are needed.
    if b.ndim == 1:
        g, y, b = g[:, None], y[:, None], b[:, None]
    if _cuts(a, rcond):
        return _truncated(g @ b.T, a, rcond)
    inverse = np.linalg.pinv(a, rcond)
    z = inverse.T @ g
    return (b - a @ y) @ (inverse @ z).T - z @ y.T + (inverse.T @ y) @ (g - a.T @ z).T


@least_squares.vjp(1)
def _(g, y, a, b, rcond: float):
    return np.linalg.pinv(a, rcond).T @ g


@primitive
def residuals(squares, rank, /, columns: int):
    """The sums of the squares that are left, if the columns of A are independent; else none, which is NumPy's way."""
    return squares if rank == columns else squares[:0]


@residuals.vjp(0)
def _(g, y, squares, rank, columns: int):
    return g if g.shape == squares.shape else np.zeros_like(squares)


@implements(np.linalg.lstsq)
def lstsq(a, b, rcond: float | None = None) -> tuple[Any, Any, Any, Any]:
    """The least squares solution, the sums of the squares that are left, the rank of A and its singular values."""
    a, b = array_of(a), array_of(b)
    s = np.linalg.svdvals(a)
    # LAPACK takes what is no part of 1 for the precision of the machine.
    rcond = rcond if rcond is not None and 0 < rcond < 1 else _rounding(a)
    x = least_squares(a, b, rcond=rcond)
    m, n = a.shape
    rank = np.count_nonzero(s > rcond * s[:1])
    left = np.sum(np.square(b - a @ x), axis=0).reshape(-1)
    return x, residuals(left, rank, columns=n) if n < m else left[:0], rank, s


@implements(np.linalg.tensorinv)
def tensorinv(a, ind: int = 2):
    """The inverse of A as a matrix whose rows are its first `ind` axes, and whose columns are the others."""
    if ind <= 0:
        raise ValueError(f"ind is {ind}, but at least one axis makes the rows")
    rows = math.prod(a.shape[:ind])
    return inv(a.reshape(rows, a.size // (rows or 1))).reshape(a.shape[ind:] + a.shape[:ind])


@implements(np.linalg.tensorsolve)
def tensorsolve(a, b, axes: Sequence[int] | None = None):
    """The x with tensordot(A, x, x.ndim) = b; `axes` of A are moved after the others first."""
    a, b = array_of(a), array_of(b)
    if axes is not None:
        a = np.moveaxis(a, tuple(axes), tuple(range(a.ndim - len(axes), a.ndim)))
    shape = a.shape[b.ndim :]
    size = math.prod(shape)
    if a.size != size**2:
        raise np.linalg.LinAlgError(f"the axes {a.shape[: b.ndim]} and {shape} of A do not make a square matrix")
    return solve(a.reshape(size, size), b.reshape(-1)).reshape(shape)
