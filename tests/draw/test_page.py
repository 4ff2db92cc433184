"""The stepping page in a real browser; where there is no Chromium these tests are skipped."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor

from .networks import chain, moons, recurrent
from .test_story import NAMES, data_of

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright, which drives the browser, is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium to open the page in")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


class Opened:
    """A page that was saved and opened offline, with the complaints and the requests of the browser."""

    def __init__(self, browser: Any, path: Path, fragment: str = "", **options: Any) -> None:
        self.context = browser.new_context(offline=True, **options)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"a dialog: {dialog.message}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(f"{path.as_uri()}{fragment}")
        self.page.wait_for_selector(".picture svg")

    @property
    def at(self) -> int:
        return int(self.page.text_content("output").split("/")[0])

    @property
    def said(self) -> str:
        return str(self.page.text_content("header [role=status]"))

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
        # What a key changes is drawn in the frame that follows.
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")

    def plays_to(self, step: int) -> None:
        """Let the page's clock run until it shows this step."""
        for _ in range(60):
            if self.at == step:
                return
            self.page.clock.run_for(500)
        assert self.at == step

    @property
    def dom(self) -> str:
        return str(self.page.evaluate("() => document.querySelector('#app').innerHTML"))


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Any]:
    contexts: list[Any] = []

    def open_page(drawing: Any, fragment: str = "", **options: Any) -> Opened:
        one = Opened(browser, drawing.save(tmp_path / "net.html"), fragment, **options)
        contexts.append(one.context)
        return one

    yield open_page
    for context in contexts:
        context.close()


def checked() -> Any:
    """A drawing with hand-written gradients, some of them wrong."""
    loss = moons()
    right = {step.name: np.array(step.upstream) for step in tg.backward_steps(loss)}
    return tg.draw_graph(loss, manual={"A3": right["A3"], "Z2": -right["Z2"], "W1": right["W1"] * 2}, gradients=True)


def test_stepping_to_the_end_shows_every_gradient_to_the_bit(opened: Any) -> None:
    loss = moons()
    drawing = tg.draw_graph(loss)
    page = opened(drawing)
    loss.backward()
    gradients = {step.name: step.node.grad for step in tg.backward_steps(moons()) if step.operation == "leaf"}
    steps = data_of(drawing.page)["steps"]
    seen = 0
    for number, step in enumerate(steps, start=1):
        page.press("ArrowRight")
        assert page.at == number
        assert step["name"] in page.said
        if step["op"] == "leaf":
            cells = page.page.eval_on_selector_all(".panel .cells i", "all => all.map((one) => one.dataset.value)")
            leaf = next(one for one in _leaves(loss) if one.name == step["name"])
            assert [float(cell) for cell in cells] == leaf.grad.ravel().tolist()
            seen += 1
    assert seen == len(gradients) == 6
    assert page.page.is_disabled("button[aria-label=Next]")
    assert page.complaints == []


def _leaves(loss: Tensor) -> list[Any]:
    from tinygrad_np.graph import ancestors

    return [node for node in ancestors(loss._node) if node.plan is None]  # type: ignore[arg-type]


def test_back_and_forward_again_restores_the_page(opened: Any) -> None:
    page = opened(checked(), "#step=9")
    before = without_panning(page.dom)
    page.press("ArrowRight", "ArrowRight", "ArrowLeft", "End", "Home")
    assert page.at == 0
    assert without_panning(page.dom) != before
    page.press(*["ArrowRight"] * 9)
    assert without_panning(page.dom) == before


def without_panning(dom: str) -> str:
    """The page's tree, but for where the picture has been moved to and for class attributes without a class."""
    return re.sub(r'<g transform="translate[^"]*"|<svg [^>]*>| class=""', "", dom)


def test_nothing_is_asked_for_and_nothing_is_complained_of(opened: Any) -> None:
    page = opened(checked())
    page.press(*["ArrowRight"] * 5, "t", "f", "q", "w", "+", "-", "0")
    assert len(page.requests) == 1
    assert page.complaints == []


