"""check_backward: the wrong line of a hand-written backward pass, what it should be, and no right line accused."""

from __future__ import annotations

import json
import os
import sys
import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg

from .corpus_more import PAIRS
from .score import outcomes
from .styles import STYLES

EVERY = int(os.environ.get("TINYGRAD_NP_SLIPS", "60"))
"""Every so manieth slip is tried; with TINYGRAD_NP_SLIPS=1 all of them."""


def forward(X: Any, Y: Any, W1: Any, b1: Any, W2: Any) -> Any:
    Z1 = X @ W1 + b1
    A1 = np.tanh(Z1)
    Z2 = A1 @ W2
    loss = np.mean((Z2 - Y) ** 2)
    return loss, {"A1": A1, "Z2": Z2}


def backward(Y: Any, X: Any, W2: Any, cache: Any) -> Any:
    A1, Z2 = cache["A1"], cache["Z2"]
    dZ2 = 2 * (Z2 - Y) / Z2.size
    dW2 = A1.T @ dZ2
    dA1 = dZ2 @ W2.T
    dZ1 = dA1 * (1 - A1**2)
    return {"W1": X.T @ dZ1, "b1": dZ1.sum(axis=0), "W2": dW2}


def inputs(dtype: Any = np.float64) -> dict[str, Any]:
    random = np.random.default_rng(0)
    shapes = {"X": (8, 3), "Y": (8, 1), "W1": (3, 4), "b1": (4,), "W2": (4, 1)}
    return {name: random.normal(size=shape).astype(dtype) for name, shape in shapes.items()}


@pytest.mark.parametrize("pair", [*PAIRS, *STYLES], ids=lambda pair: pair.name)
def test_right_backward_passes_are_not_accused(pair: Any) -> None:
    for seed in range(3):
        report = tg.check_backward(pair.forward, pair.backward, pair.inputs(np.random.default_rng(seed)))
        assert report, str(report)
        assert report.first_wrong is None


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_low_precision_is_not_accused(dtype: Any) -> None:
    assert tg.check_backward(forward, backward, inputs(dtype))


def test_slips_are_caught_found_and_repaired() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", SyntaxWarning)
        found = list(outcomes(PAIRS, EVERY))
    assert [one.mutant.text for one in found if not one.caught] == []
    missed = [(one.pair, one.mutant.text, one.said) for one in found if not one.located]
    assert len(missed) <= max(1, 0.03 * len(found)), missed
    assert sum(one.repaired for one in found) >= 0.8 * len(found)


def test_the_report_shows_the_line_and_what_it_should_be() -> None:
    def slipped(X: Any, Y: Any, W2: Any, A1: Any, Z1: Any, Z2: Any) -> Any:
        dZ2 = 2 * (Z2 - Y) / Z2.size
        dW2 = A1.T @ dZ2
        dA1 = dZ2 @ W2.T
        dZ1 = dA1 * (1 - Z1**2)
        dW1 = X.T @ dZ1
        db1 = np.sum(dZ1, axis=0)
        return dW1, db1, dW2

    report = tg.check_backward(forward, slipped, inputs())
    first = report.first_wrong
    assert not report
    assert first is not None
    assert (first.source, first.proposal) == ("dZ1 = dA1 * (1 - Z1**2)", "dZ1 = dA1 * (1 - A1**2)")
    assert (first.name, first.iteration, first.verdict) == ("dZ1", None, "wrong")
    assert first.line == slipped.__code__.co_firstlineno + 4
    assert f"line {first.line}: dZ1 = dA1 * (1 - Z1**2)\n" in str(report)
    assert "should be: dZ1 = dA1 * (1 - A1**2)" in str(report)


