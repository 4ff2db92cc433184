"""Options of the test run."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fuzz-minutes", type=float, default=0.0, help="how long tests/fuzz goes on with new seeds, beyond its own"
    )
    parser.addoption(
        "--cluster", action="store_true", help="run the gallery's cluster as processes, and kill one of them"
    )
