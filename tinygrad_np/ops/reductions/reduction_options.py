"""The further keywords of NumPy's reductions, each a step before the reduction or one after it.

`dtype=` converts the elements before, `where=` puts what changes nothing in place of those left out, `initial=` is
one more element, taken in after.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ...primitive import implements
from ..arrays.checks import warn_if
from ..arrays.shape import array_of, narrow, wide
from . import reduction
from .reduction import Axis
from .softmax import logsumexp


@implements(np.sum)
def sum(x, axis: Axis = None, dtype=None, keepdims: bool = False, initial=None, where=True):
    """The sum of the elements, with NumPy's keywords."""
    x = converted(selected(x, where, 0), dtype)
    result = converted(reduction.sum(x, axis=axis, keepdims=keepdims), dtype)
    return result if initial is None else result + one_number(initial, result.dtype)


@implements(np.prod)
def prod(x, axis: Axis = None, dtype=None, keepdims: bool = False, initial=None, where=True):
    """The product of the elements, with NumPy's keywords."""
    x = converted(selected(x, where, 1), dtype)
    result = converted(reduction.prod(x, axis=axis, keepdims=keepdims), dtype)
    return result if initial is None else result * one_number(initial, result.dtype)


@implements(np.max, np.amax)
def max(x, axis: Axis = None, keepdims: bool = False, initial=None, where=True):
    """The largest element, with NumPy's keywords; one that ties with `initial` has half of the gradient."""
    return _extreme(reduction.max, np.maximum, x, axis, keepdims, initial, where)


@implements(np.min, np.amin)
def min(x, axis: Axis = None, keepdims: bool = False, initial=None, where=True):
    """The smallest element, with NumPy's keywords; one that ties with `initial` has half of the gradient."""
    return _extreme(reduction.min, np.minimum, x, axis, keepdims, initial, where)


def _extreme(reduce, of_two, x, axis: Axis, keepdims: bool, initial, where):
    if initial is None:
        if where is not True:
            raise ValueError("where= may leave no element to choose from: give initial=, which is the result then")
        return reduce(x, axis=axis, keepdims=keepdims)
    initial = one_number(initial, x.dtype)
    if x.size == 0:
        # The sum of nothing has the right shape.
        return initial + converted(reduction.sum(x, axis=axis, keepdims=keepdims), x.dtype)
    return of_two(reduce(selected(x, where, initial), axis=axis, keepdims=keepdims), initial)


@implements(np.ptp)
def ptp(x, axis: Axis = None, keepdims: bool = False):
    """Peak to peak: the largest element minus the smallest."""
    return reduction.max(x, axis=axis, keepdims=keepdims) - reduction.min(x, axis=axis, keepdims=keepdims)


@implements(np.mean)
def mean(x, axis: Axis = None, dtype=None, keepdims: bool = False, *, where=True):
    """The mean of the elements, with NumPy's keywords."""
    x = converted(x, dtype)
    if where is True:
        return converted(reduction.mean(x, axis=axis, keepdims=keepdims), dtype)
    warn_if(count(x, axis, keepdims, where) == 0, "Mean of empty slice")
    return converted(mean_where(x, axis, keepdims, where), dtype)


def mean_where(x, axis: Axis, keepdims: bool, where):
    """The mean of the elements where the condition holds; NaN where that is none."""
    number = or_nan(count(x, axis, keepdims, where))
    return narrow(divided(sum(wide(x), axis, keepdims=keepdims, where=where), number), like=x)


for _ufunc, _reduction in (
    (np.add, sum),
    (np.multiply, prod),
    (np.maximum, max),
    (np.minimum, min),
    (np.logaddexp, logsumexp),
    (np.logical_and, np.all),
    (np.logical_or, np.any),
):
    # np.add.reduce is np.sum along the first axis, unless it is told another.
    implements((_ufunc, "reduce"))(partial(_reduction, axis=0))


def selected(x, where, otherwise):
    """The elements where the condition holds, and in place of the others what changes nothing."""
    return x if where is True else np.where(np.broadcast_to(where, x.shape), x, otherwise)


def one_number(initial, dtype):
    """What a reduction starts from, in its dtype."""
    initial = array_of(initial)
    if initial.ndim:
        raise ValueError(f"initial= has the shape {initial.shape}: it is one number")
    return converted(initial, dtype)


def count(x, axis: Axis, keepdims: bool, where):
    """How many elements a reduction with where= makes one of."""
    return np.sum(np.broadcast_to(where, x.shape), axis=axis, keepdims=keepdims)


def or_nan(number):
    """What to divide by, with NaN in place of what is 0 or less: the quotient is NaN, and nothing warns of it."""
    return np.where(number > 0, number, np.nan)


def divided(total, number):
    """total / number, in the dtype of a floating total whatever that of the number."""
    return converted(total / number, total.dtype if total.dtype.kind == "f" else None)


def converted(x, dtype):
    """The elements in this dtype, if one is given."""
    return x if dtype is None or x.dtype == dtype else x.astype(dtype)
