"""The hand-written training loops: what everything else is measured against.

Each loop is an endless generator. It yields, after every training step, the loss and the parameters:

    training = circles(network)
    loss, parameters = next(training)

The loops of the three tutorials do the tutorials' arithmetic operation by operation, and keep alive what
theirs keep alive: where a tutorial calls a function for the forward pass, so does the loop here. Nothing is
made faster.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from networks import Array, Contestant, Network

Training = Iterator[tuple[float, tuple[Array, ...]]]


def sigmoid(z: Array) -> Array:
    """The logistic function, as all three tutorials write it."""
    return 1 / (1 + np.exp(-z))


def notebook(network: Network) -> Training:
    """4-3-1: the gradient is that of the sum of the squared errors, the loss reported is their average."""
    X, y, rate = network.X, network.y, network.learning_rate
    W1, W2 = network.parameters.values()
    while True:
        Z1 = np.dot(W1.T, X)
        A1 = sigmoid(Z1)
        Z2 = np.dot(W2.T, A1)
        A2 = sigmoid(Z2)
        error = np.square(y - A2) / 2

        dA2 = -(y - A2)
        slope2 = np.multiply(A2, (1 - A2))
        dW2 = np.dot(A1, (dA2 * slope2).T)
        slope1 = np.multiply(A1, (1 - A1))
        dW1 = np.dot(X, (slope1 * np.dot(W2, (slope2 * dA2))).T)

        W2 = W2 - rate * dW2
        W1 = W1 - rate * dW1
        yield np.average(error), (W1, W2)


def moons(network: Network) -> Training:
    """2-5-3-1: tanh, tanh, sigmoid, under binary cross-entropy."""
    X, y, rate = network.X, network.y, network.learning_rate
    samples = X.shape[0]

    def forward(W1: Array, b1: Array, W2: Array, b2: Array, W3: Array, b3: Array) -> tuple[Array, ...]:
        Z1 = np.dot(X, W1) + b1
        A1 = np.tanh(Z1)
        Z2 = np.dot(A1, W2) + b2
        A2 = np.tanh(Z2)
        Z3 = np.dot(A2, W3) + b3
        return A1, A2, sigmoid(Z3)

    def cross_entropy(A3: Array) -> Any:
        return -np.mean((y * np.log(A3)) + ((1 - y) * np.log(1 - A3)))

    def backward(W2: Array, W3: Array, A1: Array, A2: Array, A3: Array) -> tuple[Array, ...]:
        dZ3 = A3 - y
        dW3 = np.dot(A2.T, dZ3) / samples
        db3 = np.sum(dZ3, axis=0, keepdims=True) / samples
        dZ2 = np.dot(dZ3, W3.T) * (1 - np.power(A2, 2))
        dW2 = np.dot(A1.T, dZ2) / samples
        db2 = np.sum(dZ2, axis=0, keepdims=True) / samples
        dZ1 = np.dot(dZ2, W2.T) * (1 - np.power(A1, 2))
        dW1 = np.dot(X.T, dZ1) / samples
        db1 = np.sum(dZ1, axis=0, keepdims=True) / samples
        return dW1, db1, dW2, db2, dW3, db3

    W1, b1, W2, b2, W3, b3 = network.parameters.values()
    while True:
        A1, A2, A3 = forward(W1, b1, W2, b2, W3, b3)
        loss = cross_entropy(A3)
        dW1, db1, dW2, db2, dW3, db3 = backward(W2, W3, A1, A2, A3)
        W1 = W1 - rate * dW1
        b1 = b1 - rate * db1
        W2 = W2 - rate * dW2
        b2 = b2 - rate * db2
        W3 = W3 - rate * dW3
        b3 = b3 - rate * db3
        yield loss, (W1, b1, W2, b2, W3, b3)


def circles(network: Network) -> Training:
    """2-10-5-1: relu, relu, sigmoid, under binary cross-entropy; all is kept in a cache and in dictionaries.

    This is the tutorial's class, which computes no accuracy while it trains. (Its first version does, by a
    Python loop over the samples that takes longer than the rest of the step.)
    """
    X, y, rate = network.X, network.y, network.learning_rate
    samples = X.shape[0]
    parameters = dict(network.parameters)

    def relu(z: Array) -> Array:
        return np.maximum(0, z)

    def forward() -> tuple[Array, tuple[Array, ...]]:
        W1, b1 = parameters["W1"], parameters["b1"]
        W2, b2 = parameters["W2"], parameters["b2"]
        W3, b3 = parameters["W3"], parameters["b3"]
        z1 = np.dot(X, W1) + b1
        a1 = relu(z1)
        z2 = np.dot(a1, W2) + b2
        a2 = relu(z2)
        z3 = np.dot(a2, W3) + b3
        a3 = sigmoid(z3)
        return a3, (z1, a1, W1, b1, z2, a2, W2, b2, z3, a3, W3, b3)

    def cross_entropy(a3: Array) -> Any:
        negative_log = np.multiply(-np.log(a3), y) + np.multiply(-np.log(1 - a3), 1 - y)
        return 1.0 / samples * np.nansum(negative_log)

    def backward(cache: tuple[Array, ...]) -> dict[str, Array]:
        _, a1, _, _, _, a2, W2, _, _, a3, W3, _ = cache
        dz3 = 1.0 / samples * (a3 - y)
        dW3 = np.dot(a2.T, dz3)
        db3 = np.sum(dz3, axis=0, keepdims=True)
        da2 = np.dot(dz3, W3.T)
        dz2 = np.multiply(da2, np.int64(a2 > 0))
        dW2 = np.dot(a1.T, dz2)
        db2 = np.sum(dz2, axis=0, keepdims=True)
        da1 = np.dot(dz2, W2.T)
        dz1 = np.multiply(da1, np.int64(a1 > 0))
        dW1 = np.dot(X.T, dz1)
        db1 = np.sum(dz1, axis=0, keepdims=True)
        return {
            "dz3": dz3,
            "dW3": dW3,
            "db3": db3,
            "da2": da2,
            "dz2": dz2,
            "dW2": dW2,
            "db2": db2,
            "da1": da1,
            "dz1": dz1,
            "dW1": dW1,
            "db1": db1,
        }

    while True:
        a3, cache = forward()
        loss = cross_entropy(a3)
        gradients = backward(cache)
        for layer in range(1, 4):
            for kind in "Wb":
                name = f"{kind}{layer}"
                parameters[name] = parameters[name] - rate * gradients[f"d{name}"]
        yield loss, tuple(parameters.values())


def classifier(network: Network) -> Training:
    """784-256-128-10: relu, relu, softmax cross-entropy; the usual textbook step, updating in place."""
    X, y, rate = network.X, network.y, network.learning_rate
    samples = X.shape[0]
    W1, b1, W2, b2, W3, b3 = (value.copy() for value in network.parameters.values())
    while True:
        Z1 = X @ W1 + b1
        A1 = np.maximum(0, Z1)
        Z2 = A1 @ W2 + b2
        A2 = np.maximum(0, Z2)
        Z3 = A2 @ W3 + b3
        exponentials = np.exp(Z3 - Z3.max(axis=1, keepdims=True))
        P = exponentials / exponentials.sum(axis=1, keepdims=True)
        loss = -np.sum(y * np.log(P)) / samples

        dZ3 = (P - y) / samples
        dW3 = A2.T @ dZ3
        db3 = dZ3.sum(axis=0, keepdims=True)
        dZ2 = (dZ3 @ W3.T) * (Z2 > 0)
        dW2 = A1.T @ dZ2
        db2 = dZ2.sum(axis=0, keepdims=True)
        dZ1 = (dZ2 @ W2.T) * (Z1 > 0)
        dW1 = X.T @ dZ1
        db1 = dZ1.sum(axis=0, keepdims=True)

        W1 -= rate * dW1
        b1 -= rate * db1
        W2 -= rate * dW2
        b2 -= rate * db2
        W3 -= rate * dW3
        b3 -= rate * db3
        yield loss, (W1, b1, W2, b2, W3, b3)


def char_rnn(network: Network) -> Training:
    """Letter by letter forward, keeping every step's arrays; from the last letter back, summing up the gradients."""
    X, y, start, rate = *network.data, network.learning_rate
    steps, targets = X.shape[1], y.argmax(axis=0)
    Wxh, Whh, Why, bh, by = (value.copy() for value in network.parameters.values())
    while True:
        xs, hs, ps = {}, {-1: start}, {}
        loss = 0.0
        for t in range(steps):
            xs[t] = X[:, t : t + 1]
            hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
            scores = np.dot(Why, hs[t]) + by
            ps[t] = np.exp(scores) / np.sum(np.exp(scores))
            loss += -np.log(ps[t][targets[t], 0])

        dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
        dbh, dby = np.zeros_like(bh), np.zeros_like(by)
        dhnext = np.zeros_like(start)
        for t in reversed(range(steps)):
            dy = np.copy(ps[t])
            dy[targets[t]] -= 1
            dWhy += np.dot(dy, hs[t].T)
            dby += dy
            dh = np.dot(Why.T, dy) + dhnext
            dz = (1 - hs[t] * hs[t]) * dh
            dbh += dz
            dWxh += np.dot(dz, xs[t].T)
            dWhh += np.dot(dz, hs[t - 1].T)
            dhnext = np.dot(Whh.T, dz)

        Wxh -= rate * dWxh
        Whh -= rate * dWhh
        Why -= rate * dWhy
        bh -= rate * dbh
        by -= rate * dby
        yield loss, (Wxh, Whh, Why, bh, by)


LOOPS = {
    "notebook": notebook,
    "moons": moons,
    "circles": circles,
    "classifier": classifier,
    "char-RNN": char_rnn,
}
HAND_WRITTEN = Contestant("hand-written NumPy", lambda network: LOOPS[network.name](network), np.asarray)
