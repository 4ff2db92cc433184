"""Products of vectors and matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import implements, primitive


def transposed(x: Any) -> Any:
    """The last two axes swapped."""
    return x.swapaxes(-1, -2)


@primitive
def matmul(a: Any, b: Any) -> Any:
    """a @ b of vectors, matrices, or stacks of matrices."""
    # np.dot multiplies two matrices in a quarter of matmul's time where one of them is a column or a row.
    return np.dot(a, b) if a.ndim == b.ndim == 2 else np.matmul(a, b)


@matmul.vjp(0)
def _(g: Any, y: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1:
        return g[..., None] * b
    if a.ndim == 1:
        return (g[..., None, :] @ transposed(b))[..., 0, :]
    return np.dot(g, b.T) if g.ndim == b.ndim == 2 else g @ transposed(b)


@matmul.vjp(1)
def _(g: Any, y: Any, a: Any, b: Any) -> Any:
    if a.ndim == 1 and b.ndim == 1:
        return g * a
    if a.ndim == 1:
        return a[:, None] * g[..., None, :]
    if b.ndim == 1:
        return (transposed(a) @ g[..., None])[..., 0]
    return np.dot(a.T, g) if a.ndim == g.ndim == 2 else transposed(a) @ g


@implements(np.dot)
def dot(a: Any, b: Any) -> Any:
    """NumPy's dot: a product with a scalar, of vectors, of matrices, or over the last axis of a and the last but one of b."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    if np.ndim(a) <= 2 and np.ndim(b) <= 2:
        return matmul(a, b)
    return np.tensordot(a, b, (-1, -2 if np.ndim(b) > 1 else -1))
