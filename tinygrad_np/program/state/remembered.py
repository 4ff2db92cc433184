"""The state that a function can reach, at one time: compared with what it is by now, and put back.

    before = Remembered(f, arguments)
    before.holds()           whether all of it is as it was, quickly: before every call of a compiled function
    before.changed()         what is not, as the user calls it
    before.moving()          the numbers that are others by now
    before.restore()

As it was: the same object in the same slot (or an equal number or string of the same type, which is then taken for it),
the same entries in a container and in the same order, the same bytes in an array.
"""

from __future__ import annotations

import io
import pickle
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from operator import getitem, is_
from types import MappingProxyType
from typing import Any

import numpy as np

from .bytecode import line_naming
from .reachable import Reachable
from .slots import NUMBERS, Slot

_EXACT = frozenset({int, str, bytes, bytearray, bool, range})


class Remembered:
    """All that a function can reach, as it is when this is made, but for slots whose values are given to it."""

    def __init__(
        self,
        f: Callable[..., Any],
        arguments: Iterable[Any] = (),
        stray: type | tuple[type, ...] = (),
        given: Iterable[Slot] = (),
    ) -> None:
        self.stray = stray
        self.found = found = Reachable(f, arguments, stray, given)
        self.randoms = [(generator, path, drawn_from(generator)) for generator, path in found.randoms]
        self.caches = [(cache, cache.cache_info().currsize) for cache in found.caches]
        self._values = [slot.value() for slot in found.slots]
        self._names = [frozenset(vars(owner)) for owner, _ in found.namespaces]
        self._entries = [[list(part) for part in _parts(container)] for container, _ in found.containers]
        self._bytes = [(_layout(array), _bytes(array)) for array, _ in found.arrays]
        # The same, as it is compared fastest.
        self._slots = [(*slot[:3], value) for slot, value in zip(found.slots, self._values, strict=True)]
        self._parts = [part for container, _ in found.containers for part in _parts(container)]
        self._kept = [*chain(*self._entries)]
        self._sizes = [(vars(owner), len(vars(owner))) for owner, _ in found.namespaces]
        self._sizes += [(part, len(part)) for part in self._parts]
        self._arrays = [(array, *kept) for (array, _), kept in zip(found.arrays, self._bytes, strict=True)]

    def holds(self) -> bool:
        """Whether all is as it was; what was drawn from random generators does not matter here."""
        try:
            return self._is_the_same() or self.changed() is None
        except Exception:  # A deleted attribute, a dict that another thread is changing.
            return self.changed() is None

    def _is_the_same(self) -> bool:
        for read, holder, name, value in self._slots:
            if read(holder, name) is not value:
                return False
        for sized, size in self._sizes:
            if len(sized) != size:
                return False
        for array, layout, contents in self._arrays:
            if layout and (array.shape != layout[0] or array.dtype is not layout[1]):
                return False
            # A bytearray compares itself with whatever has bytes, at the speed of memcmp.
            if contents != array if type(contents) is bytearray else not _same(_bytes(array), contents):
                return False
        return not self._parts or all(map(is_, chain.from_iterable(self._parts), chain.from_iterable(self._kept)))

    def changed(self) -> str | None:
        """The first thing that is not as it was; where there is another object that is equal, that one is kept."""
        for number, (slot, before) in enumerate(zip(self.found.slots, self._values, strict=True)):
            now = slot.value()
            if not _same(now, before):
                return slot.path
            self._values[number], self._slots[number] = now, (*slot[:3], now)
        for (owner, path), names in zip(self.found.namespaces, self._names, strict=True):
            if vars(owner).keys() != names:
                return f"{path}.{min(vars(owner).keys() ^ names)}"
        for (container, path), entries in zip(self.found.containers, self._entries, strict=True):
            for part, saved in zip(_parts(container), entries, strict=True):
                now = list(part)
                if not _all_same(now, saved):
                    return path
                saved[:] = now
        for (array, path), before in zip(self.found.arrays, self._bytes, strict=True):
            if not _same((_layout(array), _bytes(array)), before):
                return path
        return None

    def moving(self) -> Iterator[Slot]:
        """The numbers that are others by now, those in tuples too."""
        pairs = [*zip(self.found.slots, self._values, strict=True)]
        for (container, _), entries in zip(self.found.containers, self._entries, strict=True):
            pairs += zip(slots_of(container), entries[-1], strict=False)
        for slot, before in pairs:
            now = slot.value()
            if type(before) is type(now) and not _same(now, before):
                if type(before) in NUMBERS:
                    yield slot
                elif type(before) is tuple and len(before) == len(now) and {float} == {*map(type, before + now)}:
                    yield from (slot._replace(part=part) for part in range(len(now)))

    def restore(self) -> None:
        """Put back what was changed since, as far as Python lets it."""
        for slot, value in zip(self.found.slots, self._values, strict=True):
            if not _same(slot.value(), value):
                slot.put(value)
        for (owner, _), names in zip(self.found.namespaces, self._names, strict=True):
            for name in vars(owner).keys() - names:
                with suppress(Exception):
                    (type if isinstance(owner, type) else object).__delattr__(owner, name)
        for (container, _), entries in zip(self.found.containers, self._entries, strict=True):
            if isinstance(container, dict | list | deque | set) and not all(
                map(_all_same, map(list, _parts(container)), entries)
            ):
                container.clear()
                fill = container.extend if isinstance(container, list | deque) else container.update
                fill(zip(*entries, strict=True) if isinstance(container, dict) else entries[0])
        for (array, _), (layout, contents) in zip(self.found.arrays, self._bytes, strict=True):
            with suppress(Exception):  # It may be read-only by now, or have another length.
                if not _same(_bytes(array), contents):
                    _fill(array, layout, contents)

    def empty_caches(self) -> None:
        """Let the caches forget that were filled since with what only a capture knows."""
        for cache, size in self.caches:
            if cache.cache_info().currsize != size and Reachable(cache, stray=self.stray).strays:
                cache.cache_clear()

    def described(self, path: str) -> str:
        """A path, and the line of the user's code that names its end."""
        names = re.sub(r"\[[^\]]*\]", "", path).split(".")
        line = next(filter(None, (line_naming(name, self.found.codes) for name in reversed(names))), None)
        return f"{path} ({line})" if line else path


