"""Run a function and write down what every line assigns to its local variables.

    recording = recorded(backward, (X, Y), {})
    for assignment in recording.assignments:
        print(assignment.line, assignment.name, assignment.value)

The function itself and the user's functions that it calls are followed, by `sys.settrace`; a debugger's or coverage's
own trace goes on beside it. A name is a variable, or an entry of a dict or list that a variable holds: `grads['W1']`.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

import numpy as np

from ..frames import is_users_file

MOST_ENTRIES = 200
"""Of a longer dict or list the entries are not followed."""

MOST_PRINTED = 1_000_000
"""What is printed after so many letters is not kept."""


@dataclass(frozen=True, eq=False)
class Assignment:
    """What one run of one line left in one variable.

    Attributes: `code`, whose line it is; `line`, the number of the line in its file; `name`; `value`, a copy;
    `iteration`, how often the line had run before in this call; `before`, copies of the local variables as the line
    found them.
    """

    code: CodeType
    line: int
    name: str
    value: Any
    iteration: int
    before: dict[str, Any]


@dataclass
class Recording:
    """One call: its assignments in their order, what each function was `given`, the result or the error, the output,
    and the names of the packages whose functions ran.
    """

    assignments: list[Assignment] = field(default_factory=list)
    given: list[tuple[CodeType, str, Any]] = field(default_factory=list)
    codes: list[CodeType] = field(default_factory=list)
    result: Any = None
    error: BaseException | None = None
    error_line: int = 0
    printed: str = ""
    entered: set[str] = field(default_factory=set)

    def run(self, line: int) -> int:
        """How often a line assigned something."""
        return max((one.iteration for one in self.assignments if one.line == line), default=-1) + 1


def recorded(function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Recording:
    """Call a function and record it; an error, or exit(), ends the recording and is kept in it."""
    recording = Recording()
    output = _Output()
    tracer = _Tracer(recording, sys.gettrace())
    with contextlib.redirect_stdout(output):
        sys.settrace(tracer.enter)
        try:
            recording.result = function(*arguments, **keywords)
        except (Exception, SystemExit) as error:
            recording.error = error
        finally:
            sys.settrace(tracer.other)
    recording.printed = output.getvalue()
    return recording


class _Output(io.StringIO):
    """Keeps what is printed, but no more than the first million letters."""

    def write(self, text: str) -> int:
        return super().write(text) if self.tell() < MOST_PRINTED else len(text)


class _Tracer:
    """Hands each frame of the user's code to a follower of its own, and to another tracer what that would have got."""

    def __init__(self, recording: Recording, other: Any) -> None:
        self.recording = recording
        self.other = other
        self.root: FrameType | None = sys._getframe(1)

    def enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        module = str(frame.f_globals.get("__name__", ""))
        if not module.startswith(__name__.rpartition(".")[0]):
            self.recording.entered.add(module.partition(".")[0])
        others = None
        if self.other is not None:
            others = self.other(frame, event, argument)
            if sys.gettrace() != self.enter:
                sys.settrace(self.enter)  # Coverage puts itself in the place of whoever calls it.
        if not is_users_file(frame.f_code.co_filename) or frame.f_code.co_name.startswith("<"):
            return others
        if frame.f_code not in self.recording.codes:
            self.recording.codes.append(frame.f_code)
        follower = _Follower(self.recording, frame)

        def each(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal others
            if others is not None:
                others = others(frame, event, argument)
            follower.note(frame, event)
            return each

        return each


class _Follower:
    """Compares the local variables of one frame after each line with what they were before it."""

    def __init__(self, recording: Recording, frame: FrameType) -> None:
        self.recording = recording
        self.known = {name: (value, kept(value)) for name, value in entries(frame.f_locals)}
        self.before = {name: copy for name, (_, copy) in self.known.items()}
        recording.given += [(frame.f_code, name, copy) for name, copy in self.before.items()]
        self.line = frame.f_lineno
        self.runs: dict[int, int] = {}

    def note(self, frame: FrameType, event: str) -> None:
        """Take note of what the line that ran last has assigned."""
        if event == "exception":
            self.recording.error_line = frame.f_lineno
            return
        if event not in ("line", "return"):
            return
        changed = []
        for name, value in entries(frame.f_locals):
            known = self.known.get(name)
            if known is None or known[0] is not value or not is_as_before(value, known[1]):
                copy = kept(value)
                self.known[name] = (value, copy)
                changed.append((name, copy))
        if changed:
            iteration = self.runs.get(self.line, 0)
            self.runs[self.line] = iteration + 1
            self.recording.assignments += [
                Assignment(frame.f_code, self.line, name, copy, iteration, self.before) for name, copy in changed
            ]
            self.before = {**self.before, **dict(changed)}
        self.line = frame.f_lineno


def entries(variables: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The variables, and the entries of the dicts, lists and tuples that they hold."""
    for name, value in variables.items():
        yield name, value
        yield from _entries_of(name, value, depth=2)


def _entries_of(name: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if not depth or not isinstance(value, dict | list | tuple) or len(value) > MOST_ENTRIES:
        return
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, entry in pairs:
        yield f"{name}[{key!r}]", entry
        yield from _entries_of(f"{name}[{key!r}]", entry, depth - 1)


def kept(value: Any) -> Any:
    """A copy of an array or of a container of arrays; anything else as it is."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if type(value) in (list, tuple) and len(value) <= MOST_ENTRIES:
        return type(value)(kept(entry) for entry in value)
    if type(value) is dict and len(value) <= MOST_ENTRIES:
        return {key: kept(entry) for key, entry in value.items()}
    return value


def is_as_before(value: Any, copy: Any) -> bool:
    """Whether an object that may have changed in place is as it was when it was copied."""
    if isinstance(value, np.ndarray):
        return bool(np.array_equal(value, copy, equal_nan=value.dtype.kind == "f"))
    if type(value) in (list, tuple):
        return len(value) == len(copy) and all(map(is_as_before, value, copy))
    if type(value) is dict:
        return value.keys() == copy.keys() and all(is_as_before(value[key], copy[key]) for key in value)
    return True
