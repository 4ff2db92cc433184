"""Interpolation between given points."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...primitive import implements
from ..arrays.indexing import getitem
from ..arrays.shape import array_of, astype
from ..elementwise.selection import where


@implements(np.interp)
def interp(x, xp, fp, left=None, right=None, period=None):
    """The straight lines through the points (xp, fp), at x; to the left and right of the points a constant.

    It has gradients in x, xp and fp (and left and right). At a point, where two lines meet, the slope in x is that of
    the line to its right, and at the last point that of the line to its left.
    """
    x, xp, fp = (astype(array_of(one), np.dtype(np.float64)) for one in (x, xp, fp))
    if xp.ndim != 1 or fp.ndim != 1 or xp.size != fp.size or xp.size == 0:
        raise ValueError(f"xp and fp must be of one axis and of the same length, not {xp.shape} and {fp.shape}")
    if period is not None:
        x, xp, fp, left, right = *_wrapped(x, xp, fp, period), None, None
    last = xp.size - 1
    # The line that x is on: from the point `start` to the next.
    start = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, max(last - 1, 0))
    end = np.minimum(start + 1, last)
    x_start, y_start = getitem(xp, start), getitem(fp, start)
    run = getitem(xp, end) - x_start
    slope = (getitem(fp, end) - y_start) / where(run == 0, 1, run)
    y = y_start + slope * (x - x_start)
    y = where(x < xp[0], fp[0] if left is None else left, y)
    return where(x > xp[last], fp[last] if right is None else right, y)


def _wrapped(x, xp, fp, period) -> tuple[Any, Any, Any]:
    """x and the points within one period, sorted, with the last point put before the first and the first behind."""
    if period == 0:
        raise ValueError("the period must not be 0")
    period = abs(period)
    x, xp = x % period, xp % period
    order = np.argsort(xp)
    xp, fp = getitem(xp, order), getitem(fp, order)
    xp = np.concatenate((xp[-1:] - period, xp, xp[:1] + period))
    return x, xp, np.concatenate((fp[-1:], fp, fp[:1]))
