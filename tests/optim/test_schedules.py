"""The schedules give PyTorch's rates, epoch by epoch, and go on from a state."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.optim import runs
from tinygrad_np import Tensor, optim
from tinygrad_np.optim import lr_scheduler

FIGURES = json.loads(Path(__file__).with_name("pytorch_figures.json").read_text())["schedules"]


def sgd(momentum: float = 0.9) -> optim.SGD:
    params = [Tensor(values, requires_grad=True) for values in runs.START]
    return optim.SGD([{"params": [p], "lr": lr} for p, lr in zip(params, (0.1, 0.05), strict=True)], momentum=momentum)


@pytest.mark.parametrize("title", FIGURES)
def test_rates_and_momenta_are_those_of_pytorch(title: str) -> None:
    kind, options, *more = runs.SCHEDULES[title]
    assert np.allclose(runs.rates(sgd(), lr_scheduler, kind, options, *more), FIGURES[title], rtol=1e-12, atol=1e-15)
