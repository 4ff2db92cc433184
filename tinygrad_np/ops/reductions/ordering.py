"""Elements in order, sorted or partitioned, and what depends on their order: the median and quantiles.

Which element stands where is data; each gradient goes back to the element it belongs to. Elements that tie keep the
order that they had.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...primitive import implements, primitive
from ..arrays.indexing import scatter
from .reduction import Axis, as_rows


def in_order(x, axis: Axis):
    """The places in x.ravel() of its elements in ascending order: a row for each element of a reduction along it."""
    places = as_rows(np.arange(x.size).reshape(x.shape), axis)
    return np.take_along_axis(places, _argsort(as_rows(x, axis)), -1)


def _argsort(rows):
    """The order of each row's elements, in which ties keep theirs.

    A stable sort takes three times as long as one that does not look at ties, of which there are few.
    """
    if not isinstance(rows, np.ndarray):
        return np.argsort(rows, axis=-1, kind="stable")
    order = np.argsort(rows, axis=-1)
    values = np.take_along_axis(rows, order, -1)
    begins = np.ones(rows.shape, bool)
    begins[:, 1:] = values[:, 1:] != values[:, :-1]
    # NaN, which comes last, equals nothing.
    if 2 * np.count_nonzero(begins) < begins.size or np.any(values[:, -1:] != values[:, -1:]):
        return np.argsort(rows, axis=-1, kind="stable")
    ties = ~begins
    ties[:, :-1] |= ties[:, 1:]
    group = np.cumsum(begins)[ties.reshape(-1)]
    tied = order[ties]
    order[ties] = tied[np.lexsort((tied, group))]
    return order


@primitive(name="sort")
def ascending(x, /, axis: int = -1, kind=None):
    """The elements in ascending order along an axis."""
    return np.sort(x, axis, kind)


@primitive(name="partition")
def partitioned(x, /, kth, axis: int = -1):
    """Rearranged so that the kth element is where sorting puts it, with the smaller ones before, the larger behind."""
    return np.partition(x, kth, axis)


@ascending.vjp
def _(g, y, x, axis: int = -1, kind=None):
    return scatter(as_rows(g, axis), index=in_order(x, axis), shape=(x.size,), once=True).reshape(x.shape)


@partitioned.vjp
def _(g, y, x, axis: int = -1, kth=None):
    # Both hold the same elements: the one that is k-th in the result's order is k-th in x's.
    moved = g.reshape(-1)[in_order(y, axis)]
    return scatter(moved, index=in_order(x, axis), shape=(x.size,), once=True).reshape(x.shape)


@implements(np.sort)
def sort(x, axis: int | None = -1, kind=None, *, stable: bool | None = None):
    """NumPy's sort: along an axis, or of all elements in one row."""
    if kind is not None and stable is not None:
        raise ValueError("kind= and stable= both say how to sort: give one of them")
    return ascending(*_row(x, axis), kind="stable" if stable else kind)


@implements(np.partition)
def partition(x, kth, axis: int | None = -1, kind="introselect"):
    """NumPy's partition: along an axis, or of all elements in one row."""
    if kind != "introselect":
        raise ValueError(f"kind={kind!r}: the only one is 'introselect'")
    x, axis = _row(x, axis)
    return partitioned(x, kth=kth, axis=axis)


def _row(x, axis: int | None) -> tuple[Any, int]:
    return (x.reshape(-1), 0) if axis is None else (x, axis)


@primitive(name="median")
def middle(x, /, axis: Axis = None, keepdims: bool = False):
    """The element in the middle of the order, or the mean of the two that are."""
    return np.median(x, axis, keepdims=keepdims)


@primitive(name="nanmedian")
def nanmiddle(x, /, axis: Axis = None, keepdims: bool = False):
    """The median of what is not NaN."""
    return np.nanmedian(x, axis, keepdims=keepdims)


@middle.vjp
def _(g, y, x, axis: Axis = None, keepdims: bool = False):
    return to_ranks(g, x, axis, _lengths(x, axis), _middle_rank)


@nanmiddle.vjp
def _(g, y, x, axis: Axis = None, keepdims: bool = False):
    return to_ranks(g, x, axis, _lengths_without_nan(x, axis), _middle_rank)


@primitive(name="quantile")
def below(x, /, q, axis: Axis = None, method="linear", keepdims: bool = False):
    """What the part q of the elements lies below: between two neighbours in their order, by one of NumPy's methods."""
    return np.quantile(x, q, axis, method=method, keepdims=keepdims)


@primitive(name="nanquantile")
def nanbelow(x, /, q, axis: Axis = None, method="linear", keepdims: bool = False):
    """The quantile of what is not NaN."""
    return np.nanquantile(x, q, axis, method=method, keepdims=keepdims)


