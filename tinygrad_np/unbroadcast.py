"""Broadcasting undone, in one place: a contribution in the shape and dtype of the input it is for.

    fitted(contribution, parent, node)

A gradient rule may return more than the input's shape where the input was broadcast; the excess is summed away here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import GradientShapeError
from .graph import Node


def fitted(contribution: Any, parent: Node, node: Node) -> Any:
    """The contribution in the shape and dtype of the input: what the forward pass broadcast is summed away."""
    if contribution.shape != parent.shape:
        contribution = unbroadcast(contribution, parent.shape, node)
    if contribution.dtype != parent.dtype:
        contribution = contribution.astype(parent.dtype)
    return contribution


def unbroadcast(gradient: Any, shape: tuple[int, ...], node: Node) -> Any:
    """Sum a gradient over the axes along which an array of `shape` was broadcast.

    If y = broadcast(x), then dL/dx = the sum of dL/dy over all copies of x.
    """
    if type(gradient) is np.ndarray and gradient.ndim == 2 and gradient.dtype.char in "fd":
        rows, columns = gradient.shape
        if shape == (1, columns) and rows > 1:
            # Adding up rows is a product with ones, which BLAS does several times faster than sum.
            return np.dot(np.ones((1, rows), gradient.dtype), gradient)
    added = gradient.ndim - len(shape)
    repeated = tuple(
        axis
        for axis in range(gradient.ndim)
        if axis < added or (shape[axis - added] == 1 and gradient.shape[axis] != 1)
    )
    if added < 0 or any(
        axis not in repeated and gradient.shape[axis] != shape[axis - added] for axis in range(gradient.ndim)
    ):
        raise GradientShapeError(
            f"the gradient rule of {node.operation} ({node.place}) returned a gradient of shape {gradient.shape} for "
            f"an input of shape {shape}; a rule returns the input's shape, or one that the input broadcasts to."
        )
    # Halves are added up in single precision, as everywhere.
    return gradient.sum(axis=repeated, dtype=np.float32 if gradient.dtype == np.float16 else None).reshape(shape)
