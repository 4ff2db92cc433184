"""check_backward: the wrong line of a hand-written backward pass, what it should be, and no right line accused."""

from __future__ import annotations

import inspect
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


def test_of_several_statements_on_a_line_the_wrong_one_is_shown() -> None:
    def network(X: Any, Y: Any, W1: Any, b1: Any, W2: Any) -> Any:
        A1 = np.tanh(X @ W1 + b1)
        return np.mean((A1 @ W2 - Y) ** 2), A1

    def lines(X: Any, Y: Any, W2: Any, A1: Any) -> Any:
        dZ2 = 2 * (A1 @ W2 - Y) / Y.size; dW2 = A1.T @ dZ2  # fmt: skip  # noqa: E702
        dA1 = dZ2 @ W2.T; dZ1 = dA1 * (1 - A1); dW1 = X.T @ dZ1; db1 = dZ1.sum(axis=0)  # fmt: skip  # noqa: E702
        return {"W1": dW1, "b1": db1, "W2": dW2}

    random = np.random.default_rng(0)
    shapes = {"X": (7, 2), "Y": (7, 1), "W1": (2, 3), "W2": (3, 1)}
    values = {name: random.normal(size=shape) for name, shape in shapes.items()} | {"b1": np.zeros(3)}
    report = tg.check_backward(network, lines, values)
    assert [(one.source, one.proposal) for one in report.wrong_lines] == [
        ("dZ1 = dA1 * (1 - A1)", "dZ1 = dA1 * (1 - A1**2)")
    ]


def test_a_lost_axis_is_kept_rather_than_made_up_for_by_what_is_0_here() -> None:
    def affine(X: Any, W: Any, b: Any) -> Any:
        Z = X @ W + b
        return np.mean(Z**2), Z

    def dropped(X: Any, Z: Any, W: Any, b: Any) -> Any:
        dZ = 2 * Z / Z.size
        db = dZ.sum(0)
        return {"W": X.T @ dZ, "b": db}

    random = np.random.default_rng(0)
    values = {"X": random.normal(size=(5, 2)), "W": random.normal(size=(2, 3)), "b": np.zeros((1, 3))}
    first = tg.check_backward(affine, dropped, values).first_wrong
    assert first is not None
    assert first.proposal == "db = dZ.sum(0, keepdims=True)"


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


def attention(x: Any, Wq: Any, Wk: Any, T: Any) -> Any:
    D = x.shape[2]
    Q, K = x @ Wq, x @ Wk
    S = Q @ K.transpose(0, 2, 1) / np.sqrt(D)
    return np.sum((S - T) ** 2)


def attention_backward(x: Any, Wq: Any, Wk: Any, T: Any, Q: Any, K: Any, S: Any, D: Any) -> Any:
    dS = 2 * (S - T)
    dQ = dS @ K / np.sqrt(D)
    dK = dS.transpose(0, 2, 1) @ Q / np.sqrt(D)
    dWq, dWk = np.einsum("bnd,bne->de", x, dQ), np.einsum("bnd,bne->de", x, dK)
    dx = dQ @ Wq.T + dK @ Wk.T
    return dWq, dWk, dx


def relu_scores(X: Any, W: Any, b: Any, Y: Any) -> Any:
    N = len(X)
    Z = X @ W + b
    H = np.maximum(Z, 0)
    return np.sum((H - Y) ** 2) / N


def relu_scores_backward(X: Any, W: Any, b: Any, Y: Any, Z: Any, H: Any, N: Any) -> Any:
    dH = 2 * (H - Y) / N
    dH[Z <= 0] = 0
    dW = X.T @ dH
    db = np.sum(dH, axis=0, keepdims=True)
    return dW, db


def words_mean(E: Any, words: Any, Y: Any) -> Any:
    V = E[words]
    return np.sum((V - Y) ** 2)


def words_mean_backward(E: Any, words: Any, Y: Any, V: Any) -> Any:
    dV = 2 * (V - Y)
    dE = np.zeros_like(E)
    np.add.at(dE, words, dV)
    return dE


def pooled(X: Any, b: Any, T: Any) -> Any:
    Z = X + b
    A = np.maximum(Z, 0)
    P = A.max(axis=1)
    return np.sum((P - T) ** 2)


def pooled_backward(X: Any, T: Any, Z: Any, A: Any, P: Any) -> Any:
    dP = 2 * (P - T)
    dA = dP[:, None] * (P[:, None] == A)
    dZ = dA * (Z > 0)
    db = dZ.sum(axis=0)
    return {"b": db}


