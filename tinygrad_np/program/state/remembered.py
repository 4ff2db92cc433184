"""The state that a function can reach, at one time: compared with what it is by now, and put back.

    before = Remembered(f, arguments)
    before.holds()           whether all of it is as it was
    before.changed()         what is not, as the user calls it
    before.restore()

`holds` runs before every call of a compiled function.
"""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from operator import getitem
from typing import Any

from .bytecode import line_naming
from .reachable import reachable
from .slots import Setting, entry, length
from .unchanged import Arrays, Containers, Sizes, Slots


class Remembered:
    """All that a function can reach, as it is when this is made."""

    def __init__(
        self,
        f: Callable[..., Any],
        arguments: Iterable[Any] = (),
        stray: type | tuple[type, ...] = (),
        but_for: Iterable[Setting] = (),
    ) -> None:
        self.stray = stray
        self.found = found = reachable(f, arguments, stray)
        found.leave_out(but_for)
        self.randoms = [(generator, path, drawn_from(generator)) for generator, path in found.randoms]
        self.caches = [(cache, cache.cache_info().currsize) for cache in found.caches]
        kinds: list[tuple[Any, list[Any]]] = [
            (partial(Slots, read=getattr), found.attributes),
            (partial(Slots, read=getitem), found.items),
            (partial(Slots, read=entry), found.absent),
            (partial(Slots, read=length), found.lengths),
            (Sizes, found.growing),
            (Containers, found.containers),
            (Arrays, found.arrays),
        ]
        self.parts = [kind(state) for kind, state in kinds if state]

    def holds(self) -> bool:
        """Whether all is as it was; what was drawn from random generators does not matter here."""
        try:
            for part in self.parts:
                if not part.holds():
                    return self.changed() is None
        except Exception:  # A deleted attribute, a dict that another thread is changing.
            return self.changed() is None
        return True

    def changed(self) -> str | None:
        """The first thing that is not as it was; where there is another object that is equal, that one is kept."""
        return next((path for part in self.parts for path in part.changed()), None)

    def moving(self) -> list[Setting]:
        """The numbers that are others by now."""
        parts = (part for part in self.parts if isinstance(part, Slots | Containers))
        return [setting for part in parts for setting in part.moving()]

    def restore(self) -> None:
        """Put back what was changed since, as far as Python lets it."""
        for part in self.parts:
            with suppress(Exception):
                part.restore()

    def empty_caches(self) -> None:
        """Let the caches forget that were filled since with what only a capture knows."""
        for cache, size in self.caches:
            if cache.cache_info().currsize != size and reachable(cache, stray=self.stray).strays:
                cache.cache_clear()

    def described(self, path: str) -> str:
        """A path, and the line of the user's code that names its end."""
        names = re.sub(r"\[[^\]]*\]", "", path).split(".")
        line = next(filter(None, (line_naming(name, self.found.codes) for name in reversed(names))), None)
        return f"{path} ({line})" if line else path


def drawn_from(generator: Any) -> bytes | None:
    """How far a random generator has come; None if it can't say, as the system's own."""
    try:
        if isinstance(generator, io.IOBase):
            return repr(generator.tell()).encode()
        return pickle.dumps(generator)
    except Exception:
        return None
