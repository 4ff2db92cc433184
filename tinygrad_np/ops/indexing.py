"""Elements picked by an index, and the same backward: added up where they were picked."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import primitive


def is_basic(index: Any) -> bool:
    """Whether an index is basic: it picks each element at most once, as slices and integers do."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(part is None or part is Ellipsis or isinstance(part, slice | int | np.integer) for part in parts) and not any(
        isinstance(part, bool) for part in parts
    )


def plain_index(index: Any) -> Any:
    """The index with arrays in place of Tensors, which pick but are not differentiated."""
    if isinstance(index, tuple):
        return tuple(plain_index(part) for part in index)
    if isinstance(index, list):
        return [plain_index(part) for part in index]
    return index.numpy() if hasattr(type(index), "__primitive__") else index


@primitive
def getitem(x: Any, /, index: Any) -> Any:
    """x[index], basic or fancy."""
    return x[index]


@getitem.vjp
def _(g: Any, y: Any, x: Any, index: Any) -> Any:
    return scatter(g, index, x.shape)


@primitive
def scatter(x: Any, /, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of this shape, to which x is added at the index; what is picked twice is added twice."""
    result = np.zeros(shape, x.dtype)
    if is_basic(index):
        result[index] = x
    else:
        np.add.at(result, index, x)
    return result


@scatter.vjp
def _(g: Any, y: Any, x: Any, index: Any, shape: tuple[int, ...]) -> Any:
    return g[index]
