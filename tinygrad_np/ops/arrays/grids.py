"""Evenly spaced numbers between two ends, and grids of them."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...primitive import implements
from .checks import checked
from .shape import array_of


@implements(np.linspace)
def linspace(
    start,
    stop,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype=None,
    axis: int = 0,
):
    """`num` evenly spaced numbers from start to stop; with `retstep` also the distance between two."""
    num = operator.index(num)
    if num < 0:
        raise ValueError(f"there are no {num} numbers")
    inexact = np.linspace(_sample(start), _sample(stop), 1).dtype
    start, stop = array_of(start).astype(inexact), array_of(stop).astype(inexact)
    distance = np.subtract(stop, start)
    steps = num - 1 if endpoint else num
    step = distance / steps if steps > 0 else np.nan
    places = np.arange(num, dtype=distance.dtype).reshape((-1,) + (1,) * distance.ndim)
    numbers = places * (step if steps > 0 else distance) + start
    if endpoint and num > 1:
        last = np.broadcast_to(stop, distance.shape).astype(distance.dtype)
        numbers = np.concatenate([numbers[:-1], last[None]])
    if dtype is not None:
        numbers = (np.floor(numbers) if np.issubdtype(dtype, np.integer) else numbers).astype(dtype)
    numbers = np.moveaxis(numbers, 0, axis)
    return (numbers, step) if retstep else numbers


def _sample(value):
    """A number of the value's dtype, by which NumPy chooses that of the result; Python's own set none."""
    return value if type(value) in (int, float) else np.zeros((), array_of(value).dtype)


@implements(np.logspace)
def logspace(start, stop, num: int = 50, endpoint: bool = True, base=10.0, dtype=None, axis: int = 0):
    """Powers of the base whose exponents are evenly spaced from start to stop."""
    if np.ndim(base):
        start, stop, base = np.broadcast_arrays(start, stop, base)
        base = np.expand_dims(base, axis)
    numbers = np.power(base, linspace(start, stop, num, endpoint, axis=axis))
    return numbers if dtype is None else numbers.astype(dtype)


@implements(np.geomspace)
def geomspace(start, stop, num: int = 50, endpoint: bool = True, dtype=None, axis: int = 0):
    """Numbers from start to stop of which each is the same multiple of the one before."""
    start, stop = np.broadcast_arrays(start, stop)
    wide = np.result_type(start.dtype, stop.dtype, float)  # NumPy's own choice, whatever goes in.
    start, stop = start.astype(wide), stop.astype(wide)
    start = checked(start, np.multiply(start, stop) <= 0, "both ends must be positive, or both negative")
    sign = np.sign(array_of(start))
    numbers = sign * logspace(np.log10(start * sign), np.log10(stop * sign), num, endpoint)
    if num > 0:
        numbers = np.concatenate([start[None], numbers[1:]])
    if num > 1 and endpoint:
        numbers = np.concatenate([numbers[:-1], stop[None]])
    numbers = np.moveaxis(numbers, 0, axis)
    return numbers if dtype is None else numbers.astype(dtype)


@implements(np.meshgrid)
def meshgrid(*xi, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    """Coordinates on a grid: each vector along an axis of its own, and repeated along the others unless `sparse`."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"indexing={indexing!r} is neither 'xy' nor 'ij'")
    order = list(range(len(xi)))
    if indexing == "xy" and len(xi) > 1:
        order[:2] = 1, 0
    arrays = [array_of(x) for x in xi]
    places = [[-1 if one == axis else 1 for one in range(len(xi))] for axis in order]
    axes = [array.reshape(place) for array, place in zip(arrays, places, strict=True)]
    return tuple(axes) if sparse else np.broadcast_arrays(*axes)
