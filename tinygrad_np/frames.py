"""Whose code is running: the line of the user's program that an error names.

Frames of this package, and for sentences those of NumPy, are passed over: `user_frame()` is the innermost one that is
the user's, `user_place()` says it in words.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from types import CodeType, FrameType

import numpy as np

_OUR_FILES = frozenset(map(str, Path(__file__).parent.rglob("*.py")))
_NUMPY = str(Path(np.__file__).parent)


def user_frame(depth: int = 0) -> FrameType:
    """The innermost frame that is not this package's, the line of the user's code that is running.

    `depth` is the number of callers that are known to be ours: starting behind them saves making frames of them.
    """
    frame = sys._getframe(depth + 1)
    while frame.f_code.co_filename in _OUR_FILES and frame.f_back is not None:
        frame = frame.f_back
    return frame


def user_place() -> str:
    """File and line of the user's code that is running, as a sentence says it."""
    frame = user_frame()
    while frame.f_code.co_filename.startswith(_NUMPY) and frame.f_back is not None:
        frame = frame.f_back
        while frame.f_code.co_filename in _OUR_FILES and frame.f_back is not None:
            frame = frame.f_back
    return f"{os.path.basename(frame.f_code.co_filename)} line {frame.f_lineno}"


_LIBRARIES = tuple({f"{sysconfig.get_path(kind)}{os.sep}" for kind in ("stdlib", "platstdlib", "purelib", "platlib")})


def is_of_the_user(code: CodeType) -> bool:
    """Whether a code is the user's: neither this package's, nor Python's own, nor an installed package's."""
    file = code.co_filename
    return file not in _OUR_FILES and not file.startswith((*_LIBRARIES, "<frozen", _NUMPY))
