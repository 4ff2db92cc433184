"""Logarithms of the sigmoid in the form that neither loses digits nor overflows.

    log(1 / (1 + exp(-z)))      =  -logaddexp(0, -z)
    log(1 - 1 / (1 + exp(-z)))  =  -logaddexp(0, z)

The left sides are -inf where the sigmoid rounds to 0, or to 1; the right sides are right for every z.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Equation, Program
from .rewrite import Edit, rewrite


def stable_logarithms(program: Program) -> Program:
    """The logarithms of sigmoids, and of one minus them, in their stable forms."""

    def rule(equation: Equation, edit: Edit) -> Any:
        if equation.operation != "log":
            return None
        inside = equation.arguments[0]
        minus_z = sigmoid_of(inside, edit)
        if minus_z is not None:
            return edit.apply(np.negative, edit.apply(np.logaddexp, 0, minus_z))
        rest = edit.maker(inside, "subtract")
        if rest is None or edit.number(rest.arguments[0]) != 1:
            return None
        minus_z = sigmoid_of(rest.arguments[1], edit)
        if minus_z is None:
            return None
        opposite = edit.maker(minus_z, "negative")
        z = opposite.arguments[0] if opposite is not None else edit.apply(np.negative, minus_z)
        return edit.apply(np.negative, edit.apply(np.logaddexp, 0, z))

    return rewrite(program, rule)


def softmax_quotients(program: Program) -> Program:
    """The exponential of a log_softmax as a quotient of what it was computed from.

    exp(x - log(s))  =  exp(x) / s        where s is a sum of exp(x), and x is at most 0: a maximum was subtracted
    """

    def rule(equation: Equation, edit: Edit) -> Any:
        difference = edit.maker(equation.arguments[0], "subtract") if equation.operation == "exp" else None
        logarithm = edit.maker(difference.arguments[1], "log") if difference is not None else None
        if difference is None or logarithm is None:
            return None
        x = difference.arguments[0]
        shifted = edit.maker(x, "subtract")
        if shifted is None or not any(edit.maker(shifted.arguments[1], name) for name in ("max", "where")):
            return None
        total = edit.maker(logarithm.arguments[0], "sum")
        known = edit.maker(total.arguments[0], "exp") if total is not None else None
        if total is None or known is None or known.arguments[0] is not x:
            return None
        return edit.apply(np.divide, known.output, total.output)

    return rewrite(program, rule)


def sigmoid_of(value: Any, edit: Edit) -> Any:
    """The x in 1 / (1 + exp(x)), or None."""
    quotient = edit.maker(value, "divide")
    return None if quotient is None else exponent_of_sigmoid(quotient, edit)


def exponent_of_sigmoid(quotient: Equation, edit: Edit) -> Any:
    """The x of an equation 1 / (1 + exp(x)), or None if it is any other."""
    if quotient.operation != "divide" or edit.number(quotient.arguments[0]) != 1:
        return None
    total = edit.maker(quotient.arguments[1], "add")
    if total is None:
        return None
    for one, other in (total.arguments, total.arguments[::-1]):
        power = edit.maker(other, "exp")
        if edit.number(one) == 1 and power is not None:
            return power.arguments[0]
    return None
