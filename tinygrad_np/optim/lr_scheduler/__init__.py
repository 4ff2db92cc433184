"""Schedules: the learning rate as a function of the number of epochs (or steps) so far.

    schedule = lr_scheduler.CosineAnnealingLR(optimizer, T_max=50)
    for epoch in range(50):
        ...                                  # optimizer.step() for each batch
        schedule.step()

A schedule says in `rate` what the learning rate is at an epoch; names, arguments and figures are PyTorch's. Several
schedules of one optimiser multiply: what another one (or you) changed since is kept as a factor, but for those whose
`multiplies` is False, as PyTorch's.
"""

from typing import TYPE_CHECKING

from ...options import lookup as _lookup
from .cosines import CosineAnnealingLR, CosineAnnealingWarmRestarts, OneCycleLR
from .factors import ConstantLR, ExponentialLR, LambdaLR, LinearLR, MultiStepLR, PolynomialLR, StepLR
from .plateau import ReduceLROnPlateau
from .schedule import LRScheduler
from .sequence import ChainedScheduler, SequentialLR

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]

if not TYPE_CHECKING:
    __getattr__ = _lookup(__name__, globals(), "one of your own is a class of LRScheduler with rate()")
