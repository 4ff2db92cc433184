"""A snapshot in words: a table with a line for each value, which needs nothing but a screen."""

from __future__ import annotations

from collections import Counter
from unicodedata import combining, east_asian_width

from .numbers import number
from .snapshot import Kind, Snapshot, Vertex
from .words import VERDICTS, formula, gradient_words, one_line, shape_of

COLUMNS = ("id", "name", "operation", "inputs", "shape", "value", "gradient", "line")


def to_table(snapshot: Snapshot) -> str:
    """The table, aligned, in the order in which the values were made; inputs are ids, as #3, or numbers."""
    rows = [COLUMNS, *map(_row, snapshot.vertices)]
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(_padded, row, widths)).rstrip() for row in rows]
    return "\n".join([_title(snapshot), "", *lines])


def _row(vertex: Vertex) -> tuple[str, ...]:
    if vertex.kind == "omitted":
        return (f"#{vertex.id}", vertex.name or "", *[""] * (len(COLUMNS) - 2))
    operation = formula(vertex) if vertex.operation else vertex.kind
    return (
        f"#{vertex.id}",
        one_line(vertex.name or ""),
        operation if vertex.times == 1 else f"{operation}  x{vertex.times:,}",
        ", ".join(operand if isinstance(operand, str) else f"#{operand}" for operand in vertex.operands),
        shape_of(vertex),
        "" if vertex.value is None else number(vertex.value),
        _gradient(vertex),
        vertex.place or "",
    )


def _gradient(vertex: Vertex) -> str:
    if vertex.gradient is None:
        return "not run yet" if vertex.pending and vertex.kind == "parameter" else ""
    words = gradient_words(vertex.gradient).replace("…", "to")
    return words if vertex.verdict is None else f"{words} ({VERDICTS[vertex.verdict][2:]})"


def _title(snapshot: Snapshot) -> str:
    kinds = Counter(vertex.kind for vertex in snapshot.vertices)
    kinds["parameter"] += sum(vertex.held for vertex in snapshot.vertices)
    words: dict[Kind, str] = {"result": "operation", "parameter": "parameter", "data": "constant"}
    counts = [f"{kinds[kind]:,} {word}{'' if kinds[kind] == 1 else 's'}" for kind, word in words.items()]
    names = [one_line(vertex.name or f"#{vertex.id}") for vertex in snapshot.vertices if vertex.id in snapshot.outputs]
    note = f"\n{snapshot.note}" if snapshot.note else ""
    return f"graph of {' and '.join(names)}: {', '.join(counts)}{note}"


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(text: str) -> int:
    """The number of columns that a text takes on a screen: two for a letter of East Asia, none for an accent."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text)
