"""tg.compile: a function that runs as the NumPy program of what it does.

step = tg.compile(f)
step(X, y)              captures f for arguments of these shapes and dtypes, and runs the program
step(X, y)              runs the program
print(step.source)      the program as a NumPy function
"""

from __future__ import annotations

import builtins
import dataclasses
import functools
import threading
from collections.abc import Callable
from pathlib import Path
from sys import getrefcount
from typing import Any

import numpy as np

from ..errors import CaptureError
from ..exposure import Exposure
from ..graph import Node, clock
from ..tensor import Tensor, make_tensor
from ..tree import flatten
from .capture import Captured, capture
from .emit import signature
from .fast import fast_source
from .guards import Guards
from .ir import Program, Variable
from .passes import lowered, simplified
from .passes.naming import named
from .plan import is_fresh
from .readable import readable_source
from .watch import is_capturing


class Compiled:
    """A function that is captured once for each kind of arguments, and then runs as NumPy code; see tg.compile."""

    def __init__(self, f: Callable[..., Any]) -> None:
        functools.update_wrapper(self, f)
        self.f = f
        self.variants: dict[Any, list[Variant]] = {}
        self.latest: Variant | None = None
        self.lock = threading.RLock()

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """What f returns, and what f changes."""
        if is_capturing():
            return self.f(*arguments, **keywords)
        latest = self.latest
        if latest is not None and not keywords and latest.is_for(arguments) and latest.guards.hold():
            return latest(list(arguments))
        leaves: list[Any] = []
        key = _kind((arguments, keywords), leaves) if keywords else tuple([_kind(one, leaves) for one in arguments])
        for variant in self.variants.get(key, ()):
            if variant.guards.hold():
                self.latest = variant
                return variant(leaves)
        with self.lock:
            all_leaves, rebuild = flatten((arguments, keywords))
            self.latest = variant = Variant(self.f, all_leaves, rebuild)
            self.variants.setdefault(key, []).insert(0, variant)
            del self.variants[key][8:]
        return variant(leaves)

    def _captured(self) -> Variant:
        if self.latest is None:
            raise CaptureError("nothing is compiled yet: call the function once with arguments of the kind it is for.")
        return self.latest

    @property
    def program(self) -> Program:
        """The program of the latest call, after all passes."""
        return self._captured().program

    @property
    def captured(self) -> Program:
        """The program of the latest call as it was captured, before the passes."""
        return named(self._captured().captured.program)

    @property
    def source(self) -> str:
        """The program of the latest call as a NumPy function to be read: a formula a line."""
        return readable_source(self.program)

    @property
    def fast_source(self) -> str:
        """The program of the latest call as the NumPy function that runs, with buffers."""
        return fast_source(self._captured().lowered)

    @property
    def constants(self) -> list[Any]:
        """The arrays that the source is given behind the inputs: constants too long to be written out in it."""
        return self._captured().constants

    def save(self, path: str | Path) -> None:
        """Write the readable source to a file."""
        Path(path).write_text(self.source)


