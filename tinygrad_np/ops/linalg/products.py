"""Products of vectors, matrices and stacks of them: `a @ b`, np.dot, and NumPy's other names for them.

Each is a matrix product or a product element by element in the end.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ...primitive import implements, primitive
from ..arrays.shape import array_of


def transposed(x):
    """The last two axes swapped."""
    return x.swapaxes(-1, -2)


@primitive
def matmul(a, b):
    """a @ b of vectors, matrices, or stacks of matrices."""
    # np.dot multiplies two matrices in a quarter of matmul's time where one of them is a column or a row.
    return np.dot(a, b) if a.ndim == b.ndim == 2 else np.matmul(a, b)


@matmul.vjp(0)
def _(g, y, a, b):
    if b.ndim == 1:
        return g[..., None] * b
    if a.ndim == 1:
        return (g[..., None, :] @ transposed(b))[..., 0, :]
    return np.dot(g, b.T) if g.ndim == b.ndim == 2 else g @ transposed(b)


@matmul.vjp(1)
def _(g, y, a, b):
    if a.ndim == 1 and b.ndim == 1:
        return g * a
    if a.ndim == 1:
        return a[:, None] * g[..., None, :]
    if b.ndim == 1:
        return (transposed(a) @ g[..., None])[..., 0]
    if b.ndim == 2:
        # One product for a whole stack of matrices adds up what arrives from each of them.
        return np.dot(a.reshape(-1, a.shape[-1]).T, g.reshape(-1, g.shape[-1])) if a.ndim > 2 else np.dot(a.T, g)
    return transposed(a) @ g


@matmul.reaches(0)
def _(mask, a, b):
    # An element of a is in the products of its row with all columns.
    return np.any(mask, axis=-1, keepdims=True) if b.ndim > 1 else mask[..., None]


@matmul.reaches(1)
def _(mask, a, b):
    if a.ndim > 1:
        return np.any(mask, axis=-2 if b.ndim > 1 else -1, keepdims=True)
    return mask[..., None, :] if b.ndim > 1 else mask[..., None]


@primitive
def dot(a, b):
    """A product with a scalar, a @ b of vectors and matrices, else a sum over a's last and b's last but one axis."""
    return np.dot(a, b)


@dot.vjp(0)
def _(g, y, a, b):
    if a.ndim == b.ndim == 2:
        return np.dot(g, b.T)
    if a.ndim == 0 or b.ndim == 0:
        return g * b
    if b.ndim == 1:
        return g[..., None] * b
    # The axes of b that are in the result, which follow those of a.
    others = tuple(axis for axis in range(b.ndim) if axis != b.ndim - 2)
    return np.tensordot(g, b, (tuple(range(g.ndim - len(others), g.ndim)), others))


@dot.reaches(0)
def _(mask, a, b):
    return np.any(mask, axis=-1, keepdims=True) if a.ndim == b.ndim == 2 else None


@dot.reaches(1)
def _(mask, a, b):
    return np.any(mask, axis=0, keepdims=True) if a.ndim == b.ndim == 2 else None


@dot.vjp(1)
def _(g, y, a, b):
    if a.ndim == b.ndim == 2:
        return np.dot(a.T, g)
    if a.ndim == 0 or b.ndim == 0:
        return g * a
    along = tuple(range(a.ndim - 1))
    summed = np.tensordot(a, g, (along, along))
    return np.moveaxis(summed, 0, -2) if b.ndim > 1 else summed


@implements(np.inner)
def inner(a, b):
    """The sum of products over the last axis of both; with a single number, the product."""
    a, b = array_of(a), array_of(b)
    return np.multiply(a, b) if a.ndim == 0 or b.ndim == 0 else tensordot(a, b, (-1, -1))


@implements(np.outer)
def outer(a, b):
    """Every element of the first times every element of the second, as a matrix."""
    return np.multiply(array_of(a).reshape((-1, 1)), array_of(b).reshape((1, -1)))


@implements(np.linalg.outer)
def outer_of_vectors(x1, x2, /):
    """The matrix of the products of the elements of two vectors."""
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ValueError("two vectors are needed")
    return outer(x1, x2)


@implements(np.vdot)
def vdot(a, b):
    """The sum of products of all elements."""
    return matmul(array_of(a).reshape(-1), array_of(b).reshape(-1))


@implements(np.kron)
def kron(a, b):
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
def tensordot(a, b, axes=2):
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


@primitive(name="cross")
def vector_product(a, b):
    """The vectors of three components at right angles to pairs of such."""
    return np.cross(a, b)


@vector_product.vjp(0)
def _(g, y, a, b):
    # The volume that three vectors span, g (a x b), stays the same as they change places in turn: a (b x g).
    return np.cross(b, g)


@vector_product.vjp(1)
def _(g, y, a, b):
    return np.cross(g, a)


@implements(np.cross)
def cross(a, b, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None):
    """The vectors at right angles to pairs of vectors of three components, which lie along these axes."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(array_of(a), axisa, -1), np.moveaxis(array_of(b), axisb, -1)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise ValueError(f"vectors of three components are needed, and these have {a.shape[-1]} and {b.shape[-1]}")
    return np.moveaxis(vector_product(a, b), -1, axisc)


