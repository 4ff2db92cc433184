"""Check autograd against numeric slopes: whether the gradient of a function is right, element by element.

    report = tg.gradcheck(f, x, W)
    print(report)

Every element of the result is differentiated with respect to every element of every floating input, by a backward pass
and by differences of the function's values (numeric.py), and each pair is judged by itself. If any is wrong, the
operations that the function ran are checked one by one, to say whose rule it is.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import DTypeError, listed
from ..frames import place_of, user_place
from ..hints import refuse
from ..record import own_array
from ..sentences import in_a_sentence
from ..tensor import Tensor
from ..transforms import grad
from ..tree import flatten
from .directions import COUNT, LARGE, Batches, found_in
from .report import UNCHECKED, WRONG, Report, Row
from .rules import AT_FAULT, whose_rule
from .trial import MANY, Trial, Verdict
from .verdicts import row_of, shortly, which_result

COLUMNS, ALIGNMENT = ("with respect to", "shape", "difference", "relative error", "at", "verdict"), "<<>><<"

ELSEWHERE = {
    *("eps", "nondet_tol", "check_undefined_grad", "check_grad_dtypes", "check_batched_grad", "masked"),
    *("check_batched_forward_grad", "check_forward_ad", "check_backward_ad", "fast_mode"),
}
"""What PyTorch's gradcheck takes as well, and has nothing to say here."""


@in_a_sentence
def gradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    order: int = 1,
    directions: int | None = None,
    atol: float = 0.0,
    rtol: float = 0.0,
    raise_exception: bool = False,
    **foreign: Any,
) -> Report:
    """Compare the gradients of f with numeric ones; the report is true if all are right.

    Args:
        f: a function of Tensors that returns a Tensor of any shape, or a tree of them; `tg.grad(g)` is one too, and to
            check it is to check second derivatives.
        inputs: arrays, Tensors, numbers, or trees of them (dict, list, tuple). Every floating one is checked; integers
            and everything else are handed to f as they are. A single tuple is taken apart, as by PyTorch, unless it
            is of several and f takes one argument.
        order: 2 checks the second derivatives too, and 3 the third ones: each derivative is that of the one before it,
            of all of whose elements a weighted sum is taken.
        directions: an input of more than 4000 elements is moved in so many batches (64), each along a random direction;
            every element is in one. A given number holds for inputs of any size.
        atol: how large a difference is allowed besides.
        rtol: how large a relative one is, of the slope.
        raise_exception: whether a report that is false is raised, as by `assert_ok()`.
        foreign: what else PyTorch's gradcheck takes, such as eps=; a note says that it is not used.

    An element is right if half of its digits agree, or if the noise of the differences or of the gradient itself
    explains what does not; at a kink every slope between those of both sides is right. Where f is not finite nearby or
    has no slope, nothing can be checked, and the report is false. float32 inputs are moved in float64 if f allows it.

    Raises DTypeError if no input or no result is floating, and whatever f or one of its gradient rules raises.

    >>> import numpy as np, tinygrad_np as tg
    >>> bool(tg.gradcheck(lambda x: np.tanh(x) ** 2, np.array([0.5, -1.0]), order=3))
    True
    >>> @tg.primitive
    ... def cube(x):
    ...     return x * x * x
    >>> @cube.vjp
    ... def _(g, y, x):
    ...     return g * 2 * x**2
    >>> tg.gradcheck(cube, np.array([0.5, -1.0])).wrong
    ['x']
    """
    refuse("gradcheck", {name: value for name, value in foreign.items() if name not in ELSEWHERE})
    if not isinstance(order, int) or order < 1:
        raise DTypeError(f"gradcheck was given order={order!r}, {user_place()}; it is 1, 2 or 3.")
    if len(inputs) == 1 and isinstance(inputs[0], tuple):
        count = len(inputs[0])
        if count == 1 or (not _takes(f, 1) and _takes(f, count)):
            inputs = inputs[0]
    leaves, _ = flatten(inputs)
    names = _names(f, inputs)
    places = [place for place, leaf in enumerate(leaves) if _is_floating(leaf)]
    if not places:
        raise DTypeError(
            f"gradcheck of {called(f)} was given no floating input, {user_place()}; only those have a gradient: write "
            "1.0 instead of 1, or astype(float)."
        )
    rows: list[Row] = []
    notes = [f"{listed([f'{name}=' for name in foreign])}: not used, as steps are found for each element."] * bool(
        foreign
    )
    function = f
    for number in range(1, order + 1):
        titles = [name if number == 1 else f"{name}, derivative {number}" for name in names]
        with np.errstate(all="ignore"):
            check = _Check(function, inputs, places, titles, directions, (atol, rtol))
            if not check.trial.recording.results:
                raise DTypeError(
                    f"gradcheck of {called(f)}, {user_place()}: it returned nothing floating, so nothing has a "
                    "gradient."
                )
            rows += check.rows()
            notes += check.notes
        if check.is_random:
            break
        function = _derivative(function, places)
    report = Report(
        f"Gradients of {called(f)} against differences", rows, COLUMNS, ALIGNMENT, list(dict.fromkeys(notes))
    )
    if raise_exception:
        report.assert_ok()
    return report


