"""The steps of a loop done at once, where they do not wait for each other.

    h[0] = tanh(W @ X[:, 0:1] + …), h[1] = tanh(W @ X[:, 1:2] + …)   →   P = W @ X, h[0] = tanh(P[:, 0:1] + …), …

What is done alike to the pieces of one array, be it an elementwise operation, a sum, or a product with one and the
same matrix, is done to the array, and the pieces are taken of the result. So are products of one matrix with columns
that are known before any of the products is needed: the columns are joined first.
"""

from __future__ import annotations

import dataclasses
from operator import getitem
from typing import Any

import numpy as np

from ...ir import Equation, Program, Variable
from ..rewrite import Edit, ancestors, in_order, is_over_axes
from .pieces import FEWEST, THIN, Piece, index_of, parts_of, pieces_of, taken

_EQUALITIES = ("equal", "not_equal")


def batched(program: Program) -> Program:
    """The program with the steps of its loops joined where that can be."""
    while True:
        step = _Steps(program)
        equations = step.joined()
        if equations is None:
            return program
        program = _with(program, equations, step.removed)


class _Steps:
    """A search for equations that can be one."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.made_by = program.made_by
        self.edit = Edit(program)
        known, parts = pieces_of(program), parts_of(program)
        self.late = parts.keys() - known.keys()
        self.pieces = {**parts, **known}
        self.removed: set[Equation] = set()

    def joined(self) -> list[Equation] | None:
        """The equations that stand instead of `removed`, or None if nothing can be joined."""
        groups: dict[Any, list[tuple[int, Equation]]] = {}
        products: dict[Any, list[Equation]] = {}
        # Products that are compared are computed alike: within a larger one they would be rounded otherwise.
        compared = {value for one in self.program.equations if one.operation in _EQUALITIES for value in one.inputs}
        for equation in self.program.equations:
            if equation.operation == "dot" and not compared.isdisjoint(equation.outputs):
                continue
            key = self._key(equation)
            if key is not None:
                groups.setdefault(key[1:], []).append((key[0], equation))
            elif equation.operation == "dot":
                for side, other in enumerate(equation.arguments):
                    thin = equation.arguments[1 - side]
                    if all(isinstance(one, Variable) and one.ndim == 2 for one in (thin, other)) and thin.shape[
                        1 - side
                    ] <= THIN < min(thin.size, other.size):
                        products.setdefault((other, side, thin.shape, thin.dtype), []).append(equation)
        for members in groups.values():
            run = _longest_run(sorted(members, key=lambda member: member[0]), self._width(members[0][1]))
            waits = any(value in self.late for equation in run for value in equation.inputs)
            if len(run) < FEWEST or (waits and (self.removed or not self._is_known_before(run))):
                continue
            self.removed.update(run)
            self._as_one(run)
            if waits:
                break
        if self.removed:
            return self.edit.equations
        for (_, side, _, _), alike in products.items():
            if len(alike) >= FEWEST and self._are_independent(alike, side):
                self.removed = set(alike)
                self._product(alike, side)
                return self.edit.equations
        return None

    # Which equations are alike.

    def _key(self, equation: Equation) -> Any:
        """The start of an equation's piece, and what is the same for all that can be joined with it."""
        if self.pieces.keys().isdisjoint(equation.inputs) or len(equation.outputs) > 1:
            return None
        if isinstance(equation.function, np.ufunc) and equation.keywords:
            return None
        pieces = [self.pieces.get(value) if isinstance(value, Variable) else None for value in equation.arguments]
        found = [piece for piece in pieces if piece is not None]
        if not found or not self._can_be_joined(equation, pieces, found):
            return None
        first = found[0].start
        operands = tuple(
            (piece.base, piece.start - first) if piece is not None else _hashable(value)
            for piece, value in zip(pieces, equation.arguments, strict=True)
        )
        options = tuple((name, repr(value)) for name, value in equation.keywords.items())
        kind = (found[0].axis, found[0].width, found[0].dropped)
        return (first, equation.operation, operands, options, kind, equation.ignores)

    def _can_be_joined(self, equation: Equation, pieces: list[Piece | None], found: list[Piece]) -> bool:
        one = found[0]
        if any((piece.axis, piece.width, piece.dropped) != (one.axis, one.width, one.dropped) for piece in found):
            return False
        if equation.operation == "assume":
            return True
        output = equation.output
        if equation.operation == "dot":
            a, b = equation.arguments
            if len(found) > 1 or one.dropped or a.ndim != 2 or b.ndim != 2:
                return False
            return one.axis == (0 if pieces[0] is not None else 1)
        if equation.operation in ("sum", "max", "min"):
            if not is_over_axes(equation) or one.dropped:
                return False
            axis = equation.keywords.get("axis")
            if axis is None:
                return one.width == 1 and not equation.keywords.get("keepdims") and equation.operation == "sum"
            return (
                isinstance(axis, int) and axis % one.base.ndim != one.axis and bool(equation.keywords.get("keepdims"))
            )
        if not _is_elementwise(equation) or not output.shape:
            return False
        if one.dropped:
            return one.axis == 0 and all(value.ndim == output.ndim for value in equation.inputs if value in self.pieces)
        for value in equation.inputs:
            if value in self.pieces and value.ndim != output.ndim:
                return False
            reaches = value not in self.pieces and value.ndim >= output.ndim - one.axis
            if reaches and value.shape[one.axis - output.ndim] != 1:
                return False
        return True

    def _width(self, equation: Equation) -> int:
        return next(self.pieces[value].width for value in equation.inputs if value in self.pieces)

    # Which can be joined without waiting for each other.

    def _is_known_before(self, run: list[Equation]) -> bool:
        """Whether all parts of a joined array are known before any of these equations is needed."""
        bases = {self.pieces[value].base for equation in run for value in equation.inputs if value in self.late}
        if not bases:
            return True
        needed = ancestors(bases, self.made_by)
        return needed.isdisjoint(run)

    def _are_independent(self, equations: list[Equation], side: int) -> bool:
        needed = ancestors((equation.arguments[1 - side] for equation in equations), self.made_by)
        return needed.isdisjoint(equations)

    # The one instead of many.

    def _as_one(self, run: list[Equation]) -> None:
        edit = self.edit
        edit.current = first = run[0]
        arguments: list[Any] = []
        piece: Any = None
        for value in first.arguments:
            if not isinstance(value, Variable) or value not in self.pieces:
                arguments.append(value)
                continue
            piece = self.pieces[value]
            arguments.append(taken(piece, piece.width * len(run), edit))
        keywords = dict(first.keywords)
        if first.operation == "assume":
            edit.add(Equation("assume", first.function, tuple(arguments), {}, (), first.line, first.ignores))
            return
        is_total = first.operation == "sum" and keywords.get("axis") is None
        if is_total:
            others = tuple(axis for axis in range(piece.base.ndim) if axis != piece.axis)
            keywords["axis"] = others[0] if len(others) == 1 else others
        whole = edit.apply(first.function, *arguments, **keywords)
        axis = 0 if is_total else piece.axis
        for number, equation in enumerate(run):
            start = number * piece.width
            index: Any = number if is_total or piece.dropped else index_of(axis, start, start + piece.width)
            edit.add(Equation("getitem", getitem, (whole, index), {}, equation.outputs, equation.line))

    def _product(self, equations: list[Equation], side: int) -> None:
        edit = self.edit
        edit.current = equations[0]
        axis = 1 - side
        columns = edit.apply(np.concatenate, [equation.arguments[1 - side] for equation in equations], axis=axis)
        other = equations[0].arguments[side]
        whole = edit.apply(np.dot, *((other, columns) if side == 0 else (columns, other)))
        width = columns.shape[axis] // len(equations)
        for number, equation in enumerate(equations):
            index = index_of(axis, number * width, (number + 1) * width)
            edit.add(Equation("getitem", getitem, (whole, index), {}, equation.outputs, equation.line))


def _is_elementwise(equation: Equation) -> bool:
    function = equation.function
    return (isinstance(function, np.ufunc) and function.signature is None) or equation.operation == "where"


def _hashable(value: Any) -> Any:
    return value if isinstance(value, Variable) else (type(value), repr(value))


def _longest_run(members: list[tuple[int, Equation]], width: int) -> list[Equation]:
    """The longest part of these equations, sorted by the start of their pieces, whose pieces lie side by side."""
    best = 0, 0
    begin, expected = 0, None
    for number, (start, _) in enumerate(members):
        if start != expected:
            begin = number
        expected = start + width
        if number + 1 - begin > best[1] - best[0]:
            best = begin, number + 1
    return [equation for _, equation in members[slice(*best)]]


def _with(program: Program, equations: list[Equation], removed: set[Equation]) -> Program:
    """The program with some equations instead of others, each after what it needs."""
    first = min(number for number, equation in enumerate(program.equations) if equation in removed)
    everything = [(number, equation) for number, equation in enumerate(program.equations) if equation not in removed]
    everything += [(first, equation) for equation in equations]
    return dataclasses.replace(program, equations=tuple(in_order(everything)))
