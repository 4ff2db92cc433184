"""Why an operation made a NaN or an infinity, in words, and what to write instead.

`reason_of` is for a result, `slope_reason` for what a gradient rule made. Both look at the operands, and at those of
the bad element where the operation works element by element; what is told has been seen there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..graph import Node
from .steps import local_derivative


class Reason(NamedTuple):
    """Why, and what to write instead; without the full stops."""

    why: str
    instead: str


_LOG = (
    "write np.log(x + 1e-12) or np.log(np.maximum(x, 1e-12)); of a probability, start from its logits: tg.log_softmax, "
    "tg.cross_entropy, tg.binary_cross_entropy_with_logits"
)
_NEGATIVE = (
    "look at why x is negative: a difference of rounded numbers, or a layer that needs tg.softplus or np.exp to be "
    "positive; np.log(np.maximum(x, 1e-12)) if only rounding makes it so"
)
_EXP = (
    "subtract the largest element first, as tg.softmax and tg.logsumexp do, or bound it with np.minimum; "
    "tg.sigmoid(z) for 1 / (1 + np.exp(-z)), tg.softplus(z) for np.log(1 + np.exp(z))"
)
_DIVIDE = (
    "write a / (b + 1e-8), or choose the divisor too: np.where(b != 0, a / np.where(b != 0, b, 1), 0); of x / x.std(), "
    "look for columns that are constant"
)
_POWER = "write np.maximum(x, 1e-12) ** p, or choose with np.where; np.sign(x) * np.abs(x) ** p keeps a sign"
_RANGE = "write np.clip(x, -1, 1) if only rounding leads out of it, and look at what x is otherwise"
_SQRT = "write np.sqrt(np.maximum(x, 0)) if only rounding makes it negative, and look at what x is otherwise"
_INFINITIES = "look for what made the infinities: no number can be told for their difference or their product with 0"
_MASKED = (
    "leave at least one place in each row, or mask with a large finite number, such as -1e9, in the place of -np.inf"
)
_EMPTY = "look at the slice or the mask that it is taken of: it has no elements; skip it, or np.sum(x) / max(x.size, 1)"


def _log(x: float, base: float = 0.0) -> Reason | None:
    said = _said(x)
    if x == base:
        return Reason(f"the logarithm of 0 is minus infinity{f': 1 + x is 0 for x = {said}' if base else ''}", _LOG)
    if x < base:
        of = f"a negative number, {said}," if not base else f"1 + x, negative for x = {said},"
        return Reason(f"the logarithm of {of} is not a number", _NEGATIVE)
    return None


def _quotient(a: float, b: float) -> Reason | None:
    if a == 0 and b == 0:
        return Reason("0 divided by 0 is not a number", _DIVIDE)
    if b == 0:
        return Reason(f"{_said(a)} is divided by 0", _DIVIDE)
    return _infinities("divided by", a, b) if math.isinf(a) and math.isinf(b) else None


def _product(a: float, b: float) -> Reason | None:
    return (
        Reason("0 times infinity is not a number", _INFINITIES)
        if 0 in (a, b) and math.inf in (abs(a), abs(b))
        else None
    )


def _infinities(how: str, a: float, b: float) -> Reason | None:
    if math.isinf(a) and math.isinf(b):
        return Reason(f"infinity {how} infinity is not a number", _INFINITIES)
    return None


def _raised(x: float, p: float) -> Reason | None:
    if x == 0 and p < 0:
        return Reason(f"0 to the power {_said(p)} is a division by 0", _DIVIDE)
    if x < 0 and p != int(p):
        return Reason(f"the negative number {_said(x)} has no power {_said(p)}", _POWER)
    return None


def _beyond(bound: float, of: str) -> Callable[[float], Reason | None]:
    def reason(x: float) -> Reason | None:
        if abs(x) > bound:
            return Reason(f"{of} is defined from -1 to 1, and not at {_said(x)}", _RANGE)
        return (
            Reason(f"{of} of {_said(x)} is infinite", "write np.clip(x, -1 + 1e-6, 1 - 1e-6)")
            if abs(x) == bound
            else None
        )

    return reason


def _wave(x: float) -> Reason | None:
    return Reason("a sine or cosine of infinity is not a number", _INFINITIES) if math.isinf(x) else None


_OF_ELEMENTS: dict[str, Callable[..., Reason | None]] = {
    "log": _log,
    "log2": _log,
    "log10": _log,
    "log1p": lambda x: _log(x, -1.0),
    "sqrt": lambda x: (
        Reason(f"the square root of a negative number, {_said(x)}, is not a number", _SQRT) if x < 0 else None
    ),
    "divide": _quotient,
    "floor_divide": _quotient,
    "remainder": _quotient,
    "fmod": _quotient,
    "reciprocal": lambda x: _quotient(1.0, x),
    "multiply": _product,
    "add": lambda a, b: _infinities("minus", a, b) if a == -b else None,
    "subtract": lambda a, b: _infinities("minus", a, b) if a == b else None,
    "power": _raised,
    "arcsin": _beyond(1, "arcsin"),
    "arccos": _beyond(1, "arccos"),
    "arctanh": _beyond(1, "arctanh"),
    "arccosh": lambda x: (
        Reason(f"arccosh is defined from 1 on, and not at {_said(x)}", "write np.maximum(x, 1)") if x < 1 else None
    ),
    "sin": _wave,
    "cos": _wave,
    "tan": _wave,
}
"""Why one element is not finite, told from those of the operands that it was made of; None if that does not tell."""

_GROWING = ("exp", "exp2", "expm1", "sinh", "cosh")
_OF_ROWS = ("softmax", "log_softmax", "logsumexp")
_AVERAGES = ("mean", "var", "std", "median", "quantile")


def reason_of(
    name: str,
    arrays: Sequence[Any],
    elements: Sequence[float | None],
    parameters: Mapping[str, Any],
    result: Any,
    at: Any,
) -> Reason:
    """Why a result is not finite at `at`, given the operation's name, its operands and what of them went into it."""
    told = [one for one in elements if one is not None]
    if name in _OF_ELEMENTS and len(told) == len(arrays):
        reason = _OF_ELEMENTS[name](*told)
        if reason is not None:
            return reason
    x = np.asarray(arrays[0]) if arrays else np.zeros(0)
    if name in _AVERAGES and np.isnan(result[at]) and np.isfinite(x).all():
        return _average(name, x, result, parameters)
    if name in _OF_ROWS and np.isneginf(x).any():
        axis = parameters.get("axis")
        whole = bool(np.isneginf(x).all(axis=axis).any())
        if whole:
            return Reason(f"{name} is taken of elements that are all minus infinity: every place is masked", _MASKED)
    if name in _GROWING and told:
        return Reason(
            f"{name} of {_said(told[0])} overflows: it is larger than the largest {_largest(result)}",
            _EXP + _wider(result),
        )
    return _general(name, arrays, result, at)