def _derivative(f: Callable[..., Any], places: list[int]) -> Callable[..., Any]:
    """The gradient of a weighted sum of all that f returns, for the leaves at these places."""

    def derivative(*inputs: Any) -> Any:
        leaves, rebuild = flatten(inputs)

        def weighted(chosen: list[Any]) -> Any:
            given = dict(zip(places, chosen, strict=True))
            results = flatten(f(*rebuild([given.get(place, leaf) for place, leaf in enumerate(leaves)])))[0]
            floating = [one for one in results if np.dtype(getattr(one, "dtype", type(one))).kind == "f"]
            random = np.random.default_rng(len(floating))
            return sum(np.sum(one * random.uniform(0.5, 2.0, np.shape(one)).astype(one.dtype)) for one in floating)

        return grad(weighted)([leaves[place] for place in places])

    return derivative


class _Check:
    """One function, checked at its inputs: a row for each floating one, and notes."""

    def __init__(
        self,
        f: Callable[..., Any],
        inputs: Sequence[Any],
        places: list[int],
        names: list[str],
        directions: int | None,
        allowed: tuple[float, float],
    ) -> None:
        self.leaves, self.rebuild = flatten(inputs)
        self.f, self.places, self.names, self.allowed = f, places, names, allowed
        self.batches: dict[int, Batches] = {}
        for place in places:
            if directions is not None or np.size(self.leaves[place]) > LARGE:
                array = own_array(self.leaves[place], None)
                if array.size > 1:
                    self.batches[place] = Batches(array, directions or COUNT)
        self.trial = self._trial(self.batches, places)
        self.notes: list[str] = []
        self.is_random = False

    def _trial(self, batches: dict[int, Batches], places: list[int]) -> Trial:
        leaves = [batches[place].start if place in batches else leaf for place, leaf in enumerate(self.leaves)]

        def function(given: list[Any]) -> Any:
            moved = [batches[place].moved(one) if place in batches else one for place, one in enumerate(given)]
            return flatten(self.f(*self.rebuild(moved)))[0]

        return Trial(function, leaves, places)

    def _verdict(self, trial: Trial, place: int) -> Verdict:
        """The verdict for one input, with what is allowed besides."""
        verdict = trial.check(place)
        atol, rtol = self.allowed
        wrong = verdict.judgement.wrong & (verdict.judgement.difference > atol + rtol * np.abs(verdict.slope))
        return verdict._replace(judgement=verdict.judgement._replace(wrong=wrong))

    def rows(self) -> list[Row]:
        """A row for each floating input."""
        trial, random = self.trial, self.trial.what_is_random()
        if random is not None:
            self.is_random = True
            self.notes.append(random)
            return [
                Row(self.names[place], np.shape(self.leaves[place]), np.inf, np.inf, None, UNCHECKED)
                for place in self.places
            ]
        for place, batches in self.batches.items():
            self.notes.append(
                f"{self.names[place]} has {batches.x.size} elements: they were moved in {batches.count} batches, each "
                "along a random direction; every element is in one."
            )
        if trial.values.size > MANY:
            self.notes.append(f"The result has {trial.values.size} elements: 2 random directions of it were looked at.")
        verdicts = {place: self._verdict(trial, place) for place in self.places}
        rows = [
            self._in_batches(place, verdict)
            if place in self.batches
            else row_of(self.names[place], trial, place, verdict)
            for place, verdict in verdicts.items()
        ]
        if any(row.verdict == WRONG for row in rows):
            said = whose_rule(trial)
            self.notes += [said] if not self.batches or said.startswith(AT_FAULT) else []
        return rows

    def _in_batches(self, place: int, verdict: Verdict) -> Row:
        """The row of an input that was moved in batches: where it is wrong, the element is looked for."""
        name, batches = self.names[place], self.batches[place]
        row = replace(row_of(name, self.trial, place, verdict), shape=batches.x.shape, where=None)
        if not verdict.wrong.any():
            return row
        number = int(np.flatnonzero(verdict.wrong.any(axis=0))[0])

        def wrong(smaller: Batches) -> Any:
            one = self._trial({**self.batches, place: smaller}, [place])
            return self._verdict(one, place).wrong.any(axis=0)

        found = found_in(batches.x, batches.within(number), wrong)
        count = int(verdict.wrong.any(axis=0).sum())
        said = f"{name}: the slope along {count} of {batches.count} directions is not that of the gradient"
        if found is None:
            return replace(row, diagnosis=f"{said}.")
        at, alone = found
        trial = self._trial({**self.batches, place: alone}, [place])
        last = self._verdict(trial, place)
        worst = tuple(int(i) for i in np.argwhere(last.wrong)[0])
        automatic, slope = (
            float(one[worst]) / alone.weights[alone.elements[0]] for one in (last.automatic, last.slope)
        )
        of = which_result(trial, worst[0])
        words = f"{said}; at {at}, the gradient{of} is {shortly(automatic)}, but the slope is {shortly(slope)}."
        return replace(row, where=at, diagnosis=words)