@implements(np.linalg.cross)
def cross_along(x1, x2, /, *, axis: int = -1):
    """The vectors at right angles to pairs of vectors along this axis."""
    return cross(x1, x2, axis=axis)


# NumPy's products of stacks of vectors and matrices.

implements(np.linalg.matmul)(matmul)


@implements(np.vecdot, np.linalg.vecdot)
def vecdot(x1, x2, /, *, axis: int = -1):
    """The sums of products over one axis, of vectors in stacks that broadcast."""
    x1, x2 = _last(x1, axis), _last(x2, axis)
    return matmul(x1[..., None, :], x2[..., None])[..., 0, 0]


def _last(x, axis: int):
    x = array_of(x)
    if x.ndim == 0:
        raise ValueError("vectors are needed, and this is a single number")
    return x if axis == -1 else np.moveaxis(x, normalize_axis_index(axis, x.ndim), -1)


def matvec(x1, x2, /):
    """Matrices times vectors, in stacks that broadcast."""
    return matmul(_matrices(x1), _last(x2, -1)[..., None])[..., 0]


def vecmat(x1, x2, /):
    """Vectors times matrices, in stacks that broadcast."""
    return matmul(_last(x1, -1)[..., None, :], _matrices(x2))[..., 0, :]


def _matrices(x):
    x = array_of(x)
    if x.ndim < 2:
        raise ValueError(f"matrices are needed, and this has {x.ndim} axes")
    return x


_NEWER: dict[str, Callable[..., Any]] = {"matvec": matvec, "vecmat": vecmat}
for _name, _product in _NEWER.items():
    if hasattr(np, _name):
        implements(getattr(np, _name))(_product)


# Products of many matrices: a power of one, and a chain of several in the order that costs the least.


@implements(np.linalg.matrix_power)
def matrix_power(a, n: int):
    """A @ A @ ... @ A, n times; for n < 0 that of the inverse, and for n = 0 the identity, which has the slope 0.

    By squaring: A**13 = A**8 A**4 A.
    """
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise np.linalg.LinAlgError(f"a power is one of square matrices, and this is {a.shape}")
    n = operator.index(n)
    if n == 0:
        # Where nothing of A is selected, its gradient is exactly 0.
        return np.where(False, a, np.eye(a.shape[-1], dtype=a.dtype))
    square = a if n > 0 else np.linalg.inv(a)
    n = abs(n)
    result = None
    while True:
        n, odd = divmod(n, 2)
        if odd:
            result = square if result is None else result @ square
        if not n:
            return result
        square = square @ square


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Any]):
    """The product of matrices, of which the first may be a row and the last a column, given as vectors."""
    matrices = [array_of(array) for array in arrays]
    if len(matrices) < 2:
        raise ValueError(f"a chain has at least two matrices, and this one has {len(matrices)}")
    is_row, is_column = matrices[0].ndim == 1, matrices[-1].ndim == 1
    if is_row:
        matrices[0] = matrices[0][None, :]
    if is_column:
        matrices[-1] = matrices[-1][:, None]
    if any(matrix.ndim != 2 for matrix in matrices):
        raise np.linalg.LinAlgError(f"a chain is one of matrices, and these are {[one.shape for one in matrices]}")
    lengths = [matrix.shape[0] for matrix in matrices] + [matrices[-1].shape[1]]
    result = _chained(matrices, _cheapest_places(lengths), 0, len(matrices) - 1)
    if is_row:
        result = result[0]
    return result[..., 0] if is_column else result


def _cheapest_places(lengths: list[int]) -> dict[tuple[int, int], int]:
    """Behind which matrix to part the chain from one to another; matrix k is (lengths[k], lengths[k + 1]).

    The dynamic program of T. Cormen et al., Introduction to Algorithms, 15.2: longer chains are made of shorter ones.
    """
    count = len(lengths) - 1
    cost = {(one, one): 0 for one in range(count)}
    places = {}
    for longer in range(1, count):
        for first in range(count - longer):
            last = first + longer
            cost[first, last], places[first, last] = min(
                (
                    cost[first, place]
                    + cost[place + 1, last]
                    + lengths[first] * lengths[place + 1] * lengths[last + 1],
                    place,
                )
                for place in range(first, last)
            )
    return places


def _chained(matrices: list[Any], places: dict[tuple[int, int], int], first: int, last: int):
    if first == last:
        return matrices[first]
    place = places[first, last]
    return _chained(matrices, places, first, place) @ _chained(matrices, places, place + 1, last)
