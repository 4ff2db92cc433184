"""Which small edit of a suspected statement makes the gradients right.

Each slip that people make is undone in turn, and expressions of the variables at hand are looked up that have the value
that the statement should have given; the function is run again with each. Nothing is proposed that was not run.
"""

from __future__ import annotations

import ast
import contextlib
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..tensor import Tensor
from .edits import edits
from .expected import is_numeric
from .history import History
from .rerun import Edits, Rerun
from .source import Edit, Source, compiled
from .suspects import Spot
from .synthesis import Pool, completions, expressions

MOST_TARGETS = 12
"""Of a quantity of more time steps than this, the last ones are tried."""

MOST_SUSPECTS = 12
"""So many statements are tried."""

MOST_WORDS = 25
"""An edit of more words is not looked for."""

SHORT = 3
"""Edits of no more words than this are tried first."""

SMALL = 1.1
"""Once an edit has been found, only edits of so few words are tried that leave no gradient."""

_ONE = re.compile(r"(?<![\w.])1(\.0)? \*(?!\*)|[*/] 1(?![\w.])|[-+] 0(?![\w.])")
"""A factor of 1 and a term of 0 are left out, not written."""

_IDIOMS = re.compile(r"\(1 - ([\w.]+|np\.tanh\(\w+\)) ?\*\* ?2\)|\b([\w.]+) \* \(1 - \2\)|\(([\w.]+) > 0\)")
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
    helper variable, or a gradient times the batch's size.
    """
    rerun.rest()
    search = _Search(rerun, groups[0], wrong, made)
    for most in (SHORT, MOST_WORDS):
        for number, group in enumerate(groups):
            search.number = number
            found = search.best_of(group[:MOST_SUSPECTS], most)
            if found is not None:
                return found
    # Of several wrong lines each makes only some gradients right: the first to be suspected comes first.
    first = min(search.better, default=0)
    return max(search.better.get(first, []), key=lambda one: (one.credit, -one.size), default=search.aside)


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
        self.better: dict[int, list[Repair]] = {}
        self.aside: Repair | None = None
        self.tried: set[tuple[ast.stmt, Any]] = set()
        self.options: dict[tuple[ast.stmt, bool], list[tuple[float, Edit]]] = {}
        self.wanted: dict[str, list[Any]] = {}
        for spot in group[:4]:
            for name, values in _wanted(rerun, spot).items():
                self.wanted.setdefault(name, []).extend(values)

    def best_of(self, spots: Sequence[Spot], most: float) -> Repair | None:
        """The repair that changes the fewest words, at most so many, and leaves the most explained."""
        full: list[Repair] = []
        for spot in spots:
            repair = self._smallest([spot], True, min((one.size for one in full), default=most))
            full += [] if repair is None else [repair]
        shortest = min((one.size for one in full), default=most)
        # That of a helper variable may be another word alone.
        limit = min(shortest - 0.05, SMALL if shortest <= SHORT else LARGER) if full else most
        repair = self._smallest(spots, False, limit)
        full += [] if repair is None else [repair]
        if not full:
            return None
        best = max(one.credit for one in full)
        named = {one.spot: bool(self.rerun.expected.nodes(one.spot.name)) for one in full}
        return min(
            full, key=lambda one: (one.size + 2 * (best - one.credit), *_unlikely(one.spot), not named[one.spot])
        )

    def _options(self, spot: Spot, synthesise: bool) -> list[tuple[float, Edit]]:
        key = spot.statement, synthesise
        if key not in self.options:
            self.options[key] = list(_distinct(self.rerun, spot, synthesise, self.wanted.get(spot.name, [])))
        return self.options[key]

    def _smallest(self, spots: Sequence[Spot], strictly: bool, limit: float) -> Repair | None:
        """The smallest edit of these statements that makes everything right, and changes no more words than this."""
        rerun, better = self.rerun, self.better.get(self.number, [])
        options = [(size, spot, edit) for spot in spots for size, edit in self._options(spot, limit > SHORT)]
        for size, spot, edit in sorted(options, key=lambda one: one[0]):
            if rerun.is_tired or size > limit:
                break
            if (spot.statement, edit) in self.tried or not self._may_be_right(spot, edit, strictly):
                continue
            keys = {(spot.statement, edit), (spot.statement, self._left(spot, edit))}
            if keys & self.tried:
                continue
            self.tried |= keys
            made = merged(self.made, spot.source, edit)
            left = rerun.wrong_with(made)
            if left is None or (left and not left < self.wrong):
                continue
            if left and better and len(left) >= -better[-1].credit:
                continue
            history = History(rerun, rerun.recorded(made))
            if not _settles(history, self.first):
                self.aside = self.aside or (None if left or size > SMALL else Repair(spot, edit, size))
                continue
            if not left:
                return Repair(spot, edit, size, history.credit())
            better = self.better.setdefault(self.number, [])
            better.append(Repair(spot, edit, size, -len(left)))
        return None

    def _left(self, spot: Spot, edit: Edit) -> Any:
        """What is the same for two edits after which the statement leaves the same; the edit if that can't be seen."""
        if spot.shown is None:
            return edit
        values = [
            self.rerun.alone(spot.source, spot.statement, edit, before, spot.name) for before in (spot.before, *spot.times)
        ]
        if not all(map(is_numeric, values)):
            return edit
        arrays = [np.asarray(value, float) for value in values]
        return tuple((one.shape, f"{np.abs(one).max(initial=0):.6e}", _digits(one)) for one in arrays)

    def _may_be_right(self, spot: Spot, edit: Edit, strictly: bool) -> bool:
        """Whether the edited statement by itself leaves a gradient; or if not strictly, something that may be right."""
        rerun, shown, expected = self.rerun, spot.shown, self.rerun.expected
        if shown is None:
            return True
        if not strictly and (spot.goes_on or not spot.is_final or not expected.nodes(shown.name)):
            return True
        value = rerun.alone(spot.source, spot.statement, edit, spot.before, shown.name)
        if value is None:
            return False
        if strictly and expected.explains(shown.name, value):
            return True
        if any(np.shape(one) == np.shape(value) and np.allclose(one, value) for one in self.wanted.get(spot.name, [])):
            return True
        if spot.is_reused and (expected.recognised(value) or expected.divided(shown.name, value, True) is not None):
            return True
        if strictly:
            unfinished = spot.goes_on or not spot.is_final
            return unfinished and any(
                expected.is_part(value, node, exactly=True) for node in expected.nodes(shown.name)
            )
        return expected.is_near(shown.name, value)


