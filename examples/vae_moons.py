"""A variational autoencoder on two moons: points become two numbers each, and numbers become new points.

The encoder says for each point where it lies among standard normal numbers, and how exactly; one is drawn, and the
decoder makes a point of it. The loss is what is lost on the way, and how far the numbers are from a standard normal
distribution. Afterwards, numbers drawn from that distribution are decoded into new points. Most come to lie along the
moons; the decoder is continuous, and so some lie between them.

Source: D. Kingma, M. Welling, Auto-Encoding Variational Bayes, 2013.

    python examples/vae_moons.py
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import make_moons

import tinygrad_np as tg
from plots import COLOURS, GREY, MARKS, plt, save
from tinygrad_np import nn, optim

NOISE = 0.3
"""The standard deviation that the decoder allows its points."""


def load_data(points: int = 1000) -> tuple[Any, Any]:
    """Points on two moons, with mean 0 and standard deviation 1, and on which moon each lies."""
    X, sides = make_moons(points, noise=0.05, random_state=0)
    return (X - X.mean(axis=0)) / X.std(axis=0), sides


class VAE(nn.Module):
    """Points to numbers and back; `rng` makes the weights, and draws."""

    def __init__(self, hidden: int = 48, rng: Any = None) -> None:
        super().__init__()
        self.rng = np.random.default_rng(rng)
        self.encoder = self.perceptron(2, hidden, 4)
        self.decoder = self.perceptron(2, hidden, 2)

    def perceptron(self, inputs: int, hidden: int, outputs: int) -> nn.Sequential:
        """Two hidden layers of `hidden` units."""
        sizes = (inputs, hidden, hidden, outputs)
        first, second, last = (nn.Linear(*pair, rng=self.rng) for pair in pairwise(sizes))
        return nn.Sequential(first, nn.SiLU(), second, nn.SiLU(), last)

    def encode(self, x: Any) -> tuple[Any, Any]:
        """The mean of each point's numbers, and the logarithm of their variance."""
        encoded = self.encoder(x)
        return encoded[:, :2], encoded[:, 2:]

    def forward(self, x: Any) -> tuple[Any, Any, Any]:
        """Points that went through, the mean of their numbers and the logarithm of their variance."""
        mean, log_variance = self.encode(x)
        drawn = mean + np.exp(log_variance / 2) * self.rng.normal(size=mean.shape)
        return self.decoder(drawn), mean, log_variance


def negative_elbo(result: tuple[Any, Any, Any], x: Any) -> Any:
    """What is lost, as a squared distance in units of the noise, and the divergence from a standard normal."""
    decoded, mean, log_variance = result
    lost = ((decoded - x) ** 2).sum(axis=1) / (2 * NOISE**2)
    divergence = (mean**2 + np.exp(log_variance) - log_variance - 1).sum(axis=1) / 2
    return (lost + divergence).mean()


def train(model: VAE, X: Any, epochs: int) -> Any:
    """Fit with Adam; a batch is input and target at once."""
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    data = tg.batches(X, X, batch_size=200, shuffle=True, seed=0)
    return tg.fit(model, negative_elbo, optimizer, data, epochs=epochs, schedule=schedule)


@tg.no_grad()
def make_points(model: VAE, points: int, seed: int = 1) -> Any:
    """New points: standard normal numbers, decoded."""
    return model.decoder(np.random.default_rng(seed).normal(size=(points, 2))).numpy()


def distance(made: Any, X: Any) -> float:
    """How far the new points lie from the nearest of the data, on average."""
    return float(np.sqrt(((made[:, None] - X) ** 2).sum(axis=2)).min(axis=1).mean())


def main() -> None:
    X, sides = load_data()
    model = VAE(rng=0)
    history = train(model, X, epochs=200)
    made = make_points(model, 1000)
    print(f"negative ELBO: {history['loss'][0]:.1f} after the first epoch, {history['loss'][-1]:.2f} after the last")
    print(f"new points lie {distance(made, X):.3f} from the nearest of the data, on average (untrained: ", end="")
    print(f"{distance(make_points(VAE(rng=0), 1000), X):.3f})")

    figure, panels = plt.subplots(1, 3, figsize=(13, 4.3))
    with tg.no_grad():
        mean = model.encode(X)[0].numpy()
    for axes, points in zip(panels, (X, mean), strict=False):
        for side in (0, 1):
            axes.scatter(*points[sides == side].T, s=7, color=COLOURS[side], marker=MARKS[side])
    panels[2].scatter(*made.T, s=7, color=GREY)
    panels[0].set(title="The data: two moons", xlabel="x1", ylabel="x2", xlim=(-2.4, 2.4), ylim=(-2.4, 2.4))
    panels[1].set(title="Encoded: close to normal", xlabel="first number", ylabel="second number")
    panels[2].set(title="New: decoded from normal", xlabel="x1", ylabel="x2", xlim=(-2.4, 2.4), ylim=(-2.4, 2.4))
    for axes in panels:
        axes.set_aspect("equal", adjustable="box")
    save(figure, Path("pictures/vae_moons.png"))


if __name__ == "__main__":
    main()
