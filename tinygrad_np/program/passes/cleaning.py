"""What no program needs: results that nobody reads, the same thing twice, what is known beforehand, no names."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import numpy as np

from ..ir import Equation, Program, Variable, substituted
from .rewrite import Edit, rewrite


def dead_code(program: Program) -> Program:
    """Without the equations, constants and names that no result depends on."""
    needed = set(program.outputs)
    kept: list[Equation] = []
    for equation in reversed(program.equations):
        if equation.operation == "assume" or not needed.isdisjoint(equation.outputs):
            needed.update(equation.inputs)
            kept.append(equation)
    constants = {variable: value for variable, value in program.constants.items() if variable in needed}
    if len(kept) == len(program.equations) and len(constants) == len(program.constants):
        return program
    return dataclasses.replace(program, constants=constants, equations=tuple(reversed(kept)))


def common_subexpressions(program: Program) -> Program:
    """What is computed twice from the same inputs is computed once; equal constants are one."""
    constants: dict[Any, Variable] = {}
    kinds = Counter((variable.shape, variable.dtype) for variable in program.constants)
    same: dict[Variable, Any] = {}
    for variable, value in program.constants.items():
        kind = variable.shape, variable.dtype
        contents = (kind, np.asarray(value).tobytes() if kinds[kind] > 1 else None)
        if contents in constants:
            same[variable] = constants[contents]
        else:
            constants[contents] = variable
    known: dict[Any, Equation] = {}
    edit = Edit(program)
    edit.replaced.update(same)
    for before in program.equations:
        equation = before.with_inputs(edit.replaced)
        twin = known.setdefault(equation.application, equation)
        if twin is equation:
            edit.add(equation)
            continue
        for output, first in zip(equation.outputs, twin.outputs, strict=True):
            edit.replaced[output] = first
            first.name = first.name or output.name
    return edit.result() if edit.replaced else program


def folded_constants(program: Program) -> Program:
    """What depends on constants alone is computed now."""

    def rule(equation: Equation, edit: Edit) -> Any:
        inputs = equation.inputs
        if any(variable not in edit.constants for variable in inputs) or equation.operation == "assume":
            return None
        arguments, keywords = substituted((equation.arguments, dict(equation.keywords)), edit.constants.__getitem__)
        with np.errstate(all="ignore"):
            value = equation.function(*arguments, **keywords)
        output = equation.output
        constant = Variable(output.shape, output.dtype, output.name, output.is_array)
        edit.constants[constant] = value
        return constant

    return rewrite(program, rule)


def named(program: Program) -> Program:
    """Numbers the nameless: inputs x1, constants c1, the rest t1, t2 and so on, around the names that are taken."""
    made = [output for equation in program.equations for output in equation.outputs]
    groups = {"x": list(program.inputs), "c": list(program.constants), "t": made}
    taken = {variable.name for group in groups.values() for variable in group}
    for prefix, group in groups.items():
        number = 0
        for variable in group:
            while variable.name is None:
                number += 1
                if f"{prefix}{number}" not in taken:
                    variable.name, variable.is_numbered = f"{prefix}{number}", True
    return program