SLIPPED: dict[Any, dict[str, Any]] = {
    (attention, attention_backward): {"x": (2, 4, 3), "Wq": (3, 3), "Wk": (3, 3), "T": (2, 4, 4)},
    (relu_scores, relu_scores_backward): {"X": (5, 3), "W": (3, 4), "b": (1, 4), "Y": (5, 4)},
    (words_mean, words_mean_backward): {"E": (4, 2), "Y": (3, 2)},
    (pooled, pooled_backward): {"X": (6, 3), "b": (3,), "T": (6,)},
}


@pytest.mark.parametrize(
    ("right", "slip", "proposal"),
    [
        ("dZ = dA * (Z > 0)", "dZ = dA * (Z < 0)", None),
        ("dQ = dS @ K / np.sqrt(D)", "dQ = dS @ K / D", None),
        ("dQ = dS @ K / np.sqrt(D)", "dQ = dS @ K", None),
        ("dK = dS.transpose(0, 2, 1) @ Q", "dK = dS @ Q", "dK = dS.swapaxes(-1, -2) @ Q / np.sqrt(D)"),
        ("dQ = dS @ K", "dQ = dS.transpose(0, 2, 1) @ K", None),
        (" + dK @ Wk.T", "", None),
        ("dH[Z <= 0] = 0", "dH[Z >= 0] = 0", None),
        ("dH = 2 * (H - Y) / N", "dH = 2 * (H - Y) / (N - 1)", "dH = 2 * (H - Y) / (N)"),
        ("np.sum(dH, axis=0, keepdims=True)", "dH.sum(keepdims=True)", "db = dH.sum(keepdims=True, axis=0)"),
        ("np.add.at(dE, words, dV)", "dE[words] += dV", None),
    ],
)
def test_slips_of_stacks_masks_and_roots_are_repaired_as_one_would(
    right: str, slip: str, proposal: str | None, tmp_path: Any
) -> None:
    network, by_hand = next(pair for pair in SLIPPED if right in inspect.getsource(pair[1]))
    text = "from typing import Any\nimport numpy as np\n" + inspect.getsource(by_hand)
    assert text.count(right) == 1
    path = tmp_path / "slipped.py"
    path.write_text(text.replace(right, slip))
    names: dict[str, Any] = {}
    exec(compile(path.read_text(), path, "exec"), names)
    random = np.random.default_rng(0)
    values = {name: random.normal(size=shape) for name, shape in SLIPPED[network, by_hand].items()}
    values |= {"words": np.array([0, 2, 2])} if network is words_mean else {}
    report = tg.check_backward(network, names[by_hand.__name__], values)
    wanted = proposal or next(line.strip() for line in text.splitlines() if right in line)
    assert [one.proposal for one in report.wrong_lines] == [wanted]
    assert ",," not in str(report)


def test_a_line_is_named_by_what_it_assigns_and_a_result_by_that_it_is_returned() -> None:
    class Relu:
        def forward(self, x: Any) -> Any:
            self.mask = x > 0
            return x * self.mask

        def backward(self, g: Any) -> Any:
            self.got = g
            return g / self.mask.sum()

    relu = Relu()

    def network(X: Any, W: Any) -> Any:
        return np.sum(relu.forward(X @ W) ** 2)

    def by_hand(X: Any, W: Any) -> Any:
        g = 2 * np.maximum(X @ W, 0)
        g = relu.backward(g)
        return {"W": X.T @ g}

    random = np.random.default_rng(0)
    report = tg.check_backward(network, by_hand, {"X": random.normal(size=(5, 3)), "W": random.normal(size=(3, 2))})
    assert not report
    assert "return is wrong" not in str(report)
    assert "relu is wrong" not in str(report)


def test_a_lambda_is_called_by_its_place() -> None:
    report = tg.check_backward(lambda W: np.sum(W**2), lambda W: {"W": 2 * W}, {"W": np.array([1.0, 2.0])})
    assert report
    assert "<lambda>" not in str(report)
    assert "the lambda of test_backward.py line" in str(report)


def test_weights_given_as_whole_numbers_are_told_of_and_no_line_is_accused() -> None:
    def network(X: Any, W: Any, b: Any) -> Any:
        return np.mean((X @ W + b) ** 2)

    def by_hand(X: Any, W: Any, b: Any) -> Any:
        d = 2 * (X @ W + b) / (X @ W).size
        dW, db = X.T @ d, d.sum(axis=0)
        return dW, db

    values = {"X": np.random.default_rng(0).normal(size=(4, 3)), "W": np.ones((3, 2), int), "b": np.zeros(2)}
    some = tg.check_backward(network, by_hand, values)
    assert some
    assert "Whole numbers get no gradient, as those of W: write astype(float)." in some.notes
    none = tg.check_backward(network, by_hand, {**values, "b": np.zeros(2, int)})
    assert not none
    assert none.first_wrong is None
