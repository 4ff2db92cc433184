"""Tensors beside other libraries: they work, or an error says at the user's line what to write instead."""

from __future__ import annotations

import copy
import io
import json
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import scipy.linalg
import scipy.optimize
import scipy.sparse
import scipy.special
import sklearn.linear_model
import sklearn.metrics
import sklearn.preprocessing
from matplotlib.figure import Figure

import tinygrad_np as tg
from tinygrad_np import Tensor, errors
from tinygrad_np.advice import counterpart_of
from tinygrad_np.instructions import called_at

VECTOR = np.array([0.1, 0.2, 0.3])
MATRIX = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
A = np.ones((2, 3))
SERIES = pd.Series([1.0, 2.0, 3.0], index=["x", "y", "z"])
FRAME = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0], "c": [5.0, 6.0]})


@pytest.fixture
def w() -> Tensor:
    return Tensor(MATRIX, requires_grad=True, name="W")


@pytest.fixture
def v() -> Tensor:
    return Tensor(VECTOR, requires_grad=True, name="v")


# matplotlib.

PLOTS: list[Callable[[Any, Any, Any], Any]] = [
    lambda axes, v, w: axes.plot(v),
    lambda axes, v, w: axes.plot(v, v),
    lambda axes, v, w: axes.plot(w),
    lambda axes, v, w: axes.scatter(v, v, c=v, s=v),
    lambda axes, v, w: axes.bar(v, v),
    lambda axes, v, w: axes.hist(v),
    lambda axes, v, w: axes.fill_between(v, v, v),
    lambda axes, v, w: axes.errorbar(v, v, yerr=v),
    lambda axes, v, w: axes.stem(v, v),
    lambda axes, v, w: axes.step(v, v),
    lambda axes, v, w: axes.semilogy(v),
    lambda axes, v, w: axes.boxplot(v),
    lambda axes, v, w: axes.imshow(w),
    lambda axes, v, w: axes.contour(w),
    lambda axes, v, w: axes.contourf(w),
    lambda axes, v, w: axes.pcolormesh(w),
    lambda axes, v, w: axes.set_xticks(v),
]


@pytest.fixture
def axes() -> Iterator[Any]:
    with mpl.rc_context({"backend": "Agg"}):
        yield Figure().subplots()


@pytest.mark.parametrize("plot", PLOTS)
def test_matplotlib_plots_what_needs_no_gradient(axes: Any, plot: Callable[[Any, Any, Any], Any]) -> None:
    plot(axes, Tensor(VECTOR), Tensor(MATRIX))
    axes.figure.savefig(io.BytesIO(), format="png")


@pytest.mark.parametrize("plot", PLOTS)
def test_for_what_needs_one_it_is_told_to_plot_the_values(
    axes: Any, v: Tensor, w: Tensor, plot: Callable[[Any, Any, Any], Any]
) -> None:
    with pytest.raises(errors.NoGradientError, match=r"plot t\.numpy\(\)"):
        plot(axes, v, w)
    with pytest.raises(errors.NoGradientError, match=r"plot t\.numpy\(\)"):
        plot(axes, v * 2, w * 2)


# pandas.

OPERATORS: list[Callable[[Any, Any], Any]] = [
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b, lambda a, b: a**b,
    lambda a, b: a // b, lambda a, b: a % b, lambda a, b: a < b, lambda a, b: a == b, lambda a, b: a >= b,
    np.add, np.maximum, np.arctan2, np.less,
]  # fmt: skip


@pytest.mark.parametrize("needs_gradient", [True, False])
@pytest.mark.parametrize("pandas", [SERIES, FRAME])
@pytest.mark.parametrize("operator", OPERATORS)
def test_a_pandas_object_beside_a_tensor_is_its_values(operator: Any, pandas: Any, needs_gradient: bool) -> None:
    t = Tensor(VECTOR, requires_grad=needs_gradient)
    for left, right in ((pandas, t), (t, pandas)):
        result = operator(left, right)
        values = operator(*(part.numpy() if part is t else part.to_numpy() for part in (left, right)))
        assert isinstance(result, Tensor)
        assert type(result._data) in (np.ndarray, np.float64)
        assert np.array_equal(result.numpy(), values)
        assert result.requires_grad == (needs_gradient and values.dtype.kind == "f")


