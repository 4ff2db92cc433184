"""Two circles, told apart by a network of 2-10-5-1 nodes with relu: the post on a neural network with NumPy.

The document is "Implementing Neural Network Algorithm with NumPy". Everything in it is seeded, and it prints 25 costs
and accuracies and all parameters after 25,000 iterations: all of them come out again, with gradients from
`cost.backward()` in the place of those written by hand. They come out once more when `tg.compile` makes a NumPy program
of the step. The document ends with the same network as a class, which is `CirclesNetwork` here; it starts from other
weights, and nothing of its run is printed.

    python examples/circles_network.py --out pictures
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.datasets import make_circles

import tinygrad_np as tg
from figures import GradientErrors, Row, check, compare_exactly, compare_figures, compare_runs, printed
from plots import save_boundary, save_data, save_graph, save_losses
from reproduction import Section, Track, main, silently
from tinygrad_np import Tensor

Array = npt.NDArray[Any]

LAYERS = (2, 10, 5, 1)
ITERATIONS = 25_000
LEARNING_RATE = 0.01
PRINTED_EVERY = 1000
COMPARED_AT = (0, 1, 1000, 12_000, ITERATIONS - 1)
NAMES = ("W1", "b1", "W2", "b2", "W3", "b3")
GRADIENTS = {"gradients": NAMES, "interior gradients": ("z1", "a1", "z2", "a2", "z3")}

PRINTED_COSTS = printed(
    """1.7162788190920542  0.6935455829889666  0.6905406067392547  0.6891434906598779  0.6872602776622828
       0.6843228956957375  0.6785453392737052  0.6681373938207664  0.6520194184819957  0.6269290706018096
       0.5837699313056273  0.5227492398023532  0.4453596672561303  0.3471519362950478  0.2524945791460992
       0.1756322160294124  0.133940394970139   0.1108204618355506  0.09593921456847519 0.08573565591788658
       0.07799445785668417 0.07210646851378232 0.06745702537404373 0.06398162234062926 0.0612092147947077"""
)
PRINTED_ACCURACIES = [
    0.5,
    0.499,
    0.514,
    0.507,
    0.508,
    0.529,
    0.54,
    0.564,
    0.637,
    0.697,
    0.789,
    0.869,
    0.899,
    0.922,
    0.943,
    0.973,
    0.98,
    0.981,
    0.982,
    0.983,
    0.983,
    0.983,
    0.983,
    0.983,
    0.982,
]
PRINTED_PARAMETERS = {
    "W1": printed(
        """ 0.0064171  2.61669562 -1.66190016  0.34552322 -1.11333013
           -1.25830041 -0.13408849 0.89424884  0.09592997 -2.26282354
            0.25209662 -0.65508892 0.24824303  0.1306075  -2.78852762
           -0.12950708 -0.50368833 2.64772949  0.39656779  1.22252441""",
        (2, 10),
        decimals=8,
    ),
    "b1": printed(
        """-0.2785923  -0.81178253 -1.15994787 -0.39776044 -0.55797976
           -0.47783316  1.73482684 -1.26068583 -0.43198688 -0.83382491""",
        (1, 10),
        decimals=8,
    ),
    "W2": printed(
        """-1.04120183e+00  5.42512413e-02  6.88349887e-02 -1.16117080e+00  2.17144910e+00
           -3.24139538e-02  2.45801540e+00 -1.14964342e+00  2.67441829e+00 -1.39485637e+00
           -1.00631627e+00  1.50827362e+00 -1.84506166e-01 -2.25234761e+00 -1.45089243e+00
            7.52615551e-01  2.07900624e+00  8.71345704e-01 -2.62472411e-01  7.70634904e-01
           -1.32361652e+00  2.31239512e+00 -1.35535527e+00  1.49792720e+00 -1.86551611e-01
            5.79439030e-01  6.86770357e-01  1.02321740e+00  7.76529321e-02  5.01693215e-01
            1.87518287e+00 -1.50948850e+00 -2.62315366e-03 -4.37655044e-01 -1.06000325e+00
           -9.12387807e-01 -7.73269029e-01  2.10301922e-01  2.82559978e+00  2.31303566e-02
            2.42542866e+00  3.49544764e-01  1.60230939e-03 -7.28887107e-01  2.60885947e-01
           -1.46685027e+00  2.57642622e+00 -7.77905750e-01  1.04922797e+00  1.56306995e+00""",
        (10, 5),
    ),
    "b2": printed("0.91278506 -0.13870041 -0.32782946 -1.29677689 -0.50110747", (1, 5), decimals=8),
    "W3": printed("2.72290666 -3.61309509 1.25095767 -4.09263512 0.22542896", (5, 1), decimals=8),
    "b3": printed("1.40917078", (1, 1), decimals=8),
}


def load_data() -> tuple[Array, Array, Array, Array]:
    """Draw two noisy circles, the outer of class 0: 1000 points to train on, 100 to test; X, y, X_test, y_test."""
    X, y = make_circles(n_samples=1000, noise=0.05, random_state=4)
    X_test, y_test = make_circles(n_samples=100, noise=0.05, random_state=2)
    return X, y.reshape(-1, 1), X_test, y_test.reshape(-1, 1)


def initial_parameters(seed: int, layers: Sequence[int] = LAYERS) -> list[Tensor]:
    """W1, b1, W2, b2, …: weights from the standard normal distribution, layer by layer, and biases of zero."""
    random = np.random.RandomState(seed)
    parameters = []
    for number, (nodes_in, nodes_out) in enumerate(pairwise(layers), start=1):
        parameters.append(Tensor(random.randn(nodes_in, nodes_out), requires_grad=True, name=f"W{number}"))
        parameters.append(Tensor(np.zeros((1, nodes_out)), requires_grad=True, name=f"b{number}"))
    return parameters


def relu(z: Tensor) -> Tensor:
    """Keep what is positive: max(0, z)."""
    return np.maximum(0, z)


def sigmoid(z: Tensor) -> Tensor:
    """Squash to between 0 and 1: 1 / (1 + e^-z)."""
    return 1 / (1 + np.exp(-z))


def forward(X: Array | Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, W3: Tensor, b3: Tensor) -> list[Tensor]:
    """Return the activations a1, a2 and a3; a3, of shape (m, 1), is the probability of class 1."""
    z1 = (np.dot(X, W1) + b1).named("z1")
    a1 = relu(z1).named("a1")
    z2 = (np.dot(a1, W2) + b2).named("z2")
    a2 = relu(z2).named("a2")
    z3 = (np.dot(a2, W3) + b3).named("z3")
    a3 = sigmoid(z3).named("a3")
    return [a1, a2, a3]


def cross_entropy(y: Array | Tensor, yhat: Tensor) -> Tensor:
    """The mean binary cross-entropy, as the document sums it: a term 0 · log 0 counts nothing."""
    terms = np.multiply(-np.log(yhat), y) + np.multiply(-np.log(1 - yhat), 1 - y)
    return (1.0 / len(y) * np.nansum(terms)).named("cost")


def hand_written_gradients(
    X: Array, y: Array, W2: Array, W3: Array, a1: Array, a2: Array, a3: Array
) -> dict[str, Array]:
    """The document's backward pass: the gradient of the cost with respect to each named quantity."""
    dz3 = (a3 - y) / len(X)
    dW3 = a2.T @ dz3
    db3 = dz3.sum(axis=0, keepdims=True)
    da2 = dz3 @ W3.T
    dz2 = da2 * (a2 > 0)
    dW2 = a1.T @ dz2
    db2 = dz2.sum(axis=0, keepdims=True)
    da1 = dz2 @ W2.T
    dz1 = da1 * (a1 > 0)
    dW1 = X.T @ dz1
    db1 = dz1.sum(axis=0, keepdims=True)
    interior = {"z3": dz3, "a2": da2, "z2": dz2, "a1": da1, "z1": dz1}
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2, "W3": dW3, "b3": db3, **interior}


