"""A function run twice: what then differs (a random number, a counter, the time) can't be a constant of a program.

with Runs(f, arguments) as runs:
first = runs.first(run)
second = runs.second(run)
first_difference(first, second, line)
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, TypeVar

from ...errors import CaptureError
from ..ir import Program, Variable
from ..state.remembered import Remembered, drawn_from
from .constants import is_same
from .given import Drawing
from .refusals import CHANGED_TWICE, DRAWN, EFFECT, ITERATOR, KEPT, refusal
from .traced import Traced
from .tracer import Captured

Result = TypeVar("Result")


class Runs:
    """Two runs of a function, of which the second leaves all that the function can reach as it is.

    What is done once, such as filling a cache, has then been done. What is done in every call its program would not do:
    that is an error, and whatever has changed by then is put back, as by any other error.
    """

    def __init__(self, f: Callable[..., Any], arguments: list[Any]) -> None:
        self.f = f
        self.arguments = arguments

    def __enter__(self) -> Runs:
        self.before = self.settled = self._remembered()
        return self

    def __exit__(self, kind: Any, *error: object) -> None:
        self.before.empty_caches()
        if kind is not None:
            self.before.restore()

    def begin_again(self) -> None:
        """Put back what a run in vain has changed."""
        self.before.empty_caches()
        self.before.restore()
        self.settled = self.before

    def _remembered(self) -> Remembered:
        state = Remembered(self.f, self.arguments, stray=(Traced, Drawing))
        for iterator, path in state.found.iterators:
            raise refusal(ITERATOR, path=path, kind=type(iterator).__name__)
        return state

    def first(self, run: Callable[[], Result]) -> Result:
        """The result of the first run. Raises CaptureError if a traced value is left where it does not belong."""
        result = run()
        self.settled = self.before if self.before.holds() else self._remembered()
        for path in self.settled.found.strays:
            raise refusal(KEPT, path=self.settled.described(path))
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
            if drawn_from(generator) != state:
                path = self.settled.described(path)
                is_file = isinstance(generator, io.IOBase)
                raise refusal(EFFECT, does=f"writes to {path}") if is_file else refusal(DRAWN, path=path)
        return result

    def _changes(self, path: str) -> CaptureError:
        return refusal(CHANGED_TWICE, path=self.settled.described(path))


def first_difference(first: Captured, second: Captured, line: str) -> str | None:
    """The line of the first thing in which two captures of a call differ; the function begins at `line`."""
    return _difference(first.program, second.program, (first.returned(), second.returned()), line) or (
        None if [draw.what for draw in first.draws] == [draw.what for draw in second.draws] else line
    )


def _difference(first: Program, second: Program, results: tuple[list[Any], list[Any]], line: str) -> str | None:
    numbers: dict[Variable, Any] = {}
    for program in (first, second):
        for number, variable in enumerate(program.inputs):
            numbers[variable] = ("input", number)
        for number, equation in enumerate(program.equations):
            for output in equation.outputs:
                numbers[output] = ("made", number, output.shape, output.dtype)

    def same(a: Any, b: Any) -> bool:
        if isinstance(a, Variable) and isinstance(b, Variable):
            if a in first.constants and b in second.constants:
                return is_same(first.constants[a], second.constants[b])
            return numbers.get(a) == numbers.get(b)
        if isinstance(a, list | tuple) and type(a) is type(b):
            return len(a) == len(b) and all(map(same, a, b))
        if isinstance(a, dict) and isinstance(b, dict):
            return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
        if isinstance(a, slice) and isinstance(b, slice):
            return same([a.start, a.stop, a.step], [b.start, b.stop, b.step])
        if callable(a) and not isinstance(a, type):
            # A function that is made anew in each run is another one of the same code.
            return a is b or getattr(a, "__code__", a) is getattr(b, "__code__", b)
        if getattr(type(a), "__eq__", None) is object.__eq__:
            return type(a) is type(b)
        return type(a) is type(b) and bool(a == b or a != a)

    for equation, other in zip(first.equations, second.equations, strict=False):
        applied, again = ((e.operation, e.arguments, dict(e.keywords)) for e in (equation, other))
        if not same(applied, again):
            return equation.line or line
    if len(first.equations) != len(second.equations) or not same(first.outputs, second.outputs):
        return first.equations[-1].line if first.equations else line
    return None if same(*results) else line
