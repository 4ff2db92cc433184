"""The page about checking shows what its code prints, but for last digits and the numbers of lines."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "checking.md"


def without_numbers(text: str) -> str:
    """A text without what moves when the page is edited, or with the machine."""
    text = re.sub(r"(?<=line )\d+", "#", text)
    return " ".join(re.sub(r"\d+\.\d+%?|\.\d+", "#", text).split())


def test_the_page_shows_what_its_code_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text()
    names: dict[str, object] = {"__name__": "checking"}
    compared = 0
    for match in re.finditer(r"```python\n(.*?)```\n(?:\n```(?:text)?\n(.*?)```)?", text, re.DOTALL):
        printed = io.StringIO()
        line = text[: match.start(1)].count("\n")
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * line + match[1], str(PAGE), "exec"), names)
        if match[2] is not None:
            compared += 1
            assert without_numbers(printed.getvalue()).startswith(without_numbers(match[2]).rstrip()), match[2]
    assert compared >= 6
