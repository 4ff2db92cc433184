"""One of several values, or of several functions, element by element: select, choose, piecewise."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from ...primitive import implements
from ..arrays.checks import checked
from ..arrays.indexing import getitem, plain_index, scatter
from ..arrays.shape import array_of, astype, common_dtype
from .selection import clip, where


@implements(np.select)
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default=0):
    """The choice of the first condition that holds, else the default; what is not selected gets the gradient 0."""
    if len(condlist) != len(choicelist) or not condlist:
        raise ValueError(
            f"{len(condlist)} conditions for {len(choicelist)} choices: as many are needed, and one at least"
        )
    dtype = common_dtype([*choicelist, default])
    result = array_of(default).astype(dtype)
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        if array_of(condition).dtype != bool:
            raise TypeError("a condition must be of booleans")
        result = where(condition, array_of(choice).astype(dtype), result)
    return result


@implements(np.choose)
def choose(a, choices: Sequence[Any], mode: str = "raise"):
    """choices[a[i]][i] for each i; what is not chosen gets the gradient 0."""
    a, count = array_of(a), len(choices)
    if a.dtype.kind not in "iub":
        raise TypeError("what chooses must be integers")
    if mode == "wrap":
        a = a % count
    elif mode == "clip":
        a = clip(a, 0, count - 1)
    elif mode == "raise":
        a = checked(a, (a < 0) | (a >= count), f"what chooses among {count} must be in 0 ... {count - 1}")
    else:
        raise ValueError(f'mode must be "raise", "wrap" or "clip", not {mode!r}')
    dtype = common_dtype(choices)
    result = array_of(choices[count - 1]).astype(dtype)
    for number in reversed(range(count)):
        result = where(a == number, array_of(choices[number]).astype(dtype), result)
    return result


@implements(np.piecewise)
def piecewise(x, condlist, funclist: Sequence[Any], *args):
    """The function, or the constant, of the last condition that holds, run on the elements for which it holds.

    One function more than conditions is for all other elements; without it they are 0. The dtype is that of x.
    """
    x, conditions = array_of(x), condlist if isinstance(condlist, list | tuple) else array_of(condlist)
    if getattr(conditions, "ndim", 1) == 0 or (np.ndim(conditions[0]) == 0 and x.ndim > 0):
        conditions = [conditions]
    conditions = [array_of(plain_index(condition)).astype(bool) for condition in conditions]
    if any(condition.shape not in ((), x.shape) for condition in conditions):
        raise ValueError(f"each condition must have the shape {x.shape} of x, or be a single boolean")
    if len(funclist) == len(conditions) + 1:
        conditions.append(~reduce(np.logical_or, conditions))
    elif len(funclist) != len(conditions):
        raise ValueError(f"{len(conditions)} conditions need as many functions, or one more, not {len(funclist)}")
    result = where(np.zeros(x.shape, dtype=bool), x, 0)
    for condition, function in zip(conditions, funclist, strict=True):
        value = function
        if callable(function):
            picked = getitem(x, condition)
            if picked.size == 0:
                continue
            value = scatter(array_of(function(picked, *args)), condition, x.shape)
        result = where(condition, value, result)
    return result if result.dtype == x.dtype else astype(result, x.dtype)
