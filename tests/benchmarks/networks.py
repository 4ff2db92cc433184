"""The networks that the benchmarks train: their data, their first parameters, what a step should cost.

    network = NETWORKS["moons"]()
    network.X, network.y, network.parameters["W1"], network.learning_rate
    loss, parameters = next(contestant.training(network))

The first three are those of the tutorials, in their sizes and their dtypes (labels are integers, and so is
the notebook's input); the fourth is a classifier large enough for matrix products to outweigh everything
else; the fifth is a recurrent network, many small products one after another.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Network:
    """What a training loop starts from, and what a step should cost, as ratios to hand-written NumPy."""

    name: str
    title: str
    X: Array
    y: Array
    parameters: dict[str, Array]
    learning_rate: float
    compiled_target: float
    eager_target: float | None = None
    start: Array | None = None  # the state of a recurrent network before its first step

    @property
    def data(self) -> tuple[Array, ...]:
        """What a training step is given besides the parameters."""
        return (self.X, self.y) if self.start is None else (self.X, self.y, self.start)


@dataclass(frozen=True)
class Contestant:
    """One way to train: `training(network)` yields, without end, loss and parameters after each step."""

    name: str
    training: Callable[[Network], Iterator[tuple[float, tuple[Any, ...]]]]
    to_numpy: Callable[[Any], Array]
    on_numpy: bool = True  # then tracemalloc sees its arrays


def notebook() -> Network:
    """4-3-1 sigmoid network without biases, three samples in columns, from the seed of the tutorial."""
    random = np.random.RandomState(42)
    X = np.array([[1, 0, 0, 0], [1, 0, 1, 1], [0, 1, 0, 1]]).T
    parameters = {"W1": random.uniform(size=(4, 3)), "W2": random.uniform(size=(3, 1))}
    return Network("notebook", "notebook 4-3-1, 3 samples", X, np.array([[1, 1, 0]]), parameters, 0.1, 0.65, 2.4)


def moons() -> Network:
    """2-5-3-1 tanh network with a sigmoid output, 800 samples of two interleaved half circles."""
    random = np.random.RandomState(25)
    angle = np.linspace(0, np.pi, 400)
    upper = np.column_stack([np.cos(angle), np.sin(angle)])
    lower = np.column_stack([1 - np.cos(angle), 0.5 - np.sin(angle)])
    X = np.concatenate([upper, lower]) + 0.1 * random.normal(size=(800, 2))
    parameters = dense_parameters(random.rand, 2, 5, 3, 1)
    return Network("moons", "moons 2-5-3-1, 800 samples", X, two_classes(400), parameters, 0.1, 0.55, 1.35)


def circles() -> Network:
    """2-10-5-1 relu network with a sigmoid output, 1000 samples of two circles, one inside the other."""
    random = np.random.RandomState(4)
    angle = np.linspace(0, 2 * np.pi, 500, endpoint=False)
    outer = np.column_stack([np.cos(angle), np.sin(angle)])
    X = np.concatenate([outer, 0.8 * outer]) + 0.05 * random.normal(size=(1000, 2))
    parameters = dense_parameters(random.randn, 2, 10, 5, 1)
    return Network("circles", "circles 2-10-5-1, 1000 samples", X, two_classes(500), parameters, 0.01, 0.55, 1.3)


def classifier(dtype: DTypeLike = np.float64) -> Network:
    """784-256-128-10 relu network under softmax cross-entropy, a batch of 128 samples with one-hot labels."""
    random = np.random.RandomState(7)

    def scaled_normal(rows: int, columns: int) -> Array:
        return random.normal(scale=np.sqrt(2 / rows), size=(rows, columns)).astype(dtype)

    X = random.uniform(size=(128, 784)).astype(dtype)
    y = np.eye(10, dtype=dtype)[random.randint(10, size=128)]
    parameters = dense_parameters(scaled_normal, 784, 256, 128, 10)
    title = f"classifier 784-256-128-10, batch 128, {np.dtype(dtype).name}"
    compiled_target = 0.9 if X.dtype == np.float32 else 0.85
    return Network("classifier", title, X, y, parameters, 0.1, compiled_target, 1.05)


def char_rnn() -> Network:
    """65-100-65 recurrent tanh network that guesses the next letter, 25 times; one-hot letters in columns."""
    random = np.random.RandomState(11)
    letters, hidden, steps = 65, 100, 25
    text = random.randint(letters, size=steps + 1)
    one_hot = np.eye(letters)[:, text]
    parameters = {
        "Wxh": 0.01 * random.normal(size=(hidden, letters)),
        "Whh": 0.01 * random.normal(size=(hidden, hidden)),
        "Why": 0.01 * random.normal(size=(letters, hidden)),
        "bh": np.zeros((hidden, 1)),
        "by": np.zeros((letters, 1)),
    }
    X, y = one_hot[:, :-1].copy(), one_hot[:, 1:].copy()
    title = f"char-RNN, {steps} steps, hidden {hidden}, {letters} letters"
    return Network("char-RNN", title, X, y, parameters, 0.01, 0.45, start=np.zeros((hidden, 1)))


def dense_parameters(draw: Callable[[int, int], Array], *sizes: int) -> dict[str, Array]:
    """W1, b1, W2, b2 … of a dense network: weights that `draw` makes, biases of zeros, each in a row."""
    parameters = {}
    for layer, (rows, columns) in enumerate(pairwise(sizes), start=1):
        parameters[f"W{layer}"] = weight = draw(rows, columns)
        parameters[f"b{layer}"] = np.zeros((1, columns), weight.dtype)
    return parameters


def two_classes(samples_each: int) -> Array:
    """A column of integer labels: first the zeros, then the ones."""
    return np.repeat([[0], [1]], samples_each, axis=0)


NETWORKS: dict[str, Callable[..., Network]] = {
    "notebook": notebook,
    "moons": moons,
    "circles": circles,
    "classifier": classifier,
    "char-RNN": char_rnn,
}
