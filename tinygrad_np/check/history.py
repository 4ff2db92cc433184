"""What every assignment of a run was computed from, and which of them are gradients, as their names say.

history = History(rerun, run)
history.off(wrong)[:1]  # The first that is not the gradient of the quantity of its name.
history.slice_of(history.off(wrong))  # What these were computed from.
"""

from __future__ import annotations

import ast
import dataclasses
import itertools
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np

from ..tensor import Tensor
from .expected import is_numeric
from .recording import RETURNED, Assignment, Recording
from .rerun import Rerun
from .source import Source
from .values import base, is_as_before


class History:
    """The assignments of a run, each with those that it was computed from."""

    def __init__(self, rerun: Rerun, run: Recording) -> None:
        self.rerun = rerun
        self.run = run
        self.all = _apart(run.assignments, rerun)
        self.settled: set[int] = set()
        self.at = [rerun.source_at(one) for one in self.all]
        self.sources: list[list[int]] = []
        self._latest: dict[tuple[int | None, str], int] = {}
        self._statements: dict[ast.stmt, set[str]] = {}
        since: dict[int, int] = {}
        for index, one in enumerate(self.all):
            found = self._read(one.call, self._reads(self.at[index]), one.before)
            # What the functions that it calls have returned meanwhile, and left in objects and containers.
            found |= {k for k in range(since.get(one.call, 0), index) if self._is_from(self.all[k], one.call)}
            self.sources.append(sorted(found))
            following = index + 1 < len(self.all) and self.all[index + 1]
            if not following or following.call != one.call or following.line != one.line:
                since[one.call] = index + 1
            for call in (one.call, None):
                self._latest[call, one.name] = self._latest[call, base(one.name)] = index

    def _reads(self, at: tuple[Source, ast.stmt] | None) -> set[str]:
        """The names that a statement reads, and the headers of the loops and conditions that it stands in."""
        if at is None:
            return set()
        source, statement = at
        if statement not in self._statements:
            self._statements[statement] = set().union(*map(reads_of, [statement, *source.headers[statement]]))
        return self._statements[statement]

    def _read(self, call: int, reads: set[str], before: dict[str, Any] | None) -> set[int]:
        """The latest assignments to what is read in a call, be it that it was given to it from outside."""
        found, outside = set(), False
        for name in reads:
            index = self._latest.get((call, name))
            if index is None and not name.isidentifier():
                index = self._latest.get((None, name))
            if index is not None:
                found.add(index)
            elif before is None or name in before:
                outside = True
        parent = self.run.calls[call].parent
        if outside and parent is not None:
            source = self.rerun.source_of(self.run.calls[parent].code)
            statement = None if source is None else source.statement(self.run.calls[call].line)
            if source is not None and statement is not None:
                found |= self._read(parent, self._reads((source, statement)), None)
        return found

    def _is_from(self, one: Assignment, call: int) -> bool:
        """Whether an assignment in a function that was called meanwhile is of use to who called it."""
        parent = self.run.calls[one.call].parent
        if one.name.isidentifier():
            return parent == call and one.name == RETURNED
        while parent is not None and parent != call:
            parent = self.run.calls[parent].parent
        return parent == call

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
    def runs(self) -> dict[ast.stmt, list[int]]:
        """The assignments of each statement."""
        found: dict[ast.stmt, list[int]] = {}
        for index, at in enumerate(self.at):
            found.setdefault(at[1], []).append(index) if at is not None else None
        return found

    @cached_property
    def final(self) -> list[int]:
        """The assignments after which a variable is not added to or written into any more, in their order."""
        following: dict[tuple[int, str], int] = {}
        found = []
        for index in reversed(range(len(self.all))):
            one = self.all[index]
            after = following.get((one.call, one.name))
            at = None if after is None else self.at[after]
            if at is None or not goes_on(at[1], one.name):
                found.append(index)
            following[one.call, one.name] = index
        return found[::-1]

    @cached_property
    def reused(self) -> set[tuple[Any, str]]:
        """The variables that several statements give another meaning, as dZ may be that of one layer after another."""
        statements: dict[tuple[Any, str], set[ast.stmt]] = {}
        for one, at in zip(self.all, self.at, strict=True):
            if at is not None and not goes_on(at[1], one.name):
                statements.setdefault((one.code, one.name), set()).add(at[1])
        return {key for key, found in statements.items() if len(found) > 1}

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
            elif (one.code, one.name) in self.reused and expected.recognised(one.value):
                found |= set() if expected.lacks_derivative(one.name, one.value) else {index}
            elif at is not None and goes_on(at[1], one.name) and expected.recognised(one.value):
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
            is_reused = (one.code, one.name) in self.reused
            by = None if index in self.exact else self.rerun.expected.divided(one.name, one.value, is_reused)
            if by is not None and not (is_reused and self.rerun.expected.lacks_derivative(one.name, one.value / by)):
                found[index] = by
        return found

    def excused(self, wrong: frozenset[Tensor]) -> set[int]:
        """Those that are off by a number that the loss divides by, as people do who divide by it later."""
        expected = self.rerun.expected
        nodes = {tensor._node for tensor in wrong}
        results = {tensor._node for tensor in self.rerun.results} - nodes
        right = [index for index in self.exact if results & set(expected.nodes(self.all[index].name))]
        last = {(self.all[index].call, self.all[index].name): index for index in self.final}
        returned = {index for (_, name), index in last.items() if nodes & set(expected.nodes(name))}
        right += self._read(0, self._returned(nodes), None) if self.run.calls else []
        found = (set(self.factors) & {*right, *self.slice_of(right)}) - returned
        found |= {index for index in self.factors if results & set(expected.nodes(self.all[index].name))}
        for index in sorted(set(self.factors) - returned):
            if any(k in found and np.isclose(self.factors[k], self.factors[index]) for k in self.origins(index)):
                found.add(index)
        return found

    def _returned(self, wrong: set[Any]) -> set[str]:
        """What a return statement reads that computes right gradients, as in {"W": -x.T @ delta}."""
        returned, results = self.rerun.returned, self.run.result
        parts = returned.values if isinstance(returned, ast.Dict) else getattr(returned, "elts", [returned])
        values = (
            list(results.values())
            if isinstance(results, dict)
            else results
            if isinstance(results, tuple)
            else [results]
        )
        right = [array for tensor, array in self.rerun.results.items() if tensor._node not in wrong]
        pairs = zip(parts, values, strict=True) if len(parts) == len(values) else ()
        read = [reads_of(ast.Expr(part)) for part, value in pairs if part and any(value is one for one in right)]
        return set().union(*read)

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

    def handed_on(self, off: list[int]) -> set[int]:
        """Those whose value went as it is into one that is wrong, as what a function returns does."""
        found: set[int] = set()
        waiting = list(off)
        while waiting:
            one = waiting.pop()
            for index in self.sources[one]:
                is_same = index not in found and self.all[index].call != self.all[one].call
                is_same = is_same or (index not in found and self.all[one].name == RETURNED)
                if is_same and is_as_before(self.all[one].value, self.all[index].value):
                    found.add(index)
                    waiting.append(index)
        return found

    def shared(self, off: list[int]) -> list[int]:
        """Those that are right, as it seems, but led to all that went wrong by itself, the latest first."""
        own = [one for one in off if not set(self.slice_of([one], lambda index: index in self.settled)) & set(off)]
        origins = [self.origins(one) for one in own]
        common = set.intersection(*origins) if len(own) > 1 else set()
        # What dh is right for may be what the activation made, while it should be for what that was given.
        expected, first = self.rerun.expected, self.origins(off[0]) if off else set()
        either = {k for k in first if expected.is_of_result(self.all[k].name, self.all[k].value)}
        return sorted(common | either, reverse=True)

    def ended(self, wrong: frozenset[Tensor]) -> list[int]:
        """Those that are right but are computed from what is excused, and led to something wrong."""
        excused = self.excused(wrong)
        led = set(self.slice_of(self.off(wrong)))
        return [index for index in self.final if index in self.exact & led and self.origins(index) & excused]

    def off(self, wrong: frozenset[Tensor]) -> list[int]:
        """Those whose name says of which quantity they are the gradient, and that are not it."""
        excused = self.excused(wrong)
        last = {(self.all[index].call, self.all[index].name): index for index in self.final}
        found = []
        for index in self.final:
            one, at_last = self.all[index], last[self.all[index].call, self.all[index].name]
            if index in self.exact or index in excused or not is_numeric(one.value):
                continue
            if at_last != index and max(self.run.run(one.line), self.run.run(self.all[at_last].line)) == 1:
                continue  # The name is given another value later, which counts.
            # What is to be added to zeros is not there yet.
            is_told = (self.run.error is None and at_last == index) or np.any(one.value)
            if self.rerun.expected.nodes(one.name) and is_told:
                found.append(index)
        # What comes through one use may be right, though it led to a sum that is not.
        led = {index for one in found for index in self.slice_of([one])}
        return [index for index in found if index not in led or not self.is_part(index)]

    def common_part(self, off: list[int]) -> list[int]:
        """The one that all that is wrong was computed from, if that is a gradient but for what some use adds to it.

        dy = p is what comes through the sum of a softmax; what comes through the label is missing.
        """
        led = set.intersection(*(set(self.slice_of([one])) for one in off)) if len(off) > 1 else set()
        expected = self.rerun.expected
        strange = [
            index
            for index in sorted(led & set(self.final) - self.exact)
            if expected.nodes(self.all[index].name) and is_numeric(self.all[index].value)
        ]
        return strange[:1] if all(map(self.is_part, strange)) else []

    def is_part(self, index: int) -> bool:
        """Whether this is what some uses of the quantity of its name add to its gradient."""
        expected, one = self.rerun.expected, self.all[index]
        return any(expected.is_part(one.value, node, exactly=True) for node in expected.nodes(one.name))

    def credit(self) -> float:
        """How well the values are explained: a point for each that is, half a one but for the batch's size."""
        expected = self.rerun.expected
        points = [1.0 if expected.explains(self.all[n].name, self.all[n].value) else 0.0 for n in self.final]
        points += [0.5 for n in self.final if n in self.factors]
        return sum(points)


