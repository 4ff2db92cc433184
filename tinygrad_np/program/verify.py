"""The net: beside some calls of a program the function itself runs, and what comes out is compared.

schedule = Schedule("doubling")          at the 2nd, 4th, 8th … call; "always"; False
beside = Beside(f, captured, general, rebuild, leaves)
beside.run()                             f on copies of the arguments, its updates kept away from the Tensors
beside.difference(result)                in what the program, which ran since, differs; None if in nothing
beside.undo()                            the Tensors as they were before the program ran

What a function reads can't all be watched. What escapes the watch comes to light here.

How much is a difference? Algebra changes last digits, and where a function cancels, last digits are all there is. So
where more than a little differs, the captured equations run again, each result of theirs rounded at random (as in
D. S. Parker, Monte Carlo Arithmetic, 1997): what the function itself would vary by, had it rounded otherwise, is
allowed. That the equations give what the function gives is asked first: else it is not the function that was captured.
"""

from __future__ import annotations

import dataclasses
import pickle
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..errors import DifferenceError, ParameterError
from ..graph import NOT_KEPT
from ..tensor import Tensor
from ..tree import Rebuild, flatten, leaf_paths
from .capture import Captured, capture, first_difference
from .capture.tracer import line_of
from .capture.watch import NOTES, unwatched, watched
from .ir import AssumptionError, Equation

_EXACT_UFUNCS = {
    "absolute", "ceil", "conjugate", "copysign", "fabs", "floor", "fmax", "fmin", "maximum", "minimum", "negative",
    "positive", "rint", "sign", "trunc",
}  # fmt: skip
_ROUNDING = {"cumprod", "cumsum", "dot", "einsum", "inner", "matmul", "mean", "prod", "std", "sum", "tensordot", "var"}

_PRODUCTS = {np.multiply, np.divide, np.square, np.dot, np.matmul}

_alone = threading.Lock()
"""Python's filters of warnings belong to all threads."""


class Schedule:
    """At which calls of a program the function runs too: before call number `due` + 1."""

    def __init__(self, verify: str | bool) -> None:
        if verify not in ("always", "doubling", False):
            raise ParameterError(f'verify={verify!r} of tg.compile: it is "doubling", "always" or False.')
        self.verify = verify
        self.calls = self.checked = 0
        self.due: float = {"always": 0, "doubling": 1, False: np.inf}[verify]

    def passed(self) -> None:
        """Take note that a call was right."""
        self.calls += 1
        self.checked = self.calls
        self.due = {"always": self.checked, "doubling": max(2 * self.checked - 1, 1), False: np.inf}[self.verify]


