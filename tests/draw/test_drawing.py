"""The Drawing: saved in every format, shown in a notebook, and what happens where there is no Graphviz."""

from __future__ import annotations

import re
import shutil
import sys
import types
import xml.etree.ElementTree as ElementTree
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, errors

from .networks import chain, circles, diamonds, moons, notebook

pygraphviz = pytest.importorskip("pygraphviz")

BEGINNINGS = {".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF", ".dot": b"digraph", ".html": b"<!DOCTYPE html>"}


@pytest.fixture
def no_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the program nor pygraphviz."""
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "pygraphviz", None)


@pytest.mark.parametrize("suffix", BEGINNINGS)
@pytest.mark.parametrize("network", [moons, circles, notebook])
def test_every_format_is_saved(network: Any, suffix: str, tmp_path: Path) -> None:
    path = tg.draw_graph(network()).save(tmp_path / f"net{suffix}")
    assert path == tmp_path / f"net{suffix}"
    assert path.read_bytes().startswith(BEGINNINGS[suffix])


def test_a_path_is_a_text_too_and_its_suffix_may_be_large(tmp_path: Path) -> None:
    assert tg.draw_graph(moons()).save(f"{tmp_path}/net.SVG") == tmp_path / "net.SVG"


@pytest.mark.parametrize("name", ["net.bmp", "net", ".svgz"])
def test_an_unknown_format_is_refused_before_a_file_is_made(name: str, tmp_path: Path) -> None:
    with pytest.raises(tg.TinygradError, match=r"can't be saved as .*\.svg, \.png, \.pdf, \.dot or \.html") as error:
        tg.draw_graph(moons()).save(tmp_path / name)
    assert isinstance(error.value, ValueError)
    assert list(tmp_path.iterdir()) == []


def test_a_drawing_after_backward_is_the_one_before_with_the_gradients() -> None:
    loss = moons()
    before = tg.draw_graph(loss)
    loss.backward()
    after = tg.draw_graph(loss)
    assert ">grad " not in before.svg
    assert after.svg.count(">grad ") == 6
    assert re.sub(r"<br/><font[^>]*>grad [^<]*</font>", "", after.dot) == before.dot


def test_a_page_stands_alone_and_has_the_picture_and_the_table(tmp_path: Path) -> None:
    W = Tensor([1.0], requires_grad=True, name="<script>alert(1)</script> & {x}")
    drawing = tg.draw_graph(W.sum())
    page = drawing.save(tmp_path / "net.html").read_text(encoding="utf-8")
    links = set(re.findall(r"[a-z]+://[^\"' ]*", page))
    assert links == {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "<script" not in page
    picture = page[page.index("<svg") : page.index("</svg>") + len("</svg>")]
    assert ElementTree.fromstring(picture).tag.endswith("svg")
    table = unescape(page[page.index("<pre>") + len("<pre>") : page.index("</pre>")])
    assert str(drawing).endswith(table)


def test_a_notebook_shows_the_picture() -> None:
    drawing = tg.draw_graph(moons())
    assert drawing._repr_svg_() == drawing.svg
    assert "<svg" in drawing._repr_html_()
    assert "<?xml" not in drawing._repr_html_()


@pytest.mark.usefixtures("no_graphviz")
def test_without_graphviz_the_table_the_text_and_the_notebook_work(tmp_path: Path) -> None:
    drawing = tg.draw_graph(moons())
    assert "loss" in str(drawing)
    assert drawing.save(tmp_path / "net.dot").read_text(encoding="utf-8") == drawing.dot
    assert drawing._repr_svg_() is None
    assert drawing._repr_html_().startswith("<pre>graph of loss:")


@pytest.mark.usefixtures("no_graphviz")
@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf", ".html"])
def test_without_graphviz_the_error_says_what_to_install(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(errors.MissingDependencyError, match="pip install pygraphviz"):
        tg.draw_graph(moons()).save(tmp_path / f"net{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_the_program_draws_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Source:
        def __init__(self, text: str) -> None:
            self.text = text

        def pipe(self, file_format: str) -> bytes:
            return f"{file_format} of {self.text}".encode()

    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setitem(sys.modules, "graphviz", types.SimpleNamespace(Source=Source))
    drawing = tg.draw_graph(moons())
    assert drawing.svg == f"svg of {drawing.dot}"


def test_the_program_without_its_package_leaves_it_to_pygraphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setitem(sys.modules, "graphviz", None)
    assert "<svg" in tg.draw_graph(moons()).svg


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        (np.ones(2), "was given ndarray, .*give the Tensor that was computed"),
        (None, "was given NoneType"),
        ([Tensor(1.0)], "was given list, .*give one of them"),
        (moons, "was given function, .*call it"),
    ],
)
def test_what_is_no_tensor_is_refused_with_advice(output: Any, advice: str) -> None:
    with pytest.raises(tg.TinygradError, match=advice) as error:
        tg.draw_graph(output)
    assert isinstance(error.value, TypeError)
    assert "test_drawing.py line" in str(error.value)


def test_a_constant_is_drawn_alone() -> None:
    assert ">array<" in tg.draw_graph(Tensor(np.ones((2, 3))).detach()).svg
    assert ">(2, 3)<" in tg.draw_graph(Tensor(np.ones((2, 3)), name="X")).svg


def test_a_thousand_operations_are_drawn_whole() -> None:
    drawing = tg.draw_graph(chain(1000))
    assert drawing.svg.count(">tanh<") == 1000


def test_of_more_the_last_are_drawn_and_the_rest_is_counted() -> None:
    drawing = tg.draw_graph(chain(3000))
    assert drawing.svg.count(">tanh<") == 1000
    assert "2,001 earlier values left out" in drawing.svg
    assert tg.draw_graph(chain(30), limit=10).dot.count("tanh ()") == 10
    assert tg.draw_graph(chain(1100), limit=None).dot.count("tanh ()") == 1100


def test_many_paths_are_no_obstacle() -> None:
    assert tg.draw_graph(diamonds(60)).svg.count("</svg>") == 1


def test_a_png_of_a_long_graph_is_no_larger_than_graphviz_can_draw(tmp_path: Path) -> None:
    header = tg.draw_graph(chain(900)).save(tmp_path / "net.png").read_bytes()[:24]
    assert max(int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")) <= 30_000
