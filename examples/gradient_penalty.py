"""A gradient penalty: a derivative within a loss, which is then differentiated itself.

A critic tells two clouds of points apart: it is trained to be high on the one and low on the other. If its slope is
nowhere above 1, the difference of its means is the Wasserstein distance of the clouds: how far one has to be moved to
become the other. The penalty asks for the slope 1 between them. One cloud here is the other, moved by 2: that is the
distance to be found. A penalty is a price, not a wall: at ten times the squared excess, a slope of 1.1 pays best, and
2.2 is what is found. Without the penalty the critic's difference grows without end.

Source: I. Gulrajani et al., Improved Training of Wasserstein GANs, 2017.

    python examples/gradient_penalty.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_np as tg
from plots import COLOURS, GREY, plt, save
from tinygrad_np import nn, optim

MOVED_BY = np.array([1.6, 1.2])
"""By 2, for 1.6² + 1.2² = 2²."""


def clouds(points: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Points of the cloud around 0, and of the one that is moved."""
    low, high = 0.4 * rng.normal(size=(2, points, 2))
    return low, high + MOVED_BY


def slope(critic: Any, points: Any) -> Any:
    """The length of the critic's gradient at each point, as a part of the graph that leads to the weights."""
    gradient = tg.grad(lambda x: critic(x).sum())(points)
    return np.sqrt((gradient**2).sum(axis=1) + 1e-12)


def train(steps: int, penalty: float, seed: int = 0) -> tuple[nn.Module, list[float]]:
    """Train a critic; return it, and the difference of its means, step by step."""
    rng = np.random.default_rng(seed)
    critic = nn.Sequential(nn.Linear(2, 32, rng=rng), nn.Tanh(), nn.Linear(32, 32, rng=rng), nn.Tanh())
    critic.append(nn.Linear(32, 1, rng=rng))
    optimizer = optim.Adam(critic.parameters(), lr=0.003, betas=(0.5, 0.9))
    differences = []
    for _ in range(steps):
        low, high = clouds(64, rng)
        part = rng.uniform(size=(len(low), 1))
        between = part * low + (1 - part) * high
        optimizer.zero_grad()
        difference = critic(high).mean() - critic(low).mean()
        loss = -difference
        if penalty:
            loss = loss + penalty * ((slope(critic, between) - 1) ** 2).mean()
        loss.backward()
        optimizer.step()
        differences.append(difference.item())
    return critic, differences


def main() -> None:
    steps = 500
    with_penalty, found = train(steps, penalty=10.0)
    without, grown = train(steps, penalty=0.0)
    print("critic            difference of its means   largest slope      (the distance is 2)")
    rng = np.random.default_rng(1)
    low, high = clouds(500, rng)
    for name, critic, differences in (("with penalty", with_penalty, found), ("without", without, grown)):
        steepest = slope(critic, np.concatenate([low, high])).numpy().max()
        print(f"{name:17} {np.mean(differences[-100:]):10.2f}               {steepest:10.2f}")

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4))
    left.axhline(2, color="black", linestyle=":", label="the true distance: 2")
    left.plot(found, color=COLOURS[0], label="with the penalty")
    left.plot(grown, color=COLOURS[1], label=f"without: {grown[-1]:.0f} at the end")
    left.set(title="The critic measures the distance, or runs away", xlabel="step", ylabel="difference of its means")
    left.set(ylim=(0, 8))
    left.legend()
    first, second = np.meshgrid(np.linspace(-1.5, 3.2, 100), np.linspace(-1.5, 2.7, 100))
    with tg.no_grad():
        height = with_penalty(np.column_stack([first.ravel(), second.ravel()])).numpy().reshape(first.shape)
    lines = right.contour(first, second, height, levels=12, colors=GREY, linewidths=0.8)
    right.clabel(lines, fontsize=8)
    right.scatter(*low[:200].T, s=8, color=COLOURS[0], marker="o", label="one cloud", zorder=3)
    right.scatter(*high[:200].T, s=8, color=COLOURS[1], marker="^", label="the same, moved by 2", zorder=3)
    right.set(title="Its heights, with the penalty: an even slope", xlabel="x1", ylabel="x2", aspect="equal")
    right.legend(loc="lower right", frameon=True, framealpha=1, edgecolor="none")
    save(figure, Path("pictures/gradient_penalty.png"))


if __name__ == "__main__":
    main()
