"""The page of causes: each of its wrong lines is found, and what the page quotes is what the report says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import tinygrad_np as tg
from tinygrad_np.check.exercise import function_of

PAGE = (Path(__file__).parents[2] / "docs" / "causes.md").read_text()
FIRST = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
assert FIRST is not None
NETWORK = FIRST[1].partition("assert")[0]
CAUSES = re.findall(r"### ([^\n]*)\n\n```python\n(.*?)```\n\n> ([^\n]*)\n", PAGE, re.DOTALL)


def with_lines(block: str) -> tuple[str, str]:
    """The network with the lines of a block in the places of its own, and the line that differs."""
    text, wrong = NETWORK, []
    for line in block.strip().splitlines():
        target = line.partition(" =")[0]
        right = re.search(rf"^    {re.escape(target)} = .*$", text, re.MULTILINE)
        assert right is not None, line
        if right[0].strip() != line:
            wrong.append(line)
            text = text.replace(right[0], f"    {line}")
    (only,) = wrong
    return text, only


@pytest.mark.parametrize(("title", "block", "quoted"), CAUSES, ids=[title for title, _, _ in CAUSES])
def test_a_cause_is_found_and_told_as_the_page_says(title: str, block: str, quoted: str) -> None:
    assert len(block.strip().splitlines()) == 3
    text, wrong = with_lines(block)
    backward = function_of(text, "backward")
    network: dict[str, Any] = {}
    exec(text, network)
    report = tg.check_backward(network["forward"], backward, network["inputs"])
    assert not report
    assert report.first_wrong is not None
    assert report.first_wrong.source == wrong
    assert quoted in " ".join(str(report).split())


def test_the_page_has_them_all() -> None:
    assert len(CAUSES) == PAGE.count("\n### ") >= 19
