"""A slot: where a value stands that a function can reach; it can be read, and something else be put there.

slot = Slot(getitem, group, "lr", "optimizer.param_groups[0]['lr']")
slot.value()             what stands there
slot.put(0.1)            put something else there
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from operator import getitem
from typing import Any, NamedTuple

import numpy as np

ABSENT: Any = object()
"""The value of a slot that has none."""

NUMBERS = (float, np.float64)
"""The types of numbers that a program may be given."""


class Slot(NamedTuple):
    """Where a value stands: what `read(holder, name)` gives, or a part of the tuple that it gives.

    `read` is getattr, getitem, dict.get or one of the functions below; `path` is what the user calls the slot.
    """

    read: Callable[[Any, Any], Any]
    holder: Any
    name: Any
    path: str = ""
    part: int | None = None

    @property
    def key(self) -> tuple[int, Any, int | None]:
        """What tells it from others: an attribute is the item of its object's namespace."""
        namespace = namespace_of(self.holder)
        is_there = type(namespace) is dict and self.name in namespace
        return (id(namespace if is_there else self.holder), self.name, self.part)

    def value(self) -> Any:
        """What stands there; ABSENT if there is nothing by now."""
        try:
            whole = self.read(self.holder, self.name)
            return whole if self.part is None else whole[self.part]
        except Exception:
            return ABSENT

    def put(self, value: Any) -> bool:
        """Put another value there; whether that can be done."""
        read, holder, name, _, part = self
        with suppress(AttributeError, KeyError, TypeError, ValueError):
            if part is not None:
                whole = read(holder, name)
                value = (*whole[:part], value, *whole[part + 1 :])
            if value is ABSENT:
                delattr(holder, name)
            elif read is dict.get and value is None:
                holder.pop(name, None)
            elif read is current:
                holder.set(value)
            elif read in (getitem, dict.get):
                holder[name] = value
            else:
                # Past a frozen dataclass, or what the user's own class does when it is assigned to.
                kind = type if isinstance(holder, type) else object
                try:
                    kind.__setattr__(holder, name, value)
                except TypeError:  # Of a class that is written in C, as SimpleNamespace.
                    setattr(holder, name, value)
            return True
        return False


def attribute(holder: Any, name: str) -> Any:
    """An attribute, or ABSENT."""
    try:
        return getattr(holder, name)
    except Exception:  # Of an empty cell it is a ValueError, of an object of another library any error.
        return ABSENT


def current(variable: ContextVar[Any], _: str) -> Any:
    """What a ContextVar holds in the thread that asks, or ABSENT."""
    return variable.get(ABSENT)


def namespace_of(value: Any) -> Any:
    """The attributes of an object; of one of another library that will not tell, none."""
    try:
        return value.__dict__ if isinstance(value.__dict__, dict) else None
    except Exception:
        return None