def compared(X: Array, y: Array, parameters: Sequence[Tensor]) -> tuple[Any, dict[str, Array]]:
    """Compare the gradients at these parameters with the hand-written ones: the report, and those."""
    a1, a2, a3 = forward(X, *parameters)
    by_hand = hand_written_gradients(X, y, parameters[2].data, parameters[4].data, a1.data, a2.data, a3.data)
    return tg.compare_gradients(cross_entropy(y, a3), by_hand), by_hand


@dataclass
class Training:
    """What a training leaves behind: every cost, each thousandth accuracy, and how the gradients compared."""

    costs: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    gradients: GradientErrors = field(default_factory=GradientErrors)

    @property
    def printed_costs(self) -> list[float]:
        """Each thousandth cost: those that the document prints."""
        return self.costs[::PRINTED_EVERY]


def train(
    parameters: Sequence[Tensor],
    X: Array,
    y: Array,
    iterations: int = ITERATIONS,
    *,
    learning_rate: float = LEARNING_RATE,
    compiled: bool = False,
    track: Track = silently,
    description: str = "circles 2-10-5-1",
) -> Training:
    """Descend along the gradients that `backward` finds; compare them with the hand-written ones now and then.

    If `compiled`, the step runs as the NumPy program that `tg.compile` makes of it, which has no graph to compare.
    """

    def step(X: Array, y: Array) -> tuple[Tensor, Tensor]:
        a3 = forward(X, *parameters)[-1]
        cost = cross_entropy(y, a3)
        cost.backward()
        for parameter in parameters:
            parameter.data -= learning_rate * parameter.grad
            parameter.zero_grad()
        return cost, a3

    run, shown = (tg.compile(step), f"{description}, compiled") if compiled else (step, description)
    training = Training()
    for iteration in track(range(iterations), description=shown):
        if iteration in COMPARED_AT and not compiled:
            training.gradients.add(iteration, *compared(X, y, parameters))
        cost, a3 = run(X, y)
        training.costs.append(cost.item())
        if iteration % PRINTED_EVERY == 0:
            training.accuracies.append(float(np.mean(y == np.round(a3.data))))
    return training


