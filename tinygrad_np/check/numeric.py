"""Numeric gradients: the slope of a function, from its values alone, and how far it can be trusted.

    slope, error = numeric_gradient(f, x)

Where the best step lies is not known in advance: x may be 1e-8 or 1e8, and f may change on the scale of x or on its
own. So the step descends a ladder, a quarter at each rung; every three neighbouring rungs give an estimate of the slope
and of its error (extrapolation.py), until one is good enough. Most functions of ordinary inputs need three rungs.

Where the slopes on both sides differ, at a kink, every slope between them is accepted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .extrapolation import (
    SAFETY,
    Estimate,
    Slopes,
    best_of,
    central,
    extrapolated,
    first_size,
    irregularity,
    largest_change,
    noisier,
)

FIRST, SMALL, WIDE = 0, 1, 2
"""The ladders: from 1/32 of the scale of x or of 1; from 1/32 of a small x; from half of the first one's scale."""

CLIMBS = ((FIRST, 3), (SMALL, 3), (SMALL, 5), (FIRST, 4), (FIRST, 6), (FIRST, 10), (FIRST, 17), (SMALL, 10), (WIDE, 4))
"""In which order the ladders are descended, and down to which rung, until the slope is settled."""

LARGEST = 16
"""How often the first step is multiplied by 4 where rounding hides the slope in smaller ones."""

ENOUGH = 6
"""After so many rungs a smooth slope is believed, though it is not what was expected."""

TOGETHER = 64
"""How many elements are worked on at once."""


def numeric_gradient(
    f: Callable[[Any], Any],
    x: Any,
    expected: Any = None,
    *,
    tolerance: float = 2.0**-26,
    weights: Any = None,
) -> tuple[Any, Any]:
    """The derivative of f at x by differences, and how far the true one may be from it, element by element.

    Args:
        f: a function of one array; it is called with an array of x's shape, six times or more for each element of x.
        x: an array; the steps are taken in its own dtype.
        expected: the derivative that is claimed, of the shape of the result. Where a first look disagrees with it by
            more than the tolerance, f is called more often until the doubt is settled.
        tolerance: the relative error at which a slope is precise enough.
        weights: a matrix (size of f's value, n) that contracts f's value to n numbers, after the differences are taken.

    Returns the derivative, of the shape of f(x) (or n) followed by the shape of x, and the error of each element, which
    is infinite where f is not finite nearby or has no slope. At a kink it is the slope between those of both sides that
    is nearest to `expected`; without that it is their mean, with half their difference as error.

    >>> slope, error = numeric_gradient(lambda x: np.sum(np.sin(x)), np.array([0.0, 1.0]))
    >>> bool(np.all(np.abs(slope - np.cos([0.0, 1.0])) < error)), bool(np.all(error < 1e-8))
    (True, True)
    """
    slope, error, kind = numeric_slopes(f, x, expected, tolerance, weights)
    return slope, np.where(kind == UNEVEN, np.inf, error)


CLEAR, KINK, UNEVEN = 0, 1, 2
"""What a slope rests on: on smooth values; on those of a kink; on values that jump, or are too uneven to have one."""


def numeric_slopes(
    f: Callable[[Any], Any], x: Any, expected: Any, tolerance: float, weights: Any
) -> tuple[Any, Any, Any]:
    """The same as numeric_gradient, and for each element what it rests on."""
    x = np.array(x)
    with np.errstate(all="ignore"):
        here = np.asarray(f(x.copy()))
        function = _Function(f, x, here, weights)
        shape = here.shape if weights is None else (weights.shape[1],)
        count = math.prod(shape)
        slopes, errors, kinds = np.empty((3, x.size, count), np.float64)
        claims = None if expected is None else np.asarray(expected, np.float64).reshape(count, x.size).T
        for start in range(0, x.size, TOGETHER):
            elements = np.arange(start, min(start + TOGETHER, x.size))
            for place, slope, error, kind in _slopes(function, elements, claims, tolerance):
                slopes[place], errors[place], kinds[place] = slope, error, kind
    slopes, errors, kinds = (array.T.reshape(shape + x.shape) for array in (slopes, errors, kinds))
    return slopes, errors, kinds


class _Function:
    """The function near the array x, moved along one element at a time."""

    def __init__(self, f: Callable[[Any], Any], x: Any, here: Any, weights: Any) -> None:
        self.f = f
        self.x = x
        self.here = here.ravel().astype(np.float64)
        self.eps = max(float(np.finfo(here.dtype).eps) if here.dtype.kind == "f" else 0.0, 2.0**-52)
        self.weights = weights

    def moved(self, element: int, step: float) -> tuple[float, Any]:
        """The step that was taken, after rounding, and the values there; NaN where f raises, or has another shape."""
        x = self.x.copy()
        x.flat[element] += step
        try:
            values = np.asarray(self.f(x)).ravel()
        except Exception:
            values = np.empty(0)
        if values.shape != self.here.shape:
            values = np.full(self.here.shape, np.nan)
        return float(x.flat[element] - self.x.flat[element]), values

    def sizes(self, elements: Any) -> Any:
        """The size of each of these elements of x, as a power of two; a zero is taken to be like the smallest other."""
        size = np.abs(self.x.astype(np.float64)).ravel()
        size[size == 0] = size[size > 0].min(initial=1.0)
        size = size[elements]
        return np.where(np.isfinite(size), np.ldexp(1.0, np.frexp(size)[1] - 1), 1.0)


