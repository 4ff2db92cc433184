"""The same elements in another shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import primitive


@primitive(elementwise=True)
def identity(x: Any) -> Any:
    """x itself: where the Tensors of a transform are joined to those that it was given."""
    return x


@identity.vjp
def _(g: Any, y: Any, x: Any) -> Any:
    return g


@primitive
def reshape(x: Any, /, shape: Any) -> Any:
    """The same elements, in the same order, in another shape; one length may be -1."""
    return x.reshape(shape)


@reshape.vjp
def _(g: Any, y: Any, x: Any, shape: Any) -> Any:
    return g.reshape(x.shape)


@primitive
def transpose(x: Any, /, axes: tuple[int, ...] | None = None) -> Any:
    """Axis i of the result is axis axes[i] of x; without axes, all in reverse."""
    return x.transpose(axes)


@transpose.vjp
def _(g: Any, y: Any, x: Any, axes: tuple[int, ...] | None = None) -> Any:
    return g.transpose(None if axes is None else tuple(np.argsort([axis % g.ndim for axis in axes]).tolist()))


@primitive
def swapaxes(x: Any, /, axis1: int, axis2: int) -> Any:
    """Two axes change places."""
    return x.swapaxes(axis1, axis2)


@swapaxes.vjp
def _(g: Any, y: Any, x: Any, axis1: int, axis2: int) -> Any:
    return g.swapaxes(axis1, axis2)


@primitive
def squeeze(x: Any, /, axis: int | tuple[int, ...] | None = None) -> Any:
    """Without axes of length 1."""
    return x.squeeze(axis)


@squeeze.vjp
def _(g: Any, y: Any, x: Any, axis: int | tuple[int, ...] | None = None) -> Any:
    return g.reshape(x.shape)


@primitive
def expand_dims(x: Any, /, axis: int | tuple[int, ...]) -> Any:
    """With new axes of length 1 at these places of the result."""
    return np.expand_dims(x, axis)


@expand_dims.vjp
def _(g: Any, y: Any, x: Any, axis: int | tuple[int, ...]) -> Any:
    return g.reshape(x.shape)


@primitive
def broadcast_to(x: Any, /, shape: Any) -> Any:
    """Repeated along new axes and those of length 1, to this shape."""
    return np.broadcast_to(x, shape)


@broadcast_to.vjp
def _(g: Any, y: Any, x: Any, shape: Any) -> Any:
    return g


@primitive
def expand(x: Any, /, like: Any) -> Any:
    """Repeated along new axes and those of length 1, to the shape of `like`, of which nothing else is read."""
    # An array of another library tells how the result is to be laid out.
    if hasattr(like, "__array_function__") and type(like) is not np.ndarray:
        return np.ones_like(like, dtype=x.dtype) * x
    # Filling takes a tenth of np.broadcast_to's time.
    result = np.empty(like.shape, x.dtype)
    result[...] = x
    return result


@expand.vjp
def _(g: Any, y: Any, x: Any, like: Any) -> Any:
    return g


@primitive
def astype(x: Any, /, dtype: Any) -> Any:
    """In another dtype."""
    return x.astype(dtype)


@astype.vjp
def _(g: Any, y: Any, x: Any, dtype: Any) -> Any:
    return g
