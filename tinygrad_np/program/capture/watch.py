"""What a function that is being captured reads and changes of the Tensors it closes over.

A Tensor that was there before the capture must not give away its array, which would be baked into the program: it
reads as an input of the program, and what is written to it (`p.data -= lr * p.grad`, `loss.backward()`,
`p.zero_grad()`) stays within the capture until the program runs. While a capture runs, and in its thread alone, the
three slots in which Tensors and nodes keep what changes are watched; at all other times they are what they were.
So is what prints: a program prints nothing.
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from ...frames import user_place
from ...graph import Node
from ...record import Recorded
from .refusals import PRINTED, refusal


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
    """Stands in for sys.stdout, and refuses what a function that is being captured prints."""

    def __init__(self, output: Any) -> None:
        self.output = output

    def __getattr__(self, name: str) -> Any:
        return getattr(self.output, name)

    def write(self, text: str) -> Any:
        """Write what another thread prints."""
        if _thread.watcher is not None:
            raise refusal(PRINTED, text=text[:40], line=user_place())
        return self.output.write(text)


_SLOTS = ((Recorded, "_data"), (Node, "grad"), (Node, "exposure"))
_originals = {(kind, name): kind.__dict__[name] for kind, name in _SLOTS}
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
    descriptor = inspect.getattr_static(type(owner), name)
    return getattr(descriptor, "slot", descriptor).__get__(owner)


def is_capturing() -> bool:
    """Whether this thread is capturing a function."""
    return _thread.watcher is not None


def _count(step: int) -> None:
    global _watching
    with _lock:
        before, _watching = _watching, _watching + step
        if (before == 0) != (_watching == 0):
            for kind, name in _SLOTS:
                original = _originals[kind, name]
                setattr(kind, name, _WatchedSlot(name, original) if _watching else original)
            if _watching:
                sys.stdout = _WatchedOutput(sys.stdout)
            elif isinstance(sys.stdout, _WatchedOutput):
                sys.stdout = sys.stdout.output