def test_functions_of_numpy_take_pandas_objects_beside_tensors(v: Tensor) -> None:
    for result, value in (
        (np.dot(SERIES, v), SERIES.to_numpy() @ VECTOR),
        (v @ SERIES, SERIES.to_numpy() @ VECTOR),
        (np.dot(FRAME, v), FRAME.to_numpy() @ VECTOR),
        (np.where(SERIES > 1, v, 0), [0, 0.2, 0.3]),
        (np.concatenate([v, SERIES]), [0.1, 0.2, 0.3, 1, 2, 3]),
        (v[SERIES > 1], [0.2, 0.3]),
    ):
        assert result.requires_grad
        np.testing.assert_allclose(result.numpy(), value)


def test_gradients_through_pandas_objects_are_arrays() -> None:
    for loss in (lambda x: (x * SERIES).sum(), lambda x: (SERIES * x).sum(), lambda x: np.dot(SERIES, x)):
        gradient = tg.grad(loss)(VECTOR)
        assert type(gradient) is np.ndarray
        assert np.array_equal(gradient, [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    "call",
    [
        lambda t: FRAME @ t, lambda t: SERIES @ t, lambda t: FRAME.dot(t), lambda t: np.matmul(FRAME, t),
        lambda t: pd.Series(t), lambda t: FRAME.assign(d=t[:2]), lambda t: pd.DataFrame({"a": t}),
    ],
)  # fmt: skip
def test_pandas_own_methods_are_told_to_numpy(v: Tensor, call: Callable[[Any], Any]) -> None:
    with pytest.raises(errors.NoGradientError, match=r"\.to_numpy\(\)"):
        call(v)
    call(v.detach())


# SciPy.

SPECIAL = {
    "expit": r"tg\.sigmoid\(x\)", "log_expit": r"-tg\.softplus\(-x\)", "logit": r"np\.log\(p\) - np\.log1p\(-p\)",
    "erf": r"tg\.erf\(x\)", "erfc": r"tg\.erfc\(x\)", "ndtr": "tg.erfc", "softmax": r"tg\.softmax\(x, axis=",
    "log_softmax": r"tg\.log_softmax\(x, axis=", "logsumexp": r"tg\.logsumexp\(x, axis=", "entr": "np.log",
    "exprel": "np.expm1", "exp10": "10.0", "gamma": "@tg.primitive",
}  # fmt: skip


@pytest.mark.parametrize("name", SPECIAL)
def test_functions_of_scipy_are_told_their_counterparts(name: str, w: Tensor) -> None:
    with pytest.raises(errors.NoGradientError, match=SPECIAL[name]) as caught:
        getattr(scipy.special, name)(w)
    assert f"np.{name} of" not in str(caught.value)
    getattr(scipy.special, name)(w.detach())


COUNTERPARTS = {
    "expit": lambda x: tg.sigmoid(x),
    "log_expit": lambda x: -tg.softplus(-x),
    "logit": lambda p: np.log(p) - np.log1p(-p),
    "ndtr": lambda x: 0.5 * tg.erfc(-x / np.sqrt(2)),
    "exprel": lambda x: np.expm1(x) / x,
    "cosm1": lambda x: -2 * np.sin(x / 2) ** 2,
    "exp10": lambda x: 10.0**x,
    "sindg": lambda x: np.sin(np.radians(x)),
    "tandg": lambda x: np.tan(np.radians(x)),
    "entr": lambda x: -x * np.log(x),
}


@pytest.mark.parametrize("name", COUNTERPARTS)
def test_the_counterparts_are_the_same_functions(name: str) -> None:
    assert counterpart_of(name)
    np.testing.assert_allclose(COUNTERPARTS[name](MATRIX), getattr(scipy.special, name)(MATRIX), 1e-12)


@pytest.mark.parametrize("name", ["log1p", "expm1", "cbrt", "exp2", "i0"])
def test_functions_that_numpy_has_too_work(name: str, w: Tensor) -> None:
    result = getattr(scipy.special, name)(w)
    assert result.requires_grad
    np.testing.assert_allclose(result.numpy(), getattr(np, name)(MATRIX))


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        (lambda w: scipy.linalg.inv(w @ w.T), r"write np\.linalg\.inv\(\.\.\.\)"),
        (lambda w: scipy.optimize.minimize(lambda x: x.sum(), w), r"give it t\.numpy\(\)"),
        (lambda w: scipy.sparse.csr_array(np.eye(2)) @ w, r"a\.toarray\(\) @ t"),
        (lambda w: sklearn.linear_model.LinearRegression().fit(w, [1, 2]), r"give it t\.numpy\(\)"),
        (lambda w: sklearn.preprocessing.StandardScaler().fit_transform(w), r"give it t\.numpy\(\)"),
        (lambda w: sklearn.metrics.mean_squared_error(w, MATRIX), r"give it t\.numpy\(\)"),
    ],
)
def test_libraries_that_make_plain_arrays_are_told(w: Tensor, call: Callable[[Any], Any], advice: str) -> None:
    with pytest.raises(errors.NoGradientError, match=advice):
        call(w)


