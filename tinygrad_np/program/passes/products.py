"""Products of matrices, of the operands as they lie: (a b)' is b' a', and nothing is transposed but views."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..ir import Equation, Program, Variable
from .loops.pieces import FEWEST, THIN, added, pieces_of, terms_of
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
    pieces = pieces_of(program)
    order = {output: place for place, equation in enumerate(program.equations) for output in equation.outputs}

    def place(product: Equation) -> tuple[int, int]:
        """When the right operand is known, or what it is a piece of: equal sums are ordered alike."""
        operand = product.arguments[1]
        operand = program_made_by[operand].arguments[0] if _is_transposed(operand, program_made_by) else operand
        piece = pieces.get(operand)
        return (order.get(operand, -1), 0) if piece is None else (order.get(piece.base, -1), piece.start)

    program_made_by = program.made_by()

    def rule(equation: Equation, edit: Edit) -> Any:
        if equation.operation != "add" or equation.output in inner:
            return None
        products, others = [], []
        for sign, term in terms_of(equation, edit, uses):
            product = edit.maker(term, "dot") if sign > 0 and uses.get(term, 0) == 1 else None
            if product is not None and _is_thin(product) and term.dtype == equation.output.dtype:
                products.append(product)
            else:
                others.append((sign, term))
        if len(products) < FEWEST or products[0].output.shape != equation.output.shape:
            return None
        products.sort(key=place)
        left = _side_by_side([product.arguments[0] for product in products], 1, edit)
        right = _side_by_side([product.arguments[1] for product in products], 0, edit)
        return added([(1, edit.apply(np.dot, left, right)), *others], edit)

    return rewrite(program, rule)


def _is_transposed(value: Any, made_by: Mapping[Variable, Equation]) -> bool:
    maker = made_by.get(value)
    return maker is not None and maker.operation == "transpose" and len(maker.arguments) == 1


def _side_by_side(parts: list[Any], axis: int, edit: Edit) -> Any:
    """Matrices joined along an axis; if all are transposed, what they are of is joined, and then transposed."""
    if all(_is_transposed(part, edit.made_by) for part in parts):
        inner = [edit.made_by[part].arguments[0] for part in parts]
        return edit.apply(np.transpose, edit.apply(np.concatenate, inner, axis=1 - axis))
    return edit.apply(np.concatenate, parts, axis=axis)


def _is_thin(product: Equation) -> bool:
    a, b = product.arguments
    return bool(a.ndim == b.ndim == 2 and a.shape[1] <= THIN < min(product.output.shape) and a.dtype == b.dtype)
