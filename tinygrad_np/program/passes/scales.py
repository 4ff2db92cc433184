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

SUMS = {"add", "concatenate", "subtract"}

MOST = 20
"""How often the equations are looked at for one factor."""

EXACT = {
    "absolute", "astype", "concatenate", "getitem", "maximum", "minimum", "negative", "reshape", "transpose", "where",
}  # fmt: skip
"""Operations that do not round. A factor is not moved above them: its rounding would show where values cancel."""


def hoisted_scales(program: Program) -> Program:
    """The program with factors moved upstream, where that leaves less to multiply."""
    uses = _Uses(program)
    for factor in sorted(uses.products):
        moved = _hoisted(uses, factor)
        if moved is not None:
            uses = _Uses(moved)
    return uses.program


class _Uses:
    """Which equations read each variable of a program, and which multiply by each number."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.number = {equation: index for index, equation in enumerate(program.equations)}
        self.readers: dict[Variable, list[Equation]] = {}
        self.products: dict[float, list[Equation]] = {}
        for equation in program.equations:
            for variable in dict.fromkeys(equation.inputs):
                self.readers.setdefault(variable, []).append(equation)
            if equation.operation == "multiply":
                for one in equation.arguments:
                    if (
                        isinstance(one, int | float)
                        and not isinstance(one, bool)
                        and _is_moderate(one, equation.output)
                    ):
                        self.products.setdefault(float(one), []).append(equation)


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


def _hoisted(uses: _Uses, factor: float) -> Program | None:
    """The program with a factor moved to the first value where that pays; None if it does nowhere."""
    passed: set[Variable] = set()
    looked_at = 0
    for start in _starts(uses, factor):
        if start.output in passed or start.operation in EXACT or not start.output.ndim:
            continue
        removed, between = _reached(start.output, factor, uses)
        looked_at += len(between)
        if looked_at > MOST * len(uses.program.equations):
            return None
        carried = {start.output, *(equation.output for equation in between)}
        unequal = [equation for equation in between if not _carries(equation, carried)]
        saved = sum(_price(equation.output) for equation in removed)
        if saved > _price(start.output) and not unequal:
            return _moved(uses.program, factor, start, removed, carried)
        # Of what lies between, no value saves more, and none brings what a sum lacks here.
        passed.update(variable for variable in carried if _price(variable) >= saved)
        waiting = [equation for equation in unequal if equation.operation in SUMS]
        while waiting:
            new = carried.intersection(waiting.pop().inputs) - passed
            passed |= new
            waiting += [uses.program.made_by[variable] for variable in new]
    return None


def _starts(uses: _Uses, factor: float) -> list[Equation]:
    """What makes a value from which all paths end in products with the factor, found by going back from those."""
    ends = [equation for equation in uses.products.get(factor, ()) if _scaled(equation, factor) is not None]
    missing: dict[Variable, int] = {}
    starts: list[Equation] = []
    results = set(uses.program.outputs)
    while ends:
        for variable in set(ends.pop().inputs):
            missing[variable] = missing.get(variable, len(uses.readers[variable])) - 1
            maker = uses.program.made_by.get(variable)
            if missing[variable] or variable in results or maker is None or len(maker.outputs) > 1:
                continue
            if maker.output.dtype.kind == "f":
                starts.append(maker)
            if _is_linear(maker) and _scaled(maker, factor) is None:  # Else it is an end, and counted.
                ends.append(maker)
    return sorted(starts, key=uses.number.__getitem__)


def _price(variable: Variable) -> int:
    """What a product costs: a call, and its elements."""
    return 500 + variable.size


def _reached(start: Variable, factor: float, uses: _Uses) -> tuple[set[Equation], set[Equation]]:
    """The products with the factor that paths from a value end in, and the equations in between."""
    waiting, removed, between = [start], set(), set()
    while waiting:
        variable = waiting.pop()
        for equation in uses.readers[variable]:
            if _scaled(equation, factor) is not None:
                removed.add(equation)
            elif equation not in between:
                between.add(equation)
                waiting.append(equation.output)
    return removed, between


def _moved(program: Program, factor: float, start: Equation, removed: set[Equation], carried: set[Variable]) -> Program:
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
    if equation.operation in SUMS:
        return count == len(equation.inputs if equation.operation == "concatenate" else equation.arguments)
    if equation.operation == "divide":
        return count == 1 and equation.arguments[0] in carried
    return count == 1
