"""A snapshot of the graph behind a tensor: plain data, that outlives the graph and knows nothing of how it is drawn.

    snapshot(loss.node)  ->  Snapshot(vertices=(Vertex(id=1, name="W1", ...), ...), output=17)

A vertex is one value: a leaf, a constant array, or the result of an operation, which stands in the same vertex. The ids
count from 1 in the order in which the values were made, so that the same program gives the same snapshot every time.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any, Literal

import numpy as np

from ..graph import NOT_KEPT, Node, ancestors
from ..primitive import Primitive

Kind = Literal["parameter", "data", "result", "omitted", "again"]

LONGEST_TEXT = 40
"""Longer parameters are cut."""


@dataclass(frozen=True)
class Gradient:
    """A gradient that a backward pass has left: its shape, and its value if it is one number."""

    shape: tuple[int, ...]
    value: float | None


@dataclass(frozen=True)
class Vertex:
    """One value of the graph, and the operation that made it.

    Attributes: `id`; `kind`, a "parameter" (a leaf that requires a gradient), "data" (a constant) or the "result" of an
    operation (passes add "omitted", which stands for all that was left out, and "again", a result drawn once more);
    `name`; `shape`; `dtype`; `operation`, None for a leaf; `operands`, for each input the id of its vertex, or the text
    of a number; `parameters`, names and texts of those that are not the default; `requires_grad`; `value`, if it is one
    number and still known; `gradient`, None if there is none; `place`, the line of the user's code; `uses`, the number
    of operations that use it, if it is drawn once for each of them.
    """

    id: int
    kind: Kind
    name: str | None
    shape: tuple[int, ...]
    dtype: str
    operation: str | None = None
    operands: tuple[int | str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    requires_grad: bool = False
    value: float | None = None
    gradient: Gradient | None = None
    place: str | None = None
    uses: int | None = None


@dataclass(frozen=True)
class Snapshot:
    """The vertices, in order of their ids, and the id of the output."""

    vertices: tuple[Vertex, ...]
    output: int


def snapshot(root: Node | None, value: Any) -> Snapshot:
    """The graph behind the node `root`, whose array is `value`: every value once, in O(nodes)."""
    if root is None:  # a constant
        return Snapshot((_data(1, value),), 1)
    nodes = ancestors(root)
    behind = {parent for node in nodes for parent in node.inputs if type(parent) is Node}
    nodes = sorted(behind | {root}, key=attrgetter("number"))
    vertices: list[Vertex] = []
    ids: dict[int, int] = {}
    for node in nodes:
        operands: list[int | str] = []
        for parent in node.inputs:
            if id(parent) not in ids:
                literal = _literal(parent)
                if literal is not None:
                    operands.append(literal)
                    continue
                # An array has no number: it comes just before the first operation that reads it.
                ids[id(parent)] = len(vertices) + 1
                vertices.append(_data(ids[id(parent)], parent))
            operands.append(ids[id(parent)])
        ids[id(node)] = len(vertices) + 1
        vertices.append(_vertex(ids[id(node)], node, tuple(operands), _number(value if node is root else node.value)))
    return Snapshot(tuple(vertices), ids[id(root)])


def _vertex(identity: int, node: Node, operands: tuple[int | str, ...], value: float | None) -> Vertex:
    plan = node.plan
    return Vertex(
        id=identity,
        kind="result" if plan else "parameter" if node.requires_grad else "data",
        name=None if node.name is None else str(node.name),
        shape=tuple(node.shape),
        dtype=str(node.dtype),
        operation=plan.primitive.name if plan else None,
        operands=operands,
        parameters=_unusual(plan.primitive, node.parameters) if plan else (),
        requires_grad=node.requires_grad,
        value=value,
        gradient=None if node.grad is NOT_KEPT or node.grad is None else Gradient(node.grad.shape, _number(node.grad)),
        place=node.place,
    )


def _data(identity: int, array: Any) -> Vertex:
    return Vertex(identity, "data", None, tuple(array.shape), str(array.dtype), value=_number(array))


def _literal(constant: Any) -> str | None:
    """The text of a constant that is a single number, None for an array."""
    if not hasattr(constant, "shape"):
        return text(constant)
    return text(constant.item()) if isinstance(constant, np.ndarray | np.generic) and constant.ndim == 0 else None


def _number(array: Any) -> float | None:
    """The value of a one-element array of NumPy; others are lazy, and are not looked at."""
    return array.item() if isinstance(array, np.ndarray | np.generic) and array.size == 1 else None


def _unusual(primitive: Primitive, parameters: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Names and texts of the parameters that are not the default."""
    defaults = _default_texts(primitive) if parameters else {}
    texts = [(name, text(value)) for name, value in parameters.items()]
    return tuple((name, written) for name, written in texts if defaults.get(name) != written)


@lru_cache(maxsize=256)
def _default_texts(primitive: Primitive) -> dict[str, str]:
    arguments = inspect.signature(primitive.forward).parameters.values()
    return {argument.name: text(argument.default) for argument in arguments if argument.default is not argument.empty}


def text(value: Any) -> str:
    """How a constant or a parameter is written: a number to four digits, an array by its shape, an index as one.

    >>> text(1 / 3), text((slice(None), slice(0, 2))), text(np.ones((2, 3)))
    ('0.3333', '(:, 0:2)', 'array (2, 3)')
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        written = f"{value:.4g}"
    elif isinstance(value, slice):
        ends = ["" if end is None else text(end) for end in (value.start, value.stop)]
        written = ":".join(ends if value.step is None else [*ends, text(value.step)])
    elif isinstance(value, tuple):
        written = f"({', '.join(map(text, value))}{',' if len(value) == 1 else ''})"
    elif value is Ellipsis:
        written = "..."
    elif hasattr(value, "shape") and hasattr(value, "dtype"):
        written = f"array {tuple(value.shape)}"
    elif isinstance(value, np.dtype):
        written = str(value)
    else:
        # An address in memory would differ from run to run.
        written = getattr(value, "__name__", None) or re.sub(" at 0x[0-9a-fA-F]+", "", repr(value))
    return written if len(written) <= LONGEST_TEXT else written[: LONGEST_TEXT - 3] + "..."
