"""What the code of a function names.

names_in_code(f.__code__).globals          the globals that it reads or writes
names_in_code(f.__code__).attributes       the attributes that it reads or writes, of whatever object
line_naming("history", codes)             the line that does so: "train.py line 12"
"""

from __future__ import annotations

import dis
import functools
from collections.abc import Iterable
from types import CodeType
from typing import NamedTuple

from ...frames import line_of, place_of


class NamesInCode(NamedTuple):
    """The names of globals, attributes and imported modules, in the order of the code."""

    globals: tuple[str, ...]
    attributes: tuple[str, ...]
    modules: tuple[str, ...]


@functools.lru_cache(1000)
def names_in_code(code: CodeType) -> NamesInCode:
    """The names in the code of a function, and in that of the functions within it."""
    kinds: tuple[dict[str, None], ...] = ({}, {}, {})
    for inner in codes_within(code):
        for instruction in dis.get_instructions(inner):
            operation = instruction.opname
            if operation == "IMPORT_NAME":
                kinds[2][instruction.argval] = None
            elif operation.endswith(("_ATTR", "_METHOD", "IMPORT_FROM")):
                kinds[1][instruction.argval] = None
            elif operation.endswith(("_GLOBAL", "_GLOBALS", "_NAME")):
                kinds[0][instruction.argval] = None
    return NamesInCode(*map(tuple, kinds))


def line_naming(name: str, codes: Iterable[CodeType]) -> str | None:
    """File and line where one of the codes assigns to a name, or else where one first reads it."""
    found = [
        (not instruction.opname.startswith("STORE_"), place_of(inner.co_filename, line_of(inner, instruction.offset)))
        for code in codes
        for inner in codes_within(code)
        for instruction in dis.get_instructions(inner)
        if instruction.argval == name and "FAST" not in instruction.opname
    ]
    return min(found, key=lambda one: one[0])[1] if found else None


def codes_within(code: CodeType) -> list[CodeType]:
    """A code, and those of the functions and classes that are written within it."""
    codes = [code]
    for inner in codes:
        codes += [constant for constant in inner.co_consts if isinstance(constant, CodeType)]
    return codes