@below.vjp
def _(g, y, x, q, axis: Axis = None, method="linear", keepdims: bool = False):
    return to_ranks(g, x, axis, _lengths(x, axis), _quantile_rank(q, method))


@nanbelow.vjp
def _(g, y, x, q, axis: Axis = None, method="linear", keepdims: bool = False):
    return to_ranks(g, x, axis, _lengths_without_nan(x, axis), _quantile_rank(q, method))


def to_ranks(g, x, axis: Axis, lengths, rank: Callable[[int], Any]):
    """The gradients of order statistics, given to the elements that they lie between.

    In a row of n elements in order (n from `lengths`, one for each row), a statistic at rank r, say 2.25, is 3/4 of
    element 2 and 1/4 of element 3; `rank(n)` says the rank of each statistic.
    """
    if x.size == 0:
        return np.zeros_like(x)
    different, which = np.unique(lengths, return_inverse=True)
    ranks = np.stack([np.ravel(rank(max(n, 1))) for n in different.tolist()], -1)[:, which]
    lower = np.floor(ranks).astype(np.intp)
    elements, places = as_rows(x, axis), as_rows(np.arange(x.size).reshape(x.shape), axis)
    upper = np.minimum(lower + 1, places.shape[1] - 1)
    places = np.take_along_axis(places, np.argpartition(elements, np.union1d(lower, upper), axis=-1), -1)
    rows = np.arange(len(places))
    # A row without an element has the statistic NaN, whatever its gradient.
    g = np.where(lengths > 0, g.reshape(ranks.shape), 0)
    to_lower = scatter(g * (1 - (ranks - lower)), index=places[rows, lower], shape=(x.size,))
    to_upper = scatter(g * (ranks - lower), index=places[rows, upper], shape=(x.size,))
    return (to_lower + to_upper).reshape(x.shape)


def _middle_rank(n: int) -> float:
    return (n - 1) / 2


def _quantile_rank(q, method) -> Callable[[int], Any]:
    """The rank of a quantile among n elements: the quantile of their ranks 0, 1, ..., n - 1, by any method."""
    return lambda n: np.quantile(np.arange(float(n)), q, method=method)


def _lengths(x, axis: Axis):
    """For each row, how many elements it has."""
    rows = as_rows(x, axis)
    return np.full(rows.shape[0], rows.shape[1])


def _lengths_without_nan(x, axis: Axis):
    """For each row, how many elements it has that are not NaN, and so come first in its order."""
    return np.count_nonzero(np.logical_not(np.isnan(as_rows(x, axis))), axis=1)


@implements(np.median)
def median(x, axis=None, overwrite_input: bool = False, keepdims: bool = False):
    """NumPy's median; nothing is ever overwritten."""
    return middle(x, axis=_hashable(axis), keepdims=keepdims)


@implements(np.nanmedian)
def nanmedian(x, axis=None, overwrite_input: bool = False, keepdims: bool = False):
    """NumPy's median of what is not NaN; nothing is ever overwritten."""
    return nanmiddle(x, axis=_hashable(axis), keepdims=keepdims)


@implements(np.quantile)
def quantile(x, q, axis=None, overwrite_input: bool = False, method="linear", keepdims: bool = False):
    """NumPy's quantile, differentiable in x and not in q."""
    return below(x, q=_plain(q), axis=_hashable(axis), method=method, keepdims=keepdims)


@implements(np.nanquantile)
def nanquantile(x, q, axis=None, overwrite_input: bool = False, method="linear", keepdims: bool = False):
    """NumPy's quantile of what is not NaN, differentiable in x and not in q."""
    if np.ndim(q) > 1 and np.ndim(axis) and np.size(axis) > 1:
        raise ValueError("NumPy mixes up several axes of q with several of x: give a q of one axis, q.ravel()")
    return nanbelow(x, q=_plain(q), axis=_hashable(axis), method=method, keepdims=keepdims)


@implements(np.percentile)
def percentile(x, q, axis=None, overwrite_input: bool = False, method="linear", keepdims: bool = False):
    """NumPy's percentile: the quantile of q / 100."""
    return quantile(x, _plain(q) / 100, axis, method=method, keepdims=keepdims)


@implements(np.nanpercentile)
def nanpercentile(x, q, axis=None, overwrite_input: bool = False, method="linear", keepdims: bool = False):
    """NumPy's percentile of what is not NaN: the quantile of q / 100."""
    return nanquantile(x, _plain(q) / 100, axis, method=method, keepdims=keepdims)


def _plain(q):
    """A number, or an array of its own; a Tensor that needs a gradient refuses to become one."""
    return q if isinstance(q, int | float) else np.array(q)


def _hashable(axis) -> Axis:
    return tuple(np.ravel(axis).tolist()) if isinstance(axis, list | np.ndarray) else axis
