"""DOT to SVG, PNG or PDF, by whichever Graphviz is installed.

Either the program `dot`, through the package graphviz, or pygraphviz, whose wheel brings Graphviz along.
"""

from __future__ import annotations

import shutil

from ..errors import MissingDependencyError


def render(dot: str, file_format: str) -> bytes:
    """The picture of a graph in the format "svg", "png" or "pdf".

    Raises MissingDependencyError where there is no Graphviz.
    """
    if shutil.which("dot"):
        try:
            import graphviz  # type: ignore[import-untyped]
        except ImportError:
            pass
        else:
            return bytes(graphviz.Source(dot).pipe(file_format))
    try:
        import pygraphviz  # type: ignore[import-untyped]
    except ImportError:
        raise MissingDependencyError(
            f"the {file_format} of a graph is drawn by Graphviz, which was not found: `pip install pygraphviz` brings "
            "it along (or install Graphviz itself, and `pip install graphviz`); print(drawing) and drawing.dot work "
            "without it."
        ) from None
    with pygraphviz.AGraph(string=dot) as graph:
        return bytes(graph.draw(format=file_format, prog="dot"))
