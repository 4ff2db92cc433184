"""The backward pass step by step: the engine's own numbers, under the user's names, and nothing changed by looking."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tests.draw.networks import chain, circles, diamonds, moons, notebook
from tinygrad_np import Tensor, engine
from tinygrad_np.check.steps import local_derivative
from tinygrad_np.graph import ancestors

NETWORKS = [moons, circles, notebook, lambda: diamonds(60)]


def formulas(loss: Tensor) -> list[str]:
    return [contribution.formula for step in tg.backward_steps(loss) for contribution in step.contributions]


@pytest.mark.parametrize("network", NETWORKS)
def test_as_many_steps_as_the_engine_has_and_its_gradients_to_the_bit(network: Any) -> None:
    loss = network()
    steps = list(tg.backward_steps(loss))
    stream = list(engine.backward_steps(loss._node, np.ones(loss.shape)))
    assert [step.node for step in steps] == [node for node, _, _ in stream]
    for step, (_, upstream, _) in zip(steps, stream, strict=True):
        assert np.array_equal(step.upstream, upstream)
    loss.backward()
    for step in steps:
        if step.operation == "leaf":
            assert np.array_equal(step.upstream, step.node.grad)


@pytest.mark.parametrize("network", NETWORKS)
def test_contributions_add_up_to_the_total_and_the_last_total_is_the_upstream_gradient(network: Any) -> None:
    totals: dict[Any, Any] = {}
    for step in tg.backward_steps(network()):
        if step.node in totals:
            assert np.array_equal(totals.pop(step.node), step.upstream)
        for contribution in step.contributions:
            before = totals.get(contribution.node)
            expected = contribution.value if before is None else before + contribution.value
            assert np.array_equal(contribution.total, expected)
            totals[contribution.node] = contribution.total
    assert not totals


def test_formulas_are_in_the_users_names() -> None:
    assert "dZ1 = dA1 * (1 - A1**2)" in formulas(moons())
    assert "db1 = dZ1.sum(axis=0, keepdims=True)" in formulas(moons())
    assert "dA3 += d(np.log(A3)) / A3" in formulas(moons())


def test_a_formula_evaluates_to_the_contribution() -> None:
    x = Tensor([[0.5, 1.5], [2.0, 3.0]], requires_grad=True, name="x")
    b = Tensor([0.25, 0.5], requires_grad=True, name="b")
    y = (x * b).named("y")
    z = (np.exp(y) / x).named("z")
    steps = list(tg.backward_steps(z.sum()))
    known: dict[str, Any] = {"np": np, "x": x.numpy(), "b": b.numpy(), "y": y.numpy(), "z": z.numpy()}
    known |= {f"d{step.name}": step.upstream for step in steps if step.name.isidentifier()}
    checked = 0
    for step in steps:
        for contribution in step.contributions:
            right = contribution.formula.partition("= ")[2]
            if "d(" not in right and "expand" not in right:
                np.testing.assert_allclose(eval(right, known), contribution.value, rtol=1e-12)
                checked += 1
    assert checked >= 4


def test_an_array_is_called_by_the_variable_that_holds_it() -> None:
    X = np.ones((3, 2))
    W = Tensor(np.ones((2, 1)), requires_grad=True)
    assert "dW = np.dot(X.T, dZ)" in formulas((X @ W).named("Z").sum())


def test_a_value_without_a_name_is_called_by_a_short_expression_or_a_number() -> None:
    x = Tensor(2.0, requires_grad=True, name="x")
    names = [step.name for step in tg.backward_steps((((1 - x) ** 2 + x) * (x - 3) * (2 + x)).named("L"))]
    assert "1 - x" in names
    assert "multiply_6" in names
    assert max(map(len, names)) <= 24


def test_looking_changes_nothing() -> None:
    loss = moons()
    leaves = [node for node in ancestors(loss._node) if node.plan is None]
    list(tg.backward_steps(loss))
    assert all(leaf.grad is None for leaf in leaves)
    loss.backward()
    assert all(leaf.grad is not None for leaf in leaves)


def test_what_a_step_shows_cannot_be_written_to() -> None:
    step = next(tg.backward_steps(moons()))
    with pytest.raises(ValueError, match="read-only"):
        step.upstream[...] = 7


def test_a_step_names_the_line_and_how_the_value_was_made() -> None:
    first, second, *_ = tg.backward_steps(moons())
    assert (first.name, first.operation, first.forward) == ("loss", "negative", "loss = -mean_25")
    assert first.file.endswith("networks.py")
    assert first.line == second.line


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (3.0, "was given float"),
        (Tensor(1.0), "requires a gradient"),
        (Tensor([1.0, 2.0], requires_grad=True) * 2, "scalar"),
    ],
)
def test_what_has_no_backward_pass_is_refused_at_once(given: Any, error: str) -> None:
    with pytest.raises(tg.TinygradError, match=error):
        tg.backward_steps(given)


def test_an_upstream_gradient_may_be_given() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    *_, last = tg.backward_steps(x * x, np.array([1.0, 10.0]))
    assert last.upstream.tolist() == [2.0, 40.0]


def test_the_local_derivative_is_what_the_upstream_gradient_is_multiplied_by() -> None:
    x = Tensor([0.5, 1.0], requires_grad=True, name="x")
    y = np.tanh(x)
    assert np.array_equal(local_derivative(y._node, 0), 1 - np.tanh([0.5, 1.0]) ** 2)
    assert local_derivative(y.sum()._node, 0) is None


def test_a_long_chain_needs_no_recursion() -> None:
    assert sum(1 for _ in tg.backward_steps(chain(5_000))) == 5_001
