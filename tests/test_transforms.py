"""Transforms: against known derivatives, nested to the fourth order, over trees, and through what is outside."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, errors


def f(x: Any) -> Any:
    return np.sum(np.tanh(x) * x**2)


def test_four_orders_of_tanh() -> None:
    x = 0.3
    t = np.tanh(x)
    s = 1 - t**2
    expected = [s, -2 * t * s, -2 * s * (s - 2 * t**2), 8 * t * s * (2 * s - t**2)]
    derivative: Any = np.tanh
    for value in expected:
        derivative = tg.grad(derivative)
        assert derivative(x) == pytest.approx(value, rel=1e-13)


def test_one_level_is_not_mistaken_for_another() -> None:
    assert tg.grad(lambda x: x * tg.grad(lambda y: x + y)(1.0))(2.0) == 1
    assert tg.grad(lambda x: x * tg.grad(lambda y: x * y * y)(x))(3.0) == pytest.approx(4 * 3 * 3 * 3 / 2)


def test_arrays_in_arrays_out_tensors_in_tensors_out() -> None:
    x = np.array([1.0, 2.0])
    assert type(tg.grad(f)(x)) is np.ndarray
    assert type(tg.value_and_grad(f)(x)[0]) is not Tensor
    assert type(tg.grad(f)(Tensor(x))) is Tensor
    assert not tg.grad(f)(Tensor(x)).requires_grad


def test_several_arguments() -> None:
    def g(x: Any, y: Any, scale: float = 1.0) -> Any:
        return np.sum(x * y) * scale

    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    np.testing.assert_array_equal(tg.grad(g, 1)(x, y), x)
    first, second = tg.grad(g, (0, -1))(x, y, scale=2.0)
    np.testing.assert_array_equal(first, 2 * y)
    np.testing.assert_array_equal(second, 2 * x)


def test_what_the_result_does_not_depend_on() -> None:
    assert tg.grad(lambda x, y: y * 1.0, (0, 1))(2.0, 3.0) == (0, 1)
    assert tg.grad(lambda x: 3.0)(2.0) == 0
    np.testing.assert_array_equal(tg.jacobian(lambda x: np.ones(2))(np.ones(3)), np.zeros((2, 3)))


@dataclasses.dataclass
class Layer:
    W: Any
    b: Any


def test_trees() -> None:
    parameters = {"layers": [Layer(np.ones((2, 2)), np.zeros(2)), Layer(np.ones((2, 1)), np.zeros(1))], "scale": 2.0}

    def loss(p: Any) -> Any:
        x = np.ones((3, 2))
        for layer in p["layers"]:
            x = x @ layer.W + layer.b
        return np.sum(x) * p["scale"]

    value, gradient = tg.value_and_grad(loss)(parameters)
    assert value == 24
    assert gradient["scale"] == 12
    assert isinstance(gradient["layers"][1], Layer)
    np.testing.assert_array_equal(gradient["layers"][1].W, [[12], [12]])
    blocks = tg.hessian(lambda p: np.sum(p["a"] ** 2 * p["b"]))({"a": np.array([1.0, 2.0]), "b": 3.0})
    np.testing.assert_array_equal(blocks["a"]["a"], np.diag([6.0, 6.0]))
    np.testing.assert_array_equal(blocks["a"]["b"], [2, 4])
    np.testing.assert_array_equal(blocks["b"]["a"], [2, 4])
    assert blocks["b"]["b"] == 0


def test_has_aux() -> None:
    (value, aux), gradient = tg.value_and_grad(lambda x: (np.sum(x * x), {"x": x * 2}), has_aux=True)(np.ones(2))
    assert value == 2
    assert type(aux["x"]) is np.ndarray
    np.testing.assert_array_equal(gradient, [2, 2])


def test_shapes_of_jacobians() -> None:
    x = np.arange(6.0).reshape(2, 3)
    assert tg.jacobian(lambda x: x @ np.ones((3, 4)))(x).shape == (2, 4, 2, 3)
    assert tg.hessian(f)(x).shape == (2, 3, 2, 3)
    assert tg.jacobian(lambda x, y: x * y, (0, 1))(1.0, np.ones(2))[1].shape == (2, 2)


def test_hvp_and_jvp_agree_with_the_matrices() -> None:
    random = np.random.default_rng(0)
    x, v = random.normal(size=4), random.normal(size=4)
    np.testing.assert_allclose(tg.hvp(f, (x,), (v,))[0], tg.hessian(f)(x) @ v, rtol=1e-12)

    def g(x: Any) -> Any:
        return np.tanh(x[:2] * x[2:]), np.sum(x)

    (first, second), (first_along, second_along) = tg.jvp(g, (x,), (v,))
    by_rows, by_sum = tg.jacobian(g)(x)
    np.testing.assert_allclose(first_along, by_rows @ v, rtol=1e-12)
    np.testing.assert_allclose(second_along, by_sum @ v, rtol=1e-12)


def test_pullback() -> None:
    y, pullback = tg.vjp(lambda a, b: a @ b, np.ones((2, 3)), np.ones((3, 2)))
    for _ in range(2):
        a, b = pullback(np.ones((2, 2)))
        assert (a.shape, b.shape) == ((2, 3), (3, 2))
    with pytest.raises(errors.GradientShapeError, match="exactly"):
        pullback(1.0)


def test_an_outer_tensor_makes_the_result_recorded() -> None:
    W = Tensor([1.0, 2.0], requires_grad=True)
    slope = tg.grad(lambda x: np.sum(x**2 * W))(np.array([3.0, 4.0]))
    assert isinstance(slope, Tensor)
    slope.sum().backward()
    np.testing.assert_array_equal(W.grad, [6, 8])


def test_inside_a_recorded_computation() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    penalty = np.sum(tg.grad(lambda x: np.sum(x**3))(x) ** 2)
    penalty.backward()
    np.testing.assert_allclose(x.grad, 36 * np.array([1.0, 8.0]))
    with tg.no_grad():
        assert not tg.grad(f)(x).requires_grad


def test_transforms_leave_gradients_alone() -> None:
    W = Tensor([1.0], requires_grad=True)
    tg.grad(lambda x: np.sum(x * W))(np.ones(1))
    tg.grad(lambda w: np.sum(w * w))(W)
    assert W.grad is None


def test_gradients_share_no_memory() -> None:
    a, b = tg.grad(lambda a, b: np.sum(a + b), (0, 1))(np.ones(2), np.ones(2))
    a[0] = 9
    np.testing.assert_array_equal(b, [1, 1])


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (lambda: tg.grad(f)(3), "only floating"),
        (lambda: tg.grad(np.tanh)(np.ones(2)), "reduce it"),
        (lambda: tg.grad(lambda x: x > 1)(2.0), "only floating results"),
        (lambda: tg.grad(f, 3)(2.0), "argnums=3"),
        (lambda: tg.grad(lambda x: (x, x))(2.0), "has_aux"),
        (lambda: tg.jvp(f, (1.0,), (np.ones(2),)), "exactly"),
        (lambda: tg.hvp(f, (1.0,), (1.0, 1.0)), "2 arrays for 1"),
        (lambda: tg.grad(lambda x: "text")(2.0), "can't hold"),
    ],
)
def test_bad_input_gets_a_sentence(attempt: Any, words: str) -> None:
    with pytest.raises(errors.TinygradError, match=words):
        attempt()


def test_where_gives_exactly_zero_to_what_it_did_not_select() -> None:
    def h(x: Any) -> Any:
        return np.sum(np.where(x > 0, np.log(x), 0))

    x = np.array([0.0, 1.0, 2.0])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(tg.grad(h)(x), [0, 1, 0.5])
        np.testing.assert_array_equal(tg.hessian(h)(x), np.diag([0, -1, -0.25]))
        moved = tg.grad(lambda x: np.sum(np.where(x > 0, np.log(x.reshape(3, 1)).reshape(3), x)))(x)
        np.testing.assert_array_equal(moved, [1, 1, 0.5])


def test_where_does_not_eat_a_second_derivative_where_the_upstream_gradient_happens_to_be_zero() -> None:
    def h(x: Any) -> Any:
        return np.sum(np.where(x > 0, np.log(x) * (x - 1), 0))

    x = np.array([0.0, 1.0, 2.0])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(np.diag(tg.hessian(h)(x)), [0, 2, 0.75])


def test_where_selecting_the_same_tensor_twice() -> None:
    x = np.array([1.0, 4.0])
    gradient = tg.grad(lambda x: (lambda r: np.sum(np.where(x > 2, r, r)))(np.sqrt(x)))(x)
    np.testing.assert_array_equal(gradient, [0.5, 0.25])


def test_where_reaches_through_operations_that_are_not_elementwise() -> None:
    A = np.arange(6.0).reshape(3, 2)
    selected = np.array([[True], [False], [True]])
    x = np.array([[1.0, 4.0], [0.0, 1.0], [2.0, 3.0]])

    def h(x: Any) -> Any:
        return np.sum(np.where(selected, np.sqrt(x) @ A.T, 0)) + np.sum(
            np.where(selected[:, 0], np.prod(np.log(x), axis=1), 1)
        )

    with np.errstate(all="ignore"):
        gradient = tg.grad(h)(x)
        second = tg.hvp(h, (x,), (np.ones_like(x),))[0]
        nothing = tg.grad(lambda x: np.sum(np.where(False, A @ np.sqrt(x), 0)))(np.zeros(2))
    rows = [0, 2]
    g = tg.grad(lambda x: np.sum(np.sqrt(x) @ A.T) + np.sum(np.prod(np.log(x), axis=1)))
    np.testing.assert_allclose(gradient[rows], g(x[rows]))
    np.testing.assert_array_equal(gradient[1], [0, 0])
    np.testing.assert_array_equal(second[1], [0, 0])
    assert np.isfinite(second).all()
    np.testing.assert_array_equal(nothing, [0, 0])
