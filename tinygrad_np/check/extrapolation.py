"""Slopes at smaller and smaller steps, extrapolated to the step 0: how good is each, and which is the best.

Central differences (f(x + h) - f(x - h)) / 2h are wrong by a series in h**2, one-sided ones by a series in h.
Extrapolating from several h removes it term by term, as L. F. Richardson did (The approximate arithmetical solution by
finite differences, Phil. Trans. A 210, 1911), and how little that still changes tells the error (C. J. F. Ridders,
Accurate computation of F'(x) and F'(x)F''(x), Advances in Engineering Software 4, 1982). Small steps are noisy
but honest: the best is the estimate of the smallest error that contradicts none of smaller steps (O. V. Lepski, On a
problem of adaptive estimation, Theory of Probability 35, 1990).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

SAFETY = 8
"""How many times the estimated error a right slope may be off."""


class Slopes(NamedTuple):
    """Slopes to the right and to the left, and the rounding noise in them; the axes are step, element of x, of f(x)."""

    steps: Any
    right: Any
    left: Any
    noise: Any


class Estimate(NamedTuple):
    """A slope, the error estimated of it, the step there and the rounding noise in it."""

    slope: Any
    error: Any
    step: Any
    noise: Any


def central(slopes: Slopes) -> Estimate:
    """The slopes to both sides together."""
    return extrapolated(slopes.steps, (slopes.right + slopes.left) / 2, slopes.noise, 2)


def extrapolated(steps: Any, slopes: Any, noise: Any, order: int) -> Estimate:
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
    return Estimate(twice, np.where(np.isnan(error), np.inf, error), steps[2:], noise[2:])


def best_of(estimates: list[Estimate]) -> Estimate:
    """For each element of the function the estimate of the smallest error that agrees with all of smaller steps."""
    every = estimates[0] if len(estimates) == 1 else Estimate(*map(np.concatenate, zip(*estimates, strict=True)))
    if len(every.slope) == 1:
        return Estimate(*[each[0] for each in every])
    if len(estimates) == 1:
        every = Estimate(*[each[::-1] for each in every])
    else:
        order = np.where(np.isnan(every.step), np.inf, every.step).argsort(axis=0, kind="stable")
        every = Estimate(*[np.take_along_axis(each, order, axis=0) for each in every])
    margin = SAFETY * every.error
    known = np.isfinite(margin)
    low = np.maximum.accumulate(np.where(known, every.slope - margin, -np.inf))
    high = np.minimum.accumulate(np.where(known, every.slope + margin, np.inf))
    agrees = np.ones(every.slope.shape, bool)
    agrees[1:] = (every.slope[1:] >= low[:-1]) & (every.slope[1:] <= high[:-1])
    agrees = np.logical_and.accumulate(agrees | ~known)
    chosen = np.where(agrees, every.error, np.inf).argmin(axis=0)[None]
    return Estimate(*[np.take_along_axis(each, chosen, axis=0)[0] for each in every])


def irregularity(slopes: Slopes) -> Any:
    """How far the values are off from rounding inside the function, where they are less precise than they look.

    In small steps a function is straight but for its curvature, and slopes differ from step to step by noise alone. If
    that noise is coarser than the steps, nothing moves at all, until it moves by as much as the noise. A kink beside
    the point looks the same, but from one side only: what counts is the quieter side. NaN where one never moves.
    """
    sides, moves = [], []
    for side in (slopes.right, slopes.left):
        moved = np.abs(side) * slopes.steps
        straight = (4 * side[1:] - side[:-1]) / 3
        uneven = (np.abs(np.diff(straight, axis=0)) * slopes.steps[2:])[len(side) // 2 :].max(axis=0)
        still = (moved == 0).any(axis=0)
        least = np.where(moved > 0, moved, np.inf).min(axis=0)
        sides.append(np.fmax(uneven, np.where(still, least, 0)))
        moves.append(np.isfinite(least))
    return np.where(np.logical_and(*moves), np.fmin(*sides), np.nan)


def noisier(slopes: Slopes, irregular: Any) -> Slopes:
    """The slopes, if the values are this irregular."""
    return slopes._replace(noise=np.maximum(slopes.noise, irregular / slopes.steps))


def first_size(slopes: Slopes) -> Any:
    """The size of the slope at the largest step where there is one."""
    size = np.nan_to_num(np.abs(slopes.right + slopes.left) / 2, posinf=0.0)
    return np.take_along_axis(size, (size > 0).argmax(axis=0)[None], axis=0)[0]


def largest_change(slopes: Slopes) -> Any:
    """By how much the values change at most."""
    changes = np.fmax(np.abs(slopes.right), np.abs(slopes.left)) * slopes.steps
    return np.fmax.reduce(np.where(np.isfinite(changes), changes, 0))
