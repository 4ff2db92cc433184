"""The example of 26 gradients by hand: all right in one call, and a mistake in each is named first."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

import character_gradients as example

STEPS = example.forward(*example.examples()[:2], example.parameters(example.examples()[2]))
NAMES = [name for name in STEPS if name != "loss"]


def report_of(backward: Any) -> Any:
    contexts, following, _ = example.examples()
    value = {name: tensor.numpy() for name, tensor in STEPS.items()}
    return tg.compare_gradients(STEPS["loss"], names={**STEPS, **backward(contexts, following, value)})


def test_all_26_are_right_on_one_screen() -> None:
    report = report_of(example.backward)
    assert report
    assert len(report.rows) == len(NAMES) == 26
    assert len(str(report).splitlines()) <= 30


@pytest.mark.parametrize("name", NAMES)
def test_a_mistake_in_one_line_is_named_first(name: str) -> None:
    lines = inspect.getsource(example.backward).splitlines()
    made = [number for number, line in enumerate(lines) if re.match(rf"    (np\.add\.at\()?d{name}\b(?!:)", line)]
    # Of two the right gradient is 0 but for rounding, whatever it is multiplied by.
    slip = f"d{name} + 0.01" if name in ("b1", "largest") else f"1.5 * d{name}"
    lines.insert(made[-1] + 1, f"    d{name} = {slip}")
    names: dict[str, Any] = {"np": np, "Any": Any}
    exec("\n".join(lines), names)
    report = report_of(names["backward"])
    first = next(row for row in report if row.verdict == "wrong")
    assert first.name == name
    assert "1.5 times" in first.diagnosis or "+" in slip
    assert all(row.follows_from for row in report if row.verdict == "wrong" and row.name != name)


def test_it_runs_and_names_its_planted_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    example.main()
    printed = capsys.readouterr().out
    assert "all 26 are right" in printed
    assert "W2 is the first one that is wrong" in printed
