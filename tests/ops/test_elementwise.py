"""The corners of the functions that work element by element: extreme inputs, keywords, pairs, data, refusals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, TinygradError
from tinygrad_np.ops.elementwise.special import i0_derivative, sinc_derivative
from tinygrad_np.primitive import NUMPY

slope = tg.elementwise_grad
inf, nan = np.inf, np.nan
X = np.array([-1.7, -0.6, 0.2, 0.9, 2.3])


def curvature(f: Any) -> Any:
    return slope(slope(f))


def recorded(values: Any) -> Tensor:
    return Tensor(values, requires_grad=True)


# Extreme inputs: no NaN, no warning (in tests a warning is an error), no digits lost.


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_sigmoid_and_softplus_far_out(dtype: Any) -> None:
    x = np.array([-1000, 0, 1000], dtype)
    np.testing.assert_array_equal(tg.sigmoid(x), [0, 0.5, 1])
    np.testing.assert_array_equal(slope(tg.sigmoid)(x), [0, 0.25, 0])
    np.testing.assert_array_equal(curvature(tg.sigmoid)(x), [0, 0, 0])
    np.testing.assert_allclose(tg.softplus(x), [0, math.log(2), 1000], rtol=1e-3)
    np.testing.assert_array_equal(slope(tg.softplus)(x), [0, 0.5, 1])
    np.testing.assert_array_equal(curvature(tg.softplus)(x), [0, 0.25, 0])


@pytest.mark.parametrize("f", [tg.elu, tg.selu, tg.silu, tg.mish, tg.gelu, tg.softsign, tg.erf, tg.erfc, np.tanh])
def test_activations_far_out(f: Any) -> None:
    x = np.array([-1000.0, 1000.0])
    for derivative in (f, slope(f), curvature(f)):
        assert np.isfinite(derivative(x)).all()


def test_logaddexp_of_infinities() -> None:
    values = [(-inf, -inf), (-inf, 2.0), (2.0, -inf), (inf, 2.0), (2.0, inf), (inf, inf), (1000.0, 1000.0)]
    weights = [(0, 0), (0, 1), (1, 0), (1, 0), (0, 1), (1, 1), (0.5, 0.5)]
    for f in (np.logaddexp, np.logaddexp2):
        for (a, b), expected in zip(values, weights, strict=True):
            assert tg.grad(f, (0, 1))(a, b) == expected
            assert np.isfinite(tg.hessian(f, (0, 1))(a, b)).all()


def test_softmax_and_logsumexp_of_infinities() -> None:
    x = np.array([[-inf, 1.0, 1.0], [-inf, -inf, -inf], [-inf, 1000.0, -1000.0]])
    np.testing.assert_array_equal(tg.softmax(x), [[0, 0.5, 0.5], [0, 0, 0], [0, 1, 0]])
    np.testing.assert_allclose(tg.logsumexp(x, axis=1), [1 + math.log(2), -inf, 1000])
    np.testing.assert_allclose(tg.log_softmax(x), [[-inf, -math.log(2), -math.log(2)], [-inf] * 3, [-inf, 0, -2000]])
    np.testing.assert_allclose(tg.grad(lambda x: np.sum(tg.logsumexp(x, axis=1)))(x), tg.softmax(x))
    np.testing.assert_array_equal(tg.logsumexp(np.array([inf, 1000.0])), inf)
    weights = np.arange(9.0).reshape(3, 3)
    for f in (
        lambda x: np.sum(tg.logsumexp(x, axis=1) ** 2, where=np.array([True, False, True])),
        lambda x: np.sum(tg.softmax(x) * weights),
        lambda x: np.sum(tg.softmax(x, axis=0) * weights),
        lambda x: np.sum(np.where(x > -inf, tg.log_softmax(x), 0) * weights),
    ):
        gradient, (product,) = tg.grad(f)(x), tg.hvp(f, (x,), (weights,))
        assert np.isfinite(gradient).all()
        assert np.isfinite(product).all()
        np.testing.assert_array_equal(gradient[1], 0)


def test_softmax_of_nothing_of_a_number_and_of_integers() -> None:
    assert tg.softmax(recorded(np.zeros((2, 0)))).shape == (2, 0)
    assert tg.logsumexp(recorded(np.zeros((2, 0))), axis=1).numpy().tolist() == [-inf, -inf]
    assert tg.softmax(recorded(3.0)).item() == 1
    assert tg.logsumexp(recorded(3.0)).item() == 3
    assert tg.grad(lambda x: tg.logsumexp(x, axis=-1))(3.0) == 1
    np.testing.assert_array_equal(tg.softmax(Tensor([1, 1])).numpy(), [0.5, 0.5])
    with pytest.raises(TinygradError, match="axis 2 is out of bounds"):
        tg.softmax(recorded(X), axis=2)


def test_the_derivatives_of_sinc_and_i0_at_0_to_any_order() -> None:
    for order in range(12):
        even = order % 2 == 0
        sinc = (-1) ** (order // 2) * math.pi**order / (order + 1) if even else 0
        bessel = math.comb(order, order // 2) / 2**order if even else 0
        assert sinc_derivative(np.float64(0), order) == pytest.approx(sinc, rel=1e-14)
        assert i0_derivative(np.float64(0), order) == pytest.approx(bessel, rel=1e-14)
    assert curvature(curvature(np.sinc))(0.0) == pytest.approx(math.pi**4 / 5)
    assert curvature(curvature(np.i0))(0.0) == pytest.approx(3 / 8)


@pytest.mark.parametrize("order", range(1, 8))
def test_the_derivatives_of_sinc_are_the_integrals(order: int) -> None:
    points, weights = np.polynomial.legendre.leggauss(60)
    t, weights = (points + 1) / 2, weights / 2
    x = np.array([0, 1e-9, 1e-4, 0.1, 0.3, 0.33, 0.64, 1, 1.6, 2.24, 3, 7.7, -0.5, -4])[:, None]
    # sin(z + k pi/2) exactly, also for the smallest z.
    wave = [np.cos, lambda z: -np.sin(z), lambda z: -np.cos(z), np.sin][order % 4](np.pi * x * t)
    expected = np.pi**order * (weights * t**order * wave).sum(1)
    np.testing.assert_allclose(sinc_derivative(x[:, 0], order), expected, rtol=1e-11, atol=1e-14 * np.pi**order)


def test_the_derivatives_of_i0_follow_bessels_equation() -> None:
    x = np.array([1e-8, 0.01, 0.5, 3, 8, 30, 300, 700, -5])
    np.testing.assert_allclose(x * i0_derivative(x, 2) + i0_derivative(x, 1), x * np.i0(x), rtol=1e-12)
    third = i0_derivative(x, 2) + x * i0_derivative(x, 3) + i0_derivative(x, 2)
    np.testing.assert_allclose(third, np.i0(x) + x * i0_derivative(x, 1), rtol=1e-12)


def test_no_digits_are_lost_where_a_slope_is_small_or_steep() -> None:
    assert slope(np.expm1)(-50.0) == pytest.approx(math.exp(-50), rel=1e-14)
    assert slope(np.arcsin)(1 - 2.0**-50) == pytest.approx(1 / math.sqrt(2.0**-49), rel=1e-12)
    assert slope(np.arccosh)(1 + 2.0**-50) == pytest.approx(1 / math.sqrt(2.0**-49), rel=1e-12)
    assert slope(np.arctanh)(2.0**-50 - 1) == pytest.approx(2.0**49, rel=1e-12)
    assert slope(np.arcsinh)(1e200) == pytest.approx(1e-200)
    assert slope(np.arccosh)(1e200) == pytest.approx(1e-200)
    assert slope(tg.gelu)(-12.0) == pytest.approx(-2.56e-31, rel=0.01)
    assert tg.grad(np.hypot, (0, 1))(3e200, 4e200) == pytest.approx((0.6, 0.8))
    assert tg.grad(np.arctan2, (0, 1))(3e200, 4e200) == pytest.approx((1.6e-201, -1.2e-201))
    assert tg.grad(np.arctan2, (0, 1))(3e-200, 4e-200) == pytest.approx((1.6e199, -1.2e199))


def test_fmod_where_the_quotient_rounds_up() -> None:
    assert (math.trunc(1.0 / 0.1), math.fmod(1.0, 0.1) > 0.09) == (10, True)
    assert tg.grad(np.fmod, (0, 1))(1.0, 0.1) == (1, -9)
    assert tg.grad(np.fmod, (0, 1))(-1.0, 0.1) == (1, 9)
    assert tg.grad(np.remainder, (0, 1))(1.0, 0.1) == (1, -9)


@pytest.mark.parametrize("f", [tg.hardshrink, lambda x: tg.threshold(x, 0.1, 3.0), tg.softshrink, tg.hard_tanh])
def test_what_is_not_a_number_is_not_made_one(f: Any) -> None:
    np.testing.assert_array_equal(np.isnan(f(np.array([nan, 1.0]))), [True, False])


def test_between_two_numbers_what_ties_has_half_of_the_gradient_and_nan_all_of_it() -> None:
    x = np.array([-2.0, -1, 0, 1, 2, nan])
    np.testing.assert_array_equal(slope(lambda x: np.clip(x, -1, 1))(x), [0, 0.5, 1, 0.5, 0, 1])
    np.testing.assert_array_equal(slope(lambda x: np.clip(x, 1, -1))(x), slope(lambda x: np.minimum(x, -1))(x * 0 + 1))


@pytest.mark.parametrize("below", [1, 30, 700])
def test_the_slope_of_i0_is_right_however_large_the_largest_element_is(below: float) -> None:
    x = np.array([0.5, below])
    order = np.arange(1, 3000)[:, None]
    # The terms (x/2)**(2 m - 1) / ((m - 1)! m!) of its series.
    terms = (2 * order - 1) * np.log(x / 2) - np.vectorize(lambda m: math.lgamma(m) + math.lgamma(m + 1))(order)
    np.testing.assert_allclose(i0_derivative(x, order=1), np.exp(terms).sum(axis=0), rtol=1e-11)


def test_gelu_by_tanh_is_right_to_0_0005() -> None:
    x = np.linspace(-6, 6, 500)
    np.testing.assert_allclose(tg.gelu(x, approximate="tanh"), tg.gelu(x), atol=5e-4)
    np.testing.assert_allclose(tg.gelu(1.0), 0.8413447460685429)
    far = np.array([-60000, 60000], np.float16)
    for approximate in ("none", "tanh"):
        np.testing.assert_array_equal(slope(lambda x, how=approximate: tg.gelu(x, how))(far), [0, 1])
    with pytest.raises(TinygradError, match="neither 'none' nor 'tanh'"):
        tg.gelu(recorded(X), approximate="erf")


# Dtypes.


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize(
    "f",
    [
        *(lambda x: x**2, lambda x: x**0.5, lambda x: 2**x, lambda x: 2.5**x, lambda x: x**0, lambda x: x**-1),
        *(lambda x: np.hypot(x, 1.5), lambda x: np.logaddexp(x, 0.0), lambda x: np.clip(x, 0.5, 1), tg.gelu, tg.selu),
        *(np.sinc, np.i0, tg.erf, tg.erfc, tg.hard_sigmoid, lambda x: tg.elu(x, 0.5), lambda x: np.fmax(x, 0.1)),
        *(np.nan_to_num, lambda x: np.select([x > 1], [x], 0.5), lambda x: tg.dropout(x, 0.3, random=1), np.fabs),
        *(tg.softmax, tg.log_softmax, tg.logsumexp, tg.mish, tg.silu, tg.softsign, np.deg2rad, np.rad2deg),
    ],
)
def test_python_numbers_keep_the_dtype(f: Any, dtype: Any) -> None:
    x = recorded(np.array([0.4, 1.1, 2.0], dtype))
    y = f(x)
    assert y.dtype == dtype
    np.sum(y).backward()
    assert x.grad.dtype == dtype
    assert tg.grad(lambda x: np.sum(slope(f)(x)))(x.numpy()).dtype == dtype


def test_float_power_is_in_doubles() -> None:
    x = recorded(np.array([0.5, 2.0], np.float32))
    y = np.float_power(x, 3)
    assert y.dtype == np.float64
    y.backward(np.ones(2))
    np.testing.assert_allclose(x.grad, [0.75, 12])
    assert np.float_power(recorded([1.0, 2.0]), [2, -1]).numpy().tolist() == [1, 0.5]
    assert np.float_power(Tensor([2, 4]), -1).numpy().tolist() == [0.5, 0.25]


# Pairs, keywords, forms.


@pytest.mark.parametrize("f", [np.modf, np.frexp, lambda x: np.divmod(x, 0.7), lambda x: divmod(2.5, x)])
def test_pairs_are_numpys(f: Any) -> None:
    for values in (X, X[1], np.array([0.25, 4.0, 1e300], np.float64), X.astype(np.float32)):
        ours, numpys = f(recorded(values)), f(values)
        assert type(ours) is type(numpys) is tuple
        for part, expected in zip(ours, numpys, strict=True):
            np.testing.assert_array_equal(part.numpy(), expected)
            assert part.dtype == expected.dtype


def test_modf_of_integers_and_infinities() -> None:
    for values in (np.array([1, -2]), np.array([inf, -inf, -0.0, 2.5])):
        for ours, numpys in zip(np.modf(Tensor(values)), np.modf(values), strict=True):
            np.testing.assert_array_equal(ours.numpy(), numpys)
            assert ours.dtype == numpys.dtype


def test_the_keywords_of_nan_to_num() -> None:
    x = np.array([nan, inf, -inf, 2.0], np.float32)
    for keywords in ({}, {"nan": 5.0}, {"posinf": 1.0, "neginf": -2.0}, {"nan": np.arange(4.0)}):
        expected = np.nan_to_num(x, **keywords)
        y = np.nan_to_num(recorded(x), **keywords)
        np.testing.assert_array_equal(y.numpy(), expected)
        assert y.dtype == expected.dtype
    np.testing.assert_array_equal(np.nan_to_num(recorded(x), True, 5.0, 6.0).numpy(), np.nan_to_num(x, True, 5.0, 6.0))
    assert np.nan_to_num(Tensor([1, 2])).numpy().tolist() == [1, 2]
    assert tg.grad(lambda n: np.sum(np.nan_to_num(Tensor(x), nan=n)[:1]))(3.0) == 1
    with pytest.raises(TinygradError, match="copy="):
        np.nan_to_num(recorded(x), copy=False)


def test_the_forms_of_clip() -> None:
    x = recorded(X)
    for positional, keywords in [
        ((0, 1), {}),
        ((None, 1), {}),
        ((0, None), {}),
        ((), {"min": 0}),
        ((), {"a_min": None, "a_max": 1}),
    ]:
        if "min" in keywords and np.lib.NumpyVersion(np.__version__) < "2.1.0":
            continue  # These NumPys know only a_min and a_max.
        expected = np.clip(X, *positional, **keywords)
        np.testing.assert_array_equal(np.clip(x, *positional, **keywords).numpy(), expected)
    low, high = recorded(-0.5), recorded(np.full(5, 0.5))
    np.sum(np.clip(X, low, high) * np.arange(5)).backward()
    assert low.grad == 0 + 1
    assert high.grad.tolist() == [0, 0, 0, 3, 4]
    with pytest.raises(TinygradError, match="not in both ways"):
        np.clip(x, 0, 1, min=0)
    with pytest.raises(TinygradError, match="does not take where="):
        np.clip(x, 0, 1, where=X > 0)


def test_where_of_a_condition_alone_gives_indices() -> None:
    (places,) = np.where(recorded(X) > 0)
    assert places.tolist() == [2, 3, 4]


def test_where_takes_numbers_as_a_condition() -> None:
    x = np.array([0.0, 2.0])
    condition, a = recorded(x), recorded([3.0, 4.0])
    np.sum(np.where(condition, a, 5.0)).backward()
    assert (condition.grad.tolist(), a.grad.tolist()) == ([0, 0], [0, 1])


def test_select_is_numpys() -> None:
    t = recorded(X)
    conditions = [X < -1, X < 0.5, np.bool(True)]
    for default in (0, 7.5, X[:, None]):
        expected = np.select(conditions, [X**2, 1, np.arange(5)], default)
        np.testing.assert_array_equal(np.select(conditions, [t**2, 1, np.arange(5)], default).numpy(), expected)
    with pytest.raises(TinygradError, match="1 conditions for 2 choices"):
        np.select([X > 0], [t, t])
    with pytest.raises(TinygradError, match="booleans"):
        np.select([X], [t])


def test_choose_is_numpys() -> None:
    index = np.array([0, 2, 1, 1, 0])
    choices = [X, 2.0, X[:, None] ** 2]
    t = recorded(X)
    given = [t, 2.0, t[:, None] ** 2]
    np.testing.assert_array_equal(np.choose(index, given).numpy(), np.choose(index, choices))
    np.testing.assert_array_equal(Tensor(index).choose(given).numpy(), np.choose(index, choices))
    np.testing.assert_array_equal(np.choose(index % 2, t[:2]).numpy(), np.choose(index % 2, X[:2]))
    for mode in ("wrap", "clip"):
        expected = np.choose(index * 3 - 2, choices, mode=mode)
        np.testing.assert_array_equal(np.choose(index * 3 - 2, given, mode=mode).numpy(), expected)
    with pytest.raises(TinygradError, match=r"must be in 0 \.\.\. 2"):
        np.choose(index + 1, given)
    with pytest.raises(TinygradError, match="must be integers"):
        np.choose(X, given)
    with pytest.raises(TinygradError, match="mode"):
        np.choose(index, given, mode="nearest")


def test_piecewise_is_numpys() -> None:
    for x in (X, X[0], X.reshape(5, 1), X.astype(np.float32), np.array([1, -2])):
        t = Tensor(x, requires_grad=x.dtype.kind == "f")
        for functions in ([np.exp, -1], [np.exp, lambda v: v * 0.5, lambda v: v.mean()], [2, np.square, 0.5]):
            expected = np.piecewise(x, [x < 0, x > 1], functions)
            y = np.piecewise(t, [t < 0, x > 1], functions)
            np.testing.assert_array_equal(y.numpy(), expected)
            assert y.dtype == expected.dtype
    np.testing.assert_array_equal(np.piecewise(recorded(X), X < 0, [-1, 1]).numpy(), np.sign(X))
    shifted = np.piecewise(recorded(X), [X < 0], [lambda v, by: v + by, 0], 3)
    np.testing.assert_array_equal(shifted.numpy(), np.where(X < 0, X + 3, 0))
    with pytest.raises(TinygradError, match="as many functions"):
        np.piecewise(recorded(X), [X < 0], [1, 2, 3])


def test_piecewise_runs_a_function_only_where_its_condition_holds() -> None:
    x = np.array([-1.0, 0.0, 4.0])
    assert slope(lambda x: np.piecewise(x, [x > 0], [np.sqrt, 0]))(x).tolist() == [0, 0, 0.25]
    w = recorded(2.0)
    np.sum(np.piecewise(Tensor(x), [x < 0, x > 0], [lambda v: w * v, lambda v: w])).backward()
    assert w.grad == -1 + 1


# Interpolation.

XP, FP = np.array([-1.5, -0.5, 0.5, 2.0]), np.array([1.0, 3.0, -2.0, 0.5])


@pytest.mark.parametrize(
    "keywords", [{}, {"left": -7.0}, {"right": 9.0}, {"period": 3.0}, {"period": -2.5, "left": 1.0}]
)
def test_interp_is_numpys(keywords: Any) -> None:
    far = np.array([nan] if "period" in keywords else [nan, inf, -inf])
    for x in (np.linspace(-6, 6, 97), XP, np.float64(0.3), far):
        y = np.interp(recorded(x), XP, recorded(FP), **keywords)
        np.testing.assert_allclose(y.numpy(), np.interp(x, XP, FP, **keywords), rtol=1e-13, atol=1e-13)
        assert y.dtype == np.float64
    assert np.interp(recorded(X), [1.0], [5.0]).numpy().tolist() == [5] * 5


@pytest.mark.parametrize("keywords", [{}, {"left": -7.0, "right": 4.0}, {"period": 3.83}])
def test_the_slopes_of_interp(keywords: Any) -> None:
    weights = np.cos(np.arange(5))

    def f(x: Any, xp: Any, fp: Any) -> Any:
        return np.sum(np.interp(x, xp, fp, **keywords) * weights)

    inputs = [X, XP, FP]
    for place, gradient in enumerate(tg.grad(f, (0, 1, 2))(*inputs)):
        for element in range(inputs[place].size):
            step = np.zeros(inputs[place].size)
            step[element] = 1e-6
            ahead, behind = ([*inputs[:place], inputs[place] + s, *inputs[place + 1 :]] for s in (step, -step))
            assert gradient[element] == pytest.approx((f(*ahead) - f(*behind)) / 2e-6, abs=1e-7)


def test_interp_at_and_outside_of_the_points() -> None:
    np.testing.assert_allclose(slope(lambda x: np.interp(x, XP, FP))(XP), [2, -5, 2.5 / 1.5, 2.5 / 1.5])
    np.testing.assert_array_equal(slope(lambda x: np.interp(x, XP, FP))(np.array([-9.0, 9.0])), 0)
    left, right = recorded(1.0), recorded(2.0)
    np.sum(np.interp(Tensor([-9.0, 0.0, 9.0]), XP, FP, left=left, right=right) ** 2).backward()
    assert (left.grad, right.grad) == (2, 4)
    with pytest.raises(TinygradError, match="of the same length"):
        np.interp(recorded(X), XP, FP[1:])
    with pytest.raises(TinygradError, match="period"):
        np.interp(recorded(X), XP, FP, period=0)


# Masks.


def test_one_hot() -> None:
    labels = np.array([[2, 0], [1, 1]])
    np.testing.assert_array_equal(tg.one_hot(labels, 3), np.eye(3)[labels])
    assert isinstance(tg.one_hot(Tensor(labels), 3), Tensor)
    assert tg.one_hot([0, 1], 2, dtype=np.float32).dtype == np.float32
    assert tg.one_hot(np.zeros(0, int), 3).shape == (0, 3)
    with pytest.raises(TinygradError, match=r"in 0 \.\.\. 1"):
        tg.one_hot(Tensor(labels), 2)
    with pytest.raises(TinygradError, match="must be integers"):
        tg.one_hot(recorded(X), 2)


def test_dropout() -> None:
    x = recorded(np.ones((200, 50)))
    y = tg.dropout(x, 0.2, random=np.random.default_rng(3))
    assert set(np.unique(y.numpy())) == {0, 1.25}
    assert y.numpy().mean() == pytest.approx(1, abs=0.02)
    np.sum(y).backward()
    np.testing.assert_array_equal(x.grad, y.numpy())
    np.testing.assert_array_equal(tg.dropout(x, 0.5, random=1).numpy(), tg.dropout(x.numpy(), 0.5, random=1))
    np.testing.assert_array_equal(tg.dropout(x, 0).numpy(), x.numpy())
    np.testing.assert_array_equal(tg.dropout(x, 1).numpy(), 0)
    with pytest.raises(TinygradError, match="between 0 and 1"):
        tg.dropout(x, 1.5)


# Data, and what is refused.


@pytest.mark.parametrize("f", [np.isclose, np.allclose, np.array_equal, np.less, np.not_equal])
def test_comparisons_are_data(f: Any) -> None:
    result = f(recorded(X), recorded(X + 1e-12))
    np.testing.assert_array_equal(result, f(X, X + 1e-12))
    assert not getattr(result, "requires_grad", False)


@pytest.mark.parametrize(
    "f",
    [np.isnan, np.isinf, np.isfinite, np.signbit, np.isposinf, np.isneginf, np.isreal, np.iscomplex, np.logical_not],
)
def test_tests_are_data(f: Any) -> None:
    values = np.array([nan, inf, -inf, -0.0, 1.0])
    np.testing.assert_array_equal(f(recorded(values)), f(values))


@pytest.mark.parametrize("f", [np.left_shift, np.right_shift, np.gcd, np.lcm, np.bitwise_and, np.bitwise_xor, np.fmod])
def test_integers_are_data(f: Any) -> None:
    a, b = np.array([5, 12, 7]), np.array([2, 4, 1])
    result = f(Tensor(a), b)
    np.testing.assert_array_equal(result.numpy(), f(a, b))
    assert result.dtype == f(a, b).dtype
    with pytest.raises(TinygradError):
        np.left_shift(recorded(X), 1)


@pytest.mark.parametrize("f", [np.real, np.conj, np.real_if_close, np.imag, np.angle, np.positive])
def test_functions_of_complex_numbers_of_real_ones(f: Any) -> None:
    for values in (X * 3, X[0], X.astype(np.float32)):
        result = f(recorded(values))
        np.testing.assert_array_equal(result.numpy(), f(values))
        assert result.dtype == f(values).dtype
    t = recorded(X)
    np.testing.assert_array_equal((t.real + t.imag + t.conj() + t.conjugate()).numpy(), 3 * X)


@pytest.mark.parametrize(
    "f",
    [
        np.vectorize(lambda x: x * 2),
        np.frompyfunc(lambda x: x * 2, 1, 1),
        lambda x: np.sin(x, where=X > 0),
        lambda x: np.sin(x, out=np.empty(5)),
        lambda x: np.exp(x, dtype=np.float32),
        lambda x: np.add.accumulate(x, out=np.empty(5)),
        lambda x: np.emath.sqrt(x),
        lambda x: np.sqrt(x + 1j),
    ],
)
def test_what_has_no_rule_is_refused(f: Any) -> None:
    with pytest.raises(TinygradError):
        f(recorded(X))


def test_every_ufunc_is_known() -> None:
    ufuncs = {getattr(np, name) for name in dir(np) if isinstance(getattr(np, name), np.ufunc)}
    assert {ufunc.__name__ for ufunc in ufuncs - set(NUMPY)} == {"isnat"}
    with pytest.raises(TinygradError):
        np.isnat(recorded(X))


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, np.float16])
def test_the_angle_of_a_point_whose_other_coordinate_is_a_small_number(dtype: Any) -> None:
    x, other = np.array([1.5, -2.0]), np.array([1, 100]).astype(dtype)
    exact = other.astype(float)
    np.testing.assert_allclose(slope(lambda x: np.arctan2(x, other))(x), exact / (x**2 + exact**2))
    np.testing.assert_allclose(slope(lambda x: np.arctan2(other, x))(x), -exact / (x**2 + exact**2))
