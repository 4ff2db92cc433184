"""Half precision: counts, sums and means that a half can't hold do not pass through one."""

from __future__ import annotations

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
