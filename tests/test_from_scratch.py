"""The page that shows the idea does what the library does."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

import from_scratch as scratch

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("function", scratch.RULES, ids=lambda function: function.__name__)
def test_each_rule_gives_the_library_s_gradients(function: Any) -> None:
    shapes = [(3, 3), (3, 3) if function is np.matmul else (1, 3)]
    given = [RANDOM.uniform(0.5, 2, shape) for shape in shapes[: getattr(function, "nin", 1)]]
    weights = RANDOM.normal(size=np.shape(function(*given)))
    if function is np.power:
        given = [given[0], 3.0]
    ours = [tg.Tensor(value, requires_grad=isinstance(value, np.ndarray)) for value in given]
    np.sum(function(*ours) * weights).backward()
    theirs = [scratch.Tensor(value) if isinstance(value, np.ndarray) else value for value in given]
    np.sum(function(*theirs) * weights).backward()
    for one, other in zip(ours, theirs, strict=True):
        if isinstance(other, scratch.Tensor):
            np.testing.assert_allclose(other.grad, one.grad, rtol=1e-13)


def test_a_network_gets_the_library_s_gradients() -> None:
    X, Y = RANDOM.normal(size=(8, 2)), RANDOM.normal(size=(8, 1))
    values = [RANDOM.normal(size=(2, 3)), np.zeros((1, 3)), RANDOM.normal(size=(3, 1))]

    def loss(W1: Any, b1: Any, W2: Any) -> Any:
        Z1 = X @ W1 + b1
        return np.sum((np.tanh(Z1) @ W2 - Y) ** 2) / 8 + np.sum(W1 * W1)

    theirs = [scratch.Tensor(value) for value in values]
    loss(*theirs).backward()
    for tensor, gradient in zip(theirs, tg.grad(loss, (0, 1, 2))(*values), strict=True):
        np.testing.assert_allclose(tensor.grad, gradient, rtol=1e-12)


@pytest.mark.parametrize("f", [np.tanh, np.exp, lambda x: x**3 / np.log(x + 2)])
def test_rules_record_themselves_for_a_second_and_a_third_derivative(f: Any) -> None:
    second, third = scratch.grad(scratch.grad(f)), scratch.grad(scratch.grad(scratch.grad(f)))
    assert float(second(scratch.Tensor(0.5)).data) == pytest.approx(float(tg.grad(tg.grad(f))(0.5)), rel=1e-12)
    assert float(third(scratch.Tensor(0.5)).data) == pytest.approx(float(tg.grad(tg.grad(tg.grad(f)))(0.5)), rel=1e-12)


def test_a_value_used_twice_adds_up_and_is_drawn_once() -> None:
    x = scratch.Tensor(3.0, name="x")
    y = x * x + x
    y.backward()
    assert float(x.grad) == 7
    assert scratch.dot(y).count("label=") == 3
    assert scratch.dot(y).count("->") == 5 - 1
