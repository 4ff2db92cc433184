"""Recurrent networks drawn at random, compiled: what the passes join and add up over the steps stays the same."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import tinygrad_np as tg
from tests.program.running import error, precise
from tinygrad_np import Tensor
from tinygrad_np.program import compile

INPUTS, HIDDEN, OUTPUTS, BATCH = 3, 10, 9, 4


class Recipe(NamedTuple):
    """What a network is like. `layout` says where a step's state stands: in a column, a row, a vector, or a batch."""

    steps: int
    layout: str
    cell: str
    layers: int
    shared: bool
    reads: str
    loss: str
    rate: float
    dtype: Any


RECIPES = st.builds(
    Recipe,
    steps=st.integers(2, 6),
    layout=st.sampled_from(["columns", "rows", "vectors", "batch of columns", "batch of rows"]),
    cell=st.sampled_from(["tanh", "relu", "leaky", "gru", "lstm"]),
    layers=st.integers(1, 2),
    shared=st.booleans(),
    reads=st.sampled_from(["each", "last", "joined", "reversed", "all but the first"]),
    loss=st.sampled_from(["squares", "letters", "mean", "probabilities"]),
    rate=st.sampled_from([0.5, 0.01]),
    dtype=st.sampled_from([np.float64, np.float64, np.float32]),
)


class Network:
    """The parameters of a network, its data, and its loss."""

    def __init__(self, recipe: Recipe, seed: int) -> None:
        self.recipe = recipe
        random = np.random.default_rng(seed)
        gates = {"gru": 3, "lstm": 4}.get(recipe.cell, 1)
        self.by_columns = "columns" in recipe.layout or recipe.layout == "vectors"
        sizes: dict[str, tuple[int, ...]] = {}
        for layer in range(1 if recipe.shared else recipe.layers):
            inputs = HIDDEN if layer else INPUTS
            for gate in range(gates):
                sizes[f"W{layer}{gate}"] = (HIDDEN, inputs)
                sizes[f"U{layer}{gate}"] = (HIDDEN, HIDDEN)
                sizes[f"b{layer}{gate}"] = self.state_shape(HIDDEN, 1)
        if recipe.shared and recipe.layers > 1:
            sizes["P"] = (INPUTS, HIDDEN)
        sizes["V"] = (OUTPUTS, HIDDEN)
        sizes["c"] = self.state_shape(OUTPUTS, 1)
        self.parameters = {
            name: random.normal(
                scale=0.5, size=shape if self.by_columns or len(shape) < 2 or name[0] in "bc" else shape[::-1]
            ).astype(recipe.dtype)
            for name, shape in sizes.items()
        }
        count = BATCH if "batch" in recipe.layout else 1
        shapes = {
            "columns": (INPUTS, recipe.steps),
            "rows": (recipe.steps, INPUTS),
            "vectors": (recipe.steps, INPUTS),
        }
        self.X = random.normal(size=shapes.get(recipe.layout, (recipe.steps, *self.state_shape(INPUTS, count))))
        self.X = self.X.astype(recipe.dtype)
        self.start = random.normal(size=self.state_shape(HIDDEN, count)).astype(recipe.dtype)
        self.y = random.integers(0, 2, (recipe.steps, *self.state_shape(OUTPUTS, count)))
        if recipe.loss == "squares":
            self.y = self.y.astype(recipe.dtype)

    def state_shape(self, size: int, count: int) -> tuple[int, ...]:
        if self.recipe.layout == "vectors":
            return (size,)
        return (size, count) if self.by_columns else (count, size)

    @property
    def axis(self) -> int:
        """Along which states are numbers of one sample, and side by side with those of others."""
        return 0 if self.by_columns else 1

    def product(self, W: Any, h: Any) -> Any:
        return np.dot(W, h) if self.by_columns else h @ W

    def input(self, X: Any, step: int) -> Any:
        if self.recipe.layout == "columns":
            return X[:, step : step + 1]
        return X[step : step + 1] if self.recipe.layout == "rows" else X[step]

    def state(self, p: dict[str, Any], layer: int, x: Any, h: Any, memory: Any) -> tuple[Any, Any]:
        """One cell's next state, and its next memory."""

        def gate(number: int, h: Any) -> Any:
            W, U, b = (p[f"{kind}{0 if self.recipe.shared else layer}{number}"] for kind in "WUb")
            return self.product(W, x) + self.product(U, h) + b

        if self.recipe.cell == "tanh":
            return np.tanh(gate(0, h)), memory
        if self.recipe.cell == "relu":
            return tg.relu(0.5 * gate(0, h)), memory
        if self.recipe.cell == "leaky":
            return 0.9 * h + (1 - 0.9) * np.tanh(gate(0, h)), memory
        if self.recipe.cell == "gru":
            update, reset = tg.sigmoid(gate(0, h)), 1 / (1 + np.exp(-gate(1, h)))
            return (1 - update) * h + update * np.tanh(gate(2, reset * h)), memory
        opened, kept, shown = (tg.sigmoid(gate(number, h)) for number in range(3))
        memory = kept * memory + opened * np.tanh(gate(3, h))
        return shown * np.tanh(memory), memory

    def states(self, p: dict[str, Any], X: Any, start: Any) -> list[Any]:
        """What the last layer shows at each step."""
        states = [start] * self.recipe.layers
        memories = [0 * start] * self.recipe.layers
        shown = []
        for step in range(self.recipe.steps):
            x = self.input(X, step)
            for layer in range(self.recipe.layers):
                states[layer], memories[layer] = self.state(p, layer, x, states[layer], memories[layer])
                x = self.product(p["P"], states[layer]) if "P" in p and layer == 0 else states[layer]
            shown.append(states[-1])
        return shown

    def loss(self, p: dict[str, Any], X: Any, y: Any, start: Any) -> Any:
        """A number, of the outputs that are read."""
        states, targets = self.states(p, X, start), [y[step] for step in range(self.recipe.steps)]
        if self.recipe.reads == "last":
            states, targets = states[-1:], targets[-1:]
        elif self.recipe.reads == "all but the first":
            states, targets = states[1:], targets[1:]
        elif self.recipe.reads == "reversed":
            states, targets = states[::-1], targets[::-1]
        elif self.recipe.reads == "joined" and self.recipe.layout != "vectors":
            states, targets = (
                [np.concatenate(states, axis=1 - self.axis)],
                [np.concatenate(targets, axis=1 - self.axis)],
            )
        scores = [self.product(p["V"], h) + p["c"] for h in states]
        if self.recipe.loss == "mean":
            both = [score * target for score, target in zip(scores, targets, strict=True)]
            return np.mean(np.concatenate(both, axis=0) ** 2)
        losses = [self.loss_of(score, target) for score, target in zip(scores, targets, strict=True)]
        total: Any = 0.0
        for one in losses:
            total = total + one
        return total

    def loss_of(self, score: Any, target: Any) -> Any:
        if self.recipe.loss == "squares":
            return np.sum((score - target) ** 2) / 2
        if self.recipe.loss == "letters":
            return -np.sum(target * tg.log_softmax(score, axis=self.axis))
        a = tg.sigmoid(score)
        return -np.sum(target * np.log(a) + (1 - target) * np.log(1 - a)) / len(target)