def test_two_wrong_lines_are_both_found() -> None:
    def slipped(X: Any, Y: Any, W2: Any, A1: Any, Z2: Any) -> Any:
        dZ2 = (Z2 - Y) / Z2.size
        dW2 = A1.T @ dZ2
        dA1 = dZ2 @ W2.T
        dZ1 = dA1 * (1 - A1)
        dW1 = X.T @ dZ1
        db1 = np.sum(dZ1, axis=0)
        return dW1, db1, dW2

    report = tg.check_backward(forward, slipped, inputs())
    assert [one.name for one in report.wrong_lines] == ["dZ2", "dZ1"]


def test_a_function_that_raises_half_way_is_told_of_with_what_came_before() -> None:
    def failing(X: Any, Y: Any, W2: Any, A1: Any, Z2: Any) -> Any:
        dZ2 = 2 * (Z2 - Y) / Z2.size
        dW2 = A1.T @ dZ2
        dA1 = dZ2 @ W2
        dZ1 = dA1 * (1 - A1**2)
        return X.T @ dZ1, dZ1.sum(axis=0), dW2

    report = tg.check_backward(forward, failing, inputs())
    assert not report
    assert "failing raised ValueError at line" in str(report)
    assert report["W2"].verdict == "right"
    assert report.first_wrong is not None
    assert report.first_wrong.source == "dA1 = dZ2 @ W2"
    assert report.first_wrong.proposal == "dA1 = dZ2 @ W2.T"


def test_a_function_that_prints_and_changes_its_inputs_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    def careless(X: Any, Y: Any, W2: Any, A1: Any, Z2: Any) -> Any:
        print("here")
        Z2 -= Y
        dZ2 = 2 * Z2 / Z2.size
        dW2 = A1.T @ dZ2
        return {"W2": dW2}

    report = tg.check_backward(forward, careless, inputs())
    assert report
    assert "changes its argument Z2 in place" in str(report)
    assert "careless printed a line" in str(report)
    assert capsys.readouterr().out == ""


def test_functions_without_source_are_checked_without_a_proposal() -> None:
    text = "def slipped(Y, A1, Z2):\n    dZ2 = (Z2 - Y) / Z2.size\n    dW2 = A1.T @ dZ2\n    return {'W2': dW2}\n"
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    report = tg.check_backward(forward, namespace["slipped"], inputs())
    assert not report
    assert report.first_wrong is not None
    assert (report.first_wrong.line, report.first_wrong.proposal) == (2, None)


def test_lambdas_and_methods_are_checked() -> None:
    class Net:
        def back(self, X: Any, Y: Any, W2: Any, A1: Any, Z2: Any) -> Any:
            dZ2 = 2 * (Z2 - Y) / Z2.size
            dW2 = dZ2.T @ A1
            return {"W2": dW2}

    assert tg.check_backward(forward, lambda Y, A1, Z2: {"W2": A1.T @ (2 * (Z2 - Y) / Z2.size)}, inputs())
    assert not tg.check_backward(forward, lambda Y, A1, Z2: {"W2": A1.T @ ((Z2 - Y) / Z2.size)}, inputs())
    report = tg.check_backward(forward, Net().back, inputs())
    assert report.first_wrong is not None
    assert report.first_wrong.source == "dW2 = dZ2.T @ A1"


def test_a_slip_in_a_helper_is_found_there() -> None:
    report = tg.check_backward(forward, _calls_a_helper, inputs())
    assert report.first_wrong is not None
    assert (report.first_wrong.function, report.first_wrong.proposal) == ("_slope", "slope = 1 - a**2")


def _slope(g: Any, a: Any) -> Any:
    slope = 1 + a**2
    return g * slope


def _calls_a_helper(X: Any, Y: Any, W2: Any, A1: Any, Z2: Any) -> Any:
    dZ2 = 2 * (Z2 - Y) / Z2.size
    dZ1 = _slope(dZ2 @ W2.T, A1)
    dW1 = X.T @ dZ1
    db1 = dZ1.sum(axis=0)
    return dW1, db1


