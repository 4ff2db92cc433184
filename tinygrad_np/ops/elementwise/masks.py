"""Arrays of zeros and ones that are data: the class that a label names, the elements that dropout keeps."""

from __future__ import annotations

import numpy as np

from ...primitive import operation, primitive
from ..arrays.shape import array_of
from .selection import where


@primitive(data=True)
def one_hot(labels, /, classes: int, dtype=np.float64):
    """Along a new last axis of length `classes`, 1 at the place that the label names and 0 elsewhere.

    The labels are integers from 0 to classes - 1, in any shape.

    >>> one_hot(np.array([2, 0]), 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    labels = array_of(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers, not {labels.dtype}")
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(f"labels of {classes} classes must be in 0 ... {classes - 1}")
    result = np.zeros((labels.size, classes), dtype)
    result[np.arange(labels.size), labels.reshape(-1)] = 1
    return result.reshape(*labels.shape, classes)


@primitive(data=True)
def keep_mask(x, /, p: float, random=None):
    """For each element whether dropout keeps it, which it does with the probability 1 - p."""
    if not 0 <= p <= 1:
        raise ValueError(f"a probability is between 0 and 1, not {p}")
    return np.random.default_rng(random).random(x.shape) >= p


@operation
def dropout(x, p: float = 0.5, training: bool = True, *, random=None):
    """x with each element made 0 with the probability p, the others multiplied by 1 / (1 - p): the mean stays.

    `random` is a NumPy Generator or a seed. What is dropped gets the gradient 0. Out of training x stays as it is.
    """
    if not training:
        return x
    return where(keep_mask(x, p=p, random=random), x * (1 / (1 - p) if p < 1 else 1), 0)
