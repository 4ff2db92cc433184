"""Pooling: ties, ends, every combination against a slow loop, and refusals."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tests.references import pooled
from tests.test_cases import slope

RANDOM = np.random.default_rng(9)


@pytest.mark.parametrize(
    ("size", "stride", "padding"),
    list(itertools.product(((2, 2), (3, 2)), ((1, 1), (2, 3)), ((0, 0), (1, 1)))),
)
def test_every_combination(size: Any, stride: Any, padding: Any) -> None:
    x = RANDOM.permutation(60).reshape(2, 5, 6) / 7
    for f, reduce, keywords in (
        (tg.max_pool2d, np.max, {}),
        (tg.avg_pool2d, np.mean, {"count_include_pad": False}),
    ):
        expected = pooled(reduce, x, size, stride, padding)
        np.testing.assert_allclose(f(x, size, stride, padding, **keywords), expected)
        weights = RANDOM.normal(size=expected.shape)

        def scalar(x: Any, f: Any = f, weights: Any = weights, keywords: Any = keywords) -> Any:
            return np.sum(weights * f(x, size, stride, padding, **keywords))

        np.testing.assert_allclose(tg.grad(scalar)(x), slope(scalar, [x], 0), atol=1e-9)
    with_zeros = pooled(np.sum, x, size, stride, padding) / np.prod(size)
    np.testing.assert_allclose(tg.avg_pool2d(x, size, stride, padding), with_zeros)


def test_ties_share_evenly() -> None:
    gradient = tg.grad(lambda x: np.sum(tg.max_pool2d(x, 2)))(np.ones((1, 1, 4, 4)))
    np.testing.assert_array_equal(gradient, 0.25)
    gradient = tg.grad(lambda x: np.sum(tg.max_pool1d(x, 3, 1, 1)))(np.array([1.0, 1.0, 0.0, 2.0]))
    np.testing.assert_array_equal(gradient, [1, 1, 0, 2])


def test_beyond_the_ends_is_nothing() -> None:
    x = -np.ones((1, 1, 3))
    np.testing.assert_array_equal(tg.max_pool1d(x, 3, 1, 1), x)
    np.testing.assert_array_equal(tg.max_pool1d(x.astype(int), 3, 1, 1), x)
    np.testing.assert_array_equal(tg.avg_pool1d(x, 3, 1, 1, count_include_pad=False), x)


def test_dtypes_are_kept() -> None:
    x = np.ones((1, 4, 4), np.float32)
    for f in (tg.max_pool2d, tg.avg_pool2d):
        assert f(x, 2, padding=1).dtype == np.float32
    assert tg.avg_pool2d(x, 2, padding=1, count_include_pad=False).dtype == np.float32
    assert tg.max_pool2d(x.astype(int), 2).dtype == int


X = tg.Tensor(np.ones((1, 1, 4, 4)), requires_grad=True)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tg.max_pool2d(X, 5), "does not fit"),
        (lambda: tg.max_pool2d(X, 2, padding=2), "more than half"),
        (lambda: tg.max_pool2d(X, (2, 2, 2)), "kernel_size="),
        (lambda: tg.avg_pool2d(X, 0), "kernel_size=0"),
        (lambda: tg.avg_pool2d(X, 2, stride=0), "stride=0"),
        (lambda: tg.max_pool2d(X, 2, dilation=4), "does not fit"),
        (lambda: tg.avg_pool2d(X[0, 0, 0], 2), "last 2 axes"),
    ],
)
def test_bad_input_is_told(call: Any, message: str) -> None:
    with pytest.raises(tg.TinygradError, match=message):
        call()
