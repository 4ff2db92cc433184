"""What sigmoids and their logarithms share: one exponential and one logarithm for all of them.

With e = exp(-|z|), which is at most 1 and can't overflow, and s(z) = 1 / (1 + exp(-z)):

    logaddexp(0, z) = max(z, 0) + log1p(e)          -log(1 - s(z))
    s(z)            = max(e, z >= 0) / (1 + e)

    y logaddexp(0, -z) + (1 - y) logaddexp(0, z) = y max(-z, 0) + (1 - y) max(z, 0) + log1p(e)

The last is the cross-entropy of s(z) and y. Where y is 0 or 1, it is max(z, 0) - y z + log1p(e) without rounding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Equation, Program, Variable
from .rewrite import Edit, rewrite
from .stable import exponent_of_sigmoid


def shared_exponentials(program: Program) -> Program:
    """The logarithms of a sigmoid, of one minus it, their cross-entropy and the sigmoid, by one exp and one log1p."""
    made_by = program.made_by()
    found: dict[Variable, set[Variable]] = {}
    for equation in program.equations:
        exponent = _exponent_of(equation)
        if exponent is not None and exponent.dtype == equation.output.dtype:
            found.setdefault(_unsigned(exponent, made_by), set()).add(exponent)
    shared = {root for root, exponents in found.items() if len(exponents) > 1}

    def rule(equation: Equation, edit: Edit) -> Any:
        exponent = _exponent_of(equation)
        if exponent is not None and _unsigned(exponent, made_by) in shared:
            return edit.apply(
                np.add, edit.apply(np.maximum, exponent, 0), _logarithm(_unsigned(exponent, made_by), edit)
            )
        if equation.operation == "add":
            return _cross_entropy(equation, made_by, shared, edit)
        opposite = exponent_of_sigmoid(equation, edit)
        if opposite is None or _unsigned(opposite, made_by) not in shared:
            return None
        root = _unsigned(opposite, made_by)
        small = _exponential(root, edit)
        sign = np.less_equal if opposite is root else np.greater_equal
        return edit.apply(
            np.divide, edit.apply(np.maximum, small, edit.apply(sign, root, 0)), edit.apply(np.add, 1, small)
        )

    return rewrite(program, rule)


def _exponent_of(equation: Equation) -> Any:
    """The z of logaddexp(0, z), or None."""
    if equation.operation != "logaddexp":
        return None
    for one, other in (equation.arguments, equation.arguments[::-1]):
        if isinstance(one, int | float) and one == 0 and isinstance(other, Variable):
            return other
    return None


def _unsigned(z: Variable, made_by: dict[Variable, Equation]) -> Variable:
    """z, or what it is the negative of."""
    maker = made_by.get(z)
    return maker.inputs[0] if maker is not None and maker.operation == "negative" else z


def _exponential(z: Variable, edit: Edit) -> Variable:
    return edit.apply(np.exp, edit.apply(np.negative, edit.apply(np.absolute, z)))


def _logarithm(z: Variable, edit: Edit) -> Variable:
    return edit.apply(np.log1p, _exponential(z, edit))


def _cross_entropy(equation: Equation, made_by: dict[Variable, Equation], shared: set[Variable], edit: Edit) -> Any:
    """y logaddexp(0, -z) + (1 - y) logaddexp(0, z), or None if the sum is another."""
    terms = [made_by.get(argument) if isinstance(argument, Variable) else None for argument in equation.arguments]
    factors = []
    for term in terms:
        if term is None or term.operation != "multiply":
            return None
        for weight, softplus in (term.arguments, term.arguments[::-1]):
            maker = made_by.get(softplus) if isinstance(softplus, Variable) else None
            exponent = _exponent_of(maker) if maker is not None else None
            if exponent is not None and isinstance(weight, Variable):
                factors.append((weight, exponent))
    if len(factors) != 2:
        return None
    (y, minus_z), (rest, z) = factors if _is_rest_of(factors[1][0], factors[0][0], edit) else factors[::-1]
    root = _unsigned(z, made_by)
    if not _is_rest_of(rest, y, edit) or z is minus_z or root not in shared or _unsigned(minus_z, made_by) is not root:
        return None
    if z.shape != equation.output.shape or z.dtype != equation.output.dtype:
        return None
    if y.dtype.kind in "ib":
        linear = edit.apply(np.subtract, edit.apply(np.maximum, z, 0), edit.apply(np.multiply, y, z))
    else:
        above = edit.apply(np.multiply, rest, edit.apply(np.maximum, z, 0))
        linear = edit.apply(np.add, edit.apply(np.multiply, y, edit.apply(np.maximum, minus_z, 0)), above)
    return edit.apply(np.add, linear, _logarithm(root, edit))


def _is_rest_of(rest: Variable, y: Variable, edit: Edit) -> bool:
    """Whether this is 1 - y."""
    if rest in edit.constants and y in edit.constants:
        return np.array_equal(edit.constants[rest], 1 - np.asarray(edit.constants[y]))
    maker = edit.maker(rest, "subtract")
    return maker is not None and maker.arguments[1] is y and edit.number(maker.arguments[0]) == 1
