"""A gradient rule read as a formula, by running it on symbols: what is shown can't disagree with what runs.

>>> from tinygrad_np import ops
>>> formula(ops.PRIMITIVES["tanh"])
'g * (1 - y**2)'
>>> formula(ops.PRIMITIVES["matmul"], 1)
'np.dot(a.T, g)'
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from .primitive import Primitive

ATOM, POWER, SIGN, PRODUCT, SUM, AND, OR, COMPARISON = 9, 8, 7, 6, 5, 4, 3, 2
"""How tightly an expression holds together; one that holds less tightly than its place asks for gets parentheses."""


def formula(primitive: Primitive, index: int = 0, ndim: int = 2) -> str | None:
    """The vjp of one input as text, with g for the upstream gradient and y for the result; None if it can't be read.

    `ndim` is the number of axes that the symbols are said to have: rules for vectors and matrices may differ.
    """
    if primitive.inputs is None:
        return None
    names = list(primitive.signature.parameters)
    inputs = [Symbol(name, ndim=ndim) for name in names[: primitive.inputs]]
    parameters = {
        name: Symbol(name) if parameter.default is inspect.Parameter.empty else parameter.default
        for name, parameter in list(primitive.signature.parameters.items())[primitive.inputs :]
    }
    return applied(primitive.rule(index), Symbol("g", ndim=ndim), Symbol("y", ndim=ndim), *inputs, **parameters)


def applied(rule: Callable[..., Any] | None, *symbols: Any, **parameters: Any) -> str | None:
    """What a rule does to these symbols, as text; None where it can't be read.

    >>> applied(np.hypot, Symbol("a"), Symbol("b - c", SUM))
    'np.hypot(a, b - c)'
    """
    try:
        return None if rule is None else text(rule(*symbols, **parameters))
    except Exception:
        return None


class Symbol(NDArrayOperatorsMixin):
    """A name or an expression, which grows by whatever is done to it; it has no value, and so no truth."""

    def __init__(self, expression: str, tightness: int = ATOM, ndim: int = 2) -> None:
        self.expression = expression
        self.tightness = tightness
        self.ndim = ndim

    def __str__(self) -> str:
        return self.expression

    __repr__ = __str__

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("T", "shape", "dtype", "size"):
            return Symbol(f"{enclosed(self, ATOM)}.{name}", ndim=self.ndim)
        return lambda *arguments, **keywords: Symbol(
            f"{enclosed(self, ATOM)}.{name}({listed(arguments, keywords)})", ndim=self.ndim
        )

    def __getitem__(self, index: Any) -> Symbol:
        return Symbol(f"{enclosed(self, ATOM)}[{index_text(index)}]", ndim=self.ndim)

    def __iter__(self) -> Any:
        raise TypeError(f"{self} has no elements")

    def __bool__(self) -> bool:
        raise TypeError(f"{self} has no value")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Symbol:
        operator = OPERATORS.get(ufunc)
        if operator is not None and method == "__call__":
            return binary(*operator, *inputs)
        if ufunc is np.negative:
            return Symbol(f"-{enclosed(self, SIGN)}", SIGN, self.ndim)
        return Symbol(f"np.{ufunc.__name__}({listed(inputs, keywords)})", ndim=self.ndim)

    def __array_function__(self, function: Any, types: Any, arguments: Any, keywords: Any) -> Symbol:
        module = function.__module__.replace("numpy", "np")
        return Symbol(f"{module}.{function.__name__}({listed(arguments, keywords)})", ndim=self.ndim)

    def __primitive__(self, primitive: Primitive, inputs: Any, parameters: dict[str, Any]) -> Symbol:
        return Symbol(f"{primitive.name}({listed(inputs, parameters)})", ndim=self.ndim)


def binary(sign: str, tightness: int, left: Any, right: Any) -> Symbol:
    """`left sign right`, in parentheses where Python's precedence wants them."""
    if tightness == POWER:
        return Symbol(f"{enclosed(left, ATOM)}**{enclosed(right, POWER)}", POWER)
    # Python would chain comparisons: a > b == c is no comparison of a truth with c.
    to_the_left = tightness + 1 if tightness == COMPARISON else tightness
    return Symbol(f"{enclosed(left, to_the_left)} {sign} {enclosed(right, tightness + 1)}", tightness)


