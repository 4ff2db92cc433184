"""Handwritten digits, read by a small convolutional network: more than 98 % of those it has not seen.

The data is scikit-learn's `load_digits`: 1,797 images of 8 by 8 pixels (UCI's Optical Recognition of Handwritten
Digits, CC BY 4.0). A quarter of them is kept for the test, and looked at once: the learning rate is chosen by a fifth
of the other three quarters, on all of which the network is then trained anew. The picture shows what it still takes for
another.

    python examples/digits.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import tinygrad_np as tg
from plots import plt, save
from tinygrad_np import nn, optim


def load_data() -> list[Any]:
    """X_train, X_test, y_train, y_test: images of shape (n, 1, 8, 8) in float32 between 0 and 1, and their digits."""
    images, digits = load_digits(return_X_y=True)
    images = (images / 16).reshape(-1, 1, 8, 8).astype(np.float32)
    return list(train_test_split(images, digits, test_size=0.25, random_state=0, stratify=digits))


LEARNING_RATES = (0.003, 0.01, 0.02)
"""Those to choose from."""


def make_model(seed: int = 0) -> nn.Sequential:
    """Two convolutions, the largest of each 2 by 2 pixels, and a linear map to ten scores."""
    made: dict[str, Any] = {"dtype": np.float32, "rng": np.random.default_rng(seed)}
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1, **made),
        nn.ReLU(),
        nn.Conv2d(12, 24, 3, padding=1, **made),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3, rng=made["rng"]),
        nn.Linear(24 * 4 * 4, 10, **made),
    )


def train(model: nn.Module, X: Any, y: Any, epochs: int, lr: float = 0.01, **options: Any) -> Any:
    """Fit with Adam and a learning rate that rises to `lr` and falls, once; return the history."""
    optimizer = optim.Adam(model.parameters())
    data = tg.batches(X, y, batch_size=64, shuffle=True, seed=0)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=lr, total_steps=epochs * len(data))
    return tg.fit(model, tg.cross_entropy, optimizer, data, epochs=epochs, schedule=schedule, **options)


def predict(model: nn.Module, X: Any) -> Any:
    """The digit that gets the highest score, for each image."""
    with tg.no_grad():
        return model(X).numpy().argmax(axis=1)


def choose(X: Any, y: Any) -> float:
    """The learning rate that makes the loss on a fifth of the images, kept apart, the least."""
    X_fit, X_held, y_fit, y_held = train_test_split(X, y, test_size=0.2, random_state=0, stratify=y)
    losses = {}
    for lr in LEARNING_RATES:
        history = train(make_model(), X_fit, y_fit, 5, lr, validation=(X_held, y_held))
        losses[lr] = history["validation_loss"][-1]
        print(f"learning rate {lr}: loss {losses[lr]:.4f} on what was kept apart")
    return min(losses, key=losses.__getitem__)


def main() -> None:
    X_train, X_test, y_train, y_test = load_data()
    lr = choose(X_train, y_train)
    model = make_model()
    print(nn.summary(model, X_test))
    history = train(model, X_train, y_train, 10, lr)
    predicted = predict(model, X_test)
    missed = np.flatnonzero(predicted != y_test)
    print(f"{len(y_test) - len(missed)} of {len(y_test)} test digits are right: {np.mean(predicted == y_test):.2%}")

    figure = plt.figure(figsize=(9.5, 3.9))
    left, right = figure.subfigures(1, 2, width_ratios=[1.25, 1])
    axes = history.plot(left.subplots())
    axes.grid(axis="y", color="#e3e3e3")
    axes.set(title="Digits: the loss falls", ylabel="cross-entropy", ylim=(0, None))
    right.suptitle(f"Misread: {len(missed)} of {len(y_test)}", fontsize=13.5, fontweight="bold")
    for axes, place in zip(right.subplots(2, 3).ravel(), missed, strict=False):
        axes.imshow(X_test[place, 0], cmap="gray_r")
        axes.set_title(f"{y_test[place]}, read as {predicted[place]}", fontsize=8.5, fontweight="normal", pad=4)
    for axes in right.axes:
        axes.set_axis_off()
    save(figure, Path("pictures/digits.png"))


if __name__ == "__main__":
    main()
