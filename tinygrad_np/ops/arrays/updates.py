"""New values at an index, without writing into anything: index_update and index_add."""

from __future__ import annotations

import math

import numpy as np

from ...primitive import operation, primitive
from .indexing import add_at, picks_once, places, plain_index
from .shape import array_of


@operation
def index_update(x, index, value):
    """x with x[index] = value, as a new array; the value broadcasts to what is indexed, and is cast to x's dtype.

    Where an index picks an element several times, the last value stays, and it alone gets the gradient (NumPy itself
    promises no order). x has the gradient exactly 0 where it was replaced.
    Raises ShapeError if the value does not fit, DTypeError if x's dtype can't hold it.

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.grad(lambda v: np.sum(tg.index_update(np.ones(3), [0, 2, 2], v) ** 2))(np.array([5.0, 6.0, 7.0]))
    array([10.,  0., 14.])
    """
    return updated(array_of(x), array_of(value), index=plain_index(index))


@operation
def index_add(x, index, value):
    """x with value added at the index, as a new array; what is picked several times is added to several times.

    The value broadcasts to what is indexed, and is cast to x's dtype.
    Raises ShapeError if the value does not fit, DTypeError if x's dtype can't hold it.

    >>> import numpy as np, tinygrad_np as tg
    >>> print(tg.index_add(tg.Tensor([0.0, 0.0, 0.0]), [0, 2, 2], [5.0, 6.0, 7.0]))
    Tensor([ 5.,  0., 13.])
    """
    return added(array_of(x), array_of(value), index=plain_index(index))


@primitive(name="index_update")
def updated(x, value, /, index):
    """x with the value in place of x[index]; of several values for one element the last."""
    result = x.copy()
    value = _fitting(value, result, index)
    if picks_once(index) or getattr(index, "ndim", 0) == 1:
        # NumPy goes through a row of places in order.
        result[index] = value
    else:
        last = last_picks(index, x.shape)
        result.reshape(-1)[places(index, x.shape)[last]] = value[last]
    return result


@updated.vjp(0)
def _(g, y, x, value, index):
    return index_update(g, index, np.zeros((), x.dtype))


@updated.selects(0)
def _(x, value, index):
    return index_update(np.ones(x.shape, bool), index, np.zeros((), bool))


@updated.vjp(1)
def _(g, y, x, value, index):
    return g[index] if picks_once(index) else np.where(last_picks(index, x.shape), g[index], 0)


@primitive(name="index_add")
def added(x, value, /, index):
    """x with the value added at the index, as often as it is picked."""
    result = x.copy()
    value = _fitting(value, result, index)
    add_at(result, index, value)
    return result


@added.vjp(0)
def _(g, y, x, value, index):
    return g


@added.vjp(1)
def _(g, y, x, value, index):
    return g[index]


def last_picks(index, shape: tuple[int, ...]):
    """For each element that x[index] picks, whether the index does not pick it again later."""
    picked = places(index, shape)
    turns = np.arange(picked.size).reshape(picked.shape)
    latest = np.zeros(math.prod(shape), np.intp)
    latest[picked] = turns
    if np.all(latest[picked] == turns):
        return np.ones(picked.shape, bool)
    np.maximum.at(latest, picked.reshape(-1), turns.reshape(-1))
    return latest[picked] == turns


def _fitting(value, x, index):
    """The value in the shape of x[index] and in x's dtype."""
    if not np.can_cast(value.dtype, x.dtype, "same_kind"):
        raise TypeError(f"{value.dtype} does not fit into {x.dtype}; convert one of them with .astype")
    return np.broadcast_to(value, x[index].shape).astype(x.dtype)
