"""Capture: a function run on values that write down what is done with them, as the equations of a program.

    captured = capture(f, leaves, rebuild)
    captured.program, captured.reads, captured.updates

The function runs as it always does: forward, backward pass, transforms, updates. Its arrays are Traced, so that every
function of NumPy that the rules call becomes an equation. Whatever is not a Traced array is a constant. The function is
run a second time, and what then differs (a random number, a counter, the time) is an error that names the line.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

from ...tree import Rebuild
from ..state.slots import Slot
from .arguments import is_plain
from .refusals import DIFFERS, RETURNS_OBJECT, refusal
from .tracer import Captured, Tracer, is_array, line_of
from .twice import Runs, first_difference

__all__ = ["Captured", "capture", "first_difference"]


def capture(
    f: Callable[..., Any],
    leaves: list[Any],
    rebuild: Rebuild,
    assumes: bool = True,
    moving: Iterable[Slot] | None = (),
) -> Captured:
    """The program of f on these leaves of its arguments.

    With `assumes`, what rules do about rare values that do not occur now (ties, infinities) becomes a check. `moving`
    are numbers in its reach that have changed; they, and the learning rates of optimisers, are given to the program,
    unless the function asks more of one than a program can tell, or there is to be None.
    """
    kept = [leaf for leaf in leaves if not is_array(leaf)]
    with Runs(f, kept) as runs:
        rates = {setting.key: setting for setting in runs.settled.found.rates}
        moved = {setting.key: setting for setting in moving or ()}
        choices = [{}, {}] if moving is None else [{**moved, **rates}, rates, {}]
        for settings, others in itertools.pairwise(choices):
            if len(settings) > len(others):
                try:
                    return _captured(f, leaves, rebuild, assumes, runs, list(settings.values()))
                except Exception:
                    runs.begin_again()
        return _captured(f, leaves, rebuild, assumes, runs, [])


def _captured(
    f: Callable[..., Any], leaves: list[Any], rebuild: Rebuild, assumes: bool, runs: Runs, settings: list[Slot]
) -> Captured:
    def run() -> Captured:
        return Tracer(f, assumes).run(leaves, rebuild, runs.settled.found, settings)

    first = runs.first(run)
    if not assumes:  # What two runs tell apart, those of the program with assumptions have told.
        return first
    if runs.settled is not runs.before:  # By what the first call alone makes, as an optimiser's state.
        first = runs.second(run)
    second = runs.second(run)
    line = line_of(f)
    where = first_difference(first, second, line)
    if where is not None:
        raise refusal(DIFFERS, line=where)
    for result, again in zip(first.returned(), second.returned(), strict=True):
        if not is_plain(result, again):
            raise refusal(RETURNS_OBJECT, line=line, kind=type(result).__name__)
    return first
