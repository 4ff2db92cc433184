"""The table in words: exact for a small graph, aligned for any."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor
from tinygrad_np.draw.snapshot import Vertex
from tinygrad_np.draw.words import formula, one_line, shape_of

from .networks import chain, moons


def without_lines(table: str) -> list[str]:
    return re.sub(r" +test_table.py line \d+| +line$", "", table, flags=re.MULTILINE).splitlines()


def test_a_small_graph() -> None:
    W = Tensor([[1.0, 2.0]], requires_grad=True, name="W")
    b = Tensor(-1.0, requires_grad=True, name="b")
    X: Any = np.ones((3, 1), np.float32)
    Z = (X @ W + b).named("Z")
    loss = (1 - np.tanh(Z)).sum(axis=0).mean().named("loss")
    loss.backward()
    assert without_lines(str(tg.draw_graph(loss))) == [
        "graph of loss: 6 operations, 2 parameters, 1 constant",
        "",
        "id  name  operation    inputs  shape           value  gradient",
        "#1  W     parameter            (1, 2)                 -1.5 to -0.63, norm 1.63",
        "#2  b     parameter            ()              -1     -2.13",
        "#3  X     data                 (3, 1) float32",
        "#4        @            #3, #1  (3, 2)",
        "#5  Z     +            #4, #2  (3, 2)",
        "#6        tanh         #5      (3, 2)",
        "#7        1 - x        1, #6   (3, 2)",
        "#8        sum(axis=0)  #7      (2,)",
        "#9  loss  mean         #8      ()              1.858",
    ]


def test_a_line_for_each_value_and_the_line_of_the_code() -> None:
    drawing = tg.draw_graph(moons())
    lines = str(drawing).splitlines()
    assert len(lines) == 3 + len(drawing.snapshot.vertices)
    assert all(re.search(r"networks.py line \d+$", line) for line in lines[3:] if " data " not in line)


def test_columns_are_aligned_where_letters_are_wide_or_names_break_the_line() -> None:
    t = Tensor([1.0], requires_grad=True, name="損失")
    u = Tensor([1.0], requires_grad=True, name="two\nlines\t\x00")
    lines = str(tg.draw_graph(t + u)).splitlines()
    assert lines[2].startswith("id  name              operation")
    assert lines[3].startswith("#1  損失              parameter")
    assert lines[4].startswith(r"#2  two\nlines\t\x00  parameter")
    assert lines[5].startswith("#3                    +")


def test_what_was_left_out_is_a_line() -> None:
    assert "9 earlier values left out" in str(tg.draw_graph(chain(10), limit=2)).splitlines()[3]


def test_an_unnamed_output_is_called_by_its_id() -> None:
    assert str(tg.draw_graph(chain(2))).startswith("graph of #3: 2 operations, 1 parameter, 0 constants\n")


def test_the_table_is_what_a_console_shows() -> None:
    drawing = tg.draw_graph(moons())
    assert repr(drawing) == str(drawing)
    assert str(drawing).isascii()


@pytest.mark.parametrize(
    ("operation", "operands", "parameters", "written"),
    [
        ("add", (1, 2), (), "+"),
        ("multiply", ("2", 1), (), "2 * x"),
        ("power", (1, "2"), (), "x ** 2"),
        ("negative", (1,), (), "-x"),
        ("absolute", (1,), (), "|x|"),
        ("tanh", (1,), (), "tanh"),
        ("sum", (1,), (("axis", "0"),), "sum(axis=0)"),
        ("maximum", ("0", 1), (), "maximum(0, x)"),
        ("where", (1, 2, "0"), (), "where(x, y, 0)"),
        ("getitem", (1,), (("index", "(:, 0:2)"),), "x[:, 0:2]"),
        ("concatenate", (1, 2), (("axis", "1"), ("ends", "(2, 4)")), "concatenate(axis=1)"),
        ("reshape", (1,), (("shape", "(3, -1)"),), "reshape"),
        ("mine", ("3", 1), (("slope", "0.1"),), "mine(3, x, slope=0.1)"),
    ],
)
def test_operations_are_written_as_in_code(
    operation: str, operands: tuple[int | str, ...], parameters: tuple[tuple[str, str], ...], written: str
) -> None:
    vertex = Vertex(9, "result", None, (2,), "float64", operation, operands, parameters)
    assert formula(vertex) == written


def test_an_unusual_dtype_is_shown() -> None:
    assert shape_of(Vertex(1, "data", None, (2, 3), "float64")) == "(2, 3)"
    assert shape_of(Vertex(1, "data", None, (2, 3), "int64")) == "(2, 3) int64"


@pytest.mark.parametrize("name", ["Z1", "naïve 損失", 'quo"te', "back\\slash"])
def test_a_visible_name_stays(name: str) -> None:
    assert one_line(name) == name


@pytest.mark.parametrize(("name", "written"), [("a\nb", r"a\nb"), ("\x00", r"\x00"), ("\ud800", r"\ud800")])
def test_an_invisible_character_is_escaped(name: str, written: str) -> None:
    assert one_line(name) == written
