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


def test_a_step_without_a_state_compiles_at_once() -> None:
    def losses(compiled: bool) -> list[float]:
        model = nn.Linear(3, 1, rng=0)
        optimizer = optim.SGD(model.parameters(), lr=0.1)

        def step() -> Any:
            optimizer.zero_grad()
            loss = (model(np.ones((4, 3))) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        repeat = tg.compile(step) if compiled else step
        return [repeat().item() for _ in range(4)]

    assert np.allclose(losses(compiled=True), losses(compiled=False), rtol=1e-12)


@pytest.mark.filterwarnings("ignore::tinygrad_np.errors.CaptureWarning")
def test_a_schedule_between_compiled_steps_is_noticed() -> None:
    def losses(compiled: bool) -> list[float]:
        model = nn.Linear(3, 1, rng=0)
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        schedule = optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=4)

        def step() -> Any:
            optimizer.zero_grad()
            loss = (model(np.ones((4, 3))) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        repeat, seen = tg.compile(step) if compiled else step, []
        for _ in range(5):
            seen.append(repeat().item())
            schedule.step()
        return seen

    assert np.allclose(losses(compiled=True), losses(compiled=False), rtol=1e-12)


def test_what_a_module_is_set_to_between_calls_is_noticed() -> None:
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Flatten()).eval()
    x = np.arange(6.0).reshape(3, 2)
    predict = tg.compile(lambda x: model(x))
    predict(x)
    model[0].eps = 3.0
    assert np.allclose(predict(x).numpy(), x / 2)


def test_gradients_are_clipped_and_means_are_kept_in_a_compiled_step_too() -> None:
    def trained(is_compiled: bool) -> list[Any]:
        model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.BatchNorm1d(4, momentum=None), nn.Linear(4, 1, rng=1))
        optimizer = optim.Adam(model.parameters(), lr=0.1)
        x = np.random.default_rng(0).normal(size=(5, 3))

        def step() -> Any:
            optimizer.zero_grad()
            loss = (model(x) ** 2).mean()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()
            return norm

        run = tg.compile(step, verify="always") if is_compiled else step
        return [*(float(run()) for _ in range(5)), *model.state_dict().values()]

    for one, other in zip(trained(True), trained(False), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)
