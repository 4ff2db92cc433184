"""Determinants, of singular matrices too.

The slope of det A in A_ij is the cofactor of A_ij: the determinant that is left without row i and column j, with its
sign. Where A has an inverse, the matrix of the cofactors is det(A) A^-T; it exists all the same where A has none.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...primitive import implements, primitive
from .products import transposed


class SlogdetResult(NamedTuple):
    """What slogdet gives."""

    sign: Any
    logabsdet: Any


@implements(np.linalg.det)
@primitive
def det(a, /):
    """The determinant."""
    return np.linalg.det(a)


@det.vjp
def _(g, y, a):
    return g[..., None, None] * cofactors(a)


@primitive
def cofactors(a, /):
    """The matrix of the cofactors, which are the slopes of the determinant.

    It is det(A) A^-T where A is far from singular. If A = U diag(s) V^T, it is det(U) det(V) U diag(c) V^T, where c_i
    is the product of all s but s_i.
    """
    inverse = _safe_inverse(a.astype(np.float64))
    if inverse is not None:
        return (np.linalg.det(a)[..., None, None] * transposed(inverse)).astype(a.dtype)
    u, s, vh = np.linalg.svd(a)
    handedness = np.linalg.det(u) * np.linalg.det(vh)
    return handedness[..., None, None] * ((u * _products_without(s, 1)[..., None, :]) @ vh)


def _safe_inverse(a):
    """The inverse, right to ten digits; None if a matrix has none, or is too near one that has none."""
    try:
        inverse = np.linalg.inv(a)
    except np.linalg.LinAlgError:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        condition = np.sum(a * a, axis=(-2, -1)) * np.sum(inverse * inverse, axis=(-2, -1))
    return inverse if np.all(condition < 1e12) else None


@cofactors.vjp
def _(g, y, a):
    s = np.linalg.svdvals(a)
    if np.all(s[..., -1:] > np.finfo(a.dtype).eps ** 0.5 * s[..., :1]):
        # d(det(A) A^-T), which has derivatives of every order.
        inverse = transposed(np.linalg.inv(a))
        return np.sum(g * inverse, axis=(-2, -1), keepdims=True) * y - y @ transposed(g) @ inverse
    # The second derivatives of det at diag(s) are, but for their sign, the products of all s but two.
    u, s, vh = np.linalg.svd(a)
    handedness = np.linalg.det(u) * np.linalg.det(vh)
    inner = transposed(u) @ g @ transposed(vh)
    pairs = _products_without(s, 2)
    diagonal = np.eye(a.shape[-1], dtype=g.dtype)
    on_diagonal = np.sum(pairs * np.sum(inner * diagonal, axis=-2, keepdims=True), axis=-1)
    inner = on_diagonal[..., None] * diagonal - pairs * transposed(inner)
    return handedness[..., None, None] * (u @ inner @ vh)


def _products_without(s, count: int):
    """For each of `count` indices the product of all s but those at the indices; 0 for a pair of the same."""
    n = s.shape[-1]
    left_out = np.eye(n, dtype=bool)
    if count == 1:
        return np.prod(np.where(left_out, 1, s[..., None, :]), axis=-1)
    pairs = left_out[:, None, :] | left_out[None, :, :]
    return np.prod(np.where(pairs, 1, s[..., None, None, :]), axis=-1) * ~left_out


@primitive(name="slogdet")
def packed_slogdet(a, /):
    """The sign of the determinant, a step, and log |det A|, whose slope is A^-T."""
    return np.stack(np.linalg.slogdet(a), axis=-1)


@packed_slogdet.vjp
def _(g, y, a):
    return g[..., 1, None, None] * transposed(np.linalg.inv(a))


@implements(np.linalg.slogdet)
def slogdet(a) -> SlogdetResult:
    """The sign of the determinant and the logarithm of its absolute value, which does not overflow."""
    y = packed_slogdet(a)
    return SlogdetResult(y[..., 0], y[..., 1])
