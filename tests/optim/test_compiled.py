"""A compiled step of every optimiser trains as the eager one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tests.optim import runs
from tinygrad_np import nn, optim

OPTIONS = {name: max(variants, key=len) for name, variants in runs.OPTIONS.items()}


def trained(name: str, compiled: bool) -> list[Any]:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(16, 3)), rng.normal(size=(16, 1))
    model = nn.Sequential(nn.Linear(3, 4, rng=1), nn.Tanh(), nn.Linear(4, 1, rng=2))
    optimizer = getattr(optim, name)(model.parameters(), **OPTIONS[name])

    def step(X: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = ((model(X) - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    # The first step makes the state, and is taken as it is.
    step(X, y)
    repeat = tg.compile(step) if compiled else step
    for _ in range(12):
        repeat(X, y)
    states = optimizer.state_dict()["state"]
    return [p.numpy() for p in model.parameters()] + [value for own in states.values() for value in own.values()]


@pytest.mark.parametrize("name", OPTIONS)
def test_a_compiled_step_trains_as_the_eager_one(name: str) -> None:
    for compiled, eager in zip(trained(name, True), trained(name, False), strict=True):
        assert np.allclose(compiled, eager, rtol=1e-10, atol=1e-12)
