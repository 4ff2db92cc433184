"""What a statement should give, and what its parts and the variables that it reads would have to be for that.

targets = Targets(rerun)
targets.hand_on(spot)  # What it reads, and the functions that it calls, should then give what makes it right.
targets.of(spot)
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .expected import is_numeric
from .recording import RETURNED
from .rerun import Rerun
from .source import Source, compiled
from .suspects import Spot

MOST_TARGETS = 12
"""Of a quantity of more time steps than this, the last ones are tried."""


class Targets:
    """The values that statements should give: gradients by their names, and what these ask of the rest."""

    def __init__(self, rerun: Rerun) -> None:
        self.rerun = rerun
        self.asked: dict[tuple[Any, str], list[Any]] = {}

    def asked_of(self, spot: Spot) -> list[Any]:
        """What the statements that read this variable ask of it, and what the forward pass has under its name."""
        return [*self.rerun.expected.forward(spot.name), *self.asked.get(_key(spot), [])]

    def of(self, spot: Spot) -> list[Any]:
        """The values that a statement may have been meant to give: what is asked of it, and gradients."""
        found = [*self.asked_of(spot), *_targets(self.rerun, spot)]
        before: Any = spot.before.get(spot.name)
        operator = getattr(spot.statement, "op", None)
        if isinstance(operator, ast.Mult | ast.Div) and is_numeric(before):
            alike = [one for one in found if np.shape(one) == np.shape(before)]
            found = [one / before if isinstance(operator, ast.Mult) else before / one for one in alike]
        return found

    def gradients_of(self, spot: Spot) -> list[Any]:
        """The gradients that its variable should have in the end, as its name says."""
        expected = self.rerun.expected
        value: Any = None if spot.shown is None else spot.shown.value
        return [expected.passage.gradient(node) for node in expected.nodes(spot.name) if node.shape == np.shape(value)]

    def hand_on(self, spot: Spot) -> None:
        """Ask of what a statement reads that it be such that the statement as it stands is right."""
        names, expression, statement = names_of(spot), spot.expression, spot.statement
        is_known = bool(spot.shown is not None and self.rerun.expected.nodes(spot.name))
        wanted = self.of(spot) if is_known else self.asked_of(spot)
        if isinstance(statement, ast.Return) and isinstance(expression, ast.Tuple):
            for number, part in enumerate(expression.elts):
                self._ask(spot.source, part, self.asked.get((None, f"{spot.source.name}[{number}]"), []))
        target = spot.target
        if isinstance(target, ast.Tuple) and isinstance(expression, ast.Call):
            places = [n for n, one in enumerate(target.elts) if ast.unparse(one) == spot.name]
            for number in places:
                self.asked.setdefault((None, f"{_called(expression)}[{number}]"), []).extend(wanted[:MOST_TARGETS])
            return
        value = None if expression is None or not wanted else evaluated(spot.source, expression, names)
        if expression is None or not is_numeric(value):
            return
        for one in wanted[:MOST_TARGETS]:
            for node, _, hole in holes(spot.source, expression, np.asarray(value), np.asarray(one), names):
                self._ask(spot.source, node, [hole])

    def _ask(self, source: Source, node: ast.expr, values: list[Any]) -> None:
        key = (source, node.id) if isinstance(node, ast.Name) else (None, _called(node))
        if key[1]:
            found = self.asked.setdefault(key, [])
            found += values[: MOST_TARGETS - len(found)]


def _key(spot: Spot) -> tuple[Any, str]:
    return (None, spot.source.name) if spot.name == RETURNED else (spot.source, spot.name)


def called_by(statement: ast.stmt) -> set[str]:
    """The functions that a statement calls."""
    return {_called(node) for node in ast.walk(statement) if isinstance(node, ast.Call)}


def _called(node: ast.expr) -> str:
    """The function of a call; empty if this is none."""
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, "id", "") or getattr(function, "attr", "")


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
    return [one * divisor for divisor in (1, *expected.divisors, -1) for one in gradients[:MOST_TARGETS]]


def _entries(rerun: Rerun, spot: Spot, entry: ast.Subscript, gradients: Sequence[Any]) -> Iterator[Any]:
    """What is to be written into or added to a part of a variable."""
    name, text = ast.unparse(entry.value), spot.source.segment(entry)
    names = {**spot.source.globals, **{key: one for key, one in spot.before.items() if key.isidentifier()}}
    for gradient in gradients:
        with contextlib.suppress(Exception):
            wanted = eval(compiled(text, "eval"), {**names, name: gradient})
            yield wanted - eval(compiled(text, "eval"), names) if spot.adds else wanted


def names_of(spot: Spot) -> dict[str, Any]:
    """What the names in a statement stand for."""
    return {**spot.source.globals, **{name: value for name, value in spot.before.items() if name.isidentifier()}}


def evaluated(source: Source, node: ast.expr, names: dict[str, Any]) -> Any:
    """The value of an expression; None if it has none."""
    try:
        return eval(compiled(source.segment(node), "eval"), names)
    except Exception:
        return None


def holes(
    source: Source, node: ast.expr, own: Any, wanted: Any, names: dict[str, Any]
) -> Iterator[tuple[ast.expr, Any, Any]]:
    """The parts of an expression, each with its value and the one with which the whole would be right."""
    with contextlib.suppress(ValueError):
        own = np.broadcast_to(own, wanted.shape)
    if wanted.shape != own.shape or not np.isfinite(wanted).all():
        return
    yield node, own, wanted
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield from holes(source, node.value, own.T, wanted.T, names)
    if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "copy" and isinstance(node.func, ast.Attribute):
        yield from holes(source, node.func.value if not node.args else node.args[0], own, wanted, names)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield from holes(source, node.operand, -own, -wanted, names)
    if not isinstance(node, ast.BinOp):
        return
    left, right = (evaluated(source, part, names) for part in (node.left, node.right))
    if not is_numeric(left) or not is_numeric(right):
        return
    left, right = np.asarray(left), np.asarray(right)
    if isinstance(node.op, ast.Add | ast.Sub):
        more = wanted - own
        yield from holes(source, node.left, left, left + more, names)
        yield from holes(source, node.right, right, right + (more if isinstance(node.op, ast.Add) else -more), names)
    elif isinstance(node.op, ast.Mult):
        yield from holes(source, node.left, left, wanted / right, names)
        yield from holes(source, node.right, right, wanted / left, names)
    elif isinstance(node.op, ast.Div):
        yield from holes(source, node.left, left, wanted * right, names)
