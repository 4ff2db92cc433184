"""Whose arrays the results are: which are new, which may be written over the old values of the Tensors they update."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ..capture.names import Binding
from ..ir import Equation, Program, Variable
from ..passes.lowering import added_at
from .buffers import VIEWS, is_fresh, roots_of


def updates_last(
    program: Program, reads: Sequence[Binding], updates: Sequence[Binding]
) -> tuple[Program, list[Variable]]:
    """The program with the updates of Tensors at its end, and those that may be written over the old values.

    `reads` are bound to its last inputs, `updates` to its last outputs.
    """
    made_by, uses, roots = program.made_by, program.uses, roots_of(program)
    updated = program.outputs[len(program.outputs) - len(updates) :]
    inputs = program.inputs[len(program.inputs) - len(reads) :]
    old = {id(r.tensor): variable for r, variable in zip(reads, inputs, strict=True) if r.slot == "_data"}
    candidates = {
        variable: old.get(id(update.tensor))
        for update, variable in zip(updates, updated, strict=True)
        if update.slot == "_data"
        and variable in made_by
        and uses[variable] == 1
        and (isinstance(made_by[variable].function, np.ufunc) or made_by[variable].function is added_at)
        and variable.ndim
    }
    parts: dict[bool, list[Equation]] = {True: [], False: []}
    for equation in program.equations:
        parts[candidates.keys().isdisjoint(equation.outputs)].append(equation)
    first, last = parts[True], parts[False]
    read: dict[Variable, set[Variable]] = {}
    for equation in last:
        for variable in equation.inputs:
            read.setdefault(roots.get(variable, variable), set()).add(equation.output)
    returned = {roots.get(variable, variable) for variable in program.outputs}
    # What is neither new nor known to be a view may yet be one.
    for equation in program.equations:
        if equation.operation not in VIEWS and not is_fresh(equation):
            returned.update(roots.get(variable, variable) for variable in equation.inputs)
    targets = [
        variable
        for variable, before in candidates.items()
        if before is None or (before not in returned and read.get(before, set()) <= {variable})
    ]
    return dataclasses.replace(program, equations=tuple(first + last)), targets


def owned(program: Program) -> list[bool]:
    """Which results are new arrays that nothing else refers to."""
    made_by = program.made_by
    seen: set[Variable] = set()
    found = []
    for variable in program.outputs:
        equation = made_by.get(variable)
        found.append(equation is not None and variable not in seen and (is_fresh(equation) or not variable.is_array))
        seen.add(variable)
    return found
