"""Reductions where they are not smooth, or made of nothing, and what NumPy's keywords change about them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, TinygradError

inf, nan = np.inf, np.nan


def gradient(f: Callable[[Any], Any], values: Any) -> Any:
    """The gradient of the sum of f's result."""
    return tg.grad(lambda x: np.sum(f(x)))(np.array(values, dtype=float))


def curvature(f: Callable[[Any], Any], values: Any) -> Any:
    """The second derivatives of the sum of f's result, as a matrix of all elements in a row."""
    values = np.array(values, dtype=float)
    return tg.hessian(lambda x: np.sum(f(x)))(values).reshape(values.size, values.size)


# Ties and NaN.


@pytest.mark.parametrize("reduce", [np.max, np.amax, np.nanmax, np.maximum.reduce, lambda x: x.max()])
def test_ties_share_the_gradient_of_the_largest(reduce: Any) -> None:
    assert gradient(reduce, [1.0, 3.0, 3.0, 2.0, 3.0]) == pytest.approx([0, 1 / 3, 1 / 3, 0, 1 / 3])
    assert not curvature(reduce, [3.0, 3.0, 1.0]).any()


@pytest.mark.parametrize("reduce", [np.min, np.amin, np.nanmin, np.minimum.reduce, lambda x: x.min()])
def test_ties_share_the_gradient_of_the_smallest(reduce: Any) -> None:
    assert gradient(reduce, [1.0, 3.0, 1.0]).tolist() == [0.5, 0, 0.5]


def test_ties_are_counted_over_all_axes_that_are_reduced() -> None:
    x = [[[4.0, 4.0], [1.0, 0.0]], [[0.0, 2.0], [4.0, 2.0]]]
    shares = gradient(lambda x: np.max(x, axis=(0, -1)), x)
    np.testing.assert_allclose(shares, [[[0.5, 0.5], [0, 0]], [[0, 0], [1, 0]]])
    np.testing.assert_allclose(gradient(np.max, x), np.equal(x, 4) / 3)


def test_a_constant_has_the_range_0_and_its_slope_is_0() -> None:
    assert gradient(np.ptp, [2.0, 2.0]).tolist() == [0, 0]


def test_the_gradient_of_a_largest_nan_goes_to_the_nan() -> None:
    assert gradient(np.max, [1.0, nan, 3.0, nan]).tolist() == [0, 0.5, 0, 0.5]
    rows = gradient(lambda x: np.min(x, axis=1), [[1.0, nan], [3.0, 2.0]])
    assert rows.tolist() == [[0, 1], [0, 1]]


# Products with zeros: the product of all others, without dividing by the element.


def product_of_others(x: Any, *places: int) -> float:
    return float(np.prod(np.delete(np.ravel(x), places)))


@pytest.mark.parametrize("x", [[2.0, 3.0, 5.0], [2.0, 0.0, 5.0], [0.0, 3.0, 0.0], [0.0, 0.0, 0.0], [4.0], [0.0]])
@pytest.mark.parametrize("reduce", [np.prod, np.nanprod, lambda x: np.cumprod(x)[-1], np.multiply.reduce])
def test_products_with_zeros_to_second_order(reduce: Any, x: Any) -> None:
    count = len(x)
    assert gradient(reduce, x).tolist() == [product_of_others(x, i) for i in range(count)]
    expected = [[0.0 if i == j else product_of_others(x, i, j) for j in range(count)] for i in range(count)]
    assert curvature(reduce, x).tolist() == expected


def test_third_derivatives_of_a_product_of_zeros() -> None:
    third = tg.jacobian(tg.hessian(np.prod))(np.zeros(3))
    assert third[0, 1, 2] == third[2, 0, 1] == 1
    assert third.sum() == 6


def test_every_derivative_of_a_cumulative_product() -> None:
    x = np.array([2.0, 0.0, 0.0, 5.0])
    jacobian = tg.jacobian(np.cumprod)(x)
    expected = [[product_of_others(x[: k + 1], i) if i <= k else 0 for i in range(4)] for k in range(4)]
    assert jacobian.tolist() == expected
    third = tg.jacobian(tg.hessian(lambda x: np.cumprod(x)[3]))(x)
    assert third[1, 2, 3] == 2
    assert third[0, 1, 2] == 5


# Nothing, and one.


@pytest.mark.parametrize("reduce", [np.sum, np.prod, np.nansum, np.nanprod, partial(np.max, initial=2.0)])
@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1), -1])
def test_nothing_has_a_gradient_of_nothing(reduce: Any, axis: Any) -> None:
    x = np.ones((0, 2))
    result = reduce(Tensor(x, requires_grad=True), axis=axis)
    np.testing.assert_array_equal(result.numpy(), reduce(x, axis=axis))
    assert gradient(lambda x: reduce(x, axis=axis), x).shape == (0, 2)


