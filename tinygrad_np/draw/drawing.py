"""draw_graph: a picture of what a tensor was computed from.

    drawing = tg.draw_graph(loss)
    drawing.save("net.svg")      # or .png, .pdf, .html, .dot
    print(drawing)               # the same as a table

A picture needs Graphviz (render.py says which); the table, the DOT text and the snapshot behind them need nothing.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from ..errors import DTypeError, MissingDependencyError, UnknownFormatError
from ..frames import user_place
from ..tensor import Tensor
from .dot import to_dot
from .page import inline, to_page
from .passes import last_operations, repeated
from .render import render
from .snapshot import Snapshot, snapshot
from .table import to_table

SUFFIXES = (".svg", ".png", ".pdf", ".dot", ".html")


class Drawing:
    """A graph as it was when it was drawn: DOT text, a picture, a table. A notebook shows it by itself.

    Attributes: `snapshot`, the graph as plain data.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    @property
    def dot(self) -> str:
        """The graph in DOT, the language of Graphviz; the same graph gives the same text."""
        return to_dot(repeated(self.snapshot))

    @property
    def svg(self) -> str:
        """The picture as SVG; raises MissingDependencyError without Graphviz."""
        return render(self.dot, "svg").decode()

    def save(self, path: str | Path) -> Path:
        """Write the drawing in the format that the suffix of the path says, and return the path.

        All but .dot need Graphviz, and raise MissingDependencyError without it. Raises UnknownFormatError for a suffix
        that is none of .svg, .png, .pdf, .dot and .html.
        """
        path = Path(path)
        path.write_bytes(self._content(path))
        return path

    def _content(self, path: Path) -> bytes:
        suffix = path.suffix.lower()
        if suffix not in SUFFIXES:
            raise UnknownFormatError(
                f"a drawing can't be saved as {path.name!r}: "
                f"end the name with {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}."
            )
        if suffix == ".dot":
            return self.dot.encode()
        if suffix == ".html":
            return to_page(self.svg, str(self)).encode()
        return render(to_dot(repeated(self.snapshot), bitmap=suffix == ".png"), suffix[1:])

    def _repr_svg_(self) -> str | None:
        try:
            return self.svg
        except MissingDependencyError:
            return None

    def _repr_html_(self) -> str:
        try:
            return f'<div style="overflow: auto; background: white">{inline(self.svg)}</div>'
        except MissingDependencyError:
            return f"<pre>{escape(str(self))}</pre>"

    def __repr__(self) -> str:
        return to_table(self.snapshot)


def draw_graph(output: Tensor, *, limit: int | None = 1000) -> Drawing:
    """Draw the graph of operations that a tensor was computed by.

    Parameters, data, operations and named results each have a look of their own, values flow down the arrows, and where
    a backward pass has left gradients they are shown. The drawing is a snapshot: what happens to the graph later does
    not change it.

    Args:
        output: the Tensor, such as the loss; before or after backward().
        limit: of more operations the last `limit` are drawn, and the drawing says what was left out; None draws all.

    Raises DTypeError if `output` is no Tensor.

    >>> import numpy as np, tinygrad_np as tg
    >>> W = tg.Tensor([[1.0, 2.0]], requires_grad=True, name="W")
    >>> drawing = tg.draw_graph(np.tanh(W).sum().named("loss"))
    >>> drawing.dot.startswith("digraph")
    True
    """
    if not isinstance(output, Tensor):
        raise DTypeError(_not_a_tensor(output))
    whole = snapshot(output._node, output._data)
    return Drawing(whole if limit is None else last_operations(whole, limit))


def _not_a_tensor(output: Any) -> str:
    advice = (
        "call it, and draw the Tensor that it returns"
        if callable(output)
        else "give one of them, such as the loss"
        if isinstance(output, list | tuple | dict) and output
        else "give the Tensor that was computed, such as the loss"
    )
    return f"draw_graph draws the graph of a Tensor, and was given {type(output).__name__}, {user_place()}; {advice}."
