"""Elements picked by an index, and the same backward: added up where they were picked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...primitive import primitive


def plain_index(index):
    """The index that is remembered: arrays of its own in place of lists, Tensors and arrays that may yet change."""
    return tuple(_plain_part(part) for part in index) if isinstance(index, tuple) else _plain_part(index)


def _plain_part(part):
    if part is None or part is Ellipsis or isinstance(part, int | np.bool):
        return part
    if isinstance(part, slice):
        return slice(*(_plain_part(bound) for bound in (part.start, part.stop, part.step)))
    if hasattr(part, "__primitive__"):
        part = part.numpy()
        if hasattr(part, "__primitive__"):
            return part  # It writes down what is done with it, and tells no values.
    try:
        array = np.array(part)
    except ValueError:
        return part  # NumPy says what is wrong with it as soon as it is used.
    if array.size == 0 and isinstance(part, list | tuple):
        return array.astype(np.intp)
    # A single whole number picks without copying.
    return int(array) if array.ndim == 0 and array.dtype.kind in "iu" else array


def picks_once(index) -> bool:
    """Whether an index can't pick an element twice, as only arrays of whole numbers can."""
    return not any(getattr(part, "ndim", 0) and part.dtype != bool for part in _parts(index))


def _parts(index) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def add_at(result, index, x) -> None:
    """Add x into an array of ours at the index, as often as the index picks an element."""
    if picks_once(index):
        result[index] += x
    elif x.size > _MANY and result.flags.c_contiguous and (isinstance(index, np.ndarray) or result.size < 8 * x.size):
        # np.add.at is several times faster with one index into one axis, and to find that takes the whole of result.
        np.add.at(result.reshape(-1), places(index, result.shape).reshape(-1), x.reshape(-1))
    else:
        np.add.at(result, index, x)


def places(index, shape: tuple[int, ...]):
    """Where the elements that x[index] picks stand in x.ravel(), for an x of this shape."""
    if isinstance(index, np.ndarray) and index.dtype != bool:
        length = math.prod(shape[1:])
        first = index % shape[0]
        return first if len(shape) == 1 else np.add.outer(first * length, np.arange(length))
    if isinstance(index, tuple) and len(index) == len(shape) and all(map(_is_numbers, index)):
        flat = np.zeros((), np.intp)
        for part, length in zip(index, shape, strict=True):
            flat = flat * length + np.where(part < 0, part + length, part)
        return flat
    return np.arange(math.prod(shape)).reshape(shape)[index]


def _is_numbers(part) -> bool:
    return isinstance(part, np.ndarray) and part.dtype.kind == "i"


_MANY = 4096
"""From how many elements on it pays to say of each where it goes."""


@primitive
def getitem(x, /, index):
    """x[index], basic or fancy."""
    if type(index) is np.ndarray and type(x) is np.ndarray and index.dtype.kind == "i" and x.ndim > 1:
        return x.take(index, axis=0)  # The same rows, in a third of the time.
    return x[index]


@getitem.vjp
def _(g, y, x, index):
    return scatter(g, index=index, shape=x.shape)


@getitem.adds
def _(total, g, y, x, index):
    add_at(total, index, g)


@getitem.selects(0, on_request=True)
def _(x, index):
    return scatter(np.ones(()), index=index, shape=x.shape) != 0


@primitive
def scatter(x, /, index, shape: tuple[int, ...], once: bool = False):
    """Zeros of this shape, to which x is added at the index; what is picked twice is added twice.

    `once` says that nothing is, where the index does not show it.
    """
    if isinstance(x, np.ndarray | np.generic):
        # Large zeros of NumPy take no time until they are touched.
        result = np.zeros(shape, x.dtype)
    else:
        # An array of another library makes its own, which may not know what to do with new axes.
        result = np.zeros_like(x, shape=shape)
        index = tuple(part for part in _parts(index) if part is not None)
        x = x.reshape(result[index].shape)
    if once or picks_once(index):
        result[index] = x
    else:
        add_at(result, index, x)
    return result


@scatter.vjp
def _(g, y, x, index, shape: tuple[int, ...], once: bool = False):
    return g[index]
