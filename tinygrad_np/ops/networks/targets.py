"""What losses do with their inputs, targets and results alike: check them, look at where they come from, reduce."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import ShapeError, described, reason_of
from ...frames import user_place
from ...primitive import Primitive
from ..arrays.indexing import plain_index
from ..arrays.shape import array_of
from ..elementwise.masks import one_hot
from ..elementwise.selection import is_all


def reduced(losses, reduction: str, weight=None):
    """The mean of the losses, their sum, or (with "none") they themselves; before that each times its weight."""
    losses = losses if weight is None else losses * weights_of(weight, losses)
    if reduction == "none":
        return losses
    if reduction not in ("mean", "sum"):
        raise ShapeError(f"reduction={reduction!r}, {user_place()}, is none of 'mean', 'sum' and 'none'.")
    return np.mean(losses) if reduction == "mean" else np.sum(losses)


def alike(loss: str, input, target) -> tuple[Any, Any]:
    """Input and target as arrays of one shape, integer targets as floating numbers; other shapes are refused.

    Of (n,) and (n, 1) NumPy would make (n, n), and a mean that no one meant.
    """
    input, target = array_of(input), array_of(target)
    if input.shape != target.shape:
        raise ShapeError(
            f"{loss} of {described(input)} and the target {described(target)}, {user_place()}: both must have the same "
            "shape; reshape one of them, as with target.reshape(input.shape)."
        )
    return input, floating(target, input.dtype)


def floating(target, dtype):
    """The target, of a floating dtype."""
    return target if target.dtype.kind == "f" else target.astype(dtype)


def values(x):
    """The array of x, an array or a Tensor, whose values a check may look at; None of one that is captured, or lazy."""
    array = x.numpy() if hasattr(x, "__primitive__") else x
    return array if isinstance(array, np.ndarray | np.generic) else None


def weights_of(weight, of):
    """A weight in the dtype of what it is a weight of, whose shape it must broadcast to."""
    weight = array_of(weight)
    lengths = zip(reversed(weight.shape), reversed(of.shape), strict=False)
    if weight.ndim > of.ndim or any(one not in (1, other) for one, other in lengths):
        raise ShapeError(f"the weight {described(weight)} is not one of {described(of)}, {user_place()}.")
    return weight.astype(of.dtype)


def within(loss: str, name: str, x, low: float, high: float, advice: str) -> None:
    """Refuse values outside of [low, high]."""
    array = values(x)
    if array is not None and not ((low <= array) & (array <= high)).all():
        raise ShapeError(
            f"{loss} of the {name} {described(x)}, {user_place()}: its values are from {array.min():.4g} to "
            f"{array.max():.4g}, and must be from {low:g} to {high:g}; {advice}."
        )


def signs(loss: str, target, dtype):
    """A target that says by 1 and -1 what is and what is not."""
    array = values(target)
    if array is not None and not (np.absolute(array) == 1).all():
        raise ShapeError(
            f"{loss} of the target {described(target)}, {user_place()}: each of its values must be 1 or -1; of "
            "labels 0 and 1 make 2 * labels - 1."
        )
    return floating(target, dtype)


def source(value, primitive: Primitive) -> tuple[Any, dict[str, Any]] | None:
    """What a recorded value was computed from by this primitive, and its parameters; None if it was not, or is unknown.

    A probability that has rounded to 0 or 1 no longer tells how sure it is; the number that it was computed from does.
    """
    return value.__computed_from__(primitive) if hasattr(value, "__computed_from__") else None


def refuse_results_of(loss: str, value, *primitives: Primitive) -> None:
    """Refuse a probability where a loss computes one itself: both together train, but slowly and to the wrong end."""
    for primitive in primitives:
        if source(value, primitive) is not None:
            raise ShapeError(
                f"{loss} of the result of {primitive.name}, {user_place()}: {loss} takes the numbers before "
                f"{primitive.name}, which it computes itself; leave {primitive.name} out."
            )


def chosen_classes(loss: str, target, classes: int, axis: int, dtype, ignore_index: int | None = None):
    """1 where a label names the class, 0 for the other classes, which are along `axis`, and for an ignored label."""
    labels = plain_index(target)
    if array_of(labels).dtype.kind not in "iu":
        raise ShapeError(
            f"{loss} of the target {described(target)}, {user_place()}: labels are whole numbers, as of "
            "target.astype(int); probabilities have the input's shape."
        )
    kept: Any = np.True_ if ignore_index is None else array_of(labels) != ignore_index
    all_are = is_all(kept)
    try:
        chosen = one_hot(labels if all_are else np.where(kept, labels, 0), classes=classes, dtype=dtype)
    except ValueError as error:
        raise ShapeError(f"{loss} of the target {described(target)}, {user_place()}: {reason_of(error)}.") from None
    return np.moveaxis(chosen if all_are else chosen * kept[..., None], -1, axis)
