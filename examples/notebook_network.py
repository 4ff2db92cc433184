"""A network of 4-3-1 nodes with sigmoid, one step at a time: the notebook on understanding neural networks in detail.

The document is "Understanding the implementation of Neural Networks from scratch in detail". It stores a sample in a
column, has no biases, and prints every array of one step, then the errors and weights of 1000 epochs on the same three
samples, then the errors of a second network on two moons. Everything is drawn, in order, from the seed 42, so every
printed digit comes out again, but for one misprint; and once more with the step compiled.

The second network has a file of its own, notebook_moons.py.

    python examples/notebook_network.py --out pictures
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import tinygrad_np as tg
from figures import GradientErrors, Row, check, compare_exactly, compare_figures, compare_runs, printed
from plots import save_graph, save_losses
from reproduction import Section, Track, main, silently
from tinygrad_np import Tensor

Array = npt.NDArray[Any]

SEED = 42
STEP_RATE = 0.01
TRAINING_RATE = 0.1
EPOCHS = 1000
COMPARED_AT = (0, 1, 500, EPOCHS - 1)
GRADIENTS = {
    "gradients": ("W_ih", "W_ho"),
    "interior gradients": ("hidden_linear", "hidden_activations", "output_linear", "output"),
}

PRINTED_STEP = {
    "W_ih before": printed(
        """0.37454012 0.95071431 0.73199394
           0.59865848 0.15601864 0.15599452
           0.05808361 0.86617615 0.60111501
           0.70807258 0.02058449 0.96990985""",
        (4, 3),
        decimals=8,
    ),
    "W_ho before": printed("0.83244264 0.21233911 0.18182497", (3, 1), decimals=8),
    "hidden linear transform": printed(
        """0.37454012 1.14069631 1.30673106
           0.95071431 1.83747495 0.17660313
           0.73199394 2.30301881 1.12590437""",
        (3, 3),
        decimals=8,
    ),
    "hidden activations": printed(
        """0.59255557 0.75780746 0.78696563
           0.72125881 0.8626498  0.54403639
           0.67524268 0.90912675 0.75508227""",
        (3, 3),
        decimals=8,
    ),
    "output": printed("0.68334694 0.72697078 0.71257368", (1, 3), decimals=8),
    "error": printed("0.05013458 0.03727248 0.25388062", (1, 3), decimals=8),
    "d error / d output": printed("-0.31665306 -0.27302922 0.71257368", (1, 3), decimals=8),
    "d output / d linear": printed("0.2163839 0.19848426 0.20481243", (1, 3), decimals=8),
    "d hidden / d linear": printed(
        """0.24143347 0.18353531 0.16765073
           0.20104454 0.11848512 0.2480608
           0.21929    0.08261531 0.18493303""",
        (3, 3),
        decimals=8,
    ),
    "d error / d W_ih": printed(
        """-0.02205044 -0.00428845 -0.00354605
            0.02036788  0.00768731  0.00490743
           -0.0082796  -0.00136342 -0.00081405
            0.01208828  0.00632389  0.00409338""",
        (4, 3),
        decimals=8,
    ),
    "W_ho after": printed("0.83211079 0.21250681 0.18167831", (3, 1), decimals=8),
    "W_ih after": printed(
        """0.37476062 0.95075719 0.7320294
           0.59845481 0.15594177 0.15594545
           0.05816641 0.86618978 0.60112315
           0.70795169 0.02052126 0.96986892""",
        (4, 3),
        decimals=8,
    ),
}
MISPRINT = "0.24806008"
"""What the document's text has for 0.2480608 in the derivative of the hidden activations, second row, third column.

The same document prints the activation there, 0.54403639, and 0.54403639 · (1 - 0.54403639) = 0.24806080: a zero has
slipped in. NumPy would have printed the last zero as a blank, and the blank is there.
"""
PRINTED_ERRORS = printed("0.11553 0.11082 0.10606 0.09845 0.08483 0.06396 0.04206 0.02641 0.01719 0.01190")
PRINTED_TRAINED = {
    "W_ih": printed(
        """ 1.25679149  1.72312858 -0.27336634
           -1.07615756 -1.73777864  1.42316207
            0.63053865  0.88090942 -0.03448117
           -0.56098781 -0.65506704  0.61013995""",
        (4, 3),
        decimals=8,
    ),
    "W_ho": printed("1.45176252 2.59109536 -2.18347501", (3, 1), decimals=8),
    "output": printed("0.9155779 0.89643511 0.18608711", (1, 3), decimals=8),
}


def three_samples() -> tuple[Array, Array]:
    """The document's input, of shape (4, 3), and output, of shape (1, 3): a sample in each column."""
    X = np.array([[1, 0, 0, 0], [1, 0, 1, 1], [0, 1, 0, 1]]).T
    y = np.array([[1], [1], [0]]).T
    return X, y


