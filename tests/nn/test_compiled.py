"""Steps of training with modules, compiled: the same parameters, statistics and losses as without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import nn

rng = np.random.default_rng(0)
X = rng.normal(size=(12, 4))
YES = (X.sum(axis=1, keepdims=True) > 0).astype(float)
LABELS = rng.integers(0, 3, 12)
IMAGES = rng.normal(size=(6, 1, 6, 6))


class Last(nn.Module):
    """The last step's state of a recurrent network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Any) -> Any:
        return self.network(x.reshape(12, 4, 1))[0][:, -1]


NETWORKS: dict[str, tuple[Callable[[], nn.Module], nn.Module, Any, Any]] = {
    "a sigmoid": (
        lambda: nn.Sequential(nn.Linear(4, 5, rng=0), nn.Tanh(), nn.Linear(5, 1, rng=1), nn.Sigmoid()),
        nn.BCELoss(),
        X,
        YES,
    ),
    "classes": (
        lambda: nn.Sequential(nn.Linear(4, 5, rng=0), nn.ReLU(), nn.Linear(5, 3, rng=1)),
        nn.CrossEntropyLoss(label_smoothing=0.1),
        X,
        LABELS,
    ),
    "logarithms": (
        lambda: nn.Sequential(nn.Linear(4, 3, rng=0), nn.LogSoftmax(dim=1)),
        nn.NLLLoss(),
        X,
        LABELS,
    ),
    "norms": (
        lambda: nn.Sequential(
            nn.Linear(4, 6, rng=0), nn.BatchNorm1d(6), nn.GELU("tanh"), nn.LayerNorm(6), nn.Linear(6, 1, rng=1)
        ),
        nn.MSELoss(),
        X,
        YES,
    ),
    "convolutions": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 3, 3, rng=0),
            nn.BatchNorm2d(3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(12, 1, rng=1),
        ),
        nn.HuberLoss(),
        IMAGES,
        YES[:6],
    ),
    "an lstm": (
        lambda: nn.Sequential(Last(nn.LSTM(1, 5, batch_first=True, rng=0)), nn.Linear(5, 1, rng=1)),
        nn.BCEWithLogitsLoss(),
        X,
        YES,
    ),
    "a transformer": (
        lambda: nn.Sequential(
            nn.Unflatten(0, (3, 4)), nn.TransformerEncoderLayer(4, 2, 8, 0.0, rng=0), nn.Flatten(0, 1)
        ),
        nn.MSELoss(),
        X,
        X * 2,
    ),
}


@pytest.mark.parametrize("network", NETWORKS)
def test_compiled_steps_train_alike(network: str) -> None:
    make, loss, inputs, target = NETWORKS[network]

    def step_of(model: nn.Module) -> Callable[[Any, Any], Any]:
        def step(x: Any, t: Any) -> Any:
            model.zero_grad()
            error = loss(model(x), t)
            error.backward()
            for parameter in model.parameters():
                parameter.data -= 0.1 * parameter.grad
            return error

        return step

    eager, compiled = make(), make()
    step, fast = step_of(eager), tg.compile(step_of(compiled))
    losses = []
    for _ in range(4):
        losses.append(step(inputs, target).item())
        np.testing.assert_allclose(fast(inputs, target).item(), losses[-1], rtol=1e-12)
    assert losses[-1] < losses[0]
    for name, array in eager.state_dict().items():
        np.testing.assert_allclose(compiled.state_dict()[name], array, rtol=1e-10, atol=1e-12, err_msg=name)
