"""Factors of a matrix: Cholesky, eigenvalues and eigenvectors, singular values and vectors, QR. Stacks of matrices too.

Three conventions, the same for all of them:

- **Symmetric matrices.** `cholesky`, `eigh` and `eigvalsh` read one triangle of their matrix and take the other for its
  mirror image. The gradient is the slope of just that: it stands in the triangle that is read, where an element off
  the diagonal moves two elements of the matrix at once, and it is 0 in the other. Where the matrix was computed from X
  (`A = X.T @ X`, `A = X + X.T`), X gets the same as from a gradient that is spread evenly over both triangles.
- **Repeated values.** Where eigenvalues or singular values coincide, their vectors are free to turn and have no
  derivative. The gradient of the values is right there, and that of the vectors of all other values, if they are taken
  by indexing. One that arrives at vectors of repeated values is refused: what depends on their directions has no slope,
  and the slope of what does not would be 0/0.
- **Vectors beyond.** What only completes a basis, as the last columns of a tall matrix's U with full_matrices do, could
  be any, and has no gradient either.

Formulas: M. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation (2008);
I. Murray, Differentiation of the Cholesky decomposition (2016); J. Townsend, Differentiating the singular value
decomposition (2016); C. Boeddeker et al., On the computation of complex-valued gradients (2017); S. Walter, L. Lehmann,
Algorithmic differentiation of linear algebra functions (2013); H.-J. Liao et al., Differentiable programming tensor
networks (2019).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...primitive import implements, primitive
from ..arrays.checks import checked
from .packing import arrived, packed, unpacked
from .products import transposed


class EigResult(NamedTuple):
    """What eig gives."""

    eigenvalues: Any
    eigenvectors: Any


class EighResult(NamedTuple):
    """What eigh gives."""

    eigenvalues: Any
    eigenvectors: Any


class SVDResult(NamedTuple):
    """What svd gives."""

    U: Any
    S: Any
    Vh: Any


class QRResult(NamedTuple):
    """What qr gives."""

    Q: Any
    R: Any


def folded(gradient, uplo: str):
    """The symmetric gradient of a symmetric matrix as the slope in the one triangle that is read."""
    n = gradient.shape[-1]
    lower = np.tri(n, dtype=gradient.dtype) + np.tri(n, k=-1, dtype=gradient.dtype)
    return gradient * (lower if uplo.upper() == "L" else lower.T)


def antisymmetric(x):
    """X - X^T."""
    return x - transposed(x)


def rounding(values, length: int):
    """How far apart equal values of a matrix of this length can be by rounding alone: eps * length * the largest."""
    return length * np.finfo(values.dtype).eps * np.max(np.abs(values), axis=-1, keepdims=True, initial=0)


def quotient(numerator, gap, tolerance, wanted, what: str):
    """The numerator / gap, or 0 where the gap is rounding alone; that is refused where a slope is `wanted`.

    A numerator that is 0 would be no excuse: around here its quotient with the gap may be anything.
    """
    closed = np.abs(gap) <= tolerance
    closed = checked(closed, closed & wanted, what, error=np.linalg.LinAlgError)
    return np.where(closed, 0, numerator / np.where(closed, 1, gap))


def pairs(used):
    """Which elements of a matrix stand for two different vectors, one of which at least is used."""
    return (used[..., :, None] | used[..., None, :]) & ~np.eye(used.shape[-1], dtype=bool)


_REPEATED = (
    "{} that coincide leave their vectors free to turn, and a gradient arrived at these vectors: what depends on their "
    "directions has no slope, and from their gradients that of what does not can't be told. Take vectors of simple "
    "values alone, as v[:, 0]"
)
_FREE = "a gradient arrived at a factor in which vectors only complete a basis, and could be any; take {}"


@implements(np.linalg.cholesky)
@primitive
def cholesky(a, /, *, upper: bool = False):
    """The lower triangular L with A = L L^T, or the upper L^T; only that triangle of A is read."""
    return np.linalg.cholesky(a, upper=upper)


@cholesky.vjp
def _(g, y, a, *, upper: bool = False):
    lower, g = (transposed(y), transposed(g)) if upper else (y, g)
    n = g.shape[-1]
    # L^-T P L^-1, where P is the lower triangle of L^T dL with half of its diagonal; made symmetric.
    inner = (transposed(lower) @ g) * (np.tri(n, dtype=g.dtype) - np.eye(n, dtype=g.dtype) / 2)
    inverse = np.linalg.inv(lower)
    both = transposed(inverse) @ (inner + transposed(inner)) @ inverse
    return folded(both / 2, "U" if upper else "L")


@implements(np.linalg.eigvalsh)
@primitive
def eigvalsh(a, /, UPLO="L"):
    """The eigenvalues of a symmetric matrix, ascending; dw_i = v_i^T dA v_i."""
    return np.linalg.eigvalsh(a, UPLO)


@eigvalsh.vjp
def _(g, y, a, UPLO="L"):
    _, v = np.linalg.eigh(a, UPLO)
    return folded((v * g[..., None, :]) @ transposed(v), UPLO)


@primitive(name="eigh")
def packed_eigh(a, /, UPLO="L"):
    """The eigenvalues w and eigenvectors V of a symmetric matrix: A = V diag(w) V^T, V^T V = I."""
    return packed(a.shape[:-2], *np.linalg.eigh(a, UPLO))


@packed_eigh.vjp
def _(g, y, a, UPLO="L"):
    n = a.shape[-1]
    w, v = unpacked(y, (n,), (n, n))
    gw, gv = unpacked(g, (n,), (n, n))
    _, to_vectors = arrived(g, (n,), (n, n))
    gaps = w[..., None, :] - w[..., :, None]
    turning = antisymmetric(transposed(v) @ gv) / 2
    wanted = pairs(np.any(to_vectors, axis=-2))
    inner = quotient(turning, gaps, rounding(w, n)[..., None], wanted, _REPEATED.format("eigenvalues"))
    inner = inner + gw[..., None] * np.eye(n, dtype=g.dtype)
    return folded(v @ inner @ transposed(v), UPLO)


@implements(np.linalg.eigh)
def eigh(a, UPLO="L") -> EighResult:
    """The eigenvalues, ascending, and the eigenvectors of a symmetric matrix of which one triangle is read."""
    y = packed_eigh(a, UPLO=UPLO)
    n = a.shape[-1]
    return EighResult(*unpacked(y, (n,), (n, n)))


@primitive(name="eig")
def packed_eig(a, /):
    """The eigenvalues w and eigenvectors V, of length 1, of a matrix: A V = V diag(w)."""
    # From 2.5 on NumPy gives complex numbers even where all are real; those that are not are refused as they are.
    factors = np.linalg.eig(a)
    is_real = not any(np.any(np.imag(factor)) for factor in factors)
    return packed(a.shape[:-2], *(map(np.real, factors) if is_real else factors))


@packed_eig.vjp
def _(g, y, a):
    n = a.shape[-1]
    w, v = unpacked(y, (n,), (n, n))
    gw, gv = unpacked(g, (n,), (n, n))
    _, to_vectors = arrived(g, (n,), (n, n))
    dependent = np.linalg.cond(v) > np.finfo(g.dtype).eps ** -0.5
    v = checked(v, dependent, "the eigenvectors are linearly dependent, or nearly so", error=np.linalg.LinAlgError)
    diagonal = np.eye(n, dtype=g.dtype)
    gaps = w[..., None, :] - w[..., :, None]
    across = gv - v * np.sum(v * gv, axis=-2, keepdims=True)
    turning = (transposed(v) @ across) * (1 - diagonal)
    wanted = pairs(np.any(to_vectors, axis=-2))
    inner = quotient(turning, gaps, rounding(w, n)[..., None], wanted, _REPEATED.format("eigenvalues"))
    return np.linalg.solve(transposed(v), (inner + gw[..., None] * diagonal) @ transposed(v))


@implements(np.linalg.eig)
def eig(a) -> EigResult:
    """The eigenvalues and eigenvectors of a matrix, which must be real: a Tensor holds no complex numbers."""
    y = packed_eig(a)
    n = a.shape[-1]
    return EigResult(*unpacked(y, (n,), (n, n)))


@implements(np.linalg.eigvals)
def eigvals(a):
    """The eigenvalues of a matrix, which must be real: a Tensor holds no complex numbers."""
    return eig(a).eigenvalues


@implements(np.linalg.svdvals)
@primitive
def svdvals(x, /):
    """The singular values, descending; ds_i = u_i^T dA v_i, and the slope at s_i = 0 is 0, as that of |s|."""
    return np.linalg.svd(x, compute_uv=False)


@svdvals.vjp
def _(g, y, x):
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    g = np.where(s > rounding(s, max(x.shape[-2:])), g, 0)
    return (u * g[..., None, :]) @ vh


@primitive(name="svd")
def packed_svd(a, /, full_matrices: bool = True):
    """The singular values s and vectors U, V of a matrix, A = U diag(s) V^T, and what completes the basis of U or V."""
    u, s, vh = np.linalg.svd(a, full_matrices)
    k = s.shape[-1]
    return packed(a.shape[:-2], u[..., :k], s, vh[..., :k, :], u[..., k:], vh[..., k:, :])


@packed_svd.vjp
def _(g, y, a, full_matrices: bool = True):
    shapes = _svd_shapes(a.shape, full_matrices)
    u, s, vh, *_ = unpacked(y, *shapes)
    gu, gs, gvh, *_ = unpacked(g, *shapes)
    to_u, _, to_vh, *to_free = arrived(g, *shapes)
    to_u, to_v = np.any(to_u, axis=-2), np.any(to_vh, axis=-1)
    for to_part in to_free:
        gs = checked(gs, np.any(to_part), _FREE.format("full_matrices=False"), error=np.linalg.LinAlgError)
    (m, n), k = a.shape[-2:], s.shape[-1]
    tolerance = rounding(s, max(m, n))[..., None]
    repeated = _REPEATED.format("singular values")
    vanishing = "a gradient arrived at the vectors of a singular value that is 0"
    # With P = U^T dU - dU^T U and Q alike of V: U ((P S + S Q) / (s_j^2 - s_i^2) + diag(ds)) V^T, in partial fractions.
    turned_u, turned_v = transposed(u) @ gu, vh @ transposed(gvh)
    turning_u, turning_v = antisymmetric(turned_u), antisymmetric(turned_v)
    column, row = s[..., :, None], s[..., None, :]
    wanted = pairs(to_u | to_v) & ~_is_of_product(turned_u, turned_v, s * gs, tolerance)
    inner = quotient(turning_u + turning_v, row - column, tolerance, wanted, repeated)
    inner = inner + quotient(turning_u - turning_v, row + column, tolerance, wanted, repeated)
    result = u @ (inner / 2 + gs[..., None] * np.eye(k, dtype=g.dtype)) @ vh
    if m > k:
        beyond = gu - u @ (transposed(u) @ gu)
        result = result + quotient(beyond, row, tolerance, to_u[..., None, :], vanishing) @ vh
    if n > k:
        beyond = gvh - (gvh @ transposed(vh)) @ vh
        result = result + u @ quotient(beyond, column, tolerance, to_v[..., :, None], vanishing)
    return result


def _is_of_product(turned_u, turned_v, stretched, tolerance):
    """For which pairs the gradient is one of U diag(s) V^T, of which it turns neither: then the quotient is 0.

    That of U is M S then and that of V its transpose, in the basis of the vectors, with M diagonal.
    """
    rounded = tolerance * np.max(np.abs(turned_u), axis=(-2, -1), keepdims=True, initial=0)
    n = stretched.shape[-1]
    diagonal = stretched[..., None] * np.eye(n, dtype=stretched.dtype)
    same = (np.abs(turned_u - diagonal) <= rounded) & (np.abs(turned_v - diagonal) <= rounded)
    same = same & transposed(same)
    stretches = np.any(np.abs(diagonal) > rounded, axis=-1) & np.any(same & np.eye(n, dtype=bool), axis=-1)
    return same & stretches[..., :, None] & stretches[..., None, :]


def _svd_shapes(shape: tuple[int, ...], full_matrices: bool) -> tuple[tuple[int, ...], ...]:
    """Of U, s, V^T, and of the vectors that complete a basis."""
    m, n = shape[-2:]
    k = min(m, n)
    return (m, k), (k,), (k, n), (m, m - k if full_matrices else 0), (n - k if full_matrices else 0, n)


@implements(np.linalg.svd)
def svd(a, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False):
    """U, S and V^T with A = U diag(S) V^T, or S alone; with `hermitian` of a symmetric A, by its eigenvalues.

    With `full_matrices` vectors that complete a basis are added to U or V, which then has no gradient.
    """
    if hermitian:
        return _svd_of_symmetric(a, compute_uv)
    if not compute_uv:
        return svdvals(a)
    u, s, vh, more_u, more_vh = unpacked(
        packed_svd(a, full_matrices=full_matrices), *_svd_shapes(a.shape, full_matrices)
    )
    if more_u.shape[-1]:
        u = np.concatenate([u, more_u], axis=-1)
    if more_vh.shape[-2]:
        vh = np.concatenate([vh, more_vh], axis=-2)
    return SVDResult(u, s, vh)


def _svd_of_symmetric(a, compute_uv: bool):
    """A = V diag(w) V^T = V diag(|w|) (V diag(sign w))^T, sorted by |w|."""
    w, v = eigh(a) if compute_uv else (eigvalsh(a), None)
    s = np.abs(w)
    descending = np.argsort(s, axis=-1)[..., ::-1]
    s = np.take_along_axis(s, descending, axis=-1)
    if v is None:
        return s
    u = np.take_along_axis(v, descending[..., None, :], axis=-1)
    signs = np.take_along_axis(np.sign(w), descending, axis=-1)
    return SVDResult(u, s, transposed(u * signs[..., None, :]))


@primitive(name="qr")
def packed_qr(a, /, mode="reduced"):
    """The factors of A = Q R: the columns of Q orthonormal, R upper triangular; and what completes the basis of Q."""
    q, r = np.linalg.qr(a, mode)
    k = min(a.shape[-2:])
    return packed(a.shape[:-2], q[..., :k], r[..., :k, :], q[..., k:])


@packed_qr.vjp
def _(g, y, a, mode="reduced"):
    shapes = _qr_shapes(a.shape, mode)
    q, r, _ = unpacked(y, *shapes)
    gq, gr, _ = unpacked(g, *shapes)
    gq = checked(gq, np.any(arrived(g, *shapes)[-1]), _FREE.format("mode='reduced'"), error=np.linalg.LinAlgError)
    # A = [X Y] and R = [T W] with square T: X = Q T determines Q, and W = Q^T Y.
    k = q.shape[-1]
    square, g_square, g_rest = r[..., :k], gr[..., :k], gr[..., k:]
    pivots = np.sum(square * np.eye(k, dtype=g.dtype), axis=-1)
    deficient = np.abs(pivots) <= rounding(pivots, max(a.shape[-2:]))
    what = "the matrix is not of full rank, or its leading columns are linearly dependent"
    square = checked(square, deficient, what, error=np.linalg.LinAlgError)
    gq = gq + a[..., k:] @ transposed(g_rest)
    lower = (square @ transposed(g_square) - transposed(gq) @ q) * np.tri(k, dtype=g.dtype)
    mirrored = lower + transposed(lower * np.tri(k, k=-1, dtype=g.dtype))
    gx = transposed(np.linalg.solve(square, transposed(gq + q @ mirrored)))
    return np.concatenate([gx, q @ g_rest], axis=-1)


def _qr_shapes(shape: tuple[int, ...], mode: str) -> tuple[tuple[int, ...], ...]:
    """Of Q, R, and of the columns that complete a basis."""
    m, n = shape[-2:]
    k = min(m, n)
    return (m, k), (k, n), (m, m - k if mode == "complete" else 0)


@implements(np.linalg.qr)
def qr(a, mode: str = "reduced"):
    """Q and R with A = Q R, or R alone with the mode "r"; "complete" adds columns to Q, which then has no gradient.

    For a gradient the matrix must be of full rank, and so must its leading columns if there are more than rows.
    """
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"the mode is {mode!r}; of a Tensor it can be 'reduced', 'complete' or 'r'")
    factors = "complete" if mode == "complete" else "reduced"
    q, r, more = unpacked(packed_qr(a, mode=factors), *_qr_shapes(a.shape, factors))
    if more.shape[-1]:
        q = np.concatenate([q, more], axis=-1)
        r = np.concatenate([r, np.zeros((*r.shape[:-2], more.shape[-1], r.shape[-1]), r.dtype)], axis=-2)
    return r if mode == "r" else QRResult(q, r)
