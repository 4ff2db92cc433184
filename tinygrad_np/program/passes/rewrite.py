"""What every pass is written with: go through a program, put something simpler instead of an equation.

A rewriting is a function of an equation and the `Edit`; it returns None (the equation stays), or the variable or the
number that stands for its output from now on. New equations are made with `edit.apply`, which asks NumPy for shape and
dtype.
"""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from math import inf
from typing import Any

import numpy as np

from ..ir import Equation, Program, Variable, substituted

_NUMBERS = (bool, int, float)
Rewriting = Callable[[Equation, "Edit"], Any]


class Edit:
    """A program while it is rewritten."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.made_by = dict(program.made_by)
        self.constants = dict(program.constants)
        self.equations: list[Equation] = []
        self.replaced: dict[Variable, Any] = {}
        self.current: Equation | None = None
        self._numbers: dict[Variable, Any] = {}
        self._places = {variable: number for number, variable in enumerate(program.inputs, -len(program.inputs))}
        self._placed = 0

    @cached_property
    def uses(self) -> dict[Variable, int]:
        """How often each variable is read, as far as is known by now."""
        return dict(self.program.uses)

    @cached_property
    def without_nan(self) -> set[Variable]:
        """What the program assumes to hold no NaN, be it known by now or later."""
        made_by = self.program.made_by
        assumed = [made_by.get(one.arguments[0]) for one in self.program.equations if one.operation == "assume"]
        absent = [made_by.get(one.arguments[0]) for one in assumed if one and one.operation == "logical_not"]
        return {test.arguments[0] for test in absent if test and test.operation == "isnan"}

    def apply(self, function: Any, *arguments: Any, name: str | None = None, **keywords: Any) -> Variable:
        """Add an equation; its output has the shape and dtype that NumPy gives for such arguments."""
        output = self._like(function, arguments, keywords)
        output.name = name
        now = self.current
        line, ignores = (now.line, now.ignores) if now else ("", False)
        self.add(Equation(function.__name__, function, arguments, keywords, (output,), line, ignores))
        return output

    def _like(self, function: Any, arguments: Any, keywords: Any) -> Variable:
        if isinstance(function, np.ufunc):
            small = [np.ones((1,) * min(v.ndim, 1), v.dtype) if isinstance(v, Variable) else v for v in arguments]
            small = [one[()] if isinstance(one, np.ndarray) and not one.ndim else one for one in small]
            with np.errstate(all="ignore"):
                dtype = np.asarray(function(*small)).dtype
            shape = np.broadcast_shapes(*(getattr(value, "shape", ()) for value in arguments))
            return Variable(shape, dtype, None, bool(shape))
        if function is np.dot and all(getattr(one, "ndim", 0) == 2 for one in arguments):
            a, b = arguments
            return Variable((a.shape[0], b.shape[1]), np.result_type(a.dtype, b.dtype))
        model = substituted(arguments, lambda variable: np.broadcast_to(np.ones((), variable.dtype), variable.shape))
        result = function(*model, **keywords)
        return Variable(result.shape, result.dtype, None, isinstance(result, np.ndarray))

    def add(self, equation: Equation) -> None:
        """Add an equation as it is."""
        self.equations.append(equation)
        for output in equation.outputs:
            self.made_by[output] = equation

    def place(self, variable: Variable) -> float:
        """Where a variable is known first: of constants, of inputs, of what the equations make."""
        for number in range(self._placed, len(self.equations)):
            self._places.update(dict.fromkeys(self.equations[number].outputs, number))
        self._placed = len(self.equations)
        return self._places.get(variable, -inf)

    def maker(self, value: Any, operation: str) -> Equation | None:
        """The equation that a value comes from, if it is of this operation."""
        equation = self.made_by.get(value) if isinstance(value, Variable) else None
        return equation if equation is not None and equation.operation == operation else None

    def is_used_once(self, value: Variable) -> bool:
        """Whether the program reads a variable only once."""
        return self.uses.get(value, 0) <= 1

    def number(self, value: Any) -> Any:
        """The number that all elements of a constant are, or None."""
        if not isinstance(value, Variable):
            return value if isinstance(value, _NUMBERS) else None
        if value not in self.constants:
            return None
        if value not in self._numbers:
            array = np.asarray(self.constants[value])
            is_number = array.size and array.dtype.kind in "fiu" and (array == array.flat[0]).all()
            self._numbers[value] = array.flat[0].item() if is_number else None
        return self._numbers[value]

    def result(self, equations: list[Equation] | None = None) -> Program:
        """The program that came out."""
        outputs = tuple(self.replaced.get(output, output) for output in self.program.outputs)
        return dataclasses.replace(
            self.program,
            constants=self.constants,
            equations=tuple(self.equations if equations is None else equations),
            outputs=outputs,
        )


def rewrite(program: Program, rule: Rewriting) -> Program:
    """The program with a rewriting applied to each of its equations, in order: itself where none is changed."""
    edit = Edit(program)
    results = set(program.outputs)
    for before in program.equations:
        equation = before.with_inputs(edit.replaced)
        edit.current = equation
        new = rule(equation, edit) if len(equation.outputs) == 1 and not equation.unpacks else None
        fits = new is not None and can_stand_for(new, equation)
        if not fits or (equation.output in results and not isinstance(new, Variable)):
            edit.equations.append(equation)
            if equation is not before:
                edit.made_by.update(dict.fromkeys(equation.outputs, equation))
            continue
        edit.replaced[equation.output] = new
        if isinstance(new, Variable):
            new.name = new.name or equation.output.name
            edit.uses[new] = edit.uses.get(new, 0) + edit.uses.get(equation.output, 0)
    return edit.result() if edit.replaced else program


def is_over_axes(equation: Equation) -> bool:
    """Whether a reduction takes one array and no more than axis and keepdims; other options may be None."""
    options = {name for name, value in equation.keywords.items() if value is not None}
    return len(equation.inputs) == len(equation.arguments) == 1 and options <= {"axis", "keepdims"}


def can_stand_for(new: Any, equation: Equation) -> bool:
    """Whether what a rule made is of the output's kind: numbers of another dtype, say, may have made it of another."""
    if isinstance(new, Variable):
        return (new.shape, new.dtype) == (equation.output.shape, equation.output.dtype)
    return new is not None


def ancestors(variables: Iterable[Variable], made_by: Mapping[Variable, Equation]) -> set[Equation]:
    """The equations that variables depend on."""
    found: set[Equation] = set()
    waiting = list(variables)
    while waiting:
        maker = made_by.get(waiting.pop())
        if maker is not None and maker not in found:
            found.add(maker)
            waiting += maker.inputs
    return found


def in_order(equations: Sequence[tuple[float, Equation]]) -> list[Equation]:
    """Each equation after what it needs, else by its number."""
    makers = {output: index for index, (_, equation) in enumerate(equations) for output in equation.outputs}
    waits = [{makers[variable] for variable in equation.inputs if variable in makers} for _, equation in equations]
    readers: dict[int, list[int]] = {}
    for index, needed in enumerate(waits):
        for maker in needed:
            readers.setdefault(maker, []).append(index)
    ready = [(number, index) for index, (number, _) in enumerate(equations) if not waits[index]]
    heapq.heapify(ready)
    result = []
    while ready:
        _, index = heapq.heappop(ready)
        result.append(equations[index][1])
        for reader in readers.get(index, ()):
            waits[reader].discard(index)
            if not waits[reader]:
                heapq.heappush(ready, (equations[reader][0], reader))
    assert len(result) == len(equations), "equations that wait for each other"
    return result