class _Overlay:
    """What Tensors hold while f runs beside its program: copies, so that nothing reaches the Tensors (a Watcher)."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, int], tuple[Any, Any]] = {}
        self._made: dict[int, Any] = {}

    def read(self, slot: str, owner: Any, value: Any) -> Any:
        """The copy that this run has, of what was there before."""
        if id(owner) in self._made:
            return value
        key = slot, id(owner)
        if key not in self.values:
            if slot in NOTES:
                return None
            self.values[key] = owner, _copy(value)
        return self.values[key][1]

    def write(self, slot: str, owner: Any, value: Any, is_new: bool) -> bool:
        """Keep what is written to what was there before."""
        if is_new:
            self._made[id(owner)] = owner
        if id(owner) in self._made:
            return True
        self.values[slot, id(owner)] = owner, value
        return False


@dataclasses.dataclass
class _Output:
    """One thing that a call returns or changes."""

    name: str
    kind: Any
    value: Any
    owner: Any = None

    @property
    def slot(self) -> Any:
        """Which slot of which Tensor it is, if it is none of the results."""
        return None if self.owner is None else (self.kind, id(self.owner))


class Beside:
    """One run of a function beside its program, on the same arguments and Tensors."""

    def __init__(
        self,
        f: Callable[..., Any],
        captured: Captured,
        general: Captured | None,
        rebuild: Rebuild,
        leaves: Sequence[Any],
    ) -> None:
        self.f = f
        self.captured = captured
        self.general = general
        self.rebuild = rebuild
        self.leaves = leaves
        self.error: Exception | None = None
        self.expected: list[_Output] = []
        self.before: dict[tuple[str, int], tuple[Any, Any]] = {}
        self.is_run = False

    def run(self) -> None:
        """Run the function, and keep what it returns and changes."""
        self.is_run = True
        made = [known for known in (self.captured, self.general) if known is not None]
        for owner, slot in [*_changed(made), *((read.tensor, read.slot) for known in made for read in known.reads)]:
            self.before[slot, id(owner)] = owner, _copy(unwatched(owner, slot))
        self.generators = {id(draw.generator): draw.generator for draw in self.captured.draws}.values()
        self.random = [generator.bit_generator.state for generator in self.generators]
        self.given = [_copy(leaf._data if isinstance(leaf, Tensor) else leaf) for leaf in self.leaves]
        copies = [leaf if isinstance(leaf, Tensor) else _copy(leaf) for leaf in self.leaves]
        arguments, keywords = self.rebuild(self.captured.arguments(copies))
        overlay = _Overlay()
        with _alone, warnings.catch_warnings(), watched(overlay):
            warnings.simplefilter("ignore")
            try:
                result = self.f(*arguments, **keywords)
            except Exception as error:
                self.error = error
                return
            finally:
                self.random_after = [pickle.dumps(generator) for generator in self.generators]
                self._draw_again(self.random)
            self.expected = list(_returned(result))
            for owner, slot in _changed(made):
                overlay.read(slot, owner, unwatched(owner, slot))
        for (slot, _), (owner, value) in overlay.values.items():
            if slot not in NOTES:
                self.before.setdefault((slot, id(owner)), (owner, _copy(unwatched(owner, slot))))
                self.expected.append(_Output(_slot_name(owner, slot), slot, _kept(value), owner))

    def _draw_again(self, states: list[Any]) -> None:
        """Let the generators go back to where they were."""
        for generator, state in zip(self.generators, states, strict=True):
            generator.bit_generator.state = state

    def undo(self) -> None:
        """Give the Tensors what they held before."""
        self._draw_again(self.random)
        for (slot, _), (owner, value) in self.before.items():
            now = unwatched(owner, slot)
            if slot == "_data" and isinstance(now, np.ndarray) and _layout(now) == _layout(value):
                now[...] = value  # The user may hold this array, and is to see it change.
            else:
                setattr(owner, slot, value)

    def difference(self, result: Any) -> str | None:
        """The sentence that says in what the program differs from the function, or None."""
        if self.error is not None:
            kind = type(self.error).__name__
            return f"the function itself raises {kind}, which its program does not: {self.error}"
        actual = list(_returned(result))
        actual += [
            _Output(output.name, output.kind, _kept(unwatched(output.owner, output.kind)), output.owner)
            for output in self.expected
            if output.owner is not None
        ]
        if [output.name for output in actual] != [output.name for output in self.expected]:
            return "its program returns a tree of another structure"
        if self.random_after != [pickle.dumps(generator) for generator in self.generators]:
            return "the function draws other random numbers than its program"
        runs: list[list[Any]] | None = None
        for expected, output in zip(self.expected, actual, strict=True):
            if expected.kind != output.kind:
                return f"{expected.name} is a {_spelled(expected.kind)} and its program gives a {_spelled(output.kind)}"
            if _layout(expected.value) != _layout(output.value):
                now, was = _described(output.value), _described(expected.value)
                return f"{expected.name} is {was}, and its program gives {now}"
            if _is_close(expected.value, output.value):
                continue
            runs = self._rounded_otherwise() if runs is None else runs
            if not any(_is_explained(expected.value, output.value, again) for again in self._of(expected, runs)):
                return _how_far(expected, output.value)
        return None

    def reason(self) -> str:
        """Where the function does not do any more what it did when it was captured, as far as that can be seen."""
        try:
            settings = [setting for setting, _ in self.captured.settings]
            anew = capture(self.f, self.captured.arguments(self.leaves), self.rebuild, True, settings)
        except Exception as error:
            return f"It can't be captured any more: {error}"
        old = self.captured
        where = first_difference(old, anew, line_of(self.f))
        if where is None:
            return (
                "The function does what it did when it was captured, so this is not a change of state: its program is "
                "wrong for these values, and tg.compile(f, exact=True) leaves out what may be to blame."
            )
        return (
            f"At {where} the function does not do what it did when it was captured: it reads something that has "
            "changed and that tg.compile does not watch. Give that as an argument, or make it the data of a Tensor."
        )

    def _of(self, expected: _Output, runs: list[list[Any]]) -> Iterator[list[Any]]:
        """What the runs of the captured equations gave for one output."""
        if not runs:
            return
        captured = self._captured_now
        results = zip(self._result_names, captured.results, strict=True)
        names = [name for name, (kind, _) in results if kind != "static"]
        for number, name in enumerate(names):
            if expected.name == name:
                yield [run[number] for run in runs]
        for number, update in enumerate(captured.updates):
            if expected.slot == (update.slot, id(update.tensor)):
                yield [run[len(names) + number] for run in runs]

    @property
    def _result_names(self) -> list[str]:
        return [output.name for output in self.expected if output.owner is None]

    def _rounded_otherwise(self) -> list[list[Any]]:
        """The results of the captured equations: as they are, then rounded at random, some times."""
        self._captured_now = self.captured
        try:
            try:
                return self._runs(self.captured)
            except AssumptionError:
                if self.general is None:
                    return []
                self._captured_now = self.general
                return self._runs(self.general)
        except Exception:  # What was captured fails for these values, and so explains nothing.
            return []

    def _runs(self, captured: Captured) -> list[list[Any]]:
        since = [generator.bit_generator.state for generator in self.generators]
        self._draw_again(self.random)
        values = self.given + [np.float64(setting.value()) for setting, _ in captured.settings]
        values += [draw() for draw in captured.draws]
        values += [self.before[read.slot, id(read.tensor)][1] for read in captured.reads]
        self._draw_again(since)
        random = np.random.default_rng(0)

        def rounded(equation: Equation, value: Any) -> Any:
            if not _rounds(equation) or getattr(value, "dtype", np.dtype(bool)).kind != "f":
                return value
            limits = np.finfo(value.dtype)
            last = random.uniform(-1, 1, np.shape(value))
            # What a product has lost for being too small comes back where the next one makes it large.
            lost = limits.tiny * last * (np.abs(value) < limits.tiny) if equation.function in _PRODUCTS else 0
            return (value * (1 + limits.eps * last).astype(value.dtype) + lost).astype(value.dtype)

        with np.errstate(all="ignore"):
            return [captured.program.run(values), *(captured.program.run(values, rounded) for _ in range(6))]


def failure(f: Any, difference: str, reason: str, schedule: Schedule) -> DifferenceError:
    """The error that tells of a difference, of what may be the reason, and of the calls before this one."""
    now, doubtful = schedule.calls + 1, range(max(schedule.checked, 1) + 1, schedule.calls + 1)
    calls = (
        f"call {doubtful[0]}" if len(doubtful) == 1 else f"calls {doubtful[0]} to {doubtful[-1]}" if doubtful else ""
    )
    name = getattr(f, "__name__", repr(f))
    return DifferenceError(
        f"{line_of(f)}: the compiled {name} is not the function any more, as it showed at call {now} of its program, "
        f"where the function ran beside it: {difference}. {reason} "
        + (f"Of the calls before, {calls} may have been wrong in the same way. " if calls else "")
        + "Tensors hold what they held before this call, and the next call captures the function anew."
    )


def _changed(captured: Sequence[Captured]) -> Iterator[tuple[Any, str]]:
    for program in captured:
        for update in program.updates:
            yield update.tensor, update.slot
        for node in program.cleared:
            yield node, "grad"


def _copy(value: Any) -> Any:
    return value.copy("K") if isinstance(value, np.ndarray) else value


def _kept(value: Any) -> Any:
    return None if value is NOT_KEPT else _copy(value)


def _slot_name(owner: Any, slot: str) -> str:
    name = getattr(owner, "name", None) or "a Tensor"
    return f"the gradient of {name}" if slot == "grad" else f"the new value of {name}"


def _returned(result: Any) -> Iterator[_Output]:
    """The leaves of what a call returned."""
    leaves, names = flatten(result)[0], leaf_paths(result, "the result")
    for name, leaf in zip(names, leaves, strict=True):
        if isinstance(leaf, Tensor):
            yield _Output(name, Tensor, _copy(leaf._data))
        else:
            yield _Output(name, type(leaf), _copy(leaf))


def _layout(value: Any) -> Any:
    return (value.shape, value.dtype) if isinstance(value, np.ndarray | np.generic) else value is None


def _described(value: Any) -> str:
    return "None" if value is None else f"{value.shape} {value.dtype}" if hasattr(value, "dtype") else repr(value)


def _spelled(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind)


def _is_close(expected: Any, actual: Any) -> bool:
    """Whether two values are the same but for their last digits, on the scale of the largest."""
    if not isinstance(expected, np.ndarray | np.generic):
        return expected is actual or not isinstance(expected, int | float | str) or repr(expected) == repr(actual)
    expected, actual = np.asarray(expected), np.asarray(actual)
    if expected.dtype.kind not in "fc":
        return bool(np.array_equal(expected, actual))
    with np.errstate(all="ignore"):
        known = np.isfinite(expected)
        if not np.array_equal(expected[~known], actual[~known], equal_nan=True):
            return False
        apart = np.abs(expected[known] - actual[known])
        return bool(np.all(apart <= _slack(expected, known)))  # A NaN is not.


def _slack(expected: Any, known: Any) -> Any:
    largest = np.max(np.abs(expected[known]), initial=0.0)
    return np.finfo(expected.dtype).eps ** 0.75 * largest


def _is_explained(expected: Any, actual: Any, runs: list[Any]) -> bool:
    """Whether a difference is one that the captured equations show too, when they are rounded otherwise."""
    plain, *others = (np.asarray(run) for run in runs)
    expected, actual = np.asarray(expected), np.asarray(actual)
    if plain.shape != expected.shape:
        return False
    if expected.dtype.kind not in "fc":
        varies = np.any([other != plain for other in others], axis=0)
        return bool(np.all((expected == actual) | varies))
    with np.errstate(all="ignore"):
        # NaN and infinity may be gone where terms cancel that gave them, but never come from nowhere.
        known = np.isfinite(expected)
        if not np.array_equal(plain[~known], expected[~known], equal_nan=True) or not np.isfinite(actual[known]).all():
            return False
        spread = np.max([np.abs(other[known] - plain[known]) for other in others], initial=0.0)
        allowed = 16 * np.nan_to_num(spread, nan=np.inf, posinf=np.inf) + _slack(expected, known)
        return bool(
            np.all(np.abs(plain[known] - expected[known]) <= allowed)
            and np.all(np.abs(actual[known] - expected[known]) <= allowed)
        )


def _how_far(expected: _Output, actual: Any) -> str:
    """In which element two values differ most, and by how much."""
    wanted, given = np.array(expected.value, ndmin=1), np.array(actual, ndmin=1)
    if not isinstance(expected.value, np.ndarray | np.generic):
        return f"{expected.name} is {expected.value!r}, and its program gives {actual!r}"
    with np.errstate(all="ignore"):
        apart = np.where(wanted == given, 0, np.abs(wanted.astype(float) - given.astype(float)))
        both = np.isnan(wanted.astype(float)) & np.isnan(given.astype(float))
        apart = np.where(both, 0, np.nan_to_num(apart, nan=np.inf))
    index = tuple(map(int, np.unravel_index(np.argmax(apart), apart.shape)))
    where = f" at {index}" if np.ndim(expected.value) else ""
    by = f", a difference of {apart[index]:.3g}" if np.isfinite(apart[index]) else ""
    return f"{expected.name} is {wanted[index]:.6g}{where}, and its program gives {given[index]:.6g}{by}"


def _rounds(equation: Equation) -> bool:
    operation = equation.operation
    if isinstance(equation.function, np.ufunc):
        return operation not in _EXACT_UFUNCS
    return operation in _ROUNDING or operation.startswith(("linalg.", "whole.gradient"))