def test_scikit_learn_takes_what_needs_no_gradient() -> None:
    model = sklearn.linear_model.LinearRegression().fit(Tensor(MATRIX), Tensor([1.0, 2.0]))
    np.testing.assert_allclose(model.predict(Tensor(MATRIX)), [1, 2])
    assert sklearn.metrics.mean_squared_error(Tensor(MATRIX), MATRIX) == 0


def test_a_sparse_matrix_is_refused_from_both_sides(w: Tensor) -> None:
    attempts = (lambda: w @ scipy.sparse.eye_array(3), lambda: w.detach() @ scipy.sparse.eye_array(3))
    for attempt in (*attempts, lambda: w * scipy.sparse.csr_array(MATRIX), lambda: scipy.sparse.csr_array(MATRIX) * w):
        with pytest.raises(tg.TinygradError, match=r"\.toarray\(\)"):
            attempt()


# NumPy below its protocols.


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        (lambda w: A.dot(w.T), r"a @ t or np\.dot\(a, t\)"),
        (lambda w: A.T.dot(w.reshape(2, 3)), r"a @ t or np\.dot\(a, t\)"),
        (lambda w: A.copy().dot((w * 2).T).sum(), r"a @ t or np\.dot\(a, t\)"),
        (lambda w: A[0].searchsorted(w[0]), r"np\.searchsorted\(a, \.\.\.\)"),
        (lambda w: A.astype(int).choose([w, w]), r"np\.choose\(a, \.\.\.\)"),
        (lambda w: A.std(0, mean=w.mean(0)), r"np\.std\(a, \.\.\.\)"),
        (lambda w: A.copy().put([0], w[0, 0] * np.ones(1)), r"tg\.index_update"),
        (lambda w: A.copy().__setitem__(0, w[0]), r"np\.stack|tg\.index_update"),
        (lambda w: np.full((2, 3), w), r"t \* np\.ones\(shape\)"),
        (lambda w: np.random.default_rng(0).normal(w), r"mean \+ scale \* rng\.normal"),
        (lambda w: np.random.default_rng(0).permutation(w), r"t\[rng\.permutation\(len\(t\)\)\]"),
        (lambda w: np.array([w, w]), r"np\.stack"),
        (lambda w: np.vectorize(lambda x: x * w.sum())(A), r"np\.vectorize collects plain numbers"),
        (lambda w: np.pad(w, 1, constant_values=w.sum()), r"give a number"),
        (lambda w: np.pad(w, 1, constant_values=(0, w.sum())), r"give a number"),
        (lambda w: np.unwrap(w, discont=w.sum()), "give a number"),
        (lambda w: np.polyval(w[0], 2.0), "Horner's scheme"),
        (lambda w: np.polymul(w[0], w[1]), r"np\.convolve"),
        (lambda w: np.histogram(w), "counts are steps"),
        (lambda w: np.copyto(A.copy(), w), r"tg\.index_update"),
    ],
)
def test_the_advice_fits_at_the_users_line(w: Tensor, call: Callable[[Any], Any], advice: str) -> None:
    with pytest.raises(tg.TinygradError, match=rf"test_interoperation\.py line \d+.*({advice})"):
        call(w)


