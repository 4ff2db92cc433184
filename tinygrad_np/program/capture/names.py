"""What the variables of a program are called: as the user's Tensors and local variables, gradients d + name.

While a function is captured, its frames tell what it calls its values, and which line of it runs.
"""

from __future__ import annotations

import inspect
import keyword
import sys
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from ...engine import backward_steps, pull
from ...errors import CaptureError
from ...graph import Node
from ...tensor import Tensor
from ..ir import Variable
from .traced import Traced

_BACKWARD = {backward_steps.__code__, pull.__code__}
_NOT_THE_USERS = (str(Path(__file__).parents[2]), str(Path(np.__file__).parent))


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
        self.found: dict[int, str] = {}
        self.name = "f"
        self.floor = sys._getframe()

    def _unused(self, name: str | None) -> str | None:
        if name is None:
            return None
        name = "".join(sign if sign.isalnum() or sign == "_" else "_" for sign in name)
        name = f"_{name}" if not name.isidentifier() or keyword.iskeyword(name) else name
        count = self.names[name] = self.names.get(name, 0) + 1
        return name if count == 1 else self._unused(f"{name}_{count}")

    def name_locals(self) -> str:
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
            for name in one.f_code.co_names if self.constants else ():
                if type(one.f_globals.get(name)) is np.ndarray:
                    self._name_one(name, one.f_globals[name])
        if is_backward and self.node is not None:
            return f"gradient of {self.node.place}"
        innermost = frames[0] if frames else self.floor
        return f"{innermost.f_code.co_filename.rpartition('/')[2]} line {innermost.f_lineno}"

    def called(self, owner: Any) -> str | None:
        """What the user calls a Tensor: by the name that he gave it, or that a variable or an attribute has."""
        name = name_of(owner) or self.found.get(id(owner))
        frame: FrameType | None = None if name else sys._getframe(1)
        while frame is not None and frame is not self.floor:
            if not frame.f_code.co_filename.startswith(_NOT_THE_USERS):
                name = _name_in(frame, owner) or name
            frame = frame.f_back
        if name is not None:
            self.found[id(owner)] = name
        return name

    def returned(self, function: Any, value: Any) -> None:
        """Name what a function that is differentiated returned after the function."""
        name = getattr(function, "__name__", "")
        self._name_one(name if name.isidentifier() and name != self.name else "value", value)

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
        self._name_arguments_of_activations()
        for held in updates:
            name = self.called(held.tensor) if held.slot == "_data" else None
            if held.variable.name is None and name:
                held.variable.name = self._unused(f"new_{name}")

    def _name_arguments_of_activations(self) -> None:
        """The gradient of the nameless z in h = np.tanh(z) is dh_raw."""
        activations = {
            id(one): variable.name
            for node, variable in self.nodes.values()
            if node.plan is not None and variable.name and _is_activation(node)
            for one in node.inputs
        }
        for gradient, node in self.gradients:
            name = activations.get(id(node))
            if gradient.name is None and name and node.plan is not None:
                gradient.name = self._unused(f"d{name}_raw")

    def arrived(self, node: Node, upstream: Any) -> None:
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


def _name_in(frame: FrameType, owner: Any) -> str | None:
    """The variable of a frame that is this object, or the attribute of one of its variables."""
    globals_read = [(name, frame.f_globals.get(name)) for name in frame.f_code.co_names]
    variables = [*frame.f_locals.items(), *globals_read]
    for name, value in variables:
        if value is owner:
            return name
    for _, value in variables:
        attributes = getattr(value, "__dict__", None) if not isinstance(value, ModuleType | Traced) else None
        for name, one in attributes.items() if isinstance(attributes, dict) else ():
            if one is owner:
                return str(name)
    return None


def _is_activation(node: Node) -> bool:
    """Whether a node works on one value element by element."""
    primitive = node.plan.primitive if node.plan is not None else None
    if primitive is None or not primitive.elementwise or sum(isinstance(one, Node) for one in node.inputs) != 1:
        return False
    return primitive.inputs == 1 or primitive.name == "maximum"


def slot_of(name: str, owner: Any) -> Any:
    """What a slot really holds, watched or not."""
    descriptor = inspect.getattr_static(type(owner), name)
    return getattr(descriptor, "slot", descriptor).__get__(owner)


def name_of(owner: Any) -> str | None:
    """The name that the user gave a Tensor or a node."""
    if isinstance(owner, Node):
        return owner.name
    return None if owner._node is None else owner._node.name
