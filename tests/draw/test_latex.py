"""The chain rule as on the blackboard."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.program.emit.mathematics import LATEX, MATHML

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
    assert LATEX.expression(python) == latex


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


@pytest.mark.parametrize(
    ("python", "mathml"),
    [
        ("a + b", "<mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow>"),
        ("x**2", "<msup><mi>x</mi><mn>2</mn></msup>"),
        (
            "dZ1 / n",
            '<mfrac><mrow><mi mathvariant="normal">d</mi><msub><mi>Z</mi><mi>1</mi></msub></mrow><mi>n</mi></mfrac>',
        ),
        ("'<script>'", "<mn>&lt;script&gt;</mn>"),
        ("theta.T", "<msup><mi>\u03b8</mi><mo>\u22a4</mo></msup>"),
    ],
)
def test_expressions_in_mathml(python: str, mathml: str) -> None:
    assert MATHML.expression(python) == mathml


@pytest.mark.parametrize("network", [moons, circles, notebook])
def test_a_page_can_read_what_a_drawing_says(network: object) -> None:
    drawing = tg.draw_graph(network())  # type: ignore[operator]
    table = ElementTree.fromstring(drawing.mathml())[0]
    assert len(table) == len(drawing.latex().splitlines()) - 2
    assert all(len(row) == 2 for row in table)
    for element in table.iter():
        kind = element.tag.rpartition("}")[2]
        assert kind not in ("mfrac", "msup", "msub") or len(element) == 2


def test_a_program_says_its_formulas() -> None:
    X, Y = np.linspace(-1, 1, 60).reshape(30, 2), np.ones((30, 1))

    def loss(W1: np.ndarray, W2: np.ndarray) -> np.ndarray:
        A1 = np.tanh(np.dot(X, W1))
        return np.mean((np.dot(A1, W2) - Y) ** 2)

    step = tg.compile(tg.value_and_grad(loss, (0, 1)))
    step(np.ones((2, 3)), np.ones((3, 1)))
    written = step.program.latex()
    assert r"A_{1} &= \tanh(" in written
    assert r"\mathrm{d}W_{2} &= A_{1}^{\top} \," in written
    assert r"\odot (1 - A_{1}^{2})" in written
    assert written.count("&") == len(written.splitlines()) - 2
    assert len(ElementTree.fromstring(step.program.mathml())[0]) == len(written.splitlines()) - 2
