"""The call of a program as straight-line Python: check the values, gather them, run, hand back.

It is made for one variant, as the program itself is: a loop over the Tensors of a small network's step would take as
long as the step does.

    def enter(leaf_0, leaf_1):
        if type(leaf_0) is not type_0 or leaf_0.shape != (3, 4) or leaf_0.dtype != dtype_0: return MISSED
        ...
        value_2 = owner_2._data
        ...
        results = run(leaf_0, leaf_1, value_2, target_2)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from sys import getrefcount
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..errors import ChangedValueError, NoGradientError, describe
from ..exposure import ALONE, Exposure
from ..frames import user_frame
from ..graph import NOT_KEPT, Node
from ..primitive import Plan, Primitive
from ..record import make_tensor
from ..tensor import Tensor
from .capture import Captured
from .capture.names import Binding
from .emit.ownership import owned
from .ir import Program, Variable
from .state.slots import Slot

MISSED: Any = object()
"""What the call of a variant returns if it is not for these arguments, or for what the function refers to by now."""


class Entry:
    """The text of the call of a program, and what the names in it stand for.

    `targets` are the updates that may be written over the old values, `arrays` the leaves of the arguments that the
    program is given, `holds` says whether all else is as it was, `general` runs where rare values occur; what was
    drawn at random by then it is given, and does not draw itself.
    """

    def __init__(
        self,
        captured: Captured,
        program: Program,
        targets: Sequence[Variable],
        arrays: Sequence[Any],
        constants: Sequence[Any],
        holds: Callable[[], bool] | None,
        general: Callable[[Sequence[Any]], Any] | None,
        draws: bool = True,
    ) -> None:
        self.captured = captured
        self.program = program
        self.owned = owned(program)
        self.names: dict[str, Any] = {
            "MISSED": MISSED,
            "NOT_KEPT": NOT_KEPT,
            "array": np.array,
            "float64": np.float64,
            "general": general,
            "getrefcount": getrefcount,
            "holds": holds,
            "make_tensor": make_tensor,
            "ndarray": np.ndarray,
            "rebuild": captured.rebuild,
            "writable": writable,
        }
        self.lines: list[str] = []
        self.values: list[str] = []
        self.differentiable: list[str] = []
        parameters = [self._leaf(number, leaf) for number, leaf in enumerate(arrays)]
        changed = [self._name(f"changed_{number}", update.tensor) for number, update in enumerate(captured.updates)]
        for name, leaf in zip(parameters, arrays, strict=True):
            if isinstance(leaf, Tensor) and changed:
                self.names["refuse_twin"] = refuse_twin
                self.lines.append(f"if {' or '.join(f'{name} is {one}' for one in changed)}: refuse_twin({name})")
        self.given = self.values[:]
        for number, (setting, truth) in enumerate(captured.settings):
            self._setting(number, setting, truth)
        drawn = [f"drawn_{number}" for number in range(len(captured.draws))]
        self.values += drawn
        for number, binding in enumerate(captured.reads):
            self._read(number, binding)
        for number, node in enumerate(captured.untouched):
            grad = self._name(f"node_{number}", node) + ".grad"
            self.lines.append(f"if {grad} is not None and {grad} is not NOT_KEPT: return MISSED")
        if holds:
            self.lines.append("if not holds(): return MISSED")
        for number, draw in enumerate(captured.draws if draws else ()):
            self.lines.append(f"drawn_{number} = {self._name(f'draw_{number}', draw)}()")
        parameters += drawn if not draws else []
        instead = f"return general([{', '.join(parameters + drawn)}])"
        if general:
            # Where values are rare in one call after the other, the program for all is tried first, but now and then.
            self.names["rare"] = [0]
            self.lines += ["if rare[0] % 64 > 3:", "    rare[0] += 1", f"    {instead}"]
        outputs = program.outputs[len(program.outputs) - len(captured.updates) :]
        written = [update for update, variable in zip(captured.updates, outputs, strict=True) if variable in targets]
        self.lines.append(f"is_done = {len(written) == len(outputs)}")
        read = {id(binding.tensor) for binding in captured.reads if binding.slot == "_data"}
        written_to = [self._target(number, update, id(update.tensor) in read) for number, update in enumerate(written)]
        constant = [self._name(f"constant_{number}", value) for number, value in enumerate(constants)]
        self.lines.append(f"results = run({', '.join([*self.values, *constant, *written_to])})")
        if general:
            self.lines += ["if results is None:", "    rare[0] += 1", f"    {instead}", "rare[0] = 0"]
        if outputs:
            self.names["update"] = _updating(captured.updates, self.owned[len(self.owned) - len(outputs) :])
            self.lines.append(f"if not is_done: update(results[-{len(outputs)}:])")
        for number, node in enumerate(captured.cleared):
            # What had to be None before is so still.
            if node not in captured.untouched:
                self.lines.append(f"{self._name(f'cleared_{number}', node)}.grad = None")
        self.lines.append(f"return {self._built(self._results())}")
        self.text = "\n    ".join([f"def enter({', '.join(parameters)}):", *self.lines]) + "\n"

    def _name(self, name: str, value: Any) -> str:
        self.names[name] = value
        return name

    def _leaf(self, number: int, leaf: Any) -> str:
        """An array among the arguments. A variant meets only such Tensors as it is for."""
        name = f"leaf_{number}"
        if isinstance(leaf, Tensor):
            if leaf.requires_grad:
                self.differentiable.append(name)
            self.values.append(f"{name}._data")
            return name
        self.values.append(name)
        kind, dtype = self._name(f"type_{number}", type(leaf)), self._name(f"dtype_{number}", leaf.dtype)
        differs = f"type({name}) is not {kind} or {name}.shape != {leaf.shape} or {name}.dtype != {dtype}"
        self.lines.append(f"if {differs}: return MISSED")
        return name

    def _setting(self, number: int, setting: Slot, truth: bool | None) -> None:
        """A number that stands in state."""
        name, holder = f"setting_{number}", self._name(f"holder_{number}", setting.holder)
        key, part = self._name(f"key_{number}", setting.name), "" if setting.part is None else f"[{setting.part}]"
        read = f"getattr({holder}, {key})" if setting.read is getattr else f"{holder}[{key}]"
        self.lines += ["try:", f"    {name} = {read}{part}", "except Exception:", "    return MISSED"]
        differs = "" if truth is None else f" or not {name}" if truth else f" or {name}"
        kind = self._name(f"kind_{number}", type(setting.value()))
        self.lines.append(f"if type({name}) is not {kind}{differs}: return MISSED")
        self.values.append(f"float64({name})")

    def _read(self, number: int, binding: Binding) -> None:
        """The value, or the gradient, of a Tensor that the function closes over."""
        name, dtype = f"read_{number}", self._name(f"read_dtype_{number}", binding.variable.dtype)
        self.lines.append(f"{name} = {self._name(f'owner_{number}', binding.tensor)}.{binding.slot}")
        if binding.slot == "grad":
            self.lines.append(f"if {name} is None or {name} is NOT_KEPT: return MISSED")
        self.lines.append(f"if {name}.shape != {binding.variable.shape} or {name}.dtype != {dtype}: return MISSED")
        if binding.slot == "_data":  # It may have been frozen or thawed.
            node = f"owner_{number}._node"
            needs = binding.tensor.requires_grad
            frozen = f"{node} is None or not {node}.requires_grad" if needs else f"{node} and {node}.requires_grad"
            self.lines.append(f"if {frozen}: return MISSED")
        self.values.append(name)

    def _target(self, number: int, update: Binding, is_read: bool) -> str:
        """The array that a new value is written to: the Tensor's own, if nobody else would see it change."""
        owner, target = self._name(f"tensor_{number}", update.tensor), f"target_{number}"
        # The local variables hold it too.
        references = ALONE + 1 + is_read
        self.lines += [
            f"{target} = {owner}._data",
            f"exposure = {owner}._node and {owner}._node.exposure",
            f"if getrefcount({owner}._data) > {references} or {target}.base is not None"
            " or (exposure and exposure.array is not None):",
            f"    {target} = writable({owner}, {update.in_place}, [{', '.join(self.given)}])",
            "    is_done = False",
        ]
        return target

    def _built(self, leaves: list[str]) -> str:
        """What the function returns, of these leaves: tuples, lists and dicts written out, all else by `rebuild`."""
        places = [object() for _ in leaves]
        texts = dict(zip(map(id, places), leaves, strict=True))

        def written(part: Any) -> str:
            if type(part) is tuple:
                return f"({''.join(f'{written(one)}, ' for one in part)})"
            if type(part) is list:
                return f"[{', '.join(map(written, part))}]"
            if type(part) is dict and all(type(key) in (str, int) for key in part):
                return f"{{{', '.join(f'{key!r}: {written(one)}' for key, one in part.items())}}}"
            return "None" if part is None else texts[id(part)]

        try:
            return written(self.captured.rebuild(places))
        except KeyError:
            return f"rebuild([{', '.join(leaves)}])"

    def _node(self, number: int, variable: Variable) -> str:
        """The node of a result that needs a gradient in the function, and has none outside."""
        reads = [binding.tensor for binding in self.captured.reads if binding.slot == "_data"]
        tensors = [tensor for tensor in reads if tensor.requires_grad]
        if not tensors and not self.differentiable:
            return "None"
        make = _WithoutGraph(variable.shape, variable.dtype, tensors, len(self.differentiable))
        return f"{self._name(f'node_of_result_{number}', make)}({', '.join(self.differentiable)})"

    def _results(self) -> list[str]:
        """The leaves of what is returned, arrays that nobody else holds."""
        leaves = []
        made = iter(enumerate(zip(self.captured.program.outputs, self.program.outputs, self.owned, strict=True)))
        for number, (kind, static) in enumerate(self.captured.results):
            if kind == "static":
                leaves.append(self._name(f"static_{number}", static))
                continue
            index, (variable, emitted, is_own) = next(made)
            value = f"results[{index}]"
            if variable.is_array and not variable.ndim:
                value = f"array({value})"
            elif emitted.is_array and not emitted.ndim:
                value = f"{value}[()]"
            elif not is_own:
                value = f"({value}.copy() if isinstance({value}, ndarray) else {value})"
            if kind == "array":
                leaves.append(value)
            else:
                node = self._node(number, variable) if kind == "recorded" else "None"
                leaves.append(f"make_tensor({value}, {node})")
        return leaves


