"""Two graphs compared: new, gone, changed."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor

from .networks import moons


def test_the_same_graph_twice() -> None:
    difference = tg.compare_graphs(moons(), moons())
    assert not difference
    assert str(difference) == "The two graphs are the same."


def test_what_is_new_and_what_is_gone() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    difference = tg.compare_graphs(np.tanh(x).named("t").sum().named("y"), np.exp(x).named("e").sum().named("y"))
    assert difference.new == ("e (2,) (exp(x))",)
    assert difference.gone == ("t (2,) (tanh(x))",)
    assert difference.changed[0].startswith("y: sum(t) before, now sum(e)")
    assert ">new<" in difference.drawing.svg
    assert "gone: t" in difference.drawing.svg


def test_changed_values_and_gradients_after_a_step_of_training() -> None:
    W = Tensor([1.0, 2.0], requires_grad=True, name="W")
    loss = (W * W).sum().named("loss")
    loss.backward(retain_graph=True)
    before = tg.draw_graph(loss)
    W.data -= 0.1 * W.grad
    W.zero_grad()
    loss = (W * W).sum().named("loss")
    loss.backward(retain_graph=True)
    difference = tg.compare_graphs(before, loss)
    assert difference.changed[0].startswith(
        "W: value 1 … 2, norm 2.24 before, now 0.8 … 1.6, norm 1.79; gradient 2 … 4"
    )
    assert "loss: value 5 before, now 3.2" in str(difference)
    assert not difference.new
    assert not difference.gone


def test_another_shape_and_another_option() -> None:
    x = Tensor(np.ones((2, 3)), requires_grad=True, name="x")
    difference = tg.compare_graphs(x.sum(axis=0).named("s"), x.sum(axis=1).named("s"))
    assert "s: shape (3,) before, now (2,); options axis=0 before, now axis=1" in str(difference)


def test_what_is_not_a_graph_is_refused() -> None:
    with pytest.raises(tg.TinygradError, match="was given float"):
        tg.compare_graphs(1.0, moons())  # type: ignore[arg-type]


def test_a_long_chain_is_compared_in_linear_time() -> None:
    x = Tensor(1.0, requires_grad=True, name="x")
    for _ in range(3000):
        x = x.tanh()
    assert tg.compare_graphs(x, x + 1).new
