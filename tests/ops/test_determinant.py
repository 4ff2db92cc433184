"""Determinants of matrices that have no inverse, and derivatives of a high order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tests.test_cases import slope

RANDOM = np.random.default_rng(3)
B = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 4.0], [5.0, 6.0, 0.0]])
MATRICES = {
    "zero": np.zeros((3, 3)),
    "rank 1": np.outer([1.0, 2.0, 3.0], [1.0, 0.0, 1.0]),
    "rank 2": np.arange(9.0).reshape(3, 3),
    "identity": np.eye(3),
    "nearly singular": np.diag([1.0, 1.0, 1e-12]) @ B,
    "regular": B,
}


@pytest.mark.parametrize("name", MATRICES)
def test_slopes_are_cofactors_for_any_rank(name: str) -> None:
    a = MATRICES[name]
    np.testing.assert_allclose(tg.grad(np.linalg.det)(a), slope(np.linalg.det, [a], 0), atol=1e-9)


@pytest.mark.parametrize("name", MATRICES)
def test_second_derivatives_are_right_for_any_rank(name: str) -> None:
    a, v = MATRICES[name], RANDOM.normal(size=(3, 3))
    along = slope(lambda a: np.sum(tg.grad(np.linalg.det)(a) * v), [a], 0)
    np.testing.assert_allclose(tg.hvp(np.linalg.det, (a,), (v,))[0], along, atol=1e-8)


@pytest.mark.parametrize("a", [np.eye(3), np.diag([2.0, 1.0, 0.0]), np.diag([1.0, 2.0, 3.0])])
def test_third_derivatives_are_right(a: Any) -> None:
    # det(A + t B) has the coefficient det(B) at t**3.
    third = tg.grad(tg.grad(tg.grad(lambda t: np.linalg.det(a + t * B))))(0.0)
    assert third == pytest.approx(6 * np.linalg.det(B))


def test_a_third_derivative_where_singular_values_coincide_at_0_is_refused() -> None:
    with pytest.raises(tg.TinygradError, match="singular values that coincide"):
        tg.grad(tg.grad(tg.grad(lambda t: np.linalg.det(np.diag([2.0, 0.0, 0.0]) + t * B))))(0.0)


def test_tiny_and_huge_matrices_keep_their_slopes() -> None:
    for scale in (1e-170, 1e100):
        np.testing.assert_allclose(tg.grad(np.linalg.det)(scale * np.eye(2)), scale * np.eye(2))


def test_the_logarithm_at_a_singular_matrix_has_a_value_and_no_slope() -> None:
    t = tg.Tensor(np.zeros((2, 2)), requires_grad=True)
    sign, logarithm = np.linalg.slogdet(t)
    assert (sign.item(), logarithm.item()) == (0, -np.inf)
    with pytest.raises(tg.TinygradError, match=r"gradient of slogdet \(test_determinant.py line \d+\) does not exist"):
        logarithm.backward()


def test_results_are_named_as_numpys() -> None:
    a = tg.Tensor(np.diag([2.0, -3.0]), requires_grad=True)
    result = np.linalg.slogdet(a)
    assert result.sign.item() == -1
    assert result.logabsdet.item() == pytest.approx(np.log(6))
