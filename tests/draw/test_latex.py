"""The chain rule as on the blackboard."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.draw.latex import expression

from .networks import circles, moons, notebook


@pytest.mark.parametrize(
    ("python", "latex"),
    [
        ("a + b * c", r"a + b \odot c"),
        ("(a + b) * c", r"(a + b) \odot c"),
        ("a - (b - c)", "a - (b - c)"),
        ("-a / b", r"\frac{-a}{b}"),
        ("2 * x", r"2 \cdot x"),
        ("np.exp(-Z1)", r"\exp(-Z_{1})"),
        ("x.T @ dy", r"x^{\top} \, \mathrm{d}y"),
        ("dZ1.sum(axis=0, keepdims=True)", r"\textstyle\sum_{\text{axis }0} \mathrm{d}Z_{1}"),
        ("dA * (y > 0)", r"\mathrm{d}A \odot \mathbf{1}[y > 0]"),
        ("np.square(a)", "a^{2}"),
        ("np.where(a, b, 0)", r"\operatorname{where}(a, b, 0)"),
        ("not python at all", r"\text{not python at all}"),
    ],
)
def test_expressions(python: str, latex: str) -> None:
    assert expression(python) == latex


@pytest.mark.parametrize("network", [moons, circles, notebook])
def test_the_documents_networks(network: object) -> None:
    text = tg.draw_graph(network()).latex()  # type: ignore[operator]
    assert text.startswith("\\begin{align*}\n")
    assert text.endswith("\n\\end{align*}")
    assert text.count("{") == text.count("}")
    assert text.count("&") == len(text.splitlines()) - 2


def test_the_rule_of_tanh() -> None:
    assert r"\mathrm{d}Z_{1} &= \mathrm{d}A_{1} \odot (1 - A_{1}^{2})" in tg.draw_graph(moons()).latex()


def test_without_a_backward_pass_it_is_said_why() -> None:
    loss = moons()
    loss.backward()
    with pytest.raises(tg.TinygradError, match="freed"):
        tg.draw_graph(loss).latex()
    with pytest.raises(tg.TinygradError, match="nothing here requires a gradient"):
        tg.draw_graph(tg.Tensor(np.ones(2))).latex()
