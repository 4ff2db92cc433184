"""Products of matrices, of the operands as they lie: (a b)' is b' a', and nothing is transposed but views."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Equation, Program
from .rewrite import Edit, rewrite


def transposed_products(program: Program) -> Program:
    """A transposed product of two matrices as the product of the transposed, where that is its only use."""

    def rule(equation: Equation, edit: Edit) -> Any:
        if equation.operation == "matmul" and not equation.keywords:
            a, b = equation.arguments
            # As the library's own product does: np.dot is faster where one of two matrices is a column or a row.
            return edit.apply(np.dot, a, b) if a.ndim == b.ndim == 2 and a.dtype == b.dtype else None
        if equation.operation != "transpose" or len(equation.arguments) > 1:
            return None
        product = edit.maker(equation.arguments[0], "dot")
        if product is None or not edit.is_used_once(equation.arguments[0]):
            return None
        a, b = product.arguments
        if not a.ndim == b.ndim == 2:
            return None
        return edit.apply(np.dot, _transposed(b, edit), _transposed(a, edit))

    return rewrite(program, rule)


def _transposed(x: Any, edit: Edit) -> Any:
    inner = edit.maker(x, "transpose")
    return inner.arguments[0] if inner is not None and len(inner.arguments) == 1 else edit.apply(np.transpose, x)
