"""What the variables of a program are called: as the user's Tensors, local variables and keys, gradients d + name.

While a function is captured, its frames tell what it calls its values, and which line of it runs; what gradients and
results are, the engine and the transforms tell (graph.Observer).
"""

from __future__ import annotations

import keyword
import sys
from collections.abc import Iterable, Iterator
from types import CodeType, FrameType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from ...engine import backward_steps, pull
from ...frames import is_others, place_of
from ...graph import Node
from ...tensor import Tensor
from ..ir import Variable
from .constants import Constants
from .refusals import RECORDED_BEFORE, refusal
from .traced import Traced
from .watch import unwatched

_BACKWARD = (backward_steps.__code__, pull.__code__)


class Binding(NamedTuple):
    """A Tensor that the function closes over: its value, or its gradient, is an input or is changed.

    `in_place` says that its array was changed, as in `t.data -= a`, and not another put in its place.
    """

    tensor: Any
    slot: str
    variable: Variable
    in_place: bool = False


class Names:
    """The names of one capture.

    `function` is what is captured, `line` where it begins, `floor` the frame that calls it; `made` are the Tensors and
    nodes of this run, by id.
    """

    def __init__(self, function: str, line: str, constants: Constants, made: dict[int, Any]) -> None:
        self.function = function
        self.line = line
        self.constants = constants
        self.made = made
        self.nodes: dict[int, tuple[Node, Variable]] = {}
        self.node: Node | None = None
        self.gradients: list[tuple[Variable, Node]] = []
        self._taken: dict[str, int] = {}
        self._found: dict[int, str] = {}
        self._places: dict[tuple[CodeType, int], str] = {}
        self._seen: dict[FrameType, tuple[FrameType | None, int]] = {}
        self.floor: FrameType | None = None

    def unused(self, name: str | None) -> str | None:
        """The name as an identifier that no variable has yet: `h`, then `h_2`."""
        if name is None:
            return None
        name = "".join(sign if sign.isalnum() or sign == "_" else "_" for sign in name)
        name = f"_{name}" if not name.isidentifier() or keyword.iskeyword(name) else name
        count = self._taken[name] = self._taken.get(name, 0) + 1
        return name if count == 1 else self.unused(f"{name}_{count}")

    def give(self, name: str, value: Any) -> None:
        """Give a name to the variable of a value that has one, and no name yet."""
        if issubclass(type(value), Tensor):
            array = unwatched(value, "_data")
            if type(array) is not Traced and id(value) not in self.made:
                return
            name, value = name_of(value) or name, array
        if type(value) is Traced:
            if value._variable.name is None:
                value._variable.name = self.unused(name)
        elif id(value) in self.constants.known and self.constants.known[id(value)][1].name is None:
            self.constants.known[id(value)][1].name = self.unused(name)

    def running_line(self) -> str:
        """Name variables as the user's functions do, the outermost first; the line that runs, or is differentiated."""
        users: list[tuple[FrameType, FrameType | None]] = []
        callee: FrameType | None = None
        is_backward = False
        for frame in self._frames():
            if is_others(frame.f_code):
                users.append((frame, callee))
            is_backward = is_backward or frame.f_code in _BACKWARD
            callee = frame
        known = len(self.constants.known)
        before, self._seen = self._seen, {frame: (callee, known) for frame, callee in users}
        for frame, callee in reversed(users):
            # What waits for the same call as before has no other variables by now.
            if before.get(frame) == (callee, known):
                continue
            for name, value in frame.f_locals.items():
                self.give(name, value)
            for name in frame.f_code.co_names if known else ():
                if type(frame.f_globals.get(name)) is np.ndarray:
                    self.give(name, frame.f_globals[name])
        if self.node is not None and is_backward:
            place = self.node.instruction
            if place not in self._places:
                self._places[place] = f"gradient of {self.node.place}"
            return self._places[place]
        return place_of(users[0][0].f_code.co_filename, users[0][0].f_lineno) if users else self.line

    def called(self, owner: Any) -> str | None:
        """What the user calls a Tensor: the name that they gave it, or that of a variable, an attribute or a key."""
        name = name_of(owner) or self._found.get(id(owner))
        if name is None:
            names = [_name_in(frame, owner) for frame in self._frames() if is_others(frame.f_code)]
            name = next(filter(None, reversed(names)), None)
        if name is not None:
            self._found[id(owner)] = name
        return name

    def finish(self, updates: Iterable[Binding], results: Iterable[tuple[str, Variable]]) -> None:
        """Names from the graph, d + name for gradients, new + name for what Tensors then hold, keys of results."""
        for node, variable in self.nodes.values():
            variable.name = variable.name or self.unused(node.name)
        for gradient, node in self.gradients:
            if id(node) in self.nodes and gradient.name is None:
                name = self.nodes[id(node)][1].name
                gradient.name = self.unused(f"d{name}" if name else None)
        self._name_arguments_of_activations()
        for binding in updates:
            name = self.called(binding.tensor) if binding.slot == "_data" else None
            if binding.variable.name is None and name:
                binding.variable.name = self.unused(f"new_{name}")
        for name, variable in results:
            variable.name = variable.name or self.unused(f"new_{name}" if name in self._taken else name)

    def forget(self) -> None:
        """Let go of frames, nodes and their values."""
        self.floor = self.node = None
        for known in (self.nodes, self.gradients, self._seen):
            known.clear()

    # What the engine and the transforms tell (graph.Observer).

    def arrived(self, node: Node, upstream: Any) -> None:
        """See the upstream gradient arrive at a node, to name it after the node's value."""
        self.node = node
        if node.plan is not None and id(node) not in self.made:
            raise refusal(RECORDED_BEFORE, line=node.place)
        if node.saved and isinstance(node.saved[0], Traced):
            self.nodes[id(node)] = (node, node.saved[0]._variable)
        if isinstance(upstream, Traced):
            self.gradients.append((upstream.variable, node))

    def returned(self, function: Any, value: Any) -> None:
        """Name what a function that is differentiated returned after the function."""
        name = getattr(function, "__name__", "")
        self.give(name if name.isidentifier() and name != self.function else "value", value)

    def _frames(self) -> Iterator[FrameType]:
        """The frames of what runs, the innermost first, out to the capture."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame is not self.floor:
            yield frame
            frame = frame.f_back

    def _name_arguments_of_activations(self) -> None:
        """The gradient of the nameless z in h = np.tanh(z) is dh_raw."""
        activations = {
            id(parent): variable.name
            for node, variable in self.nodes.values()
            if variable.name and _is_activation(node)
            for parent in node.inputs
        }
        for gradient, node in self.gradients:
            name = activations.get(id(node))
            if gradient.name is None and name and node.plan is not None:
                gradient.name = self.unused(f"d{name}_raw")


def _name_in(frame: FrameType, owner: Any) -> str | None:
    """The variable of a frame that is this object, or the attribute or key of one of its variables."""
    globals_read = [(name, frame.f_globals.get(name)) for name in frame.f_code.co_names]
    variables = [*frame.f_locals.items(), *globals_read]
    for name, value in variables:
        if value is owner:
            return name
    for _, value in variables:
        is_known = isinstance(value, dict | ModuleType | Traced)
        entries = value if isinstance(value, dict) else None if is_known else getattr(value, "__dict__", None)
        for name, entry in list(entries.items()) if isinstance(entries, dict) else ():
            if entry is owner and isinstance(name, str):
                return name
    return None


def _is_activation(node: Node) -> bool:
    """Whether a node works on one value element by element."""
    primitive = node.plan.primitive if node.plan is not None else None
    if primitive is None or not primitive.elementwise or sum(isinstance(one, Node) for one in node.inputs) != 1:
        return False
    return primitive.inputs == 1 or primitive.name == "maximum"


def name_of(owner: Any) -> str | None:
    """The name that the user gave a Tensor or a node."""
    if isinstance(owner, Node):
        return owner.name
    return None if owner._node is None else owner._node.name


def keys_of(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """The leaves that stand under the keys of dicts in a tree, each with its keys as a name: `W`, `layer1_W`."""
    if isinstance(tree, dict):
        for key, branch in tree.items():
            yield from keys_of(branch, (*path, str(key)))
    elif isinstance(tree, list | tuple):
        for number, branch in enumerate(tree):
            yield from keys_of(branch, (*path, str(number)) if path else ())
    elif path:
        yield "_".join(path), tree
