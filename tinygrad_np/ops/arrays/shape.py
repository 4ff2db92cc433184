"""The same elements in another shape: reshaped, with their axes in another order, broadcast, copied."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ...errors import DTypeError
from ...frames import user_place
from ...primitive import implements, primitive


def array_of(value):
    """The value itself if it has a shape, as arrays and Tensors have; else the array of its numbers."""
    if value is None:
        raise DTypeError(
            f"None was given in place of an array or a Tensor, {user_place()}; was it computed by a function, such as "
            "forward(), that lacks its `return`?"
        )
    return value if hasattr(value, "shape") else np.asarray(value)


def constant(value, name: str):
    """The value of an option in which nothing is differentiated; a Tensor that needs a gradient is refused."""
    for part in value if isinstance(value, list | tuple) else ():
        constant(part, name)
    if getattr(value, "requires_grad", False):
        raise TypeError(f"{name}= has no gradient rule: give a number, as {name}.item()")
    return value


def precise(x, like):
    """x in the dtype of the result that it went into: an int8 or a half has no logarithm of its own that would do."""
    dtype = getattr(x, "dtype", None)
    return x.astype(like.dtype) if isinstance(dtype, np.dtype) and dtype != like.dtype else x


def common_dtype(values):
    """The dtype that NumPy gives what is made of all these; single numbers of Python's have none of their own."""
    return np.result_type(*(one if type(one) in (int, float, bool) else array_of(one).dtype for one in values))


HALF = np.dtype(np.float16)


def wide(x):
    """Halves in single precision, in which sums of them, means and what comes between are found; all else as it is.

    A half ends at 65,504 and counts by ones to 2,048: fewer than many an axis has elements.
    """
    return x.astype(np.float32) if x.dtype is HALF else x


def narrow(y, like):
    """What was made in single precision of halves as halves again."""
    return y.astype(HALF) if like.dtype is HALF else y


@primitive(elementwise=True)
def identity(x):
    """x itself: where the Tensors of a transform are joined to those that it was given."""
    return x


@identity.vjp
def _(g, y, x):
    return g


@primitive(elementwise=True)
def copy(x):
    """x in an array of its own."""
    return x.copy()


@copy.vjp
def _(g, y, x):
    return g


@primitive
def astype(x, /, dtype):
    """In another dtype."""
    return x.astype(dtype)


@astype.vjp
def _(g, y, x, dtype):
    return g


# Another shape.


@primitive
def reshape(x, /, shape):
    """The same elements, in the same order, in another shape; one length may be -1."""
    return x.reshape(shape)


@reshape.vjp
def _(g, y, x, shape):
    return g.reshape(x.shape)


@implements(np.reshape)
def reshaped(a, /, shape=None, order: str = "C", *, newshape=None, copy: bool | None = None):
    """np.reshape, the elements read and placed in C's order (the last axis fastest) or in Fortran's (the first).

    Fortran's order is C's of the transposed. A Tensor's values never change, so that copies are like views.
    """
    shape = newshape if shape is None else shape
    if copy is False:
        raise ValueError("copy=False can't be promised; leave it out")
    if order == "C":
        return reshape(a, shape=shape)
    if order != "F":
        raise ValueError(f"order={order!r} depends on how the values lie in memory; say 'C' or 'F'")
    return transpose(reshape(transpose(a), shape=tuple(np.atleast_1d(shape)[::-1].tolist())))


@implements(np.ravel)
def ravel(a, order: str = "C"):
    """All elements along one axis."""
    return reshaped(a, -1, order)


@primitive
def squeeze(x, /, axis: int | tuple[int, ...] | None = None):
    """Without axes of length 1."""
    return x.squeeze(axis)


@squeeze.vjp
def _(g, y, x, axis: int | tuple[int, ...] | None = None):
    return g.reshape(x.shape)


@primitive
def expand_dims(x, /, axis: int | tuple[int, ...]):
    """With new axes of length 1 at these places of the result."""
    return np.expand_dims(x, axis)


@expand_dims.vjp
def _(g, y, x, axis: int | tuple[int, ...]):
    return g.reshape(x.shape)


def _each(arrays: tuple[Any, ...], in_shape):
    """The only array reshaped, or a tuple of them all."""
    results = tuple(x if in_shape(x) == x.shape else reshape(x, shape=in_shape(x)) for x in map(array_of, arrays))
    return results[0] if len(results) == 1 else results


