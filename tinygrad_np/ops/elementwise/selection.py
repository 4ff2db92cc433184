"""One of two values, element by element: where, the larger or the smaller, clip."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...primitive import implements, primitive
from ..arrays.shape import array_of, astype

WHOLE = {np.dtype(np.float32): np.dtype(np.uint32), np.dtype(np.float64): np.dtype(np.uint64)}


def only(condition, x):
    """x where the condition holds and 0 elsewhere, even where x is NaN.

    Where a condition is mixed, a processor guesses np.where's branches wrong half of the time. The bits of a number,
    times 1 or 0, have none.
    """
    if _has_bits(condition, x):
        return (x.view(WHOLE[x.dtype]) * condition).view(x.dtype)
    return np.where(condition, x, 0)


def _has_bits(condition, x) -> bool:
    """Whether these are NumPy's own arrays of truths and of numbers."""
    return type(x) is type(condition) is np.ndarray and condition.dtype == bool and x.dtype in WHOLE


def is_all(mask: Any) -> bool:
    """Whether a mask leaves nothing out, of NumPy's arrays; others are lazy, and may say that it can be assumed."""
    if isinstance(mask, np.ndarray | np.bool):
        return bool(mask.all())
    return hasattr(mask, "assumed_all") and mask.assumed_all()


def all_are_normal(x) -> bool:
    """Whether all of these overflowed as little as they lost digits towards 0; a lazy array is not looked at."""
    limits = np.finfo(x.dtype)
    size = np.absolute(x)
    return is_all(np.logical_and(size >= limits.tiny, size <= limits.max))


@primitive(elementwise=True)
def where(condition, a, b):
    """a where the condition holds, b elsewhere; what is not selected gets the gradient 0, whatever its own slope."""
    if type(b) in (int, float) and b == 0 and _has_bits(condition, a):
        return only(condition, a)
    return np.where(condition, a, b)


@where.vjp(0)
def _(g, y, condition, a, b):
    return np.zeros_like(g)


@where.vjp(1)
def _(g, y, condition, a, b):
    return only(condition, g)


@where.vjp(2)
def _(g, y, condition, a, b):
    return only(np.logical_not(condition), g)


@where.selects(1)
def _(condition, a, b):
    return np.not_equal(condition, 0)


@where.selects(2)
def _(condition, a, b):
    return np.logical_not(condition)


@implements(np.where)
def where_or_nonzero(condition, *choices):
    """np.where: the choice between two, or of a condition alone the indices where it holds."""
    if not hasattr(condition, "dtype"):
        condition = np.asarray(condition, dtype=bool)
    return where(condition, *choices) if choices else np.nonzero(condition)


@primitive(elementwise=True, data=True)
def share(a, b, /, nan_is_largest: bool = True):
    """1 where a > b, 1/2 where they tie, 0 elsewhere: the part of max(a, b)'s gradient that is a's.

    NaN counts as larger than all numbers, or as smaller; two NaN tie.
    """
    more, less = np.greater(a, b), np.less(a, b)
    decided = np.logical_or(more, less)
    large, small = (a, b) if nan_is_largest else (b, a)
    if isinstance(decided, np.ndarray | np.bool):  # Lazy arrays are not looked at.
        # A product with booleans is twice as fast as one with halves, and ties are rare.
        if decided.all():
            return more
        # 2 where a > b, 1 where they tie, and one more or less beside NaN: ten times as fast as np.where.
        twice = np.add(more, np.logical_not(less), dtype=np.int8)
        twice = np.subtract(np.add(twice, np.isnan(large), dtype=np.int8), np.isnan(small), dtype=np.int8)
        return np.multiply(twice, 0.5, dtype=np.float32)
    return np.where(decided, more, 0.5 * np.isnan(large) + 0.5 * ~np.isnan(small))


@primitive(elementwise=True)
def maximum(a, b):
    """The larger of the two, NaN beside NaN; if they tie, each gets half of the gradient."""
    return np.maximum(a, b)


@primitive(elementwise=True)
def fmin(a, b):
    """The smaller of the two, the number beside NaN; if they tie, each gets half of the gradient."""
    return np.fmin(a, b)


@maximum.vjp(0)
def _(g, y, a, b):
    return g * share(a, b)


@maximum.vjp(1)
def _(g, y, a, b):
    return g * share(b, a)


@fmin.vjp(0)
def _(g, y, a, b):
    return g * share(b, a)


@fmin.vjp(1)
def _(g, y, a, b):
    return g * share(a, b)


@primitive(elementwise=True)
def minimum(a, b):
    """The smaller of the two, NaN beside NaN; if they tie, each gets half of the gradient."""
    return np.minimum(a, b)


@primitive(elementwise=True)
def fmax(a, b):
    """The larger of the two, the number beside NaN; if they tie, each gets half of the gradient."""
    return np.fmax(a, b)


@minimum.vjp(0)
def _(g, y, a, b):
    return g * share(b, a, nan_is_largest=False)


@minimum.vjp(1)
def _(g, y, a, b):
    return g * share(a, b, nan_is_largest=False)


@fmax.vjp(0)
def _(g, y, a, b):
    return g * share(a, b, nan_is_largest=False)


@fmax.vjp(1)
def _(g, y, a, b):
    return g * share(b, a, nan_is_largest=False)


@primitive(elementwise=True, data=True)
def share_within(x, /, low: float, high: float):
    """1 where low < x < high, 1/2 where x is one of the two, 0 beyond: the part of the gradient that is x's.

    NaN, which is neither below nor above, has all of it.
    """
    within = np.logical_not(np.logical_or(x < low, x > high))
    tied = np.logical_or(x == low, x == high)
    # As in share.
    if isinstance(tied, np.ndarray | np.bool) and not tied.any():
        return within
    return np.where(tied, np.float32(0.5), within)


@primitive(name="clip", elementwise=True)
def held(x, /, low: float, high: float):
    """x between two numbers, of which the first is less; at a bound half of the gradient is x's."""
    return x.clip(low, high)


@held.vjp
def _(g, y, x, low: float, high: float):
    return g * share_within(x, low=low, high=high)


@implements(np.clip)
def clip(x, a_min=None, a_max=None, *, min=None, max=None):
    """The larger of x and the lower bound, and of that the smaller with the upper; a bound may be None.

    At a bound x and the bound tie, and as in `maximum` each gets half of the gradient.
    """
    if (a_min is not None or a_max is not None) and (min is not None or max is not None):
        raise ValueError("a bound is given as a_min and a_max, or as min= and max=, not in both ways")
    lower, upper = (min if a_min is None else a_min), (max if a_max is None else a_max)
    x = array_of(x)
    if isinstance(lower, int | float) and isinstance(upper, int | float) and lower < upper and x.dtype.kind == "f":
        return held(x, low=lower, high=upper)
    if lower is not None:
        x = maximum(x, lower)
    return x if upper is None else minimum(x, upper)


@implements(np.nan_to_num)
def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    """x with numbers in place of NaN and infinities, by default 0 and the dtype's largest; the gradient there is 0."""
    if x.dtype.kind != "f":
        return x
    dtype, limits = x.dtype, np.finfo(x.dtype)
    x = where(np.isnan(x), nan, x)
    x = where(x == np.inf, limits.max if posinf is None else posinf, x)
    x = where(x == -np.inf, limits.min if neginf is None else neginf, x)
    return x if x.dtype == dtype else astype(x, dtype)
