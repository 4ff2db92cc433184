"""Options of the test run."""

from __future__ import annotations

import pytest

from tinygrad_np.program import compiled


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fuzz-minutes", type=float, default=0.0, help="how long tests/fuzz goes on with new seeds, beyond its own"
    )
    parser.addoption(
        "--verify-always", action="store_true", help="let every call of a compiled function run the function beside it"
    )
    parser.addoption(
        "--cluster", action="store_true", help="run the gallery's cluster as processes, and kill one of them"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--verify-always"):
        compiled.compile.__kwdefaults__["verify"] = "always"
        compiled.Compiled.__init__.__defaults__ = ("always", False)
