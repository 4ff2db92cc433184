"""The guide: its code runs, page by page, and the list of functions is the table's."""

from __future__ import annotations

import contextlib
import io
import re
import runpy
from pathlib import Path

import pytest

from tinygrad_np import ops

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_code_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": page.stem}
    for match in re.finditer(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        line = page.read_text()[: match.start(1)].count("\n")
        exec(compile("\n" * line + match.group(1), str(page), "exec"), names)


def test_the_readme_shows_what_its_code_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "README.md").read_text()
    printed = io.StringIO()
    names: dict[str, object] = {}
    monkeypatch.chdir(tmp_path)
    with contextlib.redirect_stdout(printed):
        for match in list(re.finditer(r"```python\n(.*?)```", text, re.DOTALL))[:2]:
            exec(compile("\n" * text[: match.start(1)].count("\n") + match.group(1), "README.md", "exec"), names)
    shown = text.split("```text\n")[1].split("```")[0]
    assert without_rounding(shown) == without_rounding(printed.getvalue())


def without_rounding(report: str) -> str:
    """A report without what differs from machine to machine: numbers, widths, the places of rounding."""
    report = re.sub(r"(?m)^(\w+ +\([\d, ]*\)).*(right)$", r"\1 \2", report)
    return re.sub(r"[-+.e\d]*\d[-+.e\d]*|\s+", "#", report.strip())


def test_another_machines_rounding_makes_no_difference() -> None:
    here = "A1           (8, 3)     6.9e-18         1.7e-16  (0, 0)  right\nb1  (1, 3)  0.25  4.2  (0, 1)  WRONG"
    there = "A1    (8, 3)        0         0          right\nb1  (1, 3)  0.25000001  4.21  (0, 1)  WRONG"
    assert without_rounding(here) == without_rounding(there)
    assert without_rounding(here) != without_rounding(here.replace("right", "WRONG"))


def test_the_page_about_compiling_shows_the_source() -> None:
    text = (ROOT / "docs" / "compile.md").read_text()
    match = next(re.finditer(r"```python\n(.*?)```", text, re.DOTALL))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile("\n" * text[: match.start(1)].count("\n") + match.group(1), "compile.md", "exec"), {})
    assert text.split("```text\n")[1].split("```")[0] == printed.getvalue().rstrip() + "\n"


def test_the_list_of_functions_is_the_tables() -> None:
    generator = runpy.run_path(str(ROOT / "docs" / "list_functions.py"))
    page = generator["PAGE"].read_text()
    if f"NumPy {generator['VERSION']}," in page:
        assert page == generator["page"](), "run python docs/list_functions.py"
    for name in ops.PRIMITIVES:
        assert f"| `{name}` |" in page


def test_the_page_about_networks_shows_what_its_code_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs" / "networks.md").read_text()
    printed = io.StringIO()
    names: dict[str, object] = {}
    monkeypatch.chdir(tmp_path)
    with contextlib.redirect_stdout(printed):
        for match in list(re.finditer(r"```python\n(.*?)```", text, re.DOTALL))[:2]:
            exec(compile("\n" * text[: match.start(1)].count("\n") + match.group(1), "networks.md", "exec"), names)
    assert "".join(re.findall(r"```text\n(.*?)```", text, re.DOTALL)) == printed.getvalue()
