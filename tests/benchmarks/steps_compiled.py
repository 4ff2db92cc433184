"""The same training loops compiled: the step of steps_tinygrad.py, captured once, then run as NumPy code.

python tests/benchmarks/steps_compiled.py        the ratio to the hand-written step, network by network
"""

import os

if __name__ == "__main__":
    os.environ.update(
        OPENBLAS_NUM_THREADS="1",
        MALLOC_MMAP_THRESHOLD_=str(32 * 2**20),
        MALLOC_TRIM_THRESHOLD_=str(256 * 2**20),
    )

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tinygrad_np as tg
from agreement import assert_same_training, beginning
from networks import NETWORKS, Contestant, Network
from steps_numpy import HAND_WRITTEN
from steps_tinygrad import leaves, update
from stopwatch import batch_of_steps, interleaved, ratio, spread
from tinygrad_np import Tensor

Training = Iterator[tuple[float, tuple[Tensor, ...]]]

TARGETS = {"notebook": 0.65, "moons": 0.55, "circles": 0.55, "classifier": 0.85}


def notebook(W1: Tensor, W2: Tensor, X: Any, y: Any) -> tuple[Any, Any]:
    """4-3-1: differentiate the sum of the squared errors, report their average."""
    Z1 = np.dot(W1.T, X)
    A1 = tg.sigmoid(Z1)
    Z2 = np.dot(W2.T, A1)
    A2 = tg.sigmoid(Z2)
    error = np.square(y - A2) / 2
    return error.sum(), np.average(error.data)


def moons(W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, W3: Tensor, b3: Tensor, X: Any, y: Any) -> tuple[Any, Any]:
    """2-5-3-1: tanh, tanh, sigmoid, under binary cross-entropy."""
    A1 = np.tanh(np.dot(X, W1) + b1)
    A2 = np.tanh(np.dot(A1, W2) + b2)
    A3 = tg.sigmoid(np.dot(A2, W3) + b3)
    loss: Any = -np.mean((y * np.log(A3)) + ((1 - y) * np.log(1 - A3)))
    return loss, loss


def circles(W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, W3: Tensor, b3: Tensor, X: Any, y: Any) -> tuple[Any, Any]:
    """2-10-5-1: relu, relu, sigmoid, under binary cross-entropy."""
    a1 = np.maximum(0, np.dot(X, W1) + b1)
    a2 = np.maximum(0, np.dot(a1, W2) + b2)
    a3 = tg.sigmoid(np.dot(a2, W3) + b3)
    negative_log = np.multiply(-np.log(a3), y) + np.multiply(-np.log(1 - a3), 1 - y)
    loss = 1.0 / len(y) * np.nansum(negative_log)
    return loss, loss


def classifier(
    W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, W3: Tensor, b3: Tensor, X: Any, y: Any
) -> tuple[Any, Any]:
    """784-256-128-10: relu, relu, softmax cross-entropy."""
    A1 = tg.relu(X @ W1 + b1)
    A2 = tg.relu(A1 @ W2 + b2)
    loss = -np.sum(y * tg.log_softmax(A2 @ W3 + b3, axis=1)) / len(y)
    return loss, loss


LOSSES: dict[str, Callable[..., tuple[Any, Any]]] = {
    "notebook": notebook,
    "moons": moons,
    "circles": circles,
    "classifier": classifier,
}


def training(network: Network) -> Training:
    """The compiled step, again and again."""
    parameters = leaves(network)
    losses = LOSSES[network.name]

    @tg.compile
    def step(X: Any, y: Any) -> Any:
        loss, reported = losses(*parameters, X, y)
        loss.backward()
        update(parameters, network.learning_rate)
        return reported

    while True:
        yield float(step(network.X, network.y)), parameters


COMPILED = Contestant("tinygrad_np, compiled", training, lambda tensor: tensor.numpy())


def main() -> None:
    """Prove that the gradients are the hand-written ones, then measure."""
    for name, make in NETWORKS.items():
        network = make()
        assert_same_training(COMPILED.name, beginning(COMPILED, network), beginning(HAND_WRITTEN, network))
        batches = {who: batch_of_steps(who.training(network)) for who in (HAND_WRITTEN, COMPILED)}
        times = interleaved(batches, 30)
        compiled, by_hand = times[COMPILED], times[HAND_WRITTEN]
        lower, upper = spread(compiled, by_hand)
        print(f"{name:12} {ratio(compiled, by_hand):.2f}  ({lower:.2f} … {upper:.2f}), target {TARGETS[name]}")


if __name__ == "__main__":
    main()
