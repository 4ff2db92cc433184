"""The page that shows each document's backward pass beside the derived one is what the programs give."""

from __future__ import annotations

import dataclasses
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

GENERATOR = Path(__file__).parents[2] / "docs" / "list_derivation.py"


@pytest.fixture(scope="module")
def generator() -> dict[str, Any]:
    return runpy.run_path(str(GENERATOR))


@pytest.fixture(scope="module")
def networks(generator: dict[str, Any]) -> list[Any]:
    found: list[Any] = generator["networks"]()
    return found


def compared_rows(section: str) -> dict[str, str]:
    """The derived lines that were compared, by the name of what they assign to."""
    found = re.findall(r"^\| `.*` \| `((\w+) = .*)` \| below 1e-14 \|$", section, re.MULTILINE)
    return {name: line for line, name in found}


def test_the_page_is_what_the_program_gives(generator: dict[str, Any]) -> None:
    assert generator["PAGE"].read_text() == generator["page"](), "run python docs/list_derivation.py"


def test_every_parameters_gradient_stands_beside_the_hand_written_one(
    generator: dict[str, Any], networks: list[Any]
) -> None:
    assert [len(network.parameters) for network in networks] == [6, 6, 2]
    for network in networks:
        names = {f"d{parameter.name}" for parameter in network.parameters}
        assert names <= compared_rows(generator["section"](network)).keys()


def test_the_derived_slope_of_the_sigmoid_subtracts_nothing(generator: dict[str, Any], networks: list[Any]) -> None:
    """As the text about the notebook's network says."""
    lines = compared_rows(generator["section"](networks[2]))
    assert all(" - " not in line for line in lines.values())


def test_a_gradient_by_hand_that_is_wrong_is_not_shown(
    generator: dict[str, Any], networks: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    example = networks[1].example
    report, by_hand = example.compared(*networks[1].given, networks[1].parameters)
    by_hand["W2"] *= 1 + 1e-12
    monkeypatch.setattr(example, "compared", lambda *given: (report, by_hand))
    with pytest.raises(AssertionError, match="dW2 = a1.T @ dz2 and dW2 = .* apart"):
        generator["section"](networks[1])


def test_the_text_speaks_of_what_is_shown(generator: dict[str, Any], networks: list[Any]) -> None:
    with pytest.raises(AssertionError, match="the text speaks of z9 > 0"):
        generator["section"](dataclasses.replace(networks[1], look_for="Look at `z9 > 0`."))
