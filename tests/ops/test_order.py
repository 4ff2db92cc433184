"""Sorting and quantiles at ties, by every method; differences, slopes and convolutions in every form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, TinygradError

METHODS: list[Any] = [
    "inverted_cdf",
    "averaged_inverted_cdf",
    "closest_observation",
    "interpolated_inverted_cdf",
    "hazen",
    "weibull",
    "linear",
    "median_unbiased",
    "normal_unbiased",
    "lower",
    "higher",
    "midpoint",
    "nearest",
]


def gradient(f: Any, values: Any) -> Any:
    return tg.grad(lambda x: np.sum(f(x)))(np.array(values, dtype=float))


def test_elements_that_tie_keep_their_order() -> None:
    jacobian = tg.jacobian(np.sort)(np.array([2.0, 1.0, 2.0, 1.0]))
    assert jacobian.argmax(axis=1).tolist() == [1, 3, 0, 2]
    assert jacobian.sum() == 4


@pytest.mark.parametrize("kind", ["quicksort", "mergesort", "heapsort", "stable"])
def test_a_gradient_goes_back_to_where_its_element_was(kind: Any) -> None:
    x = np.random.default_rng(0).permutation(40.0 * np.arange(24)).reshape(2, 3, 4)
    weights = np.cos(x)
    for axis in (0, 1, -1):
        slopes = tg.grad(lambda x, axis=axis: np.sum(np.sin(np.sort(x, axis, kind=kind))))(x)
        np.testing.assert_allclose(slopes, weights)
        slopes = tg.grad(lambda x, axis=axis: np.sum(np.sin(np.partition(x, 1, axis))))(x)
        np.testing.assert_allclose(slopes, weights)
    np.testing.assert_allclose(tg.grad(lambda x: np.sum(np.sin(np.partition(x, [5, 9], None))))(x), weights)


def test_sorting_puts_nan_last() -> None:
    jacobian = tg.jacobian(np.sort)(np.array([np.nan, 1.0, 0.0]))
    assert jacobian.argmax(axis=1).tolist() == [2, 1, 0]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("q", [0.0, 0.1, 0.25, 0.3, 0.5, 0.77, 1.0])
def test_quantiles_by_every_method(method: Any, q: float) -> None:
    for count in (1, 2, 5, 8):
        x = np.random.default_rng(count).permutation(np.linspace(-1, 2, count) ** 3)
        result = np.quantile(Tensor(x, requires_grad=True), q, method=method)
        assert result.item() == np.quantile(x, q, method=method)
        shares = tg.grad(lambda x: np.quantile(x, q, method=method))(x)
        assert shares.min() >= 0
        assert shares.sum() == pytest.approx(1)
        # A quantile is homogeneous: its gradient, times the elements, is the quantile itself.
        assert shares @ x == pytest.approx(result.item(), abs=1e-12)
        assert np.count_nonzero(shares) <= 2
        np.testing.assert_array_equal(tg.grad(lambda x: np.nanquantile(x, q, method=method))(x), shares)


def test_many_quantiles_of_several_axes() -> None:
    x = np.random.default_rng(0).permutation(np.arange(24.0)).reshape(2, 3, 4)
    q = np.array([[0.1, 0.5, 0.9], [0.0, 1.0, 0.3]])
    for axis in (None, 1, (0, 2), [-1, 0]):
        for keepdims in (False, True):
            jacobian = tg.jacobian(lambda x, a=axis, k=keepdims: np.quantile(x, q, axis=a, keepdims=k))(x)
            value = np.quantile(x, q, axis=axis, keepdims=keepdims)
            assert jacobian.shape == value.shape + x.shape
            np.testing.assert_allclose((jacobian * x).sum((-3, -2, -1)), value)


def test_the_median_is_the_middle_or_the_mean_of_two() -> None:
    assert gradient(np.median, [5.0, 1.0, 3.0]).tolist() == [0, 0, 1]
    assert gradient(np.median, [5.0, 1.0, 3.0, 2.0]).tolist() == [0, 0, 0.5, 0.5]
    assert gradient(np.median, [2.0, 2.0, 2.0]).sum() == 1
    assert gradient(lambda x: np.median(x, axis=0), [[1.0, 9.0], [2.0, 8.0]]).tolist() == [[0.5, 0.5]] * 2
    assert gradient(lambda x: np.median(x, np.array([0, 1])), [[1.0, 9.0], [2.0, 8.0]]).tolist() == [[0, 0], [0.5, 0.5]]


def test_half_precision_ranks_are_exact() -> None:
    x = np.random.default_rng(0).permutation(np.arange(900.0, dtype=np.float16))
    shares = tg.grad(lambda x: np.quantile(x, 0.7777, method="lower"))(x)
    assert shares.dtype == np.float16
    assert x[shares == 1] == np.quantile(x, 0.7777, method="lower")


def test_unique_takes_each_element_from_its_first_place() -> None:
    x = np.array([[3.0, 1.0, 3.0], [1.0, 2.0, 1.0]])
    assert gradient(lambda x: np.unique(x) * [1, 10, 100], x).tolist() == [[100, 1, 0], [0, 10, 0]]
    values, index, inverse, counts = np.unique(Tensor(x, requires_grad=True), True, True, True)
    assert values.requires_grad
    for data, expected in zip((index, inverse, counts), np.unique(x, True, True, True)[1:], strict=True):
        np.testing.assert_array_equal(data, expected)
    rows = np.array([[2.0, 1.0], [0.0, 5.0], [2.0, 1.0]])
    assert gradient(lambda x: np.unique(x, axis=0) * [[1, 2], [3, 4]], rows).tolist() == [[3, 4], [1, 2], [0, 0]]
    for function in (np.unique_all, np.unique_counts, np.unique_inverse):
        result, expected = function(Tensor(x, requires_grad=True)), function(x)
        assert type(result) is type(expected)
        for ours, theirs in zip(result, expected, strict=True):
            np.testing.assert_array_equal(getattr(ours, "detach", lambda r=ours: r)(), theirs)
    assert np.unique_values(Tensor(x, requires_grad=True)).tolist() == [1, 2, 3]


def test_sets_of_tensors_are_numpys() -> None:
    a, b = np.array([3.0, 1.0, 3.0, 2.0]), np.array([5.0, 2.0, 3.0])
    for function in (np.union1d, np.intersect1d, np.setdiff1d, np.setxor1d):
        for first, second in ((a, b), (b, a)):
            result = function(Tensor(first, requires_grad=True), second)
            assert result.requires_grad
            assert result.tolist() == function(first, second).tolist()
            single = first.astype(np.float32)
            assert function(Tensor(single), second).dtype == function(single, second).dtype
    common, first_places, second_places = np.intersect1d(Tensor(a, requires_grad=True), b, return_indices=True)
    assert (common.tolist(), first_places.tolist(), second_places.tolist()) == ([2, 3], [3, 0], [1, 2])
    assert gradient(lambda x: np.setdiff1d(x, [3.0]) * [1, 2], a).tolist() == [0, 1, 0, 2]


# Differences and slopes.


def test_a_difference_may_be_lengthened_by_tensors() -> None:
    x, end = np.array([[1.0, 4.0], [9.0, 2.0]]), np.array([[5.0, 6.0]])
    slopes = tg.grad(lambda x, end: np.sum(np.diff(x, axis=0, prepend=end, append=end) ** 2), (0, 1))(x, end)
    np.testing.assert_allclose(slopes[1], 2 * (end - x[0]) + 2 * (end - x[1]))
    assert np.diff(x, axis=0, prepend=Tensor(end, requires_grad=True)).requires_grad
    assert np.diff(Tensor(x) > 3).tolist() == [[True], [True]]


@pytest.mark.parametrize("edge_order", [1, 2])
def test_a_parabola_has_the_right_slopes_on_uneven_samples(edge_order: Any) -> None:
    places = np.array([0.0, 0.5, 2.0, 2.2, 3.0])
    slopes = np.gradient(Tensor(3 * places**2 - places, requires_grad=True), places, edge_order=edge_order).numpy()
    inside = slice(1, -1) if edge_order == 1 else slice(None)
    np.testing.assert_allclose(slopes[inside], (6 * places - 1)[inside], atol=1e-13)


def test_the_coordinates_of_slopes_may_be_tensors() -> None:
    f, places = np.array([1.0, 4.0, 2.0]), np.array([0.0, 1.0, 3.0])
    jacobian = tg.jacobian(lambda t: np.gradient(f, t))(places)
    step = 1e-6
    for index in range(3):
        moved = step * np.eye(3)[index]
        change = (np.gradient(f, places + moved) - np.gradient(f, places - moved)) / (2 * step)
        np.testing.assert_allclose(jacobian[:, index], change, atol=1e-8)


def test_slopes_along_each_axis_are_a_tuple() -> None:
    x = np.arange(12.0).reshape(3, 4) ** 2
    for arguments, keywords in (((), {}), ((0.5,), {}), ((2, [0, 1, 3, 4]), {}), ((1, 2), {"axis": (1, 0)})):
        results = np.gradient(Tensor(x, requires_grad=True), *arguments, **keywords)
        for ours, theirs in zip(results, np.gradient(x, *arguments, **keywords), strict=True):
            np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-13)


def test_the_area_below_samples() -> None:
    y, x = np.array([[1.0, 3.0, 2.0], [0.0, 1.0, 5.0]]), np.array([0.0, 0.5, 2.0])
    slopes = tg.grad(lambda y: np.sum(np.trapezoid(y, x)))(y)
    np.testing.assert_allclose(slopes, [[0.25, 1.0, 0.75]] * 2)
    slopes = tg.grad(lambda x: np.sum(np.trapezoid(y, x)))(x)
    np.testing.assert_allclose(slopes, [-2.5, -3.0, 5.5])


# Convolution.


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_convolutions_of_every_length(mode: Any) -> None:
    random = np.random.default_rng(0)
    for n in range(1, 6):
        for m in range(1, 6):
            a, v = random.normal(size=n), random.normal(size=m)
            for function in (np.convolve, np.correlate):
                result = function(Tensor(a, requires_grad=True), Tensor(v), mode)
                np.testing.assert_allclose(result.numpy(), function(a, v, mode), atol=1e-14)
                # It is linear in each: the jacobian times the argument is the result.
                jacobians = tg.jacobian(lambda a, v, f=function: f(a, v, mode), (0, 1))(a, v)
                for jacobian, argument in zip(jacobians, (a, v), strict=True):
                    np.testing.assert_allclose(jacobian @ argument, result.numpy(), atol=1e-14)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: np.sort(x, axis=1),
        lambda x: np.sort(x, order="name"),
        lambda x: np.sort(x, kind="bogo"),
        lambda x: np.partition(x, 7),
        lambda x: np.quantile(x, 1.5),
        lambda x: np.quantile(x, 0.5, method="bogus"),
        lambda x: np.quantile(x, x[0]),
        lambda x: np.quantile(x, 0.5, weights=[1, 2, 3], method="inverted_cdf"),
        lambda x: np.median(x, out=np.zeros(())),
        lambda x: np.diff(x, -1),
        lambda x: np.diff(x[0]),
        lambda x: np.diff(x, axis=1),
        lambda x: np.ediff1d(x, to_end=1j),
        lambda x: np.gradient(x, [1.0, 2.0]),
        lambda x: np.gradient(x, 1.0, 2.0),
        lambda x: np.gradient(x[:1]),
        lambda x: np.gradient(x, edge_order=3),
        lambda x: np.trapezoid(x, axis=1),
        lambda x: np.convolve(x[None], x),
        lambda x: np.convolve(x, x[:0]),
        lambda x: np.convolve(x, x, "inner"),
    ],
)
def test_bad_input_gets_a_sentence(wrong: Any) -> None:
    with pytest.raises(TinygradError, match=r"test_order.py line \d+"):
        wrong(Tensor([1.0, 3.0, 2.0], requires_grad=True))
