"""Products of many matrices: a power of one, and a chain of several in the order that costs the least."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..primitive import implements
from .shape import array_of


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    """A @ A @ ... @ A, n times; for n < 0 that of the inverse, and for n = 0 the identity, which has the slope 0.

    By squaring: A**13 = A**8 A**4 A.
    """
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise np.linalg.LinAlgError(f"a power is one of square matrices, and this is {a.shape}")
    n = operator.index(n)
    if n == 0:
        # Where nothing of A is selected, its gradient is exactly 0.
        return np.where(False, a, np.eye(a.shape[-1], dtype=a.dtype))
    square = a if n > 0 else np.linalg.inv(a)
    n = abs(n)
    result = None
    while True:
        n, odd = divmod(n, 2)
        if odd:
            result = square if result is None else result @ square
        if not n:
            return result
        square = square @ square


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Any]) -> Any:
    """The product of matrices, of which the first may be a row and the last a column, given as vectors."""
    matrices = [array_of(array) for array in arrays]
    if len(matrices) < 2:
        raise ValueError(f"a chain has at least two matrices, and this one has {len(matrices)}")
    is_row, is_column = matrices[0].ndim == 1, matrices[-1].ndim == 1
    if is_row:
        matrices[0] = matrices[0][None, :]
    if is_column:
        matrices[-1] = matrices[-1][:, None]
    if any(matrix.ndim != 2 for matrix in matrices):
        raise np.linalg.LinAlgError(f"a chain is one of matrices, and these are {[one.shape for one in matrices]}")
    lengths = [matrix.shape[0] for matrix in matrices] + [matrices[-1].shape[1]]
    result = _product(matrices, _cheapest_places(lengths), 0, len(matrices) - 1)
    if is_row:
        result = result[0]
    return result[..., 0] if is_column else result


def _cheapest_places(lengths: list[int]) -> dict[tuple[int, int], int]:
    """Behind which matrix to part the chain from one to another; matrix k is (lengths[k], lengths[k + 1]).

    The dynamic program of T. Cormen et al., Introduction to Algorithms, 15.2: longer chains are made of shorter ones.
    """
    count = len(lengths) - 1
    cost = {(one, one): 0 for one in range(count)}
    places = {}
    for longer in range(1, count):
        for first in range(count - longer):
            last = first + longer
            cost[first, last], places[first, last] = min(
                (
                    cost[first, place]
                    + cost[place + 1, last]
                    + lengths[first] * lengths[place + 1] * lengths[last + 1],
                    place,
                )
                for place in range(first, last)
            )
    return places


def _product(matrices: list[Any], places: dict[tuple[int, int], int], first: int, last: int) -> Any:
    if first == last:
        return matrices[first]
    place = places[first, last]
    return _product(matrices, places, first, place) @ _product(matrices, places, place + 1, last)
