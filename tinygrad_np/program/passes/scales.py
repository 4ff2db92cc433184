"""A number that everything downstream is multiplied by, the learning rate say, moved to where it all starts.

What is linear hands a factor on: 0.1 * (a b) is (0.1 * a) b. If all uses of some values end in a product with one and
the same number, the first of them are multiplied by it, most often once, and all those products fall away.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..ir import Equation, Program, Variable
from ..rewrite import Edit

LINEAR = {
    "add", "astype", "concatenate", "divide", "dot", "getitem", "matmul", "multiply", "negative", "reshape", "subtract",
    "sum", "transpose",
}  # fmt: skip


def hoisted_scales(program: Program) -> Program:
    """The program with factors moved upstream, where that leaves less to multiply."""
    factors = {
        float(number)
        for equation in program.equations
        if equation.operation == "multiply"
        for number in equation.arguments
        if isinstance(number, int | float) and not isinstance(number, bool)
    }
    for factor in sorted(factors):
        program = _hoisted(program, factor)
    return program


def _scaled(equation: Equation, factor: float) -> Any:
    """The variable that an equation multiplies by this factor and nothing else, or None."""
    if equation.operation != "multiply":
        return None
    for one, other in (equation.arguments, equation.arguments[::-1]):
        if isinstance(one, int | float) and one == factor and isinstance(other, Variable) and other.dtype.kind == "f":
            return other
    return None


def _hoisted(program: Program, factor: float) -> Program:
    readers: dict[Variable, list[Equation]] = {}
    for equation in program.equations:
        for variable in equation.inputs:
            readers.setdefault(variable, []).append(equation)
    results = set(program.outputs)
    number = {equation: place for place, equation in enumerate(program.equations)}
    for start in program.equations:
        if len(start.outputs) != 1 or start.output.dtype.kind != "f" or not start.output.ndim:
            continue
        removed = _reached(start.output, factor, readers, results, number)
        if sum(_price(equation.output) for equation in removed) > _price(start.output):
            return _moved(program, factor, start, removed)
    return program


def _price(variable: Variable) -> int:
    """What a product costs: a call, and its elements."""
    return 500 + variable.size


def _reached(
    start: Variable, factor: float, readers: Any, results: set[Variable], number: dict[Equation, int]
) -> list[Equation]:
    """The products with the factor that all paths from a value end in; none if a path does not."""
    carried, waiting, removed = {start}, {start}, []
    affected: set[Equation] = set()
    while waiting:
        variable = waiting.pop()
        if variable in results:
            return []
        for equation in readers.get(variable, ()):
            if equation in affected:
                continue
            affected.add(equation)
            if _scaled(equation, factor) is variable:
                removed.append(equation)
            elif equation.operation in LINEAR and len(equation.outputs) == 1:
                carried.add(equation.output)
                waiting.add(equation.output)
            else:
                return []
    if not all(_carries(equation, carried) for equation in affected if equation not in removed):
        return []
    return sorted(removed, key=number.__getitem__)


def _moved(program: Program, factor: float, start: Equation, removed: list[Equation]) -> Program:
    edit = Edit(program)
    for before in program.equations:
        equation = before.with_inputs(edit.replaced)
        if before in removed:
            edit.replaced[before.output] = next(v for v in equation.arguments if isinstance(v, Variable))
        elif before is start:
            fresh = Variable(before.output.shape, before.output.dtype, None, before.output.is_array)
            edit.add(dataclasses.replace(equation, outputs=(fresh,)))
            edit.current = equation
            edit.replaced[before.output] = edit.apply(np.multiply, factor, fresh, name=before.output.name)
        else:
            edit.add(equation)
    return edit.result()


def _carries(equation: Equation, carried: set[Variable]) -> bool:
    """Whether exactly one factor arrives: by one operand of a product, by all operands of a sum."""
    count = sum(variable in carried for variable in equation.inputs)
    if equation.operation in ("add", "subtract"):
        return count == len(equation.arguments)
    if equation.operation == "concatenate":
        return count == len(equation.inputs)
    if equation.operation == "divide":
        return count == 1 and equation.arguments[0] in carried
    return count == 1
