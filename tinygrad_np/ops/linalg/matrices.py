"""Matrices from vectors and vectors from matrices: diagonals, triangles, the powers of a vector."""

from __future__ import annotations

import operator

import numpy as np

from ...primitive import implements
from ..arrays.indexing import scatter
from ..arrays.shape import array_of


def _diagonal_slice(rows: int, columns: int, offset: int) -> slice:
    """Where a diagonal stands among the elements of a matrix, row by row."""
    length = max(0, min(rows - max(-offset, 0), columns - max(offset, 0)))
    start = offset if offset >= 0 else -offset * columns
    return slice(start, start + length * (columns + 1), columns + 1)


@implements(np.diagonal)
def diagonal(a, offset: int = 0, axis1: int = 0, axis2: int = 1):
    """The elements whose index along the second of two axes is that along the first plus the offset."""
    offset = operator.index(offset)
    if a.ndim < 2:
        raise ValueError(f"a diagonal needs two axes, and this has {a.ndim}")
    matrices = np.moveaxis(a, (axis1, axis2), (-2, -1))
    rows, columns = matrices.shape[-2:]
    return matrices.reshape((*matrices.shape[:-2], rows * columns))[..., _diagonal_slice(rows, columns, offset)]


@implements(np.linalg.diagonal)
def matrix_diagonal(x, /, *, offset: int = 0):
    """The diagonals of matrices: of the last two axes."""
    return diagonal(x, offset, -2, -1)


@implements(np.trace)
def trace(a, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype=None):
    """The sum along a diagonal."""
    elements = diagonal(a, offset, axis1, axis2)
    return np.sum(elements, axis=-1) if dtype is None else np.sum(elements, axis=-1, dtype=dtype)


@implements(np.linalg.trace)
def matrix_trace(x, /, *, offset: int = 0, dtype=None):
    """The traces of matrices: of the last two axes."""
    return trace(x, offset, -2, -1, dtype)


@implements(np.diag)
def diag(v, k: int = 0):
    """The k-th diagonal of a matrix; of a vector, the matrix that has it there and zeros elsewhere."""
    k = operator.index(k)
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        raise ValueError(f"a vector or a matrix is needed, and this has {v.ndim} axes")
    size = v.shape[0] + abs(k)
    return scatter(v, index=_diagonal_slice(size, size, k), shape=(size * size,)).reshape((size, size))


@implements(np.diagflat)
def diagflat(v, k: int = 0):
    """The matrix with all elements on its k-th diagonal and zeros elsewhere."""
    return diag(array_of(v).reshape(-1), k)


@implements(np.tril)
def tril(m, k: int = 0):
    """Zeros above the k-th diagonal; a vector is repeated as rows."""
    return np.where(_below(m, k), m, np.zeros((), m.dtype))


@implements(np.triu)
def triu(m, k: int = 0):
    """Zeros below the k-th diagonal; a vector is repeated as rows."""
    return np.where(_below(m, operator.index(k) - 1), np.zeros((), m.dtype), m)


def _below(m, k: int):
    """Whether an element is on or below the k-th diagonal."""
    if m.ndim == 0:
        raise ValueError("a triangle needs axes, and this is a single number")
    k = operator.index(k)
    return np.tri(m.shape[-2] if m.ndim > 1 else m.shape[-1], m.shape[-1], k, bool)


@implements(np.vander)
def vander(x, N: int | None = None, increasing: bool = False):
    """The powers of a vector as columns, the highest first or last: Vandermonde's matrix."""
    if x.ndim != 1:
        raise ValueError(f"a vector is needed, and this has {x.ndim} axes")
    exponents = np.arange(x.shape[0] if N is None else N)
    return x.astype(np.promote_types(x.dtype, int))[:, None] ** (exponents if increasing else exponents[::-1])
