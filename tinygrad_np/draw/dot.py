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
from math import isfinite, sqrt
from typing import NamedTuple

from .numbers import Numbers, number
from .snapshot import Snapshot, Vertex
from .words import VERDICTS, formula, gradient_words, one_line, shape_of

FONT = "Verdana,DejaVu Sans,sans-serif"
"""Two fonts of the same widths, one of which is everywhere: an SVG fits its boxes on any machine."""

BITMAP = 'dpi=150, size="40,200"'
"""The resolution of a bitmap, and the largest size in inches: one of more pixels would take a minute to compress."""

INK = "#1a1a1a"
FAINT = "#555555"

LONGEST_NAME = 40
"""Longer names are cut in the picture; the table has them whole."""

LONGEST_OPERATION = 30
"""Longer operations lose their options in the picture; the table and the tooltip have them."""

LONGEST_FORMULA = 44
"""Longer formulas of contributions are left to the page."""

LOW, HIGH = (0x08, 0x1D, 0x58), (0xFF, 0xF3, 0xB0)
"""The ends of a strip of colour: dark is low and light is high, in greyscale and to every eye."""


class Look(NamedTuple):
    """How a kind of box looks, and what the legend calls it."""

    legend: str
    fill: str
    line: str
    style: str
    width: int = 1


LOOKS = {
    "parameter": Look("parameter", "#fee0ab", "#9a5b00", "solid", 2),
    "data": Look("data", "#efefef", FAINT, "dashed"),
    "omitted": Look("left out", "#ffffff", FAINT, "dotted"),
    "operation": Look("operation", "#ffffff", FAINT, "rounded"),
    "named": Look("named result", "#bcddf9", "#0b5d94", "rounded"),
    "again": Look("from above", "#ffffff", FAINT, "rounded,dotted"),
    "output": Look("output", "#8fddbd", "#003919", "rounded"),
}
"""In the order of the legend."""


def to_dot(snapshot: Snapshot, bitmap: bool = False) -> str:
    """The graph in DOT, with the resolution for a `bitmap` if wanted; the same snapshot gives the same text."""
    uses = Counter(operand for vertex in snapshot.vertices for operand in vertex.operands)
    inputs = {vertex.id for vertex in snapshot.vertices if vertex.operation is None and uses[vertex.id] == 1}
    constants = {vertex.id for vertex in snapshot.vertices if not vertex.requires_grad}
    norms = [norm for vertex in snapshot.vertices for norm in vertex.flows if norm is not None and isfinite(norm)]
    strongest = max(norms, default=0.0)
    boxes: list[str] = []
    arrows: list[str] = []
    for vertex in snapshot.vertices:
        aside = _aside(vertex, inputs)
        boxes.append(_box(vertex, _look(vertex, snapshot), aside))
        arrows += _arrows(vertex, aside, constants, strongest)
    return "\n".join([*_header(snapshot, bitmap), *boxes, *arrows, "}", ""])


def _header(snapshot: Snapshot, bitmap: bool) -> list[str]:
    resolution = f", {BITMAP}" if bitmap else ""
    return [
        "digraph {",
        f'  graph [rankdir=TB, ranksep=0.3, nodesep=0.3, pad=0.2, bgcolor=white, fontname="{FONT}"{resolution},',
        f"         labelloc=t, label=<{_legend(snapshot)}>];",
        f'  node [shape=plain, fontname="{FONT}", fontsize=14, fontcolor="{INK}"];',
        f'  edge [color="{INK}", penwidth=1.2, arrowsize=0.7, fontname="{FONT}", fontsize=10];',
    ]


def _look(vertex: Vertex, snapshot: Snapshot) -> Look:
    if vertex.kind != "result":
        return LOOKS[vertex.kind]
    return LOOKS["output" if vertex.id in snapshot.outputs else "named" if vertex.name else "operation"]


