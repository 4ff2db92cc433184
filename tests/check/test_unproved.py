"""Points that prove nothing, gradients that are noise, and sentences that have to be true."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor
from tinygrad_np.check.digits import apart
from tinygrad_np.errors import WrongGradientError


def line(slope: float = 2.0) -> tuple[Tensor, Any, Any]:
    """A straight line through points that lie on it: the residual is 0."""
    X = np.arange(6.0).reshape(6, 1)
    W = Tensor([[2.0]], requires_grad=True, name="W")
    b = Tensor([1.0], requires_grad=True, name="b")
    residual = (X @ W + b - (slope * X + 1)).named("residual")
    return np.mean(residual**2), residual.numpy(), X


class TestUnproved:
    @pytest.mark.parametrize("factor", [1, 7])
    def test_a_residual_of_0_proves_nothing(self, factor: int) -> None:
        loss, residual, X = line()
        manual = {"W": factor * X.T @ residual / 3, "b": factor * residual.sum(0) / 3}
        report = tg.compare_gradients(loss, manual)
        assert not report
        assert report.wrong == []
        assert report.unproved == ["b", "W"]
        assert report["W"].verdict == "proves nothing here"
        assert "b and W prove nothing here" in report["W"].diagnosis
        assert "power (test_unproved.py line" in report["W"].diagnosis
        assert "residual is 0" in report["W"].diagnosis
        assert "Other data, or other weights" in str(report)
        with pytest.raises(WrongGradientError, match="proves nothing here"):
            report.assert_ok()

    def test_other_data_prove_it(self) -> None:
        loss, residual, X = line(3.0)
        assert tg.compare_gradients(loss, {"W": X.T @ residual / 3, "b": residual.sum(0) / 3})

    def test_dead_units_beside_living_ones(self) -> None:
        X = np.array([[1.0, 2.0], [3.0, 1.0]])
        W = Tensor([[-1.0], [-1.0]], requires_grad=True, name="W")
        c = Tensor([1.0], requires_grad=True, name="c")
        loss = np.sum(tg.relu(X @ W)) + np.sum(c * 3)
        report = tg.compare_gradients(loss, {"W": np.zeros((2, 1)), "c": [3.0]})
        assert report
        assert report.unproved == ["W"]
        assert "relu (test_unproved.py line" in report["W"].diagnosis
        assert "1 of 2 proves nothing here" in str(report)

    def test_weights_of_0_after_it(self) -> None:
        W1 = Tensor([[1.0, 2.0]], requires_grad=True, name="W1")
        W2 = Tensor([[0.0], [0.0]], requires_grad=True, name="W2")
        loss = np.sum((np.array([[3.0]]) @ W1) @ W2)
        report = tg.compare_gradients(loss, {"W1": np.zeros((1, 2)), "W2": [[3.0], [6.0]]})
        assert report
        assert report.unproved == ["W1"]
        assert "as W2 is 0" in report["W1"].diagnosis

    def test_a_wrong_one_beside_it_is_wrong(self) -> None:
        loss, residual, X = line()
        report = tg.compare_gradients(loss, {"W": X.T @ residual + 1e-30, "b": residual.sum(0)})
        assert report.wrong == ["W"]
        assert report.unproved == ["b"]


class TestNoise:
    def test_what_is_0_but_for_rounding_may_be_noisier_after_a_gradient_that_is_too_large(self) -> None:
        random = np.random.default_rng(0)
        X = random.normal(size=(50, 3))
        W = Tensor(random.normal(size=(3, 4)), requires_grad=True, name="W")
        b = Tensor(random.normal(size=(1, 4)), requires_grad=True, name="b")
        Z = (X @ W + b).named("Z")
        centred = Z - np.mean(Z, axis=0)
        weights = random.normal(size=(50, 4))
        loss = np.sum(centred * weights)
        for factor in (30, 1000):
            dZ = factor * (weights - weights.mean(0))
            db = dZ.sum(0, keepdims=True) + factor * 3e-14
            report = tg.compare_gradients(loss, {"Z": dZ, "W": X.T @ dZ, "b": db})
            assert report.wrong == ["Z", "W"]
            assert tg.compare_gradients(loss, {"Z": dZ, "W": X.T @ dZ, "b": db + 1e-6}).wrong == ["Z", "b", "W"]

    def test_a_gradient_that_overflowed_in_autograd_is_not_called_wrong(self) -> None:
        z = Tensor(np.array([-20.0, 1.0], np.float16), requires_grad=True, name="z")
        with np.errstate(all="ignore"):
            y = 1 / (1 + np.exp(-z))
            report = tg.compare_gradients(np.sum(y), {"z": y.numpy() * (1 - y.numpy())})
        assert not report
        assert report["z"].verdict == "can't be checked"
        assert "autograd's own gradient is nan at (0,)" in report["z"].diagnosis


class TestSentences:
    def test_rounding_is_not_told_as_a_factor(self) -> None:
        W = Tensor(np.arange(1.0, 7.0).reshape(2, 3), requires_grad=True, name="W")
        noise = 1e-16 * np.sin(np.arange(6.0).reshape(2, 3))
        report = tg.compare_gradients(np.sum(W**2), {"W": noise})
        assert report["W"].diagnosis.startswith("W is 0 but for rounding, and the gradient is not.")

    def test_what_differs_looks_different(self) -> None:
        x = Tensor([-0.0337219, 1.0], requires_grad=True, name="x")
        gradient = 2 * x.numpy()
        report = tg.compare_gradients(np.sum(x**2), {"x": gradient * [1 + 1e-7, 1 + 2e-7]})
        first, second = apart(gradient[0] * (1 + 1e-7), gradient[0])
        assert first != second
        assert "times the gradient" not in report["x"].diagnosis
        at = report["x"].where
        assert at is not None
        assert (
            "it is {}, not {}".format(*apart((gradient * [1 + 1e-7, 1 + 2e-7])[at], gradient[at]))
            in report["x"].diagnosis
        )
        assert "is 1.0000001 times" in tg.compare_gradients(np.sum(x**2), {"x": gradient * (1 + 1e-7)})["x"].diagnosis

    def test_half_of_a_weight_decay_that_the_loss_has(self) -> None:
        W = Tensor(np.random.default_rng(0).normal(size=(3, 2)), requires_grad=True, name="W")
        X = np.random.default_rng(1).normal(size=(5, 3))
        data = X.T @ np.ones((5, 2))
        loss = np.sum(X @ W) + 0.1 * np.sum(W**2)
        half = tg.compare_gradients(loss, {"W": data + 0.1 * W.numpy()})["W"].diagnosis
        assert "has 0.5 times what comes through power" in half
        none = tg.compare_gradients(loss, {"W": data})["W"].diagnosis
        assert "through power" in none
        assert "a weight decay that the loss has not" not in half + none
        extra = tg.compare_gradients(np.sum(X @ W), {W: data + 0.1 * W.numpy()})["W"].diagnosis
        assert "plus 0.1 times W itself: a weight decay that the loss has not" in extra

    def test_the_half_of_a_square_root_is_not_told_as_a_power(self) -> None:
        x = Tensor([1.0, 2.0, 3.0], requires_grad=True, name="x")
        loss = np.sqrt(np.sum(x**2))
        forgotten = tg.compare_gradients(loss, {"x": 2 * x.numpy() / loss.numpy()})["x"].diagnosis
        assert forgotten.startswith("x is 2 times the gradient")
        assert "power" not in forgotten.partition(" The mistake")[0]

    def test_a_rule_that_is_random_is_not_told_as_a_function_that_is(self) -> None:
        random = np.random.default_rng(0)

        @tg.primitive
        def twice(x: Any) -> Any:
            return 2 * x

        @twice.vjp
        def _(g: Any, y: Any, x: Any) -> Any:
            return g * random.normal()

        report = tg.gradcheck(twice, np.array([1.0, 2.0]))
        assert not report
        assert "A gradient rule does not give the same gradient twice" in str(report)
        assert "The function does not give" not in str(report)
