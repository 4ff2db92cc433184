"""Run a function and write down what every line assigns to its local variables.

    recording = recorded(backward, (X, Y), {})
    for assignment in recording.assignments:
        print(assignment.line, assignment.name, assignment.value)

The function itself and the user's functions that it calls are followed, by `sys.settrace`; a debugger's or coverage's
own trace goes on beside it. A name is a variable, or an entry of a dict, a list or an object that a variable holds:
`grads['W1']`, `self.dW`. What a function that is called returns has the name `return`.
"""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any, NamedTuple

from ..frames import is_users_file
from .values import entries, is_as_before, kept

RETURNED = "return"
"""The name under which what a function returns is written down, but for the function itself that is recorded."""

MOST_PRINTED = 1_000_000
"""Who prints more letters is stopped."""


class TooMuchPrinted(RuntimeError):
    """Raised in a function that prints on and on."""


@dataclass(frozen=True, eq=False)
class Assignment:
    """What one run of one line left in one variable.

    Attributes: `code`, whose line it is; `line`, the number of the line in its file; `name`; `value`, a copy;
    `iteration`, how often the line had run before in this call; `before`, copies of the local variables as the line
    found them; `call`, the number of the call among the recording's.
    """

    code: CodeType
    line: int
    name: str
    value: Any
    iteration: int
    before: dict[str, Any]
    call: int = 0


class Call(NamedTuple):
    """One call of a function: its code, the number of the call that it was made from, if any, and at which line."""

    code: CodeType
    parent: int | None
    line: int


@dataclass
class Recording:
    """One call: its assignments in their order, what each function was `given`, the result or the error, the output,
    the names of the packages whose functions ran, and whether it `is_seen` to its end, or turned the recording off.
    """

    assignments: list[Assignment] = field(default_factory=list)
    given: list[tuple[CodeType, str, Any]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    result: Any = None
    error: BaseException | None = None
    raised: BaseException | None = None
    error_line: int = 0
    printed: str = ""
    entered: set[str] = field(default_factory=set)
    is_seen: bool = True

    @property
    def codes(self) -> list[CodeType]:
        """The codes of the functions that ran, the first that was called first."""
        return list(dict.fromkeys(call.code for call in self.calls))

    def run(self, line: int) -> int:
        """How often a line assigned something."""
        return max((one.iteration for one in self.assignments if one.line == line), default=-1) + 1


def recorded(function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Recording:
    """Call a function and record it; an error, or exit(), ends the recording and is kept in it."""
    recording = Recording()
    output = Output()
    tracer = _Tracer(recording, sys.gettrace())
    with contextlib.redirect_stdout(output):
        sys.settrace(tracer.enter)
        threading.settrace(tracer.elsewhere)
        try:
            recording.result = function(*arguments, **keywords)
        except (Exception, SystemExit) as error:
            recording.error = error
        finally:
            recording.is_seen = tracer.other is not None or sys.gettrace() == tracer.enter
            sys.settrace(tracer.other)
            threading.settrace(tracer.other)
    recording.printed = output.getvalue()
    return recording


_PARTS_OF_LINES = ("<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>", "<module>")


class Output(io.StringIO):
    """Keeps what is printed, up to a million letters."""

    def write(self, text: str) -> int:  # noqa: D102
        if self.tell() + len(text) > MOST_PRINTED:
            raise TooMuchPrinted(f"it printed more than {MOST_PRINTED} letters")
        return super().write(text)


class _Tracer:
    """Hands each frame of the user's code to a follower of its own, and to another tracer what that would have got."""

    def __init__(self, recording: Recording, other: Any) -> None:
        self.recording = recording
        self.other = other
        self.running: list[_Follower] = []
        self.root: FrameType | None = sys._getframe(1)

    def elsewhere(self, frame: FrameType, event: str, argument: Any) -> None:
        """Take note of whose function is called, be it in another thread."""
        module = str(frame.f_globals.get("__name__", ""))
        if not module.startswith(__name__.rpartition(".")[0]):
            self.recording.entered.add(module.partition(".")[0])

    def enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        self.elsewhere(frame, event, argument)
        others = None
        if self.other is not None:
            others = self.other(frame, event, argument)
            if sys.gettrace() != self.enter:
                sys.settrace(self.enter)  # Coverage puts itself in the place of whoever calls it.
        if not is_users_file(frame.f_code.co_filename) or frame.f_code.co_name in _PARTS_OF_LINES:
            return others
        around = self.running[-1] if self.running else None
        call = Call(frame.f_code, None if around is None else around.call, 0 if around is None else around.line)
        follower = _Follower(self.recording, frame, len(self.recording.calls))
        self.recording.calls.append(call)
        self.running.append(follower)

        def each(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal others
            if others is not None:
                others = others(frame, event, argument)
            follower.note(frame, event, argument)
            if event == "return" and follower in self.running:
                self.running.remove(follower)
            return each

        return each


class _Follower:
    """Compares the local variables of one frame after each line with what they were before it."""

    def __init__(self, recording: Recording, frame: FrameType, call: int) -> None:
        self.recording = recording
        self.call = call
        self.known = {name: (value, kept(value)) for name, value in entries(frame.f_locals)}
        self.before = {name: copy for name, (_, copy) in self.known.items()}
        recording.given += [(frame.f_code, name, copy) for name, copy in self.before.items()]
        self.line, self.has_raised = frame.f_lineno, False
        self.runs: dict[int, int] = {}

    def note(self, frame: FrameType, event: str, argument: Any) -> None:
        """Take note of what the line that ran last has assigned."""
        if event == "exception":
            if argument[1] is not self.recording.raised:
                self.recording.raised, self.recording.error_line = argument[1], frame.f_lineno
            self.has_raised = True
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
        if event == "return" and self.call and not self.has_raised:
            changed.append((RETURNED, kept(argument)))
        if changed:
            iteration = self.runs.get(self.line, 0)
            self.runs[self.line] = iteration + 1
            self.recording.assignments += [
                Assignment(frame.f_code, self.line, name, copy, iteration, self.before, self.call)
                for name, copy in changed
            ]
            self.before = {**self.before, **dict(changed)}
        self.line, self.has_raised = frame.f_lineno, False
