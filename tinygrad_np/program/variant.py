"""A compiled function for one kind of arguments: its program, its sources, and the function that runs.

variant = Variant(f, leaves, rebuild)        capture, passes, emission
variant(leaves)                              run on arrays of these shapes and dtypes, update the Tensors
variant.source                               the program as a NumPy function
"""

from __future__ import annotations

import builtins
import dataclasses
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import FORWARD_FAILURES, TinygradError, describe, forward_failure
from ..exposure import Exposure
from ..graph import clock, state
from ..tensor import Tensor
from ..tree import Rebuild
from .capture.tracer import Captured, capture
from .emit.buffers import VIEWS, is_fresh, roots_of
from .emit.expression import General, constants_of, long_constants, signature
from .emit.fast import fast_source
from .emit.readable import readable_source
from .entry import Entry
from .ir import Program, Variable
from .passes import lowered, simplified
from .state.remembered import Snapshot


class Variant:
    """The program for one kind of arguments, with a function for each thread.

    `general` is the program for all values, where this one was made for those without rare cases.
    """

    def __init__(self, f: Callable[..., Any], leaves: list[Any], rebuild: Rebuild, assumes: bool = True) -> None:
        self.captured = captured = capture(f, leaves, rebuild, assumes)
        self.state = Snapshot(f, captured.static) if assumes else None
        self.program, _ = _updates_last(simplified(captured.program), captured)
        self.lowered, targets = _updates_last(lowered(self.program), captured)
        assumed = any(equation.operation == "assume" for equation in self.program.equations)
        self.general = Variant(f, leaves, rebuild, assumes=False) if assumed else None
        self.parameters, self.constants = signature(self.program), constants_of(self.program)
        self.instead = self._call_of(self.general) if self.general else None
        self.functions = {
            equation.function: f"rule_{number}"
            for number, equation in enumerate(self.lowered.equations)
            if equation.operation.startswith("whole.")
        }
        targeted = {variable: f"out_{variable}" for variable in targets}
        self.text = fast_source(self.lowered, self.parameters, targeted, self.functions)
        self.file = f"<compiled {self.program.name} {id(self)}>"
        self.code = builtins.compile(self.text, self.file, "exec")
        owned = _owned(self.lowered)
        self.results = _results(captured, owned)
        updated = list(zip(captured.updates, self.lowered.outputs[-len(captured.updates) or len(owned) :], strict=True))
        self.updates = [
            (held.tensor, held.slot, held.in_place, is_own)
            for held, is_own in zip(captured.updates, owned[len(owned) - len(updated) :], strict=True)
        ]
        self.written = [(held.tensor, held.in_place) for held, variable in updated if variable in targets]
        arguments, keywords = rebuild(leaves)
        self.is_plain = not keywords and all(type(argument) is np.ndarray for argument in arguments)
        self.count = len(arguments)
        self.records = state.recording
        self.entry = Entry(self, [leaf for leaf in leaves if isinstance(leaf, Tensor | np.ndarray | np.generic)])
        self.entry_code = builtins.compile(self.entry.text, f"<call of {self.program.name}>", "exec")
        self.local = threading.local()

    def __call__(self, leaves: Sequence[Any]) -> Any:
        """The result for the arrays among the arguments, or MISSED if the program is for others or another state."""
        try:
            enter = self.local.enter
        except AttributeError:
            enter = self.local.enter = self._entered()
        if self.functions:
            # A rule of the user's may call this function again, which then needs buffers of its own.
            del self.local.enter
        try:
            result = enter(*leaves)
            self.local.enter = enter
            return result
        except TinygradError:
            raise
        except FORWARD_FAILURES as error:
            raise self._failure(error) from None

    def _entered(self) -> Callable[..., Any]:
        names: dict[str, Any] = {name: function for function, name in self.functions.items()}
        exec(self.code, names)
        entry = {**self.entry.names, "run": names[self.program.name]}
        exec(self.entry_code, entry)
        return entry["enter"]

    def _failure(self, error: Exception) -> Exception:
        """The error that the user reads where NumPy refused an operation: with its operands and the user's line."""
        lines = [
            line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == self.file
        ]
        if not lines:
            return error
        made = self.text.splitlines()[lines[-1] - 1].partition(" = ")[0].strip()
        for equation in self.lowered.equations:
            if made == ", ".join(map(str, equation.outputs)):
                operation = equation.operation.removeprefix("whole.")
                operands = [describe(one.shape, one.dtype, one.name) for one in dict.fromkeys(equation.inputs)]
                return forward_failure(error, operation, operands, equation.place)
        return error

    def _call_of(self, general: Variant) -> General:
        """The call of the program for all values, with what it needs among the parameters of this one."""
        ours = {(id(held.tensor), held.slot): str(held.variable) for held in self.captured.reads}
        given = [str(variable) for variable in self.program.inputs]
        arguments = given[: len(given) - len(ours)]
        arguments += [ours[id(held.tensor), held.slot] for held in general.captured.reads]
        for variable, value in zip(long_constants(general.program), general.constants, strict=True):
            same = (place for place, known in enumerate(self.constants) if known is value)
            name = next((self.parameters[len(given) + place] for place in same), None)
            if name is None:
                name = f"rare_{variable}"
                self.parameters.append(name)
                self.constants.append(value)
            arguments.append(name)
        name = f"{self.program.name}_for_rare_values"
        program, low = (dataclasses.replace(one, name=name) for one in (general.program, general.lowered))
        return General(program, low, f"{name}({', '.join(arguments)})")

    @property
    def source(self) -> str:
        """The program as a NumPy function to be read."""
        return readable_source(self.program, self.parameters, self.instead)

    @property
    def fast_source(self) -> str:
        """The program as the NumPy function that runs."""
        return fast_source(self.lowered, self.parameters, general=self.instead)

    def update(self, values: Sequence[Any]) -> None:
        """Give the Tensors their new values, and nodes their new gradients."""
        for value, (owner, slot, in_place, is_own) in zip(values, self.updates, strict=True):
            if slot == "grad":
                owner.grad = value if is_own and isinstance(value, np.ndarray) else np.array(value)
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
                exposure.replaced(next(clock), owner._data)
                continue
            if exposure is None:
                exposure = node.exposure = Exposure()
            owner._data = value if is_own and isinstance(value, np.ndarray) else np.array(value)
            exposure.replaced(next(clock), None)