def _average(name: str, x: Any, result: Any, parameters: Mapping[str, Any]) -> Reason:
    if not x.size or x.size == result.size == 0:
        return Reason(f"the {name} of no elements is 0 divided by 0", _EMPTY)
    count = x.size // max(result.size, 1)
    ddof = parameters.get("ddof") or parameters.get("correction") or 0
    if count <= ddof:
        many = f"{count} element{'s' if count != 1 else ''}"
        return Reason(
            f"the {name} of {many} with ddof={ddof} is divided by 0",
            f"take more elements than ddof, or ddof=0 for {many}",
        )
    return Reason(f"the sum in {name} overflows: it is larger than the largest {_largest(result)}", _scaled(result))


def _general(name: str, arrays: Sequence[Any], result: Any, at: Any) -> Reason:
    """What can be said of any operation: infinities among the operands, or a number too large for its dtype."""
    infinite = [array for array in arrays if np.isinf(np.asarray(array, dtype=float)).any()]
    if infinite and np.isnan(result[at]):
        return Reason("0 times infinity, or infinity minus infinity, is among what it adds up", _INFINITIES)
    if name == "astype" and arrays:
        x = _said(float(np.asarray(arrays[0])[at]))
        return Reason(
            f"{x} overflows: it does not fit into {result.dtype}, whose largest number is {_limit(result)}",
            "scale the numbers down first, or keep float32 or float64 for them",
        )
    if np.isnan(result[at]):
        return Reason(
            f"what {name} computes on the way is larger than the largest {_largest(result)}, or is not defined",
            _scaled(result),
        )
    return Reason(f"the result of {name} overflows: it is larger than the largest {_largest(result)}", _scaled(result))


