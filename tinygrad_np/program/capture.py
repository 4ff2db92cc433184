"""Capture: run a function once on traced arrays, and keep what it did as a program.

    captured = capture(f, args, keywords)
    captured.program, captured.tensors, captured.updates

The function runs as it always does: forward, backward pass, transforms, updates. Its arrays are Traced, so that every
function of NumPy that the rules call becomes an equation. Whatever is no Traced array is a constant. The function is
run a second time, and what then differs (a random number, a counter, the time) is an error that names the line.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import CaptureError
from ..graph import NOT_KEPT, Node, state
from ..tensor import Tensor, leaf_of, make_tensor
from ..tree import Rebuild, flatten
from .assumptions import assume, is_users_choice
from .ir import Equation, Program, Variable
from .names import Held, Names, name_of, slot_of
from .repetition import assert_repeated
from .traced import Traced
from .watch import watched

_STATIC = {np.result_type, np.can_cast, np.min_scalar_type, np.common_type, np.iscomplexobj, np.isrealobj}
"""Functions that read no more of an array than its dtype."""
_FILLED = {np.zeros_like, np.ones_like, np.empty_like}
"""Functions that read no more of an array than its shape and dtype."""


@dataclass
class Captured:
    """A program, the closed-over values that follow its arguments, the changes that follow its results.

    `results` tells, for each leaf of the function's result, whether it is a variable ("array", "tensor") or a static
    value; `untouched` are gradients that were, and have to be, None.
    """

    program: Program
    reads: list[Held]
    updates: list[Held]
    cleared: list[Any]
    untouched: list[Any]
    results: list[tuple[str, Any]]
    rebuild: Rebuild
    static: list[Any]

    def leaves_with(self, arrays: list[Any]) -> list[Any]:
        """All leaves of the arguments: these arrays, and the static values between them."""
        source = iter(arrays)
        return [next(source) if leaf is _GIVEN else leaf for leaf in self.static]


_GIVEN = object()


def capture(f: Callable[..., Any], leaves: list[Any], rebuild: Rebuild, assumes: bool = True) -> Captured:
    """The program of f on these leaves of its arguments.

    With `assumes`, what rules do about rare values that do not occur now (ties, infinities) becomes a check.
    """
    first, second = (Tracer(assumes).run(f, leaves, rebuild) for _ in range(2))
    assert_repeated(first.program, second.program)
    return first


class Tracer(Names):
    """One run of a function on traced arrays."""

    def __init__(self, assumes: bool = True) -> None:
        self.assumes = assumes
        self.inputs: list[Variable] = []
        self.equations: list[Equation] = []
        super().__init__()
        self.reads: dict[tuple[str, int], tuple[Held, Any]] = {}
        self.written: dict[tuple[str, int], tuple[Any, Any]] = {}
        self.pending: dict[int, tuple[Any, str]] = {}

    def run(self, f: Callable[..., Any], leaves: list[Any], rebuild: Rebuild) -> Captured:
        """Run the function and make the program of what was recorded."""
        self.warnings = np.geterr()
        self.static = [_GIVEN if isinstance(leaf, Tensor | np.ndarray | np.generic) else leaf for leaf in leaves]
        given, stand_ins = [], []
        for leaf in leaves:
            stand_in = self._argument(leaf)
            given.append(stand_in)
            if isinstance(stand_in, Tensor):
                stand_ins.append(stand_in)
        arguments, keywords = rebuild(given)
        self.floor = sys._getframe()
        state.observer = self.observe
        try:
            with watched(self):
                result = f(*arguments, **keywords)
                outputs, make_result = flatten(result)
                results = [self._result(output) for output in outputs]
        finally:
            state.observer = None
        for tensor in stand_ins:
            if tensor._node is not None and isinstance(tensor._node.grad, Traced):
                raise CaptureError(
                    "backward() reached a Tensor that was given as an argument, whose .grad a compiled function can't "
                    "change; close over it, or return its gradient with tg.grad."
                )
        for _, place in self.pending.values():
            raise CaptureError(
                f"a Tensor's values were changed in place through an array, {place}; a compiled function takes "
                "`t.data -= a` or `t.data = a`."
            )
        return self._captured(f, results, make_result)

    def _argument(self, leaf: Any) -> Any:
        if isinstance(leaf, Tensor):
            traced = self._input(leaf._data, leaf.name)
            return make_tensor(traced, leaf_of(traced, leaf.requires_grad)._node)
        if isinstance(leaf, np.ndarray | np.generic):
            return self._input(leaf, None)
        return leaf

    def _input(self, array: Any, name: str | None) -> Traced:
        variable = Variable(array.shape, array.dtype, self._unused(name), isinstance(array, np.ndarray))
        self.inputs.append(variable)
        return Traced(self, variable, array)

    def _result(self, leaf: Any) -> tuple[str, Any]:
        if isinstance(leaf, Tensor):
            data = leaf._data
            return ("tensor", self._variable(data))
        if isinstance(leaf, Traced):
            return ("array", leaf.variable)
        if isinstance(leaf, np.ndarray):
            return ("array", self._variable(leaf))
        return ("static", leaf)

    def _captured(self, f: Any, results: list[tuple[str, Any]], make_result: Rebuild) -> Captured:
        updates, cleared = [], []
        for (slot, _), (owner, value) in self.written.items():
            if slot == "exposure":
                continue
            if value is None:
                cleared.append(owner)
            elif value is not NOT_KEPT:
                updates.append(Held(owner, slot, self._variable(value)))
        reads = [held for held, _ in self.reads.values() if held.variable is not None]
        untouched = [held.tensor for held, value in self.reads.values() if value is None]
        outputs = [value for kind, value in results if kind != "static"] + [held.variable for held in updates]
        self._name_all(updates)
        name = getattr(f, "__name__", "f")
        program = Program(
            tuple(self.inputs),
            {variable: array for array, variable in self.constants.values()},
            tuple(self.equations),
            tuple(outputs),
            name if name.isidentifier() else "f",
        )
        untouched_nodes = [node for node in untouched if isinstance(node, Node)]
        return Captured(program, reads, updates, cleared, untouched_nodes, results, make_result, self.static)

    # What NumPy's functions and the rules do.

    def apply(self, name: str, function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Run one of NumPy's functions on the values, and write it down."""
        values, options = _values((arguments, keywords))
        result = function(*values, **options)
        if function in _STATIC or function in _FILLED:
            return result
        if function is np.full_like and not isinstance(arguments[1], Traced):
            return result
        if isinstance(function, np.ufunc):
            arguments = _weak(values, arguments, result)
        place = self._name_locals()
        ignores = np.geterr() != self.warnings
        parts = result if isinstance(result, tuple | list) else (result,)
        outputs = tuple(
            Variable(np.shape(part), np.asarray(part).dtype, None, isinstance(part, np.ndarray)) for part in parts
        )
        arguments, keywords = self._variables((arguments, keywords))
        self.equations.append(Equation(name, function, arguments, keywords, outputs, place, ignores))
        traced = [
            Traced(self, variable, part if hasattr(part, "dtype") else np.asarray(part)[()])
            for variable, part in zip(outputs, parts, strict=True)
        ]
        if not isinstance(result, tuple | list):
            return traced[0]
        return type(result)(*traced) if hasattr(result, "_fields") else type(result)(traced)

    def assume(self, condition: Traced) -> bool:
        """Whether a condition holds everywhere, as it will have to in the program; where it fails, another runs."""
        if not self.assumes or not np.all(condition.value):
            return False
        self.equations.append(Equation("assume", assume, (condition.variable,), {}, ()))
        return True

    def choose(self, condition: Traced, a: Any, b: Any) -> Any:
        """What a rule's np.where comes to if its condition holds everywhere, or nowhere; None in all other cases.

        Rules guard against rare values in this way: ties, infinities, sums of no weights. What a user chooses stays.
        """
        if is_users_choice() or not condition.size:
            return None
        holds, fails = bool(np.all(condition.value)), not np.any(condition.value)
        if not self.assumes or not (holds or fails):
            return None
        values = _values((condition, a, b))
        result = np.where(*values)
        self.assume(condition if holds else self._negated(condition))
        chosen = a if holds else b
        if not isinstance(chosen, Traced):
            return np.broadcast_to(chosen, result.shape).astype(result.dtype)
        chosen = chosen.astype(result.dtype)
        same = chosen.shape == result.shape
        return chosen if same else self.apply("broadcast_to", np.broadcast_to, (chosen, result.shape), {})

    def _negated(self, condition: Traced) -> Traced:
        return self.apply("logical_not", np.logical_not, (condition,), {})  # type: ignore[no-any-return]

    def apply_whole(self, error: CaptureError, function: Any, arguments: Any, keywords: Any) -> Any:
        """Write a rule down as one equation, where it can't be taken apart: where it looks at values, or writes."""
        if not any(isinstance(part, Traced) for part in flatten((arguments, keywords))[0]):
            raise error
        name = getattr(function, "__name__", "rule").strip("_") or "rule"
        return self.apply(f"whole.{name}", function, arguments, keywords)

    def _variables(self, value: Any) -> Any:
        if isinstance(value, Traced):
            return value.variable
        if isinstance(value, np.ndarray):
            return self._variable(value)
        if isinstance(value, Tensor):
            return self._variable(value._data)
        if isinstance(value, list):
            return [self._variables(part) for part in value]
        if isinstance(value, tuple):
            return tuple(self._variables(part) for part in value)
        if isinstance(value, dict):
            return {key: self._variables(part) for key, part in value.items()}
        return value

    def _variable(self, value: Any) -> Variable:
        """The variable of a traced array, or of a constant."""
        if isinstance(value, Traced):
            return value.variable
        if id(value) not in self.constants:
            variable = Variable(np.shape(value), np.asarray(value).dtype, None, isinstance(value, np.ndarray))
            self.constants[id(value)] = (value, variable)
        return self.constants[id(value)][1]

    # What is read and changed of Tensors that were there before.

    def read(self, slot: str, owner: Any, value: Any) -> Any:
        """What a Tensor or node shows in the place of what it holds."""
        if id(owner) in self.new:
            node = slot_of("_node", owner) if slot == "_data" else None
            if node is not None and node.plan is None and isinstance(value, Traced):
                self.nodes.setdefault(id(node), (node, value.variable))
            return self._fresh(owner, value)
        key = (slot, id(owner))
        if key in self.written:
            return self._fresh(owner, self.written[key][1])
        if slot == "exposure":
            return None
        if slot == "grad" and value is NOT_KEPT:
            return value
        if key not in self.reads:
            variable, traced = None, value
            if isinstance(value, np.ndarray | np.generic):
                name = getattr(owner, "name", None) if slot == "grad" else name_of(owner)
                traced = self._input(value, f"{name}_grad" if name and slot == "grad" else name)
                variable = traced.variable
            self.reads[key] = (Held(owner, slot, variable), traced)  # type: ignore[arg-type]
            node = getattr(owner, "_node", None)
            if node is not None and variable is not None:
                self.nodes[id(node)] = (node, variable)
        return self._fresh(owner, self.reads[key][1])

    def _fresh(self, owner: Any, value: Any) -> Any:
        """A box of its own for each reader: who changes an array in place changes none that a graph keeps."""
        if not isinstance(value, Traced):
            return value
        return Traced(self, value.variable, value.value, owner if isinstance(owner, Tensor) else None)

    def write(self, slot: str, owner: Any, value: Any, is_new: bool) -> bool:
        """Keep what is written to what was there before the capture; the rest may write itself."""
        if is_new:
            self.new[id(owner)] = owner
        if slot == "_data":
            self.pending.pop(id(owner), None)
        if id(owner) in self.new:
            return True
        if slot == "_data" and (slot, id(owner)) not in self.reads:
            self.read(slot, owner, owner.__class__.__dict__[slot].slot.__get__(owner))
        if slot == "grad" and (slot, id(owner)) not in self.reads:
            self.read(slot, owner, owner.__class__.__dict__[slot].slot.__get__(owner))
        self.written[slot, id(owner)] = (owner, value)
        return False

    def observe(self, node: Node, upstream: Any) -> None:
        """See the upstream gradient arrive at a node, to name it after the node's value."""
        self.node = node
        if node.saved and isinstance(node.saved[0], Traced):
            self.nodes[id(node)] = (node, node.saved[0].variable)
        if isinstance(upstream, Traced):
            self.gradients.append((upstream.variable, node))


def _values(value: Any) -> Any:
    """The structure with values in the place of traced arrays."""
    if isinstance(value, Traced):
        value.variable  # noqa: B018  (an array that was changed in place refuses)
        return value.value
    if isinstance(value, list | tuple):
        parts = [_values(part) for part in value]
        return parts if isinstance(value, list) else tuple(parts)
    if isinstance(value, dict):
        return {key: _values(part) for key, part in value.items()}
    if isinstance(value, Tensor):
        return _values(value._data)
    return value


def _weak(values: Any, arguments: Any, result: Any) -> Any:
    """The arguments of a ufunc with Python's numbers for NumPy's, where that makes no difference to the dtype."""
    if not any(isinstance(argument, np.generic) for argument in arguments):
        return arguments
    weak = tuple(argument.item() if isinstance(argument, np.generic) else argument for argument in arguments)
    others = [value for value, argument in zip(values, weak, strict=True) if not isinstance(argument, float | int)]
    same = len({np.dtype(other.dtype) for other in others} | {result.dtype}) == 1 if hasattr(result, "dtype") else False
    return weak if same and result.dtype.kind == "f" else arguments
