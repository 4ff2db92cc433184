"""Solutions of linear equations: ranks that are missing, cut singular values, keywords, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tests.test_cases import slope
from tinygrad_np import Tensor

RANDOM = np.random.default_rng(11)
linalg = np.linalg
A = RANDOM.normal(size=(4, 3))
B = RANDOM.normal(size=(4, 2))
W = RANDOM.normal(size=(3, 4))
LOW_RANK = A[:, :2] @ RANDOM.normal(size=(2, 3))


def test_the_pseudo_inverse_of_a_missing_rank_has_the_slope_that_keeps_the_rank() -> None:
    f = lambda left, right: np.sum(linalg.pinv(left @ right) * W)  # noqa: E731
    factors = [A[:, :2], RANDOM.normal(size=(2, 3))]
    for place, gradient in enumerate(tg.grad(f, (0, 1))(*factors)):
        np.testing.assert_allclose(gradient, slope(f, factors, place), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("keywords", [{"rcond": 0.5}, {"rtol": 0.5}, {"rcond": np.array([0.5, 0.0])}])
def test_singular_values_that_are_cut_are_cut_in_the_gradient(keywords: Any) -> None:
    a = np.stack([np.diag([4.0, 3.0, 1.0]) + 0.1 * A[:3], A[:3]])
    f = lambda a: np.sum(linalg.pinv(a, **keywords) * W[:, :3])  # noqa: E731
    np.testing.assert_allclose(tg.grad(f)(a), slope(f, [a], 0), atol=1e-6, rtol=1e-6)


def test_orthogonal_matrices_have_a_pseudo_inverse_with_a_gradient() -> None:
    # All singular values coincide, and none is cut.
    q = linalg.qr(A).Q
    f = lambda a: np.sum(linalg.pinv(a, rcond=1e-3) * W)  # noqa: E731
    np.testing.assert_allclose(tg.grad(f)(q), slope(f, [q], 0), atol=1e-7)


@pytest.mark.parametrize("shape", [(4, 3), (3, 4)])
def test_singular_values_that_coincide_and_are_kept_have_a_gradient_beside_one_that_is_cut(shape: Any) -> None:
    u, _, vh = linalg.svd(RANDOM.normal(size=shape), full_matrices=False)
    a, weights = u @ np.diag([4.0, 4.0, 1.0]) @ vh, RANDOM.normal(size=shape[::-1])
    f = lambda a: np.sum(linalg.pinv(a, 0.5) * weights)  # noqa: E731
    np.testing.assert_allclose(tg.grad(f)(a), slope(f, [a], 0), atol=1e-7)


@pytest.mark.parametrize("rcond", [None, -1, 0.5])
def test_least_squares(rcond: Any) -> None:
    def f(a: Any, b: Any) -> Any:
        x, left, rank, s = linalg.lstsq(a, b, rcond)
        return np.sum(x * W[:, :2]) + np.sum(left) + np.sum(s) * rank

    values = [A @ np.diag([4.0, 3.0, 0.5]), B]
    assert f(*map(Tensor, values)).item() == pytest.approx(float(f(*values)))
    for place, gradient in enumerate(tg.grad(f, (0, 1))(*values)):
        np.testing.assert_allclose(gradient, slope(f, values, place), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(("a", "b"), [(A, B), (A.T, B[:3]), (LOW_RANK, B), (A, B[:, 0]), (A[:3], B[:3])])
def test_least_squares_returns_what_numpy_does(a: Any, b: Any) -> None:
    ours = linalg.lstsq(Tensor(a, requires_grad=True), b.tolist())
    theirs = linalg.lstsq(a, b)
    assert len(ours) == len(theirs)
    assert ours[2] == theirs[2]
    for one, other in zip((ours[0], ours[1], ours[3]), (theirs[0], theirs[1], theirs[3]), strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one.numpy(), other, atol=1e-12)


def test_least_squares_of_a_square_system_is_its_solution() -> None:
    square, b = A[:3], B[:3]
    for place in (0, 1):
        gradients = [
            tg.grad(lambda a, b, f=f: np.sum(f(a, b) * W[:, :2]), place)(square, b)
            for f in (linalg.solve, lambda a, b: linalg.lstsq(a, b)[0])
        ]
        np.testing.assert_allclose(*gradients, rtol=1e-8)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda t: linalg.inv(t), "square"),
        (lambda t: linalg.inv(t[:3] * 0), "Singular matrix"),
        (lambda t: linalg.solve(t[:3], np.ones(4)), "mismatch in its core dimension"),
        (lambda t: linalg.pinv(t, 0.1, rtol=0.1), "both were given"),
        (lambda t: linalg.pinv(t[0], 0.5, True), "is not a matrix"),
        (lambda t: linalg.lstsq(t, np.ones(5)), "dimensions"),
        (lambda t: linalg.lstsq(t[None], np.ones(4)), "two-dimensional"),
        (lambda t: linalg.tensorsolve(t, np.ones(4)), "do not make a square matrix"),
        (lambda t: linalg.tensorinv(t, 0), "ind is 0"),
        (lambda t: linalg.tensorinv(t, 1), "square"),
    ],
)
def test_bad_input_is_told(f: Any, message: str) -> None:
    with pytest.raises(tg.TinygradError, match=rf"test_linear_systems.py line \d+.*{message}"):
        f(Tensor(A, requires_grad=True))
