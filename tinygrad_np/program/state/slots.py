"""The slots in which state stands: attributes, items of dicts, and the lists of what a walk has found.

slot = Slot(config, "rate", 0.1, "config.rate")        config.rate was 0.1
setting = Setting(getitem, group, "lr")                group["lr"] is another float in each call
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from operator import getitem
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

ABSENT: Any = object()
"""The value of a variable or slot that has none."""


class Slot(NamedTuple):
    """Where a value stands, `holder.name` or `holder[name]`, and what the user calls that."""

    holder: Any
    name: Any
    value: Any
    path: str


NUMBERS = (float, np.float64)
"""The types of numbers that a program may be given."""


class Setting(NamedTuple):
    """Where a number stands that a program is given: in a slot that getattr or getitem reads, or a tuple in it."""

    read: Callable[[Any, Any], Any]
    holder: Any
    name: Any
    part: int | None = None

    @property
    def key(self) -> tuple[int, Any, int | None]:
        """What tells it from others: an attribute is the item of its object's namespace."""
        return (*_standing(self.holder, self.name), self.part)

    def value(self) -> Any:
        """The number; None if there is none by now."""
        try:
            whole = self.read(self.holder, self.name)
            return whole if self.part is None else whole[self.part]
        except Exception:
            return None

    def put(self, value: Any) -> bool:
        """Put another value there; whether that can be done."""
        if self.part is not None:
            whole = list(self.read(self.holder, self.name))
            whole[self.part] = value
            value = tuple(whole)
        return put(self.read, self.holder, self.name, value)


def entry(scope: dict[str, Any], name: str) -> Any:
    """An entry of a dict, or ABSENT."""
    return scope.get(name, ABSENT)


def length(container: Any, _: None) -> int:
    """How many entries a container has."""
    return len(container)


def put(read: Callable[[Any, Any], Any], holder: Any, name: Any, value: Any) -> bool:
    """Put a value into the slot that `read` reads; whether that can be done."""
    with suppress(AttributeError, KeyError, TypeError, ValueError):
        if read is entry and value is ABSENT:
            holder.pop(name, None)
        elif read is length:
            return False
        elif read is not getattr:
            holder[name] = value
        elif value is ABSENT:
            delattr(holder, name)
        else:
            # Past a frozen dataclass, or what the user's own class does when it is assigned to.
            kind = type if isinstance(holder, type) else object
            try:
                kind.__setattr__(holder, name, value)
            except TypeError:  # Of a class that is written in C, as SimpleNamespace.
                setattr(holder, name, value)
        return True
    return False


class Found:
    """What a walk has found, each slot once.

    `attributes` and `items` are slots into which another value may be put; `absent` globals that do not exist (yet);
    `lengths` those of containers whose entries are slots; `growing` objects that may get more attributes; `containers`
    and `arrays` have contents; `randoms` are generators of random numbers, and files; `caches` are those of functools;
    `iterators` have a next value that nobody sees; `strays` are the paths of values that a capture left where they do
    not belong; `codes` is the user's code that was looked into; `settings` are numbers that change between calls.
    """

    def __init__(self) -> None:
        self.settings: list[Setting] = []
        self.attributes: list[Slot] = []
        self.items: list[Slot] = []
        self.absent: list[Slot] = []
        self.lengths: list[Slot] = []
        self.growing: list[tuple[Any, str]] = []
        self.containers: list[tuple[Any, str]] = []
        self.arrays: list[tuple[Any, str]] = []
        self.randoms: list[tuple[Any, str]] = []
        self.caches: list[Any] = []
        self.iterators: list[tuple[Any, str]] = []
        self.strays: list[str] = []
        self.codes: list[CodeType] = []
        self._known: dict[tuple[int, Any], Any] = {}

    def __len__(self) -> int:
        return len(self._known)

    def slots(self) -> Iterator[tuple[Callable[[Any, Any], Any], Any, Any]]:
        """All slots, as the function that reads them, the holder and the name; entries of containers too."""
        yield from ((getattr, slot.holder, slot.name) for slot in self.attributes)
        yield from ((getitem, slot.holder, slot.name) for slot in self.items)
        for container, _ in self.containers:
            names = list(container) if isinstance(container, dict) else range(len(container))
            if isinstance(container, dict | list | deque):
                yield from ((getitem, container, name) for name in names)

    def leave_out(self, settings: Iterable[Setting]) -> None:
        """Forget these numbers: who reads them at each call need not watch them."""
        known = {setting.key[:2] for setting in settings}
        holders = {holder for holder, _ in known}
        self.attributes = [slot for slot in self.attributes if _standing(slot.holder, slot.name) not in known]
        self.items = [slot for slot in self.items if (id(slot.holder), slot.name) not in known]
        for container, path in self.containers:
            if id(container) in holders:
                names = container if isinstance(container, dict) else range(len(container))
                others = [name for name in names if (id(container), name) not in known]
                self.items += [Slot(container, name, container[name], f"{path}[{name!r}]") for name in others]
                self.lengths.append(Slot(container, None, len(container), path))
        self.containers = [(container, path) for container, path in self.containers if id(container) not in holders]

    def is_new(self, owner: Any, name: Any) -> bool:
        """Whether this is asked for the first time."""
        if (id(owner), name) in self._known:
            return False
        self._known[id(owner), name] = owner
        return True

    def attribute(self, owner: Any, name: str, path: str) -> Any:
        """Take an attribute in; its value, or None."""
        value = _value(owner, name)
        if self.is_new(owner, name):
            is_unset = value is ABSENT
            self.attributes.append(
                Slot(_Unset(owner, name), "value", ABSENT, path) if is_unset else Slot(owner, name, value, path)
            )
        return None if value is ABSENT else value

    def item(self, owner: Any, mapping: Any, key: str, path: str) -> Any:
        """Take an item in, of the dict that belongs to `owner`; its value."""
        if self.is_new(owner, key):
            self.items.append(Slot(mapping, key, mapping[key], path))
        return mapping[key]


class _Unset:
    """A variable or slot that has no value, as an attribute that has one: ABSENT."""

    def __init__(self, owner: Any, name: str) -> None:
        self.owner = owner
        self.name = name

    @property
    def value(self) -> Any:
        return _value(self.owner, self.name)

    @value.deleter
    def value(self) -> None:
        delattr(self.owner, self.name)


class Current:
    """What a ContextVar holds in the thread that asks, as an attribute."""

    def __init__(self, variable: ContextVar[Any]) -> None:
        self.variable = variable

    @property
    def value(self) -> Any:
        """The value, or ABSENT."""
        return self.variable.get(ABSENT)

    @value.setter
    def value(self, value: Any) -> None:
        self.variable.set(value)


def _standing(holder: Any, name: Any) -> tuple[int, Any]:
    """The namespace or container in which something stands, and its name there."""
    namespace = namespace_of(holder)
    return (id(namespace if type(namespace) is dict and name in namespace else holder), name)


def namespace_of(value: Any) -> Any:
    """The attributes of an object; of one of another library that will not tell, none."""
    try:
        return value.__dict__
    except Exception:
        return None


def _value(owner: Any, name: str) -> Any:
    try:
        return getattr(owner, name)
    except Exception:  # Of an empty cell it is a ValueError, of an object of another library any error.
        return ABSENT
