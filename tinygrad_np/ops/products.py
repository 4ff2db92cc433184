"""Products of arrays by NumPy's other names; each is a matrix product or a product element by element in the end."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..primitive import implements
from .linear_algebra import matmul
from .shape import array_of


@implements(np.inner)
def inner(a: Any, b: Any) -> Any:
    """The sum of products over the last axis of both; with a single number, the product."""
    a, b = array_of(a), array_of(b)
    return np.multiply(a, b) if a.ndim == 0 or b.ndim == 0 else tensordot(a, b, (-1, -1))


@implements(np.outer)
def outer(a: Any, b: Any) -> Any:
    """Every element of the first times every element of the second, as a matrix."""
    return np.multiply(array_of(a).reshape((-1, 1)), array_of(b).reshape((1, -1)))


@implements(np.linalg.outer)
def outer_of_vectors(x1: Any, x2: Any, /) -> Any:
    """The matrix of the products of the elements of two vectors."""
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ValueError("two vectors are needed")
    return outer(x1, x2)


@implements(np.vdot)
def vdot(a: Any, b: Any) -> Any:
    """The sum of products of all elements."""
    return matmul(array_of(a).reshape(-1), array_of(b).reshape(-1))


@implements(np.kron)
def kron(a: Any, b: Any) -> Any:
    """Every element of the first times the whole of the second, in blocks (Kronecker's product)."""
    a, b = array_of(a), array_of(b)
    ndim = max(a.ndim, b.ndim)
    left = (1,) * (ndim - a.ndim) + a.shape
    right = (1,) * (ndim - b.ndim) + b.shape
    product = a.reshape([length for one in left for length in (one, 1)]) * b.reshape(
        [length for one in right for length in (1, one)]
    )
    return product.reshape([one * other for one, other in zip(left, right, strict=True)])


@implements(np.tensordot, np.linalg.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """The sum of products over axes of the first and as many of the second: one matrix product.

    `axes` is a number, of the last axes of the first and the first of the second, or names them: (of a, of b).
    """
    a, b = array_of(a), array_of(b)
    if np.ndim(axes) == 0 and not isinstance(axes, list | tuple):
        summed_a, summed_b = tuple(range(a.ndim - axes, a.ndim)), tuple(range(axes))
        if not 0 <= axes <= min(a.ndim, b.ndim):
            raise ValueError(f"there are no {axes} axes to be summed over")
    else:
        of_a, of_b = axes
        summed_a, summed_b = normalize_axis_tuple(of_a, a.ndim), normalize_axis_tuple(of_b, b.ndim)
    if [a.shape[axis] for axis in summed_a] != [b.shape[axis] for axis in summed_b]:
        raise ValueError(f"axes {summed_a} of {a.shape} and {summed_b} of {b.shape} differ in length or number")
    kept_a = tuple(axis for axis in range(a.ndim) if axis not in summed_a)
    kept_b = tuple(axis for axis in range(b.ndim) if axis not in summed_b)
    length = math.prod(a.shape[axis] for axis in summed_a)
    shape_a, shape_b = tuple(a.shape[axis] for axis in kept_a), tuple(b.shape[axis] for axis in kept_b)
    rows = np.transpose(a, kept_a + summed_a).reshape((math.prod(shape_a), length))
    columns = np.transpose(b, summed_b + kept_b).reshape((length, math.prod(shape_b)))
    return matmul(rows, columns).reshape(shape_a + shape_b)


@implements(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The vectors at right angles to pairs of vectors of three components, which lie along these axes."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(array_of(a), axisa, -1), np.moveaxis(array_of(b), axisb, -1)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise ValueError(f"vectors of three components are needed, and these have {a.shape[-1]} and {b.shape[-1]}")
    next_of_a, last_of_a = np.roll(a, -1, -1), np.roll(a, 1, -1)
    next_of_b, last_of_b = np.roll(b, -1, -1), np.roll(b, 1, -1)
    return np.moveaxis(next_of_a * last_of_b - last_of_a * next_of_b, -1, axisc)


@implements(np.linalg.cross)
def cross_along(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The vectors at right angles to pairs of vectors along this axis."""
    return cross(x1, x2, axis=axis)


# NumPy's products of stacks of vectors and matrices.

implements(np.linalg.matmul)(matmul)


@implements(np.vecdot, np.linalg.vecdot)
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The sums of products over one axis, of vectors in stacks that broadcast."""
    x1, x2 = _last(x1, axis), _last(x2, axis)
    return matmul(x1[..., None, :], x2[..., None])[..., 0, 0]


def _last(x: Any, axis: int) -> Any:
    x = array_of(x)
    if x.ndim == 0:
        raise ValueError("vectors are needed, and this is a single number")
    return x if axis == -1 else np.moveaxis(x, normalize_axis_index(axis, x.ndim), -1)


def matvec(x1: Any, x2: Any, /) -> Any:
    """Matrices times vectors, in stacks that broadcast."""
    return matmul(_matrices(x1), _last(x2, -1)[..., None])[..., 0]


def vecmat(x1: Any, x2: Any, /) -> Any:
    """Vectors times matrices, in stacks that broadcast."""
    return matmul(_last(x1, -1)[..., None, :], _matrices(x2))[..., 0, :]


def _matrices(x: Any) -> Any:
    x = array_of(x)
    if x.ndim < 2:
        raise ValueError(f"matrices are needed, and this has {x.ndim} axes")
    return x


_NEWER: dict[str, Callable[..., Any]] = {"matvec": matvec, "vecmat": vecmat}
for _name, _product in _NEWER.items():
    if hasattr(np, _name):
        implements(getattr(np, _name))(_product)
