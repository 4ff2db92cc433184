"""The same training loops with tinygrad_np: forward passes as in the tutorials, no backward passes.

(Results are annotated Any: NumPy's type stubs promise arrays where Tensors go in and Tensors come out.)
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

import tinygrad_np as tg
from networks import Contestant, Network
from tinygrad_np import Tensor

Training = Iterator[tuple[float, tuple[Tensor, ...]]]


def leaves(network: Network) -> tuple[Tensor, ...]:
    """The network's first parameters as tensors that want a gradient."""
    return tuple(Tensor(value, requires_grad=True, name=name) for name, value in network.parameters.items())


def update(parameters: tuple[Tensor, ...], rate: float) -> None:
    """One step of gradient descent, as a user writes it."""
    for parameter in parameters:
        parameter.data -= rate * parameter.grad
        parameter.zero_grad()


def notebook(network: Network) -> Training:
    """4-3-1: differentiate the sum of the squared errors, report their average."""
    X, y, rate = network.X, network.y, network.learning_rate
    parameters = W1, W2 = leaves(network)
    while True:
        Z1 = np.dot(W1.T, X)
        A1 = tg.sigmoid(Z1)
        Z2 = np.dot(W2.T, A1)
        A2 = tg.sigmoid(Z2)
        error = np.square(y - A2) / 2

        error.sum().backward()
        update(parameters, rate)
        yield np.average(error.data), parameters


def moons(network: Network) -> Training:
    """2-5-3-1: tanh, tanh, sigmoid, under binary cross-entropy."""
    X, y, rate = network.X, network.y, network.learning_rate

    def forward(W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, W3: Tensor, b3: Tensor) -> Any:
        Z1 = np.dot(X, W1) + b1
        A1 = np.tanh(Z1)
        Z2 = np.dot(A1, W2) + b2
        A2 = np.tanh(Z2)
        Z3 = np.dot(A2, W3) + b3
        return tg.sigmoid(Z3)

    def cross_entropy(A3: Tensor) -> Any:
        return -np.mean((y * np.log(A3)) + ((1 - y) * np.log(1 - A3)))

    parameters = leaves(network)
    while True:
        A3 = forward(*parameters)
        loss = cross_entropy(A3)
        loss.backward()
        update(parameters, rate)
        yield loss.item(), parameters


def circles(network: Network) -> Training:
    """2-10-5-1: relu, relu, sigmoid, under binary cross-entropy."""
    X, y, rate = network.X, network.y, network.learning_rate
    samples = X.shape[0]

    def relu(z: Tensor) -> Any:
        return np.maximum(0, z)

    def forward(W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, W3: Tensor, b3: Tensor) -> Any:
        z1 = np.dot(X, W1) + b1
        a1 = relu(z1)
        z2 = np.dot(a1, W2) + b2
        a2 = relu(z2)
        z3 = np.dot(a2, W3) + b3
        return tg.sigmoid(z3)

    def cross_entropy(a3: Tensor) -> Any:
        negative_log = np.multiply(-np.log(a3), y) + np.multiply(-np.log(1 - a3), 1 - y)
        return 1.0 / samples * np.nansum(negative_log)

    parameters = leaves(network)
    while True:
        a3 = forward(*parameters)
        loss = cross_entropy(a3)
        loss.backward()
        update(parameters, rate)
        yield loss.item(), parameters


def classifier(network: Network) -> Training:
    """784-256-128-10: relu, relu, softmax cross-entropy."""
    X, y, rate = network.X, network.y, network.learning_rate
    samples = X.shape[0]

    def forward(W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, W3: Tensor, b3: Tensor) -> Any:
        A1 = tg.relu(X @ W1 + b1)
        A2 = tg.relu(A1 @ W2 + b2)
        return A2 @ W3 + b3

    parameters = leaves(network)
    while True:
        logits = forward(*parameters)
        loss = -np.sum(y * tg.log_softmax(logits, axis=1)) / samples
        loss.backward()
        update(parameters, rate)
        yield loss.item(), parameters


def letters_loss(Wxh: Tensor, Whh: Tensor, Why: Tensor, bh: Tensor, by: Tensor, X: Any, y: Any, start: Any) -> Any:
    """65-100-65 recurrent tanh network: the cross-entropy of each next letter, summed over the steps."""
    h, loss = start, 0.0
    for t in range(X.shape[1]):
        h = np.tanh(np.dot(Wxh, X[:, t : t + 1]) + np.dot(Whh, h) + bh)
        scores = np.dot(Why, h) + by
        loss = loss - np.sum(y[:, t : t + 1] * tg.log_softmax(scores, axis=0))
    return loss


def char_rnn(network: Network) -> Training:
    """The recurrent network, letter by letter; backward() goes through all of them."""
    parameters = leaves(network)
    while True:
        loss = letters_loss(*parameters, *network.data)
        loss.backward()
        update(parameters, network.learning_rate)
        yield loss.item(), parameters


LOOPS = {
    "notebook": notebook,
    "moons": moons,
    "circles": circles,
    "classifier": classifier,
    "char-RNN": char_rnn,
}
TINYGRAD = Contestant("tinygrad_np", lambda network: LOOPS[network.name](network), lambda tensor: tensor.data)
