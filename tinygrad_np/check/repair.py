"""Which small edit of a suspected statement makes the gradients right.

Each slip that people make is undone in turn, and expressions of the variables at hand are looked up that have the value
that the statement should have given; the function is run again with each. Nothing is proposed that was not run.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..tensor import Tensor
from .edits import edits
from .expected import is_numeric
from .history import History, reads_of
from .recording import RETURNED
from .rerun import Edits, Rerun
from .source import Edit, Source
from .suspects import Spot
from .synthesised import is_wrapped, synthesised
from .targets import Targets, called_by

MOST_SUSPECTS = 12
"""So many statements are tried."""

MOST_WORDS = 25
"""An edit of more words is not looked for."""

EFFORT = 36_000
"""How much may be run in search of one edit: an assignment by itself is two, a whole run a third of its assignments."""

SHORT = 3
"""Edits of no more words than this are tried first."""

SMALL = 1.1
"""Once an edit has been found, only edits of so few words are tried that leave no gradient."""

_ONE = re.compile(r"(?<![\w.])1(\.0)? \*(?!\*)|[*/] 1(?![\w.])|[-+] 0(?![\w.])")
"""A factor of 1 and a term of 0 are left out, not written."""

_IDIOMS = re.compile(
    r"1 / \(1 \+ np\.exp\(-(\w+)\)\)|"
    r"\(1 - ([\w.\[\]'\"]+|np\.tanh\(\w+\)) ?\*\* ?2\)|\b([\w.\[\]'\"]+) \* \(1 - \3\)|\(([\w.\[\]'\"]+) > 0\)"
)
"""The derivatives of activations, which count as one word."""

LARGER = 6
"""And of so few, if what has been found is long."""


class Repair(NamedTuple):
    """An edit of a statement, how many words it changes, and how well the values are explained with it."""

    spot: Spot
    edit: Edit
    size: float
    credit: float = 0.0


def repaired(rerun: Rerun, groups: Sequence[Sequence[Spot]], wrong: frozenset[Tensor], made: Edits) -> Repair | None:
    """The edit of one of these statements with which everything is right, or more than before and nothing less.

    Short edits of all statements are tried before long ones of any. Of each group first those that leave a gradient as
    autograd has it; most fall at once, for the statement is run by itself. Then those that leave something else: a
    helper variable, or a gradient times the batch's size. Then the smallest of any that leave what they may.
    """
    rerun.rest()
    search = _Search(rerun, groups[0], wrong, made)
    for most, effort, name_counts in (
        (SHORT, 0.4, True),
        (SMALL, 0.6, False),
        (MOST_WORDS, 1, True),
        (MOST_WORDS, 1.2, False),
    ):
        rerun.most = effort * EFFORT
        search.name_counts = name_counts
        for number, group in enumerate(groups):
            search.number = number
            found = search.best_of(group[:MOST_SUSPECTS], most)
            if found is not None:
                return found
        if search.aside is not None:
            return search.aside
    # Of several wrong lines each makes only some gradients right: the first to be suspected comes first.
    first = min(search.better, default=0)
    return max(search.better.get(first, []), key=lambda one: (one.credit, -one.size), default=None)


class _Search:
    """The search for an edit; `better` make some gradients right, by the number of the group of statements, and `aside`
    makes all right, but the first suspect stays strange.
    """

    def __init__(self, rerun: Rerun, group: Sequence[Spot], wrong: frozenset[Tensor], made: Edits) -> None:
        self.rerun = rerun
        self.first = group[0]
        self.wrong = wrong
        self.made = made
        self.number = 0
        self.name_counts = True
        self.better: dict[int, list[Repair]] = {}
        self.aside: Repair | None = None
        self.tried: set[tuple[ast.stmt, Any]] = set()
        self.seen: dict[ast.stmt, bool] = {}
        self.options: dict[tuple[ast.stmt, bool], list[tuple[float, Edit]]] = {}
        self.targets = Targets(rerun)
        for spot in group[:MOST_SUSPECTS]:
            self.targets.hand_on(spot)

    def best_of(self, spots: Sequence[Spot], most: float) -> Repair | None:
        """The repair that changes the fewest words, at most so many, and leaves the most explained."""
        full: list[Repair] = []
        for spot in spots if self.name_counts else ():
            if full and most > SHORT and min(one.size for one in full) <= LARGER:
                break  # Short edits of the others have been tried.
            repair = self._smallest([spot], True, min((one.size for one in full), default=most))
            full += [] if repair is None else [repair]
        shortest = min((one.size for one in full), default=most)
        # The slip may as well be in what the line reads or calls.
        read = set().union(*(called_by(one.spot.statement) | reads_of(one.spot.statement) for one in full))
        near = [one for one in spots if (one.source.name if one.name == RETURNED else one.name) in read]
        near = [one for one in near if all(one.statement is not other.spot.statement for other in full)]
        repair = self._smallest(near, False, shortest) if full else None
        full += [] if repair is None else [repair]
        is_open = most <= SHORT or not self.name_counts
        repair = self._smallest(spots, False, most) if not full and is_open else None
        full += [] if repair is None else [repair]
        if not full:
            return None
        best = max(one.credit for one in full)
        named = {one.spot: bool(self.rerun.expected.nodes(one.spot.name)) for one in full}

        def key(one: Repair) -> tuple[float | bool, ...]:
            source, statement = one.spot.source, one.spot.statement
            words = _words(source.segment(statement), source.replaced(statement, one.edit))
            is_called = one.spot.name != RETURNED
            return one.size + 2 * (best - one.credit), is_called, *_unlikely(one.spot), words, not named[one.spot]

        return min(full, key=key)

    def _options(self, spot: Spot, is_long: bool) -> list[tuple[float, Edit]]:
        """The edits of a statement, each text once, with its size; long ones are looked up by what it should give."""
        source, statement = spot.source, spot.statement
        if (statement, is_long) not in self.options:
            before = self.rerun.at_hand(source, spot.before)
            made = synthesised(self.targets, spot, before) if is_long else edits(source, statement, before)
            found = [] if not is_long else self._options(spot, False)
            self.options[statement, is_long] = [*found, *_distinct(spot, made)]
        return self.options[statement, is_long]

    def _smallest(self, spots: Sequence[Spot], strictly: bool, limit: float) -> Repair | None:
        """The smallest edit of these statements that makes everything right, and changes no more words than this."""
        rerun, better = self.rerun, self.better.get(self.number, [])
        options = [
            (size, spot, edit)
            for spot in spots
            if not rerun.is_tired
            for size, edit in self._options(spot, limit > SHORT)
        ]
        for size, spot, edit in sorted(options, key=lambda one: one[0]):
            if rerun.is_tired or size > limit:
                break
            if (spot.statement, edit) in self.tried:
                continue
            left = self._left(spot, edit)
            if left is None or not self._may_be_right(spot, left, strictly):
                continue
            left += [rerun.alone(spot.source, spot.statement, edit, before, spot.name) for before in spot.times if left]
            # What is written to may be the same in these runs alone.
            is_value = spot.expression is not None and edit.start >= spot.source.span(spot.expression)[0]
            is_value = is_value and (len(left) > 1 or not spot.source.headers.get(spot.statement))
            keys = {(spot.statement, edit), (spot.statement, (is_value and _alike(left)) or edit)}
            if keys & self.tried:
                continue
            self.tried |= keys
            made = merged(self.made, spot.source, edit)
            wrong = rerun.wrong_with(made)
            if wrong is None or (wrong and not wrong < self.wrong):
                continue
            if wrong and better and len(wrong) >= -better[-1].credit:
                continue
            history = History(rerun, rerun.recorded(made))
            if not _settles(history, self.first):
                self.aside = self.aside or (None if wrong or size > SMALL else Repair(spot, edit, size))
                continue
            if not wrong:
                return Repair(spot, edit, size, history.credit())
            better = self.better.setdefault(self.number, [])
            better.append(Repair(spot, edit, size, -len(wrong)))
        return None

    def _left(self, spot: Spot, edit: Edit) -> list[Any] | None:
        """What the edited statement leaves in the run that showed it; nothing if that is not seen, None if it fails."""
        if spot.shown is None:
            return []
        if spot.statement not in self.seen:
            value = self.rerun.alone(spot.source, spot.statement, None, spot.before, spot.name)
            self.seen[spot.statement] = value is not None
        value = self.rerun.alone(spot.source, spot.statement, edit, spot.before, spot.name)
        if value is None and spot.shown.value is not None and not self.seen[spot.statement]:
            return []
        return None if value is None else [value]

    def _may_be_right(self, spot: Spot, left: list[Any], strictly: bool) -> bool:
        """Whether a statement that leaves this gives a gradient; or if not strictly, something that may be right."""
        shown, expected = spot.shown, self.rerun.expected
        if shown is None:
            return True
        named = expected.nodes(shown.name)
        if named and expected.explains(shown.name, shown.value):
            return bool(left) and expected.explains(shown.name, left[0])
        if not strictly and (spot.goes_on or not spot.is_final or not named):
            return True
        # Its name may mean something else.
        is_other = is_numeric(shown.value) and all(node.shape != np.shape(shown.value) for node in named)
        if not strictly and (is_other or not self.name_counts):
            return True
        if not left:
            return False
        value = left[0]
        if strictly and expected.explains(shown.name, value):
            return True
        asked = self.targets.asked_of(spot)
        if is_numeric(value) and any(np.shape(one) == np.shape(value) and np.allclose(one, value) for one in asked):
            return True
        if spot.is_reused and (expected.recognised(value) or expected.divided(shown.name, value, True) is not None):
            return True
        if strictly:
            unfinished = spot.goes_on or not spot.is_final
            return unfinished and any(expected.is_part(value, node, exactly=True) for node in named)
        return expected.is_near(shown.name, value)


def _alike(left: list[Any]) -> Any:
    """What is the same for two edits after which a statement leaves the same; None if that can't be seen."""
    if not left or not all(map(is_numeric, left)):
        return None
    arrays = [np.asarray(value, float) for value in left]
    sizes = [float(np.abs(one).max(initial=0.0)) for one in arrays]
    digits = [((one / (size or 1.0) * 1e7).round() + 0.0).tobytes() for one, size in zip(arrays, sizes, strict=True)]
    return tuple((one.shape, f"{size:.6e}", each) for one, size, each in zip(arrays, sizes, digits, strict=True))