def test_a_link_leads_to_a_step_and_the_address_follows(opened: Any) -> None:
    page = opened(checked(), "#step=12")
    assert page.at == 12
    page.press("ArrowLeft")
    assert page.page.url.endswith("#step=11")
    page.page.evaluate("() => { location.hash = '#step=3' }")
    page.page.wait_for_function("() => document.querySelector('output').textContent.startsWith('3 ')")


def test_the_slider_the_buttons_and_a_click_on_a_box_step(opened: Any) -> None:
    page = opened(tg.draw_graph(moons()))
    page.page.click("button[aria-label=Next]")
    page.page.click("button[aria-label=Next]")
    page.page.click("button[aria-label=Back]")
    assert page.at == 1
    page.page.focus("input[type=range]")
    page.press("ArrowRight", "ArrowRight")
    assert page.at == 3
    page.page.click("button[aria-label=Last]")
    assert page.at == 26
    page.page.click("button[aria-label=First]")
    assert page.at == 0


def test_the_picture_is_moved_as_a_whole(opened: Any) -> None:
    """What is moved within a picture is laid out anew, all of its text, in every step that leaves the frame."""
    page = opened(tg.draw_graph(chain(100), fold=False))
    page.press("Home")
    inside, moved = 'svg => svg.innerHTML.replace(/ class="[^"]*"/g, \'\')', "svg => svg.style.transform"
    picture = page.page.query_selector(".picture svg")
    before = picture.evaluate(inside), picture.evaluate(moved)
    page.press("+", "-", *["ArrowRight"] * 40)
    assert picture.evaluate(inside) == before[0]
    assert picture.evaluate(moved) != before[1]
    assert page.complaints == []


def test_the_box_of_the_step_and_the_arrows_of_its_flow_are_marked(opened: Any) -> None:
    page = opened(tg.draw_graph(moons()), "#step=9")
    assert page.page.locator("g.node.now").count() == 1
    assert "A3" in page.page.text_content("g.node.now")
    assert page.page.locator("g.edge.flowing").count() == 1


def test_jump_to_the_first_wrong_gradient(opened: Any) -> None:
    page = opened(checked())
    page.page.click("button.wrong")
    assert page.page.text_content(".panel h2").startswith("Z2")
    assert "differs, here first" in page.page.text_content(".panel .hand")
    page.press("Home", "w")
    assert page.page.text_content(".panel h2").startswith("Z2")


def test_the_quiz_hides_the_contribution_until_it_is_guessed(opened: Any) -> None:
    x = Tensor([0.5], requires_grad=True, name="x")
    page = opened(tg.draw_graph((np.tanh(x).named("y") * 3).sum()))
    page.press("q", *["ArrowRight"] * 3)
    assert page.page.text_content(".panel h2").startswith("y")
    assert "contribution to dx" not in page.page.text_content(".panel")
    assert "2.36" not in page.said
    page.page.fill(".quiz input", "7")
    page.page.click(".quiz button >> nth=0")
    assert "Not yet" in page.page.text_content(".quiz")
    page.page.fill(".quiz input", "2.36")
    page.page.click(".quiz button >> nth=0")
    page.page.wait_for_selector(".panel p.sentence")
    assert "contribution to dx" in page.page.text_content(".panel")


def test_playing_stops_at_a_breakpoint(opened: Any) -> None:
    page = opened(tg.draw_graph(moons()), "#step=1")
    page.press("ArrowRight", "ArrowRight", "b", "Home")
    page.page.clock.install()
    page.page.click("text=Play")
    page.plays_to(3)
    page.page.clock.run_for(6000)
    assert page.at == 3
    page.page.click("text=Play")
    page.plays_to(4)