class _Ladder:
    """The values of a function at x + h and x - h, for steps h each of which is a quarter of the one before.

    It is descended for several elements of x at once; `first` is the first step for each, NaN where there is none.
    """

    def __init__(self, function: _Function, elements: Any, first: Any) -> None:
        self.function = function
        self.elements = elements
        self.first = first
        nothing = (0, 2, len(elements))
        self.steps = np.empty(nothing)
        self.values = np.empty((*nothing, function.here.size))

    def descend(self, rungs: int) -> None:
        """Go on until there are this many rungs."""
        before = len(self.steps)
        steps = np.full((rungs - before, 2, len(self.elements)), np.nan)
        values = np.full((*steps.shape, self.function.here.size), np.nan)
        for rung, side, place in np.ndindex(steps.shape):
            step = self.first[place] / (1, -1)[side] / 4.0 ** (before + rung)
            if step == step:
                moved = self.function.moved(int(self.elements[place]), step)
                steps[rung, side, place], values[rung, side, place] = moved
        self.steps = np.concatenate([self.steps, steps])
        self.values = np.concatenate([self.values, values])

    def keep(self, chosen: Any) -> None:
        """Go on with some of the elements only."""
        self.elements, self.first = self.elements[chosen], self.first[chosen]
        self.steps, self.values = self.steps[:, :, chosen], self.values[:, :, chosen]

    def slopes(self) -> Slopes:
        """What is known after as many rungs as there are."""
        function, steps = self.function, self.steps[..., None]
        differences = self.values - function.here
        sizes = np.maximum(np.abs(self.values), np.abs(function.here))
        if function.weights is not None:
            # What did not change was not rounded either, and adds no noise to the sum.
            sizes = np.where(differences == 0, 0, sizes) @ np.abs(function.weights)
            differences = differences @ function.weights
        slopes = differences / steps
        noise = (function.eps * sizes / np.abs(steps)).max(axis=1)
        return Slopes(np.abs(steps[:, 0]) + 0 * noise, slopes[:, 0], slopes[:, 1], noise)


def _slopes(function: _Function, elements: Any, claims: Any, tolerance: float) -> Iterator[tuple[int, Any, Any, Any]]:
    """The slope along each of these elements, its error and its kind; the ladders are descended until it is settled."""
    sizes = function.sizes(elements)
    ladders = (
        _Ladder(function, elements, np.maximum(sizes, 1.0) / 32),
        _Ladder(function, elements, np.where(sizes < 1 / 32, sizes / 32, np.nan)),
        _Ladder(function, elements, np.maximum(sizes, 1.0) / 2),
    )
    for ladder, rungs in CLIMBS:
        if np.isnan(ladders[ladder].first).all():
            continue
        ladders[ladder].descend(rungs)
        slopes = [one.slopes() for one in ladders if len(one.steps)]
        best = best_of([central(one) for one in slopes])
        left = ladders[FIRST].elements
        settled, uneven = _are_settled(best, slopes[FIRST], None if claims is None else claims[left], tolerance)
        for place in np.flatnonzero(settled):
            kind = _kink_or_not(function, ladders[FIRST], int(place), tolerance) if uneven[place] else CLEAR
            yield int(left[place]), best.slope[place], SAFETY * best.error[place], kind
        for one in ladders:
            one.keep(~settled)
        if settled.all():
            return
    left = ladders[FIRST].elements
    yield from zip(
        left.tolist(), *_thoroughly(ladders, None if claims is None else claims[left], tolerance), strict=True
    )


def _are_settled(best: Estimate, slopes: Slopes, claim: Any, tolerance: float) -> tuple[Any, Any]:
    """Which elements of x need no closer look; and at which the slopes to both sides do not come closer together."""
    unmoved = ~(slopes.right.any(axis=0) | slopes.left.any(axis=0))
    still = unmoved if claim is None else unmoved & (claim == 0)
    settled = (SAFETY * best.error < tolerance * np.abs(best.slope)) | still
    # The slopes to both sides of a smooth function differ less, the smaller the step; those at a kink do not.
    jumps = np.abs(slopes.right - slopes.left)
    smooth = jumps[-1] <= jumps[0] / 2 + 16 * slopes.noise[-1]
    uneven = ~smooth.all(axis=1)
    if claim is not None:
        agrees = np.abs(claim - best.slope) <= tolerance * np.abs(best.slope) + SAFETY * best.error
        smooth = agrees | (smooth & (len(jumps) >= ENOUGH))
    return (settled & smooth).all(axis=1), uneven


