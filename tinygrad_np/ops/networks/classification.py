"""Losses of classifications, right for every logit: where a probability rounds to 0 or 1, its gradient does not.

They compute with logits. One that is given a probability asks the graph for the logits that it was computed from.
"""

from __future__ import annotations

import numpy as np

from ...errors import ShapeError, described
from ...frames import user_place
from ...primitive import operation, primitive
from ..arrays.shape import array_of
from ..elementwise.activation import sigmoid, softplus
from ..elementwise.exponential import log
from ..elementwise.selection import only
from ..reductions.reduction import by_columns
from ..reductions.softmax import log_softmax, softmax
from .targets import alike, chosen_classes, floating, reduced, refuse_results_of, source, weights_of, within

LEAST_LOGARITHM, LEAST_SLOPE = -100.0, 1e-12
"""What PyTorch holds the logarithm of a probability above, and p (1 - p) in its derivative."""


@primitive
def cross_entropies(x, target, /, axis: int):
    """-sum(target * log(softmax(x))) along an axis; a target of 0 counts nothing, even where the logarithm is -inf."""
    x, target = by_columns(x), by_columns(target)
    surprise = -log_softmax(x, axis=axis)
    return (target * only(target != 0, surprise)).sum(axis=axis)


@cross_entropies.vjp(0)
def _(g, y, x, target, axis: int):
    # softmax(x) sum(target) - target, which would lose the digits of a probability close to 1.
    x, target = by_columns(x), by_columns(target)
    p = softmax(x, axis=axis)
    rest = target.sum(axis=axis, keepdims=True) - target
    return np.expand_dims(g, axis) * (p * rest - target * others(p, axis))


@cross_entropies.vjp(1)
def _(g, y, x, target, axis: int):
    return np.expand_dims(g, axis) * -log_softmax(x, axis=axis)


def others(weights, axis: int):
    """For each weight the sum of the others, to its last digit even beside a large one."""
    total = weights.sum(axis=axis, keepdims=True)
    most = weights > total / 2
    rest = total - weights
    if isinstance(most, np.ndarray) and not most.any():
        return rest
    return np.where(most, only(np.logical_not(most), weights).sum(axis=axis, keepdims=True), rest)


@operation
def cross_entropy(
    input, target, weight=None, *, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0
):
    """-log(softmax(x)) of the class that the target names: the loss of a classification by its logits.

    Args:
        input: logits (batch, classes, ...), or (classes,).
        target: the classes by number, (batch, ...) or (); or their probabilities, of the input's shape.
        weight: what each class weighs; the mean is weighted then.
        ignore_index: the label of places that do not count.
        reduction: "mean", "sum" or "none".
        label_smoothing: which part of the target is spread evenly over all classes.

    Raises ShapeError for the result of a softmax, labels out of range, probabilities that do not add up to 1, and
    shapes that do not fit. The gradient is softmax(x) - target, right even where a probability rounds to 0 or 1.

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.cross_entropy(np.array([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), np.array([0, 2])).round(4)
    np.float64(0.6691)
    """
    input, target = array_of(input), array_of(target)
    refuse_results_of("cross_entropy", input, softmax, sigmoid)
    axis, classes, importance = _classes("cross_entropy", input, target, weight)
    if target.shape == input.shape:
        target = floating(target, input.dtype)
        sums = target.sum(axis=axis, keepdims=True)
        within("cross_entropy", "target", target, 0, 1, "give labels or probabilities")
        within("cross_entropy", f"target's sums along axis {axis},", sums, 0.999, 1.001, "that axis has the classes")
        kept, counted = 1.0, sums.size
    else:
        target = chosen_classes("cross_entropy", target, classes, axis, input.dtype, ignore_index)
        kept = target.sum(axis=axis, keepdims=True)
        counted = np.sum(target if importance is None else target * importance)
    if label_smoothing:
        target = target * (1 - label_smoothing) + kept * (label_smoothing / classes)
    weighted = target if importance is None else target * importance
    return _averaged(cross_entropies(input, weighted, axis=axis), counted, reduction)


@operation
def nll_loss(input, target, weight=None, *, ignore_index: int = -100, reduction: str = "mean"):
    """Minus the logarithm of the probability of the class that the target names, given the logarithms.

    The arguments are those of `cross_entropy`; the input is a log_softmax, or the logarithm of a softmax, whose own
    input the graph still knows: with it the gradient is that of `cross_entropy`, right where probabilities round.

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.nll_loss(np.log([[0.5, 0.25, 0.25]]), np.array([1])).round(4)
    np.float64(1.3863)
    """
    input, target = array_of(input), array_of(target)
    axis, classes, importance = _classes("nll_loss", input, target, weight)
    chosen = chosen_classes("nll_loss", target, classes, axis, input.dtype, ignore_index)
    chosen = chosen if importance is None else chosen * importance
    logits = _logits(input, axis)
    if logits is not None:
        losses = cross_entropies(logits, chosen, axis=axis)
    else:
        losses = -(chosen * np.where(chosen == 0, 0, input)).sum(axis=axis)
    return _averaged(losses, np.sum(chosen), reduction)


