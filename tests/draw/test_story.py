"""The steps as plain data, and the page that carries them: exact, small, closed, and no name in it ever markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor
from tinygrad_np.draw import page as page_module
from tinygrad_np.draw.story import array_data

from .networks import chain, circles, convolutional, moons, notebook, recurrent

WEB = Path(page_module.__file__).parent / "web"

NAMES = [
    "</script><img src=x onerror=alert(1)>",
    "]]>",
    "\u2028",
    "\u202egnol",
    "x" * 10_000,
    "--><!--",
    "{x}",
    "\ud800",
]


def data_of(page: str) -> Any:
    return json.loads(page.partition('id="data">')[2].partition("</script>")[0])


def sentences(loss: Tensor) -> list[str]:
    return [to["sentence"] for step in tg.draw_graph(loss).story.steps for to in step["to"]]


@pytest.mark.parametrize("network", [moons, circles, notebook])
def test_the_steps_of_a_page_are_the_engines_to_the_bit(network: Any) -> None:
    loss = network()
    told = data_of(tg.draw_graph(loss).page)["steps"]
    steps = list(tg.backward_steps(loss))
    assert [step["name"] for step in told] == [step.name for step in steps]
    for one, other in zip(told, steps, strict=True):
        assert np.array_equal(np.array(one["up"]["rows"]).reshape(other.upstream.shape), other.upstream)


@pytest.mark.parametrize("network", [moons, circles, notebook])
def test_contributions_add_up_to_the_sum_shown(network: Any) -> None:
    so_far: dict[int, Any] = {}
    for step in data_of(tg.draw_graph(network()).page)["steps"]:
        if step["id"] in so_far:
            assert np.array_equal(np.array(step["up"]["rows"]), so_far[step["id"]])
        for to in step["to"]:
            value = np.array(to["value"]["rows"])
            expected = so_far[to["id"]] + value if to["id"] in so_far else value
            so_far[to["id"]] = np.array(to["total"]["rows"]) if to["total"] else value
            assert np.array_equal(so_far[to["id"]], expected)


def test_a_sentence_has_the_numbers_in_it() -> None:
    x = Tensor([0.5, -2.0], requires_grad=True, name="x")
    y = np.tanh(x).named("y")
    loss = (y * 3).sum() + y.sum()
    assert sentences(loss)[-1] == "dx = dy * (1 - y**2): at [0] 3.15 = 4 \N{MULTIPLICATION SIGN} 0.786"
    added = [sentence for sentence in sentences(loss) if sentence.startswith("dy +=")]
    assert added == ["dy += d(y * 3) * 3: at [0] 3 = 1 \N{MULTIPLICATION SIGN} 3, added to 1"]


def test_the_sentence_of_a_matrix_product_is_a_sum_of_products() -> None:
    X = np.array([[1.0, 2.0], [3.0, 4.0]])
    W = Tensor([[1.0], [1.0]], requires_grad=True, name="W")
    c = np.array([[10.0], [1.0]])
    times = "\N{MULTIPLICATION SIGN}"
    assert sentences((X @ W * c).sum())[-1].endswith(f": at (1, 0) 24 = 10 {times} 2 + 1 {times} 4")


def test_the_sentence_of_a_bias_is_the_sum_over_the_rows() -> None:
    b = Tensor([[0.0, 0.0]], requires_grad=True, name="b")
    X = Tensor(np.zeros((4, 2)), requires_grad=True, name="X")
    sentence = next(one for one in sentences(((X + b) * np.arange(8.0).reshape(4, 2)).sum()) if one.startswith("db"))
    assert sentence.endswith("at (0, 1) 16 = 1 × 1 + 3 × 1 + 5 × 1 + … (4 products)")  # noqa: RUF001


def test_a_large_array_is_sampled_and_says_so() -> None:
    large = array_data(np.arange(10_000.0).reshape(100, 100))
    assert not large["whole"]
    assert (len(large["rows"]), len(large["rows"][0])) == (12, 12)
    assert (large["low"], large["high"]) == (0, 9999)
    assert array_data(np.arange(100.0))["whole"]


def test_an_array_of_any_shape_is_plain_data() -> None:
    for shape in [(), (0,), (0, 3), (3, 0), (2, 3, 4), (1, 1, 1, 1), (200, 300, 2)]:
        json.dumps(array_data(np.ones(shape)), allow_nan=False)
    assert array_data(np.array([np.inf, np.nan]))["rows"] == [["inf", "nan"]]


def test_a_page_without_data_is_small_and_the_documents_networks_are() -> None:
    assert len(tg.draw_graph(Tensor([1.0], requires_grad=True).sum()).page) < 150_000
    for network in (moons, circles, notebook):
        assert len(tg.draw_graph(network()).page.encode()) < 400_000


@pytest.mark.parametrize("network", [convolutional, recurrent, lambda: chain(300)])
def test_other_networks_have_a_page(network: Any) -> None:
    page = tg.draw_graph(network()).page
    assert page.startswith("<!DOCTYPE html>")


def test_the_policy_forbids_all_but_the_pages_own_script_and_style() -> None:
    page = tg.draw_graph(moons()).page
    policy = re.search(r'Content-Security-Policy"\s+content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; ")
    for tag in ("script", "style"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy[1]
    assert set(re.findall(r"[a-z]+://[^\"' )<]*", page.partition("<template")[2].partition("<script>")[0])) == {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


@pytest.mark.parametrize("name", NAMES)
def test_no_name_is_markup(name: str) -> None:
    page = tg.draw_graph(Tensor([1.0], requires_grad=True, name=name).sum()).page
    assert page.count("<script") == 2
    assert page.count("</script>") == 2
    assert "<img" not in page
    shown = data_of(page)["steps"][-1]["name"]
    assert shown == name


def test_a_page_after_backward_says_why_there_are_no_steps() -> None:
    loss = moons()
    loss.backward()
    assert "freed by an earlier backward pass" in data_of(tg.draw_graph(loss).page)["missing"]


def test_the_same_story_stands_in_words() -> None:
    page = tg.draw_graph(moons()).page
    assert "dZ1 = dA1 * (1 - A1**2): at" in page.partition('id="words"')[2].partition("</pre>")[0]


def test_the_hand_written_gradient_stands_beside_its_step() -> None:
    loss = moons()
    right = {step.name: np.array(step.upstream) for step in tg.backward_steps(loss)}
    steps = data_of(tg.draw_graph(loss, manual={"Z2": -right["Z2"], "A3": right["A3"]}).page)["steps"]
    hands = {step["name"]: step["hand"] for step in steps if step["hand"]}
    assert {name: hand["verdict"] for name, hand in hands.items()} == {"A3": "agrees", "Z2": "first to differ"}
    assert np.array_equal(np.array(hands["Z2"]["value"]["rows"]), -right["Z2"])
    assert "sign" in hands["Z2"]["words"]


def test_the_licences_of_what_the_script_contains_come_along() -> None:
    licences = (WEB / "licences.txt").read_text(encoding="utf-8")
    packages = json.loads((WEB / "package-lock.json").read_text())["packages"]
    bundled = {name.removeprefix("node_modules/") for name in packages if name and "esbuild" not in name}
    for package in bundled:
        assert re.search(rf"^{re.escape(package)} \d", licences, re.MULTILINE), package
        assert package in (WEB / "bundle.js").read_text()[:4000]


@pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm to build the page's script with")
def test_the_script_is_what_its_source_builds(tmp_path: Path) -> None:
    shutil.copytree(WEB, tmp_path / "web", ignore=shutil.ignore_patterns("node_modules", "bundle.js"))
    npm = {"cwd": tmp_path / "web", "capture_output": True, "check": False, "text": True}
    if subprocess.run(["npm", "ci"], **npm).returncode:  # type: ignore[call-overload]
        pytest.skip("npm could not fetch the packages of the page's script")
    built = subprocess.run(["npm", "run", "build"], **npm)  # type: ignore[call-overload]
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "web" / "bundle.js").read_bytes() == (WEB / "bundle.js").read_bytes(), "run npm run build"


def test_the_page_in_the_docs_is_of_this_version() -> None:
    page = (WEB.parents[2] / "docs" / "network.html").read_text(encoding="utf-8")
    for file in ("bundle.js", "page.css"):
        assert (WEB / file).read_text(encoding="utf-8") in page, "run python docs/draw_network.py"
    assert data_of(page)["steps"][0]["name"] == "loss"


def test_infinities_on_the_way_warn_of_nothing() -> None:
    x = Tensor([0.0, 1.0], requires_grad=True, name="x")
    with np.errstate(all="ignore"):
        loss = np.log(x).sum()
    assert len(tg.draw_graph(loss, gradients=True).story.steps) == 3


def test_lazy_values_are_not_computed() -> None:
    array = pytest.importorskip("dask.array")

    def computed(block: Any) -> Any:
        raise AssertionError("computed")

    lazy = array.ones((2, 2)).map_blocks(computed, dtype=float, meta=np.ones((0, 0)))
    loss = (Tensor(lazy, requires_grad=True, name="x") * 2).sum()
    for gradients in (False, True):
        drawing = tg.draw_graph(loss, gradients=gradients)
        assert "(2, 2)" in drawing.dot
        assert not drawing.story.steps
