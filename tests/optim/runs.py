"""The runs whose figures are PyTorch's: each optimiser with its options, each schedule; both sides import this."""

from __future__ import annotations

import math
from typing import Any

STEPS = (1, 2, 10, 100)
EPOCHS = 40
MIDDLE = 15
SHAPES = ((3, 2), (2,))
START = ([[0.5, -1.0], [2.0, 0.1], [-0.3, 0.7]], [1.5, -0.2])
AIM = ([[0.2, 0.4], [-0.6, 0.8], [1.0, -1.2]], [0.3, 0.9])

OPTIONS: dict[str, list[dict[str, Any]]] = {
    "SGD": [
        {"lr": 0.05},
        {"lr": 0.05, "weight_decay": 0.1},
        {"momentum": 0.9},
        {"lr": 0.05, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1},
        {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1},
        {"lr": 0.01, "momentum": 0.5, "maximize": True, "weight_decay": 0.1},
    ],
    "Adam": [
        {},
        {"lr": 0.05, "betas": (0.8, 0.95), "eps": 0.01},
        {"lr": 0.05, "weight_decay": 0.1},
        {"lr": 0.05, "weight_decay": 0.1, "amsgrad": True, "betas": (0.9, 0.7)},
        {"lr": 0.01, "maximize": True, "weight_decay": 0.3},
        {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True},
    ],
    "AdamW": [
        {},
        {"lr": 0.05, "weight_decay": 0.2, "eps": 0.01},
        {"lr": 0.05, "weight_decay": 0.2, "amsgrad": True, "betas": (0.9, 0.7)},
        {"lr": 0.01, "maximize": True, "weight_decay": 0.3},
    ],
    "RMSprop": [
        {},
        {"lr": 0.02, "alpha": 0.9, "eps": 0.01, "weight_decay": 0.1},
        {"lr": 0.02, "momentum": 0.8},
        {"lr": 0.02, "centered": True, "eps": 0.1},
        {"lr": 0.02, "centered": True, "momentum": 0.5, "weight_decay": 0.1, "eps": 0.1, "maximize": True},
    ],
    "Adagrad": [
        {},
        {"lr": 0.3, "lr_decay": 0.1, "eps": 0.01},
        {"lr": 0.3, "weight_decay": 0.1, "initial_accumulator_value": 0.5},
        {"lr": 0.1, "maximize": True},
    ],
    "Adadelta": [
        {},
        {"lr": 0.5, "rho": 0.8, "eps": 0.01},
        {"weight_decay": 0.1, "eps": 0.001},
        {"maximize": True, "eps": 0.001},
    ],
    "Adamax": [
        {},
        {"lr": 0.05, "betas": (0.8, 0.9), "eps": 0.1},
        {"lr": 0.05, "weight_decay": 0.1},
        {"lr": 0.01, "maximize": True},
    ],
    "NAdam": [
        {},
        {"lr": 0.05, "betas": (0.8, 0.95), "eps": 0.01, "momentum_decay": 0.05},
        {"lr": 0.05, "weight_decay": 0.1},
        {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True},
        {"lr": 0.01, "maximize": True},
    ],
    "RAdam": [
        {},
        {"lr": 0.05, "betas": (0.8, 0.69)},
        {"lr": 0.05, "betas": (0.8, 0.95), "eps": 0.01},
        {"lr": 0.05, "weight_decay": 0.1},
        {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True},
        {"lr": 0.01, "maximize": True},
    ],
}

