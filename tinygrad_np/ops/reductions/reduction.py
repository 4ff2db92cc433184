"""Many elements into one: along an axis, several, or all.

What NumPy's reductions take beyond an axis (`dtype=`, `initial=`, `where=`) is in reduction_options.py.
"""

from __future__ import annotations

import math

import numpy as np

from ...primitive import primitive
from ..arrays.shape import expand, precise, wide
from ..elementwise.arithmetic import bend
from ..elementwise.selection import all_are_normal
from .cumulative import products_after, products_before

Axis = int | tuple[int, ...] | None


def with_axes(g, shape: tuple[int, ...], axis: Axis):
    """The result of reducing an array of this shape, with the axes that were taken away put back at length 1."""
    if axis is None or g.ndim == len(shape):
        return g
    lengths = list(shape)
    for one in axis if isinstance(axis, tuple) else (axis,):
        lengths[one] = 1
    return g.reshape(lengths)


def bend_of_rows(g, y, x, axis: Axis, differs=None):
    """The bend of a norm along an axis, see elementwise.arithmetic.bend, in a shape that goes with x."""
    curvature = bend(g, y, differs=differs)
    return None if curvature is None else with_axes(curvature, x.shape, axis)


def reduced_count(x, axis: Axis):
    """The number of elements that a reduction makes one of."""
    if axis is None or x.ndim == 0:
        return x.size
    return math.prod(x.shape[one] for one in axis) if isinstance(axis, tuple) else x.shape[axis]


def by_columns(x):
    """x; a matrix with many short rows column by column in memory, as a reduction is a loop for each row."""
    return x.T.copy().T if x.ndim == 2 and x.size > 4096 and x.shape[1] <= 32 else x


def reduced_last(ndim: int, axis: Axis) -> tuple[int, ...]:
    """All axes, those that a reduction takes away after the others."""
    if axis is None or ndim == 0:
        return tuple(range(ndim))
    gone = [one % ndim for one in (axis if isinstance(axis, tuple) else (axis,))]
    return (*(one for one in range(ndim) if one not in gone), *gone)


def as_rows(x, axis: Axis):
    """The matrix of which a reduction makes one element a row."""
    length = reduced_count(x, axis)
    return x.transpose(reduced_last(x.ndim, axis)).reshape(x.size // (length or 1), length)


def from_rows(rows, shape: tuple[int, ...], axis: Axis):
    """The array of this shape whose `as_rows` are these."""
    order = reduced_last(len(shape), axis)
    return rows.reshape([shape[one] for one in order]).transpose([order.index(one) for one in range(len(shape))])


@primitive(saves="shapes")
def sum(x, /, axis: Axis = None, keepdims: bool = False):
    """The sum of the elements."""
    return x.sum(axis=axis, keepdims=keepdims)


@sum.vjp
def _(g, y, x, axis: Axis = None, keepdims: bool = False):
    return expand(with_axes(g, x.shape, axis), like=x)


@primitive(saves="shapes")
def mean(x, /, axis: Axis = None, keepdims: bool = False):
    """The sum of the elements divided by their number."""
    if x.dtype.char in "fd" and x.ndim and x.size:
        return x.sum(axis=axis, keepdims=keepdims) / reduced_count(x, axis)
    # Halves are added up in single precision, integers in double. To find that out takes longer than a small mean.
    return x.mean(axis=axis, keepdims=keepdims)


@mean.vjp
def _(g, y, x, axis: Axis = None, keepdims: bool = False):
    return expand(with_axes(wide(g) / reduced_count(x, axis), x.shape, axis), like=x)


@primitive
def prod(x, /, axis: Axis = None, keepdims: bool = False):
    """The product of the elements."""
    return x.prod(axis=axis, keepdims=keepdims)


@prod.vjp
def _(g, y, x, axis: Axis = None, keepdims: bool = False):
    if all_are_normal(y):
        return with_axes(g * y, x.shape, axis) / x
    # The product of all other elements, y / x, without dividing: x may be 0.
    rows = as_rows(x, axis)
    others = products_before(rows) * products_after(rows)
    return with_axes(g, x.shape, axis) * from_rows(others, x.shape, axis)


@primitive
def max(x, /, axis: Axis = None, keepdims: bool = False):
    """The largest element; several that tie share the gradient evenly, and a NaN is larger than all."""
    return x.max(axis=axis, keepdims=keepdims)


@primitive
def min(x, /, axis: Axis = None, keepdims: bool = False):
    """The smallest element; several that tie share the gradient evenly, and a NaN is smaller than all."""
    return x.min(axis=axis, keepdims=keepdims)


@max.vjp
@min.vjp
def _(g, y, x, axis: Axis = None, keepdims: bool = False):
    # A NaN among the elements is the result, and equals nothing: not even itself.
    chosen = np.logical_or(x == with_axes(y, x.shape, axis), x != x)
    return chosen * precise(with_axes(g, x.shape, axis) / chosen.sum(axis=axis, keepdims=True), like=g)
