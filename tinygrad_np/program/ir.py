"""A program: a short list of applications of NumPy's functions to variables, as plain data that prints and runs.

print(program)               a line each: name, shape, dtype, what it is, where the user wrote it
program.run([X, W])          the results, one application after the other: the meaning that every pass keeps
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..formula import Symbol, text


@dataclass(eq=False)
class Variable:
    """A value that the program computes or is given.

    `is_array` tells a 0-d array from a number; `is_numbered` that its name is none of the user's.
    """

    shape: tuple[int, ...]
    dtype: Any
    name: str | None = None
    is_array: bool = True
    is_numbered: bool = False

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    def __repr__(self) -> str:
        return self.name or "_"


@dataclass(frozen=True, eq=False, repr=False)
class Equation:
    """One application: `outputs = function(*arguments, **keywords)`.

    `operation` is the name ("add", "dot", "linalg.inv"); variables stand anywhere in the arguments, in lists and tuples
    too; `line` is that of the user's code; `ignores` says that NumPy's floating-point warnings are off here, `unpacks`
    that the function gives a list or tuple of the outputs, though it be of one.
    """

    operation: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    outputs: tuple[Variable, ...]
    line: str = ""
    ignores: bool = False
    unpacks: bool = False

    @property
    def targets(self) -> str:
        """What the function is assigned to."""
        return ", ".join(map(str, self.outputs)) + ("," if self.unpacks and len(self.outputs) == 1 else "")

    @property
    def output(self) -> Variable:
        """The only result."""
        return self.outputs[0]

    @cached_property
    def inputs(self) -> tuple[Variable, ...]:
        """The variables that it reads, as often as it reads them."""
        return tuple(variables_in((self.arguments, self.keywords)))

    @cached_property
    def application(self) -> Any:
        """What is applied to what, as something that hashes, in which 1, 1.0 and True differ."""
        return (self.operation, self.function, _hashable(self.arguments), _hashable(self.keywords))

    def with_inputs(self, replacement: Mapping[Variable, Any]) -> Equation:
        """The same application with others instead of some of its variables."""
        if not replacement or replacement.keys().isdisjoint(self.inputs):
            return self
        arguments, keywords = substituted(
            (self.arguments, dict(self.keywords)), lambda variable: replacement.get(variable, variable)
        )
        return dataclasses.replace(self, arguments=arguments, keywords=keywords)

    def __repr__(self) -> str:
        return f"<{', '.join(map(repr, self.outputs))} = {self}>" if self.outputs else f"<{self}>"

    def __str__(self) -> str:
        def spelled(value: Any) -> str:
            return text(substituted(value, lambda variable: Symbol(str(variable.name))))

        arguments = [*map(spelled, self.arguments)]
        arguments += [f"{name}={spelled(value)}" for name, value in self.keywords.items()]
        return f"{self.operation}({', '.join(arguments)})"


@dataclass(frozen=True, eq=False, repr=False)
class Program:
    """Inputs, constants (variable to array), equations in order, and the variables that are the results.

    `line` is where the function begins that it was captured from.
    """

    inputs: tuple[Variable, ...]
    constants: Mapping[Variable, Any]
    equations: tuple[Equation, ...]
    outputs: tuple[Variable, ...]
    name: str = "f"
    line: str = ""

    def run(self, values: Sequence[Any], after: Callable[[Equation, Any], Any] = lambda _, part: part) -> list[Any]:
        """The results for these inputs, computed one equation at a time; `after` may change what each gives."""
        known: dict[Variable, Any] = {**self.constants, **dict(zip(self.inputs, values, strict=True))}
        for equation in self.equations:
            arguments, keywords = substituted((equation.arguments, dict(equation.keywords)), known.__getitem__)
            with np.errstate(all="ignore" if equation.ignores else None):
                result = equation.function(*arguments, **keywords)
            parts = result if equation.unpacks else (result,)
            known.update(zip(equation.outputs, [after(equation, part) for part in parts], strict=False))
        return [known[variable] for variable in self.outputs]

    @cached_property
    def uses(self) -> Mapping[Variable, int]:
        """How often each variable is read, as a result too."""
        counts: dict[Variable, int] = {}
        for variable in [*(read for equation in self.equations for read in equation.inputs), *self.outputs]:
            counts[variable] = counts.get(variable, 0) + 1
        return counts

    @cached_property
    def made_by(self) -> Mapping[Variable, Equation]:
        """The equation that each variable comes from."""
        return {output: equation for equation in self.equations for output in equation.outputs}

    def __repr__(self) -> str:
        inputs, count = ", ".join(map(repr, self.inputs)), len(self.equations)
        return f"<program {self.name}({inputs}): {count} operation{'s' if count != 1 else ''}>"

    def __str__(self) -> str:
        rows = [(str(v.name), f"{v.shape} {v.dtype}", "given", "") for v in self.inputs]
        for v, value in self.constants.items():
            elements = np.asarray(value).reshape(-1).tolist()
            number = f" {elements[0]!r}" if elements and elements.count(elements[0]) == len(elements) else ""
            rows.append((str(v.name), f"{v.shape} {v.dtype}", f"constant{number}", ""))
        for equation in self.equations:
            for output in equation.outputs:
                rows.append((str(output.name), f"{output.shape} {output.dtype}", str(equation), equation.line))
            if not equation.outputs:
                rows.append(("", "", str(equation), equation.line))
        rows.append(("returns", "", ", ".join(str(v.name) for v in self.outputs), ""))
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)).rstrip() for row in rows
        )


def joined_axis(equation: Equation) -> int | None:
    """The axis along which an equation joins arrays; None if it is not a plain concatenation."""
    if equation.operation != "concatenate" or equation.keywords.keys() - {"axis"}:
        return None
    parts, *axis = equation.arguments
    chosen = axis[0] if axis else equation.keywords.get("axis", 0)
    if not isinstance(chosen, int) or not all(isinstance(part, Variable) for part in parts):
        return None
    return chosen % equation.output.ndim


def _hashable(value: Any) -> Any:
    if isinstance(value, Variable):
        return value
    if isinstance(value, list | tuple):
        return (type(value), *map(_hashable, value))
    if isinstance(value, Mapping):
        return tuple((key, _hashable(part)) for key, part in sorted(value.items()))
    if isinstance(value, slice):
        return ("slice", value.start, value.stop, value.step)
    return (type(value), repr(value) if isinstance(value, float) else value)


def variables_in(value: Any) -> Iterator[Variable]:
    """The variables anywhere in a structure of lists, tuples, dicts and slices."""
    if isinstance(value, Variable):
        yield value
    elif isinstance(value, _SEQUENCES):
        for part in value:
            yield from variables_in(part)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from variables_in(part)


_SEQUENCES, _CONTAINERS = (list, tuple), (list, tuple, dict)


def mapped(value: Any, function: Callable[[Any], Any]) -> Any:
    """The structure of lists, tuples and dicts with `function` of whatever else stands in it."""
    kind = type(value)  # What a traced array says of its class depends on who asks, which takes its time.
    if issubclass(kind, dict):
        return {key: mapped(part, function) for key, part in value.items()}
    if not issubclass(kind, _SEQUENCES):
        return function(value)
    parts = [mapped(part, function) if issubclass(type(part), _CONTAINERS) else function(part) for part in value]
    return parts if issubclass(kind, list) else tuple(parts)


def substituted(value: Any, replacement: Callable[[Variable], Any]) -> Any:
    """The structure with others instead of the variables."""
    return mapped(value, lambda part: replacement(part) if isinstance(part, Variable) else part)


def is_written(value: Any) -> bool:
    """Whether there is Python code for a static value."""
    if isinstance(value, type):
        return issubclass(value, np.generic | Exception | bool | int | float)
    if isinstance(value, slice):
        return all(is_written(bound) for bound in (value.start, value.stop, value.step))
    return value is None or value is Ellipsis or isinstance(value, int | float | str | range | np.generic | np.dtype)


# What programs call besides NumPy's functions.


def astype(x: Any, dtype: Any) -> Any:
    """x in another dtype."""
    return x.astype(dtype)


class AssumptionError(Exception):
    """Values for which the program was not made: that of another capture has to run."""


def assume(condition: Any) -> None:
    """Raise AssumptionError unless the condition holds everywhere."""
    if not condition.all():
        raise AssumptionError
