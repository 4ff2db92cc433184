"""Sums and products so far: what a reduction has come to at each element along an axis."""

from __future__ import annotations

from functools import partial

import numpy as np

from ...primitive import implements, primitive
from ..elementwise.selection import all_are_normal


def flipped(x, axis: int = -1):
    """The elements along an axis in reverse order."""
    return x[(slice(None),) * (axis % x.ndim) + (slice(None, None, -1),)]


def delayed(x, first: float):
    """Each element one place later along the last axis, `first` before all, and the last one dropped."""
    return np.concatenate([np.full((*x.shape[:-1], 1), first, x.dtype), x], -1)[..., :-1]


def products_before(x):
    """For each element the product of all before it along the last axis."""
    return np.cumprod(delayed(x, 1), -1)


def products_after(x):
    """For each element the product of all after it along the last axis."""
    return flipped(products_before(flipped(x)))


@primitive
def recurrence(a, b):
    """h[k] = a[k] h[k-1] + b[k] along the last axis, from h[-1] = 0: the one before, scaled and added to.

    Two such steps in a row are one, of the product of both a: in a few long rows each h is joined with that of 1, 2, 4,
    8 ... places before (Hillis and Steele 1986), unless a product overflows that the h do not have.
    """
    if b.shape[-1] ** 2 > b.size:
        result, factors, step = b.copy(), a.copy(), 1
        with np.errstate(over="ignore", invalid="ignore"):
            while step < b.shape[-1]:
                result[..., step:] += factors[..., step:] * result[..., :-step]
                factors[..., step:] *= factors[..., :-step].copy()
                step *= 2
        if np.isfinite(result).all():
            return result
    result = np.empty_like(b)
    state = np.zeros_like(b[..., 0]) if b.size else None
    for k in range(b.shape[-1]):
        state = a[..., k] * state + b[..., k]
        result[..., k] = state
    return result


def backward_recurrence(a, g):
    """s[k] = g[k] + a[k+1] s[k+1]: what arrives at h[k] from its own gradient and from h[k+1] after it."""
    return flipped(recurrence(delayed(flipped(a), 1), flipped(g)))


@recurrence.vjp(0)
def _(g, y, a, b):
    return backward_recurrence(a, g) * delayed(y, 0)


@recurrence.vjp(1)
def _(g, y, a, b):
    return backward_recurrence(a, g)


@primitive(name="cumsum", saves="shapes")
def sums(x, /, axis: int = -1):
    """y[k] = x[0] + ... + x[k] along an axis."""
    return x.cumsum(axis)


@sums.vjp
def _(g, y, x, axis: int = -1):
    # x[k] is in y[k] and all after it.
    return flipped(np.cumsum(flipped(g, axis), axis), axis)


@primitive(name="cumprod")
def products(x, /, axis: int = -1):
    """y[k] = x[0] ... x[k] along an axis."""
    return x.cumprod(axis)


@products.vjp
def _(g, y, x, axis: int = -1):
    if all_are_normal(y):  # Then no factor is 0, and no product lost its digits.
        # x[k] is a factor of y[k] and all after it.
        return flipped(np.cumsum(flipped(g * y, axis), axis), axis) / x
    # y[k] = x[k] y[k-1] is a recurrence; written as one, its gradient divides by nothing, and x may be 0.
    x, g = x.reshape(g.shape).swapaxes(axis, -1), g.swapaxes(axis, -1)
    return (products_before(x) * backward_recurrence(x, g)).swapaxes(axis, -1)


@implements(np.cumsum)
def cumsum(x, axis: int | None = None, dtype=None):
    """NumPy's cumulative sum: along an axis, or of all elements in one row."""
    return _run_along(sums, x, axis, dtype)


@implements(np.cumprod)
def cumprod(x, axis: int | None = None, dtype=None):
    """NumPy's cumulative product: along an axis, or of all elements in one row."""
    return _run_along(products, x, axis, dtype)


implements((np.add, "accumulate"))(partial(cumsum, axis=0))
implements((np.multiply, "accumulate"))(partial(cumprod, axis=0))


def cumulative_sum(x, *, axis: int | None = None, dtype=None, include_initial: bool = False):
    """The cumulative sum of the Array API; `include_initial` begins it with the 0 before all elements."""
    return _with_initial(cumsum(x, _only_axis(x, axis), dtype), axis, 0, include_initial)


def cumulative_prod(x, *, axis: int | None = None, dtype=None, include_initial: bool = False):
    """The cumulative product of the Array API; `include_initial` begins it with the 1 before all elements."""
    return _with_initial(cumprod(x, _only_axis(x, axis), dtype), axis, 1, include_initial)


if hasattr(np, "cumulative_sum"):  # NumPy 2.1
    implements(np.cumulative_sum)(cumulative_sum)
    implements(np.cumulative_prod)(cumulative_prod)


def _run_along(run, x, axis: int | None, dtype):
    """The sums or products along the axis, or of all elements in one row."""
    if dtype is not None:
        x = x.astype(dtype)
    if axis is None or x.ndim == 0:
        x = x.reshape(-1)
    y = run(x, axis=axis or 0)
    # Truths are counted: their sum is a truth only if it is asked for.
    return y if dtype is None or y.dtype == dtype else y.astype(dtype)


def _only_axis(x, axis: int | None) -> int | None:
    if axis is None and x.ndim > 1:
        raise ValueError(f"of {x.ndim} axes, none is the only one to run along: give axis=")
    return axis


def _with_initial(y, axis: int | None, initial: float, include: bool):
    if not include:
        return y
    shape = list(y.shape)
    shape[axis or 0] = 1
    return np.concatenate([np.full(shape, initial, y.dtype), y], axis or 0)