def in_precision(network: Network) -> list[Any]:
    """The data and the parameters of a network in NumPy's highest precision."""
    parameters = {name: precise(value) for name, value in network.parameters.items()}
    return [precise(network.X), network.y, precise(network.start), parameters]


def assert_as_accurate(actual: Any, expected: Any, reference: Any, recipe: Recipe) -> None:
    """The loss and the gradients are of the same kind as the eager ones, and no less accurate.

    One of them may be by chance: the errors of all are what is compared.
    """
    for one, other in zip(actual, expected, strict=True):
        assert (np.shape(one), np.asarray(one).dtype) == (np.shape(other), np.asarray(other).dtype)
    ours, theirs = (
        max(
            error(one, precisely, recipe.dtype, least=0 if number else 1)
            for number, (one, precisely) in enumerate(zip(values, reference, strict=True))
        )
        for values in (actual, expected)
    )
    assert ours <= 4 * theirs + 16


@settings(max_examples=25, deadline=None, derandomize=True, phases=[Phase.generate])
@given(recipe=RECIPES)
def test_gradients_are_as_accurate_as_eager_ones(recipe: Recipe) -> None:
    network = Network(recipe, 0)

    def gradients(X: Any, y: Any, start: Any, p: Any) -> Any:
        value, slopes = tg.value_and_grad(lambda p, X: network.loss(p, X, y, start), (0, 1))(p, X)
        return value, *slopes[0].values(), slopes[1]

    compiled = compile(gradients)
    for seed in range(2):
        other = Network(recipe, seed)
        given = other.X, other.y, other.start, other.parameters
        flat = [*given[:3], *other.parameters.values()]
        expected, reference = gradients(*given), gradients(*in_precision(other))
        made = [compiled(*given)]
        for source in (compiled.source, compiled.fast_source):
            names: dict[str, Any] = {}
            exec(source, names)
            made.append(names["gradients"](*flat, *compiled.constants))
        for results in made:
            assert_as_accurate(results, expected, reference, recipe)


