"""The page that shows a document's backward pass beside the derived one is what the program gives."""

from __future__ import annotations

import runpy
from pathlib import Path

GENERATOR = Path(__file__).parents[2] / "docs" / "list_derivation.py"


def test_the_page_is_what_the_program_gives() -> None:
    generator = runpy.run_path(str(GENERATOR))
    assert generator["PAGE"].read_text() == generator["page"](), "run python docs/list_derivation.py"
