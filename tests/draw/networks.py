"""Graphs to draw: the networks of the three documents, small enough to be built in a test."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

import tinygrad_np as tg
from tinygrad_np import Tensor


def parameters(*layers: int) -> list[Tensor]:
    """W1, b1, W2, b2, ... of layers of so many nodes."""
    random = np.random.default_rng(0)
    made = []
    for number, (inputs, outputs) in enumerate(pairwise(layers), start=1):
        made.append(Tensor(random.normal(size=(inputs, outputs)), requires_grad=True, name=f"W{number}"))
        made.append(Tensor(np.zeros((1, outputs)), requires_grad=True, name=f"b{number}"))
    return made


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def dense(X: Any, layers: tuple[int, ...], activations: list[Callable[[Any], Any]]) -> Any:
    """The activation of the last layer; interior values are called Z1, A1, ..."""
    A = X
    made = parameters(*layers)
    for number, activation in enumerate(activations, start=1):
        Z = (np.dot(A, made[2 * number - 2]) + made[2 * number - 1]).named(f"Z{number}")
        A = activation(Z).named(f"A{number}")
    return A


def moons() -> Any:
    """2-5-3-1 nodes, tanh, binary cross-entropy."""
    X = np.linspace(-1, 1, 16).reshape(8, 2)
    Y = (X[:, :1] > 0).astype(float)
    A3 = dense(X, (2, 5, 3, 1), [np.tanh, np.tanh, sigmoid])
    return (-np.mean(Y * np.log(A3) + (1 - Y) * np.log(1 - A3))).named("loss")


def circles() -> Any:
    """2-10-5-1 nodes, relu, the cross-entropy summed and divided."""
    X = np.linspace(-1, 1, 16).reshape(8, 2)
    Y = (X[:, :1] > 0).astype(int)
    A3 = dense(X, (2, 10, 5, 1), [lambda z: np.maximum(0, z)] * 2 + [sigmoid])
    terms = np.multiply(-np.log(A3), Y) + np.multiply(-np.log(1 - A3), 1 - Y)
    return (1 / 8 * np.nansum(terms)).named("cost")


def notebook() -> Any:
    """4-3-1 nodes, sigmoid, a sample in each column, no biases; the summed error has no name."""
    X, y = np.eye(4, 3), np.array([[1, 1, 0]])
    W_ih = Tensor(np.linspace(0, 1, 12).reshape(4, 3), requires_grad=True, name="W_ih")
    W_ho = Tensor(np.linspace(0, 1, 3).reshape(3, 1), requires_grad=True, name="W_ho")
    hidden = sigmoid(np.dot(W_ih.T, X).named("Z1")).named("A1")
    output = sigmoid(np.dot(W_ho.T, hidden).named("Z2")).named("A2")
    return np.sum(np.square(y - output) / 2)


def chain(length: int) -> Tensor:
    x = Tensor(0.5, requires_grad=True, name="x")
    for _ in range(length):
        x = x.tanh()
    return x


def diamonds(length: int) -> Tensor:
    """From x to the result lead 2**length paths."""
    x = Tensor(1.0, requires_grad=True, name="x")
    for _ in range(length):
        x = x + x
    return x


def recurrent(steps: int = 10) -> Any:
    """An LSTM of so many steps, of 4 units, on batches of 2."""
    random = np.random.default_rng(0)
    W = Tensor(random.normal(size=(3, 16)), requires_grad=True, name="W")
    U = Tensor(random.normal(size=(4, 16)), requires_grad=True, name="U")
    b = Tensor(np.zeros((1, 16)), requires_grad=True, name="b")
    h: Any = np.zeros((2, 4))
    c: Any = np.zeros((2, 4))
    for x in random.normal(size=(steps, 2, 3)):
        z = x @ W + h @ U + b
        i, f, o = tg.sigmoid(z[:, :4]), tg.sigmoid(z[:, 4:8]), tg.sigmoid(z[:, 8:12])
        c = f * c + i * np.tanh(z[:, 12:])
        h = o * np.tanh(c)
    return np.mean(h**2).named("loss")


def convolutional() -> Any:
    """A convolution, relu, pooling and a dense layer."""
    random = np.random.default_rng(0)
    K = Tensor(random.normal(size=(4, 1, 3, 3)), requires_grad=True, name="K")
    W = Tensor(random.normal(size=(36, 3)), requires_grad=True, name="W")
    A = tg.relu(tg.conv2d(random.normal(size=(2, 1, 8, 8)), K).named("Z")).named("A")
    P = tg.max_pool2d(A, 2).named("P")
    scores = (P.reshape(2, -1) @ W).named("scores")
    return (-np.mean(tg.log_softmax(scores, axis=1)[np.arange(2), [0, 1]])).named("loss")