def _updates_last(program: Program, captured: Captured) -> tuple[Program, list[Variable]]:
    """The program with the updates of Tensors at its end, and those that may be written over the old values."""
    made_by, uses, roots = program.made_by(), program.uses(), roots_of(program)
    updated = program.outputs[len(program.outputs) - len(captured.updates) :]
    held_inputs = program.inputs[len(program.inputs) - len(captured.reads) :]
    old = {
        id(held.tensor): variable
        for held, variable in zip(captured.reads, held_inputs, strict=True)
        if held.slot == "_data"
    }
    candidates = {
        variable: old.get(id(held.tensor))
        for held, variable in zip(captured.updates, updated, strict=True)
        if held.slot == "_data"
        and variable in made_by
        and uses[variable] == 1
        and isinstance(made_by[variable].function, np.ufunc)
        and variable.ndim
    }
    last = [equation for equation in program.equations if not candidates.keys().isdisjoint(equation.outputs)]
    first = [equation for equation in program.equations if equation not in last]
    read: dict[Variable, set[Variable]] = {}
    for equation in last:
        for variable in equation.inputs:
            read.setdefault(roots.get(variable, variable), set()).add(equation.output)
    returned = {roots.get(variable, variable) for variable in program.outputs}
    # What is neither new nor known to be a view may yet be one.
    for equation in program.equations:
        if equation.operation not in VIEWS and not is_fresh(equation):
            returned.update(roots.get(variable, variable) for variable in equation.inputs)
    targets = [
        variable
        for variable, before in candidates.items()
        if before is None or (before not in returned and read.get(before, set()) <= {variable})
    ]
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


def _results(captured: Captured, owned: list[bool]) -> list[tuple[str, Any, bool, bool]]:
    """For each leaf of the result: its kind, the static value, whether it is a 0-d array, whether it is a new one."""
    made = iter(zip(captured.program.outputs, owned, strict=True))
    results = []
    for kind, value in captured.results:
        if kind == "static":
            results.append((kind, value, False, False))
        else:
            variable, is_own = next(made)
            results.append((kind, None, variable.is_array and not variable.ndim, is_own))
    return results