def _updating(updates: Sequence[Binding], is_own: Sequence[bool]) -> Callable[[Sequence[Any]], None]:
    """A function that gives the Tensors their new values, and nodes their new gradients."""
    slots = [
        (binding.tensor, binding.slot, binding.in_place, own) for binding, own in zip(updates, is_own, strict=True)
    ]

    def update(values: Sequence[Any]) -> None:
        for value, (owner, slot, in_place, is_new) in zip(values, slots, strict=True):
            if slot == "grad":
                owner.grad = value if is_new and isinstance(value, np.ndarray) else np.array(value)
                continue
            node = owner._noted()
            exposure = node.exposure
            is_out = exposure is not None and exposure.array is not None
            if owner._data is value and not is_out:
                continue
            if is_out and in_place and exposure.array is owner._data:
                # The user holds this array, and has asked for it to change.
                if owner._data is not value:
                    owner._data[...] = value
                exposure.replaced(owner._data)
                continue
            if exposure is None:
                exposure = node.exposure = Exposure()
            owner._data = value if is_new and isinstance(value, np.ndarray) else np.array(value)
            exposure.replaced(None)

    return update


def writable(tensor: Any, in_place: bool, values: list[Any]) -> Any:
    """An array for a Tensor's new value, where others hold its own: that one only if they are to see it change.

    Raises ChangedValueError if an argument is this array, or shares its memory, and so would change while it is read.
    """
    array, node = tensor._data, tensor._node
    if not in_place or node is None or node.exposure is None or node.exposure.array is not array:
        return np.empty(array.shape, array.dtype)
    if any(np.may_share_memory(value, array) for value in values):
        raise ChangedValueError(
            f"{describe(array.shape, array.dtype, tensor.name)}, which a compiled function changes in place, shares "
            "its memory with an argument; give the function a copy."
        )
    return array


