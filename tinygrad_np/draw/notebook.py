"""What a notebook shows: the page in a frame that can reach nothing, the picture and the words beside it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .drawing import Drawing

HEIGHT = 640
"""Height of the frame in pixels."""


def mimebundle(drawing: Drawing) -> dict[str, str]:
    """The drawing in every form that a front end may choose from; where one fails the others stand for it."""
    words = str(drawing)
    try:
        svg = drawing.svg
    except Exception as error:
        hint = f"<p>{escape(str(error))}</p>"
        return {"text/html": f"<pre>{escape(words)}</pre>{hint}", "text/plain": f"{words}\n\n{error}"}
    bundle = {"image/svg+xml": svg, "text/plain": words}
    try:
        page = escape(drawing.page, quote=True)
    except Exception:
        return bundle
    frame = (
        f'<iframe title="the backward pass, step by step" sandbox="allow-scripts" width="100%" height="{HEIGHT}" '
        f'style="border: 1px solid #999" srcdoc="{page}"></iframe>'
    )
    return {"text/html": frame, **bundle}