@implements(np.atleast_1d)
def atleast_1d(*arys):
    """Each with one axis or more."""
    return _each(arys, lambda x: x.shape or (1,))


@implements(np.atleast_2d)
def atleast_2d(*arys):
    """Each with two axes or more, a vector as a row."""
    return _each(arys, lambda x: (1,) * (2 - x.ndim) + x.shape)


@implements(np.atleast_3d)
def atleast_3d(*arys):
    """Each with three axes or more, a vector along the middle one, a matrix along the first two."""
    return _each(arys, lambda x: ((1,) * (2 - x.ndim) + x.shape + (1,)) if x.ndim < 3 else x.shape)


# Axes in another order.


@primitive
def transpose(x, /, axes: tuple[int, ...] | None = None):
    """Axis i of the result is axis axes[i] of x; without axes, all in reverse."""
    return x.transpose() if axes is None else x.transpose(axes)


@transpose.vjp
def _(g, y, x, axes: tuple[int, ...] | None = None):
    if axes is None or g.ndim == 1:
        return g.transpose()
    return g.transpose(tuple(np.argsort([axis % g.ndim for axis in axes]).tolist()))


@primitive
def swapaxes(x, /, axis1: int, axis2: int):
    """Two axes change places."""
    return x.swapaxes(axis1, axis2)


@swapaxes.vjp
def _(g, y, x, axis1: int, axis2: int):
    return g.swapaxes(axis1, axis2)


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x, /):
    """The last two axes swapped."""
    if x.ndim < 2:
        raise ValueError(f"a matrix has two axes, and this has {x.ndim}")
    return swapaxes(x, axis1=-1, axis2=-2)


@implements(np.moveaxis)
def moveaxis(a, source, destination):
    """Axes moved to other places, the others left in their order."""
    a = array_of(a)
    sources = normalize_axis_tuple(source, a.ndim, "source")
    destinations = normalize_axis_tuple(destination, a.ndim, "destination")
    if len(sources) != len(destinations):
        raise ValueError(f"{len(sources)} axes can't be moved to {len(destinations)} places")
    order = [axis for axis in range(a.ndim) if axis not in sources]
    for place, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(place, axis)
    return transpose(a, axes=tuple(order))


@implements(np.rollaxis)
def rollaxis(a, axis: int, start: int = 0):
    """One axis moved back until it stands before what was axis `start`."""
    axis = normalize_axis_index(axis, a.ndim)
    place = normalize_axis_index(start, a.ndim + 1) if start >= 0 else normalize_axis_index(start, a.ndim)
    return moveaxis(a, axis, place - (axis < place))


# Broadcast.


@primitive
def broadcast_to(x, /, shape):
    """Repeated along new axes and those of length 1, to this shape."""
    return np.broadcast_to(x, shape)


@broadcast_to.vjp
def _(g, y, x, shape):
    return g


@implements(np.broadcast_arrays)
def broadcast_arrays(*args) -> tuple[Any, ...]:
    """All repeated to the one shape that they broadcast to."""
    # matplotlib hands in None beside Tensors, for what is not given.
    arrays = [np.asarray(x) if x is None else array_of(x) for x in args]
    shape = np.broadcast_shapes(*(x.shape for x in arrays))
    return tuple(broadcast_to(x, shape=shape) for x in arrays)


@primitive
def expand(x, /, like):
    """Repeated along new axes and those of length 1, to the shape of `like`, of which nothing else is read."""
    # An array of another library tells how the result is to be laid out.
    if type(like) is not np.ndarray and hasattr(like, "__array_function__"):
        return np.ones_like(like, dtype=x.dtype) * x
    # Filling takes a fraction of np.broadcast_to's time.
    result = np.empty(like.shape, x.dtype)
    result[...] = x
    return result


@expand.vjp
def _(g, y, x, like):
    return g


@implements(np.full_like)
def full_like(a, fill_value, dtype=None, *, shape=None):
    """The fill value in the shape and the dtype of another array, which tells nothing else."""
    like = np.empty_like(a, dtype=dtype, shape=shape)
    if hasattr(type(fill_value), "__primitive__"):
        return broadcast_to(astype(fill_value, dtype=like.dtype), shape=like.shape)
    return np.full_like(like, fill_value)
