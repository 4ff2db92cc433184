"""Published figures, and how many of their digits a program gives again.

A document prints a number to some last place: `0.71257368` stands for everything that rounds to it. `Figures` keeps
that last place beside the value, `agreeing_digits` counts from the first digit how far two numbers go together, and
every comparison becomes a `Row` that says what was printed, what came out, and whether that is good enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

GRADIENT_TOLERANCE = 1e-12
"""The largest relative error that an automatic gradient may have against a hand-written one."""

HALF_A_PLACE = 0.5 + 1e-6
"""What rounds to the printed number lies within half a unit of its last place; the rest is binary rounding."""


@dataclass(frozen=True)
class Figures:
    """Numbers as they stand in print: their values, and for each the unit of its last printed digit."""

    values: Array
    last_place: Array

    @property
    def digits(self) -> Array:
        """How many significant digits each number is printed with; a printed zero counts its decimals."""
        leading = np.where(self.values == 0, 1.0, np.abs(self.values))
        return (np.floor(np.log10(leading)) - np.round(np.log10(self.last_place)) + 1).astype(int)


def printed(text: str, shape: tuple[int, ...] | None = None, *, decimals: int | None = None) -> Figures:
    """Read numbers from a print-out, brackets and commas allowed.

    NumPy drops the zeros at the end of an array's numbers: `decimals` says how many places the array was printed with
    (for scientific notation, the places before the `e`). Without it each number is taken to end where it ends.

    >>> printed("[[0.25 1.5]]", decimals=8).last_place
    array([1.e-08, 1.e-08])
    """
    numbers = text.translate(str.maketrans("[],", "   ")).split()
    values, last_place = [], []
    for number in numbers:
        mantissa, _, exponent = number.lower().partition("e")
        places = decimals if decimals is not None else len(mantissa.partition(".")[2])
        values.append(float(number))
        last_place.append(10.0 ** (int(exponent or 0) - places))
    shape = shape or (len(values),)
    return Figures(np.array(values).reshape(shape), np.array(last_place).reshape(shape))


def known_to(digits: int, values: Any) -> Figures:
    """Numbers that are known to so many significant digits, as if they had been printed so; none may be 0.

    >>> known_to(3, [0.012345]).last_place.round(9)
    array([0.0001])
    """
    values = np.asarray(values, dtype=float)
    return Figures(values, 10.0 ** (np.floor(np.log10(np.abs(values))) + 1 - digits))


def agreeing_digits(figures: Figures, reproduced: Any) -> Array:
    """Count, for each number, the leading printed digits within whose last place both numbers are the same.

    All of them means: the number that came out rounds to what was printed.

    >>> agreeing_digits(printed("0.71257368 3.1416"), [0.712573684, 3.1400]).tolist()
    [8, 3]
    """
    reproduced = np.asarray(reproduced, dtype=float)
    if reproduced.shape != figures.values.shape:
        raise ValueError(
            f"{figures.values.size} figures of shape {figures.values.shape} are printed, "
            f"but {reproduced.size} of shape {reproduced.shape} came out."
        )
    places_apart = np.abs(reproduced - figures.values) / figures.last_place
    lost = np.ceil(np.log10(np.maximum(places_apart / HALF_A_PLACE, 1.0)))
    agreeing = np.where(np.isfinite(reproduced), figures.digits - lost, 0)
    return np.asarray(np.maximum(agreeing, 0).astype(int))


@dataclass(frozen=True)
class Row:
    """One line of the closing table. `right` is None where nothing published can be expected to come out again."""

    what: str
    published: str
    reproduced: str
    agreement: str
    right: bool | None


def compare_figures(what: str, figures: Figures, reproduced: Any, *, digits: int | None = None) -> Row:
    """Compare numbers with what was printed: `digits` leading digits have to agree, or else all that are printed."""
    reproduced = np.asarray(reproduced, dtype=float)
    agreeing = agreeing_digits(figures, reproduced)
    needed = figures.digits if digits is None else np.minimum(figures.digits, digits)
    count = figures.values.size
    if bool((agreeing == figures.digits).all()):
        agreement = f"all {_span(figures.digits)} digits"
    else:
        worst = np.unravel_index(int(np.argmin(agreeing - needed)), agreeing.shape)
        agreement = f"{agreeing[worst]} of {figures.digits[worst]} digits"
        if count > 1:
            agreement += " or more" if bool((agreeing >= needed).all()) else f" at {_place(worst)}"
    return Row(
        what if count == 1 else f"{what} ({count})",
        _sample(figures.values, figures),
        _sample(reproduced, figures),
        agreement,
        bool((agreeing >= needed).all()),
    )


def compare_runs(what: str, run: Sequence[float], again: Sequence[float], *, digits: int = 10) -> Row:
    """Compare the losses of two trainings that are one on paper: `digits` leading digits of each have to agree.

    >>> compare_runs("losses, run twice", [0.5, 0.25, 0.125], [0.5, 0.25, 0.125 + 1e-14]).agreement
    '13 of 16 digits or more'
    """
    agreeing = int(agreeing_digits(known_to(16, run), again).min())
    agreement = f"{agreeing} of 16 digits or more"
    return Row(f"{what} ({len(run):,})", first_and_last(run), first_and_last(again), agreement, agreeing >= digits)


def first_and_last(values: Sequence[float]) -> str:
    """Show the first and the last of many numbers."""
    return f"{values[0]:.10g} … {values[-1]:.10g}"


def compare_exactly(what: str, published: Any, reproduced: Any, *, shown: str | None = None) -> Row:
    """Compare what has no rounding: shapes, labels, counts."""
    right = bool(np.array_equal(published, reproduced))
    came_out = shown if right and shown else str(reproduced)
    return Row(what, shown or str(published), came_out, "exact" if right else "differs", right)


def check(what: str, published: str, reproduced: str, expectation: str, right: bool) -> Row:
    """State an expectation that is not a matter of digits, such as a loss below a bound."""
    return Row(what, published, reproduced, expectation, right)


class GradientRow(Protocol):
    """What is read of a line of `tinygrad_np.compare_gradients`' report."""

    name: str
    largest_absolute_difference: float
    largest_relative_error: float