@tg.no_grad()
def probability(X: Array, parameters: Sequence[Tensor]) -> Array:
    """The probability of class 1 for each row of `X`."""
    return forward(X, *parameters)[-1].numpy()


class CirclesNetwork:
    """The network as a class: `fit` it, `predict` with it, plot its loss.

    >>> X, y, X_test, y_test = load_data()
    >>> network = CirclesNetwork(iterations=200, learning_rate=0.5).fit(X, y)
    >>> network.predict(X_test).shape
    (100, 1)
    """

    def __init__(
        self,
        *,
        learning_rate: float = LEARNING_RATE,
        iterations: int = ITERATIONS,
        seed: int = 1,
        compiled: bool = False,
    ) -> None:
        self.learning_rate = learning_rate
        self.iterations = iterations
        self.compiled = compiled
        self.parameters = initial_parameters(seed)
        self.training = Training()

    def fit(self, X: Array, y: Array, *, track: Track = silently) -> CirclesNetwork:
        """Train on the rows of `X` and their classes `y`, of shape (m, 1)."""
        self.training = train(
            self.parameters,
            X,
            y,
            self.iterations,
            learning_rate=self.learning_rate,
            compiled=self.compiled,
            track=track,
            description="circles, as a class",
        )
        return self

    def predict(self, X: Array) -> Array:
        """The class, 0 or 1, of each row of `X`; of shape (m, 1)."""
        return np.round(probability(X, self.parameters))

    def accuracy(self, X: Array, y: Array) -> float:
        """The share of the rows of `X` whose class is predicted right."""
        return float(np.mean(self.predict(X) == y))

    def plot_loss(self, path: Path) -> None:
        """Write a picture of the cost over the iterations."""
        save_losses(
            path,
            self.training.costs,
            "CirclesNetwork: the cost while it learns",
            ylabel="cost (binary cross-entropy)",
        )


