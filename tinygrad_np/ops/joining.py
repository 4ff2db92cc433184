"""Several arrays into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..primitive import implements, primitive


@primitive(name="concatenate", saves="shapes")
def joined(*arrays: Any, axis: int | None = 0) -> Any:
    """The arrays one after the other along an axis that they have; flattened first if the axis is None."""
    return np.concatenate(arrays, axis=axis)


@joined.vjp(...)
def _(index: int, g: Any, y: Any, *arrays: Any, axis: int | None = 0) -> Any:
    lengths = [array.size if axis is None else array.shape[axis] for array in arrays]
    start = sum(lengths[:index])
    along = 0 if axis is None else axis % g.ndim
    return g[(slice(None),) * along + (slice(start, start + lengths[index]),)].reshape(arrays[index].shape)


@primitive(name="stack", saves="shapes")
def stacked(*arrays: Any, axis: int = 0) -> Any:
    """The arrays side by side along a new axis."""
    return np.stack(arrays, axis=axis)


@stacked.vjp(...)
def _(index: int, g: Any, y: Any, *arrays: Any, axis: int = 0) -> Any:
    return g[(slice(None),) * (axis % g.ndim) + (index,)]


@implements(np.concatenate)
def concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    """np.concatenate of a sequence in which any may be Tensors."""
    return joined(*arrays, axis=axis)


@implements(np.stack)
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """np.stack of a sequence in which any may be Tensors."""
    return stacked(*arrays, axis=axis)
