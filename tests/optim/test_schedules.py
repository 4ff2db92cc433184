"""The schedules give PyTorch's rates, epoch by epoch, and go on from a state."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tests.optim import runs
from tinygrad_np import Tensor, optim
from tinygrad_np.errors import ParameterError, StateError
from tinygrad_np.optim import lr_scheduler

FIGURES = json.loads(Path(__file__).with_name("pytorch_figures.json").read_text())["schedules"]


def sgd(momentum: float = 0.9) -> optim.SGD:
    params = [Tensor(values, requires_grad=True) for values in runs.START]
    return optim.SGD([{"params": [p], "lr": lr} for p, lr in zip(params, (0.1, 0.05), strict=True)], momentum=momentum)


def run_of(title: str, optimizer: Any) -> tuple[str, list[Any]]:
    run = runs.SCHEDULES[title]
    return run[0], runs.scheduled(optimizer, lr_scheduler, *run)


def agree(found: Any, figures: Any) -> bool:
    return np.allclose(found, figures, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("title", FIGURES)
def test_rates_and_momenta_are_those_of_pytorch(title: str) -> None:
    optimizer = sgd()
    kind, schedules = run_of(title, optimizer)
    assert agree(runs.rates(optimizer, schedules, kind, range(runs.EPOCHS)), FIGURES[title]["rates"])


@pytest.mark.parametrize("title", FIGURES)
def test_a_state_of_pytorchs_is_gone_on_from(title: str) -> None:
    optimizer = sgd()
    kind, schedules = run_of(title, optimizer)
    for index, group in enumerate(optimizer.param_groups):
        group["lr"], group["momentum"] = FIGURES[title]["rates"][runs.MIDDLE][2 * index : 2 * index + 2]
    for schedule, state in zip(schedules, FIGURES[title]["states"], strict=True):
        if "milestones" in state:
            state["milestones"] = {int(epoch): count for epoch, count in state["milestones"].items()}
        schedule.load_state_dict(state)
    found = runs.rates(optimizer, schedules, kind, range(runs.MIDDLE, runs.EPOCHS))
    assert agree(found, FIGURES[title]["rates"][runs.MIDDLE :])


@pytest.mark.parametrize("title", FIGURES)
def test_a_state_of_ours_goes_on_to_the_bit(title: str, tmp_path: Path) -> None:
    optimizer, other = sgd(), sgd()
    kind, schedules = run_of(title, optimizer)
    runs.rates(optimizer, schedules, kind, range(runs.MIDDLE))
    tg.save([optimizer.state_dict(), *(schedule.state_dict() for schedule in schedules)], tmp_path / "x.npz")
    _, others = run_of(title, other)
    for part, state in zip([other, *others], tg.load(tmp_path / "x.npz"), strict=True):
        part.load_state_dict(state)
    rest = range(runs.MIDDLE, runs.EPOCHS)
    assert runs.rates(other, others, kind, rest) == runs.rates(optimizer, schedules, kind, rest)


def test_fractions_of_an_epoch_are_restarts_own() -> None:
    optimizer = sgd()
    schedule = lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2)
    schedule.step(2.5)
    assert agree(schedule.get_last_lr(), [0.1 * (1 + np.cos(np.pi / 4)) / 2, 0.05 * (1 + np.cos(np.pi / 4)) / 2])


def test_a_rate_that_was_changed_by_hand_stays_a_factor() -> None:
    optimizer = sgd()
    schedule = lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    for group in optimizer.param_groups:
        group["lr"] *= 0.1
    schedule.step()
    assert agree(schedule.get_last_lr(), [0.005, 0.0025])


def test_a_schedule_of_ones_own_is_one_formula() -> None:
    class InverseRoot(lr_scheduler.LRScheduler):
        def rate(self, base: float, epoch: float, power: float) -> float:
            return base / (1 + epoch) ** power

    schedule = InverseRoot(sgd(), power=0.5)
    for _ in range(3):
        schedule.step()
    assert agree(schedule.get_last_lr(), [0.05, 0.025])


REFUSED: list[tuple[Any, str]] = [
    (lambda o: lr_scheduler.StepLR([], 3), "StepLR was given a list"),
    (lambda o: lr_scheduler.StepLR(o, 0), "step_size=0"),
    (lambda o: lr_scheduler.StepLR(o), "StepLR.optimizer, step_size, gamma=0.1, last_epoch=-1.*missing"),
    (lambda o: lr_scheduler.LinearLR(o, start_factor=0), "start above 0"),
    (lambda o: lr_scheduler.LambdaLR(o, [lambda epoch: 1.0]), "1 functions for 2 groups"),
    (lambda o: lr_scheduler.OneCycleLR(o, 0.1), "needs total_steps"),
    (lambda o: lr_scheduler.OneCycleLR(o, [0.1], total_steps=5), "1 values were given for 2 groups"),
    (lambda o: lr_scheduler.OneCycleLR(o, 0.1, total_steps=5, anneal_strategy="line"), "'cos' or 'linear'"),
    (lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=1.5), "factor below 1"),
    (lambda o: lr_scheduler.ReduceLROnPlateau(o).step(), "goes by a measure"),
    (lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.LinearLR(o)], [3]), "1 schedules and 1 milestones"),
    (lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.LinearLR(sgd())], []), "of its own optimiser"),
    (lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.ReduceLROnPlateau(o)], []), "can't lead ReduceLROnPlateau"),
    (lambda o: lr_scheduler.OneCycleLR(optim.Adagrad([Tensor([1.0])]), 0.1, total_steps=3), "Adagrad has no momentum"),
    (lambda o: lr_scheduler.StepLR(o, 3).load_state_dict({}), "lacks _last_lr, base_lrs and last_epoch"),
    (lambda o: lr_scheduler.StepLR(o, 3).load_state_dict(one_group()), "has 1 groups"),
]


def one_group() -> Any:
    return lr_scheduler.StepLR(optim.SGD([Tensor([1.0], requires_grad=True)]), 3).state_dict()


@pytest.mark.parametrize(("misuse", "sentence"), REFUSED, ids=[sentence for _, sentence in REFUSED])
def test_a_misuse_is_a_sentence(misuse: Any, sentence: str) -> None:
    with pytest.raises((ParameterError, StateError), match=sentence):
        misuse(sgd())


def test_one_cycle_says_when_it_is_over() -> None:
    schedule = lr_scheduler.OneCycleLR(sgd(), 0.1, total_steps=3)
    for _ in range(3):
        schedule.step()
    with pytest.raises(ParameterError, match="made for 3 steps"):
        schedule.step()


def test_one_cycle_may_start_at_its_peak() -> None:
    schedule = lr_scheduler.OneCycleLR(sgd(), 0.1, total_steps=10, pct_start=0.1)
    assert agree(schedule.get_last_lr(), [0.1, 0.1])