def reads_of(statement: ast.stmt) -> set[str]:
    """The names and the entries that a statement reads, its own target if it adds to it or writes into it."""
    waiting: list[ast.AST] = [statement]
    if isinstance(statement, ast.Assign):
        waiting = [statement.value]
        for target in statement.targets:
            waiting += [] if isinstance(target, ast.Name) or is_entry(target) else [target]
    reads = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name):
            reads.add(node.id)
        elif is_entry(node):
            reads.add(ast.unparse(node))
            # X.T is X; but self.dW is not all of self.
            if isinstance(node, ast.Attribute) and hasattr(np.ndarray, node.attr):
                waiting.append(node.value)
        else:
            waiting += ast.iter_child_nodes(node)
    return reads


def is_entry(node: ast.AST) -> bool:
    """Whether this is the entry of a dict, as `grads["W1"]` is, or an attribute, as `self.dW` is."""
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Name)
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name | ast.Attribute)
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
    )


def _apart(assignments: Iterable[Assignment], rerun: Rerun) -> list[Assignment]:
    """Those of several statements on one line in the order of these, each with what the earlier ones have left."""

    def column(one: Assignment) -> int:
        at = rerun.source_at(one)
        return -1 if at is None else at[1].col_offset

    found: list[Assignment] = []
    for _, line in itertools.groupby(assignments, key=lambda one: (one.call, one.line, one.iteration)):
        left: dict[str, Any] = {}
        for _, alike in itertools.groupby(sorted(line, key=column), key=column):
            made = [dataclasses.replace(one, before={**one.before, **left}) if left else one for one in alike]
            left |= {one.name: one.value for one in made}
            found += made
    return found


def goes_on(statement: ast.stmt, name: str) -> bool:
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
