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

from collections.abc import Sequence
from sys import getrefcount
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ChangedValueError, NoGradientError, describe
from ..exposure import ALONE
from ..frames import user_frame
from ..graph import NOT_KEPT, Node
from ..primitive import Plan, Primitive
from ..record import make_tensor
from ..tensor import Tensor
from .capture.names import Held

if TYPE_CHECKING:
    from .variant import Variant

MISSED: Any = object()
"""What the call of a variant returns if it is not for these arguments, or for what the function refers to by now."""


class Entry:
    """The text of a variant's call, and what the names in it stand for."""

    def __init__(self, variant: Variant, leaves: Sequence[Any]) -> None:
        self.names: dict[str, Any] = {
            "MISSED": MISSED,
            "NOT_KEPT": NOT_KEPT,
            "array": np.array,
            "general": variant.general,
            "getrefcount": getrefcount,
            "holds": variant.state.holds if variant.state else None,
            "make_tensor": make_tensor,
            "ndarray": np.ndarray,
            "rebuild": variant.captured.rebuild,
            "update": variant.update,
            "writable": writable,
        }
        self.lines: list[str] = []
        self.values: list[str] = []
        self.differentiable: list[str] = []
        parameters = [self._leaf(number, leaf) for number, leaf in enumerate(leaves)]
        changed = [self._name(f"changed_{number}", held.tensor) for number, held in enumerate(variant.captured.updates)]
        for name, leaf in zip(parameters, leaves, strict=True):
            if isinstance(leaf, Tensor) and changed:
                self.names["same"] = _same
                self.lines.append(f"if {' or '.join(f'{name} is {one}' for one in changed)}: same({name})")
        self.given = self.values[:]
        for number, held in enumerate(variant.captured.reads):
            self._held(number, held)
        for number, node in enumerate(variant.captured.untouched):
            grad = self._name(f"node_{number}", node) + ".grad"
            self.lines.append(f"if {grad} is not None and {grad} is not NOT_KEPT: return MISSED")
        if variant.state:
            self.lines.append("if not holds(): return MISSED")
        self.lines.append(f"is_done = {len(variant.written) == len(variant.updates)}")
        read = {id(held.tensor) for held in variant.captured.reads if held.slot == "_data"}
        targets = [
            self._target(number, tensor, in_place, id(tensor) in read)
            for number, (tensor, in_place) in enumerate(variant.written)
        ]
        constants = [self._name(f"constant_{number}", value) for number, value in enumerate(variant.constants)]
        self.lines.append(f"results = run({', '.join([*self.values, *constants, *targets])})")
        if variant.general:
            self.lines.append(f"if results is None: return general([{', '.join(parameters)}])")
        if variant.updates:
            self.lines.append(f"if not is_done: update(results[-{len(variant.updates)}:])")
        for number, node in enumerate(variant.captured.cleared):
            # What had to be None before is so still.
            if node not in variant.captured.untouched:
                self.lines.append(f"{self._name(f'cleared_{number}', node)}.grad = None")
        self.lines.append(f"return rebuild([{', '.join(self._results(variant))}])")
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

    def _held(self, number: int, held: Held) -> None:
        """The value, or the gradient, of a Tensor that the function closes over."""
        name, dtype = f"held_{number}", self._name(f"held_dtype_{number}", held.variable.dtype)
        self.lines.append(f"{name} = {self._name(f'owner_{number}', held.tensor)}.{held.slot}")
        if held.slot == "grad":
            self.lines.append(f"if {name} is None or {name} is NOT_KEPT: return MISSED")
        self.lines.append(f"if {name}.shape != {held.variable.shape} or {name}.dtype != {dtype}: return MISSED")
        self.values.append(name)

    def _target(self, number: int, tensor: Any, in_place: bool, is_read: bool) -> str:
        """The array that a new value is written to: the Tensor's own, if nobody else would see it change."""
        owner, target = self._name(f"tensor_{number}", tensor), f"target_{number}"
        # The local variables hold it too.
        references = ALONE + 1 + is_read
        self.lines += [
            f"{target} = {owner}._data",
            f"exposure = {owner}._node and {owner}._node.exposure",
            f"if getrefcount({owner}._data) > {references} or {target}.base is not None"
            " or (exposure and exposure.array is not None):",
            f"    {target} = writable({owner}, {in_place}, [{', '.join(self.given)}])",
            "    is_done = False",
        ]
        return target

    def _node(self, place: int, variant: Variant, number: int) -> str:
        """The node of a result that needs a gradient in the function, and has none outside."""
        variable = variant.captured.program.outputs[number]
        held = [one.tensor for one in variant.captured.reads if one.slot == "_data" and one.tensor.requires_grad]
        if not held and not self.differentiable:
            return "None"
        make = _WithoutGraph(variable.shape, variable.dtype, held, len(self.differentiable))
        return f"{self._name(f'node_of_result_{place}', make)}({', '.join(self.differentiable)})"

    def _results(self, variant: Variant) -> list[str]:
        """The leaves of what is returned, arrays that nobody else holds."""
        leaves = []
        number = 0
        for place, (kind, static, is_zero_d, is_own) in enumerate(variant.results):
            if kind == "static":
                leaves.append(self._name(f"static_{place}", static))
                continue
            value = f"results[{number}]"
            number += 1
            known = variant.lowered.outputs[number - 1]
            if is_zero_d:
                value = f"array({value})"
            elif known.is_array and not known.ndim:
                value = f"{value}[()]"
            elif not is_own:
                value = f"({value}.copy() if isinstance({value}, ndarray) else {value})"
            if kind == "array":
                leaves.append(value)
            elif kind == "tensor":
                leaves.append(f"make_tensor({value}, None)")
            else:
                leaves.append(f"make_tensor({value}, {self._node(place, variant, number - 1)})")
        return leaves


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


def _same(tensor: Any) -> None:
    raise ChangedValueError(
        f"{describe(tensor.shape, tensor.dtype, tensor.name)} was given to a compiled function that closes over it and "
        "changes it; let the function use one of the two."
    )


def _refuse(*_: Any) -> Any:
    raise NoGradientError(
        "a gradient was asked of what a compiled function returned, which keeps no graph: differentiate inside of it, "
        "as in tg.compile(tg.grad(f)), or call the function itself."
    )


_COMPILED = Primitive(lambda *values: values[0], name="a compiled function")


class _WithoutGraph:
    """Makes the node of a result that depends on some Tensors, and through which no gradient can go."""

    def __init__(self, shape: tuple[int, ...], dtype: Any, held: list[Any], count: int) -> None:
        self.held = tuple(tensor._node for tensor in held)
        rules = tuple((index, _refuse) for index in range(len(held) + count))
        self.plan = Plan(_COMPILED, rules, False, lambda saved: saved, (None,), False)
        self.shape, self.dtype = shape, dtype
        frame = user_frame()
        # No more than a node keeps of a frame: the line, and nothing alive.
        self.line: Any = SimpleNamespace(f_code=frame.f_code, f_lasti=frame.f_lasti)

    def __call__(self, *tensors: Any) -> Node:
        inputs = (*self.held, *[tensor._node for tensor in tensors])
        node = Node(self.plan, inputs, {}, self.shape, self.dtype, self.line, True, NOT_KEPT)
        node.saved = (None,)
        return node