def _takes(f: Callable[..., Any], count: int) -> bool:
    try:
        inspect.signature(f).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # A function in C may not tell.
        pass
    return True


def _is_floating(leaf: Any) -> bool:
    return isinstance(leaf, float) or (hasattr(leaf, "dtype") and np.dtype(leaf.dtype).kind == "f")


def called(f: Any) -> str:
    """What a report calls the function."""
    if hasattr(f, "__wrapped__") and "<locals>" in getattr(f, "__qualname__", ""):
        return f"{f.__qualname__.partition('.')[0]} of {called(f.__wrapped__)}"
    name = getattr(f, "__name__", type(f).__name__)
    code = getattr(f, "__code__", None)
    if name == "<lambda>" and code is not None:
        return f"the lambda of {place_of(code.co_filename, code.co_firstlineno)}"
    return str(name)


def _names(f: Any, inputs: Sequence[Any]) -> list[str]:
    """A name for each leaf of the inputs: its own, or that of the function's parameter, and its place in a tree."""
    try:
        parameters = [
            parameter.name
            for parameter in inspect.signature(f).parameters.values()
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        parameters = []
    names = []
    for place, tree in enumerate(inputs):
        names += list(_paths(tree, parameters[place] if place < len(parameters) else f"input {place}"))
    return names


def _paths(tree: Any, name: str) -> Iterator[str]:
    """A name for each leaf of a tree, in the order of `flatten`."""
    branches: list[tuple[str, Any]] = []
    if isinstance(tree, dict):
        branches = [(f"{name}[{key!r}]", branch) for key, branch in tree.items()]
    elif isinstance(tree, list | tuple):
        fields = getattr(tree, "_fields", None)
        branches = [(f"{name}.{fields[i]}" if fields else f"{name}[{i}]", branch) for i, branch in enumerate(tree)]
    elif dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        fields = [field.name for field in dataclasses.fields(tree) if field.init]
        branches = [(f"{name}.{field}", getattr(tree, field)) for field in fields]
    elif tree is not None:
        yield (tree.name if isinstance(tree, Tensor) else None) or name
    for path, branch in branches:
        yield from _paths(branch, path)
