"""detect_anomaly: the first NaN or infinity that counts, with its operation, its line, and why; no false alarms."""

from __future__ import annotations

import inspect
import json
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tests.cases import CASES
from tinygrad_np import Tensor, engine, errors, nn, ops, optim, record
from tinygrad_np.check import anomaly


def leaf(values: Any, dtype: Any = float) -> Tensor:
    return Tensor(np.array(values, dtype), requires_grad=True)


def anomaly_of(function: Callable[[], Any], **options: Any) -> Any:
    """What the error tells of that a function raises while it is watched."""
    with pytest.raises(errors.AnomalyError) as caught, np.errstate(all="ignore"), tg.detect_anomaly(**options):
        function()
    assert str(caught.value) == str(caught.value.anomaly)
    return caught.value.anomaly


def log_of_zero() -> Any:
    p = leaf([0.5, 0.0])
    return np.sum(np.log(p))  # here


def log_of_a_negative() -> Any:
    p = leaf([0.5, -1.0])
    return np.sum(np.log(p))  # here


def zero_times_infinity() -> Any:
    x, weights = leaf([0.0, 1.0]), np.array([np.inf, 1.0])
    return np.sum(x * weights)  # here


def infinity_minus_infinity() -> Any:
    scores = leaf([[1.0, 2.0]]) + np.full((1, 2), -np.inf)
    shifted = scores - scores.max(axis=1, keepdims=True)  # here
    return np.sum(np.exp(shifted))


def zero_by_zero() -> Any:
    x = leaf([[1.0, 2.0], [1.0, 3.0]])
    centred = x - np.mean(x, axis=0)
    return np.sum(centred / np.std(x, axis=0))  # here


def division_by_zero() -> Any:
    x, n = leaf([1.0, 2.0]), np.array([0.0, 3.0])
    return np.sum(x / n)  # here


def overflow_of_exp() -> Any:
    z = leaf([1000.0, 1.0])
    e = np.exp(z)  # here
    p = e / np.sum(e)
    return -np.log(p[1])


def overflow_of_sigmoid() -> Any:
    z = leaf([-1000.0, 2.0])
    return np.sum(1 / (1 + np.exp(-z)))  # here


def overflow_of_a_power() -> Any:
    x = leaf([1e200, 2.0])
    return np.sum(x**3)  # here


def root_of_a_negative() -> Any:
    x = leaf([4.0, -1e-17])
    return np.sum(np.sqrt(x))  # here


def slope_of_sqrt() -> Any:
    x = leaf([4.0, 0.0])
    return np.sum(np.sqrt(x))  # here


def slope_of_a_written_norm() -> Any:
    x = leaf([0.0, 0.0])
    return np.sqrt(np.sum(x**2))  # here


def slope_of_a_power() -> Any:
    x = leaf([0.0, 4.0])
    return np.sum(x**0.5)  # here


def slope_of_arccos() -> Any:
    x = leaf([1.0, 0.5])
    return np.sum(np.arccos(x))  # here


def arccos_beyond_one() -> Any:
    x = leaf([1.0 + 1e-15, 0.5])
    return np.sum(np.arccos(x))  # here


def data() -> Any:
    X = np.ones((4, 2))
    X[2, 1] = np.nan
    W = leaf([[1.0], [2.0]])
    return np.sum(X @ W)  # here


def cast() -> Any:
    x = leaf([1e10, 1.0])
    return np.sum(x.astype(np.float16))  # here


def product_in_float16() -> Any:
    A = leaf(np.full((2, 2), 300.0), np.float16)
    return np.sum(A @ A)  # here


def product_in_float32() -> Any:
    A = leaf(np.full((2, 2), 1e30), np.float32)
    return np.sum(A @ A)  # here


def mean_of_nothing() -> Any:
    x = leaf([1.0, 2.0])
    return x[2:].mean()  # here


def variance_of_one() -> Any:
    x = leaf([1.0])
    return np.var(x, ddof=1)  # here