def test_the_mean_of_nothing_warns_as_numpys_does() -> None:
    with pytest.warns(RuntimeWarning):
        result = np.mean(Tensor(np.ones((0, 2)), requires_grad=True), axis=0)
    assert np.isnan(result.numpy()).all()
    with np.errstate(divide="ignore"):
        result.backward(np.ones(2))


def test_no_axis_at_all_leaves_each_element_alone() -> None:
    x = [[1.0, -2.0]]
    for reduce in (np.sum, np.prod, np.max, np.mean):
        assert gradient(lambda x, reduce=reduce: 3 * reduce(x, axis=()), x).tolist() == [[3, 3]]


def test_a_single_number_may_be_reduced_along_its_missing_axis() -> None:
    for reduce in (np.sum, np.prod, np.max, np.cumsum, np.cumprod):
        assert gradient(lambda x, reduce=reduce: reduce(x, axis=0), 3.0) == 1
    assert gradient(lambda x: np.max(x, axis=-1, initial=2.0), 3.0) == 1


# NumPy's keywords.


@pytest.mark.parametrize("reduce", [np.sum, np.prod, np.max, np.min])
def test_a_gradient_flows_to_an_initial_tensor(reduce: Any) -> None:
    slopes = tg.grad(lambda x, start: np.sum(reduce(x, axis=0, initial=start)), (0, 1))
    x, start = np.array([[1.5, -2.0], [0.5, 4.0]]), np.array(1.0)
    step = 1e-6
    for index in np.ndindex(x.shape):
        moved = np.zeros_like(x)
        moved[index] = step
        change = (reduce(x + moved, axis=0, initial=1.0) - reduce(x - moved, axis=0, initial=1.0)).sum() / (2 * step)
        assert slopes(x, start)[0][index] == pytest.approx(change)
    change = (reduce(x, axis=0, initial=1 + step) - reduce(x, axis=0, initial=1 - step)).sum() / (2 * step)
    assert slopes(x, start)[1] == pytest.approx(change)


def test_initial_keeps_the_dtype_of_the_elements() -> None:
    x = np.float32([1, 2])
    for reduce in (np.sum, np.prod, np.max):
        result = reduce(Tensor(x, requires_grad=True), initial=np.float64(1.5))
        assert result.dtype == np.float32
        assert result.item() == reduce(x, initial=np.float64(1.5))
    assert np.sum(Tensor([1, 2]), initial=1.7).item() == np.sum(np.array([1, 2]), initial=1.7)


def test_what_where_leaves_out_has_the_gradient_0_whatever_its_slope() -> None:
    mask = np.array([True, False, True])
    assert gradient(lambda x: np.sum(np.sqrt(x), where=mask), [4.0, 0.0, 1.0]).tolist() == [0.25, 0, 0.5]
    with np.errstate(divide="ignore"):
        assert gradient(lambda x: np.mean(np.log(x), where=mask), [1.0, 0.0, 2.0]).tolist() == [0.5, 0, 0.25]
        assert gradient(lambda x: np.max(np.log(x), initial=-5, where=mask), [1.0, 0.0, 2.0]).tolist() == [0, 0, 0.5]


def test_where_may_be_a_tensor_and_broadcasts() -> None:
    x = np.array([[1.0, -2.0], [3.0, 4.0]])
    assert gradient(lambda x: np.sum(x, where=x > 0), x).tolist() == [[1, 0], [1, 1]]
    assert gradient(lambda x: np.prod(x, axis=1, where=[[True], [False]]), x).tolist() == [[-2, 1], [0, 0]]
    assert gradient(lambda x: x.mean(0, where=x > 0), x).tolist() == [[0.5, 0], [0.5, 1]]


