"""What a program was made for besides its arguments: the Tensors and the plain values that its function refers to."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..graph import NOT_KEPT
from .capture import Captured
from .helpers import names_in

_PLAIN = (int, float, str, bool, tuple, type(None), np.generic)


class Guards:
    """The conditions under which a program may run in the place of its function."""

    def __init__(self, f: Callable[..., Any], captured: Captured) -> None:
        self.tensors = [
            (held.tensor, held.variable.shape, held.variable.dtype) for held in captured.reads if held.slot == "_data"
        ]
        self.nodes = [(held.tensor, True) for held in captured.reads if held.slot == "grad"]
        self.nodes += [(node, False) for node in captured.untouched]
        self.cells: list[tuple[Any, Any]] = []
        self.names: list[tuple[dict[str, Any], str, Any]] = []
        for kind, owner, name, value in _references(f, set()):
            if kind == "cell":
                self.cells.append((owner, value))
            else:
                self.names.append((owner, name, value))

    def hold(self) -> bool:
        """Whether the program is still that of its function."""
        for tensor, shape, dtype in self.tensors:
            if tensor._data.shape != shape or tensor._data.dtype != dtype:
                return False
        for node, had_gradient in self.nodes:
            if (node.grad is not None and node.grad is not NOT_KEPT) is not had_gradient:
                return False
        for cell, value in self.cells:
            try:
                now = cell.cell_contents
            except ValueError:
                return False
            if now is not value and not _same(now, value):
                return False
        for scope, name, value in self.names:
            now = scope.get(name)
            if now is not value and not _same(now, value):
                return False
        return True


def _same(now: Any, value: Any) -> bool:
    return type(now) is type(value) and isinstance(value, _PLAIN) and bool(now == value)


def _references(f: Any, seen: set[int]) -> Iterator[tuple[str, Any, str, Any]]:
    """The plain values, arrays and functions that a function, and those of the user that it calls, refer to."""
    f = getattr(f, "__func__", f)
    if not isinstance(f, types.FunctionType) or id(f) in seen or _is_a_librarys(f):
        return
    seen.add(id(f))
    found: list[tuple[str, Any, str, Any]] = []
    for cell in f.__closure__ or ():
        try:
            found.append(("cell", cell, "", cell.cell_contents))
        except ValueError:
            continue
    found += [
        ("name", f.__globals__, name, f.__globals__[name]) for name in names_in(f.__code__) if name in f.__globals__
    ]
    for kind, owner, name, value in found:
        if isinstance(value, (*_PLAIN, np.ndarray, types.FunctionType)):
            yield kind, owner, name, value
        yield from _references(getattr(value, "__wrapped__", value), seen)


def _is_a_librarys(f: types.FunctionType) -> bool:
    top = (f.__module__ or "").partition(".")[0]
    return top in ("numpy", __name__.partition(".")[0]) and not f.__closure__
