"""Losses of regressions and of distances: what a network's results are off by, as one number or one for each.

Every loss takes `reduction`: "mean", "sum" or "none". What it asks of the target is checked, shapes above all.
"""

from __future__ import annotations

import math

import numpy as np

from ...errors import ShapeError, described
from ...frames import user_place
from ...primitive import operation
from ..arrays.shape import array_of
from ..elementwise.activation import relu, softplus
from ..elementwise.selection import clip, where
from ..reductions.norm import norm
from .targets import alike, chosen_classes, floating, reduced, signs, weights_of, within


@operation
def mse_loss(input, target, *, reduction: str = "mean"):
    """The squared error, (x - t)**2.

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.mse_loss(np.array([1.0, 2.0]), np.array([0.0, 4.0]))
    np.float64(2.5)
    """
    input, target = alike("mse_loss", input, target)
    return reduced((input - target) ** 2, reduction)


@operation
def l1_loss(input, target, *, reduction: str = "mean"):
    """The absolute error, |x - t|."""
    input, target = alike("l1_loss", input, target)
    return reduced(np.abs(input - target), reduction)


@operation
def smooth_l1_loss(input, target, *, reduction: str = "mean", beta: float = 1.0):
    """(x - t)**2 / (2 beta) where |x - t| < beta, else |x - t| - beta / 2: the Huber loss divided by beta."""
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    input, target = alike("smooth_l1_loss", input, target)
    return reduced(_huber(input - target, _positive("smooth_l1_loss", "beta", beta)) / beta, reduction)


@operation
def huber_loss(input, target, reduction: str = "mean", delta: float = 1.0):
    """(x - t)**2 / 2 where |x - t| < delta, else delta (|x - t| - delta / 2) (Huber 1964)."""
    input, target = alike("huber_loss", input, target)
    return reduced(_huber(input - target, _positive("huber_loss", "delta", delta)), reduction)


def _huber(error, delta: float):
    # Held within the bounds, the error is both the slope and what is squared; no branch computes what is not used.
    bounded = clip(error, -delta, delta)
    return bounded * (error - bounded / 2)


@operation
def kl_div(input, target, *, reduction: str = "mean", log_target: bool = False):
    """t (log(t) - x), the divergence of exp(x) from the distribution t, which a flag says is given as its logarithm.

    "batchmean" is the sum divided by the length of the first axis: the mean of the divergences, as "mean" is not.
    """
    input, target = alike("kl_div", input, target)
    if log_target:
        losses = np.exp(target) * (target - input)
    else:
        within("kl_div", "target", target, 0, math.inf, "of logarithms set log_target=True")
        is_positive = target > 0
        losses = where(is_positive, target * (np.log(where(is_positive, target, 1)) - input), 0)
    if reduction == "batchmean":
        return np.sum(losses) / input.shape[0]
    return reduced(losses, reduction)


@operation
def poisson_nll_loss(
    input, target, log_input: bool = True, full: bool = False, *, eps: float = 1e-8, reduction: str = "mean"
):
    """exp(x) - t x, for a count t that is Poisson distributed with the mean exp(x); x - t log(x + eps) of a mean x.

    `full` adds Stirling's approximation of log(t!), for t > 1.
    """
    input, target = alike("poisson_nll_loss", input, target)
    losses = np.exp(input) - target * input if log_input else input - target * np.log(input + eps)
    if full:
        count = where(target > 1, target, 1)
        stirling = count * np.log(count) - count + 0.5 * np.log(2 * math.pi * count)
        losses = losses + where(target > 1, stirling, 0)
    return reduced(losses, reduction)


@operation
def gaussian_nll_loss(input, target, var, full: bool = False, eps: float = 1e-6, reduction: str = "mean"):
    """(log(v) + (x - t)**2 / v) / 2, for a target t that is normally distributed around x with the variance v.

    The variance is held above `eps`, its gradient as if it were not. It has the input's shape, or without its last
    axis, or of length 1 there. `full` adds log(2 pi) / 2.
    """
    input, target = alike("gaussian_nll_loss", input, target)
    var = floating(array_of(var), input.dtype)
    if var.ndim and var.shape == input.shape[:-1]:
        var = var[..., None]
    if var.shape not in (input.shape, (*input.shape[:-1], 1), ()):
        raise ShapeError(f"gaussian_nll_loss of {described(input)} with the variance {described(var)}, {user_place()}.")
    within("gaussian_nll_loss", "variance", var, 0, math.inf, "a variance is not negative")
    lacking = relu(eps - (var.detach() if hasattr(var, "detach") else var))
    var = var + lacking
    losses = 0.5 * (np.log(var) + (input - target) ** 2 / var)
    return reduced(losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction)


