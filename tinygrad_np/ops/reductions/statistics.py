"""How elements spread and how they vary together: variance, standard deviation, average, covariance, counts."""

from __future__ import annotations

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ...primitive import implements, primitive
from ..arrays.checks import checked, is_known, warn_if
from ..arrays.indexing import scatter
from ..arrays.shape import array_of, constant, narrow, wide
from ..elementwise.arithmetic import curved
from .norm import euclidean_norm
from .reduction import Axis, bend_of_rows, reduced_count, with_axes
from .reduction_options import converted, count, divided, mean_where, selected


@primitive(name="var")
def variance(x, /, axis: Axis = None, ddof: float = 0, keepdims: bool = False):
    """sum((x - mean)^2) / (n - ddof)."""
    return x.var(axis=axis, ddof=ddof, keepdims=keepdims)


@variance.vjp
def _(g, y, x, axis: Axis = None, ddof: float = 0, keepdims: bool = False):
    # 2 (x - mean) / (n - ddof): that the mean moves along has no effect, as the deviations from it sum to 0.
    return with_axes(wide(g), x.shape, axis) * 2 * deviations(x, axis) / degrees_of_freedom(x, axis, ddof)


@primitive(name="std")
def deviation(x, /, axis: Axis = None, ddof: float = 0, keepdims: bool = False):
    """The square root of the variance; of elements that are all the same it is 0, and its slope there is 0 too."""
    return x.std(axis=axis, ddof=ddof, keepdims=keepdims)


@deviation.vjp
def _(g, y, x, axis: Axis = None, ddof: float = 0, keepdims: bool = False):
    # (x - mean) / ((n - ddof) y). Of equal elements y is 0, or 1e-17 by rounding: divided by infinity, all is 0.
    size = with_axes(y, x.shape, axis)
    spreads = np.logical_and(size != 0, differ(x, axis))
    apart = deviations(x, axis) / degrees_of_freedom(x, axis, ddof)
    slope = with_axes(wide(g), x.shape, axis) * apart / np.where(spreads, wide(size), np.inf)
    # A single element never spreads.
    return curved(slope, apart, bend_of_rows(g, y, x, axis, spreads) if reduced_count(x, axis) > 1 else None, axis)


def deviations(x, axis: Axis):
    """x - mean(x)."""
    x = wide(x)
    return x - x.mean(axis=axis, keepdims=True)


def degrees_of_freedom(x, axis: Axis, ddof: float):
    """n - ddof, and never below 0."""
    return max(reduced_count(x, axis) - ddof, 0)


def differ(x, axis: Axis):
    """Whether the elements that a reduction makes one of are not all the same."""
    return x.size == 0 or x.max(axis=axis, keepdims=True) != x.min(axis=axis, keepdims=True)


def with_numpys_keywords(name: str, meaning: str, spread):
    """The function of NumPy's, with its keywords, that a spread of prepared elements stands for."""

    def run(
        x,
        axis: Axis = None,
        dtype=None,
        ddof: float = 0,
        keepdims: bool = False,
        *,
        where=True,
        mean=None,
        correction: float | None = None,
    ):
        x, ddof = spreading(x, dtype), one_of(ddof, correction)
        return spread(x, axis, dtype, ddof, keepdims, where, mean)

    run.__name__ = run.__qualname__ = name
    run.__doc__ = meaning
    return run


def _of_all(plain, about):
    """A spread, by its primitive where nothing is left out and no mean is given."""

    def spread(x, axis: Axis, dtype, ddof: float, keepdims: bool, where, mean):
        if where is True and mean is None:
            return plain(x, axis=axis, ddof=ddof, keepdims=keepdims)
        number = np.maximum(count(x, axis, keepdims, where) - ddof, 0)
        return about(x, axis, dtype, keepdims, where, mean, number)

    return spread


def variance_about(x, axis: Axis, dtype, keepdims: bool, where, mean, number):
    """The sum of the squared distances from the mean, divided by this number."""
    squares = np.sum(np.square(apart(x, axis, where, mean)), axis=axis, keepdims=keepdims)
    return converted(narrow(divided(squares, number), like=x), dtype)


def deviation_about(x, axis: Axis, dtype, keepdims: bool, where, mean, number):
    """The root of that: a norm, as smooth at 0 as one."""
    length = euclidean_norm(apart(x, axis, where, mean), axis=axis, keepdims=keepdims)
    return converted(narrow(divided(length, np.sqrt(number)), like=x), dtype)


def spreading(x, dtype):
    """The elements in the dtype in which squares are added up."""
    if dtype is not None and np.dtype(dtype).kind != "f":
        raise TypeError(f"dtype={dtype!r}: squares are added up in a floating dtype")
    return converted(array_of(x), dtype)


def apart(x, axis: Axis, where, mean):
    """How far the elements are from their mean; 0 for those that are left out."""
    x = wide(x)
    if mean is None:
        mean = mean_where(x, axis, True, where)
    return selected(x - mean, where, 0)


def one_of(ddof: float, correction: float | None):
    """How many elements do not count, by the one of its two names that is given."""
    if correction is not None and ddof != 0:
        raise ValueError("ddof= and correction= are two names of one number: give one of them")
    return constant(ddof, "ddof") if correction is None else constant(correction, "correction")


var = implements(np.var)(
    with_numpys_keywords(
        "var",
        "The variance, with NumPy's keywords; a gradient flows to a `mean` that is given, too.",
        _of_all(variance, variance_about),
    )
)
std = implements(np.std)(
    with_numpys_keywords(
        "std",
        "The standard deviation, with NumPy's keywords; where it is 0 its slope is 0.",
        _of_all(deviation, deviation_about),
    )
)


