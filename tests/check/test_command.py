"""`python -m tinygrad_np check`: files graded in a process of their own, within limits, trusted with nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tinygrad_np.check.command import main

RIGHT = """
import numpy as np


def forward(X, Y, W1, b1, W2):
    A1 = np.tanh(X @ W1 + b1)
    Z2 = A1 @ W2
    return np.mean((Z2 - Y) ** 2)


def backward(X, Y, W2, A1, Z2):
    dZ2 = 2 * (Z2 - Y) / Z2.size
    dW2 = A1.T @ dZ2
    dA1 = dZ2 @ W2.T
    dZ1 = dA1 * (1 - A1**2)
    return {"W1": X.T @ dZ1, "b1": np.sum(dZ1, axis=0), "W2": dW2}


def inputs():
    random = np.random.default_rng(0)
    shapes = {"X": (8, 3), "Y": (8, 1), "W1": (3, 4), "b1": (4,), "W2": (4, 1)}
    return {name: random.normal(size=shape) for name, shape in shapes.items()}
"""
FIRST = "    dZ2 = 2 * (Z2 - Y) / Z2.size\n"


def checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, *options: str
) -> tuple[int, dict[str, object]]:
    file = tmp_path / "submission.py"
    file.write_text(text)
    code = main(["check", str(file), "--json", *options])
    return code, json.loads(capsys.readouterr().out)


def test_a_right_file_has_the_score_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = checked(tmp_path, capsys, RIGHT)
    assert (code, found["score"], found["reason"], found["first_wrong"]) == (0, 1.0, "", None)
    assert found["gradients"]["W1"] == {"verdict": "right", "line": None, "credit": 1.0, "diagnosis": ""}  # type: ignore[index]


def test_a_wrong_line_is_named_and_the_rest_gets_credit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = RIGHT.replace("dZ1 = dA1 * (1 - A1**2)", "dZ1 = dA1 * (1 - A1)")
    results = tmp_path / "results.json"
    code, found = checked(tmp_path, capsys, text, "--gradescope", str(results), "--points", "30")
    assert (code, found["score"]) == (1, 0.333333)
    first = found["first_wrong"]
    assert isinstance(first, dict)
    assert (first["line"], first["proposal"]) == (15, "dZ1 = dA1 * (1 - A1**2)")
    assert {name: one["credit"] for name, one in found["gradients"].items()} == {"W2": 1.0, "W1": 0.0, "b1": 0.0}  # type: ignore[attr-defined]
    written = json.loads(results.read_text())
    assert written["max_score"] == 30
    assert [test["score"] for test in written["tests"]] == [10.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("slip", "reason"),
    [
        ("    while True: pass\n", "did not end within 8 seconds"),
        ("    import os; os._exit(0)\n", "ended the process with the exit code 0"),
        ("    exit(0)\n", "called exit()"),
        ("    for _ in range(1000): print('x' * 1_000_000)\n", "printed more than 1000000 letters"),
        ("    input()\n", "raised EOFError"),
        ("    np.ones((40000, 40000, 10))\n", "raised MemoryError"),
    ],
)
def test_a_file_that_does_not_come_to_its_end_gets_no_credit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], slip: str, reason: str
) -> None:
    code, found = checked(tmp_path, capsys, RIGHT.replace(FIRST, slip + FIRST), "--seconds", "8")
    if "did not end" in str(found["reason"]):
        reason = "did not end"  # As on a machine that is busy.
    assert (code, found["score"]) == (1, 0.0)
    assert reason in str(found["reason"])


def test_a_file_that_changes_the_checker_gets_no_credit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = RIGHT.replace("(1 - A1**2)", "(1 - A1)") + "import tinygrad_np.check.tolerance as t\nt.judge = print\n"
    code, found = checked(tmp_path, capsys, text)
    assert (code, found["score"]) == (1, 0.0)
    assert "changes functions of the checker" in str(found["reason"])


def test_a_file_that_lets_autograd_compute_gets_no_credit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = RIGHT + (
        "\nimport tinygrad_np as tg\n\n\ndef backward(X, Y, W1, b1, W2):\n"
        "    g = tg.grad(lambda W1, b1, W2: forward(X, Y, W1, b1, W2), argnums=(0, 1, 2))(W1, b1, W2)\n"
        '    return {"W1": g[0], "b1": g[1], "W2": g[2]}\n'
    )
    code, found = checked(tmp_path, capsys, text)
    assert (code, found["score"]) == (1, 0.0)
    assert "lets tinygrad_np compute" in str(found["reason"])


LETS_COMPUTE = """
import tinygrad_np as tg

def gradients(X, Y, W1, b1, W2):
    found = tg.grad(lambda W1, b1, W2: forward(X, Y, W1, b1, W2), argnums=(0, 1, 2))(W1, b1, W2)
    return dict(zip(("W1", "b1", "W2"), found))
"""
CHEATS = {
    "in another thread": (
        """
import threading

def backward(X, Y, W1, b1, W2):
    found = []
    thread = threading.Thread(target=lambda: found.append(gradients(X, Y, W1, b1, W2)))
    thread.start()
    thread.join()
    return found[0]
""",
        "lets tinygrad_np compute",
    ),
    "without the recording": (
        """
import sys

def backward(X, Y, W1, b1, W2):
    sys.settrace(None)
    return gradients(X, Y, W1, b1, W2)
""",
        "lets what it hides compute",
    ),
    "before": (
        """
known = gradients(**inputs())

def backward(X):
    return known
""",
        "for the inputs of the file alone",
    ),
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_file_that_hides_who_computes_gets_no_credit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cheat: str
) -> None:
    text, reason = CHEATS[cheat]
    code, found = checked(tmp_path, capsys, RIGHT + LETS_COMPUTE + text)
    assert (code, found["score"]) == (1, 0.0)
    assert reason in str(found["reason"])


def test_functions_of_numpy_and_of_python_are_watched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = RIGHT.replace("(1 - A1**2)", "(1 - A1)")
    for patch in ("np.abs = lambda x: np.zeros_like(x)\n", "import builtins\nbuiltins.any = lambda *a: False\n"):
        code, found = checked(tmp_path, capsys, wrong + patch)
        assert (code, found["score"]) == (1, 0.0)
        assert "changes functions" in str(found["reason"])


def test_what_cannot_be_checked_has_the_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = checked(tmp_path, capsys, "x = (")
    assert code == 2
    assert "SyntaxError" in str(found["reason"])
    assert main(["check", str(tmp_path / "nothing.py")]) == 2
    assert "is not a file" in capsys.readouterr().out


def test_the_inputs_and_the_gradients_demanded_are_the_teachers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head, inputs = RIGHT.split("def inputs")
    teacher = tmp_path / "teacher.py"
    teacher.write_text(f"import numpy as np\n\n\ndef inputs{inputs}")
    text = head.replace(', "W2": dW2', "")
    code, found = checked(tmp_path, capsys, text, "--teacher", str(teacher), "--gradients", "W1,b1,W2")
    assert (code, found["score"]) == (1, 0.666667)
    assert found["gradients"]["W2"]["verdict"] == "missing"  # type: ignore[index]