SCHEDULES: dict[str, list[Any]] = {
    "StepLR": ["StepLR", {"step_size": 7, "gamma": 0.5}],
    "MultiStepLR": ["MultiStepLR", {"milestones": [12, 3, 12, 20], "gamma": 0.3}],
    "ExponentialLR": ["ExponentialLR", {"gamma": 0.9}],
    "CosineAnnealingLR": ["CosineAnnealingLR", {"T_max": 15}],
    "CosineAnnealingLR, eta_min": ["CosineAnnealingLR", {"T_max": 10, "eta_min": 0.01}],
    "CosineAnnealingWarmRestarts": ["CosineAnnealingWarmRestarts", {"T_0": 7}],
    "CosineAnnealingWarmRestarts, T_mult": ["CosineAnnealingWarmRestarts", {"T_0": 4, "T_mult": 2, "eta_min": 0.01}],
    "LinearLR": ["LinearLR", {}],
    "LinearLR, down": ["LinearLR", {"start_factor": 0.9, "end_factor": 0.2, "total_iters": 11}],
    "ConstantLR": ["ConstantLR", {}],
    "ConstantLR, factor": ["ConstantLR", {"factor": 0.7, "total_iters": 9}],
    "PolynomialLR": ["PolynomialLR", {}],
    "PolynomialLR, power": ["PolynomialLR", {"total_iters": 20, "power": 2.5}],
    "OneCycleLR": ["OneCycleLR", {"max_lr": 0.4, "total_steps": 40}],
    "OneCycleLR, linear": [
        "OneCycleLR",
        {
            "max_lr": [0.4, 0.2],
            "epochs": 5,
            "steps_per_epoch": 9,
            "anneal_strategy": "linear",
            "pct_start": 0.4,
            "div_factor": 10.0,
        },
    ],
    "OneCycleLR, three phases": [
        "OneCycleLR",
        {
            "max_lr": 0.4,
            "total_steps": 50,
            "three_phase": True,
            "base_momentum": 0.7,
            "max_momentum": 0.9,
            "final_div_factor": 100.0,
        },
    ],
    "OneCycleLR, no momentum": ["OneCycleLR", {"max_lr": 0.4, "total_steps": 41, "cycle_momentum": False}],
    "LambdaLR": ["LambdaLR", {"lr_lambda": "decay"}],
    "ReduceLROnPlateau": ["ReduceLROnPlateau", {"patience": 2, "factor": 0.5}],
    "ReduceLROnPlateau, max": [
        "ReduceLROnPlateau",
        {"mode": "max", "patience": 1, "cooldown": 3, "min_lr": [0.02, 0.0], "threshold": 0.05},
    ],
    "ReduceLROnPlateau, abs": [
        "ReduceLROnPlateau",
        {"patience": 1, "threshold": 0.2, "threshold_mode": "abs", "eps": 0.004},
    ],
    "ReduceLROnPlateau, max abs": [
        "ReduceLROnPlateau",
        {"mode": "max", "patience": 3, "threshold": 0.2, "threshold_mode": "abs"},
    ],
    "SequentialLR": [
        "SequentialLR",
        [
            ["LinearLR", {"start_factor": 0.1, "total_iters": 5}],
            ["CosineAnnealingLR", {"T_max": 20}],
            ["ExponentialLR", {"gamma": 0.8}],
        ],
        [5, 25],
    ],
    "two at a time, one with a floor": [
        "chained",
        [
            ["CosineAnnealingLR", {"T_max": 6, "eta_min": 0.01}],
            ["ExponentialLR", {"gamma": 0.9}],
        ],
    ],
    "two at a time, the second set anew": [
        "chained",
        [
            ["ExponentialLR", {"gamma": 0.9}],
            ["CosineAnnealingWarmRestarts", {"T_0": 5}],
        ],
    ],
    "two at a time, one by a function": [
        "chained",
        [
            ["LambdaLR", {"lr_lambda": "decay"}],
            ["StepLR", {"step_size": 4, "gamma": 0.5}],
        ],
    ],
    "ChainedScheduler": [
        "ChainedScheduler",
        [
            ["ConstantLR", {"factor": 0.1, "total_iters": 3}],
            ["CosineAnnealingLR", {"T_max": 9, "eta_min": 0.02}],
        ],
    ],
    "two at a time": [
        "chained",
        [
            ["LinearLR", {"start_factor": 0.25, "total_iters": 6}],
            ["MultiStepLR", {"milestones": [4, 17], "gamma": 0.5}],
        ],
    ],
}


def gradient(step: int, part: int, values: list[Any]) -> list[Any]:
    """The slope of a bowl around AIM, uneven, with a wind that changes from step to step, at nested lists of values."""

    def slope(value: float, aim: float, place: int) -> float:
        return (0.5 + 0.4 * place) * (value - aim) + 0.3 * math.sin(1.7 * step + place + part)

    if part == 0:
        return [[slope(value, AIM[0][i][j], 2 * i + j) for j, value in enumerate(row)] for i, row in enumerate(values)]
    return [slope(value, AIM[1][j], j) for j, value in enumerate(values)]


def measure(epoch: int) -> float:
    """What a run on a plateau measures: falling by steps, with noise."""
    return 2.0 / (1 + epoch // 9) + 0.2 * math.sin(2.3 * epoch)


def decay(epoch: int) -> float:
    """The factor of the schedule by a function."""
    return 1 / (1 + 0.3 * epoch)


def scheduled(optimizer: Any, schedulers: Any, kind: str, options: Any, *more: Any) -> list[Any]:
    """The schedules of a run; `schedulers` is the module of either side."""

    def made(kind: str, options: dict[str, Any]) -> Any:
        options = {name: decay if value == "decay" else value for name, value in options.items()}
        return getattr(schedulers, kind)(optimizer, **options)

    if kind == "SequentialLR":
        return [schedulers.SequentialLR(optimizer, [made(*each) for each in options], *more)]
    if kind == "ChainedScheduler":
        return [schedulers.ChainedScheduler([made(*each) for each in options])]
    return [made(*each) for each in options] if kind == "chained" else [made(kind, options)]


def rates(optimizer: Any, schedules: list[Any], kind: str, epochs: range) -> list[list[float]]:
    """Learning rate and momentum of each group, epoch by epoch."""
    seen = []
    for epoch in epochs:
        seen.append([group[name] for group in optimizer.param_groups for name in ("lr", "momentum")])
        optimizer.step()
        for schedule in schedules:
            schedule.step(measure(epoch)) if kind == "ReduceLROnPlateau" else schedule.step()
    return seen
