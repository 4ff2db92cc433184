"""A row of gradcheck's report: what is said of the gradient for one input."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import listed
from .report import AT_KINK, RIGHT, UNCHECKED, WRONG, Row
from .tolerance import Judgement
from .trial import MANY, Trial, Verdict


def row_of(name: str, trial: Trial, place: int, verdict: Verdict) -> Row:
    """The row of one input, whose verdict this is."""
    judgement, shape = verdict.judgement, trial.arrays[place].shape
    wrong, unknown = verdict.wrong, verdict.unknown
    is_wrong = bool(wrong.any()) or not verdict.is_linear
    said = Judgement(np.where(unknown, 0.0, judgement.difference), np.where(unknown, 0.0, judgement.relative), wrong)
    at = said.where
    words = ""
    if wrong.any():
        words = _wrong(name, trial, place, verdict, at or ())
    elif not verdict.is_linear:
        words = (
            f"{name}: the gradient of a sum of results is not the sum of their gradients: a gradient rule is not "
            "linear in the upstream gradient g."
        )
    elif unknown.any():
        words = _unchecked(name, trial, unknown)
    elif verdict.at_kink.any():
        words = _at_kink(name, verdict.at_kink)
    right = AT_KINK if verdict.at_kink.any() else RIGHT
    return Row(
        name,
        shape,
        said.largest_difference,
        said.largest_relative,
        None if at is None else at[1:],
        WRONG if is_wrong else UNCHECKED if unknown.any() else right,
        words,
    )


def _wrong(name: str, trial: Trial, place: int, verdict: Verdict, at: tuple[int, ...]) -> str:
    """What is wrong with the gradient of one input, in words."""
    automatic, slope, wrong = verdict.automatic, verdict.slope, verdict.wrong
    where = f" at {at[1:]}" if len(at) > 1 else ""
    of = which_result(trial, at[0])
    sentence = f"{name}:{where} the gradient{of} is {shortly(automatic[at])}, but the slope is {shortly(slope[at])}"
    if verdict.error[at] > 0:
        sentence += f" ± {verdict.error[at]:.0e}"
    x = trial.arrays[place]
    chosen = wrong.any(axis=0)
    factor = _factor(automatic[wrong], slope[wrong], float(np.sqrt(np.finfo(np.float64).eps)) * 100)
    how = "" if factor is None else f", {shortly(factor)} times the slope"
    if chosen.all() and not automatic.any():
        return f"{sentence}. The gradient is 0 everywhere."
    if chosen.all():
        return f"{sentence}. It is wrong everywhere{how}."
    for words, sign in (("negative", x < 0), ("positive", x > 0), ("0", x == 0)):
        if sign.any() and not sign.all() and (chosen == sign).all():
            return f"{sentence}. It is wrong exactly where {name} is {words}{how}."
    return f"{sentence}. It is wrong at {int(chosen.sum())} of {chosen.size} elements{how}."


def _factor(automatic: Any, slope: Any, tolerance: float) -> float | None:
    """The number of times that the gradient is the slope, if it is the same everywhere."""
    with np.errstate(all="ignore"):
        factors = automatic / slope
    if not np.isfinite(factors).all() or np.ptp(factors) > tolerance * np.abs(factors).max():
        return None
    return float(factors.mean())


def which_result(trial: Trial, row: int) -> str:
    """Which element of the result a row of the derivative belongs to, in words; nothing if there is only one."""
    if trial.values.size == 1:
        return ""
    if trial.values.size > MANY:
        return " along a random direction of the result"
    for number, result in enumerate(trial.recording.results):
        if row < result.size:
            of = f"result {number}" if len(trial.recording.results) > 1 else "the result"
            index = tuple(int(i) for i in np.unravel_index(row, result.shape))
            return f" of the element {index} of {of}" if index else f" of {of}"
        row -= result.size
    return ""


def _at_kink(name: str, at_kink: Any) -> str:
    """Where the slopes of both sides differ, in words."""
    if at_kink.ndim == 1:
        return f"{name} is at a kink, where every slope between those of both sides is right."
    places = np.argwhere(at_kink.any(axis=0))
    said = [str(tuple(int(i) for i in place)) for place in places[:3]]
    said += [f"{len(places) - 3} more"] if len(places) > 3 else []
    return f"{name} is at a kink at {listed(said)}, where every slope between those of both sides is right."


def _unchecked(name: str, trial: Trial, unknown: Any) -> str:
    at = tuple(int(i) for i in np.argwhere(unknown.any(axis=0))[0]) if unknown.ndim > 1 else ()
    where = f"{name} at {at}" if at else name
    if not np.isfinite(trial.values).all():
        return f"{name} can't be checked: the function gives {_first_bad(trial.values)} at these inputs."
    return (
        f"{where} can't be checked: right beside it the function is not finite, or jumps, so that there is no slope to "
        "compare with; check it at another point."
    )


def _first_bad(values: Any) -> str:
    return str(values[~np.isfinite(values)][0])


def shortly(value: Any) -> str:
    """A slope, in eight digits."""
    return f"{float(value) + 0.0:.8g}"
