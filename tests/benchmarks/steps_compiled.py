"""The same training loops compiled: the step of steps_tinygrad.py, captured once, then run as NumPy code.

    loss, parameters = next(COMPILED.training(network))
    leave_out(["dead_code"])        from now on programs are compiled without this pass

What is measured of them, measure_compiled.py tells.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

import tinygrad_np as tg
from networks import Contestant, Network
from steps_tinygrad import leaves, letters_loss, update
from tinygrad_np import Tensor
from tinygrad_np.program import passes

Training = Iterator[tuple[Any, tuple[Tensor, ...]]]


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


def char_rnn(*parameters_and_data: Any) -> tuple[Any, Any]:
    """The recurrent network, letter by letter."""
    loss = letters_loss(*parameters_and_data)
    return loss, loss


LOSSES: dict[str, Callable[..., tuple[Any, Any]]] = {
    "notebook": notebook,
    "moons": moons,
    "circles": circles,
    "classifier": classifier,
    "char-RNN": char_rnn,
}


def training(network: Network) -> Training:
    """The compiled step, again and again."""
    parameters = leaves(network)
    data, losses, rate = network.data, LOSSES[network.name], network.learning_rate

    @partial(tg.compile, verify=False)
    def step(*given: Any) -> Any:
        loss, reported = losses(*parameters, *given)
        loss.backward()
        update(parameters, rate)
        return reported

    while True:
        yield step(*data), parameters


COMPILED = Contestant("tinygrad_np, compiled", training, lambda tensor: tensor.numpy())


def sequences_of_passes() -> dict[str, tuple[Callable[..., Any], ...]]:
    """The tuples of passes that a program goes through, by the names that the package has for them."""
    return {
        name: value
        for name, value in vars(passes).items()
        if isinstance(value, tuple) and value and all(map(callable, value))
    }


def names_of_passes() -> list[str]:
    """Every pass, in the order of its first turn."""
    return list(dict.fromkeys(one.__name__ for sequence in sequences_of_passes().values() for one in sequence))


def leave_out(names: Sequence[str]) -> None:
    """Let this process compile without the passes of these names."""
    unknown = set(names) - set(names_of_passes())
    if unknown:
        raise ValueError(f"no passes are called {', '.join(sorted(unknown))}; there are {', '.join(names_of_passes())}")
    for sequence, members in sequences_of_passes().items():
        setattr(passes, sequence, tuple(one for one in members if one.__name__ not in names))