def refuse_twin(tensor: Any) -> None:
    """Raise ChangedValueError: an argument is a Tensor that the function closes over, too."""
    raise ChangedValueError(
        f"{describe(tensor.shape, tensor.dtype, tensor.name)} was given to a compiled function that closes over it and "
        "changes it; let the function use one of the two."
    )


def _no_graph(*_: Any) -> Any:
    raise NoGradientError(
        "a gradient was asked of what a compiled function returned, which keeps no graph: differentiate inside of it, "
        "as in tg.compile(tg.grad(f)), or call the function itself."
    )


_COMPILED = Primitive(lambda *values: values[0], name="a compiled function")


class _WithoutGraph:
    """Makes the node of a result that depends on some Tensors, and through which no gradient can go."""

    def __init__(self, shape: tuple[int, ...], dtype: Any, tensors: list[Any], count: int) -> None:
        self.nodes = tuple(tensor._node for tensor in tensors)
        rules = tuple((index, _no_graph) for index in range(len(tensors) + count))
        self.plan = Plan(_COMPILED, rules, False, lambda saved: saved, (None,), False)
        self.shape, self.dtype = shape, dtype
        frame = user_frame()
        # No more than a node keeps of a frame: the line, and nothing alive.
        self.line: Any = SimpleNamespace(f_code=frame.f_code, f_lasti=frame.f_lasti)

    def __call__(self, *tensors: Any) -> Node:
        inputs = (*self.nodes, *[tensor._node for tensor in tensors])
        node = Node(self.plan, inputs, {}, self.shape, self.dtype, self.line, True, NOT_KEPT)
        node.saved = (None,)
        return node
