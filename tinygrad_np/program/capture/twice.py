"""Whether a function did the same thing twice: what differs between two captures can be no constant of a program."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import CaptureError
from ..ir import Program, Variable


def assert_repeated(first: Program, second: Program, results: tuple[list[Any], list[Any]], place: str) -> None:
    """Raise CaptureError at the first thing in which two captures of the same call differ.

    `results` are what the function of this place returned that is no array.
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
                return is_same(first.constants[a], second.constants[b])
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
        if getattr(type(a), "__eq__", None) is object.__eq__:
            return type(a) is type(b)
        return type(a) is type(b) and bool(a == b or a != a)

    for one, other in zip(first.equations, second.equations, strict=False):
        if one.operation != other.operation or not same(
            (one.arguments, dict(one.keywords)), (other.arguments, dict(other.keywords))
        ):
            raise _differs(one.place)
    if len(first.equations) != len(second.equations) or not same(first.outputs, second.outputs):
        raise _differs(first.equations[-1].place if first.equations else place)
    if not same(*results):
        raise _differs(place)


def is_same(a: Any, b: Any) -> bool:
    """Whether two arrays have the same shape and elements: NaN beside NaN, but not -0 beside 0."""
    if np.shape(a) != np.shape(b) or np.asarray(a).dtype != np.asarray(b).dtype:
        return False
    if np.asarray(a).dtype.kind != "f":
        return bool(np.array_equal(a, b))
    return bool(np.array_equal(a, b, equal_nan=True) and np.array_equal(np.signbit(a), np.signbit(b)))


def _differs(place: str) -> CaptureError:
    return CaptureError(
        f"{place}: the function did something else when it was run a second time with the same arguments: a random "
        "number, a counter, the time. A compiled function would repeat the first for ever; pass it as an argument."
    )
