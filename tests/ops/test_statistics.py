"""Statistics at the tip of their cones, with weights and with the mean given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, TinygradError

SAMPLES = np.array([[1.0, -2.0, 0.5, 3.0], [0.1, 0.2, -0.4, 1.5]])


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -1e20, 1e-200])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("options", [{}, {"axis": 0}, {"ddof": 0.5}, {"keepdims": True}])
def test_the_std_of_a_constant_has_the_slope_0_and_no_curvature(value: float, count: int, options: Any) -> None:
    x = np.full(count, value)

    def loss(x: Any) -> Any:
        return np.sum(np.std(x, **options))

    assert tg.grad(loss)(x).tolist() == [0] * count
    expected = np.full((count, count), np.nan if count > 1 else 0)
    np.testing.assert_array_equal(tg.hessian(loss)(x), expected)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -1e20, 1e-200])
@pytest.mark.parametrize("options", [{}, {"ddof": 1}, {"where": np.ones(3, bool)}, {"mean": 0.0}])
def test_the_square_of_a_std_is_as_smooth_as_the_variance(value: float, options: Any) -> None:
    x = np.full(3, value)
    if "mean" in options:
        options = {"mean": np.array([value])}
    curvature = tg.hessian(lambda x: np.std(x, **options) ** 2)(x)
    np.testing.assert_allclose(curvature, tg.hessian(lambda x: np.var(x, **options))(x), atol=1e-15)


def test_the_std_of_a_constant_row_leaves_the_others_alone() -> None:
    x = np.array([[0.1, 0.1, 0.1], [1.0, 2.0, 4.0]])
    slopes = tg.grad(lambda x: np.sum(np.std(x, axis=1)))(x)
    assert slopes[0].tolist() == [0, 0, 0]
    np.testing.assert_allclose(slopes[1], (x[1] - x[1].mean()) / (3 * x[1].std()), rtol=1e-14)
    curvature = tg.hessian(lambda x: np.sum(np.std(x, axis=1)))(x)
    np.testing.assert_allclose(curvature[1, :, 1], tg.hessian(np.std)(x[1]))
    assert np.isnan(curvature[0, :, 0]).all()
    assert not curvature[0, :, 1].any()
    assert not curvature[1, :, 0].any()


def test_a_nan_is_not_taken_for_a_constant() -> None:
    assert np.isnan(tg.grad(np.std)(np.array([np.nan, 1.0, 1.0]))).all()


@pytest.mark.parametrize(
    "reduce",
    [
        lambda x, mask: np.std(x, axis=1, where=mask),
        lambda x, mask: np.std(x, axis=1, mean=np.mean(x, axis=1, keepdims=True)),
        lambda x, mask: np.nanstd(x, axis=1),
    ],
)
def test_a_std_made_of_parts_has_the_slope_0_at_a_constant(reduce: Any) -> None:
    x, mask = np.full((2, 4), 2.0), np.array([True, True, False, True])
    assert not tg.grad(lambda x: np.sum(reduce(x, mask)))(x).any()
    assert np.isnan(tg.hessian(lambda x: reduce(x, mask)[0])(x)[0, 0, 0, 0])
    smooth = tg.hessian(lambda x: reduce(x, mask)[0] ** 2)(x)
    assert smooth[0, 0, 0, 0] == pytest.approx(4 / 9 if reduce(x * [1, 2, 9, 3], mask)[0] < 2 else 3 / 8)


def test_a_gradient_flows_to_a_mean_that_is_given() -> None:
    x, mean = SAMPLES[0], np.array([0.7])
    slopes = tg.grad(lambda x, mean: np.var(x, mean=mean), (0, 1))(x, mean)
    np.testing.assert_allclose(slopes[0], 2 * (x - mean) / 4)
    np.testing.assert_allclose(slopes[1], [-2 * (x - mean).sum() / 4])
    through = tg.grad(lambda x: np.var(x, mean=np.mean(x, keepdims=True)))(x)
    np.testing.assert_allclose(through, tg.grad(np.var)(x), atol=1e-15)


def test_no_degrees_of_freedom_are_as_in_numpy() -> None:
    for function, values in ((np.var, [1.0]), (np.std, [1.0, 2.0]), (np.nanvar, [1.0, 2.0])):
        ddof = len(values)
        with pytest.warns(RuntimeWarning):
            expected = function(np.array(values), ddof=ddof)
        with pytest.warns(RuntimeWarning):
            result = function(Tensor(values, requires_grad=True), ddof=ddof)
        np.testing.assert_array_equal(result.item(), expected)


def test_weights_broadcast_along_their_axes() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    w = np.linspace(0.5, 2.0, 8).reshape(4, 2)
    average = np.average(Tensor(x, requires_grad=True), axis=(2, 0), weights=Tensor(w, requires_grad=True))
    np.testing.assert_allclose(average.numpy(), np.average(x, axis=(2, 0), weights=w))
    slopes = tg.grad(lambda x: np.sum(np.average(x, axis=(2, 0), weights=w)))(x)
    np.testing.assert_allclose(slopes, np.broadcast_to((w.T / w.sum())[:, None, :], x.shape))


def test_the_weights_alone_may_be_tensors() -> None:
    x, w = [1.0, 2.0, 4.0], np.array([1.0, 1.0, 2.0])
    slopes = tg.grad(lambda w: np.average(x, weights=w))(w)
    np.testing.assert_allclose(slopes, (np.array(x) - 2.75) / 4)
    result, total = np.average(x, weights=Tensor(w, requires_grad=True), returned=True)
    assert (result.item(), total.item()) == (2.75, 4)


def test_weights_are_summed_where_a_number_stands() -> None:
    numbers = Tensor([2, 0, 2, 2])
    assert np.bincount(numbers, minlength=4).tolist() == [1, 0, 3, 0]
    slopes = tg.grad(lambda w: np.sum(np.bincount(numbers, w) ** 2))(np.array([1.0, 2.0, 3.0, 4.0]))
    assert slopes.tolist() == [16, 4, 16, 16]


def test_covariance_does_not_depend_on_how_it_is_asked_for() -> None:
    a, b = SAMPLES
    both = np.cov(Tensor(SAMPLES, requires_grad=True)).numpy()
    assert np.array_equal(np.cov(Tensor(a), Tensor(b)).numpy(), both)
    assert np.array_equal(np.cov(Tensor(SAMPLES.T), rowvar=False).numpy(), both)
    np.testing.assert_allclose(both, np.cov(SAMPLES), rtol=1e-14)
    repeated = np.repeat(SAMPLES, [1, 2, 0, 3], axis=1)
    np.testing.assert_allclose(np.cov(Tensor(SAMPLES), fweights=[1, 2, 0, 3]).numpy(), np.cov(repeated), rtol=1e-13)
    np.testing.assert_allclose(tg.grad(np.cov)(a), tg.grad(lambda a: np.var(a, ddof=1))(a), rtol=1e-13)


def test_a_perfect_correlation_has_the_slope_0_and_stays_within_1() -> None:
    x = np.array([[1.0, 2.0, 4.0], [-0.3, -0.6, -1.2]])
    r = np.corrcoef(Tensor(x, requires_grad=True)).numpy()
    assert np.abs(r).max() <= 1
    np.testing.assert_allclose(tg.grad(lambda x: np.corrcoef(x)[0, 1])(x), 0, atol=1e-15)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: np.average(x, weights=[1.0, 2.0]),
        lambda x: np.average(x, axis=1, weights=[1.0, 2.0]),
        lambda x: np.average(x, axis=0, weights=[1.0, -1.0]),
        lambda x: np.cov(x, fweights=[1, 2]),
        lambda x: np.cov(x, fweights=[1, 2, 0.5, 1]),
        lambda x: np.cov(x, aweights=[1, 2, -1, 1]),
        lambda x: np.cov(x, ddof=0.5),
        lambda x: np.cov(x[None]),
        lambda x: np.std(x, axis=2),
        lambda x: np.var(x, where=[True, False]),
        lambda x: np.bincount([0, 1, 0], x[0]),
        lambda x: np.bincount([0, -1, 0, 0], x[0]),
        lambda x: np.histogram(x),
    ],
)
def test_bad_input_gets_a_sentence(wrong: Any) -> None:
    with pytest.raises(TinygradError, match=r"test_statistics.py line \d+"):
        wrong(Tensor(SAMPLES, requires_grad=True))
