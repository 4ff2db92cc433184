"""Linear and bilinear maps of the last axis, and rows of a table."""

from __future__ import annotations

import numpy as np

from ...errors import IndexingError, ShapeError, described
from ...frames import user_place
from ...primitive import operation
from ..arrays.indexing import plain_index
from ..arrays.picking import embedding
from ..arrays.shape import array_of
from ..elementwise.selection import where
from .targets import values


@operation
def linear(input, weight, bias=None):
    """x W.T + b for the last axis of x (..., in), with the weight W (out, in) and the bias b (out,) or None.

    Raises ShapeError if the last axis of x has not the length that the weight is for.

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.linear(np.array([1.0, 2.0]), np.array([[3.0, 4.0]]), np.array([0.5]))
    array([11.5])
    """
    input, weight = array_of(input), array_of(weight)
    if not input.ndim or weight.ndim != 2 or input.shape[-1] != weight.shape[1]:
        raise ShapeError(
            f"linear of {described(input)} with the weight {described(weight)}, {user_place()}: the last axis of the "
            f"input must be {weight.shape[-1]} long, as that of the weight is."
        )
    product = input @ weight.T
    return product if bias is None else product + bias


@operation
def bilinear(input1, input2, weight, bias=None):
    """y[..., o] = b[o] + the sum over i and j of x1[..., i] W[o, i, j] x2[..., j].

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.bilinear(np.array([1.0, 2.0]), np.array([3.0]), np.array([[[4.0], [5.0]]]))
    array([42.])
    """
    input1, input2, weight = array_of(input1), array_of(input2), array_of(weight)
    if not input1.ndim or (*input1.shape, *input2.shape[-1:]) != (*input2.shape[:-1], *weight.shape[1:]):
        raise ShapeError(
            f"bilinear of {described(input1)} and {described(input2)} with the weight {described(weight)}, "
            f"{user_place()}: the last axes of the inputs are those of the weight, their other axes are alike."
        )
    products = np.einsum("...i,oij,...j->...o", input1, weight, input2)
    return products if bias is None else products + bias


def embedded(rows, table, padding_idx: int | None = None):
    """The rows of a table that whole numbers from 0 name; the row `padding_idx` gets no gradient."""
    labels = array_of(plain_index(rows))
    given = values(labels)
    if (
        given is not None
        and given.dtype.kind in "iu"
        and given.size
        and not 0 <= given.min() <= given.max() < len(table)
    ):
        raise IndexingError(
            f"embedding of rows from {given.min()} to {given.max()}, {user_place()}: the table {described(table)} has "
            f"those from 0 to {len(table) - 1}."
        )
    found = embedding(table, labels)
    if padding_idx is None:
        return found
    return where((labels == padding_idx)[..., None], found.detach() if hasattr(found, "detach") else found, found)
