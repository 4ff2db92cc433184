"""Numeric slopes: right within their own error at any scale, and the error is as small as rounding allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_np.check import numeric_gradient

SMOOTH: list[tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = [
    ("sin", np.sin, np.cos),
    ("exp", np.exp, np.exp),
    ("tanh", np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    ("square", np.square, lambda x: 2 * x),
    ("cube", lambda x: x**3, lambda x: 3 * x**2),
    ("log", lambda x: np.log(np.abs(x)), lambda x: 1 / x),
    ("sqrt", lambda x: np.sqrt(np.abs(x)), lambda x: np.sign(x) / (2 * np.sqrt(np.abs(x)))),
    ("reciprocal", lambda x: 1 / x, lambda x: -1 / x**2),
    ("line", lambda x: 3 * x + 1, lambda x: 3 + 0 * x),
]


class Counted:
    def __init__(self, f: Callable[[Any], Any]) -> None:
        self.f = f
        self.calls = 0

    def __call__(self, x: Any) -> Any:
        self.calls += 1
        return self.f(x)


@pytest.mark.parametrize(("name", "f", "slope"), SMOOTH)
@given(magnitude=st.floats(-8, 1.5), positive=st.booleans())
@settings(max_examples=25, deadline=None)
def test_slopes_at_any_scale(name: str, f: Any, slope: Any, magnitude: float, positive: bool) -> None:
    x = np.array(10.0**magnitude * (1 if positive else -1))
    found, error = numeric_gradient(f, x)
    assert abs(found - slope(x)) <= error + 1e-12 * abs(slope(x))
    if name not in ("exp", "tanh", "sin"):
        assert error <= 1e-7 * abs(slope(x))


@pytest.mark.parametrize("x", [1e-8, 1e-4, 0.3, 7.0, 1e8])
@pytest.mark.parametrize(("name", "f", "slope"), [row for row in SMOOTH if row[0] not in ("exp", "tanh", "sin")])
def test_large_and_small_inputs_are_as_precise(name: str, f: Any, slope: Any, x: float) -> None:
    found, error = numeric_gradient(f, np.array(x))
    assert abs(found - slope(x)) <= 1e-9 * abs(slope(x))
    assert error <= 1e-7 * abs(slope(x))


def test_a_smooth_function_takes_few_calls() -> None:
    f = Counted(lambda x: np.sum(np.sin(x)))
    x = np.linspace(-1, 1, 20)
    numeric_gradient(f, x)
    assert f.calls <= 1 + 8 * x.size


def test_a_vector_has_a_jacobian_and_each_element_its_own_error() -> None:
    slope, error = numeric_gradient(np.square, np.array([1e8, 1e-8, 3.0]))
    assert slope.shape == error.shape == (3, 3)
    np.testing.assert_allclose(slope, np.diag([2e8, 2e-8, 6.0]), rtol=1e-9)
    assert error[1, 1] < 1e-15


def test_weights_contract_after_the_differences() -> None:
    x = np.array([1e8, 1e-8])
    slope, error = numeric_gradient(np.square, x, weights=np.array([[1.0], [2.0]]))
    np.testing.assert_allclose(slope, [[2e8, 4e-8]], rtol=1e-8)
    assert error[0, 1] < 1e-14


class TestKinks:
    @pytest.mark.parametrize("expected", [0.0, 0.5, 1.0, 0.123])
    def test_any_slope_between_those_of_both_sides(self, expected: float) -> None:
        slope, error = numeric_gradient(lambda x: np.maximum(x, 0), np.array(0.0), expected)
        assert slope == pytest.approx(expected, abs=1e-9)
        assert error < 1e-9

    @pytest.mark.parametrize("expected", [-0.01, 1.01, -1.0])
    def test_no_other(self, expected: float) -> None:
        slope, error = numeric_gradient(lambda x: np.maximum(x, 0), np.array(0.0), expected)
        assert abs(slope - expected) > 1000 * error

    def test_without_expectation_the_error_spans_them(self) -> None:
        slope, error = numeric_gradient(np.abs, np.array([0.0, 1.0]).sum() * np.zeros(()))
        assert slope == pytest.approx(0)
        assert error == pytest.approx(1)

    @pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-9, -1e-9, -1e-6])
    def test_beside_a_kink_there_is_one_slope(self, distance: float) -> None:
        slope, error = numeric_gradient(lambda x: np.maximum(x, 0.3), np.array(0.3 + distance), float(distance < 0))
        assert abs(slope - float(distance > 0)) <= error < 1e-13 / abs(distance)

    def test_a_kink_in_the_slope_only(self) -> None:
        slope, error = numeric_gradient(lambda x: np.maximum(x, 0) ** 2, np.array(0.0))
        assert abs(slope) <= error < 1e-8


class TestNoSlope:
    @pytest.mark.parametrize(
        ("f", "x"),
        [
            (np.sqrt, 0.0),
            (np.log, 0.0),
            (lambda x: 1 / x, 0.0),
            (np.floor, 1.0),
            (lambda x: np.where(x < 0.25, 1.0, 2.0), 0.25),
            (lambda x: np.log(x - 2), 1.0),
            (np.arccos, 1.0),
        ],
    )
    def test_the_error_is_infinite(self, f: Any, x: float) -> None:
        _, error = numeric_gradient(f, np.array(x))
        assert error == np.inf

    def test_beside_a_jump_there_is_one(self) -> None:
        slope, error = numeric_gradient(np.floor, np.array([0.5, 1.0 + 1e-6]))
        np.testing.assert_array_equal(slope, np.zeros((2, 2)))
        assert error.max() < 1e-6

    def test_a_function_that_raises_outside_of_its_domain(self) -> None:
        def f(x: Any) -> Any:
            if x < 0:
                raise ValueError("negative")
            return x**3

        assert numeric_gradient(f, np.array(1e-3))[0] == pytest.approx(3e-6)
        assert numeric_gradient(f, np.array(0.0))[1] == np.inf


class TestNoise:
    def test_cancellation_widens_the_error_by_what_it_explains(self) -> None:
        x = np.array(0.7)
        for size in (1e4, 1e8, 1e11):
            slope, error = numeric_gradient(lambda x, size=size: (np.sin(x) + size) - size, x, np.cos(x) * 1.5)
            assert abs(slope - np.cos(x)) <= error
            assert error < 1e-12 * size

    def test_a_constant_that_hides_the_slope(self) -> None:
        slope, error = numeric_gradient(lambda x: np.exp(x) + 1.0, np.array(-40.0))
        assert abs(slope - np.exp(-40)) <= error < 1e-10

    def test_a_line_hidden_by_a_large_constant_shows_in_large_steps(self) -> None:
        slope, error = numeric_gradient(lambda x: 1e8 + 1e-6 * x, np.array(0.5))
        assert slope == pytest.approx(1e-6, rel=1e-6)
        assert error < 1e-11

    def test_sums_of_large_and_small_terms(self) -> None:
        coefficients = np.array([1e8, 1.0, 1e-8])
        slope, error = numeric_gradient(lambda x: np.sum(coefficients * x), np.ones(3), coefficients)
        np.testing.assert_allclose(slope, coefficients, rtol=1e-5)
        assert (error < 1e-4 * coefficients).all()


class TestInputs:
    def test_0d_empty_and_another_layout(self) -> None:
        assert numeric_gradient(np.sin, 0.0)[0].shape == ()
        assert numeric_gradient(lambda x: np.sum(x), np.zeros((0, 2)))[0].shape == (0, 2)
        x = np.arange(6.0).reshape(2, 3)
        for same in (np.asfortranarray(x), x[::-1].copy()[::-1]):
            np.testing.assert_allclose(numeric_gradient(lambda x: np.sum(x**2), same)[0], 2 * x, atol=1e-9)

    def test_the_input_is_left_as_it_was(self) -> None:
        x = np.ones(3)
        x.flags.writeable = False
        numeric_gradient(lambda x: np.sum(np.exp(x)), x)
        np.testing.assert_array_equal(x, np.ones(3))

    def test_float32(self) -> None:
        x = np.array([0.5, 2.0], np.float32)
        slope, error = numeric_gradient(lambda x: np.sum(np.exp(x)), x)
        assert (np.abs(slope - np.exp(x)) <= error).all()
        assert (error < 1e-2 * np.exp(x)).all()
