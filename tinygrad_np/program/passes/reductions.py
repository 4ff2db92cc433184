"""Sums as products of matrices, which BLAS adds up several times faster than NumPy's sum does.

sum(x, axis=0, keepdims=True) = ones @ x          sum(x * y) = x · y
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Equation, Program, Variable
from .rewrite import Edit, is_over_axes, rewrite

LONGEST = 1024
"""Elements up to which a product adds them up as accurately as NumPy's sum, which halves longer ones."""


def summed_products(program: Program) -> Program:
    """Sums of vectors, and over the rows or columns of a matrix, as products; factors are taken out of a sum."""

    def rule(equation: Equation, edit: Edit) -> Any:
        if equation.operation != "sum" or not is_over_axes(equation):
            return None
        x, output = equation.inputs[0], equation.output
        if x.dtype != output.dtype or x.dtype.char not in "fd" or x.size < 2:
            return None
        if equation.keywords.get("axis") is None and not equation.keywords.get("keepdims"):
            return _total(x, edit)
        return _over_an_axis(x, equation, edit) if x.ndim == 2 else None

    return rewrite(program, rule)


def _total(x: Variable, edit: Edit) -> Any:
    """The sum of all elements."""
    maker = edit.made_by.get(x) if edit.is_used_once(x) else None
    if maker is not None and maker.operation == "divide" and isinstance(maker.arguments[1], int | float):
        inner = maker.inputs[0]
        if inner.dtype == x.dtype:
            return edit.apply(np.divide, _total(inner, edit) or edit.apply(np.sum, inner), maker.arguments[1])
    if x.size > LONGEST or max(x.shape) != x.size:
        return None
    operands: tuple[Any, ...] = (x, _ones((1, x.size), x.dtype, edit))
    if maker is not None and maker.operation in ("square", "multiply"):
        factors = maker.arguments * (2 if maker.operation == "square" else 1)
        if all(isinstance(one, Variable) and (one.shape, one.dtype) == (x.shape, x.dtype) for one in factors):
            operands = factors
    return edit.apply(np.dot, *[one if one.ndim == 1 else edit.apply(np.reshape, one, (one.size,)) for one in operands])


def _over_an_axis(x: Variable, equation: Equation, edit: Edit) -> Any:
    axis = equation.keywords.get("axis")
    if axis not in (0, 1) or x.shape[axis] < 2 or (axis == 1 and x.shape[1] > LONGEST):
        return None
    if axis == 0:
        total = edit.apply(np.dot, _ones((1, x.shape[0]), x.dtype, edit), x)
    else:
        total = edit.apply(np.dot, x, _ones((x.shape[1], 1), x.dtype, edit))
    return total if equation.keywords.get("keepdims") else edit.apply(np.reshape, total, equation.output.shape)


def _ones(shape: tuple[int, ...], dtype: Any, edit: Edit) -> Variable:
    ones = Variable(shape, np.dtype(dtype))
    edit.constants[ones] = np.ones(shape, dtype)
    return ones
