"""Where a probability rounds to 0 or 1: the loss is finite, and its gradient right to the last digits."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, getcontext
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, nn

getcontext().prec = 60
LOGITS = [(np.float32, 50.0), (np.float32, 17.5), (np.float64, 800.0), (np.float64, 50.0), (np.float64, 36.5)]


def exactly_sigmoid(z: Any) -> Decimal:
    return 1 / (1 + (-Decimal(float(z))).exp())


def rounded(value: Decimal, dtype: Any) -> Any:
    return dtype(float(value))


BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "BCELoss of a Sigmoid": lambda z, t: nn.BCELoss(reduction="sum")(nn.Sigmoid()(z), t),
    "of its column": lambda z, t: nn.BCELoss(reduction="sum")(tg.sigmoid(z.reshape(-1, 1))[:, 0], t),
    "reshaped, transposed": lambda z, t: tg.binary_cross_entropy(
        tg.sigmoid(z.reshape(1, -1)).T.squeeze(-1), t, reduction="sum"
    ),
    "the method": lambda z, t: tg.binary_cross_entropy(z.sigmoid(), t, reduction="sum"),
    "with logits": lambda z, t: tg.binary_cross_entropy_with_logits(z, t, reduction="sum"),
}


@pytest.mark.parametrize(("dtype", "size"), LOGITS)
@pytest.mark.parametrize("how", BINARY)
def test_binary_cross_entropy(how: str, dtype: Any, size: float) -> None:
    logits = np.array([size, -size, size, -size, 0.5, -3.0], dtype)
    target = np.array([0, 0, 1, 1, 1, 0], dtype)
    z = Tensor(logits, requires_grad=True)
    loss = BINARY[how](z, target)
    loss.backward()
    exact = [-(exactly_sigmoid(x if t else -x)).ln() for x, t in zip(logits, target, strict=True)]
    np.testing.assert_allclose(loss.item(), float(sum(exact)), rtol=4 * np.finfo(dtype).eps)
    slopes = [
        rounded(-exactly_sigmoid(-x) if t else exactly_sigmoid(x), dtype) for x, t in zip(logits, target, strict=True)
    ]
    np.testing.assert_array_max_ulp(z.grad, np.array(slopes, dtype), 4)


CATEGORICAL: dict[str, Callable[[Any, Any], Any]] = {
    "of labels": lambda z, y: tg.cross_entropy(z, y, reduction="sum"),
    "of one-hot probabilities": lambda z, y: nn.CrossEntropyLoss(reduction="sum")(z, np.eye(3, dtype=z.dtype)[y]),
    "NLLLoss of a LogSoftmax": lambda z, y: nn.NLLLoss(reduction="sum")(nn.LogSoftmax(dim=1)(z), y),
    "NLLLoss of the logarithm of a Softmax": lambda z, y: nn.NLLLoss(reduction="sum")(np.log(nn.Softmax(1)(z)), y),
}


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize(("dtype", "size"), LOGITS)
@pytest.mark.parametrize("how", CATEGORICAL)
def test_cross_entropy(how: str, dtype: Any, size: float) -> None:
    logits = np.array([[size, -size, 0], [-size, size, -size], [size, size, -size], [0.5, 1, 2]], dtype)
    labels = np.array([0, 0, 2, 1])
    z = Tensor(logits, requires_grad=True)
    loss = CATEGORICAL[how](z, labels)
    loss.backward()
    assert math.isfinite(loss.item())
    slopes = np.zeros_like(logits)
    for row, label in enumerate(labels):
        powers = [Decimal(float(x)).exp() for x in logits[row]]
        for column in range(3):
            others = sum(powers) - powers[label] if column == label else powers[column]
            slopes[row, column] = rounded((-1 if column == label else 1) * others / sum(powers), dtype)
    np.testing.assert_array_max_ulp(z.grad, slopes, 4)


def test_the_second_derivative_is_right_too() -> None:
    for f in (
        lambda z: tg.binary_cross_entropy(tg.sigmoid(z), np.array([1.0, 0.0, 1.0])),
        lambda z: tg.cross_entropy(z, np.array(1)),
        lambda z: tg.cross_entropy(z, np.array([0.2, 0.3, 0.5])),
    ):
        assert tg.gradcheck(f, np.array([0.3, -1.2, 0.8]))
        assert tg.gradcheck(tg.grad(f), np.array([0.3, -1.2, 0.8]))


def test_a_probability_without_a_history_is_held_above_the_logarithm_of_minus_100() -> None:
    loss = tg.binary_cross_entropy(np.array([0.0, 1.0, 0.25]), np.array([1.0, 1.0, 1.0]), reduction="none")
    np.testing.assert_allclose(loss, [100, 0, math.log(4)])


def test_an_interior_probability_whose_gradient_is_kept_gets_it() -> None:
    z = Tensor([0.3, -1.0], requires_grad=True)
    p = tg.sigmoid(z).retain_grad()
    tg.binary_cross_entropy(p, np.array([1.0, 0.0]), reduction="sum").backward()
    np.testing.assert_allclose(p.grad, [-1 / p.numpy()[0], 1 / (1 - p.numpy()[1])])
    np.testing.assert_allclose(z.grad, p.numpy() - [1, 0])


def test_a_softmax_over_another_axis_is_not_mistaken() -> None:
    z = Tensor([[0.3, -1.0], [0.8, 0.1]], requires_grad=True)
    found = tg.nll_loss(np.log(tg.softmax(z, axis=0)), np.array([0, 1]))
    p = np.exp(z.numpy()) / np.exp(z.numpy()).sum(0)
    np.testing.assert_allclose(found.item(), -np.log(p[[0, 1], [0, 1]]).mean())


def test_an_affine_probability_is_not_mistaken_for_its_sigmoid() -> None:
    z = Tensor([0.3, -1.0], requires_grad=True)
    p = 1 / (1 + np.exp(-z.numpy()))
    loss = tg.binary_cross_entropy(0.5 * tg.sigmoid(z), np.array([1.0, 1.0]), reduction="none")
    np.testing.assert_allclose(loss.numpy(), -np.log(0.5 * p))
