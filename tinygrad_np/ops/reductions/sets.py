"""np.unique, and arrays as the sets of their different elements.

Which elements are taken is data. Of those that are the same, the first has the gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...primitive import implements
from ..arrays.shape import array_of
from .reduction_options import converted


def values_of(x):
    """The values alone, as an array."""
    return x.numpy() if hasattr(x, "__primitive__") else np.asarray(x)


@implements(np.unique)
def unique(
    x,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis=None,
    *,
    equal_nan: bool = True,
):
    """The different elements in order; where each is first, which of them stands in each place, how often each does."""
    data: Any = np.unique(values_of(x), True, return_inverse, return_counts, axis, equal_nan=equal_nan)  # type: ignore
    index = data[1]
    different = x.reshape(-1)[index] if axis is None else x[(slice(None),) * (axis % x.ndim) + (index,)]
    rest = data[1:] if return_index else data[2:]
    return (different, *rest) if rest else different


@implements(np.unique_all)
def unique_all(x, /):
    """The different elements, where each is first, which of them stands in each place, how often each does."""
    data = np.unique_all(values_of(x))
    return data._replace(values=x.reshape(-1)[data.indices])


@implements(np.unique_counts)
def unique_counts(x, /):
    """The different elements, and how often each stands."""
    return np.unique_counts(values_of(x))._replace(values=unique_all(x).values)


@implements(np.unique_inverse)
def unique_inverse(x, /):
    """The different elements, and which of them stands in each place."""
    return np.unique_inverse(values_of(x))._replace(values=unique_all(x).values)


@implements(np.unique_values)
def unique_values(x, /):
    """The different elements."""
    return unique_all(x).values


@implements(np.union1d)
def union1d(ar1, ar2):
    """The elements of both."""
    return np.unique(np.concatenate([_row(ar1), _row(ar2)]))


@implements(np.intersect1d)
def intersect1d(ar1, ar2, assume_unique: bool = False, return_indices: bool = False):
    """The elements of the first that are in the second too."""
    values, first, second = np.intersect1d(values_of(ar1), values_of(ar2), assume_unique, return_indices=True)
    common = converted(_row(ar1)[first], values.dtype)
    return (common, first, second) if return_indices else common


@implements(np.setdiff1d)
def setdiff1d(ar1, ar2, assume_unique: bool = False):
    """The elements of the first that are not in the second."""
    elements = _row(ar1) if assume_unique else np.unique(_row(ar1))
    return elements[np.isin(values_of(elements), values_of(ar2), invert=True)]


@implements(np.setxor1d)
def setxor1d(ar1, ar2, assume_unique: bool = False):
    """The elements of one that are not in the other."""
    return np.sort(np.concatenate([setdiff1d(ar1, ar2, assume_unique), setdiff1d(ar2, ar1, assume_unique)]))


def _row(x):
    return array_of(x).reshape(-1)