KINDS: list[tuple[Callable[[], Any], str, str, str]] = [
    (log_of_zero, "log", "the logarithm of 0 is minus infinity", "np.log(x + 1e-12)"),
    (log_of_a_negative, "log", "the logarithm of a negative number, -1,", "why x is negative"),
    (zero_times_infinity, "multiply", "0 times infinity", "look for what made the infinities"),
    (infinity_minus_infinity, "subtract", "infinity minus infinity", "look for what made the infinities"),
    (zero_by_zero, "divide", "0 divided by 0", "columns that are constant"),
    (division_by_zero, "divide", "1 is divided by 0", "a / (b + 1e-8)"),
    (
        overflow_of_exp,
        "exp",
        "exp of 1000 overflows: it is larger than the largest float64",
        "subtract the largest element first",
    ),
    (overflow_of_sigmoid, "exp", "exp of 1000 overflows", "tg.sigmoid"),
    (overflow_of_a_power, "power", "larger than the largest float64", "scale the numbers down"),
    (root_of_a_negative, "sqrt", "the square root of a negative number, -1e-17,", "np.maximum(x, 0)"),
    (slope_of_sqrt, "sqrt", "the slope of sqrt at 0 is infinite", "np.sqrt(x + 1e-12)"),
    (slope_of_a_written_norm, "sqrt", "the slope of sqrt at 0 is infinite", "np.linalg.norm"),
    (slope_of_a_power, "power", "the slope of power at 0 is infinite", "(x + 1e-12) ** p"),
    (slope_of_arccos, "arccos", "the slope of arccos at 1 is infinite", "np.clip"),
    (arccos_beyond_one, "arccos", "arccos is defined from -1 to 1", "np.clip"),
    (data, "matmul", "held NaN already", "np.argwhere(~np.isfinite(x))"),
    (cast, "astype", "1e+10 overflows: it does not fit into float16", "keep float32"),
    (product_in_float16, "matmul", "larger than the largest float16, 6.55e+04", "x.astype(np.float64)"),
    (product_in_float32, "matmul", "larger than the largest float32", "x.astype(np.float64)"),
    (mean_of_nothing, "mean", "the mean of no elements", "no elements"),
    (variance_of_one, "var", "the var of 1 element with ddof=1", "more elements than ddof"),
]


def line_of(function: Callable[..., Any]) -> int:
    """The line that is marked in the function's source."""
    lines, start = inspect.getsourcelines(function)
    return start + next(number for number, line in enumerate(lines) if line.rstrip().endswith("# here"))


