"""The Drawing: saved in every format, shown in a notebook, and what happens where there is no Graphviz."""

from __future__ import annotations

import os
import re
import shutil
import sys
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, errors
from tinygrad_np.draw import drawing as drawing_module
from tinygrad_np.draw import render as render_module

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
    loss.backward(retain_graph=True)
    after = tg.draw_graph(loss)
    assert before.svg.count(">grad: not run yet<") == 6
    assert after.svg.count(">grad ") == 6
    gradient = r"<br/><font[^>]*>grad[ :][^<]*</font>"
    assert re.sub(gradient, "", after.dot) == re.sub(gradient, "", before.dot)


def test_a_notebook_is_given_the_page_the_picture_and_the_words() -> None:
    drawing = tg.draw_graph(moons())
    bundle = drawing._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/svg+xml", "text/plain"}
    assert bundle["text/plain"] == str(drawing)
    assert bundle["image/svg+xml"] == drawing.svg
    frame = bundle["text/html"]
    assert frame.startswith("<iframe ")
    assert 'sandbox="allow-scripts"' in frame
    assert unescape(frame[frame.index('srcdoc="') + 8 : frame.rindex('"')]) == drawing.page


@pytest.mark.usefixtures("no_graphviz")
def test_without_graphviz_the_table_the_text_and_the_notebook_work(tmp_path: Path) -> None:
    drawing = tg.draw_graph(moons())
    assert "loss" in str(drawing)
    assert drawing.save(tmp_path / "net.dot").read_text(encoding="utf-8") == drawing.dot
    bundle = drawing._repr_mimebundle_()
    assert bundle["text/html"].startswith("<pre>graph of loss:")
    assert "pip install pygraphviz" in bundle["text/html"]


@pytest.mark.usefixtures("no_graphviz")
@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf", ".html"])
def test_without_graphviz_the_error_says_what_to_install(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(errors.MissingDependencyError, match="pip install pygraphviz"):
        tg.draw_graph(moons()).save(tmp_path / f"net{suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="the program is a shell script here")
def test_the_program_draws_where_it_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "dot"
    program.write_text('#!/bin/sh\necho "drawn with $1"\necho "a remark on fonts" >&2\ncat > /dev/null\n')
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(program))
    assert tg.draw_graph(moons()).svg == "drawn with -Tsvg\n"


@pytest.mark.skipif(os.name != "posix", reason="the program is a shell script here")
def test_what_graphviz_fails_with_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\necho 'out of ink' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(program))
    with pytest.raises(errors.DrawingError, match="out of ink"):
        tg.draw_graph(moons()).save(tmp_path / "net.svg")


def test_graphvizs_own_remarks_do_not_reach_the_user(capfd: pytest.CaptureFixture[str]) -> None:
    tg.draw_graph(chain(1100), limit=None, fold=False)._picture("png")
    assert capfd.readouterr() == ("", "")


def test_a_layout_that_takes_too_long_gives_a_folded_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = drawing_module.render
    asked = []

    def slow_at_first(dot: str, file_format: str) -> bytes:
        asked.append(dot.count("->"))
        if len(asked) == 1:
            raise drawing_module.SlowLayoutError("The layout of the whole graph took more than 5 seconds.")
        return drawn(dot, file_format)

    monkeypatch.setattr(drawing_module, "render", slow_at_first)
    svg = tg.draw_graph(chain(300), fold=False).svg
    assert asked == [300, 2]
    assert "took more than 5 seconds" in svg


def test_a_layout_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render_module, "WAIT", 0.01)
    with pytest.raises(render_module.SlowLayoutError, match="took more than"):
        render_module.render("digraph {a}", "svg")


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        (np.ones(2), "was given ndarray, .*give the Tensor that was computed"),
        (None, "was given NoneType"),
        ([Tensor(1.0)], "was given list, .*one by one"),
        ({"loss": Tensor(1.0)}, "was given dict, .*give one of them"),
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
    drawing = tg.draw_graph(chain(1000), fold=False)
    assert drawing.svg.count(">tanh<") == 1000


def test_of_more_the_last_are_drawn_and_the_rest_is_counted() -> None:
    drawing = tg.draw_graph(chain(3000), fold=False)
    assert drawing.svg.count(">tanh<") == 1000
    assert "2,001 earlier values left out" in drawing.svg
    assert tg.draw_graph(chain(30), limit=10, fold=False).dot.count("tanh ()") == 10
    assert tg.draw_graph(chain(1100), limit=None, fold=False).dot.count("tanh ()") == 1100


def test_many_paths_are_no_obstacle() -> None:
    assert tg.draw_graph(diamonds(60)).svg.count("</svg>") == 1


def test_a_png_of_a_long_graph_is_no_larger_than_graphviz_can_draw(tmp_path: Path) -> None:
    header = tg.draw_graph(chain(900), fold=False).save(tmp_path / "net.png").read_bytes()[:24]
    assert max(int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")) <= 30_000
