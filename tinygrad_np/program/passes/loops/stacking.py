"""A sum of many thin products as one product: the gradients of a weight that is used at each step of a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...ir import Equation, Program, Variable
from ..rewrite import Edit, rewrite
from .pieces import FEWEST, THIN, added, inner_sums, pieces_of, terms_of


def stacked_products(program: Program) -> Program:
    """A sum of many thin products as one: a1 b1 + a2 b2 + a3 b3 = (a1 a2 a3) (b1 b2 b3)', the parts side by side.

    So are the gradients of a weight that is used again at each step of a sequence.
    """
    uses = program.uses
    pieces, made_by, inner = pieces_of(program), program.made_by, inner_sums(program, {"add"})
    order = {output: number for number, equation in enumerate(program.equations) for output in equation.outputs}

    def known_when(product: Equation) -> tuple[int, int]:
        """When the right operand is known, or what it is a piece of: equal sums are ordered alike."""
        operand = product.arguments[1]
        operand = made_by[operand].arguments[0] if _is_transposed(operand, made_by) else operand
        piece = pieces.get(operand)
        return (order.get(operand, -1), 0) if piece is None else (order.get(piece.base, -1), piece.start)

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
        products.sort(key=known_when)
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
