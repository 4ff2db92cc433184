"""What a function that is being captured reads and changes of the Tensors it closes over.

A Tensor that was there before the capture must not give away its array, which would be baked into the program: it
reads as an input of the program, and what is written to it (`p.data -= lr * p.grad`, `loss.backward()`,
`p.zero_grad()`) stays within the capture until the program runs. While a capture runs, and in its thread alone, the
three slots in which Tensors and nodes keep what changes are watched; at all other times they are what they were.
So is what prints, logs or opens a file to write: a program does none of that.
"""

from __future__ import annotations

import builtins
import inspect
import io
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from ...frames import user_place
from ...graph import Node
from ...record import Recorded
from .refusals import EFFECT, refusal


class Watcher(Protocol):
    """Who is asked, in its thread, instead of a slot."""

    def read(self, slot: str, owner: Any, value: Any) -> Any:
        """What a slot that holds this value reads as."""

    def write(self, slot: str, owner: Any, value: Any, is_new: bool) -> bool:
        """Take note of what is written; whether it may be written to the slot itself."""


class _Thread(threading.local):
    watcher: Watcher | None = None


_thread = _Thread()


class _WatchedSlot:
    """Stands in for a slot, and asks the thread's watcher if there is one."""

    def __init__(self, name: str, slot: Any) -> None:
        self.name = name
        self.slot = slot

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        if owner is None:
            return self
        value = self.slot.__get__(owner, kind)
        return value if _thread.watcher is None else _thread.watcher.read(self.name, owner, value)

    def __set__(self, owner: Any, value: Any) -> None:
        if _thread.watcher is not None:
            try:
                self.slot.__get__(owner)
                is_new = False
            except AttributeError:
                is_new = True
            if not _thread.watcher.write(self.name, owner, value, is_new):
                return
        self.slot.__set__(owner, value)


class _WatchedOutput:
    """Stands in for sys.stdout and sys.stderr, and refuses what a function that is being captured prints."""

    def __init__(self, output: Any) -> None:
        self.output = output

    def __getattr__(self, name: str) -> Any:
        return getattr(self.output, name)

    def write(self, text: str) -> Any:
        """Write what another thread prints."""
        if is_capturing() and not sys._getframe(1).f_code.co_filename.endswith("warnings.py"):
            raise refusal(EFFECT, does=f"printed {text[:40]!r}, {user_place()}")
        return self.output.write(text)


def _opening(file: Any, mode: str = "r", *arguments: Any, **keywords: Any) -> Any:
    if is_capturing() and set("wax+") & set(mode):
        raise refusal(EFFECT, does=f"opens {file} to write, {user_place()}")
    return _open(file, mode, *arguments, **keywords)


def _handling(logger: Any, record: Any) -> Any:
    if is_capturing():
        raise refusal(EFFECT, does=f"logged {record.getMessage()[:40]!r}, {user_place()}")
    return _handle(logger, record)


_open, _handle = builtins.open, logging.Logger.handle
stand_ins: list[tuple[Any, str, Any]] = [
    (builtins, "open", _opening),
    (io, "open", _opening),
    (logging.Logger, "handle", _handling),
    *[
        (kind, name, _WatchedSlot(name, kind.__dict__[name]))
        for kind, name in ((Recorded, "_data"), (Node, "grad"), (Node, "exposure"), (Node, "spent"))
    ],
]
"""What is something else while a capture runs, and asks who captures: where it stands, its name, and what it is."""
_stood: list[tuple[Any, str, Any]] = []

NOTES = ("exposure", "spent")
"""Slots that hold no values but what Tensors take note of, which a capture begins without."""

_unwatched: dict[tuple[type, str], Any] = {}
_lock = threading.Lock()
_watching = 0


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Let the watcher see what this thread reads and writes of Tensors."""
    if _thread.watcher is not None:
        # A compiled function inside another one: the outer capture sees the inner function as its own.
        raise RuntimeError("this thread is capturing already")
    _count(1)
    _thread.watcher = watcher
    try:
        yield
    finally:
        _thread.watcher = None
        _count(-1)


def unwatched(owner: Any, name: str) -> Any:
    """What a slot really holds, watched or not."""
    key = type(owner), name
    if key not in _unwatched:
        descriptor = inspect.getattr_static(*key)
        _unwatched[key] = getattr(descriptor, "slot", descriptor)
    return _unwatched[key].__get__(owner)


def is_capturing() -> bool:
    """Whether this thread is capturing a function."""
    return _thread.watcher is not None


def _count(step: int) -> None:
    global _watching
    with _lock:
        before, _watching = _watching, _watching + step
        if (before == 0) != (_watching == 0):
            put = _stood
            if _watching:
                put = stand_ins + [(sys, name, _WatchedOutput(getattr(sys, name))) for name in ("stdout", "stderr")]
                _stood[:] = [(owner, name, getattr(owner, name)) for owner, name, _ in put]
            for owner, name, value in put:
                setattr(owner, name, value)
