"""Slips that show elsewhere than where they are: in a helper, in a line that is missing, in what is computed anew."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.training import History

RANDOM = np.random.default_rng(0)
INPUTS = {
    "X": RANDOM.normal(size=(5, 3)),
    "Y": RANDOM.normal(size=(5, 2)),
    "W1": RANDOM.normal(size=(3, 4)),
    "W2": RANDOM.normal(size=(4, 2)),
}


def forward(X: Any, Y: Any, W1: Any, W2: Any) -> Any:
    Z1 = X @ W1
    A1 = np.tanh(Z1)
    Z2 = A1 @ W2
    A2 = np.tanh(Z2)
    return np.sum((A2 - Y) ** 2) / len(X)


def slope_without_a_square(a: Any) -> Any:
    return 1 - a


def test_a_helper_that_all_layers_call_is_named_first() -> None:
    def backward(X: Any, Y: Any, W2: Any, A1: Any, A2: Any) -> Any:
        dA2 = 2 * (A2 - Y) / len(X)
        dZ2 = dA2 * slope_without_a_square(A2)
        dZ1 = dZ2 @ W2.T * slope_without_a_square(A1)
        return {"W1": X.T @ dZ1, "W2": A1.T @ dZ2}

    first = tg.check_backward(forward, backward, INPUTS).first_wrong
    assert first is not None
    assert (first.source, first.proposal) == ("return 1 - a", "return 1 - a**2")


def test_a_count_is_named_and_not_the_line_that_divides_by_it() -> None:
    def backward(X: Any, Y: Any, W2: Any, A1: Any, A2: Any) -> Any:
        m = len(X) - 1
        dA2 = 2 * (A2 - Y) / m
        dZ2 = dA2 * (1 - A2**2)
        dZ1 = dZ2 @ W2.T * (1 - A1**2)
        return {"W1": X.T @ dZ1, "W2": A1.T @ dZ2}

    first = tg.check_backward(forward, backward, INPUTS).first_wrong
    assert first is not None
    assert first.proposal == "m = len(X)"


def test_a_line_that_is_missing_is_proposed() -> None:
    def scores_of(X: Any, y: Any, W: Any) -> Any:
        scores = X @ W
        logprobs = scores - np.log(np.sum(np.exp(scores), axis=1, keepdims=True))
        return -np.sum(logprobs[np.arange(len(y)), y]) / len(y)

    def backward(X: Any, y: Any, W: Any, scores: Any) -> Any:
        N = len(y)
        dscores = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
        dscores[np.arange(N), y] -= 1
        dW = X.T @ dscores
        db = dscores.sum(axis=0)
        return {"W": dW} if db.ndim else {}

    inputs = {"X": INPUTS["X"], "y": np.array([0, 1, 1, 0, 1]), "W": INPUTS["W1"][:, :2]}
    report = tg.check_backward(scores_of, backward, inputs)
    assert report.first_wrong is not None
    assert report.first_wrong.name in ("dscores", "dW")
    assert report.first_wrong.proposal is not None


def test_a_statement_that_leaves_its_variable_as_it_was_is_found() -> None:
    def two_ways(X: Any, W1: Any) -> Any:
        A = X @ W1
        return np.sum(A**2) + np.sum(np.tanh(A))

    def backward(X: Any, A: Any) -> Any:
        dA = 2 * A
        dA = dA
        return {"W1": X.T @ dA}

    first = tg.check_backward(two_ways, backward, {"X": INPUTS["X"], "W1": INPUTS["W1"]}).first_wrong
    assert first is not None
    assert first.name == "dA"


def test_a_python_float_gets_a_gradient_if_one_is_returned_for_it() -> None:
    def line(X: Any, w: Any, b: float) -> Any:
        return np.mean((X @ w + b) ** 2)

    def backward(X: Any, w: Any, b: float) -> Any:
        dz = 2 * (X @ w + b) / len(X)
        dw = X.T @ dz
        db = np.mean(dz)
        return dw, db

    report = tg.check_backward(line, backward, {"X": INPUTS["X"], "w": np.array([1.0, -2.0, 0.5]), "b": 0.4})
    assert report.wrong == ["b"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((forward, forward, {}), "takes X, Y, W1 and W2"),
        ((forward, 3, INPUTS), "type int for the backward function"),
        ((None, forward, INPUTS), "for the forward function"),
    ],
)
def test_what_can_not_be_called_or_is_not_given_is_told_in_a_sentence(arguments: Any, words: str) -> None:
    with pytest.raises(tg.TinygradError, match=words):
        tg.check_backward(*arguments)


def test_differences_of_graphs_and_histories_are_plain_data_too() -> None:
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    found = tg.compare_graphs((x * 2).sum(), (x * 3).sum()).to_dict()
    assert found.keys() == {"new", "gone", "changed"}
    assert found["changed"] or found["new"]
    assert History().to_dict() == {"rows": [], "stopped": ""}
