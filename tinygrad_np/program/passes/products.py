"""Products of matrices, of the operands as they lie: (a b)' is b' a', and nothing is transposed but views."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Equation, Program
from ..rewrite import Edit, rewrite


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


THIN = 8
"""Up to this many columns a product of matrices is an outer product, which costs more to call than to compute."""


def stacked_products(program: Program) -> Program:
    """A sum of many thin products as one: a1 b1 + a2 b2 + a3 b3 = (a1 a2 a3) (b1 b2 b3)', the parts side by side.

    So are the gradients of a weight that is used again at each step of a sequence.
    """
    uses = program.uses()
    inner = {
        operand
        for equation in program.equations
        if equation.operation == "add"
        for operand in equation.inputs
        if uses[operand] == 1
    }

    def rule(equation: Equation, edit: Edit) -> Any:
        if equation.operation != "add" or equation.output in inner:
            return None
        products, others = [], []
        waiting = list(reversed(equation.arguments))
        while waiting:
            term = waiting.pop()
            total = edit.maker(term, "add") if uses.get(term, 0) == 1 else None
            product = edit.maker(term, "dot") if uses.get(term, 0) == 1 else None
            if total is not None and term.shape == equation.output.shape and term.dtype == equation.output.dtype:
                waiting += reversed(total.arguments)
            elif product is not None and _is_thin(product) and term.dtype == equation.output.dtype:
                products.append(product)
            else:
                others.append(term)
        if len(products) < 3 or products[0].output.shape != equation.output.shape:
            return None
        left = edit.apply(np.concatenate, [product.arguments[0] for product in products], axis=1)
        right = edit.apply(np.concatenate, [product.arguments[1] for product in products], axis=0)
        result = edit.apply(np.dot, left, right)
        for other in others:
            result = edit.apply(np.add, result, other)
        return result

    return rewrite(program, rule)


def _is_thin(product: Equation) -> bool:
    a, b = product.arguments
    return bool(a.ndim == b.ndim == 2 and a.shape[1] <= THIN < min(product.output.shape) and a.dtype == b.dtype)
