"""The graph: a Node for each application of a primitive, and the order in which a backward pass walks them.

A node knows the primitive and what its gradient rules read, the nodes it was computed from, and the line of the user's
code that made it. It does not know the Tensor it belongs to: tensors point to nodes, nodes to earlier nodes, and
nothing points back, so that a graph is freed by reference counting alone.

Nodes are numbered as they are made. What a node was computed from has a smaller number than the node itself: to walk
a graph backward is to walk it by falling number.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections import deque
from contextlib import ContextDecorator
from operator import attrgetter
from types import CodeType, FrameType
from typing import Any, NamedTuple, Protocol
from weakref import ReferenceType

from .errors import DTypeError
from .exposure import Exposure, clock
from .frames import line_of, place_of, user_place
from .primitive import Plan

arrival = threading.Lock()
"""Held while gradients are added to `.grad`, so that those of several threads all arrive."""

NOT_KEPT: Any = object()
"""The `grad` of an interior node, which keeps none unless it is told to."""


class Scope(NamedTuple):
    """A module's forward pass, noted at each node that it returned: what led there since `first` was computed in it.

    `kind` is the module's class; `module`, and `root`, the outermost module that was running, are weak references, for
    a graph keeps no module alive; `inner` is the module within this one that returned the same node, None without.
    """

    first: int
    kind: type
    module: ReferenceType[Any]
    root: ReferenceType[Any]
    inner: Scope | None


class Node:
    """One value in the graph: a leaf, or the result of a primitive.

    Attributes: `plan` (which primitive, which rules; None for a leaf), `inputs` (a Node for each input that has one,
    else the constant itself), `saved` (what the rules read, freed by the backward pass: None), `parameters`, `shape`,
    `dtype`, `number`, `requires_grad`, `grad`, `name`, `exposure` (what the user may have changed),
    `awaited` (whether an operation that used this value may still await its backward pass), `spent` (the gradient that
    an optimiser has used, until another is set), `value` (of a single number, for drawings), `scope` (of the outermost
    module that returned it).
    """

    __slots__ = (
        "__weakref__",
        "_code",
        "_instruction",
        "_scope",
        "awaited",
        "dtype",
        "exposure",
        "grad",
        "inputs",
        "name",
        "number",
        "parameters",
        "plan",
        "requires_grad",
        "saved",
        "shape",
        "spent",
        "value",
    )

    def __init__(
        self,
        plan: Plan | None,
        inputs: tuple[Any, ...],
        parameters: dict[str, Any],
        shape: tuple[int, ...],
        dtype: Any,
        frame: FrameType,
        requires_grad: bool,
        grad: Any,
    ) -> None:
        self.plan = plan
        self.inputs = inputs
        self.saved: tuple[Any, ...] | None = None
        self.parameters = parameters
        self.shape = shape
        self.dtype = dtype
        self.number = next(clock)
        self.requires_grad = requires_grad
        self.grad = grad
        self.spent: Any = None
        self.name: str | None = None
        self.exposure: Exposure | None = None
        self.awaited = False
        self.value: Any = None
        self._code: CodeType = frame.f_code
        self._instruction = frame.f_lasti

    @property
    def scope(self) -> Scope | None:
        """Of which module's forward pass this is a result; not set when a node is made, which costs nothing so."""
        return getattr(self, "_scope", None)

    @scope.setter
    def scope(self, scope: Scope) -> None:
        self._scope = scope

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        size = 1
        for length in self.shape:
            size *= length
        return size

    @property
    def operation(self) -> str:
        """The name of the primitive, or "leaf"."""
        return self.plan.primitive.name if self.plan else "leaf"

    @property
    def line(self) -> int | None:
        """The number of the line of the user's code that made this node."""
        return line_of(self._code, self._instruction)

    @property
    def instruction(self) -> tuple[CodeType, int]:
        """The instruction of the user's code that made this node, and in a loop others like it."""
        return self._code, self._instruction

    @property
    def file(self) -> str:
        """The file of the user's code that made this node."""
        return self._code.co_filename

    @property
    def place(self) -> str:
        """File and line, as a sentence says it."""
        return place_of(self.file, self.line)

    def __repr__(self) -> str:
        return f"<node {self.number}: {self.operation} {self.shape}{f' {self.name}' if self.name else ''}>"


