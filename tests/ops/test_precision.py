"""Narrow dtypes: what a half or an int8 can't hold does not pass through one; dtypes and warnings are NumPy's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg

MANY = 70_000
HALVES = np.linspace(0, 1, MANY).astype(np.float16)
EVEN = np.arange(MANY) % 2 == 0

OF_MANY: dict[str, Callable[[Any], Any]] = {
    "mean": np.mean,
    "mean along an axis": lambda x: np.sum(np.mean(x.reshape(MANY, 1), axis=0)),
    "mean of a selection": lambda x: np.mean(x, where=EVEN),
    "nanmean": np.nanmean,
    "average": np.average,
    "var": np.var,
    "var of a selection": lambda x: np.var(x, where=EVEN),
    "nanvar": np.nanvar,
    "std": np.std,
    "nanstd": np.nanstd,
    "avg_pool": lambda x: np.sum(tg.avg_pool1d(x[None, None], MANY)),
    "avg_pool beside padding": lambda x: tg.avg_pool1d(x[None, None], MANY, padding=1, count_include_pad=False)[
        0, 0, 0
    ],
    "softmax": lambda x: np.sum(tg.softmax(x) * x),
    "log_softmax": lambda x: tg.log_softmax(x)[7],
    "logsumexp": tg.logsumexp,
    "a mean of squares": lambda x: np.mean((x - 0.5) ** 2),
}


@pytest.mark.parametrize("f", OF_MANY.values(), ids=OF_MANY)
def test_halves_have_the_gradient_of_singles(f: Any) -> None:
    value, gradient = tg.value_and_grad(f)(HALVES)
    expected_value, expected = tg.value_and_grad(f)(HALVES.astype(np.float32))
    assert gradient.dtype == np.float16
    np.testing.assert_allclose(value, expected_value, rtol=2e-3)
    np.testing.assert_allclose(gradient, expected, rtol=4e-3, atol=1e-7)
    assert np.any(gradient)


@pytest.mark.parametrize("f", [np.mean, np.var, np.std], ids=lambda f: f.__name__)
def test_a_program_of_halves_too(f: Any) -> None:
    program = tg.compile(tg.grad(f))
    for _ in range(3):
        np.testing.assert_allclose(program(HALVES), tg.grad(f)(HALVES), rtol=1e-3, atol=1e-7)


def test_the_gradient_of_what_was_broadcast_is_added_up_in_single_precision() -> None:
    factors = np.full(MANY, 0.01, np.float16)
    gradient = tg.grad(lambda b: np.sum((b * factors).astype(np.float32)))(np.ones(1, np.float16))
    assert gradient[0] == pytest.approx(MANY * float(factors[0]), rel=1e-3)


def test_the_variance_of_large_halves_has_an_exact_mean() -> None:
    x = (1000 + np.arange(8) / 2).astype(np.float16)
    np.testing.assert_allclose(tg.grad(np.var)(x), tg.grad(np.var)(x.astype(np.float64)), rtol=1e-3)


# Operands of narrow dtypes: a rule computes in the dtype of the result.

INTEGERS = [np.int8, np.uint8, np.uint16, np.uint32, np.uint64, np.int64]
X = np.array([0.5, 1.5, -2.0, 0.7])


@pytest.mark.parametrize("dtype", [*INTEGERS, np.float16])
def test_an_exponent_may_be_of_any_dtype(dtype: Any) -> None:
    exponents = np.array([0, 1, 2, 3]).astype(dtype)
    exact = exponents.astype(float)
    for bases in (np.array([0.0, 1.0, 2.0, 3.0]), X):
        np.testing.assert_allclose(
            tg.grad(lambda x: np.sum(x**exponents))(bases), tg.grad(lambda x: np.sum(x**exact))(bases)
        )
        second = tg.hvp(lambda x: np.sum(x**exponents), (bases,), (np.ones(4),))[0]
        np.testing.assert_allclose(second, tg.hvp(lambda x: np.sum(x**exact), (bases,), (np.ones(4),))[0])


@pytest.mark.parametrize("dtype", [*INTEGERS, np.float16])
def test_a_base_may_be_of_any_dtype(dtype: Any) -> None:
    bases = np.array([1, 2, 3, 100]).astype(dtype)
    exact = bases.astype(float)
    f = lambda x: np.sum(bases**x)  # noqa: E731
    np.testing.assert_allclose(tg.grad(f)(X), exact**X * np.log(exact), rtol=1e-14)
    second = tg.hvp(f, (X,), (np.ones(4),))[0]
    np.testing.assert_allclose(second, exact**X * np.log(exact) ** 2, rtol=1e-14)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_places_and_distances_may_be_of_any_integers(dtype: Any) -> None:
    weights = np.arange(4.0)
    gradient = tg.grad(lambda x: np.sum(np.roll(x, dtype(1)) * weights))(X)
    np.testing.assert_array_equal(gradient, np.roll(weights, -1))
    assert np.diagflat(tg.Tensor(np.ones(100)), dtype(100)).shape == (200, 200)
    coordinates = np.array([60, 100, 125, 120]).astype(dtype)
    np.testing.assert_allclose(
        np.gradient(tg.Tensor(X), coordinates).numpy(), np.gradient(X, coordinates.astype(float))
    )
    np.testing.assert_allclose(np.gradient(tg.Tensor(X), dtype(100)).numpy(), np.gradient(X, 100.0))
    assert np.var(tg.Tensor(X), ddof=dtype(1)).item() == pytest.approx(np.var(X, ddof=1))


@pytest.mark.parametrize("dtype", [*INTEGERS, np.float16])
def test_weights_may_be_of_any_dtype(dtype: Any) -> None:
    weights = np.array([100, 120, 90, 80]).astype(dtype)
    assert np.average(tg.Tensor(X), weights=weights).item() == pytest.approx(np.average(X, weights=weights))
    gradient = tg.grad(lambda x: np.average(x, weights=weights))(X)
    np.testing.assert_allclose(gradient, weights / weights.sum(dtype=float))
    slope = tg.grad(lambda w: np.average(weights, weights=w))(np.ones(4))
    np.testing.assert_allclose(slope, (weights - weights.mean(dtype=float)) / 4)


# The dtype of the result is NumPy's, numbers of Python's setting none.

SINGLES = np.array([0.5, 1.5, 2.0], np.float32)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.select([x > 1], [x], 0),
        lambda x: np.select([x > 1, x < 1], [1.0, x], 0.5),
        lambda x: np.select([x > 1, x < 1], [1.0, 2], x),
        lambda x: np.select([x > 1], [x], np.float64(0)),
        lambda x: np.choose([0, 1, 0], [x, 1.0]),
        lambda x: np.choose([0, 1, 0], [1.0, x]),
        lambda x: np.concatenate([x, 1.0], axis=None),
        lambda x: np.concatenate([x, np.float64(1.0)], axis=None),
        lambda x: np.append(x, 1.0),
        lambda x: np.hstack([x, 1.0]),
        lambda x: np.linspace(x, 1.0, 3),
        lambda x: np.linspace(0, x, 3),
        lambda x: np.linspace(x, np.float64(1), 3),
        lambda x: np.logspace(x, 1.0, 3),
        lambda x: np.logspace(x, x, 3, base=np.float64(2)),
        lambda x: np.logspace(1.0, 2, 3, base=x),
        lambda x: np.geomspace(x, 5.0, 3),
    ],
)
def test_the_dtype_of_singles_beside_numbers_is_numpys(f: Any) -> None:
    assert f(tg.Tensor(SINGLES)).dtype == f(SINGLES).dtype
    np.testing.assert_allclose(f(tg.Tensor(SINGLES)).numpy(), f(SINGLES), rtol=1e-6)


# Warnings are NumPy's.

GAPS = np.array([[np.nan, np.nan], [1.0, 2.0]])


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: np.nanmean(x, axis=1), GAPS),
        (lambda x: np.nanvar(x, axis=1), GAPS),
        (lambda x: np.nanstd(x, axis=1), GAPS),
        (lambda x: np.nanmax(x, axis=1), GAPS),
        (lambda x: np.nanmin(x, axis=1), GAPS),
        (lambda x: np.mean(x, axis=1, where=[[False], [True]]), np.ones((2, 2))),
        (np.cov, np.ones((2, 1))),
        (lambda x: np.cov(x, bias=True), np.ones((2, 1))),
    ],
)
def test_there_is_no_warning_that_numpy_does_not_give(f: Any, x: Any) -> None:
    def warned(x: Any) -> tuple[Any, set[str]]:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            result = f(x)
        return result, {str(warning.message).rstrip(".") for warning in seen}

    expected, numpys = warned(x)
    result, ours = warned(tg.Tensor(x, requires_grad=True))
    np.testing.assert_array_equal(result.numpy(), expected)
    assert ours <= numpys
    assert bool(ours) == bool(numpys)