@dataclass
class GradientErrors:
    """The largest relative error of each automatic gradient against the hand-written one, over many iterations.

    The report measures each element at its own scale, and takes what rounding explains relative to the terms that were
    added up. Beside it stands a plainer measure, the largest difference over the largest element; the larger counts.
    """

    largest: dict[str, float] = field(default_factory=dict)
    iterations: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def add(self, iteration: int, report: Any, by_hand: Mapping[str, Array]) -> None:
        """Keep what a report of `tinygrad_np.compare_gradients(loss, by_hand)` says about one iteration."""
        self.iterations.append(iteration)
        for row in report.rows:
            error = np.maximum(row.largest_relative_error, _over_the_largest(row, by_hand[row.name]))
            self.largest[row.name] = float(np.maximum(self.largest.get(row.name, 0.0), error))
        self.wrong += [name for name in report.wrong if name not in self.wrong]

    def rows(self, groups: Mapping[str, Iterable[str]]) -> list[Row]:
        """One row for each group of gradients, and one for those that were compared but are in no group."""
        listed = {title: list(names) for title, names in groups.items()}
        left_out = set(self.largest) - {name for names in listed.values() for name in names}
        if left_out:
            listed["other gradients"] = sorted(left_out)
        return [self._row(title, names) for title, names in listed.items()]

    def _row(self, title: str, names: list[str]) -> Row:
        errors = [self.largest.get(name, math.nan) for name in names]
        worst = float(np.max(errors))
        wrong = [name for name in names if name in self.wrong]
        return Row(
            f"{title}, iteration {', '.join(f'{iteration:,}' for iteration in self.iterations)}",
            "written by hand",
            ", ".join(f"{name} {error:.0e}" for name, error in zip(names, errors, strict=True)),
            f"relative ≤ {worst:.0e}" + (f", wrong: {', '.join(wrong)}" if wrong else ""),
            worst <= GRADIENT_TOLERANCE and not wrong,
        )


def _over_the_largest(row: GradientRow, by_hand: Array) -> float:
    if row.largest_absolute_difference == 0:
        return 0.0
    largest = float(np.abs(by_hand).max())
    return row.largest_absolute_difference / largest if largest else math.inf


def _sample(values: Array, figures: Figures) -> str:
    """Show one number whole, of several the first and the last, each with as many digits as were printed."""
    texts = [f"{value:#.{max(digits, 1)}g}" for value, digits in zip(values.flat, figures.digits.flat, strict=True)]
    return texts[0] if len(texts) == 1 else f"{texts[0]} … {texts[-1]}" if len(texts) > 2 else "  ".join(texts)


def _span(digits: Array) -> str:
    least, most = int(digits.min()), int(digits.max())
    return str(least) if least == most else f"{least} to {most}"


def _place(index: tuple[Any, ...]) -> str:
    return "place " + (str(int(index[0])) if len(index) == 1 else str(tuple(int(i) for i in index)))