def published_rows(parameters: Sequence[Tensor], training: Training) -> list[Row]:
    """Compare a training with all that the document printed."""
    return [
        compare_figures("costs at iterations 0, 1000 … 24,000", PRINTED_COSTS, training.printed_costs, digits=12),
        compare_exactly("accuracies there (25)", PRINTED_ACCURACIES, training.accuracies, shown="0.5 … 0.982"),
        *(
            compare_figures(f"final {name}", PRINTED_PARAMETERS[name], parameter.data)
            for name, parameter in zip(NAMES, parameters, strict=True)
        ),
    ]


def reproduce(pictures: Path, track: Track = silently) -> Iterator[Section]:
    """Train the document's network from its seed, compare all that it printed, write its pictures; then compiled."""
    X, y, _, _ = load_data()
    parameters = initial_parameters(seed=4)
    save_data(pictures / "circles_data.png", X, y, "Two circles: 1,000 points, one class around the other")
    named_X, named_y = Tensor(X, name="X"), Tensor(y, name="y")
    save_graph(pictures / "circles_graph", cross_entropy(named_y, forward(named_X, *parameters)[-1]))

    training = train(parameters, X, y, track=track)
    rows = [*published_rows(parameters, training), *training.gradients.rows(GRADIENTS)]
    iterations = range(0, ITERATIONS, PRINTED_EVERY)
    save_losses(
        pictures / "circles_cost.png",
        training.costs,
        "Two circles: the cost rests, then falls",
        ylabel="cost (binary cross-entropy)",
        published=(iterations, PRINTED_COSTS.values.tolist()),
    )
    save_boundary(
        pictures / "circles_boundary.png",
        X,
        y,
        lambda points: probability(points, parameters),
        f"After {ITERATIONS:,} iterations: the boundary closes around class 1",
    )
    yield Section("CIRCLES 2-10-5-1 relu", f"{ITERATIONS:,} iterations, seed 4", rows)

    parameters = initial_parameters(seed=4)
    compiled = train(parameters, X, y, compiled=True, track=track)
    all_costs = compare_runs("all costs, not compiled", training.costs, compiled.costs)
    rows = [*published_rows(parameters, compiled), all_costs]
    yield Section("CIRCLES 2-10-5-1 relu", "the same, compiled", rows)


def class_rows(network: CirclesNetwork, X_test: Array, y_test: Array) -> list[Row]:
    """State what may be expected of the class, of which nothing is printed."""
    costs, accuracy = network.training.costs, network.accuracy(X_test, y_test)
    return [
        check("last cost", "not printed", f"{costs[-1]:.6f} (first {costs[0]:.4f})", "below 0.1", costs[-1] < 0.1),
        check("accuracy on the 100 test points", "not printed", f"{accuracy}", "at least 0.9", accuracy >= 0.9),
    ]


def reproduce_class(pictures: Path, track: Track = silently) -> Iterator[Section]:
    """Fit the class from its seed, predict the test part, write its pictures; then compiled."""
    X, y, X_test, y_test = load_data()
    network = CirclesNetwork().fit(X, y, track=track)
    network.plot_loss(pictures / "circles_class_cost.png")
    save_boundary(
        pictures / "circles_class_boundary.png",
        X_test,
        y_test,
        lambda points: probability(points, network.parameters),
        "CirclesNetwork: 100 points it has not seen",
    )
    rows = [*class_rows(network, X_test, y_test), *network.training.gradients.rows(GRADIENTS)]
    yield Section("CIRCLES as a class", f"{ITERATIONS:,} iterations, seed 1", rows)

    compiled = CirclesNetwork(compiled=True).fit(X, y, track=track)
    all_costs = compare_runs("all costs, not compiled", network.training.costs, compiled.training.costs)
    yield Section("CIRCLES as a class", "the same, compiled", [*class_rows(compiled, X_test, y_test), all_costs])


if __name__ == "__main__":
    raise SystemExit(main("The post on two circles, 2-10-5-1 with relu.", reproduce, reproduce_class))
