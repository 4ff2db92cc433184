"""One of several values, element by element: where, maximum, minimum, clip."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import implements, primitive


@primitive(elementwise=True)
def where(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, b elsewhere; what is not selected gets the gradient 0, whatever its own slope."""
    return np.where(condition, a, b)


@where.vjp(1)
def _(g: Any, y: Any, condition: Any, a: Any, b: Any) -> Any:
    return np.where(condition, g, 0)


@where.vjp(2)
def _(g: Any, y: Any, condition: Any, a: Any, b: Any) -> Any:
    return np.where(condition, 0, g)


@where.selects(1)
def _(condition: Any, a: Any, b: Any) -> Any:
    return condition


@where.selects(2)
def _(condition: Any, a: Any, b: Any) -> Any:
    return np.logical_not(condition)


@primitive(elementwise=True)
def share(a: Any, b: Any) -> Any:
    """1 where a > b, 1/2 where they tie, 0 elsewhere: the part of max(a, b)'s gradient that is a's."""
    more = np.greater(a, b)
    ties = np.equal(a, b)
    # A product with booleans is twice as fast as one with halves, and ties are rare. Lazy arrays are not looked at.
    if isinstance(ties, np.ndarray | np.bool) and not ties.any():
        return more
    return more + 0.5 * ties


@primitive(elementwise=True)
def maximum(a: Any, b: Any) -> Any:
    """The larger of the two; if they tie, each gets half of the gradient."""
    return np.maximum(a, b)


@maximum.vjp(0)
def _(g: Any, y: Any, a: Any, b: Any) -> Any:
    return g * share(a, b)


@maximum.vjp(1)
def _(g: Any, y: Any, a: Any, b: Any) -> Any:
    return g * share(b, a)


@primitive(elementwise=True)
def minimum(a: Any, b: Any) -> Any:
    """The smaller of the two; if they tie, each gets half of the gradient."""
    return np.minimum(a, b)


@minimum.vjp(0)
def _(g: Any, y: Any, a: Any, b: Any) -> Any:
    return g * share(b, a)


@minimum.vjp(1)
def _(g: Any, y: Any, a: Any, b: Any) -> Any:
    return g * share(a, b)


@implements(np.clip)
def clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """The larger of x and the lower bound, and of that the smaller with the upper; a bound may be None.

    At a bound x and the bound tie, and as in `maximum` each gets half of the gradient.
    """
    lower, upper = (min if a_min is None else a_min), (max if a_max is None else a_max)
    if lower is not None:
        x = maximum(x, lower)
    return x if upper is None else minimum(x, upper)