def _kink_or_not(function: _Function, ladder: _Ladder, place: int, tolerance: float) -> Any:
    """At a point whose slope is settled: whether it is one between the different slopes of both sides."""
    closer = _Ladder(function, ladder.elements[[place]], ladder.first[[place]])
    closer.descend(ENOUGH)
    slopes = closer.slopes()
    kink = _both_sides([slopes], tolerance)[2]
    jumps = np.abs(slopes.right - slopes.left)
    return np.where(kink & (jumps[-1] > jumps[0] / 2), KINK, CLEAR)[0]


def _both_sides(slopes: list[Slopes], tolerance: float) -> tuple[Any, Any, Any, Any, Any]:
    """The slopes to the right and to the left, whether they differ for sure, by how much, and their error."""
    right = best_of([extrapolated(one.steps, one.right, one.noise, 1) for one in slopes])
    left = best_of([extrapolated(one.steps, one.left, one.noise, 1) for one in slopes])
    jump, error = np.abs(right.slope - left.slope), SAFETY * (right.error + left.error)
    kink = jump > error + tolerance * np.maximum(np.abs(right.slope), np.abs(left.slope))
    return right.slope, left.slope, kink, jump, error


def _thoroughly(ladders: tuple[_Ladder, ...], claim: Any, tolerance: float) -> tuple[Any, Any, Any]:
    """The slopes after all that the ladders can tell: at a kink, one between those of both sides."""
    slopes = [ladder.slopes() for ladder in ladders if len(ladder.steps)]
    irregular = np.nan_to_num(np.fmin.reduce([irregularity(one) for one in slopes if len(one.steps) > 4]))
    rounding = np.fmin.reduce(slopes[FIRST].noise * slopes[FIRST].steps)
    slopes = [noisier(one, irregular) for one in slopes]
    both_sides = best_of([central(one) for one in slopes])
    right, left, kink, jump, both = _both_sides(slopes, tolerance)
    slope, error, jumpy = both_sides.slope, SAFETY * both_sides.error, np.zeros(kink.shape, bool)
    vague = ~(error <= tolerance * np.abs(slope)) & ~kink
    if vague.any():
        explained = (both_sides.error <= 16 * both_sides.noise) | (both_sides.error <= 1e-6 * first_size(slopes[FIRST]))
        jumpy = vague & ~explained & ~(error <= 1e-2 * np.abs(slope))
        slope, error = _refined(ladders[FIRST], irregular, vague & explained, slope, error)
    # Rounding is small beside the changes of a function; values that are more uneven need another explanation.
    uneven = jumpy | vague & (irregular > 1e-2 * largest_change(slopes[FIRST])) & (irregular > 16 * rounding)
    if claim is not None:
        # Values that stand still, until they jump, look uneven too; but if the slope is said to be 0, it is.
        still = ~(slopes[FIRST].right[-3:].any(axis=0) | slopes[FIRST].left[-3:].any(axis=0))
        flat = vague & (claim == 0) & still
        slope, error, uneven = np.where(flat, 0.0, slope), np.where(flat, rounding, error), uneven & ~flat
    low, high = np.minimum(right, left), np.maximum(right, left)
    between = (low + high) / 2 if claim is None else np.clip(claim, low, high)
    doubt = both + (jump / 2 if claim is None else 0)
    kind = np.where(kink, KINK, np.where(uneven, UNEVEN, CLEAR))
    return np.where(kink, between, slope), np.where(kink, doubt, error), kind


def _refined(ladder: _Ladder, irregular: Any, hidden: Any, slope: Any, error: Any) -> tuple[Any, Any]:
    """Where rounding hides the slope of a straight line: steps so large that it does not, as far as it is straight."""
    if not hidden.any():
        return slope, error
    larger = _Ladder(ladder.function, ladder.elements, ladder.first * 4.0**LARGEST)
    larger.descend(LARGEST + 3)
    slopes = noisier(larger.slopes(), irregular)
    straight = np.abs(slopes.right - slopes.left) <= SAFETY * slopes.noise
    upward = Estimate(*[each[::-1] for each in central(slopes)])
    agrees = np.abs(np.diff(upward.slope, axis=0)) <= SAFETY * upward.error[:-1]
    improves = agrees & (upward.error[1:] < upward.error[:-1]) & straight[::-1][3:]
    count = np.logical_and.accumulate(improves).sum(axis=0)[None]
    large = Estimate(*[np.take_along_axis(each, count, axis=0)[0] for each in upward])
    better = hidden & (SAFETY * large.error < error) & (np.abs(large.slope - slope) <= error)
    return np.where(better, large.slope, slope), np.where(better, SAFETY * large.error, error)