def _unlikely(spot: Spot) -> tuple[bool, bool]:
    """What hands on a variable as it is, is hardly at fault; but what gives another name to the wrong one may be."""
    hands_on, returns = isinstance(spot.expression, ast.Name), isinstance(spot.statement, ast.Return)
    return hands_on and returns, not hands_on


def merged(made: Edits, source: Source, edit: Edit) -> Edits:
    """The edits with one more."""
    overlapping = any(one.start < edit.end and edit.start < one.end for one in made.get(source, []))
    return made if overlapping else {**made, source: [*made.get(source, []), edit]}


def _settles(history: History, first: Spot) -> bool:
    """Whether what was seen to be wrong first is right with these edits: else they work around it."""
    expected, shown = history.rerun.expected, first.shown
    if (
        shown is None
        or shown.value is None
        or any(expected.is_part(shown.value, node) for node in expected.nodes(shown.name))
    ):
        return True
    if not expected.nodes(shown.name):
        return True
    again = [n for n in history.final if (history.all[n].name, history.all[n].line) == (shown.name, shown.line)]
    return all(n in history.exact or n in history.factors or history.is_part(n) for n in again)


def _distinct(spot: Spot, made: Iterator[Edit]) -> Iterator[tuple[float, Edit]]:
    """The edits of a statement, each text once, with its size."""
    source, statement = spot.source, spot.statement
    before = source.segment(statement)
    seen, ones = {before}, len(_ONE.findall(before))
    # The user's own spacing is in the edits that come first.
    for edit in made:
        edit = _without_parentheses(source, statement, edit)
        text = source.replaced(statement, edit)
        if text not in seen and len(_ONE.findall(text)) <= ones:
            seen.add(text)
            yield _size(before, text), edit


def _size(before: str, after: str) -> float:
    """How many words an edit changes; the derivative of an activation that is new counts as one."""
    return min(_words(before, after), _words(_IDIOMS.sub("slope", before), _IDIOMS.sub("slope", after)))


def _words(before: str, after: str) -> float:
    first, second = (re.findall(r"\w+|\*\*|[^\w\s()]", text) for text in (before, after))
    for _ in range(2):
        alike = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False))
        same = sum(1 for _ in alike)
        first, second = first[same:][::-1], second[same:][::-1]
    # What is there and should not be is likelier than what is missing.
    return max(len(first), len(second)) + (0.1 if len(second) > len(first) else 0)


def _without_parentheses(source: Source, statement: ast.stmt, edit: Edit) -> Edit:
    """The edit without the needless parentheses of a whole right-hand side."""
    value = getattr(statement, "value", None)
    if value is None or (edit.start, edit.end) != source.span(value) or not edit.text.startswith("("):
        return edit
    return edit._replace(text=edit.text[1:-1].strip()) if is_wrapped(edit.text) and "\n" not in edit.text else edit
