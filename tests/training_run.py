"""A run with everything that must be taken up again: shuffle, dropout, batch norm, a schedule, early stopping."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_np as tg
from tinygrad_np import nn, optim


def data() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(22, 3))
    return X, np.sin(X.sum(axis=1, keepdims=True)) + 0.1 * rng.normal(size=(22, 1))


class Noisy(nn.Module):
    """Draws from NumPy's global generator, as a custom module may."""

    def forward(self, x: Any) -> Any:
        return x + 0.01 * np.random.normal(size=x.shape) if self.training else x


def run(checkpoint: Path | None, watch: Callable[[], Any], schedule: str = "cosine", **options: Any) -> dict[str, Any]:
    """The state at the end, and what the batches would hand out next."""
    X, y = data()
    np.random.seed(5)
    model = nn.Sequential(
        nn.Linear(3, 8, rng=1), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.3, rng=2), Noisy(), nn.Linear(8, 1, rng=3)
    )
    optimizer = optim.Adam(model.parameters(), lr=0.05, amsgrad=True)
    kinds = optim.lr_scheduler
    if schedule == "cosine":
        schedules: Any = kinds.CosineAnnealingLR(optimizer, T_max=4)
    elif schedule == "plateau":
        schedules = kinds.ReduceLROnPlateau(optimizer, patience=0)
    else:
        schedules = kinds.OneCycleLR(optimizer, 0.1, total_steps=25)
    batches = tg.batches(X[:18], y[:18], batch_size=4, shuffle=True, seed=4)

    def loss(result: Any, target: Any) -> Any:
        watch()
        return ((result - target) ** 2).mean()

    history = tg.fit(
        model,
        loss,
        optimizer,
        batches,
        epochs=5,
        validation=(X[18:], y[18:]),
        schedule=schedules,
        patience=2,
        clip_norm=1.0,
        checkpoint=checkpoint,
        resume=True,
        **options,
    )
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedules.state_dict(),
        "history": history.rows,
        "stopped": history.stopped,
        "next": [batch[0] for batch in batches],
        "noise": np.random.normal(size=2),
        "dropped": model[3].train()(np.ones(5)),
    }


if __name__ == "__main__":

    def say() -> None:
        print("step", flush=True)

    tg.save(run(Path(sys.argv[1]), say, checkpoint_every=2), sys.argv[2])