def training(network: Network, tensors: dict[str, Tensor]) -> Callable[..., Any]:
    """A step that changes the tensors, in place or not."""

    def step(X: Any, y: Any, start: Any) -> Any:
        loss = network.loss(tensors, X, y, start)
        loss.backward()
        for tensor in tensors.values():
            if network.recipe.layers > 1:
                tensor.data -= network.recipe.rate * tensor.grad
            else:
                tensor.data = tensor.data - network.recipe.rate * tensor.grad
            tensor.zero_grad()
        return loss

    return step


@settings(max_examples=20, deadline=None, derandomize=True, phases=[Phase.generate])
@given(recipe=RECIPES)
def test_training_is_as_accurate_as_eager_training(recipe: Recipe) -> None:
    network = Network(recipe, 0)
    ours, theirs, precisely = (
        {name: Tensor(kind(value / 4), requires_grad=True, name=name) for name, value in network.parameters.items()}
        for kind in (np.copy, np.copy, precise)
    )
    compiled, eager, reference = (
        compile(training(network, ours)),
        training(network, theirs),
        training(network, precisely),
    )
    for seed in range(3):
        other = Network(recipe, seed)
        before = {name: tensor.numpy() for name, tensor in theirs.items()}
        for name, value in before.items():  # Several steps would make much of small differences.
            ours[name].data, precisely[name].data = value.copy(), precise(value)
        losses = compiled(other.X, other.y, other.start), eager(other.X, other.y, other.start)
        precise_loss = reference(*in_precision(other)[:3])
        expected = [[value.numpy() for value in (losses[1], *theirs.values())]]
        expected.append([value.numpy() for value in (precise_loss, *precisely.values())])
        made = [[losses[0].numpy(), *(tensor.numpy() for tensor in ours.values())]]
        given = {"X": other.X, "y": other.y, "start": other.start, **before}
        made += [results_of(text, given, compiled.constants) for text in (compiled.source, compiled.fast_source)]
        for results in made:
            assert_as_accurate(results, *expected, recipe)
        assert all(tensor.grad is None for tensor in ours.values())
    assert len(compiled.variants) == 1


def results_of(source: str, given: dict[str, Any], constants: list[Any]) -> Any:
    """What the function of a source gives, which reads what it needs by name, and then the constants."""
    names: dict[str, Any] = {}
    exec(source, names)
    parameters = list(inspect.signature(names["step"]).parameters)
    others = [parameter for parameter in parameters if parameter not in given]
    read = {name: value for name, value in given.items() if name in parameters}
    return names["step"](**read, **dict(zip(others, constants, strict=True)))


def calls_an_equation(steps: int) -> float:
    """How many functions a capture of an LSTM of this many steps calls, for each of its equations."""
    rng = np.random.default_rng(steps)
    W, U, X = rng.normal(size=(2, 12)) / 4, rng.normal(size=(3, 12)) / 4, rng.normal(size=(steps, 1, 2))

    def loss(W: Any, U: Any, X: Any) -> Any:
        h, c, total = np.zeros((1, 3)), np.zeros((1, 3)), 0.0
        for x in X:
            z = x @ W + h @ U
            c = tg.sigmoid(z[:, :3]) * c + tg.sigmoid(z[:, 3:6]) * np.tanh(z[:, 6:9])
            h = tg.sigmoid(z[:, 9:]) * np.tanh(c)
            total = total + np.sum(h**2)
        return total

    count = 0

    def counted(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    compiled = tg.compile(tg.value_and_grad(loss, (0, 1)))
    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        compiled(W, U, X)
    finally:
        sys.setprofile(before)
    return count / len(compiled.captured.equations)


def test_a_capture_takes_no_longer_an_equation_where_there_are_more() -> None:
    calls_an_equation(2)
    assert calls_an_equation(24) < 1.1 * calls_an_equation(8)


def test_a_sum_may_have_a_thousand_terms() -> None:
    """What goes through the terms of a sum, or through a chain of products, goes through no more than some."""
    w, xs = np.array([0.5, 1.0]), np.linspace(0, 1, 700).reshape(350, 2)
    slope = tg.grad(lambda w: np.sum(0.1 * sum(np.tanh(w * x) for x in xs)))
    np.testing.assert_allclose(tg.compile(slope)(w), slope(w), rtol=1e-12)
    update = tg.compile(lambda w: 0.1 * sum((np.tanh(w * x) for x in xs), np.zeros(2)))
    np.testing.assert_allclose(update(w), 0.1 * sum(np.tanh(w * x) for x in xs), rtol=1e-12)
