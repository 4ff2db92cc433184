"""Decompositions: repeated values, missing ranks, the triangle that is read, factors that rebuild their matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tests.references import dominant
from tests.test_cases import slope
from tinygrad_np import Tensor

RANDOM = np.random.default_rng(5)
linalg = np.linalg
A = dominant(RANDOM.uniform(-1, 1, (3, 3)))
S = A + A.T
W = RANDOM.normal(size=(3, 3))


@pytest.mark.parametrize(
    "rebuilt",
    [
        lambda a: (lambda f: f.Q @ f.R)(linalg.qr(a)),
        lambda a: (lambda f: f.Q @ f.R)(linalg.qr(a[:2])),
        lambda a: (lambda f: f.Q @ f.R)(linalg.qr(a[:, :2])),
        lambda a: (lambda f: f.U * f.S @ f.Vh)(linalg.svd(a)),
        lambda a: (lambda f: f.U * f.S @ f.Vh)(linalg.svd(a[:2], full_matrices=False)),
        lambda a: (lambda f: f.eigenvectors * f.eigenvalues @ linalg.inv(f.eigenvectors))(linalg.eig(a)),
    ],
)
def test_the_factors_of_a_matrix_rebuild_it_with_the_slope_1(rebuilt: Callable[[Any], Any]) -> None:
    a = A @ np.diag([1.0, 5.0, 25.0])
    whole = np.zeros_like(a)
    part = rebuilt(Tensor(a)).shape
    whole[: part[0], : part[1]] = W[: part[0], : part[1]]
    gradient = tg.grad(lambda a: np.sum(rebuilt(a) * W[: part[0], : part[1]]))(a)
    np.testing.assert_allclose(gradient, whole, atol=1e-10)
    curvature = tg.hvp(lambda a: np.sum(rebuilt(a) * W[: part[0], : part[1]]), (a,), (W,))[0]
    np.testing.assert_allclose(curvature, 0, atol=1e-9)


@pytest.mark.parametrize("uplo", ["L", "U", "l"])
@pytest.mark.parametrize(
    "f",
    [
        lambda a, uplo: linalg.eigvalsh(a, uplo)[0],
        lambda a, uplo: np.sum(linalg.eigh(a, uplo).eigenvectors * W),
        lambda a, uplo: np.sum(linalg.cholesky(a, upper=uplo == "U") * W),
    ],
)
def test_the_gradient_is_in_the_triangle_that_is_read(f: Any, uplo: str) -> None:
    gradient = tg.grad(lambda a: f(a, uplo))(S)
    unread = np.triu(gradient, 1) if uplo.upper() == "L" else np.tril(gradient, -1)
    np.testing.assert_array_equal(unread, 0)
    np.testing.assert_allclose(gradient, slope(lambda a: f(a, uplo), [S], 0), atol=1e-7)


def test_what_a_symmetric_matrix_was_computed_from_gets_the_textbooks_gradient() -> None:
    # dw/dS = v v^T, spread over both triangles; S = X + X^T.
    x = S / 2
    v = linalg.eigh(S).eigenvectors[:, 0]
    gradient = tg.grad(lambda x: linalg.eigvalsh(x + x.T)[0])(x)
    np.testing.assert_allclose(gradient, 2 * np.outer(v, v), atol=1e-12)


# Repeated values.

REPEATED = [np.eye(3), np.diag([1.0, 2.0, 2.0]), np.zeros((3, 3))]


@pytest.mark.parametrize("a", REPEATED)
def test_repeated_eigenvalues_have_gradients(a: Any) -> None:
    np.testing.assert_allclose(tg.grad(lambda a: np.sum(linalg.eigvalsh(a) ** 2))(a), 2 * a, atol=1e-12)
    np.testing.assert_allclose(tg.grad(lambda a: np.sum(linalg.eigvals(a) ** 2))(a), 2 * a, atol=1e-12)
    np.testing.assert_allclose(tg.grad(lambda a: np.sum(linalg.svdvals(a) ** 2))(a), 2 * a, atol=1e-12)


@pytest.mark.parametrize("a", REPEATED)
@pytest.mark.parametrize(
    "f",
    [
        lambda a: np.sum(linalg.eigh(a).eigenvectors * W),
        lambda a: np.sum(linalg.eig(a).eigenvectors * W),
        lambda a: np.sum(linalg.svd(a).U * W),
        lambda a: np.sum(linalg.svd(a).Vh * W),
        # These do not depend on the directions of the vectors, but 0/0 does not tell.
        lambda a: (lambda f: np.sum(f.eigenvectors * np.exp(f.eigenvalues) @ f.eigenvectors.T * W))(linalg.eigh(a)),
        lambda a: tg.grad(lambda a: np.sum(linalg.eigvalsh(a) ** 2))(a).sum(),
    ],
)
def test_vectors_of_repeated_values_have_none(a: Any, f: Any) -> None:
    with pytest.raises(tg.TinygradError, match="that coincide leave their vectors free to turn"):
        tg.grad(f)(a)


@pytest.mark.parametrize("a", [np.zeros((3, 3)), np.diag([1.0, 0.0, 0.0])])
@pytest.mark.parametrize(
    "rebuilt",
    [
        lambda a: (lambda f: f.eigenvectors * f.eigenvalues @ f.eigenvectors.T)(linalg.eigh(a)),
        lambda a: (lambda f: f.U * f.S @ f.Vh)(linalg.svd(a)),
    ],
)
def test_an_upstream_gradient_that_happens_to_be_0_is_no_excuse(rebuilt: Any, a: Any) -> None:
    # The rebuilt matrix is A, with the slope 1; the vectors of the value 0 get the gradient 0.
    with pytest.raises(tg.TinygradError, match="that coincide"):
        tg.grad(lambda a: np.sum(rebuilt(a) * W))(a)


def test_repeated_values_in_one_matrix_of_a_stack_are_found() -> None:
    stack = np.stack([S, np.eye(3)])
    with pytest.raises(tg.TinygradError, match="that coincide"):
        tg.grad(lambda a: np.sum(linalg.eigh(a).eigenvectors))(stack)
    # The first matrix alone has a gradient, and so have the values of both.
    tg.grad(lambda a: np.sum(linalg.eigh(a[0]).eigenvectors) + np.sum(linalg.eigh(a).eigenvalues))(stack)


RANK_ONE = np.outer([1.0, 2.0, -1.0], [0.5, 1.0, 2.0])


@pytest.mark.parametrize(
    ("f", "a"),
    [
        (lambda a: (linalg.eigh(a).eigenvectors[:, 2] @ W[0]) ** 2, np.diag([1.0, 1.0, 4.0])),
        (lambda a: (linalg.eigh(a).eigenvectors.T[2] @ W[0]) ** 2, np.diag([1.0, 1.0, 4.0])),
        (
            lambda a: np.prod(linalg.eigh(a).eigenvectors[:2, 0]) * linalg.eigh(a).eigenvalues[0],
            np.diag([2.0, 3.0, 3.0]),
        ),
        (lambda a: (linalg.eigh(a)[1][..., -1] @ W[0]) ** 2, np.eye(3) + np.ones((3, 3))),
        (lambda a: (linalg.svd(a).U[:, 0] @ W[0]) ** 2, RANK_ONE),
        (lambda a: (linalg.svd(a).Vh[0] @ W[0]) ** 2, RANK_ONE),
        (lambda a: np.sum((lambda f: f.U[:, :1] * f.S[:1] @ f.Vh[:1])(linalg.svd(a)) * W), RANK_ONE),
        (lambda a: (linalg.svd(a, full_matrices=False).U[:, 0] @ W[0]) ** 2, np.eye(3)[:, :2] * [3.0, 0.0]),
        (lambda a: (lambda f: linalg.norm(f.U * f.S @ f.Vh))(linalg.svd(a)), np.diag([1.0, 1.0, 2.0])),
    ],
)
def test_a_vector_of_a_simple_value_has_a_gradient_beside_repeated_ones(f: Any, a: Any) -> None:
    np.testing.assert_allclose(tg.grad(f)(a), slope(f, [a], 0), atol=1e-7)
    program = tg.compile(tg.grad(f))
    for _ in range(3):
        np.testing.assert_allclose(program(a), tg.grad(f)(a), atol=1e-12)


def test_so_it_has_in_a_matrix_that_is_not_symmetric() -> None:
    # The vector of 2 is (1, t / (2 - 3), 0), but for its length, if t stands below the 2.
    gradient = tg.grad(lambda a: np.prod(linalg.eig(a).eigenvectors[:2, 0]))(np.diag([2.0, 3.0, 3.0]))
    np.testing.assert_allclose(gradient, [[0, 0, 0], [-1, 0, 0], [0, 0, 0]], atol=1e-15)


@pytest.mark.parametrize("a", [np.zeros((3, 3)), np.diag([1.0, 0.0, 0.0]), np.eye(3), np.diag([2.0, 2.0, 1.0])])
@pytest.mark.parametrize(
    "f",
    [
        lambda f: (f.U * f.S @ f.Vh)[1, 0] + (f.U * f.S @ f.Vh)[1, 2],
        lambda f: np.sum(f.U) + np.sum(f.S) + np.sum(f.Vh),
        lambda f: f.U[0, 0] + f.U[0, 1] + f.U[0, 2],
    ],
)
def test_what_could_be_the_slope_of_two_functions_is_refused(f: Any, a: Any) -> None:
    with pytest.raises(tg.TinygradError, match="coincide"):
        tg.grad(lambda a: f(linalg.svd(a)))(a)


# Missing ranks.


def test_a_singular_value_of_0_has_the_slope_0() -> None:
    a = np.outer([1.0, 2.0, 3.0], [1.0, 0.0, 1.0])
    gradient = tg.grad(lambda a: np.sum(linalg.svdvals(a)))(a)
    np.testing.assert_allclose(gradient, a / linalg.norm(a), atol=1e-12)
    np.testing.assert_array_equal(tg.grad(lambda a: np.sum(linalg.svdvals(a)))(np.zeros((3, 2))), 0)


def test_vectors_that_only_complete_a_basis_have_no_gradient() -> None:
    a = A[:, :2]
    for f in (lambda a: linalg.svd(a).U, lambda a: linalg.svd(a.T).Vh, lambda a: linalg.qr(a, mode="complete").Q):
        with pytest.raises(tg.TinygradError, match="only complete a basis"):
            tg.grad(lambda a, f=f: np.sum(f(a) * W))(a)
    for f in (lambda a: linalg.svd(a).Vh, lambda a: linalg.svd(a.T).U, lambda a: linalg.qr(a, mode="complete").R[:2]):
        scalar = lambda a, f=f: np.sum(f(a) * W[:2, :2])  # noqa: E731
        np.testing.assert_allclose(tg.grad(scalar)(a), slope(scalar, [a], 0), atol=1e-7)


def test_vectors_of_a_singular_value_of_0_have_none_beyond_the_square() -> None:
    with pytest.raises(tg.TinygradError, match="a singular value that is 0"):
        tg.grad(lambda a: np.sum(linalg.svd(a, full_matrices=False).U * W[:, :2]))(np.outer(W[0], W[1, :2]))


def test_qr_of_dependent_columns_has_no_gradient() -> None:
    for a in (np.ones((3, 2)), np.array([[1.0, 1.0, 2.0], [1.0, 1.0, 3.0]])):
        with pytest.raises(tg.TinygradError, match="not of full rank"):
            tg.grad(lambda a: np.sum(linalg.qr(a).R))(a)


def test_eigenvectors_that_are_no_basis_have_no_gradient() -> None:
    with pytest.raises(tg.TinygradError, match="linearly dependent"):
        tg.grad(lambda a: np.sum(linalg.eigvals(a)))(np.array([[1.0, 1.0], [0.0, 1.0]]))


def test_complex_eigenvalues_are_refused() -> None:
    turn = Tensor([[0.0, 1.0], [-1.0, 0.0]], requires_grad=True, name="turn")
    for f in (linalg.eig, linalg.eigvals):
        with pytest.raises(tg.TinygradError, match=r"eig of turn \(2, 2\) float64 gave complex128"):
            f(turn)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda t: linalg.cholesky(-t), "not positive definite"),
        (lambda t: linalg.eigh(t, "X"), "UPLO"),
        (lambda t: linalg.qr(t, "raw"), "'raw'; of a Tensor it can be 'reduced', 'complete' or 'r'"),
        (lambda t: linalg.svd(t[0]), "two-dimensional"),
        (lambda t: linalg.eigh(t[:2]), "square"),
    ],
)
def test_bad_input_is_told(f: Any, message: str) -> None:
    with pytest.raises(tg.TinygradError, match=rf"(?s)test_decomposition.py line \d+.*{message}"):
        f(Tensor(S, requires_grad=True))


def test_empty_matrices_and_stacks() -> None:
    for shape in ((0, 0), (2, 0, 0), (0, 3, 3)):
        for f in (linalg.eigvalsh, lambda a: linalg.eigh(a).eigenvectors, lambda a: linalg.qr(a).R, linalg.svdvals):
            assert tg.grad(lambda a, f=f: np.sum(f(a)))(np.zeros(shape)).shape == shape
    assert tg.grad(lambda a: np.sum(linalg.svd(a, full_matrices=False).U))(np.zeros((3, 0))).shape == (3, 0)