@pytest.mark.parametrize(
    ("function", "operation", "why", "instead"), KINDS, ids=lambda one: getattr(one, "__name__", "")
)
@pytest.mark.parametrize("filters", ["ignore", "error"])
def test_each_kind_is_named_with_operation_line_and_why(
    function: Any, operation: str, why: str, instead: str, filters: Any
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter(filters)
        with pytest.raises(errors.AnomalyError) as caught, tg.detect_anomaly():
            function().backward()
    found = caught.value.anomaly
    assert (found.operation, found.line, found.file) == (operation, line_of(function), __file__)
    assert why in found.why
    assert instead in found.instead
    assert f"{found.why}." in " ".join(str(caught.value).split())
    assert found.source.endswith("# here")


def test_operands_are_shown_with_their_ranges_and_the_element() -> None:
    p = leaf([[0.5, 2.0], [-1.0, 0.0]])
    found = anomaly_of(lambda: np.sum(np.log(p)).backward())
    (operand,) = found.operands
    assert (operand.name, operand.shape, operand.smallest, operand.largest) == ("p", (2, 2), -1.0, 2.0)
    assert (operand.zeros, operand.value, found.where, found.count) == (1, -1.0, (1, 0), 2)
    assert "np.log(p) is nan at (1, 0) (2 of 4 elements), in the forward pass" in str(found)
    assert json.loads(json.dumps(found.to_dict()))["operands"][0]["name"] == "p"
    assert "<td>p</td>" in found._repr_html_()


def test_an_infinity_is_told_with_the_nan_that_came_of_it() -> None:
    x = leaf([0.0, 1.0])
    found = anomaly_of(lambda: (x * np.log(x)).sum().backward())
    assert found.formula == "np.log(x)"
    assert "That led to nan in x * np.log(x)" in str(found)
    assert "0 times infinity" in str(found)


def masked(x: Any) -> Any:
    return np.sum(np.where(x > 0, np.log(np.where(x > 0, x, 1)) + np.sqrt(x), 0))


QUIET: list[Callable[[Any], Any]] = [
    lambda x: np.sum(np.where(x > 0, np.log(x), 0)),
    lambda x: np.sum(np.where(x > 0, 1 / x, x)),
    lambda x: np.sum(np.exp(x + np.array([-np.inf, 0.0, 0.0]))),
    lambda x: np.sum(tg.softmax(np.where(x > 0, x, -np.inf))[:2] ** 2),
    lambda x: np.sum(np.maximum(x, -np.inf)),
    lambda x: np.sum(1 / np.where(x > 0, x, np.inf)),
    masked,
]


@pytest.mark.parametrize("function", QUIET)
def test_what_vanishes_again_is_no_alarm(function: Any) -> None:
    with np.errstate(all="ignore"):
        expected = tg.grad(function)(np.array([0.0, 1.0, -2.0]))
        with tg.detect_anomaly():
            assert np.array_equal(tg.grad(function)(np.array([0.0, 1.0, -2.0])), expected)
            tg.hessian(function)(np.array([0.0, 1.0, -2.0]))
            x = leaf([0.0, 1.0, -2.0])
            function(x).backward()


def test_what_vanishes_again_counts_if_asked_for() -> None:
    x = leaf([0.0, 1.0, -2.0])
    assert anomaly_of(lambda: np.where(x > 0, np.log(x), 0), hidden=True).formula == "np.log(x)"
    with tg.detect_anomaly(hidden=True):
        tg.hessian(lambda x: np.sum(np.where(x > 1.5, np.log(x), 0)))(np.array([1.0, 2.0]))


def test_what_is_left_over_at_the_end_counts_though_nothing_went_back() -> None:
    x = Tensor([1.0, 0.0])
    assert anomaly_of(lambda: float(np.mean(x / 0))).operation == "divide"


def test_a_comparison_does_not_end_it_but_isfinite_does() -> None:
    assert anomaly_of(lambda: bool(np.all(np.log(Tensor([0.0])) < 0))).operation == "log"
    with np.errstate(all="ignore"), tg.detect_anomaly():
        assert not bool(np.all(np.isfinite(np.log(Tensor([0.0])))))


def test_inside_grad_the_functions_own_names_are_told() -> None:
    found = anomaly_of(lambda: tg.grad(lambda weights: np.sum(np.sqrt(weights)))(np.array([0.0, 1.0])))
    assert found.formula == "dweights = d(np.sqrt(weights)) / (2 * np.sqrt(weights))"
    assert found.direction == "backward"
    found = anomaly_of(lambda: tg.hessian(lambda weights: np.sum(weights**0.5))(np.array([0.0, 1.0])))
    assert (found.direction, found.operation) == ("backward", "power")


def test_a_compiled_function_runs_uncompiled_and_is_watched() -> None:
    def loss(x: Any) -> Any:
        return np.sum(np.log(x))  # here

    step = tg.compile(tg.grad(loss))
    with np.errstate(all="ignore"):
        assert step(np.array([1.0, 0.0]))[1] == np.inf
    assert anomaly_of(lambda: step(np.array([1.0, 0.0]))).line == line_of(loss)

    @tg.compile
    def inside(x: Any) -> Any:
        with tg.detect_anomaly():
            return np.sum(np.log(x))

    with pytest.raises(errors.CaptureError, match="around the call"):
        inside(np.ones(2))


def test_a_training_run_that_diverges_tells_where_it_began() -> None:
    model = nn.Linear(2, 1)
    X = np.array([[1.0, 2.0], [3.0, np.nan]])
    with pytest.raises(errors.AnomalyError) as caught, tg.detect_anomaly():
        tg.fit(model, tg.mse_loss, optim.SGD(model.parameters(), lr=0.1), (X, np.ones((2, 1))), epochs=2)
    assert isinstance(caught.value.__cause__, errors.DivergedError)
    assert caught.value.anomaly.direction == "input"
    assert caught.value.anomaly.where[1] == 1


def test_gradients_that_overflow_when_they_are_added_up() -> None:
    x = leaf([1e-3], np.float16)
    loss = np.sum((x * np.float16(60000) + x * np.float16(50000)) * np.float16(0.5))
    assert anomaly_of(lambda: loss.backward(np.float16(1.9))).formula == "dx"


def test_an_upstream_gradient_that_is_not_finite() -> None:
    y = leaf([1.0, 2.0]) * 2
    assert anomaly_of(lambda: y.backward(np.array([np.inf, 1.0]))).why.endswith("backward pass was started with it")


def test_a_probability_that_has_become_0_leads_to_the_exponential_that_overflowed() -> None:
    z = leaf([-1000.0])
    found = anomaly_of(lambda: np.sum(-np.log(1 / (1 + np.exp(-z)))).backward())
    assert (found.operation, "tg.sigmoid" in found.instead) == ("exp", True)
    assert "the logarithm of 0" in str(found)


def test_what_has_been_changed_since_is_told_of_all_the_same() -> None:
    x = Tensor(np.array([0.0, 1.0]))

    def change() -> None:
        float(np.sum(np.log(x)))
        x.data[...] = 1.0

    found = anomaly_of(change)
    assert (found.operation, found.kind) == ("log", "nan")


EXTREMES = np.array([0.0, -0.0, 1.0, -1.0, 1e-320, 1e308, -1e308, np.inf, -np.inf, np.nan, 800.0, -0.5])


FACTORISING = ("decomposition", "linear_systems", "determinant")
"""What hands numbers to LAPACK, which may never return if they are not finite."""

FINITE_ONLY = {name for name, one in ops.PRIMITIVES.items() if one.__module__.endswith(FACTORISING)}
ROWS = [case for case in CASES if not FINITE_ONLY & {*case.primitives}]


@pytest.mark.parametrize("case", ROWS, ids=[case.label for case in ROWS])
def test_whatever_an_operation_makes_of_extremes_is_told_in_a_sentence(case: Any) -> None:
    random = np.random.default_rng(0)
    for _ in range(3):
        inputs = []
        for domain in case.inputs:
            values = domain.draw((3,) if domain.shape is None else domain.shape, random)
            if values.dtype.kind == "f":
                values = np.where(random.random(values.shape) < 0.5, random.choice(EXTREMES, values.shape), values)
            inputs.append(Tensor(values, requires_grad=values.dtype.kind == "f"))
        for hidden in (False, True):
            try:
                with warnings.catch_warnings(), np.errstate(all="ignore"), tg.detect_anomaly(hidden=hidden):
                    warnings.simplefilter("ignore")
                    result = case.f(*inputs)
                    if result.requires_grad:
                        np.sum(result).backward()
            except errors.AnomalyError as error:
                found = error.anomaly
                assert found.why
                assert found.instead
                assert json.dumps(found.to_dict(), allow_nan=False)
                assert found._repr_html_()
                assert found.line is not None
            except tg.TinygradError:
                pass  # Such as a matrix without an inverse.


def test_it_runs_less_than_twice_as_many_functions() -> None:
    W1, W2 = leaf(np.full((3, 4), 0.1)), leaf(np.full((4, 1), 0.2))
    X = np.ones((5, 3))

    def step() -> None:
        np.mean((np.tanh(X @ W1) @ W2 - 1) ** 2).backward()

    def functions() -> int:
        counted = 0

        def count(frame: Any, event: str, argument: Any) -> None:
            nonlocal counted
            counted += event in ("call", "c_call")

        step()
        sys.setprofile(count)
        step()
        sys.setprofile(None)
        return counted

    off = functions()
    with tg.detect_anomaly():
        on = functions()
    assert on < 2 * off


def test_it_is_a_decorator() -> None:
    @tg.detect_anomaly()
    def train(value: float) -> Any:
        x = leaf([value])
        np.sum(np.log(x)).backward()
        return x.grad

    assert train(2.0) == 0.5
    with pytest.raises(errors.AnomalyError):
        train(0.0)
    with pytest.raises(tg.TinygradError, match="with parentheses"):
        tg.detect_anomaly(lambda: 0)


def test_nothing_is_in_the_way_when_it_is_off() -> None:
    before = Tensor.__primitive__, engine.pull, tg.compile(np.sin).__class__.__call__
    for error in (None, ValueError):
        try:
            with tg.detect_anomaly():
                assert engine.pull is not before[1]
                if error:
                    raise error
        except ValueError:
            pass
        after = Tensor.__primitive__, engine.pull, tg.compile(np.sin).__class__.__call__
        assert after == before
    assert record.record is Tensor.__primitive__


def test_other_threads_are_not_watched() -> None:
    results: list[Any] = []

    def other() -> None:
        with np.errstate(all="ignore"):
            x = leaf([0.0])
            np.sum(np.log(x)).backward()
            results.append(x.grad)

    with tg.detect_anomaly():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        leaf([1.0]).sum().backward()
    assert results[0] == np.inf


def test_a_failing_backward_leaves_gradients_alone() -> None:
    x, y = leaf([0.0]), leaf([1.0])
    with pytest.raises(errors.AnomalyError), tg.detect_anomaly():
        np.sum(np.sqrt(x) + y).backward()
    assert x.grad is None
    assert y.grad is None


def test_what_is_remembered_stays_bounded() -> None:
    with tg.detect_anomaly(), np.errstate(all="ignore"):
        for _ in range(1200):
            x = leaf([0.0, 1.0])
            np.sum(np.where(x > 0, np.log(x), 0)).backward()
        watch = anomaly._here.watch
        assert watch is not None
        assert len(watch.known) < 10
        assert not watch.open
        assert len(watch.of_node) <= anomaly.MOST
