"""Initialisers: bounds, deviations, seeds; and how the layers start."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import nn

SHAPE = (40, 30, 3)
IN, OUT = 90, 120

UNIFORM: dict[str, tuple[Callable[..., Any], float, float]] = {
    "uniform_": (nn.init.uniform_, 0, 1),
    "uniform_(-2, 3)": (lambda t, **rng: nn.init.uniform_(t, -2, 3, **rng), -2, 3),
    "xavier": (nn.init.xavier_uniform_, -math.sqrt(6 / (IN + OUT)), math.sqrt(6 / (IN + OUT))),
    "xavier of tanh": (
        lambda t, **rng: nn.init.xavier_uniform_(t, nn.init.calculate_gain("tanh"), **rng),
        -5 / 3 * math.sqrt(6 / (IN + OUT)),
        5 / 3 * math.sqrt(6 / (IN + OUT)),
    ),
    "kaiming": (nn.init.kaiming_uniform_, -math.sqrt(6 / IN), math.sqrt(6 / IN)),
    "kaiming of a slope": (
        lambda t, **rng: nn.init.kaiming_uniform_(t, math.sqrt(5), "fan_out", **rng),
        -1 / math.sqrt(OUT),
        1 / math.sqrt(OUT),
    ),
}


@pytest.mark.parametrize("how", UNIFORM)
def test_uniform_initialisers(how: str) -> None:
    fill, low, high = UNIFORM[how]
    parameter = nn.Parameter(np.zeros(SHAPE))
    assert fill(parameter, rng=0) is parameter
    values = parameter.numpy()
    assert low <= values.min() < low + 0.01 * (high - low)
    assert high - 0.01 * (high - low) < values.max() < high
    assert abs(values.mean() - (low + high) / 2) < 0.02 * (high - low)
    fill(parameter, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(parameter.numpy(), values)


NORMAL: dict[str, tuple[Callable[..., Any], float, float]] = {
    "normal_": (nn.init.normal_, 0, 1),
    "normal_(2, 0.1)": (lambda t, **rng: nn.init.normal_(t, 2, 0.1, **rng), 2, 0.1),
    "xavier": (nn.init.xavier_normal_, 0, math.sqrt(2 / (IN + OUT))),
    "kaiming": (nn.init.kaiming_normal_, 0, math.sqrt(2 / IN)),
    "kaiming of linear": (
        lambda t, **rng: nn.init.kaiming_normal_(t, mode="fan_out", nonlinearity="linear", **rng),
        0,
        math.sqrt(1 / OUT),
    ),
}


@pytest.mark.parametrize("how", NORMAL)
def test_normal_initialisers(how: str) -> None:
    fill, mean, deviation = NORMAL[how]
    values = fill(nn.Parameter(np.zeros(SHAPE)), rng=0).numpy()
    assert abs(values.mean() - mean) < 0.05 * deviation
    assert abs(values.std() / deviation - 1) < 0.03


def test_other_initialisers() -> None:
    parameter = nn.Parameter(np.zeros((3, 5), np.float32))
    np.testing.assert_array_equal(nn.init.constant_(parameter, 3).numpy(), np.full((3, 5), 3.0))
    np.testing.assert_array_equal(nn.init.ones_(parameter).numpy(), np.ones((3, 5)))
    np.testing.assert_array_equal(nn.init.eye_(parameter).numpy(), np.eye(3, 5))
    np.testing.assert_array_equal(nn.init.zeros_(parameter).numpy(), 0)
    assert parameter.dtype == np.float32
    for shape in ((3, 5), (5, 3), (4, 2, 3)):
        W = nn.init.orthogonal_(nn.Parameter(np.zeros(shape)), gain=2, rng=0).numpy().reshape(shape[0], -1)
        product = W @ W.T if W.shape[0] <= W.shape[1] else W.T @ W
        np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)
    values = nn.init.trunc_normal_(nn.Parameter(np.zeros(20000)), 0.1, 1, -0.5, 1.0, rng=0).numpy()
    assert -0.5 <= values.min() < -0.49
    assert 0.99 < values.max() <= 1


def test_gains() -> None:
    gains = {"linear": 1, "conv2d": 1, "sigmoid": 1, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75}
    for name, gain in gains.items():
        assert nn.init.calculate_gain(name) == gain
    assert nn.init.calculate_gain("leaky_relu") == pytest.approx(math.sqrt(2 / (1 + 1e-4)))
    assert nn.init.calculate_gain("leaky_relu", 1) == 1


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: nn.init.xavier_normal_(nn.Parameter(np.zeros(3))), "less than two axes"),
        (lambda: nn.init.orthogonal_(nn.Parameter(np.zeros(3))), "less than two axes"),
        (lambda: nn.init.calculate_gain("sine"), "must be one of 'tanh', 'relu', 'leaky_relu'"),
        (lambda: nn.init.kaiming_normal_(nn.Parameter(np.zeros((2, 2))), mode="fan"), "must be one of"),
        (lambda: nn.init.trunc_normal_(nn.Parameter(np.zeros(3)), 0, 1, 50, 60), "next to nothing"),
    ],
)
def test_what_can_not_be_initialised(wrong: Any, sentence: str) -> None:
    with pytest.raises(tg.TinygradError, match=sentence):
        wrong()


@pytest.mark.parametrize(
    ("module", "bound"),
    [
        (lambda: nn.Linear(25, 400, rng=0), 1 / 5),
        (lambda: nn.Bilinear(16, 20, 30, rng=0), 1 / 4),
        (lambda: nn.Conv2d(8, 200, 3, groups=2, rng=0), 1 / 6),
        (lambda: nn.ConvTranspose1d(50, 8, 8, groups=2, rng=0), 1 / math.sqrt(32)),
        (lambda: nn.GRU(20, 64, rng=0), 1 / 8),
    ],
)
def test_layers_start_as_pytorchs(module: Callable[[], nn.Module], bound: float) -> None:
    for parameter in module().parameters():
        values = parameter.numpy()
        assert np.abs(values).max() < bound
        if values.size > 100:
            assert np.abs(values).max() > 0.97 * bound
            assert abs(values.std() / (bound / math.sqrt(3)) - 1) < 0.12


def test_others_start_as_pytorchs() -> None:
    attention = nn.MultiheadAttention(30, 3, rng=0)
    bound = math.sqrt(6 / 120)
    assert 0.98 * bound < np.abs(attention.in_proj_weight.numpy()).max() < bound
    for bias in (attention.in_proj_bias, attention.out_proj.bias):
        np.testing.assert_array_equal(bias.numpy(), 0)
    assert abs(nn.Embedding(100, 100, rng=0).weight.numpy().std() - 1) < 0.02
    norm = nn.BatchNorm2d(3)
    assert {name: set(value.ravel()) for name, value in norm.state_dict().items()} == {
        "weight": {1.0},
        "bias": {0.0},
        "running_mean": {0.0},
        "running_var": {1.0},
        "num_batches_tracked": {0},
    }