def _digits(array: Any) -> bytes:
    """An array in seven digits of its largest number."""
    scale = np.abs(array).max(initial=0.0) or 1.0
    return bytes(((array / scale * 10**7).round() + 0.0).tobytes())


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


def _distinct(rerun: Rerun, spot: Spot, synthesise: bool, wanted: list[Any]) -> Iterator[tuple[float, Edit]]:
    """The edits of a statement, each text once, with its size."""
    source, statement = spot.source, spot.statement
    before = rerun.at_hand(source, spot.before)
    seen = {source.segment(statement)}
    ones = len(_ONE.findall(source.segment(statement)))
    made = _synthesised(rerun, spot, before, wanted) if synthesise else ()
    # The user's own spacing is in the edits that come first.
    for edit in (*edits(source, statement, before), *made):
        edit = _without_parentheses(source, statement, edit)
        text = source.replaced(statement, edit)
        if text not in seen and len(_ONE.findall(text)) <= ones:
            seen.add(text)
            yield _size(source.segment(statement), text), edit


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
    return edit._replace(text=edit.text[1:-1].strip()) if _is_wrapped(edit.text) and "\n" not in edit.text else edit


def _targets(rerun: Rerun, spot: Spot) -> list[Any]:
    """The gradients that a statement may have been meant to give: those of its name, or all of its shape."""
    expected = rerun.expected
    nodes = [] if spot.shown is None else expected.nodes(spot.shown.name)
    if spot.shown is None or not (is_numeric(spot.shown.value) or (spot.shown.value is None and nodes)):
        return []
    before: Any = spot.before.get(spot.shown.name)
    entry = spot.target
    if isinstance(entry, ast.Subscript) and ast.unparse(entry.value) == spot.shown.name and nodes:
        return list(_entries(rerun, spot, entry, [expected.passage.gradient(node) for node in nodes[:MOST_TARGETS]]))
    if spot.adds and is_numeric(before):
        sign = -1 if isinstance(spot.statement.op, ast.Sub) else 1  # type: ignore[attr-defined]
        wholes = [expected.passage.gradient(node) for node in nodes if node.shape == np.shape(before)]
        parts = [part for node in nodes for part in expected.parts(node)]
        return [sign * one for one in [*(whole - before for whole in wholes), *parts[:MOST_TARGETS]]]
    gradients = [expected.passage.gradient(node) for node in nodes or expected.passage.gradients]
    if not nodes:
        return [one for one in gradients if one.ndim and one.shape == np.shape(spot.shown.value)]
    if spot.is_reused:
        ranked = sorted(
            (node for node in expected.passage.gradients if node not in nodes), key=lambda one: not one.name
        )
        others = [expected.passage.gradient(node) for node in ranked]
        gradients += [one for one in others if one.ndim and one.shape == np.shape(spot.shown.value)]
    if not spot.is_final:
        gradients += [part for node in nodes for part in expected.parts(node)]
    return [one * divisor for divisor in (1, *expected.divisors) for one in gradients[:MOST_TARGETS]]


