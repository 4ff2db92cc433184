"""A program as the NumPy function that runs: a line an operation, results written into buffers that are made once.

make = fast_source(program)      the text: `make_f()` makes the buffers and returns the function
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..formula import Symbol
from .emit import expression, function_text, inlined_constants, signature, symbol_of
from .helpers import helper_sources
from .ir import Equation, Program, Variable, mapped
from .plan import Buffer, planned

NEVER_WARN = {
    "negative",
    "transpose",
    "reshape",
    "greater",
    "less",
    "isnan",
    "logical_not",
    "logical_or",
    "copy",
    "astype",
}
"""Operations that never give a floating-point warning, and so may stand where warnings are off."""


def fast_source(
    program: Program, targets: dict[Variable, str] | None = None, names: dict[Any, str] | None = None
) -> str:
    """The text of a function without arguments that returns the program as a function with buffers of its own.

    `targets` names further arguments of the function, arrays that some results are to be written into; `names` what
    functions that are not NumPy's are called, whose source else is copied.
    """
    targets = targets or {}
    helpers, names = helper_sources(program) if names is None else ([], names)
    places, buffers = planned(program)
    constants = inlined_constants(program)
    functions: dict[str, str] = {}
    body = []
    is_quiet = False
    for equation in program.equations:
        lines = _lines(equation, places, targets, constants, names, functions)
        if equation.ignores and not is_quiet and equation.operation not in NEVER_WARN:
            body.append('with np.errstate(all="ignore"):')
            is_quiet = True
        elif not equation.ignores and equation.operation not in NEVER_WARN:
            is_quiet = False
        body += [f"    {line}" for line in lines] if is_quiet else lines
    arguments = ", ".join([*signature(program), *targets.values()])
    results = "".join(f"{constants.get(variable, variable)}, " for variable in program.outputs)
    made = [f"{buffer.name} = {_empty(buffer)}" for buffer in buffers]
    hoisted = [f"{name} = {function}" for function, name in functions.items()]
    constant_lines = [f"{variable} = {text}" for variable, text in constants.items() if variable.ndim]
    inner = [f"def {program.name}({arguments}):", *(f"    {line}" for line in [*body, f"return ({results})"])]
    lines = [f"def make_{program.name}():"]
    lines += [f"    {line}" for line in [*hoisted, *made, *constant_lines, *inner, f"return {program.name}"]]
    return (
        "\n".join(["import numpy as np\n", *helpers, "\n", *lines, "\n", f"{program.name} = make_{program.name}()"])
        + "\n"
    )


def _empty(buffer: Buffer) -> str:
    dtype = "" if buffer.dtype == np.float64 else f", {symbol_of(buffer.dtype)}"
    if buffer.is_tall:
        return f"np.empty({buffer.shape[::-1]}{dtype}).T"
    return f"np.empty({buffer.shape}{dtype})"


def _lines(
    equation: Equation,
    places: dict[Variable, Buffer],
    targets: dict[Variable, str],
    constants: dict[Variable, Symbol],
    names: dict[Any, str],
    functions: dict[str, str],
) -> list[str]:
    def texts(variable: Variable) -> Symbol:
        text = constants.get(variable)
        return text if text is not None and not variable.ndim else Symbol(str(variable))

    def short(function: str) -> str:
        return functions.setdefault(function, function.removeprefix("np.").replace(".", "_") + "_")

    if equation.operation == "assume":
        condition = equation.arguments[0]
        return [f"if not {short('np.logical_and.reduce')}({condition}, None):", "    return None"]
    output = ", ".join(map(str, equation.outputs))
    arguments = [str(symbol_of(mapped(value, texts))) for value in equation.arguments]
    out = None
    if len(equation.outputs) == 1:
        place = places.get(equation.output)
        out = place.name if place is not None else targets.get(equation.output)
    if isinstance(equation.function, np.ufunc) and not equation.keywords and (equation.output.ndim or equation.ignores):
        arguments = [
            _number(value, text, equation, functions) for value, text in zip(equation.arguments, arguments, strict=True)
        ]
        # NumPy discourages a third argument by position where two of them could be taken for more to compare.
        named = "out=" if equation.operation in ("maximum", "minimum", "fmax", "fmin") else ""
        listed = ", ".join([*arguments, *([f"{named}{out}"] if out else [])])
        return [f"{output} = {short(function_text(equation, names))}({listed})"]
    if equation.operation in ("sum", "max", "min") and (out or _plain_reduction(equation)):
        function = short(
            {"sum": "np.add.reduce", "max": "np.maximum.reduce", "min": "np.minimum.reduce"}[equation.operation]
        )
        axis, keepdims = equation.keywords.get("axis"), bool(equation.keywords.get("keepdims", False))
        options = [str(axis), "None", str(out), *(["True"] if keepdims else [])]
        return [f"{output} = {function}({arguments[0]}, {', '.join(options)})"]
    if equation.operation == "dot" and out:
        place = places.get(equation.output)
        if place is not None and place.is_tall:
            a, b = (str(expression(_transpose(value), texts, names)) for value in equation.arguments)
            return [f"{output} = {short('np.dot')}({b}, {a}, {out}.T).T"]
        return [f"{output} = {short('np.dot')}({', '.join(arguments)}, {out})"]
    if equation.operation == "dot":
        return [f"{output} = {short('np.dot')}({', '.join(arguments)})"]
    if equation.operation == "astype" and out:
        return [f"{short('np.copyto')}({out}, {arguments[0]}, 'unsafe')", f"{output} = {out}"]
    return [f"{output} = {expression(equation, texts, names)}"]


def _number(value: Any, text: str, equation: Equation, functions: dict[str, str]) -> str:
    """A number as an array of its own, made once: NumPy takes as long to convert it as to add up ten others."""
    dtypes = {variable.dtype for variable in equation.inputs if variable.ndim}
    if isinstance(value, bool) or not isinstance(value, int | float) or dtypes != {equation.output.dtype}:
        return text
    if equation.output.dtype != np.float64 or not equation.output.ndim:
        return text
    name = "number_" + repr(float(value)).replace("-", "minus_").replace(".", "_").replace("+", "")
    return functions.setdefault(f"np.array({float(value)!r})", name) if np.isfinite(value) else text


def _plain_reduction(equation: Equation) -> bool:
    same = len(equation.arguments) == 1 and equation.inputs[0].dtype == equation.output.dtype
    return same and equation.keywords.keys() <= {"axis", "keepdims"}


def _transpose(value: Variable) -> Equation:
    return Equation("transpose", np.transpose, (value,), {}, (value,))
