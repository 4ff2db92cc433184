"""Where the values of a program live: buffers that are made once, and used again as soon as a value has died.

A value that an out= can be written to gets a buffer. Buffers of one shape, dtype and layout are shared by values that
do not live at the same time; an operation that works element by element writes over an operand that dies with it.
Results get none: they are new arrays in each call. Tall thin arrays lie column after column (Fortran's order), so that
sums over rows and broadcast rows run along contiguous memory.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .ir import Equation, Program, Variable

TALL = 8
"""Rows a column from which on a matrix is laid out column after column."""

VIEWS = {"transpose", "reshape", "getitem", "broadcast_to"}
"""Operations whose result may be a view of their first input."""

FRESH = {
    "argmax", "argsort", "astype", "concatenate", "copy", "cumsum", "dot", "matmul", "max", "mean", "min", "prod",
    "sort", "stack", "sum", "where",
}  # fmt: skip
"""Operations besides the ufuncs whose result is a new array; those of others may be views of what they are given."""


class Buffer(NamedTuple):
    """An array that is made once."""

    name: str
    shape: tuple[int, ...]
    dtype: Any
    is_tall: bool


def is_tall(variable: Variable) -> bool:
    """Whether a value is laid out column after column."""
    return variable.ndim == 2 and variable.shape[1] > 1 and variable.shape[0] >= TALL * variable.shape[1]


def takes_out(equation: Equation) -> bool:
    """Whether NumPy can write the result into a buffer."""
    if len(equation.outputs) != 1 or not equation.output.ndim or not equation.output.size:
        return False
    if isinstance(equation.function, np.ufunc):
        return not equation.keywords and equation.operation != "matmul"
    if equation.operation in ("sum", "max", "min"):
        known = equation.keywords.keys() <= {"axis", "keepdims"} and len(equation.arguments) == 1
        return known and equation.inputs[0].dtype == equation.output.dtype
    if equation.operation == "dot":
        a, b = equation.arguments
        return isinstance(a, Variable) and isinstance(b, Variable) and a.ndim == b.ndim == 2
    return equation.operation == "astype" and equation.inputs[0].ndim > 0


def is_fresh(equation: Equation) -> bool:
    """Whether the results are new arrays, which nothing else refers to."""
    return isinstance(equation.function, np.ufunc) or equation.operation in FRESH or equation.operation == "assume"


def planned(program: Program) -> tuple[dict[Variable, Buffer], list[Buffer]]:
    """A buffer for each value that gets one, and all buffers."""
    roots: dict[Variable, Variable] = {}
    last_use: dict[Variable, int] = {}
    for number, equation in enumerate(program.equations):
        if equation.operation in VIEWS:
            roots[equation.output] = roots.get(equation.inputs[0], equation.inputs[0])
        for variable in equation.inputs:
            root = roots.get(variable, variable)
            until = number if equation.operation in VIEWS or is_fresh(equation) else len(program.equations)
            last_use[root] = max(until, last_use.get(root, 0))
    results = {roots.get(variable, variable) for variable in program.outputs}
    places: dict[Variable, Buffer] = {}
    buffers: list[Buffer] = []
    free: list[Buffer] = []
    for number, equation in enumerate(program.equations):
        dying = [
            places[root]
            for root in dict.fromkeys(roots.get(variable, variable) for variable in equation.inputs)
            if last_use[root] == number and root in places and root not in results
        ]
        in_place = isinstance(equation.function, np.ufunc)
        if in_place:
            free += dying
        if takes_out(equation) and equation.output not in results:
            output = equation.output
            wanted = (output.shape, output.dtype, is_tall(output))
            found = next((one for one in reversed(free) if one[1:] == wanted), None)
            if found is None:
                found = Buffer(f"buffer{len(buffers) + 1}", *wanted)
                buffers.append(found)
            else:
                free.remove(found)
            places[output] = found
            if output not in last_use:
                free.append(found)
        if not in_place:
            free += dying
    return places, buffers
