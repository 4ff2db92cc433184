"""Patterns: an expression that an equation may be, written as Python writes it, and what stands for it instead.

    rule = Rule("x + -y", "x - y", sign_of_its_own)
    rule(equation, edit)            the variable of x - y, or None if the equation is not such a sum

Letters stand for any value, the same letter for the same value. Sums and products match in both orders; a number
matches an array of that number alone as well. `(s := sum(x, **how))` names a part, and the options of a function.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..ir import Equation, Variable
from .rewrite import Edit, can_stand_for

_OPERATIONS = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide", ast.Pow: "power",
    ast.USub: "negative", ast.UAdd: "positive",
}  # fmt: skip
_COMMUTES = {"add", "logaddexp", "multiply"}
Names = dict[str, Any]


class Match(NamedTuple):
    """An equation that is what a pattern says: what the letters stand for, and the equations within it."""

    equation: Equation
    edit: Edit
    names: Names
    within: tuple[Equation, ...]


Condition = Callable[[Match], bool]


class Pattern:
    """An expression to look for."""

    def __init__(self, text: str) -> None:
        self.tree = ast.parse(text, mode="eval").body
        self.operation, _ = _applied(self.tree)

    def matches(self, equation: Equation, edit: Edit) -> Iterator[Match]:
        """All ways in which an equation is this expression."""
        if equation.operation == self.operation:
            for names, within in _of_equation(self.tree, equation, ({}, ()), edit):
                yield Match(equation, edit, names, within[1:])

    def match(self, equation: Equation | None, edit: Edit) -> Names | None:
        """What the letters stand for, or None if the equation is another expression."""
        found = next(self.matches(equation, edit), None) if equation is not None else None
        return None if found is None else found.names


class Rule(Pattern):
    """An expression, what stands for it, and the conditions on which it does."""

    def __init__(self, text: str, result: str, *conditions: Condition) -> None:
        super().__init__(text)
        self.text = f"{text}  →  {result}"
        self.result = ast.parse(result, mode="eval").body
        self.conditions = conditions

    def __call__(self, equation: Equation, edit: Edit) -> Any:
        """What stands for the output of an equation, or None."""
        for match in self.matches(equation, edit):
            if all(condition(match) for condition in self.conditions):
                known = len(edit.equations)
                new = _built(self.result, match.names, edit)
                if can_stand_for(new, equation):
                    return new
                del edit.equations[known:]
        return None


def first_of(rules: dict[str, list[Rule]], equation: Equation, edit: Edit) -> Any:
    """What the first rule that holds for an equation puts in its place, or None."""
    results = (rule(equation, edit) for rule in rules.get(equation.operation, ()))
    return next((new for new in results if new is not None), None)


def by_operation(rules: tuple[Rule, ...]) -> dict[str, list[Rule]]:
    """The rules by the operation that they look for."""
    return {first.operation: [rule for rule in rules if rule.operation == first.operation] for first in rules}


_Found = tuple[Names, tuple[Equation, ...]]


def _applied(tree: ast.expr) -> tuple[str, list[ast.expr]]:
    """The operation of an expression and its operands; no operation for a letter or a number."""
    if isinstance(tree, ast.BinOp):
        return _OPERATIONS[type(tree.op)], [tree.left, tree.right]
    if isinstance(tree, ast.UnaryOp) and not isinstance(tree.operand, ast.Constant):
        return _OPERATIONS[type(tree.op)], [tree.operand]
    return (tree.func.id, tree.args) if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) else ("", [])


def _of_equation(tree: ast.expr, equation: Equation, found: _Found, edit: Edit) -> Iterator[_Found]:
    operation, operands = _applied(tree)
    if equation.operation != operation or len(equation.arguments) != len(operands):
        return
    names, within = found
    options = [keyword.value for keyword in getattr(tree, "keywords", ())]
    if options and isinstance(options[0], ast.Name):
        names = {**names, options[0].id: dict(equation.keywords)}
    elif equation.keywords:
        return
    orders = [equation.arguments]
    if operation in _COMMUTES and equation.arguments[0] is not equation.arguments[1]:
        orders.append(equation.arguments[::-1])
    for arguments in orders:
        ways: Iterator[_Found] = iter([(names, (*within, equation))])
        for operand, argument in zip(operands, arguments, strict=True):
            ways = _each(partial(_of_value, operand, argument, edit), ways)
        yield from ways


def _each(step: Callable[[_Found], Iterator[_Found]], ways: Iterator[_Found]) -> Iterator[_Found]:
    for found in ways:
        yield from step(found)


def _of_value(tree: ast.expr, value: Any, edit: Edit, found: _Found) -> Iterator[_Found]:
    names, within = found
    if isinstance(tree, ast.NamedExpr):
        for inner, more in _of_value(tree.value, value, edit, found):
            yield {**inner, tree.target.id: value}, more
    elif isinstance(tree, ast.Name):
        if tree.id not in names:
            yield {**names, tree.id: value}, within
        elif names[tree.id] is value or (
            edit.number(value) is not None and edit.number(value) == edit.number(names[tree.id])
        ):
            yield found
    elif isinstance(value, Variable) and _applied(tree)[0]:
        maker = edit.made_by.get(value)
        if maker is not None:
            yield from _of_equation(tree, maker, found, edit)
    elif not _applied(tree)[0] and edit.number(value) == ast.literal_eval(tree):
        yield found


def _built(tree: ast.expr, names: Names, edit: Edit) -> Any:
    if isinstance(tree, ast.Name):
        return names[tree.id]
    operation, operands = _applied(tree)
    if not operation:
        return ast.literal_eval(tree)
    options = names[tree.keywords[0].value.id] if getattr(tree, "keywords", ()) else {}  # type: ignore[attr-defined]
    return edit.apply(getattr(np, operation), *(_built(operand, names, edit) for operand in operands), **options)


# Conditions.


def floating(match: Match) -> bool:
    """The result is a floating number."""
    return bool(match.equation.output.dtype.kind == "f")


def used_once(match: Match) -> bool:
    """Nothing else reads what is computed within the expression."""
    return all(match.edit.is_used_once(equation.output) for equation in match.within)


def sign_of_its_own(match: Match) -> bool:
    """Signs within the expression are read by nothing else, and may be left out.

    The negative of an unsigned 1 is 255 in a sum that counts further, that of a small integer may wrap around as well.
    """
    signs = [equation.output for equation in match.within if equation.operation == "negative"]
    exact = (match.equation.output.dtype, np.dtype(np.int64))
    return all(match.edit.is_used_once(sign) and (sign.dtype.kind == "f" or sign.dtype in exact) for sign in signs)


def in_order(match: Match) -> bool:
    """The operands x and y, or one of them and the other's sign, stand in this order."""
    first, second = match.equation.arguments
    return first is match.names["x"] or second is match.names["y"]
