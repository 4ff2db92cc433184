"""One array into several: split along an axis."""

from __future__ import annotations

import itertools
import operator
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ...primitive import implements
from .picking import along


@implements(np.array_split)
def array_split(ary, indices_or_sections, axis: int = 0) -> list[Any]:
    """Parts along an axis: so many, the first of them longer by one if need be, or divided before these places."""
    axis = normalize_axis_index(axis, ary.ndim)
    length = ary.shape[axis]
    if np.ndim(indices_or_sections):
        bounds = [0, *map(operator.index, indices_or_sections), length]
    else:
        count = operator.index(indices_or_sections)
        if count <= 0:
            raise ValueError(f"{count} parts can't be made of an array")
        short, longer = divmod(length, count)
        bounds = [part * short + min(part, longer) for part in range(count + 1)]
    return [ary[along(axis, slice(start, stop))] for start, stop in itertools.pairwise(bounds)]


@implements(np.split)
def split(ary, indices_or_sections, axis: int = 0) -> list[Any]:
    """Parts along an axis: so many equal ones, or divided before these places."""
    if not np.ndim(indices_or_sections):
        length = ary.shape[normalize_axis_index(axis, ary.ndim)]
        if indices_or_sections and length % operator.index(indices_or_sections):
            raise ValueError(f"{length} elements can't be divided into {indices_or_sections} equal parts")
    return array_split(ary, indices_or_sections, axis)


def _with_axes(ary, least: int):
    if ary.ndim < least:
        raise ValueError(f"an array of {ary.ndim} axes can't be split along axis {least - 1}")
    return ary


@implements(np.hsplit)
def hsplit(ary, indices_or_sections) -> list[Any]:
    """Parts side by side: along the second axis, of a vector along its only one."""
    return split(_with_axes(ary, 1), indices_or_sections, 1 if ary.ndim > 1 else 0)


@implements(np.vsplit)
def vsplit(ary, indices_or_sections) -> list[Any]:
    """Parts one below the other: along the first axis."""
    return split(_with_axes(ary, 2), indices_or_sections, 0)


@implements(np.dsplit)
def dsplit(ary, indices_or_sections) -> list[Any]:
    """Parts one after the other: along the third axis."""
    return split(_with_axes(ary, 3), indices_or_sections, 2)


def unstack(x, /, *, axis: int = 0) -> tuple[Any, ...]:
    """The slices along an axis, each without it."""
    axis = normalize_axis_index(axis, x.ndim)
    return tuple(x[along(axis, place)] for place in range(x.shape[axis]))


if hasattr(np, "unstack"):
    implements(np.unstack)(unstack)
