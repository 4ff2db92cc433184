"""Which statements of a backward function may be wrong, the likeliest first.

Values are looked at in the order in which they were assigned. The first whose name says of which quantity it is the
gradient, and that is not it, is wrong; or else one of those that it was computed from is, back to gradients that are
right.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..tensor import Tensor
from .expected import is_numeric
from .recording import Assignment, Recording
from .rerun import Rerun
from .source import Source


@dataclass(eq=False)
class Spot:
    """A statement that may be wrong: with what it found in its variables, and the assignment that shows it."""

    source: Source
    statement: ast.stmt
    before: dict[str, Any]
    shown: Assignment | None
    is_final: bool = True

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

    @cached_property
    def goes_on(self) -> bool:
        """Whether the statement adds to a variable or writes into it."""
        return self.shown is not None and _goes_on(self.statement, self.shown.name)


class History:
    """The assignments of a run, each with those that it was computed from."""

    def __init__(self, rerun: Rerun, run: Recording) -> None:
        self.rerun = rerun
        self.run = run
        self.all = run.assignments
        self.settled: set[int] = set()
        self.at = [rerun.source_at(one) for one in self.all]
        self.sources: list[list[int]] = []
        latest: dict[tuple[Any, str], int] = {}
        since: dict[Any, int] = {}
        for index, one in enumerate(self.all):
            at = self.at[index]
            reads = _reads(at[1]) if at is not None else set()
            found = {latest[one.code, name] for name in reads if (one.code, name) in latest}
            # What the functions that it calls have assigned meanwhile.
            found |= {k for k in range(since.get(one.code, 0), index) if self.all[k].code is not one.code}
            self.sources.append(sorted(found))
            following = index + 1 < len(self.all) and self.all[index + 1]
            if not following or following.code is not one.code or following.line != one.line:
                since[one.code] = index + 1
            base = one.name.partition("[")[0]
            latest[one.code, one.name] = latest[one.code, base] = index

    def slice_of(self, starts: Iterable[int], end: Any = lambda index: False) -> list[int]:
        """What these were computed from, the latest first, back to those at which it ends."""
        found: set[int] = set()
        waiting = list(starts)
        while waiting:
            for index in self.sources[waiting.pop()]:
                if index not in found and not end(index):
                    found.add(index)
                    waiting.append(index)
        return sorted(found, reverse=True)

    @cached_property
    def final(self) -> list[int]:
        """The assignments after which a variable is not added to or written into any more, in their order."""
        following: dict[tuple[Any, str], int] = {}
        found = []
        for index in reversed(range(len(self.all))):
            one = self.all[index]
            after = following.get((one.code, one.name))
            at = None if after is None else self.at[after]
            if at is None or not _goes_on(at[1], one.name):
                found.append(index)
            following[one.code, one.name] = index
        return found[::-1]

    @cached_property
    def exact(self) -> set[int]:
        """Those whose value is the gradient of the quantity of their name, or was before it was written into."""
        expected = self.rerun.expected
        named: dict[str, list[int]] = {}
        for index, one in enumerate(self.all):
            if expected.nodes(one.name):
                named.setdefault(one.name, []).append(index)
        found = set()
        for index in self.final:
            one, at = self.all[index], self.at[index]
            if not expected.nodes(one.name):
                continue
            if expected.explains(one.name, one.value):
                found.add(index)
            elif at is not None and _goes_on(at[1], one.name) and expected.recognised(one.value):
                # dhidden[hidden <= 0] = 0 makes the gradient of what the activation was given, under the same name.
                earlier = [self.all[k] for k in named[one.name] if k < index]
                if any(expected.explains(other.name, other.value) for other in earlier[-1:]):
                    found.add(index)
        return found

    @cached_property
    def factors(self) -> dict[int, float]:
        """By which number that the loss divides by those are off that are off by one."""
        found = {}
        for index in self.final:
            one = self.all[index]
            by = None if index in self.exact else self.rerun.expected.divided(one.name, one.value)
            if by is not None:
                found[index] = by
        return found

    def excused(self, wrong: frozenset[Tensor]) -> set[int]:
        """Those that are off by a number that the loss divides by, as people do who divide by it later."""
        expected = self.rerun.expected
        nodes = {tensor._node for tensor in wrong}
        results = {tensor._node for tensor in self.rerun.results} - nodes
        right = [index for index in self.exact if results & set(expected.nodes(self.all[index].name))]
        last = {self.all[index].name: index for index in self.final}
        returned = {index for name, index in last.items() if nodes & set(expected.nodes(name))}
        found = (set(self.factors) & set(self.slice_of(right))) - returned
        for index in sorted(set(self.factors) - returned):
            if any(k in found and np.isclose(self.factors[k], self.factors[index]) for k in self.origins(index)):
                found.add(index)
        return found

    def origins(self, index: int) -> set[int]:
        """The gradients by name that an assignment was computed from, the nearest of each."""
        found: set[int] = set()
        seen: set[int] = set()
        waiting = list(self.sources[index])
        while waiting:
            one = waiting.pop()
            if one in seen:
                continue
            seen.add(one)
            if one in self.exact or one in self.factors:
                found.add(one)
            else:
                waiting += self.sources[one]
        return found

    def ended(self, wrong: frozenset[Tensor]) -> list[int]:
        """Those that are right but are computed from what is excused, and led to something wrong."""
        excused = self.excused(wrong)
        led = set(self.slice_of(self.off(wrong)))
        return [index for index in self.final if index in self.exact & led and self.origins(index) & excused]

    def off(self, wrong: frozenset[Tensor]) -> list[int]:
        """Those whose name says of which quantity they are the gradient, and that are not it."""
        excused = self.excused(wrong)
        last = {self.all[index].name: index for index in self.final}
        found = []
        for index in self.final:
            one = self.all[index]
            if index in self.exact or index in excused or not is_numeric(one.value):
                continue
            if (
                last[one.name] != index
                and max(self.run.run(one.line), self.run.run(self.all[last[one.name]].line)) == 1
            ):
                continue  # The name is given another value later, which counts.
            # What is to be added to zeros is not there yet.
            is_told = (self.run.error is None and last[one.name] == index) or np.any(one.value)
            if self.rerun.expected.nodes(one.name) and is_told:
                found.append(index)
        return found

    def credit(self) -> float:
        """How well the values are explained: a point for each that is, half a one but for the batch's size."""
        expected = self.rerun.expected
        points = [1.0 if expected.explains(self.all[n].name, self.all[n].value) else 0.0 for n in self.final]
        points += [0.5 for n in self.final if n in self.factors]
        return sum(points)


