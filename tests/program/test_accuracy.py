"""A compiled function is as accurate as the eager one: to the bit without algebra, with it for rare numbers too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_np as tg
from tests.cases import Case
from tests.program.running import error, precise
from tests.program.test_compiled_cases import REFUSED, random_function
from tests.test_cases import FIRST_VARIANT, drawn, floating, weighted
from tinygrad_np.errors import CaptureError
from tinygrad_np.program import compile, passes
from tinygrad_np.program.emit import buffers

EXACT = {
    "common_subexpressions", "converted_once", "dead_code", "early_truths", "folded_constants",
    "identities", "rejoined",
}  # fmt: skip
"""Passes that keep every bit, but for the sign of a zero: x + 0 is x, and -(a - b) is b - a."""


@pytest.fixture
def without_algebra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs go through the exact passes alone, and all arrays lie in rows: layouts decide how NumPy adds up."""
    for name in ("PASSES", "LOWERING"):
        sequence = tuple(one for one in getattr(passes, name) if one.__name__ in EXACT)
        monkeypatch.setattr(passes, name, sequence)
    monkeypatch.setattr(buffers, "_by_columns", lambda program: set())


@pytest.mark.usefixtures("without_algebra")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("case", "shapes"), FIRST_VARIANT)
def test_exact_passes_keep_every_bit_of_a_row(case: Case, shapes: Any, dtype: Any) -> None:
    inputs = drawn(case, shapes)
    scalar, result = weighted(case, inputs)
    if result.dtype.kind != "f" or case.label in REFUSED:
        return
    places = floating(inputs)
    function = tg.value_and_grad(scalar, tuple(range(len(places))))
    compiled = compile(function)
    for shift in (0.0, 1e-3):
        values = [(inputs[place] * (1 - shift)).astype(dtype) for place in places]
        (value, gradients), (expected, slopes) = compiled(*values), function(*values)
        for actual, same in zip((value, *gradients), (expected, *slopes), strict=True):
            if case.label != "outer":  # There an eager gradient is summed over rows by a product with ones.
                np.testing.assert_array_equal(actual, same)


@pytest.mark.usefixtures("without_algebra")
@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data())
def test_exact_passes_keep_every_bit_of_random_programs(data: Any) -> None:
    function, _ = random_function(data)
    x = np.random.default_rng(0).normal(size=(3, 4))
    eager = tg.value_and_grad(function)
    compiled = compile(eager)
    try:
        compiled(x)
    except CaptureError:
        return
    for values in (x, x + 0.25, -x):
        for actual, same in zip(compiled(values), eager(values), strict=True):
            np.testing.assert_array_equal(actual, same)


# Sigmoids and their logarithms, where the exponential vanishes, or overflows.

Z = np.array([0, 1e-300, 1e-10, 0.5, 1, 36, 37, 40, 100, 700, 745, 746, 1e4])
Z = np.concatenate([Z, -Z])
KINDS = {"zeros": np.zeros_like(Z), "ones": np.ones_like(Z), "between": np.linspace(1e-300, 1, Z.size)}
LABELS = {name: labels.reshape(-1, 1) for name, labels in KINDS.items()}
LABELS |= {f"integer {name}": LABELS[name].astype(int) for name in ("zeros", "ones")}
LABELS |= {f"true {name}": LABELS[name].astype(bool) for name in ("zeros", "ones")}
LABELS |= {f"small {name}": LABELS[name].astype(np.int8) for name in ("zeros", "ones")}


def written_out(z: Any, y: Any) -> Any:
    a = 1 / (1 + np.exp(-z))
    return -(y * np.log(a) + (1 - y) * np.log(1 - a))


def with_the_librarys_sigmoid(z: Any, y: Any) -> Any:
    a = tg.sigmoid(z)
    return np.multiply(-np.log(a), y) + np.multiply(-np.log(1 - a), 1 - y)


def with_softplus(z: Any, y: Any) -> Any:
    return y * tg.softplus(-z) + (1 - y) * tg.softplus(z)


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("entropy", [written_out, with_the_librarys_sigmoid, with_softplus])
def test_the_cross_entropy_of_a_sigmoid(entropy: Any, name: str) -> None:
    """log(1 + exp(-z)) y + log(1 + exp(z)) (1 - y), with the slope a - y, and the sigmoid a, for each z by itself."""

    def f(z: Any, y: Any) -> Any:
        return entropy(z, y), tg.grad(lambda z: np.sum(entropy(z, y)))(z), tg.sigmoid(z)

    compiled, y = compile(f), LABELS[name]
    compiled(np.linspace(-1, 1, Z.size).reshape(-1, 1), y)
    losses, slopes, sigmoids = compiled(Z.reshape(-1, 1), y)
    z = precise(Z)
    for place, target in enumerate(precise(y)[:, 0]):
        target = np.longdouble(target)
        loss = target * np.logaddexp(0, -z[place]) + (1 - target) * np.logaddexp(0, z[place])
        with np.errstate(over="ignore"):
            a = 1 / (1 + np.exp(-z[place]))
        assert error(losses[place, 0], loss, np.float64) <= 8
        assert error(slopes[place, 0], a - target, np.float64, least=max(float(a), float(target))) <= 8
        # The eager sigmoid is 0 where exp(-z) overflows.
        assert error(sigmoids[place, 0], a, np.float64, least=1e-300) <= 8