def test_another_trace_goes_on() -> None:
    seen = []

    def trace(frame: Any, event: str, argument: Any) -> Any:
        seen.append((frame.f_code.co_name, event))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        tg.check_backward(forward, backward, inputs())
        assert sys.gettrace() is trace
    finally:
        sys.settrace(before)
    assert ("backward", "line") in seen


def test_a_loop_that_an_edit_makes_endless_ends() -> None:
    def counting(X: Any, Y: Any, W2: Any, A1: Any, Z2: Any) -> Any:
        dW2 = np.zeros_like(W2)
        n = 0
        while n < 8:
            dW2 += 2 * A1[n : n + 1].T @ (Z2[n : n + 1] + Y[n : n + 1]) / Z2.size
            n = n + 1
        return {"W2": dW2}

    report = tg.check_backward(forward, counting, inputs())
    assert not report


def test_a_kink_is_right_whatever_slope_was_taken_and_does_not_hide_a_slip() -> None:
    def kinked(x: Any, w: Any) -> Any:
        h = np.maximum(0, x * w)
        return np.sum(h**2 + 3 * h)

    def one_sided(x: Any, w: Any, h: Any) -> Any:
        dh = 2 * h + 3
        dw = dh * (h >= 0) * x
        return {"w": dw}

    def slipped(x: Any, w: Any, h: Any) -> Any:
        dh = h + 3
        dw = dh * (x * w >= 0) * x
        return {"w": dw}

    def one_sided_right(x: Any, w: Any, h: Any) -> Any:
        dh = 2 * h + 3
        dw = dh * (x * w >= 0) * x
        return {"w": dw}

    values = {"x": np.array([1.0, -2.0, 3.0, 2.0]), "w": np.array([2.0, 1.0, 0.0, 0.5])}
    assert tg.check_backward(kinked, one_sided_right, values)
    assert not tg.check_backward(kinked, one_sided, values)
    first = tg.check_backward(kinked, slipped, values).first_wrong
    assert first is not None
    assert first.name == "dh"
    assert first.proposal is not None


def test_no_gradient_of_an_input_proves_nothing() -> None:
    report = tg.check_backward(forward, lambda Y, Z2: {"dZ2": 2 * (Z2 - Y) / Z2.size}, inputs())
    assert not report
    assert "returns no gradient of an input" in str(report)


def test_variables_are_compared_by_their_names() -> None:
    x = np.arange(6.0).reshape(3, 2) - 2.2
    W1 = tg.Tensor([[0.3, -0.2], [0.5, 0.1]], requires_grad=True)
    Z1 = x @ W1
    loss = np.mean(np.tanh(Z1))
    dZ1 = (1 - np.tanh(Z1.numpy()) ** 2) / Z1.size
    grads = {"W1": x.T @ dZ1}
    report = tg.compare_gradients(loss, names=locals())
    assert report
    assert [row.name for row in report] == ["Z1", "W1"]
    grads["W1"] = x.T @ dZ1 * 2
    assert tg.compare_gradients(loss, names=locals()).wrong == ["W1"]
    with pytest.raises(tg.TinygradError, match="no variable is named after"):
        tg.compare_gradients(loss, names={"Z1": Z1, "other": dZ1})


def test_a_report_is_plain_data_and_a_table_in_a_notebook() -> None:
    def slipped(Y: Any, A1: Any, Z2: Any) -> Any:
        dZ2 = 3 * (Z2 - Y) / Z2.size
        dW2 = A1.T @ dZ2
        return {"W2": dW2}

    report = tg.check_backward(forward, slipped, inputs())
    found = json.loads(json.dumps(report.to_dict()))
    assert found["right"] is False
    assert found["wrong_lines"][0]["proposal"] == "dZ2 = 2 * (Z2 - Y) / Z2.size"
    assert {row["name"] for row in found["gradients"]} >= {"W2"}
    html = report._repr_html_()
    assert "<td>W2</td>" in html
    assert "should be: dZ2 = 2 * (Z2 - Y) / Z2.size" in html