class Observer(Protocol):
    """Who is told what values are to the user: a capture, which names them."""

    def arrived(self, node: Node, upstream: Any) -> None:
        """The upstream gradient of a node has arrived there."""

    def returned(self, function: Any, value: Any) -> None:
        """A function that is being differentiated has returned this value."""


class _State(threading.local):
    """What is on or off in this thread."""

    recording = True
    observer: Observer | None = None

    def __init__(self) -> None:
        self.reads: dict[tuple[int, int], Any] = {}
        """Where values were read off as plain numbers or arrays (see reading.py)."""
        self.pauses: dict[tuple[int, int], tuple[CodeType, int]] = {}
        """The instructions at which recording was turned off."""
        self.earlier: tuple[dict[tuple[int, int], Any], dict[tuple[int, int], Any]] = ({}, {})
        """Both, as they were before the latest backward pass."""
        self.passes = 0
        """How many backward passes have run."""
        self.in_call = False
        """Whether the function of a transform is running."""

    def forget(self) -> None:
        """A backward pass is over: what was noted before it is of no account for the next one."""
        self.passes += 1
        self.earlier = self.reads, self.pauses
        self.reads, self.pauses = {}, {}


state = _State()


class no_grad(ContextDecorator):
    """Compute without recording: as a `with` block or as a decorator.

    >>> import tinygrad_np as tg
    >>> x = tg.Tensor(2.0, requires_grad=True)
    >>> with tg.no_grad():
    ...     y = x * x
    >>> y.requires_grad
    False
    """

    recording = False

    def __init__(self, *function: Any) -> None:
        if function:
            name = getattr(function[0], "__name__", repr(function[0]))
            raise DTypeError(
                f"no_grad was given {name}, {user_place()}, and takes nothing: write `@tg.no_grad()` above a function, "
                "with parentheses, or `with tg.no_grad():`."
            )
        self._before: dict[int, list[bool]] = {}

    def __enter__(self) -> None:
        self._before.setdefault(threading.get_ident(), []).append(state.recording)
        if state.recording and not self.recording:
            frame = sys._getframe(1)
            state.pauses[id(frame.f_code), frame.f_lasti] = frame.f_code, frame.f_lasti
        state.recording = self.recording

    def __exit__(self, *exception: object) -> None:
        state.recording = self._before[threading.get_ident()].pop()

    def _recreate_cm(self) -> no_grad:
        # A decorated function may call itself, or run in several threads: each call has a state of its own.
        return type(self)()


class enable_grad(no_grad):
    """Record, even inside `no_grad`: a transform records whatever its caller does."""

    recording = True


RECENT = 20
"""So many graphs whose backward pass has run can still be walked, as drawings do, while somebody holds their roots."""

LET_GO: tuple[Any, ...] = type("LetGo", (tuple,), {})()
"""The `inputs` of the root of an older one: whoever keeps all losses of a training run keeps no more than numbers."""

_freed: deque[weakref.ref[Node]] = deque()


def let_older_go(root: Node) -> None:
    """Note that a backward pass has freed what the graph from `root` saved; let go of one that was freed before."""
    _freed.append(weakref.ref(root))
    if len(_freed) > RECENT:
        older = _freed.popleft()()
        if older is not None and older.saved is None and older.plan is not None:
            older.inputs = LET_GO


def ancestors(root: Node) -> list[Node]:
    """All nodes that a gradient from `root` can reach, `root` among them, in the order they were made."""
    seen = {root}
    waiting = [root]
    while waiting:
        for parent in waiting.pop().inputs:
            if type(parent) is Node and parent.requires_grad and parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return sorted(seen, key=attrgetter("number"))


def between(root: Node, targets: list[Node]) -> list[Node]:
    """The nodes through which a gradient flows from `root` to the targets, these among them, in the order made."""
    reaching = set(targets)
    for node in ancestors(root):
        if any(type(parent) is Node and parent in reaching for parent in node.inputs):
            reaching.add(node)
    return sorted(reaching, key=attrgetter("number")) if root in reaching else []