def initial_weights(draw: int) -> list[Tensor]:
    """W_ih and W_ho, evenly distributed between 0 and 1.

    The document draws three times from one seed: for the one step, for the 1000 epochs, for the moons.
    """
    random = np.random.RandomState(SEED)
    for inputs, hidden in [(4, 3), (4, 3), (2, 10)][:draw]:
        W_ih = Tensor(random.uniform(size=(inputs, hidden)), requires_grad=True, name="W_ih")
        W_ho = Tensor(random.uniform(size=(hidden, 1)), requires_grad=True, name="W_ho")
    return [W_ih, W_ho]


def sigmoid(x: Tensor) -> Tensor:
    """Squash to between 0 and 1: 1 / (1 + e^-x)."""
    return 1 / (1 + np.exp(-x))


@dataclass
class Forward:
    """The quantities of one forward pass, by the document's names; a sample in each column."""

    hidden_linear: Tensor
    hidden_activations: Tensor
    output_linear: Tensor
    output: Tensor
    error: Tensor


def forward(X: Array | Tensor, y: Array | Tensor, W_ih: Tensor, W_ho: Tensor) -> Forward:
    """From the samples to the error of each."""
    hidden_linear = np.dot(W_ih.T, X).named("hidden_linear")
    hidden_activations = sigmoid(hidden_linear).named("hidden_activations")
    output_linear = np.dot(W_ho.T, hidden_activations).named("output_linear")
    output = sigmoid(output_linear).named("output")
    error = (np.square(y - output) / 2).named("error")
    return Forward(hidden_linear, hidden_activations, output_linear, output, error)


def hand_written_gradients(
    X: Array, y: Array, W_ho: Array, step: Forward, one_minus_output: Array | None = None
) -> dict[str, Array]:
    """The document's backward pass: the gradient of the summed error with respect to each named quantity.

    `one_minus_output` replaces the difference `1 - output` by something more precise.
    """
    hidden_activations, output = step.hidden_activations.data, step.output.data
    one_minus_output = 1 - output if one_minus_output is None else one_minus_output
    error_wrt_output = -(y - output)
    error_wrt_output_linear = error_wrt_output * (output * one_minus_output)
    error_wrt_W_ho = hidden_activations @ error_wrt_output_linear.T
    error_wrt_hidden_activations = W_ho @ error_wrt_output_linear
    error_wrt_hidden_linear = error_wrt_hidden_activations * (hidden_activations * (1 - hidden_activations))
    error_wrt_W_ih = X @ error_wrt_hidden_linear.T
    return {
        "W_ih": error_wrt_W_ih,
        "W_ho": error_wrt_W_ho,
        "output": error_wrt_output,
        "output_linear": error_wrt_output_linear,
        "hidden_activations": error_wrt_hidden_activations,
        "hidden_linear": error_wrt_hidden_linear,
    }


def compared(
    X: Array, y: Array, weights: Sequence[Tensor], one_minus_output: Array | None = None
) -> tuple[Any, dict[str, Array]]:
    """Compare the gradients at these weights with the hand-written ones: the report, and those."""
    step = forward(X, y, *weights)
    by_hand = hand_written_gradients(X, y, weights[1].data, step, one_minus_output)
    return tg.compare_gradients(np.sum(step.error), by_hand), by_hand


@dataclass
class Training:
    """What a training leaves behind: the mean error of every epoch, the last output, how the gradients compared."""

    errors: list[float] = field(default_factory=list)
    output: Array = field(default_factory=lambda: np.empty((1, 0)))
    gradients: GradientErrors = field(default_factory=GradientErrors)


def train(
    weights: Sequence[Tensor],
    X: Array,
    y: Array,
    epochs: int,
    *,
    compiled: bool = False,
    compared_at: Sequence[int] = (),
    track: Track = silently,
    description: str = "notebook 4-3-1",
) -> Training:
    """Descend along the gradients of the summed error; compare them with the hand-written ones now and then.

    If `compiled`, the step runs as the NumPy program that `tg.compile` makes of it.
    """

    def step(X: Array, y: Array) -> tuple[Tensor, Tensor]:
        arrays = forward(X, y, *weights)
        np.sum(arrays.error).backward()
        for weight in weights:
            weight.data -= TRAINING_RATE * weight.grad
            weight.zero_grad()
        return np.average(arrays.error), arrays.output

    run, shown = (tg.compile(step), f"{description}, compiled") if compiled else (step, description)
    training = Training()
    for epoch in track(range(epochs), description=shown):
        if epoch in compared_at:
            training.gradients.add(epoch, *compared(X, y, weights))
        error, output = run(X, y)
        training.errors.append(error.item())
        training.output = output.data
    return training


def slope(linear: Array) -> Array:
    """The derivative of the sigmoid, element by element."""
    activations, pullback = tg.vjp(sigmoid, linear)
    return pullback(np.ones_like(activations))[0]