def _entries(rerun: Rerun, spot: Spot, entry: ast.Subscript, gradients: Sequence[Any]) -> Iterator[Any]:
    """What is to be written into or added to a part of a variable."""
    name, text = ast.unparse(entry.value), spot.source.segment(entry)
    names = {**spot.source.globals, **{key: one for key, one in spot.before.items() if key.isidentifier()}}
    for gradient in gradients:
        with contextlib.suppress(Exception):
            wanted = eval(compiled(text, "eval"), {**names, name: gradient})
            yield wanted - eval(compiled(text, "eval"), names) if spot.adds else wanted


def _synthesised(rerun: Rerun, spot: Spot, before: dict[str, Any], wanted: list[Any]) -> Iterator[Edit]:
    """Edits that give the statement the value of one of the targets, made of the variables at hand."""
    statement, shown, targets = spot.statement, spot.shown, [*wanted, *_targets(rerun, spot)]
    if shown is None or not targets or not (isinstance(statement, ast.Assign) or spot.adds):
        return
    pool = Pool({name: value for name, value in before.items() if name != shown.name})
    expression = spot.expression
    assert expression is not None
    where = spot.source.span(expression)
    names = {**spot.source.globals, **before}
    value = _evaluated(spot.source, expression, names)
    if is_numeric(value):
        for target in targets:
            for node, own, hole in _holes(spot.source, expression, np.asarray(value), np.asarray(target), names):
                it = spot.source.with_parentheses(node)
                is_product = (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)) or not isinstance(
                    node, ast.BinOp
                )
                for more in completions(pool, hole, own):
                    bare = more.startswith("{} *") and not is_product and not it.startswith("(")
                    text = more.format(f"({it})" if bare else it)
                    yield Edit(*spot.source.span(node), text if node is expression else _held(text, False))
                whole = pool.lookup(hole)
                if whole is not None and node is not expression:
                    yield Edit(*spot.source.span(node), _held(whole, False))
    for target in targets if rerun.expected.nodes(shown.name) else targets[:4]:
        for whole in expressions(pool, target):
            yield Edit(*where, whole)


def _wanted(rerun: Rerun, spot: Spot) -> dict[str, list[Any]]:
    """What the variables that a statement reads would have to be for it to give what it should, as it stands."""
    found: dict[str, list[Any]] = {}
    value = None if spot.expression is None else _evaluated(spot.source, spot.expression, _names_of(spot))
    for target in _targets(rerun, spot) if is_numeric(value) else ():
        assert spot.expression is not None
        for node, _, wanted in _holes(
            spot.source, spot.expression, np.asarray(value), np.asarray(target), _names_of(spot)
        ):
            if isinstance(node, ast.Name) and node is not spot.expression:
                found.setdefault(node.id, []).append(wanted)
    return found


def _names_of(spot: Spot) -> dict[str, Any]:
    """What the names in a statement stand for."""
    return {**spot.source.globals, **{name: value for name, value in spot.before.items() if name.isidentifier()}}


def _evaluated(source: Source, node: ast.expr, names: dict[str, Any]) -> Any:
    try:
        return eval(compiled(source.segment(node), "eval"), names)
    except Exception:
        return None


def _holes(
    source: Source, node: ast.expr, own: Any, wanted: Any, names: dict[str, Any]
) -> Iterator[tuple[ast.expr, Any, Any]]:
    """The parts of an expression, each with its value and the one with which the whole would be right."""
    with contextlib.suppress(ValueError):
        own = np.broadcast_to(own, wanted.shape)
    if wanted.shape != own.shape or not np.isfinite(wanted).all():
        return
    yield node, own, wanted
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield from _holes(source, node.operand, -own, -wanted, names)
    if not isinstance(node, ast.BinOp):
        return
    left, right = (_evaluated(source, part, names) for part in (node.left, node.right))
    if not is_numeric(left) or not is_numeric(right):
        return
    left, right = np.asarray(left), np.asarray(right)
    if isinstance(node.op, ast.Add | ast.Sub):
        more = wanted - own
        yield from _holes(source, node.left, left, left + more, names)
        yield from _holes(source, node.right, right, right + (more if isinstance(node.op, ast.Add) else -more), names)
    elif isinstance(node.op, ast.Mult):
        yield from _holes(source, node.left, left, wanted / right, names)
        yield from _holes(source, node.right, right, wanted / left, names)
    elif isinstance(node.op, ast.Div):
        yield from _holes(source, node.left, left, wanted * right, names)


def _held(text: str, is_whole: bool) -> str:
    """A text in parentheses, if it does not hold together by itself within another expression."""
    if is_whole:
        return text
    node = ast.parse(text, mode="eval").body
    return (
        text
        if isinstance(node, ast.Name | ast.Call | ast.Subscript | ast.Attribute) or _is_wrapped(text)
        else f"({text})"
    )


def _is_wrapped(text: str) -> bool:
    if not (text.startswith("(") and text.endswith(")")):
        return False
    try:
        return ast.dump(ast.parse(text[1:-1].strip(), mode="eval")) == ast.dump(ast.parse(text, mode="eval"))
    except SyntaxError:
        return False