@operation
def hinge_embedding_loss(input, target, margin: float = 1.0, *, reduction: str = "mean"):
    """The distance x itself where the target is 1; max(0, margin - x) where it is -1."""
    input, target = alike("hinge_embedding_loss", input, target)
    is_close = signs("hinge_embedding_loss", target, input.dtype) > 0
    return reduced(where(is_close, input, relu(margin - input)), reduction)


@operation
def soft_margin_loss(input, target, *, reduction: str = "mean"):
    """log(1 + exp(-t x)), for a target that is 1 or -1."""
    input, target = alike("soft_margin_loss", input, target)
    return reduced(softplus(-signs("soft_margin_loss", target, input.dtype) * input), reduction)


@operation
def margin_ranking_loss(input1, input2, target, margin: float = 0.0, *, reduction: str = "mean"):
    """max(0, margin - t (x1 - x2)): x1 should rank above x2 where the target is 1, below where it is -1."""
    input1, input2 = alike("margin_ranking_loss", input1, input2)
    input1, target = alike("margin_ranking_loss", input1, target)
    target = signs("margin_ranking_loss", target, input1.dtype)
    return reduced(relu(margin - target * (input1 - input2)), reduction)


@operation
def multi_margin_loss(input, target, p: int = 1, margin: float = 1.0, weight=None, *, reduction: str = "mean"):
    """The mean over the classes i of max(0, margin - x[t] + x[i])**p, without i = t, times the weight of t.

    The input is (batch, classes) or (classes,), the target the classes by number.
    """
    input, target = array_of(input), array_of(target)
    if input.ndim not in (1, 2) or target.shape != input.shape[:-1] or p not in (1, 2):
        raise ShapeError(
            f"multi_margin_loss of {described(input)} and the target {described(target)} with p={p}, {user_place()}: "
            "the input is (batch, classes), the target (batch,), and p is 1 or 2."
        )
    classes = input.shape[-1]
    chosen = chosen_classes("multi_margin_loss", target, classes, -1, input.dtype)
    right = (input * chosen).sum(axis=-1, keepdims=True)
    losses = (1 - chosen) * relu(margin - right + input) ** p
    if weight is not None:
        losses = losses * (chosen * weights_of(weight, chosen)).sum(axis=-1, keepdims=True)
    return reduced(losses.sum(axis=-1) / classes, reduction)


@operation
def cosine_embedding_loss(input1, input2, target, margin: float = 0.0, *, reduction: str = "mean"):
    """1 - cos(x1, x2) where the target is 1, max(0, cos(x1, x2) - margin) where it is -1; vectors: the last axis."""
    input1, input2 = alike("cosine_embedding_loss", input1, input2)
    squares = ((input1**2).sum(axis=-1) + 1e-12) * ((input2**2).sum(axis=-1) + 1e-12)
    cosine, target = alike("cosine_embedding_loss", (input1 * input2).sum(axis=-1) / np.sqrt(squares), target)
    is_close = signs("cosine_embedding_loss", target, input1.dtype) > 0
    return reduced(where(is_close, 1 - cosine, relu(cosine - margin)), reduction)


@operation
def triplet_margin_loss(
    anchor,
    positive,
    negative,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: str = "mean",
):
    """max(0, d(a, p) - d(a, n) + margin), d the p-norm of the difference + eps along the last axis.

    With `swap` the distance of the negative is the smaller of d(a, n) and d(p, n) (Balntas et al. 2016).
    """
    anchor, positive = alike("triplet_margin_loss", anchor, positive)
    anchor, negative = alike("triplet_margin_loss", anchor, negative)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = np.minimum(far, pairwise_distance(positive, negative, p, eps))
    return reduced(relu(pairwise_distance(anchor, positive, p, eps) - far + margin), reduction)


@operation
def pairwise_distance(x1, x2, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False):
    """The p-norm of x1 - x2 + eps along the last axis."""
    return norm(array_of(x1) - x2 + eps, ord=p, axis=-1, keepdims=keepdims)


def _positive(loss: str, name: str, value: float) -> float:
    if value <= 0:
        raise ShapeError(f"{loss} with {name}={value!r}, {user_place()}: it must be positive.")
    return value