def one_step(X: Array, y: Array, *, compiled: bool = False) -> dict[str, Array]:
    """Every array of one step that the document prints, by its name in `PRINTED_STEP`."""
    W_ih, W_ho = weights = initial_weights(draw=1)

    def step(X: Array, y: Array) -> dict[str, Any]:
        arrays = forward(X, y, *weights)
        arrays.output.retain_grad()
        np.sum(arrays.error).backward()
        for weight in weights:
            weight.data -= STEP_RATE * weight.grad
        return {
            "hidden linear transform": arrays.hidden_linear.data,
            "hidden activations": arrays.hidden_activations.data,
            "output": arrays.output.data,
            "error": arrays.error.data,
            "d error / d output": arrays.output.grad,
            "d output / d linear": slope(arrays.output_linear.data),
            "d hidden / d linear": slope(arrays.hidden_linear.data),
            "d error / d W_ih": W_ih.grad,
        }

    before = {"W_ih before": W_ih.numpy().copy(), "W_ho before": W_ho.numpy().copy()}
    arrays = tg.compile(step)(X, y) if compiled else step(X, y)
    return before | arrays | {"W_ho after": W_ho.numpy(), "W_ih after": W_ih.numpy()}


def step_rows(came_out: dict[str, Array]) -> list[Row]:
    """Compare the arrays of one step with what the document printed."""
    rows = []
    for name, figures in PRINTED_STEP.items():
        rows.append(compare_figures(name, figures, came_out[name]))
        if name == "d hidden / d linear":
            rows.append(misprint_row(came_out[name][1, 2]))
    return rows


def reproduce_step(pictures: Path, track: Track = silently) -> Iterator[Section]:
    """One step on three samples: every array that the document prints; then compiled."""
    X, y = three_samples()
    weights = initial_weights(draw=1)
    named = forward(Tensor(X, name="X"), Tensor(y, name="y"), *weights)
    save_graph(pictures / "notebook_graph", np.sum(named.error).named("total_error"))
    gradients = GradientErrors()
    gradients.add(0, *compared(X, y, weights))
    shapes = " ".join(str(array.shape) for array in (X, y, *weights))
    rows = [
        compare_exactly("shapes: X, y, W_ih, W_ho", "(4, 3) (1, 3) (4, 3) (3, 1)", shapes),
        *step_rows(one_step(X, y)),
        *gradients.rows(GRADIENTS),
    ]
    yield Section("NOTEBOOK 4-3-1 sigmoid", f"one step, seed {SEED}", rows)
    yield Section("NOTEBOOK 4-3-1 sigmoid", "the same, compiled", step_rows(one_step(X, y, compiled=True)))


def misprint_row(reproduced: float) -> Row:
    """Work the misprinted number out from the activation that the document prints: a (1 - a)."""
    activation = PRINTED_STEP["hidden activations"].values[1, 2]
    worked_out = activation * (1 - activation)
    return check(
        "the misprint in it, at (1, 2)",
        MISPRINT,
        f"{reproduced:.8f}",
        f"{worked_out:.8f} by its own a (1 - a)",
        bool(abs(reproduced - worked_out) < 1e-8),
    )


def training_rows(weights: Sequence[Tensor], training: Training) -> list[Row]:
    """Compare the thousand epochs with what the document printed."""
    came_out = {"W_ih": weights[0].data, "W_ho": weights[1].data, "output": training.output}
    return [
        compare_figures("errors, epochs 0, 100 … 900", PRINTED_ERRORS, training.errors[::100]),
        *(compare_figures(f"{name} at the end", PRINTED_TRAINED[name], came_out[name]) for name in came_out),
    ]


def reproduce_training(pictures: Path, track: Track = silently) -> Iterator[Section]:
    """A thousand epochs on the three samples, from the next weights that the seed gives; then compiled."""
    X, y = three_samples()
    weights = initial_weights(draw=2)
    training = train(weights, X, y, EPOCHS, compared_at=COMPARED_AT, track=track)
    rows = [*training_rows(weights, training), *training.gradients.rows(GRADIENTS)]
    save_losses(
        pictures / "notebook_error.png",
        training.errors,
        "Three samples: the error over 1,000 epochs",
        ylabel="mean of half the squared error",
        xlabel="epoch",
        published=(range(0, EPOCHS, 100), PRINTED_ERRORS.values.tolist()),
    )
    yield Section("NOTEBOOK 4-3-1 sigmoid", f"{EPOCHS:,} epochs", rows)

    weights = initial_weights(draw=2)
    compiled = train(weights, X, y, EPOCHS, compiled=True, track=track)
    all_errors = compare_runs("all errors, not compiled", training.errors, compiled.errors)
    yield Section("NOTEBOOK 4-3-1 sigmoid", "the same, compiled", [*training_rows(weights, compiled), all_errors])


if __name__ == "__main__":
    raise SystemExit(main("The notebook's network, 4-3-1 with sigmoid.", reproduce_step, reproduce_training))
