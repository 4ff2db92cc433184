"""The DOT text: Graphviz reads back the graph that was drawn, whatever the names, and lays it out as promised."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from html import unescape
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor
from tinygrad_np.draw.dot import LONGEST_NAME
from tinygrad_np.draw.passes import REPEATED_INPUT, REPEATED_RESULT

from .networks import chain, circles, diamonds, moons, notebook

pygraphviz = pytest.importorskip("pygraphviz")

SVG = "{http://www.w3.org/2000/svg}"
TITLE = "{http://www.w3.org/1999/xlink}title"

TIMES, MINUS = "\N{MULTIPLICATION SIGN}", "\N{MINUS SIGN}"

NAMES = [
    'quo"te', '"', "back\\slash", "\\", "two\\\\", r"\N\G\E\T\H\L\l\n\r", '\\"', "<b>bold</b>", "&", "&amp;", "&lt;",
    "&#92;", "{a|b}", "--> ]]>", "two\nlines", "\x00\t", "損失 ∂L/∂W é", "\ud800", "'", "100 %", "]; evil -> n1",
    "W1>]; x [label=<",
]  # fmt: skip


def parsed(tensor: Tensor) -> Any:
    return pygraphviz.AGraph(string=tg.draw_graph(tensor, fold=False).dot)


def laid_out(tensor: Tensor) -> Any:
    graph = parsed(tensor)
    graph.layout(prog="dot")
    return graph


def label(graph: Any, identity: str) -> str:
    """The text of a box, without its tags."""
    return unescape(re.sub("<[^>]*>", " ", graph.get_node(identity).attr["label"].strip("<>")))


def middle(graph: Any, identity: str) -> tuple[float, float]:
    across, up = graph.get_node(identity).attr["pos"].split(",")
    return float(across), float(up)


def arrow_tip(graph: Any, tail: str, head: str) -> tuple[float, float]:
    across, up = graph.get_edge(tail, head).attr["pos"].removeprefix("e,").split(" ")[0].split(",")
    return float(across), float(up)


def svg_texts(tensor: Tensor) -> tuple[list[str], list[str]]:
    """The texts of a picture, and its tooltips."""
    root = ElementTree.fromstring(tg.draw_graph(tensor, fold=False).svg)
    texts = [element.text or "" for element in root.iter(f"{SVG}text")]
    return texts, [element.attrib[TITLE] for element in root.iter(f"{SVG}a")]


@pytest.mark.parametrize("network", [moons, circles, notebook, lambda: diamonds(60), lambda: chain(1000)])
def test_graphviz_reads_back_the_graph(network: Callable[[], Tensor]) -> None:
    loss = network()
    graph = parsed(loss)
    vertices = tg.draw_graph(loss, limit=None, fold=False).snapshot.vertices
    assert graph.nodes() == [f"n{vertex.id}" for vertex in vertices]
    edges = [
        (f"n{operand}", f"n{vertex.id}")
        for vertex in vertices
        for operand in vertex.operands
        if isinstance(operand, int)
    ]
    assert sorted(graph.edges()) == sorted(edges)


def test_the_same_graph_gives_the_same_text() -> None:
    text = tg.draw_graph(moons()).dot
    chain(10)
    assert tg.draw_graph(moons()).dot == text
    loss = moons()
    assert tg.draw_graph(loss).dot == tg.draw_graph(loss).dot


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_drawn_as_it_is(name: str) -> None:
    W = Tensor([1.0], requires_grad=True, name=name)
    assert parsed(W.sum()).nodes() == ["n1", "n2"]
    visible = name if name.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)
    texts, tooltips = svg_texts(W.sum())
    assert visible in texts
    assert tooltips[0].startswith(f"{visible}: parameter (1,) float64, test_dot.py line ")


def test_a_long_name_is_cut_in_the_box_and_whole_in_the_tooltip() -> None:
    texts, tooltips = svg_texts(Tensor([1.0], requires_grad=True, name="W" * 100).sum())
    assert "W" * (LONGEST_NAME - 1) + "…" in texts
    assert tooltips[0].startswith("W" * 100 + ":")


def test_what_the_boxes_say() -> None:
    loss = moons()
    loss.backward()
    graph = parsed(loss)
    words = " ".join(label(graph, identity) for identity in graph.nodes()).split()
    assert {"W1", "Z1", "A3", "loss", "tanh", "log", "mean", TIMES, f"{MINUS}x", "grad"} <= set(words)
    assert re.search(r"W1 +\(2, 5\) +grad .* … .*, norm \d", label(graph, "n1"))
    assert re.search(rf"b3 .*grad {MINUS}?\d", label(graph, "n6"))
    last = label(graph, graph.nodes()[-1])
    assert f"= {loss.item():.4g}" in last.replace(MINUS, "-")


def test_each_kind_looks_different_without_colour() -> None:
    W = Tensor([1.0], requires_grad=True, name="W")
    ones: Any = np.ones(1)
    graph = parsed((ones * W).named("Z").exp().sum())
    labels = [node.attr["label"] for node in graph.nodes()]
    styles = {(*re.findall(r'<table border="(\d)"[^>]*style="([^"]*)"', text), "<b>" in text) for text in labels}
    assert len(styles) == len(labels) == 5


def test_solid_arrows_carry_gradients_and_dashed_ones_do_not() -> None:
    W = Tensor([1.0], requires_grad=True, name="W")
    graph = parsed(W * np.ones(1))
    assert graph.get_edge("n1", "n3").attr["style"] in (None, "")
    assert graph.get_edge("n2", "n3").attr["style"] == "dashed"


@pytest.mark.parametrize("network", [moons, circles, notebook])
def test_values_flow_down(network: Callable[[], Tensor]) -> None:
    graph = laid_out(network())
    for tail, head in graph.edges():
        assert middle(graph, tail)[1] > middle(graph, head)[1]


@pytest.mark.parametrize("network", [moons, circles, notebook])
def test_operands_arrive_from_left_to_right_as_they_are_written(network: Callable[[], Tensor]) -> None:
    loss = network()
    graph = laid_out(loss)
    for vertex in tg.draw_graph(loss).snapshot.vertices:
        operands = [f"n{operand}" for operand in vertex.operands if isinstance(operand, int)]
        tips = [arrow_tip(graph, operand, f"n{vertex.id}")[0] for operand in operands]
        assert tips == sorted(tips)


def test_the_layers_stand_straight_above_each_other() -> None:
    loss = moons()
    graph = laid_out(loss)
    ids = {vertex.name: f"n{vertex.id}" for vertex in tg.draw_graph(loss).snapshot.vertices}
    across = [middle(graph, ids[name])[0] for name in ("Z1", "A1", "Z2", "A2", "Z3")]
    assert max(across) - min(across) < 2


@pytest.mark.parametrize("input_first", [True, False])
def test_the_flow_arrives_in_the_middle_and_an_input_at_its_side(input_first: bool) -> None:
    c = Tensor([1.0], name="c")
    h = Tensor([1.0], requires_grad=True, name="x").exp()
    graph = laid_out(c * h if input_first else h * c)
    centre = middle(graph, "n4")[0]
    assert arrow_tip(graph, "n3", "n4")[0] == pytest.approx(centre, abs=1)
    assert (arrow_tip(graph, "n1", "n4")[0] < centre - 5) == input_first
    assert (arrow_tip(graph, "n1", "n4")[0] > centre + 5) != input_first


def test_the_legend_names_what_occurs_and_nothing_else() -> None:
    texts, _ = svg_texts(moons())
    assert {"parameter", "data", "operation", "named result", "output"} <= set(texts)
    texts, _ = svg_texts(Tensor([1.0], requires_grad=True, name="W").sum())
    assert "data" not in texts
    assert "left out" in svg_texts(chain(1001))[0]


def test_inputs_and_results_that_are_used_often_are_repeated() -> None:
    x = Tensor(0.5, requires_grad=True, name="x")
    h = x.tanh().named("h")
    total = h.exp()
    for _ in range(REPEATED_RESULT):
        total = total + h * x
    texts, _ = svg_texts(total)
    assert texts.count("x") == REPEATED_RESULT + 1
    assert texts.count("h") == 1 + REPEATED_RESULT + 1
    assert texts.count(f"used {REPEATED_RESULT + 1} times") == texts.count("x") + texts.count("h")
    assert REPEATED_INPUT < REPEATED_RESULT
