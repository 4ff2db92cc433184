"""Rows and columns of arrays: which values are pieces of one array, what it means to join or to add them up.

concatenate([P[:, 0:1], P[:, 1:2], P[:, 2:3]], axis=1)   =   P
P[:, 0:1] + P[:, 1:2] + P[:, 2:3]                        =   sum(P, axis=1, keepdims=True)
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from math import inf
from operator import getitem
from typing import Any, NamedTuple

import numpy as np

from ...ir import Equation, Program, Variable, joined_axis
from ..rewrite import Edit, ancestors, in_order, rewrite

FEWEST = 3
"""Pieces from which on it is worth to treat them as one array."""

THIN = 8
"""Up to this many columns a product of matrices costs more to call than to compute."""


class Piece(NamedTuple):
    """Rows or columns of `base`: from `start`, `width` many, along `axis`; `dropped` if that axis is gone."""

    base: Variable
    axis: int
    start: int
    width: int
    dropped: bool = False


def piece_of(equation: Equation) -> Piece | None:
    """The rows or columns that an equation takes of an array; None if it does anything else."""
    if equation.operation != "getitem":
        return None
    base, index = equation.arguments
    parts = index if isinstance(index, tuple) else (index,)
    is_known = isinstance(base, Variable) and all(isinstance(part, int | slice) for part in parts)
    if not is_known or len(parts) > base.ndim:
        return None
    cut = [axis for axis, part in enumerate(parts) if part != slice(None)]
    if len(cut) != 1:
        return None
    part, length = parts[cut[0]], base.shape[cut[0]]
    if isinstance(part, int):
        return Piece(base, cut[0], part % length, 1, True)
    if any(bound is not None and not isinstance(bound, int) for bound in (part.start, part.stop, part.step)):
        return None
    start, stop, step = part.indices(length)
    return Piece(base, cut[0], start, stop - start) if step == 1 and stop > start else None


def pieces_of(program: Program) -> dict[Variable, Piece]:
    """All values of a program that are rows or columns of another."""
    found = {equation.output: piece_of(equation) for equation in program.equations if equation.operation == "getitem"}
    return {variable: piece for variable, piece in found.items() if piece is not None}


def parts_of(program: Program) -> dict[Variable, Piece]:
    """All values that are joined to an array, as pieces of it: they are known before it is."""
    found: dict[Variable, Piece] = {}
    for equation in program.equations:
        axis = joined_axis(equation)
        if axis is not None and len(equation.arguments[0]) >= FEWEST:
            start = 0
            for part in equation.arguments[0]:
                if part.dtype == equation.output.dtype:
                    found.setdefault(part, Piece(equation.output, axis, start, part.shape[axis]))
                start += part.shape[axis]
    return found


def taken(piece: Piece, length: int, edit: Edit) -> Any:
    """The array of which a piece and those after it, `length` rows or columns in all, are taken."""
    base = edit.replaced.get(piece.base, piece.base)
    if piece.start == 0 and length == base.shape[piece.axis]:
        return base
    return edit.apply(getitem, base, index_of(piece.axis, piece.start, piece.start + length))


def index_of(axis: int, start: int, stop: int) -> Any:
    """The index of a range along an axis."""
    return (*[slice(None)] * axis, slice(start, stop))


def rejoined(program: Program) -> Program:
    """Pieces joined in their order are what they were taken from."""
    pieces = pieces_of(program)

    def rule(equation: Equation, edit: Edit) -> Any:
        axis = joined_axis(equation)
        if axis is None:
            return None
        parts = [pieces.get(part) for part in equation.arguments[0]]
        first = parts[0]
        if first is None or first.dropped or first.axis != axis:
            return None
        start = first.start
        for part in parts:
            if part is None or part.dropped or (part.base, part.axis, part.start) != (first.base, axis, start):
                return None
            start += part.width
        return taken(first, start - first.start, edit)

    return rewrite(program, rule)


def summed_pieces(program: Program) -> Program:
    """A sum of the pieces of an array, one after the other, as one sum over an axis of the array."""
    known, parts = pieces_of(program), parts_of(program)
    pieces = {**parts, **known}
    uses, made_by = program.uses, program.made_by
    inner = inner_sums(program, {"add", "subtract"})

    def rule(equation: Equation, edit: Edit) -> Any:
        if equation.operation not in ("add", "subtract") or equation.output in inner:
            return None
        families: dict[Any, dict[int, Any]] = {}
        others: list[tuple[int, Any]] = []
        for sign, term in terms_of(equation, edit, uses):
            piece = pieces.get(term) if isinstance(term, Variable) else None
            is_like = piece is not None and (term.shape, term.dtype) == (equation.output.shape, equation.output.dtype)
            if piece is None or piece.width != 1 or not is_like:
                others.append((sign, term))
                continue
            family = families.setdefault((piece.base, piece.axis, piece.dropped, sign), {})
            if piece.start in family:
                others.append((sign, term))
            else:
                family[piece.start] = (piece, term)
        result: list[tuple[int, Any]] = []
        for (base, axis, dropped, sign), members in families.items():
            starts = sorted(members)
            is_one = len(starts) >= FEWEST and starts[-1] - starts[0] == len(starts) - 1
            # Where parts are joined later, what they are joined to must not wait for this sum.
            waits = any(term not in known for _, term in members.values())
            if not is_one or (waits and made_by[equation.output] in ancestors([base], made_by)):
                others += [(sign, term) for _, term in members.values()]
                continue
            array = taken(members[starts[0]][0], len(starts), edit)
            total = (
                edit.apply(np.sum, array, axis=axis) if dropped else edit.apply(np.sum, array, axis=axis, keepdims=True)
            )
            result.append((sign, total))
        return added([*others, *result], edit) if result else None

    result = rewrite(program, rule)
    if result is program:
        return program
    return dataclasses.replace(result, equations=tuple(in_order(list(enumerate(result.equations)))))


def inner_sums(program: Program, operations: set[str]) -> set[Variable]:
    """What is computed for one sum alone, and so looked at as a part of that."""
    uses = program.uses
    sums = (equation for equation in program.equations if equation.operation in operations)
    return {operand for equation in sums for operand in equation.inputs if uses[operand] == 1}


def terms_of(equation: Equation, edit: Edit, uses: Mapping[Variable, int], most: float = inf) -> list[tuple[int, Any]]:
    """The terms of a sum with their signs, through sums computed for it alone; none of more than `most`."""
    terms: list[tuple[int, Any]] = []
    waiting = [(1, equation.output)]
    while waiting:
        if len(terms) + len(waiting) > most:
            return []
        sign, term = waiting.pop()
        inside = equation if term is equation.output else edit.maker(term, "add") or edit.maker(term, "subtract")
        wanted = equation.output
        is_same = isinstance(term, Variable) and (term.shape, term.dtype) == (wanted.shape, wanted.dtype)
        if inside is not None and is_same and (inside is equation or uses.get(term, 0) == 1):
            second = sign if inside.operation == "add" else -sign
            waiting += [(second, inside.arguments[1]), (sign, inside.arguments[0])]
        else:
            terms.append((sign, term))
    return terms


def added(terms: list[tuple[int, Any]], edit: Edit) -> Any:
    """The sum of terms with signs."""
    (sign, result), *rest = sorted(terms, key=lambda term: -term[0])
    result = result if sign > 0 else edit.apply(np.negative, result)
    for sign, term in rest:
        result = edit.apply(np.add if sign > 0 else np.subtract, result, term)
    return result


def early_terms(program: Program) -> Program:
    """In sums of three, a piece and what is given, known for all steps, are added first: (p + h) + b is (p + b) + h."""
    pieces = pieces_of(program)
    given = {*program.inputs, *program.constants}
    uses = program.uses

    def parts(equation: Equation, edit: Edit) -> Any:
        terms = [term for _, term in terms_of(equation, edit, uses, most=3)]
        if len(terms) != 3 or any(edit.maker(operand, "subtract") for operand in equation.arguments):
            return None
        early = [term for term in terms if isinstance(term, Variable) and (term in pieces or term in given)]
        late = [term for term in terms if term not in early]
        if len(early) != 2 or len(late) != 1 or not isinstance(late[0], Variable) or equation.arguments[1] in late:
            return None
        known = [pieces[term].base if term in pieces else term for term in early]
        return (frozenset(known), early, late) if any(term in pieces for term in early) else None

    before = Edit(program)
    found = {one.outputs: parts(one, before) for one in program.equations if one.operation == "add"}
    counts = Counter(known for part in found.values() if part for known in part[:1])

    def rule(equation: Equation, edit: Edit) -> Any:
        part = found.get(equation.outputs)
        if part is None or counts[part[0]] < FEWEST:
            return None
        early, late = ([edit.replaced.get(term, term) for term in terms] for terms in part[1:])
        first = edit.apply(np.add, *early)
        is_like = (first.shape, first.dtype) == (equation.output.shape, equation.output.dtype)
        return edit.apply(np.add, first, *late) if is_like else None

    return rewrite(program, rule)
