"""The three documents' networks, each in ten lines: nn.Sequential, a loss, optim.SGD.

From the documents' own initial weights and with their losses, the figures that they print come out again. Where they
store a weight as (inputs, outputs), a Linear's is (outputs, inputs), as PyTorch's: hence the `.T`.
The whole reproduction, figure by figure, is `python examples/documents.py`.

    python examples/documents_in_ten_lines.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import make_circles

import tinygrad_np as tg
from moons_network import INITIAL_WEIGHTS
from moons_network import load_data as load_moons
from plots import COLOURS, LIGHT, MARKS, plt, save
from tinygrad_np import nn, optim


def descend(model: Any, loss: Any, X: Any, Y: Any, lr: float, steps: int) -> list[float]:
    """Train on all rows at once, with the step as a NumPy program; return the loss before each step."""
    optimizer = optim.SGD(model.parameters(), lr=lr)

    def step() -> Any:
        optimizer.zero_grad()
        value = loss(model(X), Y)
        value.backward()
        optimizer.step()
        return value

    run = tg.compile(step)
    return [run().item() for _ in range(steps)]


def moons(epochs: int = 5000) -> Any:
    """The tutorial on two moons: 2-5-3-1 with tanh."""
    X, _, Y, _ = load_moons()
    model = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3), nn.Tanh(), nn.Linear(3, 1), nn.Sigmoid())
    for layer, weights in zip((model[0], model[2], model[4]), INITIAL_WEIGHTS.values(), strict=True):
        layer.weight.data = weights.values.T
        nn.init.zeros_(layer.bias)
    losses = descend(model, nn.BCELoss(), X, Y, lr=0.1, steps=epochs)
    return model, X, Y, losses


def circles(iterations: int = 25_000) -> Any:
    """The post on two circles: 2-10-5-1 with relu."""
    X, y = make_circles(1000, noise=0.05, random_state=4)
    Y, random = y.reshape(-1, 1), np.random.RandomState(4)
    model = nn.Sequential(nn.Linear(2, 10), nn.ReLU(), nn.Linear(10, 5), nn.ReLU(), nn.Linear(5, 1), nn.Sigmoid())
    for layer in (model[0], model[2], model[4]):
        layer.weight.data = random.randn(*layer.weight.T.shape).T
        nn.init.zeros_(layer.bias)
    losses = descend(model, nn.BCELoss(), X, Y, lr=0.01, steps=iterations)
    return model, X, Y, losses


def notebook(epochs: int = 1000) -> Any:
    """The notebook's three samples: 4-3-1 with sigmoid, no biases; its error is the sum of halved squares."""
    X, Y = np.array([[1, 0, 0, 0], [1, 0, 1, 1], [0, 1, 0, 1]]), np.array([[1.0], [1.0], [0.0]])
    model = nn.Sequential(nn.Linear(4, 3, bias=False), nn.Sigmoid(), nn.Linear(3, 1, bias=False), nn.Sigmoid())
    random = np.random.RandomState(42)
    random.uniform(size=15)  # The notebook's first network, of one step.
    for layer in (model[0], model[2]):
        layer.weight.data = random.uniform(size=layer.weight.T.shape).T
    losses = descend(model, lambda output, Y: np.square(Y - output).sum() / 2, X, Y, lr=0.1, steps=epochs)
    return model, X, Y, [loss / len(X) for loss in losses]


def draw(axes: Any, model: Any, X: Any, Y: Any, title: str) -> None:
    """Colour the plane by what the network predicts there, and scatter the data over it."""
    first, second = np.meshgrid(*(np.linspace(X[:, i].min() - 0.3, X[:, i].max() + 0.3, 200) for i in (0, 1)))
    with tg.no_grad():
        plane = model(np.column_stack([first.ravel(), second.ravel()])).numpy().reshape(first.shape)
    axes.contourf(first, second, plane, levels=[-1.0, 0.5, 2.0], colors=LIGHT)
    axes.contour(first, second, plane, levels=[0.5], colors="black", linewidths=1.4)
    for label in (0, 1):
        axes.scatter(*X[Y.ravel() == label].T, s=8, marker=MARKS[label], color=COLOURS[label], label=f"class {label}")
    axes.set(title=title, xlabel="x1", ylabel="x2", aspect="equal")


def main() -> None:
    moons_trained, circles_trained, notebook_trained = moons(), circles(), notebook()
    print("network    last loss  printed in the document")
    print(f"moons      {moons_trained[3][4900]:.6f}   0.005001 (epoch 4900; the document's data has no seed)")
    print(f"circles    {circles_trained[3][24_000]:.6f}   0.061209 (iteration 24,000)")
    print(f"notebook   {notebook_trained[3][900]:.5f}    0.01190  (epoch 900)")

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4.3))
    draw(left, *moons_trained[:3], "Moons: 2-5-3-1, tanh")
    left.legend(loc="lower left", markerscale=2)
    draw(middle, *circles_trained[:3], "Circles: 2-10-5-1, relu")
    right.plot(notebook_trained[3], color=COLOURS[0])
    right.plot(900, 0.01190, "o", markersize=9, markerfacecolor="none", color="black", label="printed: 0.01190")
    right.set(title="Notebook: 4-3-1, sigmoid", xlabel="epoch", ylabel="mean error", ylim=(0, None))
    right.legend()
    save(figure, Path("pictures/documents_in_ten_lines.png"))


if __name__ == "__main__":
    main()
