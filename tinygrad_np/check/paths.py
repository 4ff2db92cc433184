"""Mistakes on one of several paths to a gradient: a term left out, of the wrong sign, not divided, not transposed.

The backward pass is linear in what each operation sends back: it is repeated without what one sends to one of its
inputs, and how often that is in a gradient by hand is then solved for. Nothing is said unless all numbers agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..graph import Node
from .passage import Compared, Passage, described

FEW = 3
"""Fewer numbers agree by chance."""

MANY = 40
"""On a way of more operations than this, they are not looked at one by one."""


def on_a_path(one: Compared, passage: Passage, way: Sequence[Node]) -> str | None:
    """What a gradient would be right but for, in the words after "is what it would be"; None if for nothing known."""
    if np.count_nonzero(one.manual) < FEW or len(way) > MANY:
        return None
    for words in _rows(one, passage):
        return words
    for node in reversed(way):
        for words in (*_shares(one, passage, node), *_transposes(one, passage, node)):
            return words
    return None


def _rows(one: Compared, passage: Passage) -> Iterator[str]:
    for user, _ in passage.uses.get(one.node, []):
        upstream = passage.gradient(user)
        if not upstream.ndim or len(upstream) < 2 or upstream[0].size != one.manual.size:
            continue
        for words, row in (("last", upstream[-1]), ("first", upstream[0])):
            if one.agrees(one.manual, row.reshape(one.manual.shape)):
                yield f"with the {words} row alone of the gradient of {described(user)}, in place of their sum"


def _shares(one: Compared, passage: Passage, node: Node) -> Iterator[str]:
    for index, parent in enumerate(node.inputs):
        if type(parent) is not Node or parent not in passage.gradients:
            continue
        kept: list[Callable[[Any], Any]] = [_as_it_is] * len(node.inputs)
        kept[index] = np.zeros_like
        without = passage.variant(("path", node, index), {node: kept}, scale=True).get(one.node)
        share = np.asarray(passage.gradient(one.node) - (0 if without is None else without), np.float64)
        if np.count_nonzero(share) < FEW:
            continue
        times = 1 + float(np.sum((one.manual - one.gradient) * share) / np.sum(share * share))
        through = f"what comes from {node.operation} ({node.place}) to {described(parent)}"
        words = _words(times, node, parent, through)
        if words and one.agrees(one.manual, one.gradient + (times - 1) * share):
            yield words


def _words(times: float, node: Node, parent: Node, through: str) -> str | None:
    count = max(parent.size, 1) // max(node.size, 1) if node.operation == "mean" else 0
    for number, words in (
        (0, f"without {through}"),
        (-1, f"with the wrong sign of {through}"),
        (2, f"with twice {through}"),
        (0.5, f"with half of {through}"),
        (count or 1, f"without the division by {count} of the mean ({node.place})"),
        (count / (count - 1) if count > 1 else 1, f"with a division by {count - 1} in the mean ({node.place})"),
        (1 / count if count else 1, f"with the division by {count} of the mean ({node.place}) taken twice"),
    ):
        if number != 1 and np.isclose(times, number, rtol=1e-6, atol=1e-9):
            return words
    return None


def _transposes(one: Compared, passage: Passage, node: Node) -> Iterator[str]:
    if node.operation not in ("matmul", "dot"):
        return
    left, right = (passage.values.get(parent) if type(parent) is Node else parent for parent in node.inputs)
    if not isinstance(left, np.ndarray) or not isinstance(right, np.ndarray):
        return
    if left.ndim != 2 or right.ndim != 2 or right.shape[0] != right.shape[1] or type(node.inputs[0]) is not Node:
        return
    derivatives: list[Callable[[Any], Any]] = [lambda upstream: upstream @ right, lambda upstream: left.T @ upstream]
    found = passage.variant(("transposed", node), {node: derivatives}).get(one.node)
    if found is not None and one.agrees(one.manual, found):
        name = getattr(node.inputs[1], "name", None) or "the right factor"
        yield f"with {name} in place of {name}.T in the gradient of {node.operation} ({node.place})"


def _as_it_is(contribution: Any) -> Any:
    return contribution
