"""Capture: a function run on values that write down what is done with them, as the equations of a program.

    captured = capture(f, leaves, rebuild)
    captured.program, captured.reads, captured.updates

The function runs as it always does: forward, backward pass, transforms, updates. Its arrays are Traced, so that every
function of NumPy that the rules call becomes an equation. Whatever is not a Traced array is a constant. The function is
run a second time, and what then differs (a random number, a counter, the time) is an error that names the line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...tree import Rebuild
from .arguments import is_plain
from .refusals import RETURNS_OBJECT, refusal
from .tracer import Captured, Tracer, is_array, line_of
from .twice import Runs, assert_repeated

__all__ = ["Captured", "capture"]


def capture(f: Callable[..., Any], leaves: list[Any], rebuild: Rebuild, assumes: bool = True) -> Captured:
    """The program of f on these leaves of its arguments.

    With `assumes`, what rules do about rare values that do not occur now (ties, infinities) becomes a check.
    """
    with Runs(f, [leaf for leaf in leaves if not is_array(leaf)]) as runs:
        first = runs.first(lambda: Tracer(f, assumes).run(leaves, rebuild))
        second = runs.second(lambda: Tracer(f, assumes).run(leaves, rebuild))
        line = line_of(f)
        static = [[value for kind, value in captured.results if kind == "static"] for captured in (first, second)]
        assert_repeated(first.program, second.program, (static[0], static[1]), line)
        for result, again in zip(*static, strict=True):
            if not is_plain(result, again):
                raise refusal(RETURNS_OBJECT, line=line, kind=type(result).__name__)
    return first
