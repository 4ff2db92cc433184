"""The written policy at ties, kinks and jumps, for the first and the second derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor

slope = tg.elementwise_grad
inf, nan = np.inf, np.nan


def curvature(f: Callable[[Any], Any]) -> Any:
    """The second derivative, element by element."""
    return slope(slope(f))


# A kink whose slopes are opposite has the slope 0, and no curvature.


@pytest.mark.parametrize("f", [np.abs, np.fabs, abs, tg.relu, lambda x: np.copysign(x, -1.0)])
def test_the_slope_of_a_kink_is_0(f: Any) -> None:
    assert slope(f)(0.0) == 0
    assert slope(f)(-0.0) == 0
    assert curvature(f)(0.0) == 0


@pytest.mark.parametrize(
    ("f", "first", "second"),
    [
        (tg.leaky_relu, 0.01, 0),
        (lambda x: tg.leaky_relu(x, slope=0.3), 0.3, 0),
        (tg.elu, 1, 1),
        (lambda x: tg.elu(x, alpha=0.5), 0.5, 0.5),
        (tg.softsign, 1, 0),
    ],
)
def test_an_activation_has_the_slope_of_its_negative_side_at_0(f: Any, first: float, second: float) -> None:
    assert slope(f)(0.0) == pytest.approx(first)
    assert curvature(f)(0.0) == pytest.approx(second)


@pytest.mark.parametrize("f", [np.hypot, np.arctan2, lambda a, b: np.sqrt(np.hypot(a, b) ** 2 + 1) - 1])
def test_the_slopes_at_the_origin_are_0(f: Any) -> None:
    assert tg.grad(f, (0, 1))(0.0, 0.0) == (0, 0)
    curvatures = np.asarray(tg.hessian(f, (0, 1))(0.0, 0.0))
    if f is np.hypot:
        assert np.isnan(curvatures).all()
    elif f is np.arctan2:
        assert np.isnan(np.diagonal(curvatures)).all()
    else:
        np.testing.assert_array_equal(curvatures, np.eye(2))


@pytest.mark.parametrize("f", [np.linalg.norm, np.std, lambda x: np.linalg.norm(x, 1), lambda x: np.linalg.norm(x, 3)])
def test_a_norm_of_0_and_the_spread_of_a_constant_are_flat(f: Any) -> None:
    np.testing.assert_array_equal(tg.grad(f)(np.zeros(3)), 0)


norm = np.linalg.norm
ROWS = np.array([[0.0, 0.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    ("smooth", "same", "at"),
    [
        (lambda x: norm(x) ** 2, lambda x: np.sum(x * x), np.zeros(3)),
        (lambda x: norm(x) ** 2.0, lambda x: np.sum(x * x), np.zeros((2, 2))),
        (lambda x: norm(x) * norm(x), lambda x: np.sum(x * x), np.zeros(3)),
        (lambda x: norm(2 * x + 1 - 1) ** 2, lambda x: 4 * np.sum(x * x), np.zeros(3)),
        (lambda x: norm(x) ** 4, lambda x: np.sum(x * x) ** 2, np.zeros(3)),
        (lambda x: np.exp(-(norm(x) ** 2)), lambda x: np.exp(-np.sum(x * x)), np.zeros(3)),
        (lambda x: np.cos(norm(x)), lambda x: 1 - np.sum(x * x) / 2, np.zeros(3)),
        (lambda x: np.sum(norm(x, axis=1) ** 2), lambda x: np.sum(x * x), ROWS),
        (
            lambda x: np.sum([[2], [3]] * norm(x, axis=1, keepdims=True) ** 2),
            lambda x: np.sum([[2], [3]] * x * x),
            ROWS,
        ),
        (lambda x: np.exp(-np.sum(norm(x, axis=1) ** 2)), lambda x: np.exp(-np.sum(x * x)), ROWS / 5),
        (lambda x: np.hypot(x[0], x[1]) ** 2, lambda x: np.sum(x * x), np.zeros(2)),
        (lambda x: norm(x, 3) ** 4, lambda x: 0 * np.sum(x), np.zeros(3)),
        (lambda x: np.sum(np.abs(x) ** 2), lambda x: np.sum(x * x), np.array([0.0, 1.0])),
        (lambda x: np.sum(np.copysign(x, -1.0) ** 2), lambda x: np.sum(x * x), np.array([0.0, 1.0])),
    ],
)
def test_a_smooth_function_of_a_norm_has_its_curvature_at_the_origin(smooth: Any, same: Any, at: Any) -> None:
    np.testing.assert_allclose(tg.hessian(smooth)(at), tg.hessian(same)(at), atol=1e-14)
    direction = np.cos(np.arange(at.size)).reshape(at.shape)
    np.testing.assert_allclose(tg.hvp(smooth, (at,), (direction,)), tg.hvp(same, (at,), (direction,)), atol=1e-14)
    program = tg.compile(tg.hessian(smooth))
    for place in (at + 1, at, at):
        np.testing.assert_allclose(program(place), tg.hessian(smooth)(place), atol=1e-14)


@pytest.mark.parametrize(
    "rough",
    [
        norm,
        np.std,
        lambda x: norm(x, 3),
        lambda x: (norm(x) - 1) ** 2,
        lambda x: norm(x, 3) ** 2,
        lambda x: norm(x, 1) ** 2,
        lambda x: norm(x, np.inf) ** 2,
        lambda x: x[0] * norm(x),
        lambda x: norm(x) * norm(2 * x),
        lambda x: np.sum(norm(np.outer([1.0, 2.0], x), axis=1)) ** 2,
        lambda x: np.hypot(x[0], x[1]) + x[2] ** 2,
        lambda x: np.arctan2(x[0], x[1]) + x[2] ** 2,
    ],
)
def test_where_there_is_no_curvature_it_is_nan(rough: Any) -> None:
    assert np.isfinite(tg.grad(rough)(np.zeros(3))).all()
    assert np.isnan(np.diagonal(tg.hessian(rough)(np.zeros(3)))).any()


def test_a_row_that_where_leaves_out_has_the_curvature_0() -> None:
    f = lambda x: np.sum(np.where([False, True], norm(x, axis=1), 0))  # noqa: E731
    curvature = tg.hessian(f)(ROWS)
    assert not curvature[0].any()
    np.testing.assert_allclose(curvature[1, :, 1], tg.hessian(norm)(ROWS[1]))


def test_the_root_is_infinitely_steep_at_0() -> None:
    with np.errstate(divide="ignore"):
        assert slope(np.sqrt)(0.0) == inf


@pytest.mark.parametrize(
    "step",
    [
        *(np.floor, np.ceil, np.trunc, np.rint, np.round, np.sign, np.spacing, np.angle, np.imag),
        lambda x: np.modf(x)[1],
        lambda x: x // 0.5,
        lambda x: 2.5 // x,
        lambda x: np.heaviside(x, 0.3),
        lambda x: np.where(x, 2.0, 3.0),
    ],
)
def test_a_step_has_the_slope_0_at_the_jump_too(step: Any) -> None:
    x = np.array([-1.5, -1.0, 0.5, 1.0, 2.0])
    np.testing.assert_array_equal(slope(step)(x), 0)
    np.testing.assert_array_equal(curvature(step)(x), 0)


# Ties share evenly.


@pytest.mark.parametrize("f", [np.maximum, np.minimum, np.fmax, np.fmin])
@pytest.mark.parametrize("value", [0.0, -2.5, inf, -inf, nan])
def test_two_that_tie_share_the_gradient_evenly(f: Any, value: float) -> None:
    a, b = np.array([value, 1.0]), np.array([value, 2.0])
    first, second = tg.grad(lambda a, b: np.sum(3 * f(a, b)), (0, 1))(a, b)
    assert first[0] == second[0] == 1.5
    assert sorted([first[1], second[1]]) == [0, 3]
    for product in tg.hvp(lambda a, b: np.sum(f(a, b)), (a, b), (np.ones(2), np.ones(2))):
        assert product.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("f", "takes_nan"), [(np.maximum, True), (np.minimum, True), (np.fmax, False), (np.fmin, False)]
)
def test_beside_nan_the_gradient_goes_to_what_was_taken(f: Any, takes_nan: bool) -> None:
    to_number, to_nan = tg.grad(f, (0, 1))(1.0, nan)
    assert (to_number, to_nan) == ((0, 1) if takes_nan else (1, 0))
    to_nan, to_number = tg.grad(f, (0, 1))(nan, 1.0)
    assert (to_number, to_nan) == ((0, 1) if takes_nan else (1, 0))


def test_a_bound_of_clip_shares_with_what_lies_on_it() -> None:
    x = np.array([-1.0, 0.0, 0.5, 1.0, 2.0])
    np.testing.assert_array_equal(slope(lambda x: np.clip(x, 0.0, 1.0))(x), [0, 0.5, 1, 0.5, 0])
    low, high = tg.grad(lambda low, high: np.sum(np.clip(x, low, high)), (0, 1))(0.0, 1.0)
    assert (low, high) == (1.5, 1.5)
    np.testing.assert_array_equal(slope(tg.hard_tanh)(x), [0.5, 1, 1, 0.5, 0])


@pytest.mark.parametrize("f", [np.max, np.min])
def test_all_that_tie_for_the_extremum_share_evenly(f: Any) -> None:
    np.testing.assert_allclose(tg.grad(f)(np.full((2, 3), 7.0)), np.full((2, 3), 1 / 6))
    x = np.array([[2.0, 2.0, 2.0], [1.0, 5.0, 5.0]])
    rows = tg.grad(lambda x: np.sum(f(x, axis=1)))(x)
    np.testing.assert_allclose(rows[0], 1 / 3)
    np.testing.assert_allclose(rows[1], [0, 0.5, 0.5] if f is np.max else [1, 0, 0])


def test_a_sort_moves_the_gradient_back_in_the_order_of_sorting() -> None:
    x = np.array([2.0, 1.0, 2.0, 1.0])
    weights = np.array([1.0, 10.0, 100.0, 1000.0])
    order = np.argsort(x)
    np.testing.assert_array_equal(tg.grad(lambda x: np.sum(np.sort(x) * weights))(x)[order], weights)


# Powers.


@pytest.mark.parametrize("exponent", [0, 0.0, np.float64(0), np.array(0.0), np.array([0, 0])])
def test_x_to_the_0_is_flat_at_0(exponent: Any) -> None:
    assert not np.any(tg.grad(lambda x: np.sum(x**exponent))(0.0))
    assert not np.any(curvature(lambda x: x**exponent)(0.0))


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("base", [0.0, -2.0, 1.5])
@pytest.mark.parametrize("as_array", [False, True])
def test_powers_with_whole_exponents_are_polynomials_to_any_order(base: float, exponent: int, as_array: bool) -> None:
    given = np.array([float(exponent)]) if as_array else exponent
    expected = np.polynomial.Polynomial.basis(exponent)
    f: Any = lambda x: np.sum(x**given)  # noqa: E731
    for _ in range(5):
        assert float(f(base)) == pytest.approx(expected(base))
        f, expected = tg.grad(f), expected.deriv()


def test_0_to_the_y_is_flat_for_positive_y() -> None:
    y = np.array([0.3, 1.0, 2.0, 3.5])
    for base in (0, 0.0, np.zeros(4), Tensor(0.0)):
        np.testing.assert_array_equal(slope(lambda y, base=base: base**y)(y), 0)
        np.testing.assert_array_equal(curvature(lambda y, base=base: base**y)(y), 0)


@pytest.mark.parametrize("a", [0.0, 0.7, 2.0])
@pytest.mark.parametrize("b", [1.0, 2.0, 2.5, 3.0])
def test_the_curvatures_of_a_power_are_right_in_every_corner(a: float, b: float) -> None:
    log = np.log(a) if a else -inf
    by_b = a**b * log if a else 0.0
    by_ab = a ** (b - 1) * (1 + b * log) if a else 0.0 if b > 1 else -inf
    assert tg.grad(np.power, (0, 1))(a, b) == pytest.approx((b * a ** (b - 1), by_b))
    with np.errstate(divide="ignore"):
        (aa, ab), (ba, bb) = tg.hessian(np.power, (0, 1))(a, b)
    assert aa == pytest.approx(b * (b - 1) * a ** (b - 2) if b > 1 else 0)
    assert ab == pytest.approx(by_ab)
    assert ba == pytest.approx(by_ab)
    assert bb == pytest.approx(by_b * log if a else 0)


def test_the_curvatures_of_a_power_with_exponent_0() -> None:
    (aa, ab), (ba, bb) = tg.hessian(np.power, (0, 1))(4.0, 0.0)
    assert (aa, ab, ba, bb) == pytest.approx((0, 1 / 4, 1 / 4, np.log(4) ** 2))


# What is not selected contributes exactly 0, however steep it is there.

STEEP: list[tuple[Callable[..., Any], float]] = [
    (np.log, 0.0),
    (np.log, -1.0),
    (np.sqrt, 0.0),
    (np.sqrt, -1.0),
    (np.cbrt, 0.0),
    (np.reciprocal, 0.0),
    (lambda x: 1 / x, 0.0),
    (lambda x: x**-0.5, 0.0),
    (lambda x: x**1.5, 0.0),
    (np.log1p, -1.0),
    (np.arcsin, 1.0),
    (np.arccosh, 1.0),
    (np.arctanh, 1.0),
    (lambda x: np.exp(1 / x**2), 0.0),
    (lambda x: x * np.log(x), 0.0),
    (lambda x: np.sqrt(x).reshape(-1)[0] ** 3, 0.0),
    (lambda x: np.log(np.stack([x, x]).sum(0)), 0.0),
    (lambda x: np.log(x).astype(np.float32).astype(np.float64), 0.0),
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("steep", "place"), STEEP)
@pytest.mark.parametrize(
    "choose",
    [
        lambda keep, a, b: np.where(keep, a, b),
        lambda keep, a, b: np.where(~keep, b, a),
        lambda keep, a, b: np.select([keep], [a], b),
        lambda keep, a, b: np.choose(keep * 1, [b, a]),
        lambda keep, a, b: np.where(keep.item(), a, b),
    ],
)
def test_a_branch_that_is_not_selected_contributes_exactly_0(choose: Any, steep: Any, place: float) -> None:
    def f(x: Any) -> Any:
        return choose(x != place, steep(x), 3 * x**2)

    assert slope(f)(place) == 6 * place
    assert curvature(f)(place) == 6


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("steep", [np.log, np.sqrt, np.reciprocal, lambda x: x**-0.5])
def test_what_is_selected_keeps_its_derivatives(steep: Any) -> None:
    x = np.array([-1.0, 0.0, 0.5, 2.0])

    def f(x: Any) -> Any:
        return np.where(x > 0, steep(x), 0) * x

    def g(x: Any) -> Any:
        return steep(x) * x

    np.testing.assert_array_equal(slope(f)(x), [0, 0, *slope(g)(x[2:])])
    np.testing.assert_array_equal(curvature(f)(x), [0, 0, *curvature(g)(x[2:])])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_selection_reaches_through_broadcasting_and_beside_other_uses() -> None:
    def f(x: Any, w: Any) -> Any:
        roots = np.sqrt(x)[:, None] * w
        return np.sum(np.where(x[:, None] > 0, roots, w**2)) + np.sum(x**2)

    x, w = np.array([0.0, 4.0]), np.array([1.0, 2.0, 3.0])
    dx, dw = tg.grad(f, (0, 1))(x, w)
    np.testing.assert_allclose(dx, [0, 8 + 6 / 4])
    np.testing.assert_allclose(dw, 2 * w + 2)
    (xx, xw), (wx, ww) = tg.hessian(f, (0, 1))(x, w)
    np.testing.assert_allclose(xx, [[2, 0], [0, 2 - 6 / 32]])
    np.testing.assert_allclose(xw, [[0, 0, 0], [0.25, 0.25, 0.25]])
    np.testing.assert_allclose(wx, xw.T)
    np.testing.assert_allclose(ww, 2 * np.eye(3))


def test_an_upstream_gradient_that_happens_to_be_0_does_not_eat_the_second_derivative() -> None:
    def f(u: Any, x: Any) -> Any:
        return u * np.where(x > 0, x**3, x)

    assert tg.grad(f, (0, 1))(0.0, 2.0) == (8, 0)
    assert tg.hessian(f, (0, 1))(0.0, 2.0) == ((0, 12), (12, 0))
    assert tg.hessian(f, (0, 1))(0.0, -2.0) == ((0, 1), (1, 0))


def test_nan_to_num_cuts_the_gradient_where_it_replaces() -> None:
    x = np.array([nan, inf, -inf, 2.0])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(slope(lambda x: np.nan_to_num(np.sqrt(x), posinf=7) ** 2)(x), [0, 0, 0, 1])
        np.testing.assert_allclose(curvature(lambda x: np.nan_to_num(x**2, posinf=7) ** 2)(x), [0, 0, 0, 48])


def test_heaviside_takes_its_second_argument_only_at_0() -> None:
    x = np.array([-1.0, 0.0, 2.0])
    np.testing.assert_array_equal(tg.grad(lambda h: np.sum(np.heaviside(x, h) ** 2))(0.5), 1)
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(
            slope(lambda h: np.heaviside(x, np.log(h)))(np.array([0.0, 2.0, 0.0])), [0, 0.5, 0]
        )
