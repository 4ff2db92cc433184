"""Every row of the table of primitives, compiled: the program gives what the eager function gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_np as tg
from tests.cases import CASES, Case
from tests.program.running import error, precise
from tests.test_cases import FIRST_VARIANT, drawn, floating, weighted
from tinygrad_np.errors import CaptureError
from tinygrad_np.program import compile

REFUSED = {"piecewise", "unique", "union1d", "intersect1d", "setdiff1d", "setxor1d", "trim_zeros"}
"""Functions whose result has a shape that depends on values, or that give such an array to a user's function."""


def precisely(function: Callable[..., Any], values: list[Any]) -> list[Any]:
    """What a function and its slopes are in higher precision; nothing where NumPy computes in none."""
    try:
        value, gradients = function(*map(precise, values))
    except tg.TinygradError:
        return []
    results = [np.asarray(value), *(gradients if isinstance(gradients, tuple) else (gradients,))]
    return results if all(result.dtype == np.longdouble for result in results) else []


def assert_same(actual: Any, expected: Any, reference: list[Any]) -> None:
    """A value and slopes of the same types, shapes and dtypes, and not twice as far from a reference of more digits.

    Units in the last place come on top of that; without a reference, they are all there may be.
    """
    for number, (one, other) in enumerate(zip(actual, expected, strict=True)):
        assert type(one) is type(other)
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        least = 0 if number else 1
        if reference:
            allowed = 2 * error(other, reference[number], one.dtype, least) + 4
            assert error(one, reference[number], one.dtype, least) <= allowed
        else:
            assert error(one, precise(other), one.dtype, least) <= 16


@pytest.mark.parametrize(("case", "shapes"), FIRST_VARIANT)
def test_a_compiled_row_gives_the_same(case: Case, shapes: Any) -> None:
    inputs = drawn(case, shapes)
    scalar, result = weighted(case, inputs)
    places = floating(inputs)
    if result.dtype.kind != "f":
        return
    function = tg.value_and_grad(scalar, tuple(range(len(places))))
    compiled = compile(function)
    if case.label in REFUSED:
        with pytest.raises(CaptureError, match=rf"np\.(unique|{case.label}).* line \d+.*np\.where"):
            compiled(*[inputs[place] for place in places])
        return
    for shift in (0.0, 1e-3):
        values = [inputs[place] * (1 - shift) for place in places]
        before = [value.copy() for value in values]
        value, gradients = compiled(*values)
        expected, slopes = function(*values)
        assert_same((value, *gradients), (expected, *slopes), precisely(function, values))
        for array, same in zip(values, before, strict=True):
            np.testing.assert_array_equal(array, same)


@pytest.mark.parametrize(("case", "shapes"), [row for row in FIRST_VARIANT if len(row.values[0].inputs) > 1])
def test_a_compiled_row_gives_the_same_where_an_operand_is_of_integers(case: Case, shapes: Any) -> None:
    if case.label in REFUSED:
        return
    inputs = drawn(case, shapes)
    for place in range(len(inputs)):
        others = inputs[:place] + inputs[place + 1 :]
        places = floating(others)
        whole = np.asarray(2 * inputs[place]).astype(int)

        def scalar(*values: Any, place: int = place, others: Any = others, places: Any = places) -> Any:
            *given, operand = values
            known = dict(zip(places, given, strict=True))
            operands = [known.get(number, other) for number, other in enumerate(others)]
            return np.sum(case.f(*operands[:place], operand, *operands[place:]) * 1.5)

        arrays = [others[number] for number in places]
        slopes = tg.value_and_grad(scalar, tuple(range(len(places))))
        for operand in (3, whole):
            try:
                expected, gradients = slopes(*arrays, operand)
            except Exception:  # Many take no number, and some no integers.
                continue
            value, found = compile(slopes)(*arrays, operand)
            np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-9)
            for one, other in zip(found, gradients, strict=True):
                assert one.dtype == other.dtype
                np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("case", "shapes"), FIRST_VARIANT)
def test_a_compiled_row_takes_whole_numbers_for_any_of_its_operands(case: Case, shapes: Any) -> None:
    inputs = drawn(case, shapes)
    places = floating(inputs)
    for whole in (None, *places) if len(places) > 1 else (None,):
        given = [np.rint(value).astype(int) if place == whole else value for place, value in enumerate(inputs)]
        function = tg.value_and_grad(lambda *x: np.sum(case.f(*x)), tuple(place for place in places if place != whole))
        try:
            with np.errstate(all="ignore"):
                expected, slopes = function(*given)
        except (ValueError, TypeError):  # It takes none, or there is nothing to differentiate.
            continue
        if case.label in REFUSED:
            continue
        with np.errstate(all="ignore"):
            value, gradients = compile(function)(*given)
        for one, other in zip((value, *gradients), (expected, *slopes), strict=True):
            assert (one.shape, one.dtype) == (other.shape, other.dtype)
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("case", "shapes"), FIRST_VARIANT)
def test_both_sources_run_by_themselves(case: Case, shapes: Any) -> None:
    inputs = drawn(case, shapes)
    scalar, result = weighted(case, inputs)
    if result.dtype.kind != "f" or case.label in REFUSED:
        return
    places = floating(inputs)
    values = [inputs[place] for place in places]
    compiled = compile(tg.value_and_grad(scalar, tuple(range(len(places)))))
    value, gradients = compiled(*values)
    for source in (compiled.source, compiled.fast_source):
        names: dict[str, Any] = {}
        exec(source, names)
        results = names[compiled.program.name](*values, *compiled.constants)
        for actual, expected in zip(results, [value, *gradients], strict=True):
            assert error(actual, precise(expected), expected.dtype, least=1) <= 16


UNARY = [
    case for case in CASES if len(case.inputs) == 1 and case.inputs[0].shape is None and case.inputs[0].kind == "float"
]
BINARY = [case for case in CASES if len(case.inputs) == 2 and not case.is_shaped and case.inputs[1].kind == "float"]


def random_function(data: Any) -> tuple[Callable[..., Any], list[Case]]:
    """Rows of the table strung together at random: each takes the results of earlier ones, brought into its domain."""
    steps = data.draw(st.lists(st.sampled_from(UNARY + BINARY), min_size=2, max_size=6))
    sources = [data.draw(st.lists(st.integers(0, place), min_size=2, max_size=2)) for place in range(len(steps))]

    def function(x: Any) -> Any:
        values = [x]
        for case, chosen in zip(steps, sources, strict=True):
            given = [
                domain.low + (domain.high - domain.low) * (0.5 + 0.4 * np.tanh(values[place]))
                for domain, place in zip(case.inputs, chosen, strict=False)
            ]
            result = case.f(*given)
            values.append(result if result.dtype.kind == "f" and result.shape == x.shape else values[-1])
        return np.sum(values[-1] * np.cos(np.arange(x.size)).reshape(x.shape))

    return function, steps


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_random_programs_agree(data: Any) -> None:
    function, steps = random_function(data)
    x = np.random.default_rng(0).normal(size=(3, 4))
    eager = tg.value_and_grad(function)
    compiled = compile(eager)
    try:
        compiled(x)
    except CaptureError:
        assert any(case.label in REFUSED for case in steps)
        return
    for values in (x, x + 0.25, -x):
        assert_same(compiled(values), eager(values), precisely(eager, [values]))
