"""A number that everything downstream is multiplied by, the learning rate say, moved to where it all starts.

What is linear hands a factor on: 0.1 * (a b) is (0.1 * a) b. If all uses of some values end in a product with one and
the same number, the first of them are multiplied by it, most often once, and all those products fall away.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..ir import Equation, Program, Variable
from .rewrite import Edit, is_over_axes

LINEAR = {
    "add", "astype", "concatenate", "divide", "dot", "getitem", "matmul", "multiply", "negative", "reshape", "subtract",
    "sum", "transpose",
}  # fmt: skip

EXACT = {
    "absolute", "astype", "concatenate", "getitem", "maximum", "minimum", "negative", "reshape", "transpose", "where",
}  # fmt: skip
"""Operations that do not round. A factor is not moved above them: its rounding would show where values cancel."""


def hoisted_scales(program: Program) -> Program:
    """The program with factors moved upstream, where that leaves less to multiply."""
    factors = {
        float(number)
        for equation in program.equations
        if equation.operation == "multiply"
        for number in equation.arguments
        if isinstance(number, int | float) and not isinstance(number, bool) and _is_moderate(number, equation.output)
    }
    for factor in sorted(factors):
        program = _hoisted(program, factor)
    return program


def _is_moderate(factor: float, product: Variable) -> bool:
    """Whether products with a factor keep away from where numbers overflow or lose digits, wherever they stand."""
    if product.dtype.kind != "f":
        return False
    least = float(np.finfo(product.dtype if product.dtype.itemsize <= 8 else np.float64).tiny) ** 0.25
    return bool(least < abs(factor) < 1 / least)


def _scaled(equation: Equation, factor: float) -> Any:
    """The variable that an equation multiplies by this factor and nothing else, or None."""
    if equation.operation != "multiply":
        return None
    for one, other in (equation.arguments, equation.arguments[::-1]):
        if isinstance(one, int | float) and one == factor and isinstance(other, Variable):
            return other if other.dtype == equation.output.dtype and _is_moderate(factor, other) else None
    return None


def _hoisted(program: Program, factor: float) -> Program:
    readers: dict[Variable, list[Equation]] = {}
    for equation in program.equations:
        for variable in equation.inputs:
            readers.setdefault(variable, []).append(equation)
    results = set(program.outputs)
    number = {equation: index for index, equation in enumerate(program.equations)}
    for start in program.equations:
        if len(start.outputs) != 1 or start.output.dtype.kind != "f" or not start.output.ndim:
            continue
        if start.operation in EXACT:
            continue
        removed, carried = _reached(start.output, factor, readers, results, number)
        if sum(_price(equation.output) for equation in removed) > _price(start.output):
            return _moved(program, factor, start, removed, carried)
    return program


def _price(variable: Variable) -> int:
    """What a product costs: a call, and its elements."""
    return 500 + variable.size


def _reached(
    start: Variable, factor: float, readers: Any, results: set[Variable], number: dict[Equation, int]
) -> tuple[list[Equation], set[Variable]]:
    """The products with the factor that all paths from a value end in, none if a path does not; what lies between."""
    carried, waiting, removed = {start}, {start}, []
    affected: set[Equation] = set()
    while waiting:
        variable = waiting.pop()
        if variable in results:
            return [], set()
        for equation in readers.get(variable, ()):
            if equation in affected:
                continue
            affected.add(equation)
            if _scaled(equation, factor) is variable:
                removed.append(equation)
            elif _is_linear(equation):
                carried.add(equation.output)
                waiting.add(equation.output)
            else:
                return [], set()
    if not all(_carries(equation, carried) for equation in affected if equation not in removed):
        return [], set()
    return sorted(removed, key=number.__getitem__), carried


def _moved(
    program: Program, factor: float, start: Equation, removed: list[Equation], carried: set[Variable]
) -> Program:
    edit = Edit(program)
    edit.replaced.update({variable: _scaled_like(variable) for variable in carried})
    for before in program.equations:
        equation = before.with_inputs(edit.replaced)
        if before is start:
            plain = Variable(before.output.shape, before.output.dtype, None, before.output.is_array)
            edit.add(dataclasses.replace(equation, outputs=(plain,)))
            scaled = (edit.replaced[before.output],)
            edit.add(Equation("multiply", np.multiply, (factor, plain), {}, scaled, equation.line, equation.ignores))
        elif before in removed:
            edit.replaced[before.output] = next(v for v in equation.arguments if isinstance(v, Variable))
        else:
            edit.add(dataclasses.replace(equation, outputs=tuple(edit.replaced.get(v, v) for v in equation.outputs)))
    return edit.result()


def _scaled_like(variable: Variable) -> Variable:
    """A variable for what is no longer what the user calls by that name."""
    name = None if variable.is_numbered else variable.name
    if name is not None and not name.startswith("scaled_"):
        name = f"scaled_{name}"
    return Variable(variable.shape, variable.dtype, name, variable.is_array)


def _is_linear(equation: Equation) -> bool:
    """Whether a factor of an operand, of all operands of a sum, is one of the result."""
    if equation.operation == "sum" and not is_over_axes(equation):
        return False
    return equation.operation in LINEAR and len(equation.outputs) == 1 and equation.output.dtype.kind == "f"


def _carries(equation: Equation, carried: set[Variable]) -> bool:
    """Whether exactly one factor arrives: by one operand of a product, by all operands of a sum."""
    count = sum(variable in carried for variable in equation.inputs)
    if equation.operation in ("add", "subtract", "concatenate"):
        return count == len(equation.inputs if equation.operation == "concatenate" else equation.arguments)
    if equation.operation == "divide":
        return count == 1 and equation.arguments[0] in carried
    return count == 1
