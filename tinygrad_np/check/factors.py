"""Where in the forward pass a factor stands that a gradient has too often, or lacks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..graph import Node
from .digits import short
from .passage import Compared, Passage, described

FEW = 3
"""Smaller counts explain nothing: 2 and 1/2 stand in too many places."""


def origin_of(factor: float, one: Compared, passage: Passage, way: Sequence[Node]) -> str | None:
    """In words what would make a gradient this many times too large; None if nothing would, or several things.

    Each is tried: the backward pass is repeated without the factor, or with it twice.
    """
    means = list(_found(_means(passage.nodes), factor, one, passage))
    constants = list(_found(_constants(way), factor, one, passage))
    for found in (means, constants):
        if len(found) == 1:
            return found[0]
    return None if means or constants else _count(abs(factor), one, passage)


def _found(known: Iterator[tuple[float, Node, str]], factor: float, one: Compared, passage: Passage) -> Iterator[str]:
    for value, node, words in known:
        for times, mistaken in ((1 / value, "it seems forgotten"), (value, "it seems taken twice")):
            if math.isclose(abs(factor), abs(times), rel_tol=1e-6):
                scaled = passage.variant((times, node), {node: [_times(times)] * len(node.inputs)}, scale=True)
                gradient = scaled.get(one.node)
                if gradient is not None and one.agrees(abs(one.manual), abs(gradient)):
                    yield f"{words}, and {mistaken}"


def _times(factor: float) -> Any:
    return lambda contribution: contribution * factor


def _means(nodes: Sequence[Node]) -> Iterator[tuple[float, Node, str]]:
    """The means among these operations: what they multiply a gradient by, and words for it."""
    for node in reversed(nodes):
        if node.operation == "mean":
            count = next((parent.size for parent in node.inputs if type(parent) is Node), 0) // max(node.size, 1)
            if count >= FEW:
                yield 1 / count, node, f"the mean ({node.place}) divides by {count}"


def _constants(way: Sequence[Node]) -> Iterator[tuple[float, Node, str]]:
    """The constant factors of these operations' derivatives."""
    for node in reversed(way):
        constants = [value for value in node.inputs if type(value) is not Node and np.size(value) == 1]
        constant = float(np.asarray(constants[0]).item()) if len(constants) == 1 else 0.0
        if node.operation == "square":
            yield 2.0, node, f"the derivative of the square ({node.place}) has the factor 2"
        elif node.operation == "sqrt":
            yield 0.5, node, f"the derivative of the square root ({node.place}) has the factor 1/2"
        elif not np.isfinite(constant) or constant in (0, 1, -1):
            continue
        elif node.operation == "divide" and node.inputs[1] is constants[0]:
            yield 1 / constant, node, f"{node.place} divides by {short(constant)}"
        elif node.operation == "multiply":
            yield constant, node, f"{node.place} multiplies by {short(constant)}"
        elif node.operation == "power" and node.inputs[1] is constants[0]:
            yield constant, node, f"the derivative of the power ({node.place}) has the factor {short(constant)}"


def _count(factor: float, one: Compared, passage: Passage) -> str | None:
    """Which axis is as long as the factor, or its inverse: one that this gradient is a sum over, or its own rows."""
    shape = one.node.shape
    axes = [(one.node, 0)] if one.node.plan is not None and one.node.ndim == 2 else []
    for user, _ in passage.uses.get(one.node, []):
        axes += [(user, axis) for axis in range(user.ndim) if user.ndim == 2 and user.shape[axis] not in shape]
    for node, axis in axes:
        count, word = node.shape[axis], ("rows", "columns")[axis]
        if count >= FEW and math.isclose(factor, count, rel_tol=1e-6):
            return f"{described(node)} has {count} {word}"
        if count >= FEW and math.isclose(factor, 1 / count, rel_tol=1e-6):
            return f"{described(node)} has {count} {word}, and a mean over them divides by that"
    return None
