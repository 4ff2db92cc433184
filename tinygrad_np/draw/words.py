"""The words that pictures and tables share: how an operation, a shape, a number and a name are written."""

from __future__ import annotations

from .numbers import Numbers, number
from .snapshot import Vertex

INFIX = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "matmul": "@", "power": "**", "floor_divide": "//",
    "remainder": "%", "equal": "==", "not_equal": "!=", "less": "<", "less_equal": "<=", "greater": ">",
    "greater_equal": ">=",
}  # fmt: skip
"""The operations that are written between their two operands, as in code."""

AROUND = {"negative": ("-", ""), "absolute": ("|", "|")}
"""The operations that are written around their operand."""

ARRIVING = "xyzuvw"
"""What stands in a formula for the values that arrive by arrows, from left to right."""

REDUNDANT = frozenset({"shape", "like", "ends"})
"""Parameters that say no more than the shapes, which stand beside the formula."""


def formula(vertex: Vertex) -> str:
    """An operation in symbols: `+`, `tanh`, `sum(axis=0)`, and with numbers among its operands `1 - x`.

    >>> formula(Vertex(3, "result", None, (2,), "float64", "subtract", ("1", 2)))
    '1 - x'
    """
    operation = vertex.operation or ""
    letters = iter(ARRIVING)
    operands = [operand if isinstance(operand, str) else next(letters, "...") for operand in vertex.operands]
    has_numbers = any(isinstance(operand, str) for operand in vertex.operands)
    parameters = ", ".join(f"{name}={value}" for name, value in vertex.parameters if name not in REDUNDANT)
    if operation == "getitem" and vertex.parameters:
        return f"{operands[0]}[{vertex.parameters[0][1].removeprefix('(').removesuffix(')')}]"
    if operation in INFIX and len(operands) == 2:
        return f" {INFIX[operation]} ".join(operands) if has_numbers else INFIX[operation]
    if operation in AROUND:
        return operands[0].join(AROUND[operation])
    if has_numbers:
        return f"{operation}({', '.join([*operands, parameters] if parameters else operands)})"
    return f"{operation}({parameters})" if parameters else operation


def shape_of(vertex: Vertex) -> str:
    """The shape, with the dtype where it is not NumPy's usual one: `(2, 5)`, `(2, 5) float32`."""
    return f"{vertex.shape}" if vertex.dtype == "float64" else f"{vertex.shape} {vertex.dtype}"


def one_line(name: str) -> str:
    r"""A name as it can be printed: a character that can't be seen is written as its escape.

    >>> one_line("two" + chr(10) + "lines") == r"two\nlines"
    True
    """
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name)


def gradient_words(numbers: Numbers) -> str:
    """A gradient in few words: its value, or its range and norm; what is zero or not a number is said.

    >>> gradient_words(Numbers((2,), low=-1.0, high=2.0, norm=2.236, size=2))
    '-1 … 2, norm 2.24'
    """
    if numbers.unusual:
        return f"NaN or inf in {numbers.unusual:,} of {numbers.size:,}"
    if numbers.value is not None:
        return number(numbers.value)
    return "0 everywhere" if numbers.zero else f"{numbers.range}, norm {numbers.norm:.3g}"


VERDICTS = {
    "agrees": "\N{CHECK MARK} yours agrees",
    "differs": "\N{BALLOT X} yours differs",
    "first to differ": "\N{BALLOT X} yours differs here first",
}
"""What is said of a hand-written gradient; the signs differ without their colours."""