@implements(np.average)
def average(x, axis: Axis = None, weights=None, returned: bool = False, *, keepdims: bool = False):
    """sum(weights x) / sum(weights); with `returned`, the sum of the weights as well."""
    x = array_of(x)
    if weights is None:
        result = np.mean(x, axis=axis, keepdims=keepdims)
        total = np.asarray(reduced_count(x, axis))
    else:
        weights = _along(array_of(weights), x, axis)
        dtype = np.result_type(x.dtype, weights.dtype, *([] if x.dtype.kind == "f" else [np.float64]))
        x, weights = converted(x, dtype), converted(weights, dtype)
        total = np.sum(weights, axis=axis, keepdims=keepdims)
        if is_known(zero := np.any(total == 0)):
            total = checked(total, zero, "the weights sum to zero, and nothing can be divided by that")
        result = np.sum(x * weights, axis=axis, keepdims=keepdims) / total
    return (result, np.broadcast_to(converted(total, result.dtype), result.shape)) if returned else result


def _along(weights, x, axis: Axis):
    """The weights with an axis of length 1 for each axis of x that they do not run along."""
    if weights.shape == x.shape:
        return weights
    if axis is None:
        raise TypeError(f"weights of shape {weights.shape} for an array of shape {x.shape} need an axis to run along")
    axes = normalize_axis_tuple(axis, x.ndim)
    if weights.shape != tuple(x.shape[one] for one in axes):
        raise ValueError(f"weights of shape {weights.shape} do not fit the axes {axes} of an array of shape {x.shape}")
    lengths = [x.shape[one] if one in axes else 1 for one in range(x.ndim)]
    return weights.transpose(np.argsort(axes).tolist()).reshape(lengths)


@implements(np.cov)
def cov(
    m,
    y=None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights=None,
    aweights=None,
    *,
    dtype=None,
):
    """How each two variables vary together: sum(w (a - mean(a)) (b - mean(b))) / divisor, a matrix.

    The variables are the rows, or with rowvar=False the columns. The weights w are products of `fweights`, how often
    each observation is repeated, and `aweights`, how much it counts. The divisor is n - ddof without weights,
    sum(w) - ddof sum(w aweights) / sum(w) with them.
    """
    if ddof is not None and ddof != int(ddof):
        raise ValueError(f"ddof={ddof} is not a whole number")
    x = _variables(m, rowvar)
    dtype = dtype or np.result_type(x.dtype, np.float64, *([] if y is None else [array_of(y).dtype]))
    if y is not None:
        # NumPy takes a y that is one row for one variable, whatever rowvar says.
        x = np.concatenate([x, _variables(y, rowvar or np.shape(y)[:1] == (1,))])
    x = spreading(x, dtype)
    if x.shape[0] == 0:
        return x @ x.T
    ddof = (0 if bias else 1) if ddof is None else ddof
    weights = _observation_weights(fweights, aweights, x.shape[1])
    x = x - average(x, 1, weights, keepdims=True)
    if weights is None:
        number = np.float64(x.shape[1] - ddof)
    else:
        total = np.sum(weights)
        number = total - (ddof if aweights is None else ddof * np.sum(weights * array_of(aweights)) / total)
    warn_if(number <= 0, "Degrees of freedom <= 0 for slice")
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.squeeze(divided(x @ (x if weights is None else x * weights).T, np.maximum(number, 0)))


def _variables(x, rowvar: bool):
    """A matrix with a row for each variable; a vector is one variable."""
    x = array_of(x)
    if x.ndim > 2:
        raise ValueError(f"an array of shape {x.shape} is not a matrix of variables and observations")
    if x.ndim == 2:
        return x if rowvar else x.T
    return x.reshape(1, x.size)


def _observation_weights(fweights, aweights, number: int):
    """The weight of each observation, or None if all count the same."""
    if fweights is None and aweights is None:
        return None
    factors = []
    for given in (fweights, aweights):
        if given is None:
            continue
        factor = converted(array_of(given), np.float64)
        if factor.shape != (number,):
            raise ValueError(f"weights of shape {factor.shape} for {number} observations")
        if is_known(negative := np.any(factor < 0)):
            factor = checked(factor, negative, "weights can't be negative")
        if given is fweights and is_known(broken := np.any(factor != np.round(factor))):
            what = "fweights are how often each observation is repeated: whole numbers"
            factor = checked(factor, broken, what, error=TypeError)
        factors.append(factor)
    return factors[0] if len(factors) == 1 else factors[0] * factors[1]


@implements(np.corrcoef)
def corrcoef(x, y=None, rowvar: bool = True, *, dtype=None):
    """The covariances, divided by the standard deviations of both variables: between -1 and 1."""
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviations = np.sqrt(np.diagonal(c))
    r = c / deviations[:, None] / deviations
    # Rounding alone takes it beyond 1.
    return np.where(np.abs(r) > 1, np.sign(r), r)


@implements(np.bincount)
def bincount(x, /, weights=None, minlength: int = 0):
    """How often each whole number 0, 1, 2, ... occurs in x; with weights, the sum of those that stand where it does."""
    numbers = np.asarray(x)
    counts = np.bincount(numbers, minlength=minlength)
    if weights is None:
        return counts
    weights = converted(array_of(weights), np.float64)
    if weights.shape != numbers.shape:
        raise ValueError(f"weights of shape {weights.shape} for numbers of shape {numbers.shape}")
    return scatter(weights, index=numbers, shape=counts.shape)
