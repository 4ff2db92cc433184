"""Numeric gradients: the slope of a function, from its values alone, and how far it can be trusted.

    slope, error = numeric_gradient(f, x)

Central differences (f(x + h) - f(x - h)) / 2h are wrong by a series in h**2, which extrapolating from several h
removes term by term; rounding is wrong by about eps |f| / h, so that there is a best h in between. Where it lies is not
known in advance: x may be 1e-8 or 1e8, and f may change on the scale of x or on its own. So h descends a ladder, a
quarter at each rung, and the error is estimated at each from how little the extrapolations still change; the best is
kept. The method is C. J. F. Ridders', Accurate computation of F'(x) and F'(x)F''(x), Advances in Engineering Software 4
(1982) 75-76, after L. F. Richardson (1911); ours looks at three neighbouring rungs at a time, so that a kink or a pole
within the reach of the first rungs is forgotten by the later ones.

Where the slopes on both sides differ, at a kink, every slope between them is accepted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

SAFETY = 8
"""How many times the estimated error a right slope may be off."""

FIRST, SMALL = 0, 1
"""The ladders: one begins with steps on the scale of x or of 1, the other with steps on the scale of a small x."""

CLIMBS = ((FIRST, 3), (SMALL, 3), (SMALL, 5), (FIRST, 4), (FIRST, 6), (FIRST, 10), (FIRST, 17), (SMALL, 8))
"""In which order the ladders are descended, and down to which rung, until the slope is settled."""

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
    x = np.array(x)
    with np.errstate(all="ignore"):
        here = np.asarray(f(x.copy()))
        function = _Function(f, x, here, weights)
        shape = here.shape if weights is None else (weights.shape[1],)
        count = math.prod(shape)
        slopes, errors = np.empty((2, x.size, count), np.float64)
        claims = None if expected is None else np.asarray(expected, np.float64).reshape(count, x.size).T
        for start in range(0, x.size, TOGETHER):
            elements = np.arange(start, min(start + TOGETHER, x.size))
            for place, slope, error in _slopes(function, elements, claims, tolerance):
                slopes[place], errors[place] = slope, error
    return slopes.T.reshape(shape + x.shape), errors.T.reshape(shape + x.shape)


class _Function:
    """The function near the array x, moved along one element at a time."""

    def __init__(self, f: Callable[[Any], Any], x: Any, here: Any, weights: Any) -> None:
        self.f = f
        self.x = x
        self.here = here.ravel()
        self.eps = float(np.finfo(here.dtype).eps) if here.dtype.kind == "f" else 2.0**-52
        self.weights = weights

    def moved(self, element: int, step: float) -> tuple[float, Any]:
        """The step that was taken, after rounding, and the values there; NaN where f raises, outside of its domain."""
        x = self.x.copy()
        x.flat[element] += step
        try:
            values = np.asarray(self.f(x)).ravel()
        except Exception:
            values = np.full(self.here.shape, np.nan)
        return float(x.flat[element] - self.x.flat[element]), values

    def sizes(self, elements: Any) -> Any:
        """The size of each of these elements of x, as a power of two; a zero is taken to be like the smallest other."""
        size = np.abs(self.x.astype(np.float64)).ravel()
        size[size == 0] = size[size > 0].min(initial=1.0)
        size = size[elements]
        return np.where(np.isfinite(size), np.ldexp(1.0, np.frexp(size)[1] - 1), 1.0)


class _Slopes(NamedTuple):
    """Slopes to the right and to the left, and the rounding noise in them; the axes are step, element of x, of f(x)."""

    steps: Any
    right: Any
    left: Any
    noise: Any


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

    def slopes(self) -> _Slopes:
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
        return _Slopes(np.abs(steps[:, 0]) + 0 * noise, slopes[:, 0], slopes[:, 1], noise)


def _slopes(function: _Function, elements: Any, claims: Any, tolerance: float) -> Iterator[tuple[int, Any, Any]]:
    """The slope along each of these elements, and its error; the ladders are descended until these are settled."""
    sizes = function.sizes(elements)
    ladders = (
        _Ladder(function, elements, np.maximum(sizes, 1.0) / 32),
        _Ladder(function, elements, np.where(sizes < 1 / 32, sizes / 32, np.nan)),
    )
    for ladder, rungs in CLIMBS:
        if np.isnan(ladders[ladder].first).all():
            continue
        ladders[ladder].descend(rungs)
        slopes = [one.slopes() for one in ladders if len(one.steps)]
        best = _best([_central(one) for one in slopes])
        claim = None if claims is None else claims[ladders[FIRST].elements]
        settled = _are_settled(best, slopes[FIRST], claim, tolerance)
        for place in np.flatnonzero(settled):
            yield int(ladders[FIRST].elements[place]), best.slope[place], SAFETY * best.error[place]
        for one in ladders:
            one.keep(~settled)
        if settled.all():
            return
    left = ladders[FIRST].elements
    slope, error = _thoroughly(function, ladders, None if claims is None else claims[left], tolerance)
    yield from zip(left.tolist(), slope, error, strict=True)


def _are_settled(best: _Estimate, slopes: _Slopes, claim: Any, tolerance: float) -> Any:
    """Which elements of x need no closer look."""
    unmoved = ~(slopes.right.any(axis=0) | slopes.left.any(axis=0))
    settled = (SAFETY * best.error <= tolerance * np.abs(best.slope)) | unmoved
    # The slopes to both sides of a smooth function differ less, the smaller the step; those at a kink do not.
    jumps = np.abs(slopes.right - slopes.left)
    smooth = jumps[-1] <= jumps[0] / 2 + 16 * slopes.noise[-1]
    if claim is not None:
        agrees = np.abs(claim - best.slope) <= tolerance * np.abs(best.slope) + SAFETY * best.error
        smooth = agrees | (smooth & (len(jumps) >= ENOUGH))
    return (settled & smooth).all(axis=1)


def _thoroughly(function: _Function, ladders: tuple[_Ladder, ...], claim: Any, tolerance: float) -> tuple[Any, Any]:
    """The slopes after all that the ladders can tell: at a kink, one between those of both sides."""
    slopes = [ladder.slopes() for ladder in ladders]
    central = _best([_central(one) for one in slopes])
    right = _best([_extrapolated(one.steps, one.right, one.noise, 1) for one in slopes])
    left = _best([_extrapolated(one.steps, one.left, one.noise, 1) for one in slopes])
    jump, both = np.abs(right.slope - left.slope), SAFETY * (right.error + left.error)
    kink = jump > both + tolerance * np.maximum(np.abs(right.slope), np.abs(left.slope))
    slope, error = central.slope, SAFETY * central.error
    vague = ~(error <= tolerance * np.abs(slope)) & ~kink
    if vague.any():
        explained = _is_explained(ladders[FIRST], central, slopes[FIRST])
        error = np.where(vague & ~explained & ~(error <= 1e-2 * np.abs(slope)), np.inf, error)
        slope, error = _refined(ladders[FIRST], vague & explained, slope, error)
    low, high = np.minimum(right.slope, left.slope), np.maximum(right.slope, left.slope)
    between = (low + high) / 2 if claim is None else np.clip(claim, low, high)
    doubt = both + (jump / 2 if claim is None else 0)
    return np.where(kink, between, slope), np.where(kink, doubt, error)


def _refined(ladder: _Ladder, hidden: Any, slope: Any, error: Any) -> tuple[Any, Any]:
    """Where rounding hides the slope, steps so large that it does not, if what they find is within the error."""
    if not hidden.any():
        return slope, error
    larger = _Ladder(ladder.function, ladder.elements, ladder.first * 4.0**16)
    larger.descend(17)
    large = _best([_central(larger.slopes())])
    better = hidden & (SAFETY * large.error < error) & (np.abs(large.slope - slope) <= error)
    return np.where(better, large.slope, slope), np.where(better, SAFETY * large.error, error)


def _is_explained(ladder: _Ladder, central: _Estimate, slopes: _Slopes) -> Any:
    """Whether a large error is small beside the slopes further out, or is rounding noise: else there is no slope."""
    further = np.nan_to_num(np.abs(slopes.right + slopes.left) / 2, posinf=0.0)
    first = np.take_along_axis(further, (further > 0).argmax(axis=0)[None], axis=0)[0]
    noise = np.maximum(central.noise, _irregularity(ladder) / central.step)
    return (central.error <= 1e-6 * first) | (central.error <= 16 * noise)


def _irregularity(ladder: _Ladder) -> Any:
    """How irregular the values are in steps so small that the function itself is straight there.

    The second differences of neighbouring values; after J. J. Moré and S. M. Wild, Estimating computational noise,
    SIAM Journal on Scientific Computing 33 (2011).
    """
    function = ladder.function
    found = []
    for element, first in zip(ladder.elements.tolist(), ladder.first, strict=True):
        step = first * 2.0**-40
        sides = [[function.moved(element, sign * k * step)[1] for k in range(1, 6)] for sign in (1, -1)]
        found.append(np.nan_to_num(np.abs(np.diff(sides, 2, axis=1)).max(axis=(0, 1))))
    return np.array(found) if function.weights is None else np.array(found) @ np.abs(function.weights)


class _Estimate(NamedTuple):
    """A slope, the error estimated of it, the step there and the rounding noise in it."""

    slope: Any
    error: Any
    step: Any
    noise: Any


def _central(slopes: _Slopes) -> _Estimate:
    return _extrapolated(slopes.steps, (slopes.right + slopes.left) / 2, slopes.noise, 2)


def _extrapolated(steps: Any, slopes: Any, noise: Any, order: int) -> _Estimate:
    """Extrapolate the slopes at each three neighbouring rungs to h = 0; `order` is that of their error in h."""
    once = (4**order * slopes[1:] - slopes[:-1]) / (4**order - 1)
    twice = (16**order * once[1:] - once[:-1]) / (16**order - 1)
    error = np.abs(once[1:] - once[:-1])
    if len(twice) > 1:
        # A small error may be a coincidence: a neighbour has to confirm it.
        apart = np.abs(np.diff(twice, axis=0))
        apart = np.where(np.isnan(apart), np.inf, apart)
        edge = np.full((1, *apart.shape[1:]), np.inf)
        error = np.maximum(error, np.minimum(np.concatenate([edge, apart]), np.concatenate([apart, edge])))
    error = error + noise[2:] + 0 * twice
    return _Estimate(twice, np.where(np.isnan(error), np.inf, error), steps[2:], noise[2:])


def _best(estimates: list[_Estimate]) -> _Estimate:
    """The best estimate for each element: that of the smallest relative error, or absolute error about a slope of 0."""
    every = estimates[0] if len(estimates) == 1 else _Estimate(*map(np.concatenate, zip(*estimates, strict=True)))
    if len(every.slope) == 1:
        return _Estimate(*[each[0] for each in every])
    size = np.abs(every.slope)
    rank = np.where(every.error <= 1e-3 * size, every.error / size - 1, every.error)
    best = rank.argmin(axis=0)[None]
    return _Estimate(*[np.take_along_axis(each, best, axis=0)[0] for each in every])
