"""The backward pass as a story for a page: plain data, each step with its numbers, its sentence and its line.

An array of up to a hundred numbers goes whole, to the bit; of a larger one a sample goes, and says so.
"""

from __future__ import annotations

import linecache
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..check.steps import BackwardStep, Contribution, local_derivative
from ..graph import Node
from .snapshot import Taken, Verdict

WHOLE = 100
"""An array of more numbers is sampled."""

SAMPLE = 12
"""Rows and columns of a sample."""

TIMES = "\N{MULTIPLICATION SIGN}"

TERMS = 3
"""So many terms of a sum are written out."""


@dataclass
class Story:
    """The steps of a backward pass as dicts of plain data, and the sentence that says why there are none."""

    steps: list[dict[str, Any]] = field(default_factory=list)
    missing: str = ""


@dataclass(frozen=True)
class Hand:
    """A hand-written gradient, the verdict on it and what the diagnosis says."""

    gradient: Any
    verdict: Verdict | None
    words: str


def step_data(step: BackwardStep, taken: Taken, ids: Mapping[Node, int], hands: Mapping[Node, Hand]) -> dict[str, Any]:
    """One step as plain data."""
    node, hand = step.node, hands.get(step.node)
    return {
        "id": ids[node],
        "name": step.name,
        "op": step.operation,
        "place": node.place,
        "source": linecache.getline(step.file, step.line or 0).strip(),
        "forward": step.forward,
        "up": array_data(step.upstream),
        "to": [_contribution(step, contribution, taken, ids) for contribution in step.contributions],
        "hand": hand and {"value": array_data(hand.gradient), "verdict": hand.verdict, "words": hand.words},
    }


def _contribution(step: BackwardStep, to: Contribution, taken: Taken, ids: Mapping[Node, int]) -> dict[str, Any]:
    local = local_derivative(step.node, to.index)
    is_first = " = " in to.formula and to.value is not None and " += " not in to.formula
    return {
        "id": ids[to.node],
        "index": to.index,
        "name": to.name,
        "formula": to.formula,
        "sentence": sentence(step, to, local, taken, ids),
        "value": array_data(to.value),
        "total": None if is_first else array_data(to.total),
        "local": None if local is None else array_data(local),
        "norm": float(np.linalg.norm(np.ravel(to.value))),
        **_answer(to),
    }


def _answer(to: Contribution) -> dict[str, Any]:
    """The number that the quiz asks for, and where it stands."""
    place = _largest(to.value)
    return {"at": _place(place), "answer": None if place is None else float(np.asarray(to.value)[place])}


def sentence(step: BackwardStep, to: Contribution, local: Any, taken: Taken, ids: Mapping[Node, int]) -> str:
    """The formula with the numbers in it, at the place where the contribution is largest."""
    place = _largest(to.value)
    if place is None:
        return to.formula
    value = np.asarray(to.value)[place]
    terms = list(_terms(step, to, local, taken, ids, place))
    where = f" at {_place(place)}" if place else ""
    products = [f"{_short(a)} {TIMES} {_short(b)}" for a, b in terms[:TERMS]]
    more = f" + … ({len(terms)} products)" if len(terms) > TERMS else ""
    right = f" = {' + '.join(products)}{more}" if products else ""
    before = np.asarray(to.total)[place] - value
    added = f", added to {_short(before)}" if " += " in to.formula else ""
    return f"{to.formula}:{where} {_short(value)}{right}{added}"


def _terms(
    step: BackwardStep, to: Contribution, local: Any, taken: Taken, ids: Mapping[Node, int], place: tuple[int, ...]
) -> Iterator[tuple[Any, Any]]:
    """The products of which one number of a contribution is the sum, as far as the kind of operation is known."""
    upstream = np.asarray(step.upstream)
    if local is not None:
        added = upstream.ndim - len(place)
        lengths = zip(upstream.shape[added:], np.shape(to.value), strict=True)
        fixed = [slice(None) if mine != its else at for at, (mine, its) in zip(place, lengths, strict=True)]
        index = (*[slice(None)] * added, *fixed)
        yield from zip(np.ravel(upstream[index]), np.ravel(local[index]), strict=True)
    elif step.operation == "matmul" and upstream.ndim == len(place) == 2:
        other = step.node.inputs[1 - to.index]
        factor = taken.values.get(ids[other]) if type(other) is Node else other
        if factor is not None and np.ndim(factor) == 2:
            row, column = place
            if to.index == 0:
                yield from zip(upstream[row], np.asarray(factor)[column], strict=True)
            else:
                yield from zip(upstream[:, column], np.asarray(factor)[:, row], strict=True)
    elif upstream.size == 1 and upstream.item():
        yield upstream.item(), np.asarray(to.value)[place] / upstream.item()


def _largest(value: Any) -> tuple[int, ...] | None:
    """The place of the number that is largest in size; None if there is none."""
    array = np.asarray(value)
    if not array.size or array.dtype.kind != "f" or not np.isfinite(array).any():
        return None
    flat = int(np.argmax(np.where(np.isfinite(array), np.abs(array), -1)))
    return tuple(int(index) for index in np.unravel_index(flat, array.shape))


def _place(place: tuple[int, ...] | None) -> str:
    return "" if not place else f"({', '.join(map(str, place))})" if len(place) > 1 else f"[{place[0]}]"


def _short(value: Any) -> str:
    return f"{float(value):.3g}".replace("-", "\N{MINUS SIGN}")


def array_data(value: Any) -> dict[str, Any]:
    """An array as plain data: shape, range, norm, and rows of numbers or of a sample of them.

    >>> array_data(np.array([1.0, np.nan]))["rows"]
    [[1.0, 'nan']]
    """
    array = np.asarray(value)
    is_whole = array.size <= WHOLE
    rows = np.atleast_2d(array) if array.ndim < 3 else array.reshape(-1, array.shape[-1])
    finite = array[np.isfinite(array)] if array.size else array
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    size = max(abs(low), abs(high))
    return {
        "shape": list(array.shape),
        "low": low,
        "high": high,
        "norm": size * float(np.linalg.norm(np.ravel(finite) / size)) if size else 0.0,
        "bad": int(array.size - finite.size),
        "whole": is_whole,
        "rows": [[_plain(cell, is_whole) for cell in row] for row in (rows if is_whole else _sample(rows))],
    }


def _sample(rows: Any) -> Any:
    for axis in (0, 1):
        length = rows.shape[axis]
        rows = rows.take(np.unique(np.linspace(0, length - 1, min(SAMPLE, length)).round().astype(int)), axis)
    return rows


def _plain(cell: Any, is_whole: bool) -> float | str:
    """A number as JSON has it, which knows no NaN and no infinity."""
    number = float(cell)
    if not np.isfinite(number):
        return str(number)
    return number if is_whole else float(f"{number:.3g}")
