"""Whose code is running: the line of the user's program that an error names.

Frames of this package, and for sentences those of NumPy, are passed over: `user_frame()` is the innermost one that is
the user's, `user_place()` says it in words. Files and modules are the user's if they are neither ours, nor Python's
own, nor those of an installed package.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
from numpy.lib import mixins

# NumPy's mixin calls its functions for the operators of classes of ours.
_OUR_FILES = frozenset([*map(str, Path(__file__).parent.rglob("*.py")), mixins.__file__])
_PACKAGE = __name__.partition(".")[0]
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


def is_others(code: CodeType) -> bool:
    """Whether code is neither this package's nor NumPy's: a user's, or that of a library that the user calls."""
    return code.co_filename not in _OUR_FILES and not code.co_filename.startswith(_NUMPY)


def is_ours(module: Any) -> bool:
    """Whether the module of this name is one of this package; what classes made in C say of theirs may be no name."""
    return str(module).partition(".")[0] == _PACKAGE


_INSTALLED = {f"{sysconfig.get_path(name)}{os.sep}" for name in ("purelib", "platlib")}
_INSTALLED |= {f"{folder}{os.sep}" for folder in (*site.getsitepackages(), site.getusersitepackages())}
_STANDARD = {f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib")}
_LIBRARIES = ("<frozen ", f"{_NUMPY}{os.sep}", *_STANDARD, *_INSTALLED)


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
        if file.startswith(folder) and file not in _OUR_FILES and not file.startswith(_NUMPY):
            package, separator, _ = file.removeprefix(folder).partition(os.sep)
            return (f"{folder}{package}{separator}",)
    return ()