def suspects(history: History, wrong: frozenset[Tensor]) -> list[list[Spot]]:
    """The statements that may be wrong, the likeliest first, in groups: what shows it, with what that came from."""
    rerun, run = history.rerun, history.run
    groups: list[list[Spot]] = []
    off = history.off(wrong)
    history.settled = history.exact | history.excused(wrong)
    if run.error is not None:
        at_fault = _at_line(rerun, run, run.error_line)
        groups.append([*at_fault, *_sliced(history, _last_reads(history, at_fault))])
    named = [index for index in off if any(t._node in rerun.expected.nodes(history.all[index].name) for t in wrong)]
    for index in dict.fromkeys([*off[:2], *named[:1], *off[2:4]]):
        writing = _writing(history, index)
        itself = _sliced(history, [index], itself=True)
        # What only makes room for what is written into it later is hardly at fault.
        only_room = itself and not np.any(history.all[index].value)
        groups.append([*writing, *itself] if only_room else [*itself, *writing])
    if run.error is None and (not off or not named):
        returned = _returned(rerun, run)
        groups.append([*returned, *_sliced(history, _last_reads(history, returned))])
    if run.error is None:
        groups.append([spot for index in history.ended(wrong) for spot in [_spot(history, index)] if spot is not None])
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
    for same in runs.values():
        # Of a statement that ran often, the first run is shown that was wrong, as far as that can be seen.
        unknown = [one for one in same if not expected.explains(history.all[one].name, history.all[one].value)]
        index = min(unknown or same)
        rank = 2 if not unknown else 1 if expected.nodes(history.all[index].name) else 0
        ranked[rank].append(_spot(history, index))
    return [spot for spot in [*found, *ranked[0], *ranked[1], *ranked[2]] if spot is not None]