def test_dtype_is_that_of_the_sum_and_the_gradient_keeps_the_elements() -> None:
    x = Tensor(np.float32([1, 2]), requires_grad=True)
    for reduce in (np.sum, np.prod, np.mean, np.var, np.std, np.cumsum, np.cumprod):
        result = reduce(x, dtype=np.float64)
        assert result.dtype == np.float64
        x.zero_grad()
        result.backward(np.ones(result.shape))
        assert x.grad.dtype == np.float32


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: np.sum(x, axis=2),
        lambda x: np.sum(x, axis=(0, 0)),
        lambda x: np.sum(x, axis=0.5),
        lambda x: np.sum(x, initial=[1.0, 2.0]),
        lambda x: np.sum(x, where=[True, False, True, True]),
        lambda x: np.max(x[:0]),
        lambda x: np.max(x, where=x > 0),
        lambda x: x.max(where=x > 0),
        lambda x: np.max(x, axis=2, initial=0),
        lambda x: np.sum(x, dtype=complex),
        lambda x: np.sum(x, out=np.zeros(())),
        lambda x: x.sum(out=np.zeros(())),
        lambda x: np.add.reduce(x, out=np.zeros(2)),
        lambda x: np.maximum.reduce(x, dtype=float),
        lambda x: np.subtract.reduce(x),
        lambda x: np.maximum.accumulate(x),
        lambda x: np.add.reduceat(x, [0, 1]),
        lambda x: np.var(x, ddof=1, correction=1),
        lambda x: np.prod(x, axis=-3),
        lambda x: np.nansum(x, axis=3),
        lambda x: np.cumsum(x, axis=2),
    ],
)
def test_bad_input_gets_a_sentence(wrong: Any) -> None:
    x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    with pytest.raises(TinygradError, match=r"test_reductions.py line \d+"):
        wrong(x)


@pytest.mark.parametrize(
    ("ufunc", "function"), [(np.add, np.sum), (np.multiply, np.prod), (np.maximum, np.max), (np.minimum, np.min)]
)
@pytest.mark.parametrize(
    "keywords",
    [{}, {"axis": None}, {"axis": 1, "keepdims": True}, {"axis": (0, 1)}, {"where": [True, False], "initial": 3}],
)
def test_the_reduce_methods_of_ufuncs(ufunc: Any, function: Any, keywords: Any) -> None:
    x = np.array([[1.0, 2.0], [4.0, 3.0]])
    result = ufunc.reduce(Tensor(x, requires_grad=True), **keywords)
    np.testing.assert_array_equal(result.numpy(), ufunc.reduce(x, **keywords))
    expected = gradient(lambda x: function(x, **{"axis": 0, **keywords}), x)
    assert gradient(lambda x: ufunc.reduce(x, **keywords), x).tolist() == expected.tolist()


def test_the_other_methods_of_ufuncs() -> None:
    x = np.array([[1.0, 2.0], [4.0, 3.0]])
    for ufunc in (np.add, np.multiply):
        for axis in (0, 1):
            result = ufunc.accumulate(Tensor(x, requires_grad=True), axis)
            np.testing.assert_array_equal(result.numpy(), ufunc.accumulate(x, axis))
            assert result.requires_grad
    np.testing.assert_allclose(gradient(np.logaddexp.reduce, x), np.exp(x - np.logaddexp.reduce(x)))
    assert np.logical_and.reduce(Tensor(x) > 1).tolist() == [False, True]
    assert np.logical_or.reduce(Tensor(x) > 1, axis=None)


@pytest.mark.skipif(not hasattr(np, "cumulative_sum"), reason="they are in NumPy since 2.1")
def test_the_cumulative_functions_of_the_array_api() -> None:
    x = np.array([[1.0, 2.0], [4.0, 0.0]])
    for function in (np.cumulative_sum, np.cumulative_prod):
        for include in (False, True):
            result = function(Tensor(x, requires_grad=True), axis=-1, include_initial=include)
            np.testing.assert_array_equal(result.numpy(), function(x, axis=-1, include_initial=include))
            weights = np.arange(result.size).reshape(result.shape)[:, -2:]
            older = np.cumsum if function is np.cumulative_sum else np.cumprod
            expected = gradient(lambda x, f=older, w=weights: f(x, -1) * w, x)
            actual = gradient(
                lambda x, f=function, w=weights, i=include: f(x, axis=-1, include_initial=i)[:, -2:] * w, x
            )
            assert actual.tolist() == expected.tolist()
        with pytest.raises(TinygradError, match="give axis="):
            function(Tensor(x))


# What is NaN is left out.

WITH_NAN = np.array([[1.0, nan, 3.0, 0.5], [nan, nan, 2.0, 4.0]])


@pytest.mark.parametrize(
    ("without", "plain"),
    [
        (np.nansum, np.sum),
        (np.nanprod, np.prod),
        (np.nanmean, np.mean),
        (np.nanmax, np.max),
        (np.nanmin, np.min),
        (np.nanvar, np.var),
        (np.nanstd, np.std),
        (np.nanmedian, np.median),
        (partial(np.nanvar, ddof=1), partial(np.var, ddof=1)),
        (partial(np.nanquantile, q=0.3), partial(np.quantile, q=0.3)),
        (partial(np.nanpercentile, q=[20, 70]), partial(np.percentile, q=[20, 70])),
    ],
)
def test_a_nan_is_as_if_it_were_not_there(without: Any, plain: Any) -> None:
    there = ~np.isnan(WITH_NAN)
    first, second = gradient(without, WITH_NAN), curvature(without, WITH_NAN)
    assert not first[~there].any()
    assert not second[~there.ravel()].any()
    np.testing.assert_allclose(first[there], gradient(plain, WITH_NAN[there]), rtol=1e-12)
    np.testing.assert_allclose(
        second[np.ix_(there.ravel(), there.ravel())], curvature(plain, WITH_NAN[there]), rtol=1e-12, atol=1e-12
    )
    rows = gradient(lambda x: without(x, axis=1), WITH_NAN)
    for row, values, mask in zip(rows, WITH_NAN, there, strict=True):
        np.testing.assert_allclose(row[mask], gradient(plain, values[mask]), rtol=1e-12)
        assert not row[~mask].any()