_SLOPES = {
    "sqrt": "write np.sqrt(x + 1e-12), or np.linalg.norm for a length: its slope at 0 is taken to be 0",
    "power": "write (x + 1e-12) ** p",
    "cbrt": "keep x away from 0: np.cbrt(x + 1e-12)",
    "log": _LOG,
    "log2": _LOG,
    "log10": _LOG,
    "log1p": _LOG,
    "divide": _DIVIDE,
    "reciprocal": _DIVIDE,
    "arccos": "write np.arccos(np.clip(x, -1 + 1e-6, 1 - 1e-6))",
    "arcsin": "write np.arcsin(np.clip(x, -1 + 1e-6, 1 - 1e-6))",
    "arctanh": "write np.arctanh(np.clip(x, -1 + 1e-6, 1 - 1e-6))",
    "arccosh": "write np.arccosh(np.maximum(x, 1 + 1e-6))",
    "exp": _EXP,
}


def slope_reason(node: Node, index: int, saved: Sequence[Any], g: float | None, contribution: Any, at: Any) -> Reason:
    """Why the gradient rule for an input made what is not finite; `g` is the upstream gradient of the bad element."""
    instead = _SLOPES.get(node.operation, _scaled(contribution))
    slope = local_derivative(node, index)
    if slope is None:
        arrays = [np.asarray(one) for one in saved if isinstance(one, np.ndarray | np.generic)]
        return _general(f"the gradient of {node.operation}", arrays, contribution, at)
    slope = np.asarray(slope)
    if slope.shape != np.shape(contribution):
        bad = np.argwhere(~np.isfinite(slope))
        place = tuple(int(one) for one in bad[0]) if len(bad) else None
    else:
        place = at
    if place is None or np.isfinite(slope[place]):
        return Reason(
            f"the gradient overflows: it is larger than the largest {_largest(contribution)}", _scaled(contribution)
        )
    x = _operand(node, saved, index, place)
    what = "infinite" if np.isinf(slope[place]) else "not a number"
    why = f"the slope of {node.operation} {'' if x is None else f'at {_said(x)} '}is {what}"
    if g == 0 and np.isnan(contribution[at]) and what == "infinite":
        return Reason(f"{why}, and the upstream gradient is 0: 0 times infinity", instead)
    return Reason(why, _INFINITIES if x is not None and math.isinf(x) else instead)


def _operand(node: Node, saved: Sequence[Any], index: int, place: Any) -> float | None:
    """Where the slope is taken: the divisor, or the input; a root keeps its result alone, which is 0 where that is."""
    values = list(saved)
    index = 1 if node.operation == "divide" else index
    x = values[index + 1] if len(values) > index + 1 else None
    if isinstance(x, np.ndarray | np.generic):
        return float(np.broadcast_to(x, node.shape)[place])
    y = values[0] if values else None
    if node.operation in ("sqrt", "cbrt") and isinstance(y, np.ndarray | np.generic):
        return float(np.asarray(y)[place])
    return None


def _largest(array: Any) -> str:
    return f"{array.dtype}, {_limit(array)}"


def _limit(array: Any) -> str:
    return f"{float(np.finfo(array.dtype).max):.3g}"


def _scaled(array: Any) -> str:
    return "scale the numbers down before, or take smaller weights or a smaller step" + _wider(array)


def _wider(array: Any) -> str:
    return "; or compute in float32 or float64, x.astype(np.float64)" if array.dtype.itemsize < 8 else ""


def _said(value: float) -> str:
    return f"{value:.4g}"
