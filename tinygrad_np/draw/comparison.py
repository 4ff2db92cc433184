"""Two graphs compared: what is new, gone, or changed, as text and as a drawing.

A named value is the one of the same name; what has no name is the same if the same operation made it of the same.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from ..errors import DTypeError
from ..frames import user_place
from ..tensor import Tensor
from .drawing import Drawing, draw_graph
from .snapshot import Vertex
from .words import INFIX, gradient_words, one_line, shape_of

NEW, GONE, CHANGED = "new", "gone", "changed"

LONGEST_NAME = 60
"""A value without a name is called by its operation alone if its operands would make that longer."""

MOST_SAID = 200
"""Letters of the note that a picture has on what is gone."""


@dataclass(frozen=True)
class GraphDifference:
    """What differs between two graphs; true if anything does.

    Attributes: `new`, `gone` and `changed`, the lines that say so; `drawing` of the graph after, in which new and
    changed values are marked.
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

    def to_dict(self) -> dict[str, Any]:
        """The lines as plain data."""
        return {"new": list(self.new), "gone": list(self.gone), "changed": list(self.changed)}

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
    old, new = _Keyed(_drawing(before)), _Keyed(_drawing(after))
    marks: dict[int, str] = {}
    changed = []
    for key, vertex in new.vertices.items():
        what = _changes(key, old, new) if key in old.vertices else []
        if what:
            changed.append(f"{key}: {'; '.join(what)}")
        if what or key not in old.vertices:
            marks[vertex.id] = CHANGED if what else NEW
    gone = [key for key in old.vertices if key not in new.vertices]
    shown = new.drawing.snapshot
    vertices = tuple(replace(vertex, mark=marks.get(vertex.id)) for vertex in shown.vertices)
    note = f"gone: {', '.join(gone)}"[:MOST_SAID] if gone else shown.note
    return GraphDifference(
        tuple(new.described(key) for key in new.vertices if key not in old.vertices),
        tuple(old.described(key) for key in gone),
        tuple(changed),
        Drawing(replace(shown, vertices=vertices, note=note), new.drawing.story),
    )


def _drawing(given: Any) -> Drawing:
    if isinstance(given, Drawing):
        return given
    if isinstance(given, Tensor):
        return draw_graph(given, fold=False, limit=None)
    raise DTypeError(
        f"compare_graphs compares Tensors or drawings of them, and was given {type(given).__name__}, {user_place()}."
    )


class _Keyed:
    """The vertices of a drawing by their names, or by what made them; what comes more than once is numbered."""

    def __init__(self, drawing: Drawing) -> None:
        self.drawing = drawing
        self.vertices: dict[str, Vertex] = {}
        self.names: dict[int, str] = {}
        counts: Counter[str] = Counter()
        for vertex in drawing.snapshot.vertices:
            key = one_line(vertex.name) if vertex.name else self.made(vertex)
            counts[key] += 1
            if counts[key] > 1:
                key = f"{key} (no. {counts[key]})"
            self.names[vertex.id] = key
            self.vertices[key] = vertex

    def made(self, vertex: Vertex) -> str:
        """The operation and the names of its operands, as one writes it."""
        if vertex.operation is None:
            return vertex.kind
        operands = [one if isinstance(one, str) else self.names.get(one, "…") for one in vertex.operands]
        sign = INFIX.get(vertex.operation)
        text = (
            f" {sign} ".join(operands) if sign and len(operands) == 2 else f"{vertex.operation}({', '.join(operands)})"
        )
        return text if len(text) <= LONGEST_NAME else f"{vertex.operation}(…)"

    def described(self, key: str) -> str:
        """A value, its shape and what made it, as a line says it."""
        vertex = self.vertices[key]
        made = self.made(vertex)
        return f"{key} {shape_of(vertex)}" + ("" if made == key else f" ({made})")


def _changes(key: str, old: _Keyed, new: _Keyed) -> list[str]:
    """What differs between two values of the same name, a clause each."""
    one, other = old.vertices[key], new.vertices[key]
    pairs = [
        ("", old.made(one), new.made(other)),
        ("shape ", shape_of(one), shape_of(other)),
        ("options ", _options(one), _options(other)),
    ]
    what = [f"{word}{before} before, now {now}" for word, before, now in pairs if before != now]
    for word, earlier, later in (("value", one.numbers, other.numbers), ("gradient", one.gradient, other.gradient)):
        # As text, for NaN is not equal to itself.
        if earlier is not None and later is not None and repr(earlier) != repr(later):
            what.append(f"{word} {gradient_words(earlier)} before, now {gradient_words(later)}")
    return what


def _options(vertex: Vertex) -> str:
    return ", ".join(f"{name}={value}" for name, value in vertex.parameters) or "none"