@pytest.mark.parametrize(
    "reduce", [np.nansum, np.nanprod, np.nanmean, np.nanmax, np.nanmin, np.nanvar, np.nanstd, np.nanmedian]
)
def test_a_row_of_nan_alone_has_the_gradient_0(reduce: Any) -> None:
    x = np.array([[nan, nan], [1.0, 3.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = reduce(x, axis=1)
        result = reduce(Tensor(x, requires_grad=True), axis=1)
        first = gradient(lambda x: reduce(x, axis=1), x)
    np.testing.assert_array_equal(result.numpy(), expected)
    assert first[0].tolist() == [0, 0]
    np.testing.assert_allclose(first[1], gradient(reduce, x[1]))


# Methods.


def test_the_methods_are_numpys_functions() -> None:
    values = np.array([[1.0, 5.0, 0.0], [4.0, 2.0, 3.0]])
    t = Tensor(values, requires_grad=True)
    for name in (
        "sum",
        "mean",
        "max",
        "min",
        "prod",
        "var",
        "std",
        "cumsum",
        "cumprod",
        "argmax",
        "argmin",
        "any",
        "all",
    ):
        for axis in ((), (0,), (-1,)):
            result = getattr(t, name)(*axis)
            np.testing.assert_array_equal(
                np.asarray(getattr(result, "detach", lambda r=result: r)()), getattr(values, name)(*axis)
            )
    for name in ("sum", "mean", "max", "min", "prod", "var", "std"):
        assert getattr(t, name)(1, keepdims=True).shape == (2, 1)
    assert t.var(0, ddof=1).tolist() == values.var(0, ddof=1).tolist()
    assert t.argsort().tolist() == values.argsort().tolist()
    assert t.argsort(None).tolist() == values.argsort(None).tolist()


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "cumsum", "cumprod", "nansum", "nanprod", "trace"])
@pytest.mark.parametrize("dtype", [bool, int, np.int8, np.float32, np.float16])
def test_the_dtype_asked_for_is_that_of_the_result(name: str, dtype: Any) -> None:
    values, function = np.array([[1.5, 0.0], [-3.0, 2.0]]), getattr(np, name)
    result = function(Tensor(values, requires_grad=True), dtype=dtype)
    expected = function(values, dtype=dtype)
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result.numpy(), expected)


@pytest.mark.parametrize("name", ["var", "std", "nanvar", "nanstd"])
def test_options_of_a_variance(name: str) -> None:
    values, function = [1.0, 2.5, 4.0], getattr(np, name)
    t, mean = Tensor(values, requires_grad=True), Tensor(2.0, requires_grad=True)
    assert function(t, dtype=np.float32, mean=mean).dtype == np.float32
    for options in ({"dtype": int}, {"dtype": bool}, {"ddof": mean}, {"correction": mean}):
        with pytest.raises(TinygradError, match=f"np.{name} of"):
            function(t, **options)


def test_a_list_may_have_a_tensor_for_its_mean() -> None:
    mean = Tensor(2.0, requires_grad=True)
    np.var([1.0, 2.5, 4.0], mean=mean).backward()
    assert mean.grad == pytest.approx(-1.0)


def test_indices_and_truths_are_data() -> None:
    t = Tensor([[1.0, 5.0], [4.0, 2.0]], requires_grad=True)
    for data in (
        np.argmax(t),
        np.argsort(t, axis=0),
        np.argpartition(t, 0),
        np.count_nonzero(t, axis=1),
        np.searchsorted(t[0], 2.0),
        np.digitize(t, [1.0, 3.0]),
        np.any(t > 4),
        t.all(),
    ):
        assert not getattr(data, "requires_grad", False)
        assert np.asarray(data).dtype.kind in "bi"


def test_a_product_that_overflows_between_zeros_makes_no_nan_of_a_cumulative_product() -> None:
    slope = tg.grad(lambda x: np.cumprod(x)[0])
    np.testing.assert_array_equal(slope(np.array([0, 1e200, 1e200, 1])), [1, 0, 0, 0])
