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
from .patterns import Pattern
from .rewrite import Edit, rewrite

SIGMOID, SOFTPLUS = Pattern("1 / (1 + exp(z))"), Pattern("logaddexp(0, z)")
CROSS_ENTROPY = Pattern("y * logaddexp(0, minus) + rest * logaddexp(0, z)")


def shared_exponentials(program: Program) -> Program:
    """The logarithms of a sigmoid, of one minus it, their cross-entropy and the sigmoid, by one exp and one log1p."""
    before = Edit(program)

    def exponent_in(pattern: Pattern, equation: Equation) -> Any:
        """The z of a pattern, or None."""
        exponent = (pattern.match(equation, before) or {}).get("z")
        return exponent if isinstance(exponent, Variable) else None

    found: dict[Variable, set[Variable]] = {}
    for equation in program.equations:
        exponent = exponent_in(SOFTPLUS, equation)
        if exponent is not None and exponent.dtype == equation.output.dtype:
            found.setdefault(_unsigned(exponent, before), set()).add(exponent)
    shared = {root for root, exponents in found.items() if len(exponents) > 1}

    def rule(equation: Equation, edit: Edit) -> Any:
        equation = before.made_by[equation.output]
        exponent = exponent_in(SOFTPLUS, equation)
        if exponent is not None and _unsigned(exponent, before) in shared:
            logarithm = _logarithm(_unsigned(exponent, before), edit)
            return edit.apply(np.add, edit.apply(np.maximum, exponent, 0), logarithm)
        if equation.operation == "add":
            return _cross_entropy(equation, before, shared, edit)
        opposite = exponent_in(SIGMOID, equation)
        if opposite is None or _unsigned(opposite, before) not in shared:
            return None
        root = _unsigned(opposite, before)
        small = _exponential(root, edit)
        sign = np.less_equal if opposite is root else np.greater_equal
        return edit.apply(
            np.divide, edit.apply(np.maximum, small, edit.apply(sign, root, 0)), edit.apply(np.add, 1, small)
        )

    return rewrite(program, rule)


def _unsigned(z: Variable, before: Edit) -> Variable:
    """z, or what it is the negative of."""
    minus = before.maker(z, "negative")
    return minus.inputs[0] if minus is not None else z


def _exponential(z: Variable, edit: Edit) -> Variable:
    return edit.apply(np.exp, edit.apply(np.negative, edit.apply(np.absolute, z)))


def _logarithm(z: Variable, edit: Edit) -> Variable:
    return edit.apply(np.log1p, _exponential(z, edit))


def _cross_entropy(equation: Equation, before: Edit, shared: set[Variable], edit: Edit) -> Any:
    """y logaddexp(0, -z) + (1 - y) logaddexp(0, z), or None if the sum is another."""
    for match in CROSS_ENTROPY.matches(equation, before):
        y, rest, z, minus = (match.names[name] for name in ("y", "rest", "z", "minus"))
        if not all(isinstance(value, Variable) for value in (y, rest, z, minus)) or not _is_rest_of(rest, y, before):
            continue
        root = _unsigned(z, before)
        if z is minus or root not in shared or _unsigned(minus, before) is not root:
            continue
        if (z.shape, z.dtype) != (equation.output.shape, equation.output.dtype):
            continue
        if y.dtype.kind in "ib":
            linear = edit.apply(np.subtract, edit.apply(np.maximum, z, 0), edit.apply(np.multiply, y, z))
        else:
            above = edit.apply(np.multiply, rest, edit.apply(np.maximum, z, 0))
            linear = edit.apply(np.add, edit.apply(np.multiply, y, edit.apply(np.maximum, minus, 0)), above)
        return edit.apply(np.add, linear, _logarithm(root, edit))
    return None


def _is_rest_of(rest: Variable, y: Variable, edit: Edit) -> bool:
    """Whether this is 1 - y."""
    if rest in edit.constants and y in edit.constants:
        return np.array_equal(edit.constants[rest], 1 - np.asarray(edit.constants[y]))
    maker = edit.maker(rest, "subtract")
    return maker is not None and maker.arguments[1] is y and edit.number(maker.arguments[0]) == 1