@pytest.mark.parametrize("name", ["zeros", "between", "integer ones", "integer zeros"])
def test_signs_of_labels_do_not_keep_terms_from_cancelling(name: str) -> None:
    def loss(z: Any, y: Any) -> Any:
        a = tg.sigmoid(z)
        return np.mean(-y * np.log(a) - (1 - y) * np.log(1 - a))

    compiled = compile(lambda z, y: tg.grad(lambda z: loss(z, y))(z))
    compiled(np.linspace(-1, 1, Z.size).reshape(-1, 1), LABELS[name])
    assert np.isfinite(compiled(Z.reshape(-1, 1), LABELS[name])).all()


@pytest.mark.parametrize("labels", [Z > 0, (Z > 0).astype(int), (Z > 0).astype(float)])
@pytest.mark.parametrize("reduced", [np.sum, np.mean, lambda losses: -0.3 * np.sum(losses)])
def test_labels_that_the_function_closes_over_cancel_as_well(reduced: Any, labels: Any) -> None:
    y = labels.reshape(-1, 1)
    compiled = compile(lambda z: tg.grad(lambda z: reduced(written_out(z, y)))(z))
    compiled(np.linspace(-1, 1, Z.size).reshape(-1, 1))
    with np.errstate(over="ignore"):
        slopes = compiled(Z.reshape(-1, 1))
    scale = reduced(np.ones((Z.size, 1))) / Z.size
    z = precise(Z).reshape(-1, 1)
    np.testing.assert_allclose(slopes, scale * (1 / (1 + np.exp(-z)) - y), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("y", [0.0, 0.3, 1.0])
def test_nan_stays_nan_and_infinities_are_no_less_known(y: float) -> None:
    z, labels = np.array([[np.nan], [np.inf], [-np.inf], [1.0]]), np.full((4, 1), y)

    def f(z: Any, labels: Any) -> Any:
        return with_the_librarys_sigmoid(z, labels), tg.grad(lambda z: np.sum(with_softplus(z, labels)))(z)

    compiled = compile(f)
    compiled(labels, labels)
    with np.errstate(all="ignore"):
        for actual, expected in zip(compiled(z, labels), f(z, labels), strict=True):
            assert np.isnan(actual[0])
            known = ~np.isnan(expected)
            np.testing.assert_allclose(actual[known], expected[known], rtol=1e-15)


@pytest.mark.parametrize("scale", [1.0, 40.0, 1e4])
def test_the_cross_entropy_of_a_softmax(scale: float) -> None:
    random = np.random.default_rng(2)
    x, y = scale * random.normal(size=(20, 5)), np.eye(5)[random.integers(0, 5, 20)]

    def f(x: Any, y: Any) -> Any:
        return tg.value_and_grad(lambda x: -np.sum(y * tg.log_softmax(x, axis=1)) / len(y))(x)

    compiled = compile(f)
    compiled(x / scale, y)
    for actual, expected, reference in zip(compiled(x, y), f(x, y), f(precise(x), precise(y)), strict=True):
        assert error(actual, reference, np.float64) <= 2 * error(expected, reference, np.float64) + 4


# Sums as products, and factors that are moved.


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(1000, 3), (50_000, 3), (50_000, 1), (3, 1000), (3, 1025), (200, 1000)])
def test_sums_are_no_less_accurate(shape: Any, order: Any, dtype: Any) -> None:
    x = np.asarray(np.random.default_rng(3).random(shape), dtype, order=order) + dtype(0.1)

    def f(x: Any, b: Any) -> Any:
        slopes = tg.grad(lambda b: np.sum(np.tanh(x + b)))(b)
        return (
            slopes,
            np.sum(x * x),
            np.mean(np.sqrt(x)),
            np.sum(np.sqrt(x), axis=0),
            np.sqrt(x).sum(1, keepdims=True),
        )

    b = np.zeros((1, shape[1]), dtype)
    for actual, expected, reference in zip(compile(f)(x, b), f(x, b), f(precise(x), precise(b)), strict=True):
        assert error(actual, reference, dtype) <= 2 * error(expected, reference, dtype) + 6


@pytest.mark.parametrize("factor", [1e-300, 1e-160, 1e-8, 0.1, 3.0, 1e8, 1e160, 1e300, 0.0, -0.0, np.inf, np.nan])
@pytest.mark.parametrize("size", [1e-300, 1e-160, 1.0, 1e160, 1e300])
def test_factors_that_are_moved_neither_overflow_nor_lose_digits(factor: float, size: float) -> None:
    random = np.random.default_rng(4)
    x, w = random.normal(size=(4, 3)), random.normal(size=(3, 50)) / size

    def f(x: Any, w: Any) -> Any:
        scaled = np.tanh(x) * size
        return factor * np.dot(scaled, w), factor * (0.5 * (factor * scaled)), scaled * factor * 2.0 / factor

    with np.errstate(all="ignore"):
        made = zip(compile(f)(x, w), f(x, w), f(precise(x), precise(w)), strict=True)
        for actual, expected, reference in made:
            np.testing.assert_array_equal(np.isnan(actual[np.isnan(reference)]), True)
            normal = (np.abs(reference) > 1e-290) & (np.abs(reference) < 1e300)
            errors = [error(one[normal], reference[normal], np.float64) for one in (actual, expected)]
            assert errors[0] <= 2 * errors[1] + 4 or not np.isfinite(errors[1])
