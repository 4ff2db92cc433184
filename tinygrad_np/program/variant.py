"""A compiled function for one kind of arguments: its program, its sources, and the function that runs.

variant = Variant(f, leaves, rebuild)        capture, passes, emission
variant(leaves)                              run on arrays of these shapes and dtypes, update the Tensors
variant.source                               the program as a NumPy function
"""

from __future__ import annotations

import builtins
import dataclasses
import functools
import itertools
import linecache
import threading
import traceback
import weakref
from collections.abc import Callable, Iterable, Sequence
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

from ..errors import FORWARD_FAILURES, TinygradError, describe, forward_failure
from ..graph import state
from ..tree import Rebuild
from .capture import Captured, capture
from .capture.refusals import DIFFERS, refusal
from .emit.expression import General, constants_of, is_written_out, signature
from .emit.fast import fast_source
from .emit.ownership import updates_last
from .emit.readable import ReadableProgram, readable_source
from .entry import MISSED, Entry
from .ir import Program, Variable
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
        self.exact = exact = exact or captured.tests_values
        self.assumes = assumes
        self.is_wrong = False
        self.number = next(_numbers)
        self.local = threading.local()
        self.lock = threading.Lock()
        self.emitted: _Emitted | None = None
        self.calls_rules = False
        settings = [setting for setting, _ in captured.settings]
        if settings and assumes:
            self.schedule.due = 0
        self.state = Remembered(f, captured.static, given=settings) if assumes else None
        assumed = assumes and any(equation.operation == "assume" for equation in self.program.equations)
        self.general = Variant(f, leaves, rebuild, False, exact, False, settings) if assumed else None
        if self.general and _given(captured) != _given(self.general.captured):
            raise refusal(DIFFERS, line=self.program.line)
        arguments, keywords = rebuild(leaves)
        self.is_plain = not keywords and all(
            isinstance(leaf, np.generic) or type(leaf) is np.ndarray for leaf in arguments
        )
        self.count = len(arguments)
        self.records = state.recording

    # The program for all values waits with what follows until it runs or is read, which may be never.

    @functools.cached_property
    def program(self) -> ReadableProgram:
        """The program as it is read."""
        captured = self.captured
        program = simplified(captured.program, self.exact)
        return ReadableProgram.of(updates_last(program, captured.reads, captured.updates)[0])

    @functools.cached_property
    def lowered(self) -> tuple[Program, list[Variable]]:
        """The program that runs, and the results that are written over the old values of Tensors."""
        return updates_last(lowered(self.program, self.exact), self.captured.reads, self.captured.updates)

    def _emit(self, leaves: Sequence[Any]) -> _Emitted:
        """The code of the program and of its call, for these arrays and what was drawn."""
        program, targets = self.lowered
        functions = {
            equation.function: f"rule_{number}"
            for number, equation in enumerate(program.equations)
            if equation.operation.startswith("whole.")
        }
        arrays = leaves if self.assumes else leaves[: len(leaves) - len(self.captured.draws)]
        holds = self.state.holds if self.state else None
        constants = constants_of(self.program)
        entry = Entry(self.captured, program, targets, arrays, constants, holds, self.general, self.assumes)
        names = {variable: f"out_{variable}" for variable in targets}
        text = fast_source(program, signature(self.program), names, functions)
        file = f"<compiled {program.name} {self.number}>"
        codes = self._compiled(text, file), self._compiled(entry.text, f"<call of {program.name} {self.number}>")
        return _Emitted({name: function for function, name in functions.items()}, entry.names, text, file, codes)

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
            enter = self.local.enter = self._entered(leaves)
        if self.calls_rules:
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
            result = self._entered(leaves, holds)(*leaves)
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

    def _entered(self, leaves: Sequence[Any], holds: Callable[[], bool] | None = None) -> Callable[..., Any]:
        """The call, with buffers of its own."""
        with self.lock:
            self.emitted = emitted = self.emitted or self._emit(leaves)
            self.calls_rules = bool(emitted.functions)
        names: dict[str, Any] = dict(emitted.functions)
        exec(emitted.codes[0], names)
        entry = {**emitted.names, "run": names[self.program.name]}
        if holds is not None:
            entry["holds"] = holds
        exec(emitted.codes[1], entry)
        enter: Callable[..., Any] = entry["enter"]
        return enter

    def _failure(self, error: Exception) -> Exception:
        """The error that the user reads where NumPy refused an operation: with its operands and the user's line."""
        emitted = self.emitted
        frames = traceback.walk_tb(error.__traceback__)
        lines = [line for frame, line in frames if emitted and frame.f_code.co_filename == emitted.file]
        if not lines or emitted is None:
            return error
        made = emitted.text.splitlines()[lines[-1] - 1].partition(" = ")[0].strip()
        for equation in self.lowered[0].equations:
            if made == equation.targets:
                operation = equation.operation.removeprefix("whole.")
                read = dict.fromkeys(equation.inputs)
                operands = [describe(variable.shape, variable.dtype, variable.name) for variable in read]
                return forward_failure(error, operation, operands, equation.line)
        return error

    @functools.cached_property
    def shown(self) -> _Shown:
        """What the sources are of, with what the program for all values needs among the parameters of this one."""
        parameters, constants, general = signature(self.program), constants_of(self.program), self.general
        if general is None:
            return _Shown(parameters, constants, None)
        ours = {(id(binding.tensor), binding.slot): str(binding.variable) for binding in self.captured.reads}
        given = [str(variable) for variable in self.program.inputs]
        arguments = given[: len(given) - len(ours)]
        arguments += [ours[id(binding.tensor), binding.slot] for binding in general.captured.reads]
        for variable, value in general.program.constants.items():
            if is_written_out(value):
                continue
            same = (number for number, known in enumerate(constants) if known is value)
            name = next((parameters[len(given) + number] for number in same), None)
            if name is None:
                name = f"rare_{variable}"
                parameters.append(name)
                constants.append(value)
            arguments.append(name)
        name = f"{self.program.name}_for_rare_values"
        program, low = (dataclasses.replace(p, name=name) for p in (general.program, general.lowered[0]))
        return _Shown(parameters, constants, General(program, low, f"{name}({', '.join(arguments)})"))

    @property
    def source(self) -> str:
        """The program as a NumPy function to be read."""
        return readable_source(self.program, self.shown.parameters, self.shown.general)

    @property
    def fast_source(self) -> str:
        """The program as the NumPy function that runs."""
        return fast_source(self.lowered[0], self.shown.parameters, general=self.shown.general)


class _Emitted(NamedTuple):
    """What runs: the rules that the program calls, the names of its call, its text and file, the codes of both."""

    functions: dict[str, Any]
    names: dict[str, Any]
    text: str
    file: str
    codes: tuple[CodeType, CodeType]


class _Shown(NamedTuple):
    """What the sources are given, of which the last are constants, and what they call where rare values occur."""

    parameters: list[str]
    constants: list[Any]
    general: General | None


def _given(captured: Captured) -> list[Any]:
    """What a program is given besides arguments and Tensors, in order."""
    return [setting.key for setting, _ in captured.settings] + [draw.what for draw in captured.draws]
