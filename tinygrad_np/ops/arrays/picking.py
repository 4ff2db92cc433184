"""Elements picked by NumPy's functions: take, compress, delete and their relatives; each is an index in the end."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ...errors import IndexingError, described
from ...frames import user_place
from ...primitive import implements, operation
from .indexing import getitem, plain_index
from .shape import array_of


def along(axis: int, index) -> tuple[Any, ...]:
    """The index that picks along one axis, and everything of the axes before it."""
    return (slice(None),) * axis + (index,)


def axis_or_all(x, axis: int | None) -> tuple[Any, int]:
    """The array and one of its axes; without an axis, all its elements along one."""
    x = array_of(x)
    return (x.reshape(-1), 0) if axis is None else (x, normalize_axis_index(axis, x.ndim))


@implements(np.take)
def take(a, indices, axis: int | None = None, *, mode: str = "raise"):
    """The elements at these places along an axis, or of all; those beyond the end raise, wrap around or are clipped."""
    x, axis = axis_or_all(a, axis)
    places = array_of(plain_index(indices))
    if not np.can_cast(places.dtype, np.intp):
        raise TypeError(f"places are whole numbers, and these are {places.dtype}")
    places = places.astype(np.intp)
    if mode == "wrap":
        places = places % x.shape[axis]
    elif mode == "clip":
        places = places.clip(0, x.shape[axis] - 1)
    elif mode != "raise":
        raise ValueError(f"mode={mode!r} is none of 'raise', 'wrap' and 'clip'")
    return getitem(x, index=plain_index(along(axis, places)))


@operation
def embedding(table, rows):
    """The rows of a table that these whole numbers name: an embedding's lookup, of shape rows.shape + table.shape[1:].

    The gradient adds up, in each row of the table, what arrived for it; rows that nobody asked for are not touched.
    Raises IndexingError for rows that the table does not have, or that are no whole numbers.

    >>> import numpy as np, tinygrad_np as tg
    >>> table = tg.Tensor(np.zeros((4, 2)), requires_grad=True)
    >>> tg.embedding(table, [1, 3, 1]).sum().backward()
    >>> table.grad[:, 0]
    array([0., 2., 0., 1.])
    """
    rows = plain_index(rows)
    dtype = array_of(rows).dtype
    if dtype.kind not in "iu":
        raise IndexingError(
            f"embedding of {described(table)}, {user_place()}: rows are whole numbers, and these are {dtype}."
        )
    return getitem(array_of(table), index=rows)


@implements(np.take_along_axis)
def take_along_axis(arr, indices, axis: int | None = -1):
    """Along an axis the elements at places that are given for every place of the other axes, as argsort gives them."""
    x, axis = axis_or_all(arr, axis)
    places = array_of(plain_index(indices))
    if places.ndim != x.ndim or places.dtype.kind not in "iu":
        raise IndexError(f"the indices must be whole numbers with {x.ndim} axes, and are {places.dtype} {places.shape}")
    others = np.ix_(*(range(length) for length in x.shape))
    return getitem(x, index=plain_index((*others[:axis], places, *others[axis + 1 :])))


@implements(np.compress)
def compress(condition, a, axis: int | None = None):
    """The slices along an axis for which the condition holds."""
    condition = np.asarray(condition)
    if condition.ndim != 1:
        raise ValueError("the condition must have one axis")
    return take(a, np.flatnonzero(condition), axis)


@implements(np.extract)
def extract(condition, arr):
    """All elements for which the condition holds."""
    return take(arr, np.flatnonzero(condition))


@implements(np.delete)
def delete(arr, obj, axis: int | None = None):
    """Without the elements at these places along an axis."""
    x, axis = axis_or_all(arr, axis)
    return x[along(axis, np.delete(np.arange(x.shape[axis]), plain_index(obj)))]


@implements(np.insert)
def insert(arr, obj, values, axis: int | None = None):
    """With values in between, before these places along an axis; they are cast to the dtype of the array."""
    x, axis = axis_or_all(arr, axis)
    obj = plain_index(obj)
    values = array_of(values).astype(x.dtype)
    values = values.reshape((1,) * (x.ndim - values.ndim) + values.shape)
    if np.ndim(obj) == 0 and not isinstance(obj, slice):
        values = np.moveaxis(values, 0, axis)
    count = np.insert(np.zeros(x.shape[axis]), obj, np.ones(values.shape[axis])).size - x.shape[axis]
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    # Where each element of the result comes from, if the values stood behind the array.
    places = np.insert(np.arange(x.shape[axis]), obj, x.shape[axis] + np.arange(count))
    return np.concatenate([x, np.broadcast_to(values, shape)], axis=axis)[along(axis, places)]


@implements(np.trim_zeros)
def trim_zeros(filt, trim: str = "fb", axis=None):
    """Without the zeros at the front (f) and at the back (b) of the axes."""
    x = array_of(filt)
    if trim.lower() not in ("f", "b", "fb", "bf"):
        raise ValueError(f"trim={trim!r} is none of 'f', 'b' and 'fb'")
    found = np.argwhere(x)
    index = [slice(None)] * x.ndim
    for one in range(x.ndim) if axis is None else normalize_axis_tuple(axis, x.ndim):
        first, last = (found[:, one].min(), found[:, one].max()) if len(found) else (x.shape[one], -1)
        index[one] = slice(first if "f" in trim.lower() else 0, last + 1 if "b" in trim.lower() else x.shape[one])
    return x[tuple(index)]


@implements(np.ix_)
def ix_(*args) -> tuple[Any, ...]:
    """Indices that pick a grid; they are data, whole numbers or booleans."""
    indices = [np.asarray(plain_index(one)) for one in args]
    if any(one.dtype.kind not in "biu" for one in indices):
        raise TypeError("an index holds whole numbers or booleans")
    return np.ix_(*indices)
