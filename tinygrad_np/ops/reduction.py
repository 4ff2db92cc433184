"""Many elements into one: along an axis, several, or all."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..primitive import primitive
from .shape import expand

Axis = int | tuple[int, ...] | None


def with_axes(g: Any, ndim: int, axis: Axis) -> Any:
    """The result of a reduction with the axes that it took away put back, at length 1."""
    if axis is None or g.ndim == ndim:
        return g
    gone = {one % ndim for one in (axis if isinstance(axis, tuple) else (axis,))}
    lengths = iter(g.shape)
    return g.reshape(tuple(1 if one in gone else next(lengths) for one in range(ndim)))


def reduced_count(shape: tuple[int, ...], axis: Axis) -> int:
    """The number of elements that a reduction makes one of."""
    if axis is None:
        return math.prod(shape)
    return math.prod(shape[one] for one in (axis if isinstance(axis, tuple) else (axis,)))


@primitive
def sum(x: Any, /, axis: Axis = None, keepdims: bool = False) -> Any:
    """The sum of the elements."""
    return x.sum(axis=axis, keepdims=keepdims)


@sum.vjp
def _(g: Any, y: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    return expand(with_axes(g, x.ndim, axis), x)


@primitive
def mean(x: Any, /, axis: Axis = None, keepdims: bool = False) -> Any:
    """The sum of the elements divided by their number."""
    return np.mean(x, axis=axis, keepdims=keepdims)


@mean.vjp
def _(g: Any, y: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    return expand(with_axes(g / reduced_count(x.shape, axis), x.ndim, axis), x)


@primitive
def max(x: Any, /, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest element; several that tie share the gradient evenly."""
    return x.max(axis=axis, keepdims=keepdims)


@primitive
def min(x: Any, /, axis: Axis = None, keepdims: bool = False) -> Any:
    """The smallest element; several that tie share the gradient evenly."""
    return x.min(axis=axis, keepdims=keepdims)


@max.vjp
@min.vjp
def _(g: Any, y: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    chosen = x == with_axes(y, x.ndim, axis)
    return chosen * with_axes(g, x.ndim, axis) / chosen.sum(axis=axis, keepdims=True)
