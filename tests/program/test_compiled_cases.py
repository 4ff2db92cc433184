"""Every row of the table of primitives, compiled: the program gives what the eager function gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_np as tg
from tests.cases import CASES, Case
from tests.test_cases import FIRST_VARIANT, drawn, floating, weighted
from tinygrad_np import Tensor
from tinygrad_np.errors import CaptureError
from tinygrad_np.program import compile

REFUSED = {"piecewise", "unique", "union1d", "intersect1d", "setdiff1d", "setxor1d", "trim_zeros"}
"""Functions whose result has a shape that depends on values, or that give such an array to a user's function."""


def assert_same(actual: Any, expected: Any) -> None:
    """The same type, shape, dtype, and values but for the rounding of sums."""
    assert type(actual) is type(expected)
    actual, expected = (value.numpy() if isinstance(value, Tensor) else value for value in (actual, expected))
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    size = np.max(np.abs(expected), initial=1.0, where=np.isfinite(expected)) if expected.dtype.kind == "f" else 0
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-14 * size)


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
        expected_value, expected_gradients = function(*values)
        assert_same(value, expected_value)
        for gradient, expected in zip(gradients, expected_gradients, strict=True):
            assert_same(gradient, expected)
        for array, same in zip(values, before, strict=True):
            np.testing.assert_array_equal(array, same)


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
            size = max(1.0, np.max(np.abs(expected), initial=0.0))
            np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-14 * size)


UNARY = [
    case for case in CASES if len(case.inputs) == 1 and case.inputs[0].shape is None and case.inputs[0].kind == "float"
]
BINARY = [case for case in CASES if len(case.inputs) == 2 and not case.is_shaped and case.inputs[1].kind == "float"]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_random_programs_agree(data: Any) -> None:
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

    x = np.random.default_rng(0).normal(size=(3, 4))
    eager = tg.value_and_grad(function)
    compiled = compile(eager)
    try:
        compiled(x)
    except CaptureError:
        assert any(case.label in REFUSED for case in steps)
        return
    for values in (x, x + 0.25, -x):
        value, gradient = compiled(values)
        expected_value, expected_gradient = eager(values)
        np.testing.assert_allclose(value, expected_value, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(
            gradient, expected_gradient, rtol=1e-9, atol=1e-11 * max(1, np.abs(expected_gradient).max())
        )
