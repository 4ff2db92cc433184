"""Products of vectors and matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import primitive


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


@primitive
def dot(a: Any, b: Any) -> Any:
    """A product with a scalar, a @ b of vectors and matrices, else a sum over a's last and b's last but one axis."""
    return np.dot(a, b)


@dot.vjp(0)
def _(g: Any, y: Any, a: Any, b: Any) -> Any:
    if a.ndim == b.ndim == 2:
        return np.dot(g, b.T)
    if a.ndim == 0 or b.ndim == 0:
        return g * b
    if b.ndim == 1:
        return g[..., None] * b
    # The axes of b that are in the result, which follow those of a.
    others = tuple(axis for axis in range(b.ndim) if axis != b.ndim - 2)
    return np.tensordot(g, b, (tuple(range(g.ndim - len(others), g.ndim)), others))


@dot.vjp(1)
def _(g: Any, y: Any, a: Any, b: Any) -> Any:
    if a.ndim == b.ndim == 2:
        return np.dot(a.T, g)
    if a.ndim == 0 or b.ndim == 0:
        return g * a
    along = tuple(range(a.ndim - 1))
    summed = np.tensordot(a, g, (along, along))
    return np.moveaxis(summed, 0, -2) if b.ndim > 1 else summed
