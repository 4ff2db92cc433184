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

from .primitive import Primitive

ATOM, POWER, SIGN, PRODUCT, SUM, AND, OR, COMPARISON = 9, 8, 7, 6, 5, 4, 3, 2
"""How tightly an expression holds together; one that holds less tightly than its place asks for gets parentheses."""


def formula(primitive: Primitive, index: int = 0, ndim: int = 2) -> str | None:
    """The vjp of one input as text, with g for the upstream gradient and y for the result; None if it can't be read.

    `ndim` is the number of axes that the symbols are said to have: rules for vectors and matrices may differ.
    """
    rule = primitive.rule(index)
    if rule is None or primitive.inputs is None:
        return None
    names = list(primitive.signature.parameters)
    inputs = [Symbol(name, ndim=ndim) for name in names[: primitive.inputs]]
    parameters = {
        name: Symbol(name) if parameter.default is inspect.Parameter.empty else parameter.default
        for name, parameter in list(primitive.signature.parameters.items())[primitive.inputs :]
    }
    try:
        return text(rule(Symbol("g", ndim=ndim), Symbol("y", ndim=ndim), *inputs, **parameters))
    except Exception:
        return None


class Symbol:
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
            return Symbol(f"{held(self, ATOM)}.{name}", ndim=self.ndim)
        return lambda *arguments, **keywords: Symbol(
            f"{held(self, ATOM)}.{name}({listed(arguments, keywords)})", ndim=self.ndim
        )

    def __getitem__(self, index: Any) -> Symbol:
        parts = index if isinstance(index, tuple) else (index,)
        return Symbol(f"{held(self, ATOM)}[{', '.join(map(text, parts))}]", ndim=self.ndim)

    def __iter__(self) -> Any:
        raise TypeError(f"{self} has no elements")

    def __bool__(self) -> bool:
        raise TypeError(f"{self} has no value")

    def __neg__(self) -> Symbol:
        return Symbol(f"-{held(self, SIGN)}", SIGN, self.ndim)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Symbol:
        operator = _OPERATORS.get(ufunc)
        if operator is not None and method == "__call__":
            return binary(*operator, *inputs)
        return Symbol(f"np.{ufunc.__name__}({listed(inputs, keywords)})", ndim=self.ndim)

    def __array_function__(self, function: Any, types: Any, arguments: Any, keywords: Any) -> Symbol:
        module = function.__module__.replace("numpy", "np")
        return Symbol(f"{module}.{function.__name__}({listed(arguments, keywords)})", ndim=self.ndim)

    def __primitive__(self, primitive: Primitive, inputs: Any, parameters: dict[str, Any]) -> Symbol:
        return Symbol(f"{primitive.name}({listed(inputs, parameters)})", ndim=self.ndim)


def binary(sign: str, tightness: int, left: Any, right: Any) -> Symbol:
    """`left sign right`, in parentheses where Python's precedence wants them."""
    if tightness == POWER:
        return Symbol(f"{held(left, ATOM)}**{held(right, POWER)}", POWER)
    # Python would chain comparisons: a > b == c is no comparison of a truth with c.
    to_the_left = tightness + 1 if tightness == COMPARISON else tightness
    return Symbol(f"{held(left, to_the_left)} {sign} {held(right, tightness + 1)}", tightness)


def held(value: Any, tightness: int) -> str:
    """The text of a value, in parentheses if it holds together less tightly than this."""
    if isinstance(value, Symbol):
        return value.expression if value.tightness >= tightness else f"({value.expression})"
    return text(value) if not (isinstance(value, float | int) and value < 0) else f"({value})"


def text(value: Any) -> str:
    """A value as one writes it in a formula."""
    if isinstance(value, slice):
        parts = ["" if part is None else text(part) for part in (value.start, value.stop)]
        return ":".join(parts) + ("" if value.step is None else f":{text(value.step)}")
    if value is Ellipsis:
        return "..."
    if isinstance(value, tuple):
        return f"({', '.join(map(text, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, float) and not np.isfinite(value):
        return f"{'-' if value < 0 else ''}np.{'nan' if value != value else 'inf'}"
    return repr(value) if isinstance(value, str) else str(value)


def listed(arguments: Any, keywords: dict[str, Any]) -> str:
    """Arguments as a call writes them."""
    return ", ".join([*map(text, arguments), *(f"{name}={text(value)}" for name, value in keywords.items())])


_OPERATORS: dict[Any, tuple[str, int]] = {
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


def _operator(sign: str, tightness: int, reflected: bool) -> Callable[[Any, Any], Symbol]:
    if reflected:
        return lambda right, left: binary(sign, tightness, left, right)
    return lambda left, right: binary(sign, tightness, left, right)


for _name, _ufunc in {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "matmul": np.matmul,
    "pow": np.power,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
}.items():
    setattr(Symbol, f"__{_name}__", _operator(*_OPERATORS[_ufunc], reflected=False))
    setattr(Symbol, f"__r{_name}__", _operator(*_OPERATORS[_ufunc], reflected=True))
for _name, _ufunc in {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}.items():
    setattr(Symbol, f"__{_name}__", _operator(*_OPERATORS[_ufunc], reflected=False))