def slots_of(container: Any) -> Iterator[Slot]:
    """The entries of a dict, list or deque."""
    if isinstance(container, dict | list | deque):
        names = list(container) if isinstance(container, dict) else range(len(container))
        yield from (Slot(getitem, container, name) for name in names)


def drawn_from(generator: Any) -> bytes | None:
    """How far a random generator has come; None if it can't say, as the system's own."""
    try:
        if isinstance(generator, io.IOBase):
            return repr(generator.tell()).encode()
        return pickle.dumps(generator)
    except Exception:
        return None


def _parts(container: Any) -> tuple[Any, ...]:
    """What can be iterated over, again and again, to see all of a container."""
    is_mapping = isinstance(container, dict | MappingProxyType)
    return (container.keys(), container.values()) if is_mapping else (container,)


def _layout(array: Any) -> tuple[Any, ...]:
    return (array.shape, array.dtype) if isinstance(array, np.ndarray | np.void) else ()


def _bytes(array: Any) -> Any:
    """A copy of the elements: as a bytearray where they lie one after the other and are nothing but bytes."""
    if not isinstance(array, np.ndarray | np.void):
        return bytearray(memoryview(array))
    if array.dtype.hasobject:
        return tuple(array.ravel().tolist())
    if isinstance(array, np.ndarray) and array.flags.c_contiguous and array.dtype.kind not in "mM":
        return bytearray(array.data)
    return array.tobytes("A")


def _fill(array: Any, layout: tuple[Any, ...], contents: Any) -> None:
    """Give an array the elements of which this is a copy."""
    if type(contents) is bytearray:
        np.frombuffer(array, np.uint8)[:] = contents
        return
    shape, dtype = layout
    flat = np.frombuffer(contents, dtype) if isinstance(contents, bytes) else np.array(contents, dtype)
    array[...] = flat.reshape(shape, order="F" if array.flags.fnc else "C")


def _all_same(now: Any, before: Any) -> bool:
    return len(now) == len(before) and all(map(_same, now, before))


def _same(now: Any, before: Any) -> bool:
    """Whether it is the same object, or a number, a string, a tuple of such that nothing can tell from it."""
    if now is before:
        return True
    kind = type(before)
    if type(now) is not kind:
        return False
    if kind in _EXACT or isinstance(before, np.dtype):
        return bool(now == before)
    if kind is float or kind is complex:
        return repr(now) == repr(before)  # -0.0 is another number than 0.0; NaN is the same as NaN.
    if isinstance(before, np.generic):
        return bool(now.dtype == before.dtype and now.tobytes() == before.tobytes())
    return kind is tuple and _all_same(now, before)
