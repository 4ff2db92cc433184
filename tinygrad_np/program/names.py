"""What the variables of a program are called: as the user's Tensors and local variables, gradients d + name.

While a function is captured, its frames tell what it calls its values, and which line of it runs.
"""

from __future__ import annotations

import keyword
import sys
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from ..engine import backward_steps, pull
from ..errors import CaptureError
from ..graph import Node
from ..tensor import Tensor
from .ir import Variable
from .traced import Traced

_BACKWARD = {backward_steps.__code__, pull.__code__}
_NOT_THE_USERS = (str(Path(__file__).parents[1]), str(Path(np.__file__).parent))


class Held(NamedTuple):
    """A Tensor that the function closes over: its value, or its gradient, is an input or is changed.

    `in_place` says that its array was changed, as in `t.data -= a`, and not another put in its place.
    """

    tensor: Any
    slot: str
    variable: Variable
    in_place: bool = False


class Names:
    """The part of a tracer that finds names."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}
        self.constants: dict[int, tuple[Any, Variable]] = {}
        self.new: dict[int, Any] = {}
        self.nodes: dict[int, tuple[Node, Variable]] = {}
        self.gradients: list[tuple[Variable, Node]] = []
        self.node: Node | None = None
        self.floor = sys._getframe()

    def _unused(self, name: str | None) -> str | None:
        if name is None:
            return None
        name = "".join(sign if sign.isalnum() or sign == "_" else "_" for sign in name)
        name = f"_{name}" if not name.isidentifier() or keyword.iskeyword(name) else name
        count = self.names[name] = self.names.get(name, 0) + 1
        return name if count == 1 else self._unused(f"{name}_{count}")

    def _name_locals(self) -> str:
        """Name variables as the user's functions do, the outermost first; the line that runs, or is differentiated."""
        frame: FrameType | None = sys._getframe(1)
        frames = []
        is_backward = False
        while frame is not None and frame is not self.floor:
            if not frame.f_code.co_filename.startswith(_NOT_THE_USERS):
                frames.append(frame)
            is_backward = is_backward or frame.f_code in _BACKWARD
            frame = frame.f_back
        for one in reversed(frames):
            for name, value in one.f_locals.items():
                self._name_one(name, value)
        if is_backward and self.node is not None:
            return f"gradient of {self.node.place}"
        innermost = frames[0] if frames else self.floor
        return f"{innermost.f_code.co_filename.rpartition('/')[2]} line {innermost.f_lineno}"

    def _name_one(self, name: str, value: Any) -> None:
        if isinstance(value, Tensor):
            if id(value) not in self.new:
                return
            name, value = name_of(value) or name, slot_of("_data", value)
        if isinstance(value, Traced):
            if value._variable.name is None:
                value._variable.name = self._unused(name)
        elif id(value) in self.constants and self.constants[id(value)][1].name is None:
            self.constants[id(value)][1].name = self._unused(name)

    def _name_all(self, updates: list[Held]) -> None:
        """Names from the graph, d + name for gradients, and numbers for what the user gave no name."""
        for node, variable in self.nodes.values():
            if variable.name is None and node.name:
                variable.name = self._unused(node.name)
        for gradient, node in self.gradients:
            if id(node) in self.nodes and gradient.name is None:
                name = self.nodes[id(node)][1].name
                gradient.name = self._unused(f"d{name}" if name else None)
        for held in updates:
            name = name_of(held.tensor) if held.slot == "_data" else None
            if held.variable.name is None and name:
                held.variable.name = self._unused(f"new_{name}")

    def observe(self, node: Node, upstream: Any) -> None:
        """See the upstream gradient arrive at a node, to name it after the node's value."""
        self.node = node
        if node.plan is not None and id(node) not in self.new:
            raise CaptureError(
                f"backward() reached an operation that was recorded before this function was called, {node.place}: a "
                "program would keep its values as they are now. Compute the loss inside the function that is compiled."
            )
        if node.saved and isinstance(node.saved[0], Traced):
            self.nodes[id(node)] = (node, node.saved[0]._variable)
        if isinstance(upstream, Traced):
            self.gradients.append((upstream.variable, node))


def slot_of(name: str, owner: Any) -> Any:
    """What a slot really holds, watched or not."""
    descriptor = type(owner).__dict__[name]
    return getattr(descriptor, "slot", descriptor).__get__(owner)


def name_of(owner: Any) -> str | None:
    """The name that the user gave a Tensor or a node."""
    if isinstance(owner, Node):
        return owner.name
    return None if owner._node is None else owner._node.name
