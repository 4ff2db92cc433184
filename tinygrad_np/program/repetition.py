"""Whether a function did the same thing twice: what differs between two captures can be no constant of a program."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import CaptureError
from .ir import Program, Variable


def assert_repeated(first: Program, second: Program, results: tuple[list[Any], list[Any]] = ([], [])) -> None:
    """Raise CaptureError at the first thing in which two captures of the same call differ.

    `results` are what the function returned that is no array.
    """
    numbers: dict[Variable, Any] = {}
    for program in (first, second):
        for number, variable in enumerate(program.inputs):
            numbers[variable] = ("input", number)
        for number, equation in enumerate(program.equations):
            for output in equation.outputs:
                numbers[output] = ("made", number, output.shape, output.dtype)

    def same(a: Any, b: Any) -> bool:
        if isinstance(a, Variable) and isinstance(b, Variable):
            if a in first.constants and b in second.constants:
                return _same_array(first.constants[a], second.constants[b])
            return numbers.get(a) == numbers.get(b)
        if isinstance(a, list | tuple) and type(a) is type(b):
            return len(a) == len(b) and all(map(same, a, b))
        if isinstance(a, dict) and isinstance(b, dict):
            return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
        if isinstance(a, slice) and isinstance(b, slice):
            return same([a.start, a.stop, a.step], [b.start, b.stop, b.step])
        if callable(a) and not isinstance(a, type):
            # A function that is made anew in each run is another one of the same code.
            return a is b or getattr(a, "__code__", a) is getattr(b, "__code__", b)
        if type(a).__eq__ is object.__eq__:
            return type(a) is type(b)
        return type(a) is type(b) and bool(a == b or a != a)

    for one, other in zip(first.equations, second.equations, strict=False):
        if one.operation != other.operation or not same(
            (one.arguments, dict(one.keywords)), (other.arguments, dict(other.keywords))
        ):
            raise _differs(one.place)
    if len(first.equations) != len(second.equations) or not same(first.outputs, second.outputs) or not same(*results):
        raise _differs(first.equations[-1].place if first.equations else "")


def _same_array(a: Any, b: Any) -> bool:
    kind = np.asarray(a).dtype.kind
    return np.shape(a) == np.shape(b) and bool(np.array_equal(a, b, equal_nan=kind == "f"))


def _differs(place: str) -> CaptureError:
    return CaptureError(
        f"{place}: the function did something else when it was run a second time with the same arguments: a random "
        "number, a counter, the time. A compiled function would repeat the first for ever; pass it as an argument."
    )
