"""Algebra as a table: what a program computes, and what it computes instead.

`EXACT` changes no bit but a zero's sign. `STABLE` changes the last digits for the better: its left sides lose them
where a sigmoid is near 1, and are -inf where it rounds to 0 or 1; its right sides are right for every x. `PRODUCTS` are
of matrices.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..ir import Equation, Program
from .patterns import Match, Rule, by_operation, first_of, floating, in_order, sign_of_its_own, used_once
from .rewrite import Edit, is_over_axes, rewrite


def over_axes(match: Match) -> bool:
    """A sum has no options that change what it adds up."""
    return is_over_axes(match.equation)


def of_floating(match: Match) -> bool:
    """The value x is of floating numbers: a truth has no sign."""
    return np.dtype(getattr(match.names["x"], "dtype", bool)).kind == "f"


def of_truths(match: Match) -> bool:
    """The value c is of truths."""
    return np.dtype(getattr(match.names["c"], "dtype", float)) == np.bool


def of_matrices(match: Match) -> bool:
    """The operands a and b are matrices."""
    return all(getattr(match.names[name], "ndim", 0) == 2 for name in "ab")


def of_one_dtype(match: Match) -> bool:
    """The operands a and b are of one dtype."""
    return bool(match.names["a"].dtype == match.names["b"].dtype)


def a_maximum_was_subtracted(match: Match) -> bool:
    """The largest x is 0."""
    shifted = match.edit.maker(match.names["x"], "subtract")
    return shifted is not None and any(match.edit.maker(shifted.arguments[1], name) for name in ("max", "where"))


EXACT = (
    Rule("x * 1", "x"),
    Rule("x / 1", "x"),
    Rule("x + 0", "x"),
    Rule("x - 0", "x"),
    Rule("x ** 1", "x"),
    Rule("x ** 2", "square(x)"),
    Rule("+x", "x"),
    Rule("--x", "x"),
    Rule("x * -1", "-x", of_floating),
    Rule("-x * y", "-(x * y)", floating, sign_of_its_own, in_order),
    Rule("x * -y", "-(x * y)", floating, sign_of_its_own, in_order),
    Rule("-x / y", "-(x / y)", floating, sign_of_its_own),
    Rule("x / -y", "-(x / y)", floating, sign_of_its_own),
    Rule("-x + -y", "-(x + y)", sign_of_its_own),
    Rule("x + -y", "x - y", sign_of_its_own),
    Rule("x - -y", "x + y", sign_of_its_own),
    Rule("-(x - y)", "y - x", used_once),
    Rule("sum(-x, **how)", "-sum(x, **how)", floating, sign_of_its_own, over_axes),
    Rule("reshape(-x, shape)", "-reshape(x, shape)", used_once),
    Rule("logical_and(c, c)", "c"),
    Rule("logical_or(c, c)", "c"),
    Rule("where(c, (chosen := where(c, x, y)), y)", "chosen"),
    Rule("where(c, where(c, x, y), z)", "where(c, x, z)"),
    Rule("where(c, -where(c, x, y), z)", "where(c, -x, z)", used_once),
    Rule("where(c, where(c, x, y) * w, z)", "where(c, x * w, z)", used_once),
    Rule("where(c, where(c, x, y) / w, z)", "where(c, x / w, z)", used_once),
    Rule("not_equal(c, 0)", "c", of_truths),
    # Where the dtype, or the shape, is what it was; values never change within a program.
    Rule("astype(x, dtype)", "x"),
    Rule("broadcast_to(x, shape)", "x"),
    Rule("copy(x)", "x"),
)

STABLE = (
    Rule("log(1 / (1 + exp(x)))", "-logaddexp(0, x)"),
    Rule("log(1 - 1 / (1 + exp(-x)))", "-logaddexp(0, x)"),
    Rule("log(1 - 1 / (1 + exp(x)))", "-logaddexp(0, -x)"),
    Rule("exp(x - log(s := sum((e := exp(x)), **how)))", "e / s", a_maximum_was_subtracted),
)

PRODUCTS = (
    # As the library's own product does: np.dot is faster where one of two matrices is a column or a row.
    Rule("matmul(a, b)", "dot(a, b)", of_matrices, of_one_dtype),
    # Of the operands as they lie: nothing is transposed but views.
    Rule("transpose(dot(a, b))", "dot(transpose(b), transpose(a))", used_once, of_matrices),
)

_COMPARISONS = {"equal", "greater", "greater_equal", "less", "less_equal", "not_equal"}
EXACT_RULES, _STABLE_RULES, _PRODUCT_RULES = by_operation(EXACT), by_operation(STABLE), by_operation(PRODUCTS)


def transposed_products(program: Program) -> Program:
    """Products of two matrices by np.dot; a transposed one as the product of the transposed."""
    return rewrite(program, functools.partial(first_of, _PRODUCT_RULES))


def stable_forms(program: Program) -> Program:
    """Logarithms of sigmoids that neither lose digits nor overflow; the exponential of a log_softmax as a quotient."""
    # What the function itself compares is -inf where it says so.
    tested = {read for equation in program.equations if equation.operation in _COMPARISONS for read in equation.inputs}

    def rule(equation: Equation, edit: Edit) -> Any:
        return first_of(_STABLE_RULES, equation, edit) if tested.isdisjoint(equation.outputs) else None

    return rewrite(program, rule)
