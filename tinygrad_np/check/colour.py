"""Reports in colour: on a terminal alone, where a report is printed, and plain everywhere else.

`str(report)`, logs, files, messages of errors and what pytest shows are plain text. `print(report)` and the prompt's
answer are coloured if they go to a terminal, unless the environment has NO_COLOR (https://no-color.org).
"""

from __future__ import annotations

import os
import re
import sys
from types import FrameType

from ..frames import is_ours
from ..instructions import called_at, is_printed

_BOLD, _RED, _GREEN, _YELLOW = "1", "31", "32", "33"

_COLOURS = (
    (re.compile(r"\A.*"), _BOLD),
    (re.compile(r"\bWRONG\b|(?<=is )wrong\b|^ *line \d+: .*", re.MULTILINE), _RED),
    (re.compile(r"(?<=  )right\b|^ *should be: .*", re.MULTILINE), _GREEN),
    (re.compile(r"\bcan't be checked$|\bproves nothing here$", re.MULTILINE), _YELLOW),
    (re.compile(r"^(?:Why|Instead|Still to be filled in):|^(?:perhaps )?cut at\b", re.MULTILINE), _BOLD),
)
"""What is shown in which colour."""


def coloured(text: str) -> str:
    r"""A report's text with colours.

    >>> coloured("W1 and b1")
    '\x1b[1mW1 and b1\x1b[0m'
    """
    for pattern, colour in _COLOURS:
        text = pattern.sub(lambda match, colour=colour: f"\033[{colour}m{match[0]}\033[0m", text)  # type: ignore[misc]
    return text


def on_terminal() -> bool:
    """Whether what is printed goes to a terminal that shows colours."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and sys.stdout is not None and sys.stdout.isatty()


def is_shown(frame: FrameType) -> bool:
    """Whether the user's code in this frame prints to the terminal, or is asked at a prompt."""
    if is_ours(frame.f_code.co_filename) or not on_terminal():
        return False
    return is_printed(frame) or (
        hasattr(sys, "ps1") and called_at(frame.f_code, frame.f_lasti) not in ("str", "format")
    )


class Shown:
    """What prints as a text: `_text()`, in colour where that is printed to a terminal."""

    def _text(self) -> str:
        raise NotImplementedError

    def __str__(self) -> str:
        text = self._text()
        return coloured(text) if is_shown(sys._getframe(1)) else text

    def __repr__(self) -> str:
        text = self._text()
        return coloured(text) if hasattr(sys, "ps1") and is_shown(sys._getframe(1)) else text
