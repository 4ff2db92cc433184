"""What a gradient rule reads of its arguments, seen in its bytecode: no more than that is saved.

>>> import numpy as np
>>> amounts_read(lambda g, y, x: g * (1 - y**2) + np.zeros(x.shape), skip=1, count=1) == [VALUE, SHAPE]
True
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from .guarded import unguarded

NOTHING, SHAPE, VALUE = 0, 1, 2
"""How much of an argument a rule reads."""

_SHAPE_ATTRIBUTES = {"shape", "ndim", "size", "dtype"}


def amounts_read(rule: Callable[..., Any], skip: int, count: int) -> list[int]:
    """How much a rule reads of the result and the inputs, the arguments after the first `skip`, seen in its bytecode.

    Nothing, if the name never occurs; the shape, if all that follows the name is `.shape`, `.ndim`, `.size` or
    `.dtype`; the value otherwise, and wherever the code can't be seen.
    """
    rule = unguarded(rule)
    code = getattr(rule, "__code__", None)
    if code is None or inspect.ismethod(rule):
        return [VALUE] * (1 + count)
    loads = list(_loads(code))
    names = list(code.co_varnames[: code.co_argcount])[skip:]
    takes_any_number = code.co_flags & inspect.CO_VARARGS
    variadic = code.co_varnames[code.co_argcount + code.co_kwonlyargcount] if takes_any_number else None
    amounts = []
    for position in range(1 + count):
        name = names[position] if position < len(names) else variadic
        amounts.append(max((amount for loaded, amount in loads if loaded == name), default=NOTHING))
    return amounts


def _loads(code: CodeType) -> Iterator[tuple[str, int]]:
    """Each name that the code loads, with SHAPE where only an attribute of the shape is read off it, else VALUE."""
    instructions = list(dis.get_instructions(code))
    for current, following in zip(instructions, [*instructions[1:], None], strict=True):
        if "LOAD_" not in current.opname or "ATTR" in current.opname or "CONST" in current.opname:
            continue
        # One instruction may load two names; only the last of them can have its attribute read next.
        *earlier, last = current.argval if isinstance(current.argval, tuple) else (current.argval,)
        attribute = following.argval if following is not None and following.opname == "LOAD_ATTR" else None
        yield from ((name, VALUE) for name in earlier)
        yield last, SHAPE if attribute in _SHAPE_ATTRIBUTES else VALUE
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from ((name, VALUE) for name in constant.co_freevars)