@operation
def binary_cross_entropy(input, target, weight=None, *, reduction: str = "mean"):
    """-(t log(p) + (1 - t) log(1 - p)): the loss of probabilities p of a class that is there (t = 1) or not (t = 0).

    Args:
        input: probabilities, in any shape. Where they are the result of `tg.sigmoid`, the loss is computed with the
            input of that, as by `binary_cross_entropy_with_logits`; of others the logarithms are held above -100.
        target: what is right, from 0 to 1, in the same shape.
        weight: what each element weighs.
        reduction: "mean", "sum" or "none".

    Raises ShapeError for values outside of [0, 1] and for shapes that differ.

    >>> import numpy as np, tinygrad_np as tg
    >>> x = tg.Tensor([-800.0, 800.0], requires_grad=True)
    >>> tg.binary_cross_entropy(tg.sigmoid(x), np.array([1.0, 1.0]), reduction="sum").backward()
    >>> x.grad
    array([-1.,  0.])
    """
    input, target = alike("binary_cross_entropy", input, target)
    found = source(input, sigmoid)
    if found is not None:
        return binary_cross_entropy_with_logits(found[0], target, weight, reduction=reduction)
    within("binary_cross_entropy", "input", input, 0, 1, "of logits take binary_cross_entropy_with_logits")
    within("binary_cross_entropy", "target", target, 0, 1, "1 says yes, 0 no")
    return reduced(binary_cross_entropies(input, target), reduction, weight)


@operation
def binary_cross_entropy_with_logits(input, target, weight=None, *, reduction: str = "mean", pos_weight=None):
    """The binary cross-entropy of sigmoid(x): (1 - t) softplus(x) + pos_weight t softplus(-x), right for every x.

    The arguments are those of `binary_cross_entropy`, the input's elements any numbers; `pos_weight` is what a yes
    weighs beside a no. The gradient is sigmoid(x) - t, right even where the sigmoid rounds to 0 or 1.

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.binary_cross_entropy_with_logits(np.array([0.0, 1000.0]), np.array([1.0, 0.0]), reduction="none").round(4)
    array([6.931e-01, 1.000e+03])
    """
    input, target = alike("binary_cross_entropy_with_logits", input, target)
    refuse_results_of("binary_cross_entropy_with_logits", input, sigmoid)
    within("binary_cross_entropy_with_logits", "target", target, 0, 1, "1 says yes, 0 no")
    yes = target if pos_weight is None else target * weights_of(pos_weight, target)
    if pos_weight is None:
        return reduced(logit_cross_entropies(input, target), reduction, weight)
    return reduced((1 - target) * softplus(input) + yes * softplus(-input), reduction, weight)


@primitive(elementwise=True)
def logit_cross_entropies(x, target):
    """(1 - target) softplus(x) + target softplus(-x), where what both softplus have in common is computed once."""
    return (np.maximum(x, 0) - target * x) + softplus(-np.absolute(x))


@logit_cross_entropies.vjp(0)
def _(g, y, x, target):
    # sigmoid(x) - target, which would lose the digits of a probability close to 1.
    return g * ((1 - target) * sigmoid(x) - target * sigmoid(-x))


@logit_cross_entropies.vjp(1)
def _(g, y, x, target):
    return g * -x


@primitive(elementwise=True)
def binary_cross_entropies(p, target):
    """-(target log(p) + (1 - target) log(1 - p)), both logarithms held above -100."""
    with np.errstate(divide="ignore"):
        yes, no = np.log(p), np.log1p(-p)
    return -(target * np.maximum(yes, LEAST_LOGARITHM) + (1 - target) * np.maximum(no, LEAST_LOGARITHM))


@binary_cross_entropies.vjp(0)
def _(g, y, p, target):
    return g * (p - target) / np.maximum(p * (1 - p), LEAST_SLOPE)


@binary_cross_entropies.vjp(1)
def _(g, y, p, target):
    return g * (np.maximum(np.log1p(-p), LEAST_LOGARITHM) - np.maximum(np.log(p), LEAST_LOGARITHM))


def _classes(loss: str, input, target, weight):
    """The axis of the classes, their number, and what each weighs, in a shape that goes with the input's."""
    axis = min(input.ndim, 2) - 1
    if not input.ndim or target.shape not in ((*input.shape[:axis], *input.shape[axis + 1 :]), input.shape):
        raise ShapeError(
            f"{loss} of {described(input)} and the target {described(target)}, {user_place()}: the input is (batch, "
            "classes, ...) or (classes,), the target has the same axes without the classes; or, for probabilities, "
            "the same shape."
        )
    classes = input.shape[axis]
    if weight is None:
        return axis, classes, None
    weight = array_of(weight).astype(input.dtype)
    if weight.shape != (classes,):
        raise ShapeError(f"{loss} with the weight {described(weight)} of {classes} classes, {user_place()}.")
    return axis, classes, weight.reshape((classes,) + (1,) * (input.ndim - 1 - axis))


def _logits(logarithms, axis: int):
    """What logarithms of probabilities were computed from by a log_softmax, or a softmax, over this axis; or None."""
    found = source(logarithms, log_softmax)
    if found is None:
        probabilities = source(logarithms, log)
        found = None if probabilities is None else source(probabilities[0], softmax)
    return found[0] if found is not None and found[1].get("axis", -1) in (axis, axis - logarithms.ndim) else None


def _averaged(losses, counted, reduction: str):
    """The losses reduced; their mean is the sum divided by what was counted."""
    if reduction != "mean":
        return reduced(losses, reduction)
    if isinstance(counted, np.generic) and counted == 0:
        raise ShapeError(f"the mean of a loss in which no place counts, {user_place()}: all labels are ignored.")
    return np.sum(losses) / counted
