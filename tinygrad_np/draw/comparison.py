"""Two graphs compared: what is new, gone, or changed, as text and as a drawing.

A named value is the one of the same name; what has no name is the same if the same operation made it of the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from ..errors import DTypeError
from ..frames import user_place
from ..tensor import Tensor
from .drawing import Drawing, draw_graph
from .snapshot import Snapshot, Vertex
from .words import formula, number, one_line, shape_of

NEW, GONE, CHANGED = "new", "gone", "changed"


@dataclass(frozen=True)
class GraphDifference:
    """What differs between two graphs; true if anything does.

    Attributes: `new`, `gone` and `changed`, the lines that say so; `drawing` of the graph after, in which new and changed
    values are marked.
    """

    new: tuple[str, ...]
    gone: tuple[str, ...]
    changed: tuple[str, ...]
    drawing: Drawing

    def __bool__(self) -> bool:
        return bool(self.new or self.gone or self.changed)

    def __str__(self) -> str:
        if not self:
            return "The two graphs are the same."
        parts = [(NEW, self.new), (GONE, self.gone), (CHANGED, self.changed)]
        return "\n".join(f"{word}: {line}" for word, lines in parts for line in lines)

    __repr__ = __str__

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {**self.drawing._repr_mimebundle_(), "text/plain": str(self)}


def compare_graphs(before: Drawing | Tensor, after: Drawing | Tensor) -> GraphDifference:
    """Compare two graphs, each a drawing (of a graph that may be gone by now) or a Tensor: new, gone, changed.

    Changed is a value whose operation, operands, shape, dtype, numbers or gradient differ. Numbers are compared as far
    as they are known: see Drawing.

    Raises DTypeError for what is neither a Tensor nor a drawing.

    >>> import tinygrad_np as tg
    >>> x = tg.Tensor(2.0, requires_grad=True, name="x")
    >>> before = tg.draw_graph((x * x).named("y"))
    >>> print(tg.compare_graphs(before, (x * 3).named("y")))
    changed: y: x * x before, now x * 3; value 4 before, now 6
    """
    old, new = _drawing(before), _drawing(after)
    earlier, later = _keyed(old.snapshot), _keyed(new.snapshot)
    marks: dict[int, str] = {}
    changed = []
    for key, vertex in later.items():
        if key not in earlier:
            marks[vertex.id] = NEW
            continue
        what = _changes(key, earlier[key], vertex, earlier, later)
        if what:
            marks[vertex.id] = CHANGED
            changed.append(f"{key}: {'; '.join(what)}")
    vertices = tuple(replace(vertex, mark=marks.get(vertex.id)) for vertex in new.snapshot.vertices)
    gone = tuple(_described(key, vertex) for key, vertex in earlier.items() if key not in later)
    note = f"gone: {', '.join(key for key in earlier if key not in later)}" if gone else ""
    return GraphDifference(
        tuple(_described(key, vertex) for key, vertex in later.items() if key not in earlier),
        gone,
        tuple(changed),
        Drawing(replace(new.snapshot, vertices=vertices, note=note[:200]), new.story),
    )


def _drawing(given: Any) -> Drawing:
    if isinstance(given, Drawing):
        return given
    if isinstance(given, Tensor):
        return draw_graph(given, fold=False, limit=None)
    raise DTypeError(
        f"compare_graphs compares Tensors or drawings of them, and was given {type(given).__name__}, {user_place()}."
    )


def _keyed(snapshot: Snapshot) -> dict[str, Vertex]:
    """The vertices by their names, or by what made them; what comes more than once is numbered."""
    names: dict[int, str] = {}
    counts: dict[str, int] = {}
    keyed: dict[str, Vertex] = {}
    for vertex in snapshot.vertices:
        key = one_line(vertex.name) if vertex.name else _written(vertex, names)
        counts[key] = counts.get(key, 0) + 1
        if counts[key] > 1:
            key = f"{key} (no. {counts[key]})"
        names[vertex.id] = key
        keyed[key] = vertex
    return keyed


LONGEST = 60


def _written(vertex: Vertex, names: dict[int, str]) -> str:
    if vertex.operation is None:
        return f"{vertex.kind} {shape_of(vertex)}"
    operands = [operand if isinstance(operand, str) else names.get(operand, "…") for operand in vertex.operands]
    symbol = formula(replace(vertex, operands=tuple(range(len(operands)))))
    text = f" {symbol} ".join(operands) if not symbol[0].isalnum() and len(operands) == 2 else ""
    text = text or f"{vertex.operation}({', '.join(operands)})"
    return text if len(text) <= LONGEST else f"{vertex.operation}(…)"


def _changes(
    key: str, old: Vertex, new: Vertex, earlier: dict[str, Vertex], later: dict[str, Vertex]
) -> list[str]:
    what = []
    made = [_made(vertex, keyed) for vertex, keyed in ((old, earlier), (new, later))]
    pairs = [
        ("", *made),
        ("shape ", shape_of(old), shape_of(new)),
        ("options ", _options(old), _options(new)),
    ]
    what += [f"{word}{before} before, now {now}" for word, before, now in pairs if before != now]
    for word, before, now in (("value", old.numbers, new.numbers), ("gradient", old.gradient, new.gradient)):
        if before is not None and now is not None and before.differs(now):
            what.append(f"{word} {before.words} before, now {now.words}")
    return what


def _made(vertex: Vertex, keyed: dict[str, Vertex]) -> str:
    names = {one.id: key for key, one in keyed.items()}
    return _written(vertex, names)


def _options(vertex: Vertex) -> str:
    return ", ".join(f"{name}={value}" for name, value in vertex.parameters) or "none"


def _described(key: str, vertex: Vertex) -> str:
    made = formula(vertex) if vertex.operation else vertex.kind
    return f"{key} {shape_of(vertex)} ({made})"
