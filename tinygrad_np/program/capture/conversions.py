"""First lines that everybody writes: `x = np.asarray(x)`, of a traced array.

NumPy makes an array of whatever it is given there and asks no protocol. So while a capture runs, and in its thread
alone, the user's calls of these functions come here (`watch.stand_ins`).
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ...frames import is_others
from .traced import Traced
from .watch import is_capturing, stand_ins


def _array(x: Any, dtype: Any = None, *, copy: Any = True, ndmin: int = 0, **_: Any) -> Any:
    result = x if dtype is None or np.dtype(dtype) == x.dtype else x.astype(dtype)
    if result is x and (copy or not isinstance(x.value, np.ndarray)):
        result = x.tracer.apply("copy", np.copy, (x,), {})
    return result if result.ndim >= ndmin else result.reshape((1,) * (ndmin - result.ndim) + result.shape)


def _asarray(x: Any, dtype: Any = None, *_: Any, copy: Any = None, **__: Any) -> Any:
    return _array(x, dtype, copy=copy)


def _at_least_one_axis(x: Any, dtype: Any = None, **_: Any) -> Any:
    return _array(x, dtype, copy=None, ndmin=1)


def _standing_in(original: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def converted(*arguments: Any, **keywords: Any) -> Any:
        is_ours = is_capturing() and arguments and type(arguments[0]) is Traced
        if is_ours and is_others(sys._getframe(1).f_code):
            return ours(*arguments, **keywords)
        return original(*arguments, **keywords)

    return converted


stand_ins += [
    (np, name, _standing_in(getattr(np, name), ours))
    for name, ours in {
        "array": _array,
        "asanyarray": _asarray,
        "asarray": _asarray,
        "ascontiguousarray": _at_least_one_axis,
        "asfortranarray": _at_least_one_axis,
        "require": _asarray,
    }.items()
]
