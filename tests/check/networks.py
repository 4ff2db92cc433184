"""A network of 2-5-3-1 nodes with its backward pass written by hand, for planting mistakes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tinygrad_np import Tensor

SAMPLES = 40
SHAPES = {"W1": (2, 5), "b1": (1, 5), "W2": (5, 3), "b2": (1, 3), "W3": (3, 1), "b3": (1, 1)}


class Network(NamedTuple):
    """The tensors of one forward pass."""

    parameters: dict[str, Tensor]
    X: Any
    Y: Any
    A1: Tensor
    A2: Tensor
    A3: Tensor
    loss: Tensor


def forward(dtype: Any = np.float64, weights: float = 1.0) -> Network:
    """Two layers of tanh, one of sigmoid, and the mean cross-entropy; every tensor has its usual name."""
    random = np.random.default_rng(3)
    X = random.normal(size=(SAMPLES, 2)).astype(dtype)
    Y = (random.random((SAMPLES, 1)) < 0.5).astype(dtype)
    parameters = {
        name: Tensor(weights * random.normal(size=shape), dtype=dtype, requires_grad=True, name=name)
        for name, shape in SHAPES.items()
    }
    W1, b1, W2, b2, W3, b3 = parameters.values()
    Z1 = (np.dot(X, W1) + b1).named("Z1")
    A1 = np.tanh(Z1).named("A1")
    Z2 = (np.dot(A1, W2) + b2).named("Z2")
    A2 = np.tanh(Z2).named("A2")
    Z3 = (np.dot(A2, W3) + b3).named("Z3")
    A3 = (1 / (1 + np.exp(-Z3))).named("A3")
    loss = (-np.mean(Y * np.log(A3) + (1 - Y) * np.log(1 - A3))).named("loss")
    return Network(parameters, X, Y, A1, A2, A3, loss)


def by_hand(network: Network, mistake: str = "") -> dict[str, Any]:
    """The gradients as one writes them, with a mistake planted, which spreads as it does when one writes them."""
    W2, W3 = network.parameters["W2"].numpy(), network.parameters["W3"].numpy()
    X, A1, A2, A3 = network.X, network.A1.numpy(), network.A2.numpy(), network.A3.numpy()
    dZ3 = (A3 - network.Y) / len(X)
    if mistake == "no division by the samples":
        dZ3 = dZ3 * len(X)
    dW3, db3 = A2.T @ dZ3, dZ3.sum(0, keepdims=True)
    dA2 = dZ3 @ W3.T
    slope = {
        "no derivative of tanh": np.ones_like(A2),
        "derivative of sigmoid": A2 * (1 - A2),
        "no square": 1 - A2,
        "wrong sign": A2**2 - 1,
    }.get(mistake, 1 - A2**2)
    dZ2 = dA2 * slope
    dW2, db2 = A1.T @ dZ2, dZ2.sum(0, keepdims=True)
    dA1 = dZ2 @ W2.T
    dZ1 = dA1 * (1 - A1**2)
    dW1, db1 = X.T @ dZ1, dZ1.sum(0, keepdims=True)
    gradients = {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2, "W3": dW3, "b3": db3}
    return gradients | {"Z1": dZ1, "A1": dA1, "Z2": dZ2, "A2": dA2, "Z3": dZ3}
