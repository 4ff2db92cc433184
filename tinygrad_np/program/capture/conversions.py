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


def _converted(x: Any, dtype: Any = None, *_: Any, copy: Any = None, ndmin: int = 0, **__: Any) -> Any:
    result = x if dtype is None or np.dtype(dtype) == x.dtype else x.astype(dtype)
    if result is x and (copy or not isinstance(x.value, np.ndarray)):
        result = x.tracer.apply("copy", np.copy, (x,), {})
    return result if result.ndim >= ndmin else result.reshape((1,) * (ndmin - result.ndim) + result.shape)


def _standing_in(original: Callable[..., Any], options: dict[str, Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def converted(*arguments: Any, **keywords: Any) -> Any:
        is_ours = is_capturing() and arguments and type(arguments[0]) is Traced
        if is_ours and is_others(sys._getframe(1).f_code):
            return _converted(*arguments, **{**options, **keywords})
        return original(*arguments, **keywords)

    return converted


_OPTIONS: dict[str, dict[str, Any]] = {
    "array": {"copy": True}, "asanyarray": {}, "asarray": {}, "ascontiguousarray": {"ndmin": 1},
    "asfortranarray": {"ndmin": 1}, "require": {},
}  # fmt: skip
stand_ins += [(np, name, _standing_in(getattr(np, name), options)) for name, options in _OPTIONS.items()]
