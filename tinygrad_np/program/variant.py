"""A compiled function for one kind of arguments: its program, its sources, and the function that runs.

variant = Variant(f, leaves, rebuild)        capture, passes, emission
variant(leaves)                              run on arrays of these shapes and dtypes, update the Tensors
variant.source                               the program as a NumPy function
"""

from __future__ import annotations

import builtins
import dataclasses
import itertools
import linecache
import threading
import traceback
import weakref
from collections.abc import Callable, Iterable, Sequence
from types import CodeType
from typing import Any

import numpy as np

from ..errors import FORWARD_FAILURES, TinygradError, describe, forward_failure
from ..graph import state
from ..tensor import Tensor
from ..tree import Rebuild
from .capture import Captured, capture
from .capture.refusals import DIFFERS, refusal
from .emit.expression import General, constants_of, long_constants, signature
from .emit.fast import fast_source
from .emit.ownership import updates_last
from .emit.readable import ReadableProgram, readable_source
from .entry import MISSED, Entry
from .passes import lowered, simplified
from .state.remembered import Remembered
from .state.slots import Slot
from .verify import Beside, Schedule, failure

_numbers = itertools.count(1)


class Variant:
    """The program for one kind of arguments, with a function for each thread.

    `general` is the program for all values, where this one was made for those without rare cases.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        leaves: list[Any],
        rebuild: Rebuild,
        verify: str | bool = False,
        exact: bool = False,
        assumes: bool = True,
        moving: Iterable[Slot] | None = (),
    ) -> None:
        self.f = f
        self.rebuild = rebuild
        self.schedule = Schedule(verify)
        self.captured = captured = capture(f, leaves, rebuild, assumes, moving)
        exact = exact or captured.tests_values
        settings = [setting for setting, _ in captured.settings]
        if settings and assumes:
            self.schedule.due = 0
        self.state = Remembered(f, captured.static, given=settings) if assumes else None
        program, _ = updates_last(simplified(captured.program, exact), captured.reads, captured.updates)
        self.program = ReadableProgram.of(program)
        self.lowered, targets = updates_last(lowered(self.program, exact), captured.reads, captured.updates)
        assumed = any(equation.operation == "assume" for equation in self.program.equations)
        self.general = Variant(f, leaves, rebuild, False, exact, False, settings) if assumed else None
        self.parameters, self.constants = signature(self.program), constants_of(self.program)
        self.instead = self._call_of(self.general) if self.general else None
        self.functions = {
            equation.function: f"rule_{number}"
            for number, equation in enumerate(self.lowered.equations)
            if equation.operation.startswith("whole.")
        }
        arguments, keywords = rebuild(leaves)
        self.is_plain = not keywords and all(
            isinstance(leaf, np.generic) or type(leaf) is np.ndarray for leaf in arguments
        )
        self.count = len(arguments)
        self.records = state.recording
        arrays = [leaf for leaf in leaves if isinstance(leaf, Tensor | np.ndarray | np.generic)]
        self.is_wrong = False
        holds = self.state.holds if self.state else None
        self.entry = Entry(captured, self.lowered, targets, arrays, self.constants, holds, self.general, assumes)
        self.text = fast_source(
            self.lowered, self.parameters, {variable: f"out_{variable}" for variable in targets}, self.functions
        )
        self.number = number = next(_numbers)
        self.file = f"<compiled {self.program.name} {number}>"
        self.code = self._compiled(self.text, self.file)
        self.entry_code = self._compiled(self.entry.text, f"<call of {self.program.name} {number}>")
        self.local = threading.local()

    def _compiled(self, text: str, file: str) -> CodeType:
        """The code of a text, whose lines tracebacks and warnings show for as long as this variant lives."""
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        weakref.finalize(self, linecache.cache.pop, file, None)
        return builtins.compile(text, file, "exec")

    def __call__(self, leaves: Sequence[Any]) -> Any:
        """The result for the arrays among the arguments, or MISSED if the program is for others or another state."""
        schedule = self.schedule
        if schedule.calls >= schedule.due:
            return self._verified(leaves)
        try:
            enter = self.local.enter
        except AttributeError:
            enter = self.local.enter = self._entered()
        if self.functions:
            # A rule of the user's may call this function again, which then needs buffers of its own.
            del self.local.enter
        try:
            result = enter(*leaves)
        except TinygradError:
            raise
        except FORWARD_FAILURES as error:
            raise self._failure(error) from None
        self.local.enter = enter
        if result is not MISSED:
            schedule.calls += 1
        return result

    def _verified(self, leaves: Sequence[Any]) -> Any:
        """The same, with the function itself beside it, once it is known that the program is for this call."""
        if self.is_wrong:
            return MISSED
        general = self.general.captured if self.general else None
        beside = Beside(self.f, self.captured, general, self.rebuild, leaves)

        def holds() -> bool:
            if self.state is not None and not self.state.holds():
                return False
            beside.run()
            return True

        try:
            result = self._entered(holds)(*leaves)
        except TinygradError:
            raise
        except FORWARD_FAILURES as error:
            raise self._failure(error) from None
        finally:
            if self.state is not None and self.state.changed() is not None and beside.is_run:
                self.state.restore()
        if result is MISSED:
            return MISSED
        difference = beside.difference(result)
        if difference is not None:
            beside.undo()
            self.is_wrong, self.schedule.due = True, 0
            raise failure(self.f, difference, beside.reason(), self.schedule)
        self.schedule.passed()
        return result

    def _entered(self, holds: Callable[[], bool] | None = None) -> Callable[..., Any]:
        names: dict[str, Any] = {name: function for function, name in self.functions.items()}
        exec(self.code, names)
        entry = {**self.entry.names, "run": names[self.program.name]}
        if holds is not None:
            entry["holds"] = holds
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
            if made == equation.targets:
                operation = equation.operation.removeprefix("whole.")
                read = dict.fromkeys(equation.inputs)
                operands = [describe(variable.shape, variable.dtype, variable.name) for variable in read]
                return forward_failure(error, operation, operands, equation.line)
        return error

    def _call_of(self, general: Variant) -> General:
        """The call of the program for all values, with what it needs among the parameters of this one."""
        if _given(self.captured) != _given(general.captured):
            raise refusal(DIFFERS, line=self.program.line)
        ours = {(id(binding.tensor), binding.slot): str(binding.variable) for binding in self.captured.reads}
        given = [str(variable) for variable in self.program.inputs]
        arguments = given[: len(given) - len(ours)]
        arguments += [ours[id(binding.tensor), binding.slot] for binding in general.captured.reads]
        for variable, value in zip(long_constants(general.program), general.constants, strict=True):
            same = (number for number, known in enumerate(self.constants) if known is value)
            name = next((self.parameters[len(given) + number] for number in same), None)
            if name is None:
                name = f"rare_{variable}"
                self.parameters.append(name)
                self.constants.append(value)
            arguments.append(name)
        name = f"{self.program.name}_for_rare_values"
        program, low = (dataclasses.replace(p, name=name) for p in (general.program, general.lowered))
        return General(program, low, f"{name}({', '.join(arguments)})")

    @property
    def source(self) -> str:
        """The program as a NumPy function to be read."""
        return readable_source(self.program, self.parameters, self.instead)

    @property
    def fast_source(self) -> str:
        """The program as the NumPy function that runs."""
        return fast_source(self.lowered, self.parameters, general=self.instead)


def _given(captured: Captured) -> list[Any]:
    """What a program is given besides arguments and Tensors, in order."""
    return [setting.key for setting, _ in captured.settings] + [draw.what for draw in captured.draws]
