"""ReduceLROnPlateau: a schedule that goes by a measure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...errors import ParameterError
from ...frames import user_place
from ...options import chosen
from ..optimizer import Optimizer
from .schedule import LRScheduler, for_each


class ReduceLROnPlateau(LRScheduler):
    """Times `factor` when a measure, given to `step(measure)`, has not improved for more than `patience` epochs.

    Args:
        mode: "min" if less is better, "max" if more is.
        threshold: how much counts as better: a share of the best ("rel") or an amount ("abs", `threshold_mode`).
        cooldown: epochs after a reduction in which nothing is counted.
        min_lr: no rate goes below; a list has one for each group.
        eps: a reduction by less than this is not made.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1:
            raise ParameterError(f"ReduceLROnPlateau needs a factor below 1, {user_place()}, not {factor!r}.")
        self.optimizer, self.factor, self.patience, self.threshold = optimizer, factor, patience, threshold
        self.mode = chosen("mode", mode, ("min", "max"))
        self.threshold_mode = chosen("threshold_mode", threshold_mode, ("rel", "abs"))
        self.cooldown, self.eps = cooldown, eps
        self.min_lrs = for_each(min_lr, optimizer.param_groups)
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0
        self._last_lr = [group["lr"] for group in optimizer.param_groups]

    progress = ("last_epoch", "_last_lr", "best", "num_bad_epochs", "cooldown_counter")

    def step(self, metrics: Any = None, epoch: float | None = None) -> None:  # type: ignore[override]
        """Note the measure of an epoch, and reduce the learning rates if it is time."""
        if metrics is None:
            raise ParameterError(f"ReduceLROnPlateau goes by a measure, {user_place()}: call step(validation_loss).")
        measure = float(metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(measure):
            self.best, self.num_bad_epochs = measure, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
                rate = max(group["lr"] * self.factor, least)
                group["lr"] = rate if group["lr"] - rate > self.eps else group["lr"]
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def _note_own(self) -> None:
        pass

    def _is_better(self, measure: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        if self.threshold_mode == "abs":
            return sign * measure < sign * self.best - self.threshold
        return sign * measure < sign * self.best * (1 - sign * self.threshold)
