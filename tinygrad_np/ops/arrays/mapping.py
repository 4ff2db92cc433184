"""A function of the user's, applied along the axes of an array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ...primitive import implements


@implements(np.apply_along_axis)
def apply_along_axis(func1d: Callable[..., Any], axis: int, arr, *args, **kwargs):
    """The function of each vector along an axis, its result in its place."""
    axis = normalize_axis_index(axis, arr.ndim)
    moved = np.moveaxis(arr, axis, -1)
    places = moved.shape[:-1]
    if 0 in places:
        raise ValueError(f"there are no vectors along axis {axis} of an array of shape {arr.shape}")
    results = np.stack([func1d(moved[place], *args, **kwargs) for place in np.ndindex(places)])
    result = results.reshape(places + results.shape[1:])
    return np.moveaxis(result, range(len(places), result.ndim), range(axis, axis + result.ndim - len(places)))


@implements(np.apply_over_axes)
def apply_over_axes(func: Callable[..., Any], a, axes):
    """The function applied along one axis after the other, each of which is kept."""
    for axis in np.atleast_1d(axes).tolist():
        axis = normalize_axis_index(axis, a.ndim)
        result = func(a, axis)
        a = result if result.ndim == a.ndim else np.expand_dims(result, axis)
        if result.ndim < a.ndim - 1:
            raise ValueError("the function took away more than the axis that it was given")
    return a