def _spot(history: History, index: int) -> Spot | None:
    at, one = history.at[index], history.all[index]
    if at is None:
        return None
    spot = Spot(*at, one.before, one, index in history.final)
    if spot.goes_on:
        shown = _first_strange(history, index, spot)
        if shown is not None:
            return Spot(*at, shown.before, shown)
    return spot


def _writing(history: History, index: int) -> list[Spot]:
    """The statements that write into a variable, be it that they left it as it was, and what they read."""
    at, one = history.at[index], history.all[index]
    found = []
    for statement in [] if at is None else at[0].statements:
        if (
            at is not None
            and statement is not at[1]
            and _goes_on(statement, one.name)
            and one.name in _reads(statement)
        ):
            before = _variables(history.rerun, history.run, at[0])
            found.append(Spot(at[0], statement, before, None))
            found += _sliced(history, _last_reads(history, found[-1:]))
    return found


def _first_strange(history: History, index: int, spot: Spot) -> Assignment | None:
    """Of a variable that is added to, the first assignment that adds what no use of the quantity does."""
    expected = history.rerun.expected
    name = history.all[index].name
    parts = [part for node in expected.nodes(name) for part in expected.parts(node)]
    for one, at in zip(history.all, history.at, strict=True):
        if at is None or at[1] is not spot.statement or one.name != name or name not in one.before:
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
        if len(targets) == 1 and (isinstance(targets[0], ast.Name) or _is_entry(targets[0])):
            shown = Assignment(source.function.__code__, line, ast.unparse(targets[0]), None, 0, before)
        return [Spot(source, statement, before, shown)]
    return []


def _returned(rerun: Rerun, run: Recording) -> list[Spot]:
    """The return statement."""
    for source in rerun.sources:
        returns = [one for one in source.statements if isinstance(one, ast.Return)]
        if source.function.__name__ == getattr(rerun.backward, "__name__", None) and returns:
            return [Spot(source, returns[-1], _variables(rerun, run, source), None)]
    return []


def _last_reads(history: History, spots: Sequence[Spot]) -> list[int]:
    """The last assignments to what a statement reads."""
    found = {}
    for spot in spots:
        reads = _reads(spot.statement)
        for index, one in enumerate(history.all):
            if one.code.co_name == spot.source.function.__name__ and one.name.partition("[")[0] in reads:
                found[one.name.partition("[")[0]] = index
    return sorted(found.values())


def _variables(rerun: Rerun, run: Recording, source: Source) -> dict[str, Any]:
    last = next((one for one in reversed(run.assignments) if one.code.co_name == source.function.__name__), None)
    return {**rerun.arguments, **({} if last is None else {**last.before, last.name: last.value})}


def _reads(statement: ast.stmt) -> set[str]:
    """The names and the entries that a statement reads, its own target if it adds to it or writes into it."""
    waiting: list[ast.AST] = [statement]
    if isinstance(statement, ast.Assign):
        waiting = [statement.value]
        for target in statement.targets:
            waiting += [] if isinstance(target, ast.Name) or _is_entry(target) else [target]
    reads = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name):
            reads.add(node.id)
        elif _is_entry(node):
            reads.add(ast.unparse(node))
        else:
            waiting += ast.iter_child_nodes(node)
    return reads


def _is_entry(node: ast.AST) -> bool:
    """Whether this is the entry of a dict, as `grads["W1"]` is."""
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
    )


def _goes_on(statement: ast.stmt, name: str) -> bool:
    """Whether a statement adds to a variable or writes into it, rather than giving it another meaning."""
    targets = [statement.target] if isinstance(statement, ast.AugAssign) else getattr(statement, "targets", [])
    for target in targets:
        if isinstance(target, ast.Subscript) and ast.unparse(target.value) == name:
            return True
    if isinstance(statement, ast.AugAssign):
        return ast.unparse(statement.target) == name
    if not isinstance(statement, ast.Assign):
        return False
    terms, sums = [statement.value], (ast.Add, ast.Sub)
    while any(isinstance(term, ast.BinOp) and isinstance(term.op, sums) for term in terms):
        terms = [
            part
            for term in terms
            for part in (
                (term.left, term.right) if isinstance(term, ast.BinOp) and isinstance(term.op, sums) else (term,)
            )
        ]
    return len(terms) > 1 and any(ast.unparse(term) == name for term in terms)
