"""The losses as modules: each is a function of tinygrad_np, called with the network's result and what is right."""

from __future__ import annotations

from ..ops.networks import classification, losses
from .function import Function


class MSELoss(Function, of=losses.mse_loss):
    """The mean squared error."""


class L1Loss(Function, of=losses.l1_loss):
    """The mean absolute error."""


class SmoothL1Loss(Function, of=losses.smooth_l1_loss):
    """Squared errors below beta, absolute ones above."""


class HuberLoss(Function, of=losses.huber_loss):
    """Squared errors below delta, absolute ones above; delta times the smooth L1 loss."""


class BCELoss(Function, of=classification.binary_cross_entropy):
    """The binary cross-entropy of probabilities; right even where a sigmoid has rounded to 0 or 1."""


class BCEWithLogitsLoss(Function, of=classification.binary_cross_entropy_with_logits):
    """The binary cross-entropy of the sigmoid of the input."""


class CrossEntropyLoss(Function, of=classification.cross_entropy):
    """The cross-entropy of the softmax of the input, given labels or probabilities."""


class NLLLoss(Function, of=classification.nll_loss):
    """Minus the logarithm of the right class's probability, given logarithms."""


class KLDivLoss(Function, of=losses.kl_div):
    """The divergence of a distribution, given as its logarithms, from that which is right."""


class PoissonNLLLoss(Function, of=losses.poisson_nll_loss):
    """Minus the log-likelihood of counts that are Poisson distributed."""


class GaussianNLLLoss(Function, of=losses.gaussian_nll_loss):
    """Minus the log-likelihood of normally distributed targets, given mean and variance."""


class HingeEmbeddingLoss(Function, of=losses.hinge_embedding_loss):
    """A distance where the target is 1; what it lacks to the margin where it is -1."""


class SoftMarginLoss(Function, of=losses.soft_margin_loss):
    """log(1 + exp(-target * input)), for a target of 1 or -1."""


class MultiMarginLoss(Function, of=losses.multi_margin_loss):
    """By how much other classes come closer to the right one than the margin."""


class MarginRankingLoss(Function, of=losses.margin_ranking_loss):
    """By how much two inputs fail to be in the order that the target, 1 or -1, says."""


class CosineEmbeddingLoss(Function, of=losses.cosine_embedding_loss):
    """1 - cosine where the target is 1; the cosine above the margin where it is -1."""


class TripletMarginLoss(Function, of=losses.triplet_margin_loss):
    """By how much the positive is not closer to the anchor than the negative, by a margin."""
