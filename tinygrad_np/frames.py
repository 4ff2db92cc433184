"""Whose code is running: the line of the user's program that an error names.

Frames of this package, of NumPy, of Python's own library and of installed packages are passed over, as long as there is
a frame of the user's at all: `user_frame()` is the innermost one, `user_place()` says it in words, `place_of` those of
a line that is known. A cell of a notebook is called what the notebook calls it: "Cell In[3], line 1".
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np

_OUR_FILES = frozenset(map(str, Path(__file__).parent.rglob("*.py")))
NUMPY = f"{Path(np.__file__).parent}{os.sep}"
_INSTALLED = {f"{sysconfig.get_path(name)}{os.sep}" for name in ("purelib", "platlib")}
_INSTALLED |= {f"{folder}{os.sep}" for folder in (*site.getsitepackages(), site.getusersitepackages())}
_STANDARD = {f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib")}
_LIBRARIES = ("<frozen ", NUMPY, *_STANDARD, *_INSTALLED)


def is_ours(file: str) -> bool:
    """Whether a file is one of this package."""
    return file in _OUR_FILES


def is_library(file: str) -> bool:
    """Whether a file belongs to Python itself or to an installed package."""
    return file.startswith(_LIBRARIES)


class _PassedOver(dict[str, bool]):
    """For each file, whether its frames are passed over: found out once."""

    def __missing__(self, file: str) -> bool:
        self[file] = found = is_ours(file) or is_library(file)
        return found


passed_over = _PassedOver()


def user_frame(depth: int = 0) -> FrameType:
    """The innermost frame of the user's code, or else the innermost one that is not this package's.

    `depth` is the number of callers that are known to be ours: starting beyond them saves making frames of them.
    """
    start = sys._getframe(depth + 1)
    frame: FrameType | None = start
    while frame is not None and passed_over[frame.f_code.co_filename]:
        frame = frame.f_back
    return frame or _not_ours(start)


def _not_ours(frame: FrameType) -> FrameType:
    while is_ours(frame.f_code.co_filename) and frame.f_back is not None:
        frame = frame.f_back
    return frame


def user_place() -> str:
    """File and line of the user's code that is running, as a sentence says it."""
    frame = user_frame(1)
    return place_of(frame.f_code.co_filename, frame.f_lineno)


def user_level() -> int:
    """The `stacklevel` at which `warnings.warn`, called by who calls this, names the user's line."""
    wanted, frame, level = user_frame(1), sys._getframe(1), 1
    while frame is not wanted and frame.f_back is not None:
        frame, level = frame.f_back, level + 1
    return level


def place_of(file: str, line: int | None) -> str:
    """A line of a file, or of a cell of a notebook, as a sentence says it.

    >>> place_of("/home/ada/train.py", 12)
    'train.py line 12'
    """
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    name_of = getattr(getattr(shell, "compile", None), "format_code_name", None)
    cell = name_of and name_of(file)
    return f"{' '.join(cell)}, line {line}" if cell else f"{os.path.basename(file)} line {line}"


def line_of(code: CodeType, instruction: int) -> int | None:
    """The number of the line that an instruction of some code is on."""
    return next((line for start, end, line in code.co_lines() if start <= instruction < end), None)


def is_others(code: CodeType) -> bool:
    """Whether code is neither this package's nor NumPy's: a user's, or that of a library that the user calls."""
    return code.co_filename not in _OUR_FILES and not code.co_filename.startswith(NUMPY)


def arose_in_ours(error: BaseException) -> bool:
    """Whether an error was raised by code of this package, or of a library that it called."""
    files: list[str] = []
    traceback = error.__traceback__
    while traceback is not None:
        files.append(traceback.tb_frame.f_code.co_filename)
        traceback = traceback.tb_next
    # NumPy's own code in Cython names its files without their folder.
    mine = (file for file in reversed(files) if not (is_library(file) or file.endswith((".pyx", ".pxd"))))
    return is_ours(next(mine, ""))


def is_our_module(name: Any) -> bool:
    """Whether the module of this name is one of this package; what classes made in C say of theirs may be no name."""
    return str(name).partition(".")[0] == __name__.partition(".")[0]


def is_users_file(file: str, home: tuple[str, ...] = ()) -> bool:
    """Whether code in this file is the user's: not Python's own, an installed package's (but for `home`), or ours."""
    return file not in _OUR_FILES and (file.startswith(home) or not file.startswith(_LIBRARIES))


def is_users_module(name: str, home: tuple[str, ...] = ()) -> bool:
    """Whether the module of this name is the user's: a file of theirs, or what they made without a file."""
    file = getattr(sys.modules.get(name), "__file__", None)
    return name not in sys.stdlib_module_names if file is None else is_users_file(file, home)


def installed_package(file: str) -> tuple[str, ...]:
    """The folder of the installed package that a file is in, or nothing; NumPy and this package do not count."""
    for folder in _INSTALLED:
        if file.startswith(folder) and file not in _OUR_FILES and not file.startswith(NUMPY):
            package, separator, _ = file.removeprefix(folder).partition(os.sep)
            return (f"{folder}{package}{separator}",)
    return ()


def user_variables() -> Iterator[tuple[str, Any]]:
    """Names and values of the variables of the user's running code: the innermost function's first, globals last."""
    innermost: FrameType | None = user_frame()
    frame = innermost
    while frame is not None:
        if not passed_over[frame.f_code.co_filename]:
            yield from list(frame.f_locals.items())
        frame = frame.f_back
    if innermost is not None:
        yield from list(innermost.f_globals.items())
