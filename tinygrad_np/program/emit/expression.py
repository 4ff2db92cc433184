"""The text of an equation: the NumPy expression that computes it, with parentheses only where Python needs them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ...formula import (
    AND,
    ATOM,
    COMPARISON,
    OPERATORS,
    OR,
    POWER,
    PRODUCT,
    SIGN,
    Symbol,
    binary,
    enclosed,
    index_text,
    text,
)  # fmt: skip
from ..ir import Equation, Program, Variable, substituted

Texts = Callable[[Variable], Symbol]

NEVER_WARN = {
    "assume", "astype", "copy", "getitem", "greater", "isfinite", "isnan", "less", "logical_and", "logical_not",
    "logical_or", "negative", "not_equal", "reshape", "transpose",
}  # fmt: skip
"""Operations that never give a floating-point warning, and so may stand where warnings are off."""


class Scaled(Symbol):
    """A product or a quotient of floating numbers: -(a / b) may be written -a / b, which is the same bit for bit."""


_OF_TRUTHS = {np.logical_and: ("&", AND), np.logical_or: ("|", OR)}


def expression(equation: Equation, texts: Texts, helpers: dict[Any, str]) -> Symbol:
    """The expression of an equation, given those of its variables; `helpers` names functions that are not NumPy's."""
    arguments = [symbol_of(substituted(value, texts)) for value in equation.arguments]
    operator = OPERATORS.get(equation.function)
    if operator is not None and len(arguments) == 2 and not equation.keywords:
        if operator[1] == COMPARISON:
            # Python takes a < b == c for two comparisons at once.
            arguments = [Symbol(enclosed(argument, COMPARISON + 1)) for argument in arguments]
        result = binary(*operator, *arguments)
        return Scaled(str(result), PRODUCT) if _may_be_signed(equation, arguments[0]) else result
    if equation.function in _OF_TRUTHS and all(_is_truth(one) for one in equation.arguments):
        return binary(*_OF_TRUTHS[equation.function], *arguments)
    if equation.operation == "negative":
        inner = arguments[0]
        if isinstance(inner, Scaled) and not str(inner).startswith("-"):
            return Scaled(f"-{inner}", PRODUCT)
        return Symbol(f"-{enclosed(inner, SIGN)}", SIGN)
    if equation.operation == "square":
        return Symbol(f"{enclosed(arguments[0], ATOM)}**2", POWER)
    if equation.operation == "transpose" and len(arguments) == 1:
        return Symbol(f"{enclosed(arguments[0], ATOM)}.T")
    if equation.operation in ("reshape", "astype"):
        return Symbol(f"{enclosed(arguments[0], ATOM)}.{equation.operation}({', '.join(map(str, arguments[1:]))})")
    if equation.operation == "getitem":
        return Symbol(f"{enclosed(arguments[0], ATOM)}[{index_text(substituted(equation.arguments[1], texts))}]")
    keywords = [f"{name}={symbol_of(substituted(value, texts))}" for name, value in equation.keywords.items()]
    return Symbol(f"{function_text(equation, helpers)}({', '.join([*map(str, arguments), *keywords])})")


def _is_truth(value: Any) -> bool:
    return isinstance(value, Variable) and np.dtype(value.dtype).kind == "b"


def _may_be_signed(equation: Equation, first: Symbol) -> bool:
    """Whether the sign of an equation's result may stand at its first operand, and there at what comes first."""
    if equation.function not in (np.multiply, np.divide) or (first.tightness == PRODUCT and type(first) is Symbol):
        return False
    operands = equation.arguments if isinstance(equation.arguments[0], int | float) else equation.arguments[:1]
    return all(type(one) in (int, float) or getattr(one, "dtype", np.dtype(bool)).kind == "f" for one in operands)


def function_text(equation: Equation, helpers: dict[Any, str]) -> str:
    """What the function is called in the source."""
    if equation.operation.startswith("whole."):
        return helpers[equation.function]
    return f"np.{equation.operation}"


def symbol_of(value: Any) -> Symbol:
    """A static value, or a structure with symbols in it, as a symbol.

    What is a quotient of small numbers and takes many digits, is written as that quotient: 1 / 960.
    """
    if isinstance(value, Symbol):
        return value
    if type(value) is float and np.isfinite(value):
        ratio = Fraction(value).limit_denominator(100_000)
        quotient = f"{ratio.numerator} / {ratio.denominator}"
        if ratio.numerator / ratio.denominator == value and len(quotient) + 2 < len(repr(value)):
            return Scaled(quotient, PRODUCT)
    tightness = SIGN if isinstance(value, int | float) and value < 0 else ATOM
    return Symbol(text(value), tightness)


LONGEST = 20
"""Elements up to which a constant is written out in the source."""


def inlined_constants(program: Program) -> dict[Variable, Symbol]:
    """The constants that are short enough to be written where they are used."""
    return {
        variable: Symbol(_constant(value)) for variable, value in program.constants.items() if is_written_out(value)
    }


def is_written_out(value: Any) -> bool:
    """Whether a constant is written in the source: a short one, one number for all elements, or 0, 1, 2 and so on."""
    is_short = (np.size(value) <= LONGEST and np.ndim(value) <= 2) or not np.size(value)
    return is_short or _is_filled(value) or _counts(value)


def _counts(value: Any) -> bool:
    array = np.asarray(value)
    may_count = array.dtype == np.int64 and array.ndim == 1 and array.size > 3
    return may_count and bool((array == np.arange(len(array))).all())


def _is_filled(value: Any) -> bool:
    array = np.asarray(value)
    return (
        array.dtype.kind in "fiub"
        and bool((array == array.flat[0]).all())
        and bool(array.flat[0] or not np.signbit(array).any())
    )


def _constant(value: Any) -> str:
    if _counts(value):
        return f"np.arange({len(value)})"
    if np.size(value) <= LONGEST and np.ndim(value) <= 2:
        return text(value)
    array = np.asarray(value)
    dtype = "" if array.dtype == np.float64 else f", {text(array.dtype)}"
    if not array.size:
        return f"np.empty({array.shape}{dtype})"
    number = array.flat[0]
    if number == 1:
        return f"np.ones({array.shape}{dtype})"
    return f"np.full({array.shape}, {text(number.item())}{dtype})" if number else f"np.zeros({array.shape}{dtype})"


def long_constants(program: Program) -> list[Variable]:
    """The constants that are too long to be written out, which the emitted function is given after the inputs."""
    return [variable for variable, value in program.constants.items() if not is_written_out(value)]


def constants_of(program: Program) -> list[Any]:
    """Those constants themselves."""
    return [program.constants[variable] for variable in long_constants(program)]


def signature(program: Program) -> list[str]:
    """The arguments of the emitted function: the inputs, then the constants that are too long to be written."""
    return [str(variable) for variable in [*program.inputs, *long_constants(program)]]


class General(NamedTuple):
    """The program for all values, as it is read and as it runs, and the call of it where rare values occur."""

    program: Program
    lowered: Program
    call: str
