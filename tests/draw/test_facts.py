"""What a box says of its numbers, and an arrow of what flows back along it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor
from tinygrad_np.draw.dot import HIGH, LOW
from tinygrad_np.draw.numbers import numbers
from tinygrad_np.draw.snapshot import Vertex
from tinygrad_np.draw.words import VERDICTS

from .networks import moons


def called(name: str, *tensors: Any, **options: Any) -> Vertex:
    return next(vertex for vertex in tg.draw_graph(*tensors, **options).snapshot.vertices if vertex.name == name)


def words(drawing: Any) -> str:
    return re.sub("<[^>]*>", " ", drawing.dot)


def test_small_values_stand_in_full_and_large_ones_as_a_range_and_a_strip() -> None:
    few, many = np.array([[1.0, -2.5]]), np.linspace(-1, 3, 50)
    W = Tensor(1.0, requires_grad=True, name="W")
    drawing = tg.draw_graph((few * W).sum() + (many * W).sum())
    assert "1  \N{MINUS SIGN}2.5" in words(drawing)
    assert "\N{MINUS SIGN}1 … 3" in words(drawing)
    assert "dark is low and light is high" in drawing.dot
    strip = called("many", (many * W).sum()).numbers
    assert strip is not None
    assert strip.strip == tuple(sorted(strip.strip))


def test_dark_is_low_and_light_is_high_in_greyscale_too() -> None:
    assert sum(LOW) < 150
    assert sum(HIGH) > 600


def test_before_a_backward_pass_a_gradient_is_not_zero_but_not_there() -> None:
    drawing = tg.draw_graph(moons())
    assert words(drawing).count("grad: not run yet") == 6
    assert str(drawing).count("not run yet") == 6
    loss = moons()
    loss.backward()
    assert "not run yet" not in words(tg.draw_graph(loss))


def test_gradients_of_all_values_without_a_backward_pass_of_the_users() -> None:
    loss = moons()
    drawing = tg.draw_graph(loss, gradients=True)
    assert all(vertex.gradient is not None for vertex in drawing.snapshot.vertices if vertex.requires_grad)
    assert "not run yet" in words(tg.draw_graph(loss))  # no .grad was touched
    loss.backward()
    kept = tg.draw_graph(loss).snapshot.vertices
    for one, other in zip(drawing.snapshot.vertices, kept, strict=True):
        if other.gradient is not None:
            assert one.gradient == other.gradient


def test_a_gradient_of_zeros_and_one_with_nan_are_marked() -> None:
    x = Tensor([-1.0, -2.0], requires_grad=True, name="x")
    assert "grad 0 everywhere" in words(tg.draw_graph(tg.relu(x).sum(), gradients=True))
    y = Tensor([0.0, 1.0], requires_grad=True, name="y")
    with np.errstate(all="ignore"):
        drawing = tg.draw_graph((y * np.array([np.nan, 1.0])).sum(), gradients=True)
    assert "grad NaN or inf in 1 of 2" in words(drawing)


def test_the_shares_of_what_adds_up_are_those_of_the_norms() -> None:
    x = Tensor([3.0, 4.0], requires_grad=True, name="x")
    loss = (x * 3).sum() + x.sum()
    vertices = tg.draw_graph(loss, gradients=True).snapshot.vertices
    shares = [vertex.shares[0] for vertex in vertices if 1 in vertex.operands]
    assert shares == pytest.approx([0.75, 0.25])
    dot = tg.draw_graph(loss, gradients=True).dot
    assert "75 %" in dot
    assert "25 %" in dot


def test_the_wider_an_arrow_the_more_flows_back() -> None:
    x = Tensor([3.0, 4.0], requires_grad=True, name="x")
    dot = tg.draw_graph((x * 9).sum() + x.sum(), gradients=True).dot
    widths = {name: float(width) for name, width in re.findall(r'id="(e\w+)".*?penwidth=([\d.]+)', dot)}
    assert widths["e2i0"] > widths["e4i0"]


def test_formulas_of_the_local_derivatives_are_shown() -> None:
    text = words(tg.draw_graph(moons(), gradients=True)).replace("\N{MULTIPLICATION SIGN}", "*")
    assert "dZ1 = dA1 * (1 \N{MINUS SIGN} A1**2)" in text


def test_hand_written_gradients_are_marked_and_the_first_wrong_one_is_named() -> None:
    loss = moons()
    right = {step.name: np.array(step.upstream) for step in tg.backward_steps(loss)}
    manual = {"A3": right["A3"], "Z2": 2 * right["Z2"], "W1": 2 * right["W1"]}
    drawing = tg.draw_graph(loss, manual=manual)
    verdicts = {vertex.name: vertex.verdict for vertex in drawing.snapshot.vertices if vertex.verdict}
    assert verdicts == {"A3": "agrees", "Z2": "first to differ", "W1": "differs"}
    assert all(sign in drawing.dot for sign in VERDICTS.values())


def test_the_numbers_of_several_arrays_that_are_drawn_as_one() -> None:
    together = numbers([np.array([1.0, 2.0]), np.array([-3.0, 0.0])])
    assert together is not None
    assert (together.low, together.high, together.norm, together.size) == (-3, 2, pytest.approx(14**0.5), 4)


@pytest.mark.parametrize("extreme", [1e-300, 1e300, np.inf, np.nan])
def test_extreme_numbers_have_a_norm_and_warn_of_nothing(extreme: float) -> None:
    found = numbers([np.array([extreme, -extreme, 0.0])])
    assert found is not None
    assert np.isfinite(found.norm)


def test_an_empty_array_is_drawn() -> None:
    x = Tensor(np.ones((0, 3)), requires_grad=True, name="x")
    assert "(0, 3)" in tg.draw_graph(x.sum(), gradients=True).svg
