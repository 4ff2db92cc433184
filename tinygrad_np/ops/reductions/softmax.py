"""The softmax and its logarithms, along an axis or several.

-inf, the logarithm of 0, has no weight: among the inputs it makes no NaN, and where nothing else is, all weights are 0.
"""

from __future__ import annotations

import numpy as np

from ...primitive import primitive
from ..arrays.shape import narrow, wide
from .reduction import Axis, with_axes


@primitive(saves="inputs")
def softmax(x, /, axis: Axis = -1):
    """exp(x) / sum(exp(x)), without overflow: positive weights that add up to 1."""
    weights = np.exp(wide(x - largest(x, axis)))
    return narrow(weights / total(weights, axis), like=x)


@softmax.vjp
def _(g, y, x, axis: Axis = -1):
    return y * (g - wide(g * y).sum(axis=axis, keepdims=True))


@primitive(saves="inputs")
def log_softmax(x, /, axis: Axis = -1):
    """log(softmax(x)) = x - logsumexp(x), precise where the softmax is small."""
    logarithms = wide(x - largest(x, axis))
    return narrow(logarithms - np.log(total(np.exp(logarithms), axis)), like=x)


@log_softmax.vjp
def _(g, y, x, axis: Axis = -1):
    return g - np.exp(y) * wide(g).sum(axis=axis, keepdims=True)


@primitive
def logsumexp(x, /, axis: Axis = None, keepdims: bool = False):
    """log(sum(exp(x))), without overflow; of -inf alone, or of nothing, it is -inf. Its gradient is the softmax."""
    top = largest(x, axis)
    # Beside +inf the others overflow to what the sum is anyhow; the logarithm of no weight at all is the right -inf.
    with np.errstate(over="ignore", divide="ignore"):
        weight = np.exp(wide(x - top)).sum(axis=axis, keepdims=keepdims)
        return narrow(np.log(weight) + top.reshape(weight.shape), like=x)


@logsumexp.vjp
def _(g, y, x, axis: Axis = None, keepdims: bool = False):
    # exp(x - y) is the same, but y has rounded away digits of its own where x is large.
    return with_axes(g, x.shape, axis) * softmax(x, axis=axis)


def largest(x, axis: Axis):
    """The largest along the axis, at length 1, which exp is safe without; 0 in place of infinities."""
    top = x.max(axis=axis, keepdims=True) if x.size else x.sum(axis=axis, keepdims=True)
    return np.where(np.isfinite(top), top, 0)


def total(weights, axis: Axis):
    """The sum along the axis, at length 1, to divide by: 1 in place of 0."""
    weight = weights.sum(axis=axis, keepdims=True)
    return np.where(weight == 0, 1, weight)