def enclosed(value: Any, tightness: int) -> str:
    """The text of a value, in parentheses if it holds together less tightly than this."""
    if isinstance(value, Symbol):
        return value.expression if value.tightness >= tightness else f"({value.expression})"
    return text(value) if not (isinstance(value, float | int) and value < 0) else f"({value})"


def text(value: Any) -> str:
    """A value as Python code; a symbol as its expression.

    >>> text(Symbol("x")), text((1.0, "C")), text(np.float32), text(slice(2)), text(np.array([0.5, np.inf]))
    ('x', "(1.0, 'C')", 'np.float32', 'slice(None, 2, None)', 'np.array([0.5, np.inf])')
    """
    if isinstance(value, Symbol):
        return value.expression
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        name = np.dtype(value).name
        return name if name == "bool" else f"np.{name}"
    if isinstance(value, np.generic):
        return f"np.{value.dtype.name}({value.item()!r})" if np.isfinite(value) else f"np.{value.dtype.name}('{value}')"
    if isinstance(value, np.ndarray):
        kind = "" if value.dtype in (np.float64, np.int64, np.bool) and value.size else f", np.{value.dtype.name}"
        body = np.array2string(value, separator=", ", threshold=10**9, floatmode="unique", max_line_width=10**9)
        body = " ".join(body.split()).replace("nan", "np.nan").replace("inf", "np.inf")
        return f"np.array({body}{kind})" if value.size else f"np.empty({value.shape}{kind})"
    if isinstance(value, float) and not np.isfinite(value):
        return "np.nan" if value != value else "np.inf" if value > 0 else "-np.inf"
    if isinstance(value, list):
        return f"[{', '.join(map(text, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(text, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, slice):
        return f"slice({text(value.start)}, {text(value.stop)}, {text(value.step)})"
    if isinstance(value, type):
        return "np.linalg.LinAlgError" if value is np.linalg.LinAlgError else value.__name__
    return "..." if value is Ellipsis else repr(value)


def index_text(index: Any) -> str:
    """An index as it stands between brackets.

    >>> index_text((slice(None, 2), 0)), index_text(slice(None, None, -1)), index_text(())
    (':2, 0', '::-1', '()')
    """
    parts = index if isinstance(index, tuple) else (index,)
    listed = ", ".join(_slice_text(part) if isinstance(part, slice) else text(part) for part in parts)
    return listed + ("," if isinstance(index, tuple) and len(index) == 1 else "") or "()"


def _slice_text(part: slice) -> str:
    ends = ["" if end is None else text(end) for end in (part.start, part.stop)]
    return ":".join(ends if part.step is None else [*ends, text(part.step)])


def listed(arguments: Any, keywords: dict[str, Any]) -> str:
    """Arguments as a call writes them."""
    return ", ".join([*map(text, arguments), *(f"{name}={text(value)}" for name, value in keywords.items())])


OPERATORS: dict[Any, tuple[str, int]] = {
    np.add: ("+", SUM),
    np.subtract: ("-", SUM),
    np.multiply: ("*", PRODUCT),
    np.divide: ("/", PRODUCT),
    np.floor_divide: ("//", PRODUCT),
    np.remainder: ("%", PRODUCT),
    np.matmul: ("@", PRODUCT),
    np.power: ("**", POWER),
    np.equal: ("==", COMPARISON),
    np.not_equal: ("!=", COMPARISON),
    np.less: ("<", COMPARISON),
    np.less_equal: ("<=", COMPARISON),
    np.greater: (">", COMPARISON),
    np.greater_equal: (">=", COMPARISON),
    np.bitwise_and: ("&", AND),
    np.bitwise_or: ("|", OR),
}
