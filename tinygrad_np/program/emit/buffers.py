"""Where the values of a program live: buffers that are made once, and used again as soon as a value has died.

A value that an out= can be written to gets a buffer. Buffers of one shape, dtype and layout are shared by values that
do not live at the same time; an operation that works element by element writes over an operand that dies with it.
Results get none: they are new arrays in each call. Tall thin arrays lie column after column (Fortran's order), so that
sums over rows and broadcast rows run along contiguous memory; so do those that are used by columns. What is joined to
one array is computed in its place there.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from ...ops.arrays.indexing import scatter
from ..ir import Equation, Program, Variable, assume, joined_axis
from ..passes.lowering import added_at

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
    """An array that is made once: of its own, or a part of the buffer of what it is joined to."""

    name: str
    shape: tuple[int, ...]
    dtype: Any
    by_columns: bool
    part: str = ""


class Section(NamedTuple):
    """Where a value is computed: from `start` on along an axis of the array that it is joined to."""

    joined: Variable
    axis: int
    start: int


def takes_out(equation: Equation) -> bool:
    """Whether NumPy can write the result into a buffer."""
    if len(equation.outputs) != 1 or not equation.output.ndim or not equation.output.size:
        return False
    if isinstance(equation.function, np.ufunc):
        return not equation.keywords and (equation.function.signature is None or equation.output.ndim > 2)
    if equation.operation in ("all", "any", "max", "min", "sum"):
        known = equation.keywords.keys() <= {"axis", "keepdims"} and len(equation.arguments) == 1
        return known and equation.inputs[0].dtype == equation.output.dtype
    if equation.operation == "dot":
        a, b = equation.arguments
        return isinstance(a, Variable) and isinstance(b, Variable) and a.ndim == b.ndim == 2
    if equation.operation == "concatenate":
        known = joined_axis(equation) is not None
        return known and all(part.dtype == equation.output.dtype for part in equation.inputs)
    if equation.operation == "where":
        return chooses_bits(equation)
    return equation.function is added_at or (equation.operation == "astype" and equation.inputs[0].ndim > 0)


def chooses_bits(equation: Equation) -> bool:
    """Whether a where is one of arrays and numbers of the result's own kind, whose bits can be chosen."""
    condition, *branches = equation.arguments
    if len(branches) != 2 or equation.output.dtype.char not in "fd" or getattr(condition, "dtype", None) != np.bool:
        return False
    dtypes = [one.dtype for one in branches if isinstance(one, Variable)]
    known = all(isinstance(one, Variable) or type(one) in (int, float) for one in branches)
    return known and all(dtype == equation.output.dtype for dtype in dtypes)


def is_fresh(equation: Equation) -> bool:
    """Whether the results are new arrays, which nothing else refers to."""
    known = equation.operation in FRESH or equation.function in (assume, scatter.forward, added_at)
    return known or isinstance(equation.function, np.ufunc)


def is_view(equation: Equation) -> bool:
    """Whether the result is surely a view of the first input, wherever that is laid out in rows."""
    if equation.operation == "getitem":
        index = equation.arguments[1]
        parts = index if isinstance(index, tuple) else (index,)
        return bool(equation.output.ndim) and all(isinstance(part, int | slice | None) for part in parts)
    return equation.operation in ("transpose", "reshape") and len(equation.arguments) < 3


def roots_of(program: Program, sections: dict[Variable, Section] | None = None) -> dict[Variable, Variable]:
    """For all that may be views, what they are views of; for what is computed in its place, what it is joined to."""
    roots = {variable: section.joined for variable, section in (sections or {}).items()}
    for equation in program.equations:
        if equation.operation in VIEWS:
            roots[equation.output] = roots.get(equation.inputs[0], equation.inputs[0])
    return roots


def planned(program: Program) -> tuple[dict[Variable, Buffer], list[Buffer]]:
    """A buffer for each value that gets one, and all buffers."""
    return _Plan(program).filled()


