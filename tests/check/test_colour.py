"""Reports are coloured where they are printed to a terminal, and plain everywhere else; each has a table and data."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.check.colour import coloured


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def report() -> Any:
    W = tg.Tensor([1.0, 2.0], requires_grad=True, name="W")
    return tg.compare_gradients(np.sum(W**2), {"W": 3 * W.numpy()})


def terminal_of(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal in the place of standard output; made in the test, since pytest puts its own there before it."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    output = Terminal()
    monkeypatch.setattr(sys, "stdout", output)
    return output


def test_print_to_a_terminal_is_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_of(monkeypatch)
    found = report()
    print(found)
    assert "\033[31mWRONG\033[0m" in terminal.getvalue()
    assert terminal.getvalue() == f"{coloured(str(found))}\n"


def test_text_logs_and_files_are_plain_even_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    terminal_of(monkeypatch)
    found, log = report(), io.StringIO()
    logger = logging.Logger("test")
    logger.addHandler(logging.StreamHandler(log))
    logger.warning("%s", found)
    logger.warning(found)
    with (tmp_path / "report.txt").open("w") as file:
        print(found, file=file)
    for text in (str(found), f"{found}", log.getvalue(), (tmp_path / "report.txt").read_text(), repr(found)):
        assert "WRONG" in text
        assert "\033" not in text
    with pytest.raises(AssertionError) as caught:
        found.assert_ok()
    assert "\033" not in str(caught.value)


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_the_environment_can_ask_for_plain_text(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    terminal = terminal_of(monkeypatch)
    monkeypatch.setenv(name, value)
    print(report())
    assert "\033" not in terminal.getvalue()


def test_what_is_no_terminal_gets_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    print(report())
    assert "\033" not in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pty")
def test_the_command_is_coloured_on_a_terminal_alone(tmp_path: Path) -> None:
    import pty

    file = tmp_path / "wrong.py"
    file.write_text(
        "import numpy as np\n\n\ndef forward(W):\n    loss = np.sum(W**2)\n    return loss\n\n\n"
        "def backward(W):\n    dW = 3 * W\n    return dW\n\n\ninputs = {'W': np.ones(2)}\n"
    )
    command = [sys.executable, "-m", "tinygrad_np", "check", str(file)]
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm"}
    root = Path(__file__).parents[2]
    plain = subprocess.run(command, capture_output=True, text=True, cwd=root, env=environment, check=False).stdout
    main, other = pty.openpty()
    subprocess.run(command, stdout=other, cwd=root, env=environment, check=False)
    os.close(other)
    shown = os.read(main, 100_000).decode().replace("\r\n", "\n")
    os.close(main)
    assert "\033" not in plain
    assert shown == coloured(plain.rstrip("\n")) + "\n"


def reports() -> list[Any]:
    W = tg.Tensor([1.0, 2.0], requires_grad=True)
    loss = np.sum(W**2)
    with pytest.raises(tg.TinygradError) as caught, np.errstate(all="ignore"), tg.detect_anomaly():
        np.sum(np.log(W - 1)).backward()
    return [
        report(),
        tg.gradcheck(np.tanh, np.ones(2)),
        tg.check_backward(lambda W: np.sum(W**2), lambda W: {"W": 3 * W}, {"W": np.ones(2)}),
        tg.explain(loss, W),
        caught.value.anomaly,  # type: ignore[attr-defined]
        tg.nn.summary(tg.nn.Linear(2, 1), np.ones((1, 2))),
    ]


@pytest.mark.parametrize("number", range(6))
def test_each_report_is_text_a_table_and_data(number: int) -> None:
    found = reports()[number]
    assert "<table>" in found._repr_html_()
    assert json.dumps(found.to_dict(), allow_nan=False)
    assert len(str(found).splitlines()) > 2
    assert repr(found) == str(found)


def test_a_compiled_source_shows_itself_as_code_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    f = tg.compile(lambda x: np.tanh(x) * 2)
    f(np.ones(3))
    assert repr(f.source) == str(f.source)
    assert isinstance(f.source, str)
    assert "tanh" in f.source._repr_html_()
    monkeypatch.setitem(sys.modules, "pygments", None)
    assert f.fast_source._repr_html_().startswith("<pre>")
    assert "&#x27;" in f.source._repr_html_() or "np.tanh" in f.source._repr_html_()
