"""Several arrays into one: one after the other, side by side, in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ...primitive import implements, primitive
from .shape import array_of, atleast_1d, atleast_2d, atleast_3d, common_dtype


@primitive(name="concatenate")
def joined(*arrays, axis: int, ends: tuple[int, ...]):
    """The arrays one after the other along an axis that they have, on which they end at `ends`."""
    return np.concatenate(arrays, axis=axis)


@joined.vjp(...)
def _(index: int, g, y, *arrays, axis: int, ends: tuple[int, ...]):
    return g[(slice(None),) * axis + (slice(ends[index - 1] if index else 0, ends[index]),)]


@implements(np.concatenate)
def concatenate(arrays: Sequence[Any], axis: int | None = 0, *, dtype=None, casting="same_kind"):
    """The arrays one after the other along an axis that they have; flattened first if the axis is None."""
    if axis is None:
        dtype = common_dtype(arrays) if dtype is None and len(arrays) else dtype
        arrays, axis = [array.reshape(-1) for array in _converted(arrays, dtype, casting)], 0
    else:
        arrays = _converted(arrays, dtype, casting)
    if any(array.ndim == 0 for array in arrays):
        raise ValueError("single numbers have no axis to be joined along; use np.stack or np.hstack")
    axis = normalize_axis_index(axis, arrays[0].ndim)
    ends = tuple(accumulate(array.shape[axis] for array in arrays if array.ndim > axis))
    return joined(*arrays, axis=axis, ends=ends)


def _converted(arrays: Sequence[Any], dtype, casting) -> list[Any]:
    """The arrays that are to be joined, in the dtype that the result is to have."""
    converted = [array_of(array) for array in arrays]
    if not converted:
        raise ValueError("there is nothing to be joined")
    if dtype is None:
        return converted
    for array in converted:
        if not np.can_cast(array.dtype, dtype, casting):
            raise TypeError(f"{array.dtype} can't become {np.dtype(dtype)} with casting={casting!r}")
    return [array if array.dtype == dtype else array.astype(np.dtype(dtype)) for array in converted]


@primitive(name="stack")
def stacked(*arrays, axis: int = 0):
    """The arrays side by side along a new axis."""
    return np.stack(arrays, axis=axis)


@stacked.vjp(...)
def _(index: int, g, y, *arrays, axis: int = 0):
    return g[(slice(None),) * (axis % g.ndim) + (index,)]


@implements(np.stack)
def stack(arrays: Sequence[Any], axis: int = 0, *, dtype=None, casting="same_kind"):
    """The arrays, all of one shape, side by side along a new axis."""
    return stacked(*_converted(arrays, dtype, casting), axis=axis)


@implements(np.vstack)
def vstack(tup: Sequence[Any], *, dtype=None, casting="same_kind"):
    """One below the other; vectors are rows."""
    return concatenate([atleast_2d(array) for array in tup], 0, dtype=dtype, casting=casting)


@implements(np.hstack)
def hstack(tup: Sequence[Any], *, dtype=None, casting="same_kind"):
    """One to the right of the other; vectors one after the other."""
    arrays = [atleast_1d(array) for array in tup]
    axis = 0 if arrays and arrays[0].ndim == 1 else 1
    return concatenate(arrays, axis, dtype=dtype, casting=casting)


@implements(np.dstack)
def dstack(tup: Sequence[Any], *, dtype=None, casting="same_kind"):
    """One after the other, along the third axis."""
    return concatenate([atleast_3d(array) for array in tup], 2, dtype=dtype, casting=casting)


@implements(np.column_stack)
def column_stack(tup: Sequence[Any]):
    """One to the right of the other; vectors are columns."""
    arrays = [array_of(array) for array in tup]
    return concatenate([array if array.ndim > 1 else array.reshape(-1, 1) for array in arrays], 1)


@implements(np.append)
def append(arr, values, axis: int | None = None):
    """The values after the array, along an axis or all elements along one."""
    return concatenate([array_of(arr), array_of(values)], axis)


@implements(np.block)
def block(arrays):
    """Blocks in nested lists put together: the innermost lists along the last axis, the next along the last but one."""
    depth = _depth(arrays)
    ndim = max(depth, *(array.ndim for array in _leaves(arrays)))

    def put_together(part, axis: int):
        if isinstance(part, list):
            return concatenate([put_together(inner, axis + 1) for inner in part], axis)
        part = array_of(part)
        return part.reshape((1,) * (ndim - part.ndim) + part.shape)

    return put_together(arrays, -depth)


def _depth(part) -> int:
    """How deep the lists are nested, which must be the same everywhere."""
    if isinstance(part, tuple):
        raise TypeError("blocks are nested in lists; a tuple is ambiguous")
    if not isinstance(part, list):
        return 0
    depths = {_depth(inner) for inner in part}
    if len(depths) != 1:
        raise ValueError("the lists of blocks are empty, or not nested equally deep")
    return 1 + depths.pop()


def _leaves(part) -> list[Any]:
    return [leaf for inner in part for leaf in _leaves(inner)] if isinstance(part, list) else [array_of(part)]
