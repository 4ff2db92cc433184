"""What the tests of passes share: a function's program as it was captured, what is in it, and that it still holds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_np.program import Program, compile
from tinygrad_np.program.ir import substituted


def captured(f: Callable[..., Any], *inputs: Any) -> Program:
    """The program of a function of arrays, before all passes."""
    compiled = compile(f)
    with np.errstate(all="ignore"):
        compiled(*inputs)
    return compiled.captured


def operations(program: Program) -> list[str]:
    return [equation.operation for equation in program.equations]


def results(program: Program, values: Sequence[Any]) -> list[Any]:
    """What a program gives, whose every value has to be known in time, and of the shape and dtype that it says."""
    known = {**program.constants, **dict(zip(program.inputs, values, strict=True))}
    for equation in program.equations:
        arguments, keywords = substituted((equation.arguments, dict(equation.keywords)), known.__getitem__)
        assert all(variable in known for variable in equation.inputs), f"{equation} reads what is not known yet"
        with np.errstate(all="ignore"):
            result = equation.function(*arguments, **keywords)
        made = result if equation.unpacks else (result,) * len(equation.outputs)
        known.update(zip(equation.outputs, made, strict=True))
        for variable in equation.outputs:
            value = np.asarray(known[variable])
            assert (value.shape, value.dtype) == (variable.shape, variable.dtype), str(equation)
    return [known[variable] for variable in program.outputs]


def assert_same(before: Program, after: Program, *inputs: Any, tolerance: float = 0.0) -> None:
    """The meaning is the same: bit for bit, unless there is a tolerance."""
    for expected, actual in zip(results(before, inputs), results(after, inputs), strict=True):
        expected, actual = np.asarray(expected), np.asarray(actual)
        assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype)
        size = np.max(np.abs(expected), initial=1.0, where=np.isfinite(expected)) if expected.dtype.kind == "f" else 1
        np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance * size)


def error(actual: Any, reference: Any, computed_in: Any, least: float = 0.0) -> float:
    """How far something is from a reference of higher precision, in units in the last place of its largest number.

    That number counts as `least` at least: the size of what is added up to something smaller.
    """
    actual, reference = np.asarray(actual), np.asarray(reference)
    assert reference.dtype == np.longdouble
    assert actual.shape == reference.shape
    size = np.max(np.abs(reference), initial=max(least, float(np.finfo(computed_in).tiny)))
    return float(np.max(np.abs(actual - reference), initial=0.0) / (size * float(np.finfo(computed_in).eps)))


def precise(value: Any) -> Any:
    """Floating numbers in NumPy's highest precision; others as they are."""
    return value.astype(np.longdouble) if value.dtype.kind == "f" else value


def assert_right_in_threads(call: Callable[[int], Any], expected: list[Any]) -> None:
    """What `call(number)` gives is the expected array, 50 times over, in as many threads at once as there are."""
    wrong = []

    def work(number: int) -> None:
        for _ in range(50):
            if not np.array_equal(call(number), expected[number]):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(expected))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
