"""Which statements of a backward function may be wrong, the likeliest first.

Values are looked at in the order in which they were assigned. The first whose name says of which quantity it is the
gradient, and that is not it, is wrong; or else one of those that it was computed from is, back to gradients that are
right.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..tensor import Tensor
from .expected import is_numeric
from .history import History, goes_on, is_entry, reads_of
from .recording import RETURNED, Assignment, Recording
from .rerun import Rerun
from .source import Source
from .values import base

MOST_READERS = 4
"""Of so many statements it is asked what they read."""


@dataclass(eq=False)
class Spot:
    """A statement that may be wrong: with what it found in its variables, and the assignment that shows it.

    `times` is what it found in some of its other runs, if these were several.
    """

    source: Source
    statement: ast.stmt
    before: dict[str, Any]
    shown: Assignment | None
    is_final: bool = True
    is_reused: bool = False
    times: tuple[dict[str, Any], ...] = ()

    @cached_property
    def adds(self) -> bool:
        """Whether what the statement computes is added to a variable."""
        return isinstance(self.statement, ast.AugAssign) and isinstance(self.statement.op, ast.Add | ast.Sub)

    @property
    def name(self) -> str:
        """The variable that shows it; empty if there is none."""
        return "" if self.shown is None else self.shown.name

    @property
    def target(self) -> ast.expr | None:
        """What the statement assigns to, if that is one thing."""
        if isinstance(self.statement, ast.AugAssign):
            return self.statement.target
        targets = self.statement.targets if isinstance(self.statement, ast.Assign) else []
        return targets[0] if len(targets) == 1 else None

    @property
    def expression(self) -> ast.expr | None:
        """What computes the variable that shows it: the right-hand side, or its part of a tuple."""
        value, target = getattr(self.statement, "value", None), self.target
        if isinstance(value, ast.Lambda) and self.name == RETURNED:
            return value.body
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            pairs = zip(target.elts, value.elts, strict=True)
            return next((part for one, part in pairs if ast.unparse(one) == self.name), value)
        return value

    @cached_property
    def goes_on(self) -> bool:
        """Whether the statement adds to a variable or writes into it."""
        return self.shown is not None and goes_on(self.statement, self.shown.name)


def suspects(history: History, wrong: frozenset[Tensor]) -> list[list[Spot]]:
    """The statements that may be wrong, the likeliest first, in groups: what shows it, with what that came from."""
    rerun, run = history.rerun, history.run
    groups: list[list[Spot]] = []
    off = history.off(wrong)
    off = history.common_part(off) + off
    history.settled = (history.exact | history.excused(wrong)) - history.handed_on(off)
    if run.error is not None:
        at_fault = _at_line(rerun, run, run.error_line)
        groups.append([*at_fault, *_unseen(history), *_sliced(history, _last_reads(history, at_fault))])
    named = [index for index in off if any(t._node in rerun.expected.nodes(history.all[index].name) for t in wrong)]
    for index in dict.fromkeys([*off[:2], *named[:1], *off[2:4]]):
        itself = _sliced(history, [index], itself=True)
        silent = [spot for one in itself[:MOST_READERS] for spot in _silent(history, one)]
        # What only makes room for what is written into it later is hardly at fault.
        only_room = itself and not np.any(history.all[index].value)
        groups.append([*silent, *itself] if only_room else [*itself[:1], *silent, *itself[1:]])
    returned = _returned(rerun, run) if run.error is None else []
    if returned and (not off or not named):
        statements = {spot.statement for spot in returned}
        called = [
            index
            for index, one in enumerate(history.all)
            if one.name == RETURNED
            and run.calls[one.call].parent == 0
            and any(spot.source.statement(run.calls[one.call].line) in statements for spot in returned)
        ]
        groups.append([*returned, *_sliced(history, [*_last_reads(history, returned), *called])])
    elif returned and off[0] in history.factors and _computes(rerun.returned):
        # return dW / m divides what is off by the batch's size until then.
        groups[0][:0] = returned
    if run.error is None:
        groups.append([spot for index in history.ended(wrong) for spot in [_spot(history, index)] if spot is not None])
    if groups:
        groups[0] += [spot for index in history.shared(off) for spot in [_spot(history, index)] if spot is not None]
    # What may be divided later is, by which number, as likely to be wrong there.
    count = sum(1 for _ in itertools.takewhile(lambda index: index in history.factors, off))
    groups[: count + 1] = [[spot for group in groups[: count + 1] for spot in group]]
    every = [_spot(history, index) for index in range(len(history.all)) if history.all[index].name != RETURNED]
    groups.append([*_unseen(history), *(spot for spot in every if spot is not None and spot.expression is not None)])
    seen: set[ast.stmt] = set()
    for group in groups:
        new = []
        for spot in group:
            if spot.statement not in seen:
                seen.add(spot.statement)
                new.append(spot)
        group[:] = new
    return [group for group in groups if group]


def _sliced(history: History, starts: Sequence[int], itself: bool = False) -> list[Spot]:
    """The statements that these assignments were computed from, back to gradients that are right."""
    expected = history.rerun.expected
    indices = history.slice_of(starts, end=lambda index: index in history.settled)
    found = [_spot(history, index) for index in starts] if itself else []
    indices = indices if itself else [*starts[::-1], *indices]
    runs: dict[Any, list[int]] = {}
    for index in indices:
        at = history.at[index]
        if at is not None:
            runs.setdefault(at[1], []).append(index)
    ranked: list[list[Spot | None]] = [[], [], []]
    for statement, same in runs.items():
        # Of a statement that ran often, the first run is shown that was wrong, as far as that can be seen.
        unknown = [one for one in same if not expected.explains(history.all[one].name, history.all[one].value)]
        index = min(unknown or same)
        made = [history.all[one] for one in same]
        is_named = any(expected.nodes(one.name) for one in made)
        numbers = [one for one in made if is_numeric(one.value)]
        # What only computes the forward pass anew is right; zs[t - 1] may be the wrong one of several.
        is_anew = numbers and all(expected.is_of_forward(one.name, one.value) for one in numbers)
        is_taken = isinstance(getattr(statement, "value", None), ast.Name | ast.Subscript | ast.Attribute)
        is_right = not unknown or (is_anew and not is_named and not is_taken)
        rank = 2 if is_right else 1 if is_named else 0
        ranked[rank].append(_spot(history, index))
    return [spot for spot in [*found, *ranked[0], *ranked[1], *ranked[2]] if spot is not None]


def _spot(history: History, index: int) -> Spot | None:
    at, one = history.at[index], history.all[index]
    if at is None:
        return None
    spot = Spot(*at, one.before, one, index in history.final, (one.code, one.name) in history.reused)
    if spot.goes_on:
        shown = _first_strange(history, index, spot)
        if shown is not None:
            spot = Spot(*at, shown.before, shown)
    runs = history.runs[at[1]]
    some = {runs[0], runs[len(runs) // 3], runs[len(runs) // 2], runs[-1]}
    spot.times = tuple(history.all[k].before for k in sorted(some) if history.all[k].before is not spot.before)
    return spot


def _silent(history: History, reader: Spot) -> list[Spot]:
    """The statements that left as it was what a statement reads or shows, and what these read."""
    found: list[Spot] = []
    reads = {reader.name, *reads_of(reader.statement)}
    for statement in reader.source.statements:
        target = Spot(reader.source, statement, {}, None).target
        if target is None or statement in history.runs:
            continue
        name = ast.unparse(target.value if isinstance(target, ast.Subscript) and not is_entry(target) else target)
        if name in reads:
            writes = goes_on(statement, name)
            before = _variables(history.rerun, history.run, reader.source) if writes else reader.before
            line = reader.source.line(statement)
            value = before.get(name)
            shown = None if writes or value is None else Assignment(reader.source.code, line, name, value, 0, before)
            found.append(Spot(reader.source, statement, before, shown))
            found += _sliced(history, _last_reads(history, found[-1:])) if writes else []
    return found


def _unseen(history: History) -> list[Spot]:
    """The statements that ran, it may be, but gave their variable what it held already, as z = zs[-1] after a loop."""
    seen = {at[1] for at in history.at if at is not None}
    return [
        Spot(source, statement, _variables(history.rerun, history.run, source), None)
        for source in history.rerun.sources
        for statement in source.statements
        if isinstance(statement, ast.Assign) and statement not in seen and isinstance(statement.targets[0], ast.Name)
    ]


def _first_strange(history: History, index: int, spot: Spot) -> Assignment | None:
    """Of a variable that is added to, the first assignment that adds what no use of the quantity does."""
    expected = history.rerun.expected
    name = history.all[index].name
    parts = [part for node in expected.nodes(name) for part in expected.parts(node)]
    for one, at in zip(history.all, history.at, strict=True):
        if at is None or at[1] is not spot.statement or one.name != name or not is_numeric(one.before.get(name)):
            continue
        if np.shape(one.value) != np.shape(one.before[name]) and np.ndim(one.before[name]):
            return one
        added = one.value - one.before[name]
        if not any(
            np.shape(part) == np.shape(added) and np.allclose(part, added, rtol=1e-5, atol=1e-9) for part in parts
        ):
            return one
    return None


def _at_line(rerun: Rerun, run: Recording, line: int) -> list[Spot]:
    """The statement at a line, as that of an error."""
    for source in rerun.sources:
        statement = source.statement(line)
        if statement is None:
            continue
        before = _variables(rerun, run, source)
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        shown = None
        if len(targets) == 1 and (isinstance(targets[0], ast.Name) or is_entry(targets[0])):
            shown = Assignment(source.code, line, ast.unparse(targets[0]), None, 0, before)
        return [Spot(source, statement, before, shown)]
    return []


def _returned(rerun: Rerun, run: Recording) -> list[Spot]:
    """The return statement of the backward function itself."""
    own = rerun.own
    return [
        Spot(own, statement, _variables(rerun, run, own), None)
        for statement in ([] if own is None else own.statements)
        if own is not None and isinstance(statement, ast.Return) and statement.value is rerun.returned
    ]


def _computes(returned: ast.expr | None) -> bool:
    """Whether a return statement does more than hand on variables."""
    return any(isinstance(node, ast.BinOp) for node in ast.walk(returned or ast.Pass()))


def _last_reads(history: History, spots: Sequence[Spot]) -> list[int]:
    """The last assignments to what a statement reads."""
    found = {}
    for spot in spots:
        reads = reads_of(spot.statement)
        for index, one in enumerate(history.all):
            if spot.source.holds(one.code) and {one.name, base(one.name)} & reads:
                found[base(one.name)] = index
    return sorted(found.values())


def _variables(rerun: Rerun, run: Recording, source: Source) -> dict[str, Any]:
    last = next((one for one in reversed(run.assignments) if source.holds(one.code)), None)
    return {**rerun.arguments, **({} if last is None else {**last.before, last.name: last.value})}
