"""The wrong lines of a backward function, in the order in which they ran, each with what it should be.

A line is suspected for what it leaves in its variable (suspects.py), and is sure once an edit of it makes the gradients
right (repair.py). Each is repaired before the next is looked for.
"""

from __future__ import annotations

import ast
import linecache
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..tensor import Tensor
from .expected import is_numeric
from .history import History
from .recording import RETURNED
from .repair import merged, repaired
from .rerun import Edits, Rerun
from .source import Edit
from .suspects import Spot, suspects

MOST_MISTAKES = 4
"""So many wrong lines are looked for."""

_COMPUTES = (ast.BinOp, ast.UnaryOp, ast.Call, ast.Compare)
"""The expressions that do more than take what there is."""


@dataclass(frozen=True)
class Culprit:
    """A line that is wrong.

    Attributes: `line`, its number in its file; `source`, its text; `name`, the variable that it leaves wrong;
    `iteration`, which run of the line was the first wrong one, from 0, None if it ran once; `verdict`; `proposal`, the
    line that makes its gradients right, None if none was found; `function`, whose line it is.
    """

    line: int
    source: str
    name: str
    iteration: int | None
    verdict: str
    proposal: str | None
    function: str

    def lines(self) -> Iterator[str]:
        """The sentences of the report."""
        where = (
            "" if self.iteration is None else f", first when the line runs for the {_ordinal(self.iteration + 1)} time"
        )
        yield f"In {self.function}, {self.name} is {self.verdict}{where}."
        label = f"line {self.line}: "
        width = max(len(label), len("should be: ") + 2)
        yield f"{label:>{width}}{_aligned(self.source, width)}"
        first, _, more = (self.proposal or "").partition(";")
        if first == self.source or more.strip() == self.source:
            missing, place = (more, "after") if first == self.source else (first, "before")
            yield f"A line is missing {place} it: {missing.strip()}"
        elif self.proposal is not None:
            yield f"{'should be: ':>{width}}{_aligned(self.proposal, width)}"


def find_culprits(rerun: Rerun, wrong: frozenset[Tensor]) -> list[tuple[Culprit, History | None]]:
    """The wrong lines, in the order in which they ran; each is repaired before the next is looked for.

    Beside each stands the run in which it is repaired, None if it could not be.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return list(_culprits(rerun, wrong))


def _culprits(rerun: Rerun, wrong: frozenset[Tensor]) -> Iterator[tuple[Culprit, History | None]]:
    made: Edits = {}
    history = History(rerun, rerun.run)
    for _ in range(MOST_MISTAKES):
        if not wrong and history.run.error is None:
            break
        groups = suspects(history, wrong)
        if not groups:
            yield from ((one, None) for one in _without_source(history, wrong))
            break
        repair = repaired(rerun, groups, wrong, made)
        if repair is None:
            yield _culprit(_blamed(groups[0], history, wrong), None, history), None
            break
        culprit = _culprit(repair.spot, repair.edit, history)
        made = merged(made, repair.spot.source, repair.edit)
        history = History(rerun, rerun.recorded(made))
        yield culprit, history
        still = rerun.wrong_with(made)
        if still is None:
            break
        wrong = still


def _blamed(group: Sequence[Spot], history: History, wrong: frozenset[Tensor]) -> Spot:
    """Whom to blame if nothing helps: a helper that all that is wrong was computed from, or else what shows it.

    Of a variable that is computed in several lines, the longest: there most remains that was not tried.
    """
    off = history.off(wrong)
    own = [one for one in off if not set(history.slice_of([one])) & set(off)]
    common = set.intersection(*(set(history.slice_of([one])) for one in own)) if len(own) > 1 else set()
    expected, first = history.rerun.expected, group[0]
    again = [
        spot for spot in group if spot.shown is not None and _differs(expected.forward(spot.name), spot.shown.value)
    ]
    if again:
        return min(again, key=lambda spot: next(n for n, one in enumerate(history.all) if one is spot.shown))
    for spot in group:
        if spot.shown is None or not is_numeric(spot.shown.value):
            continue
        nodes = expected.nodes(spot.name)
        if nodes:
            if history.run.error is not None and all(node.shape != np.shape(spot.shown.value) for node in nodes):
                return spot
            continue
        if not np.ndim(spot.shown.value) or not isinstance(spot.expression, _COMPUTES):
            continue
        is_common = any(history.all[one] is spot.shown for one in common)
        is_right = expected.recognised(spot.shown.value) or expected.is_of_forward(spot.name, spot.shown.value)
        if is_common and not is_right:
            return spot
    same = [spot for spot in group if spot.name and spot.name == first.name and spot.source is first.source]
    same = [spot for spot in same if spot.shown is None or not expected.recognised(spot.shown.value)]
    # A gradient that is some variable as it is, lacks the most.
    return max(
        same or [first],
        key=lambda spot: (isinstance(spot.expression, ast.Name), sum(1 for _ in ast.walk(spot.statement))),
    )


def _differs(values: Sequence[Any], value: Any) -> bool:
    """Whether what is computed again comes out otherwise than in the forward pass."""
    alike = [one for one in values if is_numeric(value) and one.shape == np.shape(value)]
    return bool(alike) and not any(np.allclose(one, value) for one in alike)


def _culprit(spot: Spot, edit: Edit | None, history: History) -> Culprit:
    source, statement, shown, run = spot.source, spot.statement, spot.shown, history.run
    failed = shown is None or shown.value is None
    verdict = f"not there: the line raised {type(run.error).__name__}" if run.error is not None and failed else "wrong"
    name = spot.target.id if isinstance(spot.target, ast.Name) else spot.name if spot.name != RETURNED else ""
    ran_often = shown is not None and run.run(shown.line) > 1
    return Culprit(
        line=source.line(statement),
        source=source.segment(statement),
        name=name or ("what it returns" if run.error is None else "its result"),
        iteration=shown.iteration if shown is not None and ran_often else None,
        verdict=verdict,
        proposal=None if edit is None else source.replaced(statement, edit),
        function=source.name,
    )


def _without_source(history: History, wrong: frozenset[Tensor]) -> Iterator[Culprit]:
    """The first wrong line of a function whose source can't be read."""
    for index in history.off(wrong)[:1]:
        one = history.all[index]
        text = linecache.getline(one.code.co_filename, one.line).strip()
        often = one.iteration if history.run.run(one.line) > 1 else None
        yield Culprit(one.line, text, one.name, often, "wrong", None, one.code.co_name)


def _aligned(text: str, width: int) -> str:
    lines = text.splitlines()
    return "\n".join([lines[0] if lines else "", *(" " * width + line.strip() for line in lines[1:])])


def _ordinal(number: int) -> str:
    """How a number is said as a place in a row.

    >>> _ordinal(1), _ordinal(2), _ordinal(13), _ordinal(23)
    ('1st', '2nd', '13th', '23rd')
    """
    ending = "th" if number // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
