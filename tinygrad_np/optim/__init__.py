"""Optimisers, schedules of their learning rate, and scipy's minimisers on trees of arrays.

    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    schedule = optim.lr_scheduler.StepLR(optimizer, step_size=10)
    for X, y in batches:
        optimizer.zero_grad()
        loss(model(X), y).backward()
        optimizer.step()

Names, order of arguments, defaults and state dicts are PyTorch's; what chooses how PyTorch computes, and changes no
result (foreach, fused, capturable, differentiable), is left out.
"""

from typing import TYPE_CHECKING

from ..options import lookup as _lookup
from . import lr_scheduler
from .adadelta import Adadelta
from .adagrad import Adagrad
from .adam import Adam, AdamW
from .adamax import Adamax
from .minimize import minimize
from .nadam import NAdam
from .optimizer import Optimizer
from .radam import RAdam
from .rmsprop import RMSprop
from .sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "lr_scheduler",
    "minimize",
]

if not TYPE_CHECKING:
    __getattr__ = _lookup(__name__, globals(), "a rule of your own is a class of optim.Optimizer with change()")