class Variant:
    """The program for one kind of arguments, with a function for each thread."""

    def __init__(self, f: Callable[..., Any], leaves: list[Any], rebuild: Any, assumes: bool = True) -> None:
        self.f = f
        self.given = rebuild
        self.captured = captured = capture(f, leaves, rebuild, assumes)
        self.guards = Guards(f, captured)
        self.program = simplified(captured.program)
        count = len(captured.updates)
        update_outputs = self.program.outputs[len(self.program.outputs) - count :]
        self.program, self.targets = _updates_last(self.program, captured, update_outputs)
        self.lowered = lowered(self.program)
        self.helpers = {
            equation.function: f"rule_{number}"
            for number, equation in enumerate(self.lowered.equations)
            if equation.operation.startswith("whole.")
        }
        text = fast_source(self.lowered, {variable: f"out_{variable}" for variable in self.targets}, self.helpers)
        self.code = builtins.compile(text, f"<compiled {self.program.name}>", "exec")
        short = set(signature(self.program)[len(self.program.inputs) :])
        self.constants = [value for variable, value in self.program.constants.items() if str(variable) in short]
        self.results = self.program.outputs[: len(self.program.outputs) - count]
        self.held = [(held.tensor, held.slot) for held in captured.reads]
        self.kinds = captured.results
        self.general: Variant | None = None
        self.local = threading.local()
        self.runs = [variable.is_array and not variable.ndim for variable in captured.program.outputs]
        self.owned = _owned(self.program)
        self.updates = [
            (held.tensor, held.slot, is_own)
            for held, is_own in zip(captured.updates, self.owned[len(self.results) :], strict=True)
        ]
        self.written = [
            held.tensor
            for held, variable in zip(captured.updates, update_outputs, strict=True)
            if variable in self.targets
        ]
        self.all_written = len(self.written) == len(self.updates)
        arguments, keywords = rebuild(leaves)
        is_plain = not keywords and all(type(argument) is np.ndarray for argument in arguments)
        self.plain = [(argument.shape, argument.dtype) for argument in arguments] if is_plain else None
        self.takes_tensors = any(isinstance(leaf, Tensor) for leaf in leaves)

    def is_for(self, arguments: tuple[Any, ...]) -> bool:
        """Whether the arguments are arrays, and of the shapes and dtypes that the program is for: the usual case."""
        if self.plain is None or len(arguments) != len(self.plain):
            return False
        for argument, (shape, dtype) in zip(arguments, self.plain, strict=True):
            if type(argument) is not np.ndarray or argument.dtype != dtype or argument.shape != shape:
                return False
        return True

    def __call__(self, leaves: list[Any]) -> Any:
        """Run on the arrays among the arguments."""
        try:
            run = self.local.run
        except AttributeError:
            names: dict[str, Any] = {name: function for function, name in self.helpers.items()}
            exec(self.code, names)
            run = self.local.run = names[self.program.name]
        values = [leaf._data if type(leaf) is Tensor else leaf for leaf in leaves] if self.takes_tensors else leaves[:]
        values += [tensor._data if slot == "_data" else tensor.grad for tensor, slot in self.held]
        values += self.constants
        in_place, array = True, None
        for tensor in self.written:
            array = tensor._data
            if getrefcount(array) <= _ALONE and array.base is None and _is_hidden(tensor._node):
                values.append(array)
            else:
                in_place = False
                values.append(np.empty(array.shape, array.dtype))
        array = None
        results = run(*values)
        if results is None:
            if self.general is None:
                self.general = Variant(self.f, self.captured.leaves_with(leaves), self.given, assumes=False)
            return self.general(leaves)
        if self.updates and not (in_place and self.all_written):
            self._update(results, values)
        for owner in self.captured.cleared:
            owner.grad = None
        return self._returned(results)

    def _update(self, results: Any, values: list[Any]) -> None:
        """Give the Tensors their new values, and nodes their new gradients."""
        for value, (owner, slot, is_own) in zip(results[len(self.results) :], self.updates, strict=True):
            value = value if is_own and isinstance(value, np.ndarray) else np.array(value)
            if slot == "grad":
                owner.grad = value
            elif owner._data is not value:
                node = owner._noted()
                if node.exposure is None:
                    node.exposure = Exposure()
                owner._data = value
                node.exposure.replaced(next(clock), None)

    def _returned(self, results: Any) -> Any:
        values = iter(zip(results, self.runs, self.owned, strict=False))
        leaves = []
        for kind, static in self.kinds:
            if kind == "static":
                leaves.append(static)
                continue
            value, is_zero_d, is_own = next(values)
            if is_zero_d:
                value = np.array(value)
            elif not is_own and isinstance(value, np.ndarray):
                value = value.copy()
            leaves.append(make_tensor(value, None) if kind == "tensor" else value)
        return self.captured.rebuild(leaves)


