"""The state that a function can reach, at one time: compared with what it is by now, and put back.

    before = Snapshot(f, arguments)
    before.holds()           whether all of it is as it was
    before.changed()         what is not, as the user calls it
    before.restore()

`holds` runs before every call of a compiled function. `Runs` sees to it that a function that is being captured changes
nothing that its program would not change again.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from operator import getitem
from typing import Any, TypeVar

from ...errors import CaptureError
from .bytecode import place_naming
from .reachable import Reachable
from .unchanged import Absent, Bytes, Containers, Elements, Places, Sizes, has_bytes

Result = TypeVar("Result")


class Snapshot:
    """All that a function can reach, as it is when this is made."""

    def __init__(self, f: Callable[..., Any], arguments: Iterable[Any] = ()) -> None:
        found = Reachable(f, arguments)
        self.traced, self.codes = found.traced, found.codes
        self.randoms = [(generator, path, _drawn(generator)) for generator, path in found.randoms]
        contiguous = [(array, path) for array, path in found.arrays if has_bytes(array)]
        others = [(array, path) for array, path in found.arrays if not has_bytes(array)]
        kinds: list[tuple[Any, list[Any]]] = [
            (partial(Places, read=getattr), found.attributes),
            (partial(Places, read=getitem), found.items),
            (Absent, found.absent),
            (Sizes, found.growing),
            (Containers, found.containers),
            (Bytes, contiguous),
            (Elements, others),
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

    def restore(self) -> None:
        """Put back what was changed since, as far as Python lets it."""
        for part in self.parts:
            with suppress(Exception):
                part.restore()

    def described(self, path: str) -> str:
        """A path, and the line of the user's code that names its end."""
        names = re.sub(r"\[[^\]]*\]", "", path).split(".")
        place = next(filter(None, (place_naming(name, self.codes) for name in reversed(names))), None)
        return f"{path} ({place})" if place else path


class Runs:
    """Two runs of a function, of which the second leaves all that the function can reach as it is.

    What is done once, such as filling a cache, has then been done. What is done in every call its program would not do:
    that is an error, and whatever has changed by then is put back, as by any other error.
    """

    def __init__(self, f: Callable[..., Any], arguments: list[Any]) -> None:
        self.f = f
        self.arguments = arguments

    def __enter__(self) -> Runs:
        self.before = Snapshot(self.f, self.arguments)
        return self

    def __exit__(self, kind: Any, *error: object) -> None:
        if kind is not None:
            self.before.restore()

    def first(self, run: Callable[[], Result]) -> Result:
        """The result of the first run. Raises CaptureError if a traced value is left where it does not belong."""
        result = run()
        self.settled = self.before if self.before.holds() else Snapshot(self.f, self.arguments)
        for path in self.settled.traced:
            raise CaptureError(
                f"the function keeps a value in {self.settled.described(path)}, where its program would not put it, "
                "once compiled: return the value, and keep it outside."
            )
        return result

    def second(self, run: Callable[[], Result]) -> Result:
        """The result of the second run. Raises CaptureError if it changed anything, or failed by what the first did."""
        try:
            result = run()
        except Exception as error:
            path = self.settled.changed() or self.before.changed()
            if path is None:
                raise
            raise self._changes(path) from error
        path = self.settled.changed()
        if path is not None:
            raise self._changes(path)
        for generator, path, state in self.settled.randoms:
            if _drawn(generator) != state:
                raise CaptureError(
                    f"the function draws random numbers from {self.settled.described(path)}, others when it was run a "
                    "second time, but its program would repeat the first for ever: pass them as an argument."
                )
        return result

    def _changes(self, path: str) -> CaptureError:
        return CaptureError(
            f"the function changes {self.settled.described(path)}, as it showed when it was run a second time: its "
            "program, once compiled, would not. Return what is new and keep it outside, give it as an argument, or "
            "make it the data of a Tensor, which a compiled function may change."
        )


def _drawn(generator: Any) -> bytes | None:
    """How far a random generator has come; None if it can't say, as the system's own."""
    try:
        return pickle.dumps(generator)
    except Exception:
        return None
