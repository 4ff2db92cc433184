"""Slips in backward passes as published code writes them: the line that is named."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_np as tg

random = np.random.default_rng(0)


def scores(W: Any, b: Any, X: Any, y: Any) -> Any:
    z = X @ W + b
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    return -np.log(p[np.arange(len(y)), y]).mean()


def divided_by_the_wrong_length(W: Any, b: Any, X: Any, y: Any) -> Any:
    z = X @ W + b
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    p[np.arange(len(y)), y] -= 1
    dW = X.T @ p
    db = p.sum(0)
    return dW / len(y), db / W.shape[0]


def test_a_slip_in_the_return_statement_is_named_there() -> None:
    inputs = {"W": random.normal(size=(4, 3)), "b": np.zeros(3), "X": random.normal(size=(6, 4)), "y": np.arange(6) % 3}
    first = tg.check_backward(scores, divided_by_the_wrong_length, inputs).first_wrong
    assert first is not None
    assert first.source == "return dW / len(y), db / W.shape[0]"
    assert first.proposal == "return dW / len(y), db / X.shape[0]"


def squares(weights: Any, x: Any) -> Any:
    a = x
    for w in weights:
        a = np.tanh(np.dot(w, a))
    return np.sum(a**2)


def activations_in_a_list(weights: Any, x: Any) -> Any:
    activations = [x]
    for w in weights:
        a = np.tanh(np.dot(w, activations[-1]))
        activations.append(a)
    nabla_w = [np.zeros(w.shape) for w in weights]
    delta = 2 * activations[-1] * (1 - activations[-1] ** 2)
    nabla_w[-1] = np.dot(delta, activations[-3].T)
    delta = np.dot(weights[-1].T, delta) * (1 - activations[-2] ** 2)
    nabla_w[-2] = np.dot(delta, activations[-3].T)
    return (nabla_w,)


def test_a_list_is_not_changed_by_looking_at_it() -> None:
    inputs = {"weights": [random.normal(size=(3, 3)), random.normal(size=(2, 3))], "x": random.normal(size=(3, 1))}
    first = tg.check_backward(squares, activations_in_a_list, inputs).first_wrong
    assert first is not None
    assert first.proposal == "nabla_w[-1] = np.dot(delta, activations[-2].T)"
