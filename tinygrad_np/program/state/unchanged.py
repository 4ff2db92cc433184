"""Whether slots, containers and arrays are as they were when they were given here, and putting them back.

    slots = Slots([Slot(config, "rate", 0.1, "config.rate")], getattr)
    slots.holds()            whether all is as it was, quickly
    slots.changed()          the paths of what is not
    slots.restore()

Each class has these three methods, for one kind of state. The same means: the same object in the same slot (or an
equal number or string of the same type, which `changed` then takes for it), the same bytes in an array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import chain
from operator import getitem, is_
from types import MappingProxyType
from typing import Any

import numpy as np

from .slots import NUMBERS, Setting, Slot, put

_EXACT = frozenset({int, str, bytes, bytearray, bool, range})
_GONE = object()


class Slots:
    """Which object stands in an attribute or item; `read` is getattr or getitem."""

    def __init__(self, slots: list[Slot], read: Callable[[Any, Any], Any]) -> None:
        self.slots = slots
        self.read = read
        self.values = [tuple(slot[:3]) for slot in slots]

    def holds(self) -> bool:
        """Whether all is as it was, quickly."""
        read = self.read
        for holder, name, value in self.values:  # noqa: SIM110 (`all` of a generator takes longer)
            if read(holder, name) is not value:
                return False
        return True

    def changed(self) -> Iterable[str]:
        """The paths of what is not as it was."""
        for number, slot in enumerate(self.slots):
            now = self._now(slot)
            if _same(now, slot.value):
                self.slots[number] = slot._replace(value=now)
                self.values[number] = (slot.holder, slot.name, now)
            else:
                yield slot.path

    def moving(self) -> Iterable[Setting]:
        """The numbers that are others by now."""
        for slot in self.slots:
            yield from _moving(self.read, slot.holder, slot.name, slot.value, self._now(slot))

    def restore(self) -> None:
        """Put back what is not as it was."""
        for slot in self.slots:
            if not _same(self._now(slot), slot.value):
                put(self.read, *slot[:3])

    def _now(self, slot: Slot) -> Any:
        try:
            return self.read(slot.holder, slot.name)
        except Exception:
            return _GONE


class Sizes:
    """How many attributes objects have: a new one would hide what their class has by that name."""

    def __init__(self, owners: list[tuple[Any, str]]) -> None:
        self.owners = [(owner, frozenset(vars(owner)), path) for owner, path in owners]
        self.sizes = [(vars(owner), len(names)) for owner, names, _ in self.owners]

    def holds(self) -> bool:
        """Whether all is as it was, quickly."""
        for namespace, size in self.sizes:  # noqa: SIM110
            if len(namespace) != size:
                return False
        return True

    def changed(self) -> Iterable[str]:
        """The paths of what is not as it was."""
        for owner, names, path in self.owners:
            if len(vars(owner)) != len(names):
                yield f"{path}.{min(names ^ vars(owner).keys())}"

    def restore(self) -> None:
        """Put back what is not as it was."""
        for owner, names, _ in self.owners:
            for name in vars(owner).keys() - names:
                (type if isinstance(owner, type) else object).__delattr__(owner, name)


class Containers:
    """The entries of dicts, lists, sets and deques, in their order."""

    def __init__(self, containers: list[tuple[Any, str]]) -> None:
        self.containers = [
            (container, [list(part) for part in _parts(container)], path) for container, path in containers
        ]
        self.parts = [part for container, _ in containers for part in _parts(container)]
        self.saved = [saved for _, parts, _ in self.containers for saved in parts]
        self.sizes = [(part, len(saved)) for part, saved in zip(self.parts, self.saved, strict=True)]

    def holds(self) -> bool:
        """Whether all is as it was, quickly."""
        for part, size in self.sizes:
            if len(part) != size:
                return False
        return all(map(is_, chain.from_iterable(self.parts), chain.from_iterable(self.saved)))

    def changed(self) -> Iterable[str]:
        """The paths of what is not as it was."""
        for container, parts, path in self.containers:
            for part, saved in zip(_parts(container), parts, strict=True):
                now = list(part)
                if not _all_same(now, saved):
                    yield path
                    break
                saved[:] = now

    def moving(self) -> Iterable[Setting]:
        """The numbers that are others by now."""
        for container, parts, _ in self.containers:
            if isinstance(container, dict | list) and len(container) == len(parts[0]):
                names = parts[0] if isinstance(container, dict) else range(len(container))
                for name, before in zip(names, parts[-1], strict=True):
                    now = container.get(name) if isinstance(container, dict) else container[name]
                    yield from _moving(getitem, container, name, before, now)

    def restore(self) -> None:
        """Put back what is not as it was."""
        for container, parts, _ in self.containers:
            if all(map(_all_same, map(list, _parts(container)), parts)) or isinstance(container, MappingProxyType):
                continue
            container.clear()
            if isinstance(container, dict):
                container.update(zip(*parts, strict=True))
            elif isinstance(container, set):
                container.update(*parts)
            else:
                container.extend(*parts)


class Arrays:
    """The elements of arrays, and of what else has bytes."""

    def __init__(self, arrays: list[tuple[Any, str]]) -> None:
        self.arrays = [(array, _layout(array), _contents(array), path) for array, path in arrays]
        self.layouts = [(array, *layout) for array, layout, _, _ in self.arrays if layout]
        self.bytes = [(contents, array) for array, _, contents, _ in self.arrays if type(contents) is bytearray]
        self.others = [(contents, array) for array, _, contents, _ in self.arrays if type(contents) is not bytearray]

    def holds(self) -> bool:
        """Whether all is as it was, quickly."""
        for array, shape, dtype in self.layouts:
            if array.shape != shape or array.dtype is not dtype:
                return False
        # A bytearray compares itself with whatever has bytes, at the speed of memcmp.
        for contents, array in self.bytes:
            if contents != array:
                return False
        return all(_same(_contents(array), contents) for contents, array in self.others)

    def changed(self) -> Iterable[str]:
        """The paths of what is not as it was."""
        for array, layout, contents, path in self.arrays:
            if _layout(array) != layout or not _same(_contents(array), contents):
                yield path

    def restore(self) -> None:
        """Put back what is not as it was."""
        for array, layout, contents, _ in self.arrays:
            if _same(_contents(array), contents):
                continue
            with suppress(ValueError):  # It may be read-only by now, or have another length.
                if type(contents) is bytearray:
                    np.frombuffer(array, np.uint8)[:] = contents
                    continue
                dtype = layout[1]
                flat = np.frombuffer(contents, dtype) if isinstance(contents, bytes) else np.array(contents, dtype)
                array[...] = flat.reshape(layout[0], order="F" if array.flags.fnc else "C")


def _moving(read: Callable[[Any, Any], Any], holder: Any, name: Any, before: Any, now: Any) -> Iterable[Setting]:
    """The numbers in a slot that are others by now."""
    if type(before) is not type(now) or _same(now, before):
        return
    if type(before) in NUMBERS:
        yield Setting(read, holder, name)
    elif type(before) is tuple and len(before) == len(now) and {float} == {*map(type, before + now)}:
        yield from (Setting(read, holder, name, part) for part in range(len(now)))


def _contents(array: Any) -> Any:
    """A copy of the elements: as a bytearray where they lie one after the other and are nothing but bytes."""
    if not isinstance(array, np.ndarray | np.void):
        return bytearray(memoryview(array))
    if array.dtype.hasobject:
        return tuple(array.ravel().tolist())
    if isinstance(array, np.ndarray) and array.flags.c_contiguous and array.dtype.kind not in "mM":
        return bytearray(array.data)
    return array.tobytes("A")


def _layout(array: Any) -> tuple[Any, ...]:
    return (array.shape, array.dtype) if isinstance(array, np.ndarray | np.void) else ()


def _parts(container: Any) -> tuple[Any, ...]:
    """What can be iterated over, again and again, to see all of a container."""
    is_mapping = isinstance(container, dict | MappingProxyType)
    return (container.keys(), container.values()) if is_mapping else (container,)


def _all_same(now: Any, before: Any) -> bool:
    return len(now) == len(before) and all(map(_same, now, before))


def _same(now: Any, before: Any) -> bool:
    """Whether it is the same object, or a number, a string, a tuple of such that nothing can tell from it."""
    if now is before:
        return True
    kind = type(before)
    if type(now) is not kind:
        return False
    if kind in _EXACT:
        return bool(now == before)
    if kind is float or kind is complex:
        return repr(now) == repr(before)  # -0.0 is another number than 0.0; NaN is the same as NaN.
    if isinstance(before, np.generic):
        return bool(now.dtype == before.dtype and now.tobytes() == before.tobytes())
    return kind is tuple and _all_same(now, before)
