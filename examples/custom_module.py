"""A module and an operation of your own: the snake activation, with a frequency that is learned, checked and trained.

The operation is x + sin²(a·x) / a; tanh and relu can't go on with a wave beyond the data, this can. Two rules say its
gradients, `tg.gradcheck` finds out whether they are right, and the module that holds the frequency is found by the
optimiser like any other.

Source: L. Ziyin et al., Neural Networks Fail to Learn Periodic Functions and How to Fix It, 2020.

    python examples/custom_module.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_np as tg
from plots import COLOURS, GREY, plt, save
from tinygrad_np import nn, optim


@tg.primitive(elementwise=True)
def snake(x: Any, a: Any) -> Any:
    """A line with a wave on it: x + sin²(a·x) / a."""
    return x + np.sin(a * x) ** 2 / a


@snake.vjp(0)
def _(g: Any, y: Any, x: Any, a: Any) -> Any:
    return g * (1 + np.sin(2 * a * x))


@snake.vjp(1)
def _(g: Any, y: Any, x: Any, a: Any) -> Any:
    return g * (x * np.sin(2 * a * x) - np.sin(a * x) ** 2 / a) / a


class Snake(nn.Module):
    """The activation, with a frequency for each feature, which is learned."""

    def __init__(self, features: int, frequency: float = 1.0) -> None:
        super().__init__(features=features)
        self.frequency = nn.Parameter(np.full(features, frequency))

    def forward(self, x: Any) -> Any:
        """The wave on each feature; the shape stays."""
        return snake(x, self.frequency)


def load_data(seed: int = 0) -> tuple[Any, Any]:
    """Noisy points of sin(2x) + x/3 between -4 and 4."""
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(-4, 4, (200, 1)), axis=0)
    return x, wave(x) + 0.1 * rng.normal(size=x.shape)


def wave(x: Any) -> Any:
    return np.sin(2 * x) + x / 3


def train(activation: nn.Module, steps: int) -> nn.Module:
    """Fit a network of one hidden layer with this activation to the data."""
    x, y = load_data()
    model = nn.Sequential(nn.Linear(1, 32, rng=1), activation, nn.Linear(32, 1, rng=2))
    optimizer = optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    tg.fit(model, tg.mse_loss, optimizer, (x, y), epochs=steps, batch_size=len(x), seed=0, progress=False)
    return model


def error_beyond(model: Any) -> float:
    """The root mean square error where there was no data: between 4 and 8."""
    x = np.linspace(4, 8, 200)[:, None]
    with tg.no_grad():
        return float(np.sqrt(np.mean((model(x).numpy() - wave(x)) ** 2)))


def main() -> None:
    rng = np.random.default_rng(0)
    report = tg.gradcheck(snake, rng.normal(size=(4, 3)), rng.uniform(0.5, 2, 3))
    print(report)
    report.assert_ok()
    tg.gradcheck(tg.grad(lambda x, a: snake(x, a).sum()), rng.normal(size=3), rng.uniform(0.5, 2, 3)).assert_ok()

    models = {"snake": train(Snake(32), 1500), "tanh": train(nn.Tanh(), 1500)}
    print(models["snake"])
    for name, model in models.items():
        print(f"{name:6} root mean square error beyond the data: {error_beyond(model):.2f}")

    figure, axes = plt.subplots(figsize=(8.5, 4.3))
    line = np.linspace(-8, 8, 500)[:, None]
    axes.axvspan(-4, 4, color="#eeeeee", zorder=0)
    axes.text(0, 3.25, "data only here", ha="center", color=GREY)
    axes.plot(line, wave(line), color=GREY, linestyle=":", label="sin(2x) + x/3")
    axes.plot(*load_data(), ".", color=GREY, markersize=3)
    for (name, model), colour in zip(models.items(), COLOURS, strict=True):
        with tg.no_grad():
            axes.plot(line, model(line).numpy(), color=colour, linewidth=2, label=f"learned with {name}")
    axes.set(title="A module of one's own goes on with the wave", xlabel="x", ylabel="y", ylim=(-4, 4))
    axes.legend(loc="upper left")
    save(figure, Path("pictures/custom_module.png"))


if __name__ == "__main__":
    main()
