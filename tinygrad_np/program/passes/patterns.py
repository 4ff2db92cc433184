"""Patterns: an expression that an equation may be, written as Python writes it, and what stands for it instead.

    rule = Rule("x + -y", "x - y", sign_of_its_own)
    rule(equation, edit)            the variable of x - y, or None if the equation is not such a sum

Letters stand for any value, the same letter for the same value. Sums and products match in both orders; a number
matches an array of that number alone as well. `(s := sum(x, **how))` names a part, and the options of a function.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
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


class Expression(NamedTuple):
    """What a pattern says: an operation on operands, or else a letter or a number; a part may have a letter too."""

    operation: str = ""
    operands: tuple[Expression, ...] = ()
    letter: str = ""
    number: Any = None
    options: str = ""

    def may_be(self, value: Any, edit: Edit) -> bool:
        """Whether a value is of this operation, or this number."""
        if self.operation:
            maker = edit.made_by.get(value) if isinstance(value, Variable) else None
            return maker is not None and maker.operation == self.operation
        return bool(self.letter) or edit.number(value) == self.number


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
        self.tree = _read(ast.parse(text, mode="eval").body)
        self.operation = self.tree.operation

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
        self.result = _read(ast.parse(result, mode="eval").body)
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


def _read(tree: ast.expr) -> Expression:
    if isinstance(tree, ast.NamedExpr):
        return _read(tree.value)._replace(letter=tree.target.id)
    if isinstance(tree, ast.Name):
        return Expression(letter=tree.id)
    if isinstance(tree, ast.BinOp):
        return Expression(_OPERATIONS[type(tree.op)], (_read(tree.left), _read(tree.right)))
    if isinstance(tree, ast.UnaryOp) and not isinstance(tree.operand, ast.Constant):
        return Expression(_OPERATIONS[type(tree.op)], (_read(tree.operand),))
    if isinstance(tree, ast.Call):
        options = ast.unparse(tree.keywords[0].value) if tree.keywords else ""
        return Expression(ast.unparse(tree.func), tuple(map(_read, tree.args)), options=options)
    return Expression(number=ast.literal_eval(tree))


def _of_equation(tree: Expression, equation: Equation, found: _Found, edit: Edit) -> Iterator[_Found]:
    operands = tree.operands
    if equation.operation != tree.operation or len(equation.arguments) != len(operands):
        return
    names, within = found
    if tree.options:
        names = {**names, tree.options: dict(equation.keywords)}
    elif equation.keywords:
        return
    orders = [equation.arguments]
    if tree.operation in _COMMUTES and equation.arguments[0] is not equation.arguments[1]:
        orders.append(equation.arguments[::-1])
    for arguments in orders:
        if all(operand.may_be(value, edit) for operand, value in zip(operands, arguments, strict=True)):
            yield from _of_values(operands, arguments, (names, (*within, equation)), edit)


def _of_values(operands: Sequence[Expression], values: Sequence[Any], found: _Found, edit: Edit) -> Iterator[_Found]:
    if not operands:
        yield found
        return
    for one in _of_value(operands[0], values[0], found, edit):
        yield from _of_values(operands[1:], values[1:], one, edit)


def _of_value(tree: Expression, value: Any, found: _Found, edit: Edit) -> Iterator[_Found]:
    """The ways in which a value that may be an expression is."""
    names, within = found
    if tree.operation:
        for inner, more in _of_equation(tree, edit.made_by[value], found, edit):
            yield {**inner, tree.letter: value}, more
    elif not tree.letter or names.get(tree.letter, value) is value:
        yield ({**names, tree.letter: value}, within)
    elif edit.number(value) is not None and edit.number(value) == edit.number(names[tree.letter]):
        yield found


def _built(tree: Expression, names: Names, edit: Edit) -> Any:
    if not tree.operation:
        return names[tree.letter] if tree.letter else tree.number
    options = names[tree.options] if tree.options else {}
    return edit.apply(getattr(np, tree.operation), *(_built(one, names, edit) for one in tree.operands), **options)


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