def test_polynomials_as_advised(v: Tensor) -> None:
    x = np.array([2.0, 3.0])
    np.testing.assert_allclose((np.vander(x, len(v)) @ v).numpy(), np.polyval(VECTOR, x))
    np.testing.assert_allclose((v[:-1] * np.arange(len(v) - 1, 0, -1)).numpy(), np.polyder(VECTOR))
    np.testing.assert_allclose((v / np.arange(len(v), 0, -1)).numpy(), np.polyint(VECTOR)[:-1])
    np.testing.assert_allclose(np.convolve(v, v).numpy(), np.polymul(VECTOR, VECTOR))


def test_what_needs_no_gradient_loses_none() -> None:
    constant = Tensor(VECTOR)
    assert np.array_equal(np.histogram(constant)[0], np.histogram(VECTOR)[0])
    np.testing.assert_allclose(np.polyval(constant, 2.0), np.polyval(VECTOR, 2.0))


def test_an_arrays_clip_takes_tensors(v: Tensor) -> None:
    result = A.clip(v[0], v[1])
    result.sum().backward()
    assert np.array_equal(v.grad, [0, 6, 0])


def test_the_called_method_is_found_below_its_arguments() -> None:
    import sys

    class Asks:
        def method(self, *arguments: Any, **keywords: Any) -> str | None:
            frame = sys._getframe(1)
            return called_at(frame.f_code, frame.f_lasti)

        def __add__(self, other: Any) -> str | None:
            frame = sys._getframe(1)
            return called_at(frame.f_code, frame.f_lasti)

    asks, number = Asks(), [1]
    # Outside of assert, whose calls pytest takes apart.
    seen = [asks.method(), asks.method(number.count(1), asks.__class__.__name__, key=number.index(1))]
    seen += [asks.method(asks.method(number.copy()[0])), [asks][0].method(*number), asks + 1]
    assert seen == ["asks.method"] * 3 + ["", ""]


# Files.


def test_leaves_are_saved_and_come_back(w: Tensor, v: Tensor) -> None:
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, w, W=w, v=v, constant=Tensor([1.0]))
        file.seek(0)
        saved = np.load(file)
        assert np.array_equal(saved["W"], MATRIX)
        assert np.array_equal(saved["arr_0"], MATRIX)
        assert np.array_equal(saved["v"], VECTOR)
    file = io.BytesIO()
    np.save(file, w)
    file.seek(0)
    assert np.array_equal(np.load(file), MATRIX)
    text = io.StringIO()
    np.savetxt(text, w)
    text.seek(0)
    assert np.array_equal(np.loadtxt(text), MATRIX)


@pytest.mark.parametrize("save", [np.save, np.savez, np.savez_compressed, np.savetxt])
def test_what_was_computed_is_saved_by_its_values_alone(w: Tensor, save: Callable[..., None]) -> None:
    file = io.BytesIO()
    with pytest.raises(errors.NoGradientError, match=rf"np\.{save.__name__} of .*give it t\.numpy\(\)") as caught:
        save(file, w * 2)
    assert "primitive" not in str(caught.value)
    assert not file.getvalue()
    save(file, (w * 2).numpy())


def test_leaves_are_pickled_and_what_was_computed_says_how(w: Tensor) -> None:
    again = pickle.loads(pickle.dumps({"W": w}))["W"]
    assert (again.name, again.requires_grad) == ("W", True)
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(errors.NoGradientError, match=r"copy its leaves, or t\.detach\(\)"):
            attempt(w * 2)
    with pytest.raises(TypeError, match="Tensor is not JSON serializable"):
        json.dumps(w)
    assert json.loads(json.dumps(w.tolist())) == MATRIX.tolist()


# Python's own functions.


def test_pythons_functions_on_sequences_are_recorded(v: Tensor) -> None:
    assert [float(x) for x in v] == VECTOR.tolist()
    assert all(isinstance(x, Tensor) and x.requires_grad for x in [*list(v), sum(v), min(v), max(v), *reversed(v)])
    (sum(x * y for x, y in zip(v, [1.0, 2.0, 3.0], strict=True)) + sum(i * x for i, x in enumerate(v))).backward()
    assert np.array_equal(v.grad, [1, 3, 5])
    v.zero_grad()
    (max(v) * 2 + min(v) + max(v[0], 0)).backward()
    assert np.array_equal(v.grad, [2, 0, 2])
    assert [float(x) for x in sorted(v, reverse=True)] == [0.3, 0.2, 0.1]