class _Plan:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.by_columns = _by_columns(program)
        self.joined = _joined(program, self.by_columns)
        self.roots = roots_of(program, self.joined)
        self.results = {self.roots.get(variable, variable) for variable in program.outputs}
        self.last_use: dict[Variable, int] = {}
        for number, equation in enumerate(program.equations):
            for variable in [*equation.inputs, *equation.outputs]:
                root = self.roots.get(variable, variable)
                until = number if equation.operation in VIEWS or is_fresh(equation) else len(program.equations)
                self.last_use[root] = max(until, self.last_use.get(root, 0))
        self.buffer_of: dict[Variable, Buffer] = {}
        made = [output for equation in program.equations for output in equation.outputs]
        users = [str(variable) for variable in [*program.inputs, *program.constants, *made]]
        self.prefix = "buffer"
        while any(name.startswith(self.prefix) for name in users):
            self.prefix += "_"
        self.buffers: list[Buffer] = []
        self.free: dict[Any, list[Buffer]] = {}

    def filled(self) -> tuple[dict[Variable, Buffer], list[Buffer]]:
        for number, equation in enumerate(self.program.equations):
            read = dict.fromkeys(self.roots.get(variable, variable) for variable in equation.inputs)
            dying = [self.buffer_of[root] for root in read if self._dies(root, number)]
            # Written over are the operands of what works element by element, and the first of what adds to some.
            first = dying if isinstance(equation.function, np.ufunc) and equation.function.signature is None else []
            if equation.function is added_at:
                sources = [self.roots.get(variable, variable) for variable in equation.inputs]
                if sources.count(equation.inputs[0]) == 1 and self._dies(equation.inputs[0], number):
                    first = [self.buffer_of[equation.inputs[0]]]
            self._release(first)
            if len(equation.outputs) == 1 and equation.output in self.joined:
                self.buffer_of[equation.output] = self._part(equation.output)
            elif takes_out(equation) and equation.output not in self.results and equation.output not in self.buffer_of:
                self.buffer_of[equation.output] = buffer = self._buffer(equation.output)
                if self.last_use[equation.output] == number:
                    self._release([buffer])
            self._release([buffer for buffer in dying if buffer not in first])
        return self.buffer_of, self.buffers

    def _dies(self, root: Variable, number: int) -> bool:
        return self.last_use.get(root) == number and root in self.buffer_of and root not in self.results

    def _release(self, buffers: list[Buffer]) -> None:
        for buffer in buffers:
            self.free.setdefault(buffer[1:4], []).append(buffer)

    def _buffer(self, variable: Variable) -> Buffer:
        """A buffer that is free, or a new one."""
        wanted = (variable.shape, variable.dtype, variable in self.by_columns)
        if self.free.get(wanted):
            return self.free[wanted].pop()
        self.buffers.append(Buffer(f"{self.prefix}{len(self.buffers) + 1}", *wanted))
        return self.buffers[-1]

    def _part(self, variable: Variable) -> Buffer:
        """The part of the buffer of what a value is joined to."""
        section = self.joined[variable]
        if section.joined not in self.buffer_of:
            self.buffer_of[section.joined] = self._buffer(section.joined)
        whole, stop = self.buffer_of[section.joined], section.start + variable.shape[section.axis]
        index = ", ".join([":"] * section.axis + [f"{section.start}:{stop}"])
        name = f"{whole.name}_{section.start}"
        return Buffer(name, variable.shape, variable.dtype, whole.by_columns, f"{whole.name}[{index}]")


def _by_columns(program: Program) -> set[Variable]:
    """The matrices that are laid out column after column: tall thin ones, those used by columns, and their like.

    What is added to such a matrix, or computed of it element by element, is laid out in the same way. Tall ones are not
    if any of these lies row after row, as what the program gives back does.
    """
    alike: dict[Variable, set[Variable]] = {}
    by_rows = set(program.outputs)
    wanted: dict[Variable, bool] = {}
    for equation in program.equations:
        by_rows.update(() if takes_out(equation) or is_view(equation) else equation.outputs)
        for variable in equation.outputs:
            if variable.ndim == 2 and variable.shape[1] > 1 and variable.shape[0] >= TALL * variable.shape[1]:
                wanted.setdefault(variable, False)
        if joined_axis(equation) == 1 and equation.output.ndim == 2:
            wanted[equation.output] = True
        is_column = equation.operation == "getitem" and equation.output.shape[1:] == (1,)
        if is_column and equation.inputs[0].ndim == 2 and equation.inputs[0] not in program.inputs:
            wanted[equation.inputs[0]] = True
        if isinstance(equation.function, np.ufunc) and len(equation.outputs) == 1 and equation.output.ndim == 2:
            same = {
                variable for variable in [*equation.inputs, equation.output] if variable.shape == equation.output.shape
            }
            for variable in same:
                alike.setdefault(variable, set()).update(same)
    found: set[Variable] = set()
    seen: set[Variable] = set()
    for one in sorted(wanted, key=lambda variable: not wanted[variable]):
        family, waiting = {one}, [] if one in seen else [one]
        while waiting:
            new = alike.get(waiting.pop(), set()) - family
            family |= new
            waiting += new
        if one not in seen and (wanted[one] or family.isdisjoint(by_rows)):
            found |= family
        seen |= family
    return found


def _joined(program: Program, by_columns: set[Variable]) -> dict[Variable, Section]:
    """The values that can be computed where they are joined to an array."""
    made_by = program.made_by
    results = set(program.outputs)
    found: dict[Variable, Section] = {}
    for equation in program.equations:
        if equation.operation != "concatenate" or not takes_out(equation) or equation.output in results:
            continue
        axis, start = joined_axis(equation), 0
        # Else the parts have gaps between their rows.
        is_whole = axis == (1 if equation.output in by_columns else 0)
        parts = list(equation.arguments[0])
        counts = Counter(parts)
        for part in parts:
            maker = made_by.get(part)
            fits = maker is not None and takes_out(maker) and maker.operation != "concatenate"
            fits = fits and counts[part] == 1  # else it is needed twice
            if axis is not None and is_whole and fits and part not in found and part not in results:
                found[part] = Section(equation.output, axis, start)
            start += part.shape[axis or 0]
    return found