def test_searching_finds_a_step_and_enter_goes_there(opened: Any) -> None:
    page = opened(tg.draw_graph(moons()))
    page.press("/")
    page.page.keyboard.type("W2")
    found = page.page.eval_on_selector_all(".steps li button", "all => all.map((one) => one.textContent)")
    assert found
    assert all("W2" in one for one in found)
    page.press("Enter")
    assert "W2" in page.said


def test_shares_are_bars_where_gradients_add_up(opened: Any) -> None:
    page = opened(tg.draw_graph(moons()), "#step=6")
    assert "1 of 2 contributions to dA3 have arrived" in page.page.text_content(".panel .shares")
    page.press("ArrowRight", "ArrowRight")
    assert "2 of 2 contributions to dA3 have arrived" in page.page.text_content(".panel .shares")
    assert page.page.locator(".panel .shares .bar").count() == 2


def test_a_folded_picture_unfolds_and_the_steps_are_found_in_both(opened: Any) -> None:
    page = opened(tg.draw_graph(recurrent(10)), "#step=20")
    folded = page.page.locator("g.node").count()
    assert page.page.locator("g.node.now").count() == 1
    page.press("f")
    assert page.page.locator("g.node").count() > 3 * folded
    assert page.page.locator("g.node.now").count() == 1
    page.press("f")
    assert page.page.locator("g.node").count() == folded


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_shown_as_text(opened: Any, name: str) -> None:
    page = opened(tg.draw_graph(Tensor([1.0], requires_grad=True, name=name).sum()))
    page.press("End")
    assert page.page.locator("img").count() == 0
    shown = page.page.text_content(".panel h2").rstrip(" ")
    assert shown == name.encode("utf-16", "surrogatepass").decode("utf-16", "replace") or "\ud800" in name
    assert page.complaints == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("fragment", ["", "#step=16", "#step=23"])
def test_axe_finds_nothing(opened: Any, theme: str, fragment: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    page = opened(checked(), fragment, color_scheme=theme)
    found = axe.Axe().run(page.page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def test_motion_is_reduced_for_those_who_ask(opened: Any) -> None:
    page = opened(tg.draw_graph(moons()), reduced_motion="reduce")
    assert page.page.eval_on_selector("g.node", "one => getComputedStyle(one).transitionDuration") == "0s"


def test_the_words_are_what_is_printed(opened: Any) -> None:
    page = opened(tg.draw_graph(moons()))
    page.page.emulate_media(media="print")
    page.page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    assert page.page.is_visible("#words pre")
    assert not page.page.is_visible(".controls")


def test_a_step_takes_less_than_a_frame_or_three(opened: Any) -> None:
    page = opened(tg.draw_graph(chain(300), fold=False))
    took = page.page.evaluate(
        """async () => {
          const times = [];
          for (let i = 0; i < 15; i++) {
            const start = performance.now();
            dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
            await new Promise((done) => setTimeout(done));
            times.push(performance.now() - start);
          }
          return Math.min(...times);
        }"""
    )
    assert page.page.locator("g.node").count() == 301
    assert page.at == 15
    assert page.complaints == []
    assert took < 500  # On an idle machine it is 4; what takes so long is a layout in the page.


@pytest.mark.parametrize("operations", [100, 300])
def test_the_picture_is_there_soon(opened: Any, operations: int) -> None:
    page = opened(tg.draw_graph(chain(operations), fold=False))
    page.page.wait_for_selector("g.node")
    painted = page.page.evaluate("() => performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert painted < 10_000  # On an idle machine it is a tenth of a second; what takes so long is a layout in the page.


def test_a_notebooks_frame_steps_although_it_may_do_nothing_else(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "notebook.html"
    path.write_text(tg.draw_graph(moons())._repr_mimebundle_()["text/html"], encoding="utf-8")
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(path.as_uri())
    frame = page.frame_locator("iframe")
    frame.locator("button[aria-label=Next]").click()
    frame.locator("button[aria-label=Next]").click()
    assert frame.locator("output").text_content() == "2 / 26"
    context.close()
