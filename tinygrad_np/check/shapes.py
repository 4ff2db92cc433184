"""A gradient by hand of the wrong shape: what was done to it, or left out, so that it has the shape that it has."""

from __future__ import annotations

import itertools

import numpy as np

from .passage import Compared


def wrong_shape(one: Compared, was_broadcast: bool) -> str:
    """Say in words what is wrong with the shape: the rest of a sentence that begins with the gradient's name."""
    for recognise in (_transposed, _reshaped, _not_summed, _summed_too_far, _broadcasts):
        words = recognise(one)
        if words and recognise is _not_summed and was_broadcast:
            words = words.replace(" is missing", ", along which it was broadcast, is missing", 1)
        if words:
            return f"{_shapes(one)}: {words}"
    return _shapes(one)


def _shapes(one: Compared) -> str:
    return f"has shape {one.manual.shape}, but the gradient has {one.node.shape}"


def _transposed(one: Compared) -> str | None:
    if one.manual.ndim > 1 and one.agrees(one.manual.T, one.gradient):
        return "it is the transpose"
    return None


def _not_summed(one: Compared) -> str | None:
    added = one.manual.ndim - one.gradient.ndim
    if added < 0:
        return None
    axes = tuple(
        axis
        for axis in range(one.manual.ndim)
        if axis < added or (one.gradient.shape[axis - added] == 1 and one.manual.shape[axis] != 1)
    )
    for reduction, word in ((np.sum, "sum"), (np.mean, "mean")):
        reduced = reduction(one.manual, axis=axes, keepdims=True)
        if reduced.size == one.gradient.size and one.agrees(reduced.reshape(one.gradient.shape), one.gradient):
            return f"the {word} over {_axes(axes)} is missing; its {word} is right"
    return None


def _summed_too_far(one: Compared) -> str | None:
    places = range(one.gradient.ndim)
    for count in range(1, one.gradient.ndim + 1):
        for axes in itertools.combinations(places, count):
            for keepdims in (False, True):
                for reduction, word in ((np.sum, "sum"), (np.mean, "mean")):
                    if one.agrees(one.manual, reduction(one.gradient, axis=axes, keepdims=keepdims)):
                        return f"it is the {word} of the gradient over {_axes(axes)}"
    return None


def _reshaped(one: Compared) -> str | None:
    if one.manual.size == one.gradient.size and one.agrees(one.manual.reshape(one.gradient.shape), one.gradient):
        squeezed = [length for length in one.manual.shape if length != 1]
        if squeezed == [length for length in one.gradient.shape if length != 1]:
            return "its values are right, and keepdims=True in the sum or a reshape gives it the shape"
        return "its values are right, and a reshape gives it the shape"
    return None


def _broadcasts(one: Compared) -> str | None:
    try:
        broadcast = np.broadcast_to(one.manual, one.gradient.shape)
    except ValueError:
        return None
    if one.agrees(broadcast, one.gradient):
        return "its values are right, but have to be repeated to that shape"
    return None


def _axes(axes: tuple[int, ...]) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"the axes {', '.join(map(str, axes))}"
