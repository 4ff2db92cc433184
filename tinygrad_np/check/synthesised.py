"""Edits that give a statement the value that it should have, made of the variables at hand; and lines that are missing.

Where a variable is written into or added to, and what is left is a multiple of what it should be, a line is missing:
`dscores /= N` after `dscores[rows, y] -= 1`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from .expected import is_numeric
from .history import reads_of
from .source import Edit
from .suspects import Spot
from .synthesis import Pool, completions, expressions
from .targets import Targets, evaluated, holes

MOST_EFFORT = 4000
"""So much of the effort goes into one statement."""


def synthesised(every: Targets, spot: Spot, before: dict[str, Any]) -> Iterator[Edit]:
    """Edits that give the statement the value of one of the targets, made of the variables at hand."""
    statement, shown, targets = spot.statement, spot.shown, every.of(spot)
    if shown is None or not targets:
        return
    pool = Pool({name: value for name, value in before.items() if name != shown.name}, reads_of(statement))
    every.rerun.effort += len(pool.atoms) // 2
    yield from _missing(every, spot, pool)
    expression = spot.expression
    if expression is None or isinstance(statement, ast.Expr):
        return
    where = spot.source.span(expression)
    names = {**spot.source.globals, **before}
    value = evaluated(spot.source, expression, names)
    if is_numeric(value):
        enough = every.rerun.effort + MOST_EFFORT
        for target in targets:
            every.rerun.effort += len(pool.atoms) // 24
            if every.rerun.effort > enough:
                break
            for node, own, hole in holes(spot.source, expression, np.asarray(value), np.asarray(target), names):
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
    for target in targets if every.rerun.expected.nodes(shown.name) else targets[:4]:
        for whole in expressions(pool, target):
            yield Edit(*where, whole)


def _missing(every: Targets, spot: Spot, pool: Pool) -> Iterator[Edit]:
    """Lines to follow or to precede one that writes into a variable or adds to it."""
    start, end = spot.source.span(spot.statement)
    name, shown = spot.name, spot.shown
    before: Any = spot.before.get(name)
    if shown is None or not is_numeric(shown.value) or not (spot.goes_on or isinstance(spot.statement, ast.Expr)):
        return
    for gradient in every.gradients_of(spot):
        for more in completions(pool, gradient, shown.value):
            yield Edit(end, end, f"; {_assigned(name, more)}")
        if spot.adds and is_numeric(before) and np.shape(before) == np.shape(shown.value):
            for more in completions(pool, gradient - (shown.value - before), before):
                yield Edit(start, start, f"{_assigned(name, more)}; ")


def _assigned(name: str, more: str) -> str:
    """A statement that makes of a variable what has to be made of it, as `dW /= N`."""
    match = re.fullmatch(r"\{\} (?:([-+*]) (.*)|(/) ([\w.\[\]]+))", more)
    if match is None:
        return f"{name} = {more.format(name)}"
    return f"{name} {match[1] or match[3]}= {match[2] or match[4]}"


def _held(text: str, is_whole: bool) -> str:
    """A text in parentheses, if it does not hold together by itself within another expression."""
    if is_whole:
        return text
    node = ast.parse(text, mode="eval").body
    return (
        text
        if isinstance(node, ast.Name | ast.Call | ast.Subscript | ast.Attribute) or is_wrapped(text)
        else f"({text})"
    )


def is_wrapped(text: str) -> bool:
    """Whether a text is an expression in parentheses."""
    if not (text.startswith("(") and text.endswith(")")):
        return False
    try:
        return ast.dump(ast.parse(text[1:-1].strip(), mode="eval")) == ast.dump(ast.parse(text, mode="eval"))
    except SyntaxError:
        return False
