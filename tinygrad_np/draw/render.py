"""DOT to SVG, PNG or PDF, by whichever Graphviz is installed: the program `dot`, or the one that pygraphviz brings.

It runs in a process of its own, which is stopped when a layout takes too long, and whose remarks on fonts and sizes do
not reach the user; what it fails with does.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec

from ..errors import DrawingError, MissingDependencyError

PATIENCE = 5
"""Seconds of computing after which a layout is given up."""

WAIT = 30
"""Seconds on the clock after which it is, on a machine that is busy or does not count."""

_CHILD = """
import os, sys
seconds, kind, program = int(sys.argv[1]), sys.argv[2], sys.argv[3]
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
except (ImportError, ValueError):
    pass
if program and os.name == "posix":
    os.execv(program, [program, "-T" + kind])
if program:
    import subprocess
    sys.exit(subprocess.call([program, "-T" + kind]))
import pygraphviz
sys.stderr = open(os.devnull, "w")
graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
sys.stdout.buffer.write(graph.draw(format=kind, prog="dot"))
"""


class SlowLayoutError(DrawingError):
    """A layout that takes too long."""


def render(dot: str, file_format: str) -> bytes:
    """The picture of a graph in the format "svg", "png" or "pdf".

    Raises MissingDependencyError where there is no Graphviz, SlowLayoutError if it computes for more than five seconds,
    DrawingError if it fails.
    """
    program = shutil.which("dot") or ""
    if not program and not _has_pygraphviz():
        raise MissingDependencyError(
            f"the {file_format} of a graph is drawn by Graphviz, which was not found: `pip install pygraphviz` brings "
            "it along (or install Graphviz itself); print(drawing) and drawing.dot work without it."
        )
    try:
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, str(PATIENCE), file_format, program],
            input=dot.encode("utf-8", "backslashreplace"),
            capture_output=True,
            timeout=WAIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SlowLayoutError(_too_slow(WAIT)) from None
    if done.returncode < 0 and not done.stdout:
        raise SlowLayoutError(_too_slow(PATIENCE))
    if not done.stdout:
        reason = done.stderr.decode(errors="replace").strip().splitlines()
        raise DrawingError(f"Graphviz could not draw the {file_format} of this graph: {' '.join(reason[-1:])}")
    return done.stdout


def _too_slow(seconds: int) -> str:
    return f"The layout of the whole graph took more than {seconds} seconds."


def _has_pygraphviz() -> bool:
    try:
        return find_spec("pygraphviz") is not None
    except ValueError:
        return False
