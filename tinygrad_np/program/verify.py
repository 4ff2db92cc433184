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
from collections.abc import Callable, Iterable, Iterator, Sequence
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
    """One thing that a call returns or changes; `key` is its number among the results, or a slot and its owner's id."""

    name: str
    kind: Any
    value: Any
    key: Any


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
        changed: list[tuple[Any, str]] = []
        for captured in filter(None, (self.captured, self.general)):
            changed += [(update.tensor, update.slot) for update in captured.updates]
            changed += [(node, "grad") for node in captured.cleared]
            self._remember((read.tensor, read.slot) for read in captured.reads)
        self._remember(changed)
        self.generators = {id(draw.generator): draw.generator for draw in self.captured.draws}.values()
        self.random = [generator.bit_generator.state for generator in self.generators]
        self.given = [_copy(leaf._data if isinstance(leaf, Tensor) else leaf) for leaf in self.leaves]
        copies = [leaf if isinstance(leaf, Tensor) else _copy(leaf) for leaf in self.leaves]
        arguments, keywords = self.rebuild(self.captured.arguments(copies))
        overlay = _Overlay()
        with _alone, warnings.catch_warnings(), watched(overlay):
            warnings.simplefilter("ignore")
            try:
                self.expected = list(_returned(self.f(*arguments, **keywords)))
            except Exception as error:
                self.error = error
                return
            finally:
                self.random_after = [pickle.dumps(generator) for generator in self.generators]
                self._draw_again(self.random)
            for owner, slot in changed:
                overlay.read(slot, owner, unwatched(owner, slot))
        values = {key: pair for key, pair in overlay.values.items() if key[0] not in NOTES}
        self._remember((owner, slot) for (slot, _), (owner, _) in values.items())
        for key, (owner, value) in values.items():
            name = getattr(owner, "name", None) or "a Tensor"
            name = f"the gradient of {name}" if key[0] == "grad" else f"the new value of {name}"
            self.expected.append(_Output(name, key[0], _copy(value), key))

    def _remember(self, slots: Iterable[tuple[Any, str]]) -> None:
        for owner, slot in slots:
            self.before.setdefault((slot, id(owner)), (owner, _copy(unwatched(owner, slot))))

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
        changed = [output for output in self.expected if type(output.key) is tuple]
        actual = list(_returned(result))
        actual += [
            dataclasses.replace(output, value=_copy(unwatched(self.before[output.key][0], output.kind)))
            for output in changed
        ]
        if [output.name for output in actual] != [output.name for output in self.expected]:
            return "its program returns a tree of another structure"
        if self.random_after != [pickle.dumps(generator) for generator in self.generators]:
            return "the function draws other random numbers than its program"
        runs: list[dict[Any, Any]] | None = None
        for expected, output in zip(self.expected, actual, strict=True):
            if expected.kind != output.kind:
                return f"{expected.name} is a {expected.kind.__name__} and its program gives a {output.kind.__name__}"
            if _layout(expected.value) != _layout(output.value):
                return f"{expected.name} is {_said(expected.value)}, and its program gives {_said(output.value)}"
            if _is_close(expected.value, output.value):
                continue
            runs = self._rounded_otherwise() if runs is None else runs
            of_it = [run[expected.key] for run in runs if expected.key in run]
            if not of_it or not _is_explained(expected.value, output.value, of_it):
                return _how_far(expected, output.value)
        return None

    def reason(self) -> str:
        """Where the function does not do any more what it did when it was captured, as far as that can be seen."""
        try:
            settings = [setting for setting, _ in self.captured.settings]
            anew = capture(self.f, self.captured.arguments(self.leaves), self.rebuild, True, settings)
        except Exception as error:
            return f"It can't be captured any more: {error}"
        where = first_difference(self.captured, anew, line_of(self.f))
        if where is None:
            return (
                "The function does what it did when it was captured, so this is not a change of state: its program is "
                "wrong for these values, and tg.compile(f, exact=True) leaves out what may be to blame."
            )
        return (
            f"At {where} the function does not do what it did when it was captured: it reads something that has "
            "changed and that tg.compile does not watch. Give that as an argument, or make it the data of a Tensor."
        )

    def _rounded_otherwise(self) -> list[dict[Any, Any]]:
        """What the captured equations give, by key: as they are, then rounded at random, some times."""
        for captured in filter(None, (self.captured, self.general)):
            try:
                return self._runs(captured)
            except AssumptionError:
                continue
            except Exception:  # What was captured fails for these values, and so explains nothing.
                break
        return []

    def _runs(self, captured: Captured) -> list[dict[Any, Any]]:
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

        keys: list[Any] = [number for number, (kind, _) in enumerate(captured.results) if kind != "static"]
        keys += [(update.slot, id(update.tensor)) for update in captured.updates]
        with np.errstate(all="ignore"):
            runs = [captured.program.run(values), *(captured.program.run(values, rounded) for _ in range(6))]
        return [dict(zip(keys, run, strict=True)) for run in runs]


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


def _copy(value: Any) -> Any:
    return value.copy("K") if isinstance(value, np.ndarray) else None if value is NOT_KEPT else value


def _returned(result: Any) -> Iterator[_Output]:
    """The leaves of what a call returned."""
    for number, (name, leaf) in enumerate(zip(leaf_paths(result, "the result"), flatten(result)[0], strict=True)):
        is_tensor = isinstance(leaf, Tensor)
        yield _Output(name, Tensor if is_tensor else type(leaf), _copy(leaf._data if is_tensor else leaf), number)


def _layout(value: Any) -> Any:
    return (value.shape, value.dtype) if isinstance(value, np.ndarray | np.generic) else value is None


def _said(value: Any) -> str:
    return f"{value.shape} {value.dtype}" if hasattr(value, "dtype") else repr(value)


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
        # NaN and infinity may be gone where terms cancel that gave them, but come where rounding makes them alone.
        known = np.isfinite(expected)
        if not np.array_equal(plain[~known], expected[~known], equal_nan=True):
            return False
        spread = np.max([np.abs(other[known] - plain[known]) for other in others], initial=0.0)
        allowed = 16 * np.nan_to_num(spread, nan=np.inf, posinf=np.inf) + _slack(expected, known)
        known &= np.isfinite(others).all(axis=0)
        apart = np.abs([plain[known] - expected[known], actual[known] - expected[known]])
        return bool(np.all(apart <= allowed))  # A NaN is not.


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
