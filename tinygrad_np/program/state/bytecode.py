"""What the code of a function names, and whose code it is.

names_in_code(f.__code__).globals          the globals that it reads or writes
names_in_code(f.__code__).attributes       the attributes that it reads or writes, of whatever object
place_naming("history", codes)             the line that does so: "train.py line 12"
is_users_file(f.__code__.co_filename)      whether it is the user's, not a library's
"""

from __future__ import annotations

import dis
import functools
import os
import site
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from types import CodeType
from typing import NamedTuple

import numpy as np

_HERE = Path(__file__).parents[2]
_OURS = f"{_HERE}{os.sep}"
_OURS_WITH_STATE = tuple(f"{_HERE / part}" for part in ("nn", "optim"))
_NUMPY = f"{Path(np.__file__).parent}{os.sep}"
_STANDARD = {f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib")}
_INSTALLED = {f"{sysconfig.get_path(name)}{os.sep}" for name in ("purelib", "platlib")}
_INSTALLED |= {f"{folder}{os.sep}" for folder in (*site.getsitepackages(), site.getusersitepackages())}
_LIBRARIES = ("<frozen ", _NUMPY, *_STANDARD, *_INSTALLED)


class NamesInCode(NamedTuple):
    """The names of globals, attributes and imported modules, in the order of the code."""

    globals: tuple[str, ...]
    attributes: tuple[str, ...]
    modules: tuple[str, ...]


@functools.lru_cache(1000)
def names_in_code(code: CodeType) -> NamesInCode:
    """The names in the code of a function, and in that of the functions within it."""
    kinds: tuple[dict[str, None], ...] = ({}, {}, {})
    for one in _with_those_within(code):
        for instruction in dis.get_instructions(one):
            operation = instruction.opname
            if operation == "IMPORT_NAME":
                kinds[2][instruction.argval] = None
            elif operation.endswith(("_ATTR", "_METHOD", "IMPORT_FROM")):
                kinds[1][instruction.argval] = None
            elif operation.endswith(("_GLOBAL", "_GLOBALS", "_NAME")):
                kinds[0][instruction.argval] = None
    return NamesInCode(*map(tuple, kinds))


def place_naming(name: str, codes: Iterable[CodeType]) -> str | None:
    """File and line where one of the codes assigns to a name, or else where one first reads it."""
    found = [
        (not instruction.opname.startswith("STORE_"), f"{os.path.basename(one.co_filename)} line {line}")
        for code in codes
        for one in _with_those_within(code)
        for instruction in dis.get_instructions(one)
        if instruction.argval == name and "FAST" not in instruction.opname
        for start, end, line in one.co_lines()
        if start <= instruction.offset < end
    ]
    return min(found, key=lambda one: one[0])[1] if found else None


def is_users_file(file: str, home: tuple[str, ...] = ()) -> bool:
    """Whether code in this file is the user's: not Python's own, an installed package's (but for `home`), or ours."""
    if file.startswith(_OURS):
        return file.startswith(_OURS_WITH_STATE)
    return file.startswith(home) or not file.startswith(_LIBRARIES)


def is_users_module(name: str, home: tuple[str, ...] = ()) -> bool:
    """Whether the module of this name is the user's: a file of theirs, or what they made without a file."""
    file = getattr(sys.modules.get(name), "__file__", None)
    return name not in sys.stdlib_module_names if file is None else is_users_file(file, home)


def is_ours(module: str) -> bool:
    """Whether a module is of this package, and holds nothing that a user changes."""
    return f"{module}.".startswith(f"{__name__.partition('.')[0]}.") and not is_users_module(module)


def installed_package(file: str) -> tuple[str, ...]:
    """The folder of the installed package that a file is in, or nothing."""
    for folder in _INSTALLED:
        if file.startswith(folder) and not file.startswith((_OURS, _NUMPY)):
            package, separator, _ = file.removeprefix(folder).partition(os.sep)
            return (f"{folder}{package}{separator}",)
    return ()


def _with_those_within(code: CodeType) -> list[CodeType]:
    """A code, and those of the functions and classes that are written within it."""
    codes = [code]
    for one in codes:
        codes += [constant for constant in one.co_consts if isinstance(constant, CodeType)]
    return codes