def _references_when_alone() -> int:
    """The reference count that a Tensor's array has in the call above if nobody else holds it."""
    tensor = Tensor(np.zeros(1))
    values = [tensor._data]
    array = tensor._data
    del values[1:]
    return getrefcount(array)


_ALONE = _references_when_alone()


def _is_hidden(node: Node | None) -> bool:
    """Whether a Tensor's array was not handed out to the user."""
    return node is None or node.exposure is None or node.exposure.array is None


def _updates_last(program: Program, captured: Captured, outputs: Any) -> tuple[Program, list[Variable]]:
    """The program with the updates of Tensors at its end, and those that may be written over the old values."""
    made_by, uses = program.made_by(), program.uses()
    targets = [
        variable
        for held, variable in zip(captured.updates, outputs, strict=True)
        if held.slot == "_data"
        and variable in made_by
        and uses[variable] == 1
        and isinstance(made_by[variable].function, np.ufunc)
        and variable.ndim
    ]
    last = [equation for equation in program.equations if equation.outputs and equation.outputs[0] in targets]
    first = [equation for equation in program.equations if equation not in last]
    return dataclasses.replace(program, equations=tuple(first + last)), targets


def _owned(program: Program) -> list[bool]:
    """Which results are new arrays that nothing else refers to."""
    made_by = program.made_by()
    seen: set[Variable] = set()
    owned = []
    for variable in program.outputs:
        equation = made_by.get(variable)
        is_new = equation is not None and variable not in seen and (is_fresh(equation) or not variable.is_array)
        owned.append(is_new)
        seen.add(variable)
    return owned


def _kind(value: Any, leaves: list[Any]) -> Any:
    """What a program depends on: the tree, shapes, dtypes and static values; the arrays are put into `leaves`."""
    if type(value) is np.ndarray:
        leaves.append(value)
        return (value.shape, value.dtype)
    if isinstance(value, Tensor):
        leaves.append(value)
        return ("tensor", value._data.shape, value._data.dtype, value.requires_grad, value.name)
    if isinstance(value, np.ndarray | np.generic):
        leaves.append(value)
        return (type(value), value.shape, value.dtype)
    if isinstance(value, list | tuple):
        return (type(value), *[_kind(part, leaves) for part in value])
    if isinstance(value, dict):
        return (dict, *[(key, _kind(part, leaves)) for key, part in value.items()])
    if isinstance(value, float):
        return (float, repr(value))
    try:
        hash(value)
    except TypeError:
        raise CaptureError(
            f"a compiled function was given a {type(value).__name__}, which is no array, number or tree of them."
        ) from None
    return (type(value), value)


def compile(f: Callable[..., Any]) -> Compiled:
    """The same function as a NumPy program, derived once and then run without Tensors or a graph.

    The first call for each set of shapes, dtypes and static values (Python's numbers, strings) runs f on values that
    write down every function of NumPy, those of the gradient rules too. f takes and returns arrays, Tensors or trees of
    them; it may use `tg.value_and_grad` and its like, `loss.backward()`, and change Tensors that it closes over
    (`p.data -= lr * p.grad`), which then hold the new values after each call. Arrays and numbers that f closes over are
    constants: a number or array that was put in another's place is noticed, but not an array that was changed in place,
    nor what an attribute, a list or a dict holds by then. Give what changes as an argument, or as a Tensor.

    Raises CaptureError, with the line, where f reads a value (float(t), a branch, print) or does not do the same thing
    twice (random numbers).

    >>> import numpy as np, tinygrad_np as tg
    >>> slope = tg.compile(tg.grad(lambda x: np.sum(np.tanh(x) ** 2)))
    >>> slope(np.array([0.5, -1.0])).round(4)
    array([ 0.7269, -0.6397])
    """
    return Compiled(f)
