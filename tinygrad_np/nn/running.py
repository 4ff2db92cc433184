"""The modules whose forward passes are running: what an error, a summary and a drawing are told of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import ref

from ..errors import TinygradError
from ..frames import arose_in_ours
from ..graph import Scope
from ..sentences import failure
from ..tensor import Tensor

if TYPE_CHECKING:
    from .module import Module

Watcher = Callable[["Module", Any], None]


class _Running(threading.local):
    """The modules whose forward passes are running in this thread, the outermost first, and who watches them."""

    def __init__(self) -> None:
        self.modules: list[Module] = []
        self.watcher: Watcher | None = None


running = _Running()


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Tell the watcher of each module that has run in this thread, and of its result."""
    before, running.watcher = running.watcher, watcher
    try:
        yield
    finally:
        running.watcher = before


def note_scope(result: Any, first: int) -> None:
    """Note at the nodes that a module returned which module it was, and that it began with the number `first`."""
    modules = running.modules
    for one in (result,) if isinstance(result, Tensor) else _parts(result):
        node = one._node
        if node is not None and node.number > first:
            module = modules[-1]
            node.scope = Scope(first, type(module), ref(module), ref(modules[0]), node.scope)


def _parts(result: Any) -> list[Tensor]:
    """The Tensors in tuples, lists and dicts."""
    found, waiting = [], [result]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Tensor):
            found.append(one)
        elif isinstance(one, tuple | list | dict):
            waiting += one.values() if isinstance(one, dict) else one
    return found


def told(error: Exception, inputs: tuple[Any, ...]) -> Exception:
    """What a user reads of an error in the running module: where it arose, and what was refused by one of ours.

    What the user's own code raises stays as it is. Inner modules come first.
    """
    if not isinstance(error, TinygradError) and not arose_in_ours(error):
        return error
    outermost, innermost = running.modules[0], running.modules[-1]
    sentence = failure(error, type(innermost).__name__, inputs)
    if getattr(sentence, "module", None) is None and len(sentence.args) == 1:
        path = next((path for path, module in outermost.named_modules() if module is innermost), "")
        name = f"{path} ({type(innermost).__name__})" if path else type(innermost).__name__
        sentence.module = path  # type: ignore[attr-defined]
        sentence.args = (f"in {name}: {sentence}",)
    return sentence
