"""Norms: at 0, with zeros and ties, to second order, and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tests.test_cases import slope
from tinygrad_np import Tensor

linalg = np.linalg
ORDERS = [None, 2, 1, 3, 4, 1.5, 0.5, -1, -2.5, 0, np.inf, -np.inf]
MATRIX_ORDERS = [None, "fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf]


@pytest.mark.parametrize("order", ORDERS)
def test_the_slope_at_0_is_0(order: Any) -> None:
    f = lambda x: linalg.norm(x, order)  # noqa: E731
    np.testing.assert_array_equal(tg.grad(f)(np.zeros(3)), 0)
    assert np.isnan(np.diagonal(tg.hessian(f)(np.zeros(3)))).all() == (order not in (0, 1, np.inf, -np.inf))


@pytest.mark.parametrize("order", MATRIX_ORDERS)
def test_the_slope_of_a_matrix_norm_at_0_is_0(order: Any) -> None:
    np.testing.assert_array_equal(tg.grad(lambda x: linalg.norm(x, order))(np.zeros((2, 2))), 0)


@pytest.mark.parametrize("order", ORDERS)
def test_elements_that_are_0_have_the_slope_0_and_the_others_theirs(order: Any) -> None:
    x = np.array([3.0, 0.0, -4.0])
    f = lambda x: linalg.norm(x, order)  # noqa: E731
    others = tg.grad(lambda y: f(np.stack([y[0], 0.0, y[1]])))(x[[0, 2]])
    gradient = tg.grad(f)(x)
    assert gradient[1] == 0
    np.testing.assert_allclose(gradient[[0, 2]], others)
    if order not in (-1, -2.5, -np.inf):
        np.testing.assert_allclose(others, slope(lambda y: f(np.array([y[0], 0.0, y[1]])), [x[[0, 2]]], 0), atol=1e-9)
    # |x|**p for p < 2 is bent infinitely at 0.
    expected = np.full((3, 3), False)
    expected[1, 1] = order in (1.5, 0.5)
    expected[:] |= order in (-1, -2.5)
    np.testing.assert_array_equal(np.isnan(tg.hessian(f)(x)), expected)


def test_an_even_power_is_smooth_where_an_element_is_0() -> None:
    # (1 + t**4) ** (1/4) = 1 + t**4 / 4 - ...
    f = lambda t: linalg.norm(np.stack([t, 1.0 + 0 * t]), 4)  # noqa: E731
    assert tg.grad(tg.grad(tg.grad(tg.grad(f))))(0.0) == pytest.approx(6)


def test_rows_that_are_0_do_not_spoil_the_others() -> None:
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    np.testing.assert_allclose(tg.grad(lambda x: np.sum(linalg.norm(x, axis=1)))(x), [[0, 0], [0.6, 0.8]])


def test_ties_share_evenly() -> None:
    np.testing.assert_array_equal(tg.grad(lambda x: linalg.norm(x, np.inf))(np.array([2.0, -2.0])), [0.5, -0.5])
    np.testing.assert_array_equal(tg.grad(lambda x: linalg.norm(x, 1))(np.ones((2, 2))), 0.5)
    np.testing.assert_allclose(tg.grad(lambda x: linalg.norm(x, 2))(np.eye(2)), np.eye(2) / 2, atol=1e-15)


@pytest.mark.parametrize("order", [*ORDERS[1:], np.float64(3)])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, int])
def test_values_and_dtypes_are_numpys(order: Any, shape: Any, dtype: Any) -> None:
    x = np.arange(1, 1 + np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    if shape == (0,) and order in (np.inf, -np.inf, -1, -2.5):
        return  # No elements have no smallest, and for their largest NumPy's versions differ.
    expected = linalg.vector_norm(x, ord=order)
    result = linalg.vector_norm(Tensor(x), ord=order)
    assert (result.dtype, result.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-6)


def test_the_condition_number_of_a_singular_matrix_is_infinite() -> None:
    assert linalg.cond(Tensor(np.diag([1.0, 0.0]))).item() == np.inf
    assert linalg.cond(Tensor(np.zeros((2, 2)))).item() == np.inf
    assert linalg.matrix_rank(Tensor(np.diag([1.0, 0.0]), requires_grad=True)) == 1


@pytest.mark.parametrize(
    "f",
    [
        lambda t: linalg.norm(t, 3),
        lambda t: linalg.norm(t[0], "fro"),
        lambda t: linalg.norm(t[None], 2),
        lambda t: linalg.norm(t, axis=2),
        lambda t: linalg.norm(t, 1, axis=(0, -2)),
        lambda t: linalg.norm(t, axis="0"),
        lambda t: linalg.vector_norm(t, ord="nuc"),
        lambda t: linalg.vector_norm(t, ord=t[0, 0] + 2),
        lambda t: linalg.norm(t, t[0, 0] + 2),
        lambda t: linalg.cond(t[:0]),
        lambda t: linalg.cond(0 * t, 1),
    ],
)
def test_bad_input_is_told(f: Any) -> None:
    with pytest.raises(tg.TinygradError, match=r"test_norm.py line \d+"):
        f(Tensor(np.ones((2, 2)), requires_grad=True))
