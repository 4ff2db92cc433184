"""The slots in which state stands: attributes, items of dicts, and the lists of what a walk has found.

slot = Slot(config, "rate", 0.1, "config.rate")        config.rate was 0.1
"""

from __future__ import annotations

from contextvars import ContextVar
from types import CodeType
from typing import Any, NamedTuple

ABSENT: Any = object()
"""The value of a variable or slot that has none."""


class Slot(NamedTuple):
    """Where a value stands, `holder.name` or `holder[name]`, and what the user calls that."""

    holder: Any
    name: Any
    value: Any
    path: str


class Found:
    """What a walk has found, each slot once.

    `attributes` and `items` are slots into which another value may be put; `absent` globals that do not exist (yet);
    `growing` objects that may get more attributes; `containers` and `arrays` have contents; `randoms` are generators of
    random numbers, `iterators` have a next value that nobody sees; `strays` are the paths of values that a capture left
    where they do not belong; `codes` is the user's code that was looked into.
    """

    def __init__(self) -> None:
        self.attributes: list[Slot] = []
        self.items: list[Slot] = []
        self.absent: list[tuple[dict[str, Any], str]] = []
        self.growing: list[tuple[Any, str]] = []
        self.containers: list[tuple[Any, str]] = []
        self.arrays: list[tuple[Any, str]] = []
        self.randoms: list[tuple[Any, str]] = []
        self.iterators: list[tuple[Any, str]] = []
        self.strays: list[str] = []
        self.codes: list[CodeType] = []
        self._known: dict[tuple[int, Any], Any] = {}

    def __len__(self) -> int:
        return len(self._known)

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


def _value(owner: Any, name: str) -> Any:
    try:
        return getattr(owner, name)
    except (AttributeError, ValueError):  # Of an empty cell it is a ValueError.
        return ABSENT