def _aside(vertex: Vertex, inputs: set[int]) -> int | None:
    """Which of two operands arrives from the side, so that the flow goes straight on: one that has no other use."""
    operands = vertex.operands
    if len(operands) != 2 or any(isinstance(operand, str) for operand in operands):
        return None
    return 1 if operands[1] in inputs else 0 if operands[0] in inputs else None


def _arrows(vertex: Vertex, aside: int | None, constants: set[int], strongest: float) -> Iterator[str]:
    arriving = [(position, operand) for position, operand in enumerate(vertex.operands) if isinstance(operand, int)]
    for position, operand in arriving:
        goes_straight_on = len(arriving) == 1 or aside == 1 - position
        attributes = [f'id="e{vertex.id}i{position}"', *(["weight=8"] if goes_straight_on else [])]
        if operand in constants:
            attributes += ["style=dashed", f'color="{FAINT}"']
        attributes += _flow(vertex, position, strongest)
        yield f"  n{operand} -> n{vertex.id}:i{position}:n [{', '.join(attributes)}];"
    for position, operand in vertex.loops:
        port = f":i{position}:n" if any(position == one for one, _ in arriving) else ""
        yield f'  n{operand} -> n{vertex.id}{port} [style=bold, constraint=false, label=" next step "];'


def _flow(vertex: Vertex, position: int, strongest: float) -> Iterator[str]:
    """How much gradient flows back along an arrow: as its width, and as a share where contributions add up."""
    norm = vertex.flows[position] if position < len(vertex.flows) else None
    if norm is None or not strongest:
        return
    strength = sqrt(min(1.0, norm / strongest)) if isfinite(norm) else 1.0
    yield f"penwidth={0.6 + 4.4 * strength:.2g}"
    share = vertex.shares[position]
    if share is not None and share < 0.9995:
        yield f'label=" {100 * share:.0f} % ", fontcolor="{FAINT}"'
    formula = vertex.formulas[position]
    if formula:
        yield f'edgetooltip="{_quoted(one_line(formula))}"'


def _box(vertex: Vertex, look: Look, aside: int | None) -> str:
    """A vertex: a row of ports where the arrows end, below it the operation and what came of it."""
    ports = _ports(vertex, aside)
    written = formula(vertex)
    if vertex.inside:
        path, separator, title = written.partition(": ")
        held = f", {vertex.held:,} parameters" if vertex.held else ""
        written = f"<b>{_escaped(path)}</b><br/>" * bool(separator) + f"<i>{_escaped(title or path)}</i><br/>"
        written += _small(f"{vertex.inside:,} operations{held}")
    else:
        is_long = len(written) > LONGEST_OPERATION and vertex.operation
        written = _escaped(_typeset(f"{vertex.operation}(…)" if is_long else written))
    if vertex.times > 1:
        written += f"<br/><b>\N{MULTIPLICATION SIGN}{vertex.times:,}</b>"
    operation = f'<td cellpadding="5">{written}</td><vr/>' if vertex.operation else ""
    value = f'<td cellpadding="5">{"<br/>".join(_value_lines(vertex))}</td>'
    cells = f'<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr>{operation}{value}</tr></table>'
    wide = f'colspan="{max(1, len(ports))}"'
    rows = f"<tr><td {wide}>{cells}</td></tr>"
    numbers = vertex.numbers if _is_shown(vertex) else None
    if numbers is not None and _has_strip(vertex):
        rows += f'<tr><td {wide} cellpadding="3">{_strip(numbers)}</td></tr>'
    label = _frame(look, (f"<tr>{''.join(ports)}</tr>" if ports else "") + rows)
    return f'  n{vertex.id} [id="n{vertex.id}", label=<{label}>, tooltip="{_quoted(_tooltip(vertex))}"];'


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
    if vertex.operation is None and vertex.times > 1:
        yield f"<b>\N{MULTIPLICATION SIGN}{vertex.times:,}</b>"
    if vertex.kind != "omitted" and (vertex.shape or vertex.value is None):
        yield _small(shape_of(vertex) if vertex.shape else "scalar")
    yield from _number_lines(vertex)
    if vertex.uses and vertex.kind != "omitted":
        yield _small(f"used {vertex.uses} times")
    if vertex.gradient is not None:
        yield _small(f"grad {_typeset(gradient_words(vertex.gradient))}", INK)
    elif vertex.pending and vertex.kind == "parameter":
        yield _small("grad: not run yet")
    if vertex.mark is not None:
        yield f"<b>{_small(vertex.mark, INK)}</b>"
    if vertex.verdict is not None:
        yield f"<b>{_small(VERDICTS[vertex.verdict], INK)}</b>"
    for text in vertex.formulas:
        if text and vertex.name and len(text) <= LONGEST_FORMULA and "the gradient rule of" not in text:
            yield _small(_typeset(one_line(text)))


