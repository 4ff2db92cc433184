"""Exercises: blank backward functions in the names of the forward pass, whose solutions check right."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import errors
from tinygrad_np.check.exercise import function_of

from .corpus_more import PAIRS

FILE = '''"""A forward pass."""

import numpy as np


def forward(X, Y, W1, b1, W2):
    Z1 = X @ W1 + b1
    A1 = np.tanh(Z1)
    Z2 = A1 @ W2
    return np.mean((Z2 - Y) ** 2)


def backward(Y):
    return {"W1": Y}


def inputs():
    random = np.random.default_rng(0)
    shapes = {"X": (8, 2), "Y": (8, 1), "W1": (2, 3), "b1": (3,), "W2": (3, 1)}
    return {name: random.normal(size=shape) for name, shape in shapes.items()}
'''


def module() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(FILE, names)
    return names


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_the_solution_of_each_forward_pass_checks_right(pair: Any) -> None:
    inputs = pair.inputs(np.random.default_rng(1))
    made = tg.exercise(pair.forward, inputs)
    report = tg.check_backward(pair.forward, function_of(made.solution, "backward"), inputs)
    assert report, str(report)
    assert made.blanks
    for blanks in ("all", "some", "signature"):
        blank = tg.exercise(pair.forward, inputs, blanks=blanks)
        report = tg.check_backward(pair.forward, function_of(blank.source, "backward"), inputs)
        assert not report
        assert report.blank
        assert "Still to be filled in: " in str(report)


def test_the_lines_are_in_the_names_of_the_forward_pass() -> None:
    names = module()
    made = tg.exercise(names["forward"], names["inputs"]())
    assert made.blanks == ("dZ2", "dA1", "dW2", "dZ1", "db1", "dW1")
    assert "def backward(X, Y, W2, A1, Z2):" in made.source
    assert "    dZ1 = ...  # (8, 3)" in made.source
    assert "dZ1 = dA1 * (1 - A1**2)" in made.solution
    assert "return dW1, db1, dW2" in made.source
    assert made.to_dict()["blanks"] == list(made.blanks)


def test_some_lines_are_given_and_filling_in_the_others_checks_right() -> None:
    names = module()
    made = tg.exercise(names["forward"], names["inputs"](), blanks="some")
    assert made.blanks == ("dZ2", "dW2", "db1")
    text = made.source.replace("dZ2 = ...", "dZ2 = 2 * (Z2 - Y) / 8").replace("dW2 = ...", "dW2 = A1.T @ dZ2")
    half = tg.check_backward(names["forward"], function_of(text, "backward"), names["inputs"]())
    assert not half
    assert half.blank == ("db1",)
    assert half["W1"].verdict == half["W2"].verdict == "right"
    text = text.replace("db1 = ...", "db1 = dZ1.sum(axis=0)")
    assert tg.check_backward(names["forward"], function_of(text, "backward"), names["inputs"]())


def test_gradients_can_be_chosen_and_unknown_ones_are_refused() -> None:
    names = module()
    made = tg.exercise(names["forward"], names["inputs"](), gradients=["X", "W1"], name="back")
    assert "return dX, dW1" in made.source
    assert "def back(" in made.source
    with pytest.raises(errors.ExerciseError, match="the floating inputs are X, Y, W1, b1 and W2"):
        tg.exercise(names["forward"], names["inputs"](), gradients=["W9"])
    with pytest.raises(errors.ExerciseError, match="'signature'"):
        tg.exercise(names["forward"], names["inputs"](), blanks="none")


def test_parameters_may_be_a_dict_and_numbers_may_be_plain() -> None:
    def forward(X: Any, y: Any, params: Any, reg: float) -> Any:
        scores = np.maximum(0, X @ params["W1"] + params["b1"]) @ params["W2"]
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        return -np.mean(np.log(p[np.arange(len(y)), y])) + reg * np.sum(params["W1"] ** 2)

    random = np.random.default_rng(0)
    params = {"W1": random.normal(size=(2, 4)), "b1": random.normal(size=4), "W2": random.normal(size=(4, 3))}
    inputs = {"X": random.normal(size=(5, 2)), "y": np.array([0, 1, 2, 1, 0]), "params": params, "reg": 0.1}
    made = tg.exercise(forward, inputs)
    assert "W2 = params['W2']" in made.source
    assert "reg" in made.solution.partition("(")[2].partition(")")[0]
    assert tg.check_backward(forward, function_of(made.solution, "backward"), inputs)


def test_a_forward_pass_that_branches_on_values_is_refused_with_its_line() -> None:
    def forward(X: Any, W: Any) -> Any:
        z = np.sum(X @ W)
        return z * z if z > 0 else z

    with pytest.raises(errors.ExerciseError, match=r"no exercise can be made of forward.*test_exercise.py line"):
        tg.exercise(forward, {"X": np.ones((2, 2)), "W": np.ones((2, 2))})


def run(*arguments: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tinygrad_np", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)


def test_the_command_writes_a_file_that_the_command_check_takes(tmp_path: Path) -> None:
    file, blank, solved = (tmp_path / name for name in ("net.py", "homework.py", "solved.py"))
    file.write_text(FILE)
    assert run("exercise", file, "--output", blank).returncode == 0
    assert blank.read_text().count("def backward(") == 1
    assert "dZ1 = ..." in blank.read_text()
    checked = run("check", blank)
    assert checked.returncode == 1
    assert "Still to be filled in: dZ2, dA1, dW2, dZ1, db1 and dW1." in checked.stdout
    assert run("exercise", file, "--output", solved, "--solution").returncode == 0
    assert run("check", solved).returncode == 0
    assert "dW2 = dZ2 = " not in run("exercise", file, "--blanks", "signature", "--gradients", "W2").stdout
    assert run("exercise", tmp_path / "none.py").returncode == 2
    assert "has no 'wrong'" in run("exercise", file, "--forward", "wrong").stderr
