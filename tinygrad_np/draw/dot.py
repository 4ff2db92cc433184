"""A snapshot as DOT, the language of Graphviz.

The picture's grammar: sharp corners are what the user put in (parameters in a solid border, data in a dashed one),
round corners are what was computed; what has a name is bold; the output has a double border. An operation and its
result are one box, in which operands arrive from left to right as they are written. Values flow down the arrows; a
gradient flows back along the solid ones. Shapes and lines say all of it without the colours, and the colours differ in
lightness too: neither the colour-blind nor a black-and-white print loses anything.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from .snapshot import Snapshot, Vertex
from .words import formula, number, one_line, shape_of

FONT = "Verdana,DejaVu Sans,sans-serif"
"""Two fonts of the same widths, one of which is everywhere: an SVG fits its boxes on any machine."""

BITMAP = 'dpi=150, size="40,200"'
"""The resolution of a bitmap, and the largest size in inches: one of more pixels would take a minute to compress."""

INK = "#1a1a1a"
FAINT = "#555555"

LONGEST_NAME = 40
"""Longer names are cut in the picture; the table has them whole."""


class Look(NamedTuple):
    """How a kind of box looks, and what the legend calls it."""

    legend: str
    fill: str
    line: str
    style: str
    width: int = 1


LOOKS = {
    "parameter": Look("parameter", "#fde3b8", "#9a5b00", "solid", 2),
    "data": Look("data", "#f2f2f2", FAINT, "dashed"),
    "omitted": Look("left out", "#ffffff", FAINT, "dotted"),
    "operation": Look("operation", "#ffffff", FAINT, "rounded"),
    "named": Look("named result", "#d3e8f8", "#0b5d94", "rounded"),
    "again": Look("from above", "#ffffff", FAINT, "rounded,dotted"),
    "output": Look("output", "#b5e3cf", "#00553c", "rounded"),
}
"""In the order of the legend."""


def to_dot(snapshot: Snapshot, bitmap: bool = False) -> str:
    """The graph in DOT, with the resolution for a `bitmap` if wanted; the same snapshot gives the same text."""
    uses = Counter(operand for vertex in snapshot.vertices for operand in vertex.operands)
    inputs = {vertex.id for vertex in snapshot.vertices if vertex.operation is None and uses[vertex.id] == 1}
    constants = {vertex.id for vertex in snapshot.vertices if not vertex.requires_grad}
    boxes: list[str] = []
    arrows: list[str] = []
    for vertex in snapshot.vertices:
        aside = _aside(vertex, inputs)
        boxes.append(_box(vertex, _look(vertex, snapshot), aside))
        arrows += _arrows(vertex, aside, constants)
    return "\n".join([*_header(snapshot, bitmap), *boxes, *arrows, "}", ""])


def _header(snapshot: Snapshot, bitmap: bool) -> list[str]:
    resolution = f", {BITMAP}" if bitmap else ""
    return [
        "digraph {",
        f'  graph [rankdir=TB, ranksep=0.3, nodesep=0.3, pad=0.2, bgcolor=white, fontname="{FONT}"{resolution},',
        f"         labelloc=t, label=<{_legend(snapshot)}>];",
        f'  node [shape=plain, fontname="{FONT}", fontsize=14, fontcolor="{INK}"];',
        f'  edge [color="{INK}", penwidth=1.2, arrowsize=0.7];',
    ]


def _look(vertex: Vertex, snapshot: Snapshot) -> Look:
    if vertex.kind != "result":
        return LOOKS[vertex.kind]
    return LOOKS["output" if vertex.id == snapshot.output else "named" if vertex.name else "operation"]


def _aside(vertex: Vertex, inputs: set[int]) -> int | None:
    """Which of two operands arrives from the side, so that the flow goes straight on: one that has no other use."""
    operands = vertex.operands
    if len(operands) != 2 or any(isinstance(operand, str) for operand in operands):
        return None
    return 1 if operands[1] in inputs else 0 if operands[0] in inputs else None


def _arrows(vertex: Vertex, aside: int | None, constants: set[int]) -> Iterator[str]:
    arriving = [(position, operand) for position, operand in enumerate(vertex.operands) if isinstance(operand, int)]
    for position, operand in arriving:
        goes_straight_on = len(arriving) == 1 or aside == 1 - position
        attributes = ["weight=8"] if goes_straight_on else []
        if operand in constants:
            attributes += ["style=dashed", f'color="{FAINT}"']
        listed = f" [{', '.join(attributes)}]" if attributes else ""
        yield f"  n{operand} -> n{vertex.id}:i{position}:n{listed};"


def _box(vertex: Vertex, look: Look, aside: int | None) -> str:
    """A vertex: a row of ports where the arrows end, below it the operation and what came of it."""
    ports = _ports(vertex, aside)
    operation = f'<td cellpadding="5">{_escaped(_typeset(formula(vertex)))}</td><vr/>' if vertex.operation else ""
    value = f'<td cellpadding="5">{"<br/>".join(_value_lines(vertex))}</td>'
    cells = f'<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr>{operation}{value}</tr></table>'
    rows = f'<tr><td colspan="{max(1, len(ports))}">{cells}</td></tr>'
    label = _frame(look, (f"<tr>{''.join(ports)}</tr>" if ports else "") + rows)
    return f'  n{vertex.id} [label=<{label}>, tooltip="{_quoted(_tooltip(vertex))}"];'


def _ports(vertex: Vertex, aside: int | None) -> list[str]:
    """A cell for each arrow, in the order of the operands; what arrives from the side has one at the corner."""
    corner, middle = 'height="3" width="18"', 'height="3"'
    ports = [
        f'<td port="i{position}" {corner if position == aside else middle}></td>'
        for position, operand in enumerate(vertex.operands)
        if isinstance(operand, int)
    ]
    if aside is not None:
        # An empty cell of the same width at the other corner keeps the flow in the middle.
        ports.insert(2 if aside == 0 else 0, f"<td {corner}></td>")
    return ports


def _value_lines(vertex: Vertex) -> Iterator[str]:
    """What a box says of its value: name and value, shape, use, gradient."""
    if vertex.name:
        name = one_line(vertex.name)
        bold = f"<b>{_escaped(name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + '…')}</b>"
        yield bold if vertex.value is None else f"{bold} = {_typeset(number(vertex.value))}"
    elif vertex.value is not None:
        yield _typeset(number(vertex.value))
    elif vertex.operation is None:
        yield "array"
    if vertex.kind != "omitted" and (vertex.shape or vertex.value is None):
        yield _small(shape_of(vertex) if vertex.shape else "scalar")
    if vertex.uses and vertex.kind != "omitted":
        yield _small(f"used {vertex.uses} times")
    if vertex.gradient is not None:
        gradient = vertex.gradient
        yield _small(f"grad {gradient.shape if gradient.value is None else _typeset(number(gradient.value))}", INK)


def _legend(snapshot: Snapshot) -> str:
    """A row of the looks that occur, and what the arrows mean."""
    occurring = {_look(vertex, snapshot) for vertex in snapshot.vertices}
    looks = [look for look in LOOKS.values() if look in occurring]
    samples = [_frame(look, f'<tr><td cellpadding="3">{_small(look.legend)}</td></tr>') for look in looks]
    rows = f"<tr>{''.join(f'<td>{sample}</td>' for sample in samples)}</tr>"
    if len(snapshot.vertices) > 1:
        sentence = "values flow down, gradients flow back up the solid arrows"
        rows += f'<tr><td colspan="{len(looks)}">{_small(sentence)}</td></tr>'
    return f'<table border="0" cellborder="0" cellspacing="4" cellpadding="0">{rows}</table>'


def _frame(look: Look, rows: str) -> str:
    """A table with the look's border; the output has two."""
    frame = (
        f'<table border="{look.width}" cellborder="0" cellspacing="0" cellpadding="0" style="{look.style}" '
        f'color="{look.line}" bgcolor="{look.fill}">{{}}</table>'
    )
    framed = frame.format(rows)
    return frame.format(f'<tr><td cellpadding="2">{framed}</td></tr>') if look is LOOKS["output"] else framed


def _small(text: str, color: str = FAINT) -> str:
    return f'<font point-size="10" color="{color}">{_escaped(text)}</font>'


def _typeset(formula: str) -> str:
    """A formula with the signs of print in place of those of code."""
    return re.sub(r"(?<!\*)\*(?!\*)", "\N{MULTIPLICATION SIGN}", formula).replace("-", "\N{MINUS SIGN}")


def _tooltip(vertex: Vertex) -> str:
    name = f"{one_line(vertex.name)}: " if vertex.name else ""
    place = f", {vertex.place}" if vertex.place else ""
    return f"{name}{vertex.operation or vertex.kind} {vertex.shape} {vertex.dtype}{place}"


def _escaped(text: str) -> str:
    r"""Text for a label, in which Graphviz reads tags, entities and sequences like \N."""
    return html.escape(text).replace("\\", "\\\\")


def _quoted(text: str) -> str:
    """Text for a tooltip, in which Graphviz reads quotes, entities, and backslashes twice."""
    return text.replace("&", "&amp;").replace("\\", "\\" * 4).replace('"', '\\"')