def _is_shown(vertex: Vertex) -> bool:
    """Whether the numbers of a value are: of what has a name, and of what was put in."""
    return (vertex.name is not None or vertex.operation is None) and vertex.kind in ("parameter", "data", "result")


def _number_lines(vertex: Vertex) -> Iterator[str]:
    """A small array in full, the range of a larger one, and whatever is not a number."""
    numbers = vertex.numbers
    if numbers is None or numbers.value is not None or not _is_shown(vertex) or not numbers.size:
        return
    if numbers.unusual:
        yield _small(f"NaN or inf in {numbers.unusual:,} of {numbers.size:,}", INK)
    if numbers.cells:
        yield from (_small(_typeset("  ".join(row))) for row in numbers.cells)
    else:
        yield _small(_typeset(numbers.range))


def _has_strip(vertex: Vertex) -> bool:
    numbers = vertex.numbers
    return numbers is not None and bool(numbers.strip) and not numbers.cells and _is_shown(vertex)


def _strip(numbers: Numbers) -> str:
    """Means of equal parts of an array as a row of colours."""
    cells = "".join(f'<td width="9" height="7" bgcolor="{_colour(part)}"></td>' for part in numbers.strip)
    return f'<table border="1" color="{INK}" cellborder="0" cellspacing="0" cellpadding="0"><tr>{cells}</tr></table>'


def _colour(part: float) -> str:
    mixed = (round(low + part * (high - low)) for low, high in zip(LOW, HIGH, strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def _legend(snapshot: Snapshot) -> str:
    """A row of the looks that occur, and what the arrows mean."""
    occurring = {_look(vertex, snapshot) for vertex in snapshot.vertices}
    looks = [look for look in LOOKS.values() if look in occurring]
    samples = [_frame(look, f'<tr><td cellpadding="3">{_small(look.legend)}</td></tr>') for look in looks]
    rows = f"<tr>{''.join(f'<td>{sample}</td>' for sample in samples)}</tr>"
    if len(snapshot.vertices) > 1:
        sentences = ["values flow down, gradients flow back up the solid arrows"]
        if any(vertex.flows for vertex in snapshot.vertices):
            sentences.append("the wider an arrow, the more gradient flows back; % is its share where several add up")
        if any(_has_strip(vertex) for vertex in snapshot.vertices):
            sentences.append("strip: the values in their order, dark is low and light is high")
        if snapshot.note:
            sentences.append(snapshot.note)
        rows += "".join(f'<tr><td colspan="{len(looks)}">{_small(sentence)}</td></tr>' for sentence in sentences)
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
    return f"{name}{formula(vertex) if vertex.operation else vertex.kind} {vertex.shape} {vertex.dtype}{place}"


def _escaped(text: str) -> str:
    r"""Text for a label, in which Graphviz reads tags, entities and sequences like \N."""
    return html.escape(text).replace("\\", "\\\\")


def _quoted(text: str) -> str:
    """Text for a tooltip, in which Graphviz reads quotes, entities, and backslashes twice."""
    return text.replace("&", "&amp;").replace("\\", "\\" * 4).replace('"', '\\"')
