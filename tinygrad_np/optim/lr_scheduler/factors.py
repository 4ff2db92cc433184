"""Schedules that multiply the initial rate by a factor of the epoch alone."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from ...errors import ParameterError
from ...frames import user_place
from ..optimizer import Optimizer
from .schedule import LRScheduler


class LambdaLR(LRScheduler):
    """The initial rate times a function of the epoch; a list has one for each group."""

    multiplies = False
    lr_lambda: Any

    def rate(self, base, epoch, lr_lambda):
        """Base · lr_lambda(epoch)."""
        return base * lr_lambda(epoch)

    def _begin(self, optimizer: Optimizer, last_epoch: int) -> None:
        given = self.lr_lambda
        self.lr_lambda = [given] * len(optimizer.param_groups) if callable(given) else list(given)
        if len(self.lr_lambda) != len(optimizer.param_groups):
            raise ParameterError(
                f"LambdaLR was given {len(self.lr_lambda)} functions for {len(optimizer.param_groups)} groups, "
                f"{user_place()}; give one, or one for each."
            )
        super()._begin(optimizer, last_epoch)

    def _rate_of(self, group: int) -> float:
        return self.rate(self.base_lrs[group], self.last_epoch, self.lr_lambda[group])


class StepLR(LRScheduler):
    """Times gamma after every `step_size` epochs."""

    def rate(self, base, epoch, step_size, gamma=0.1):
        """Base · gamma^⌊epoch / step_size⌋."""
        return base * gamma ** (epoch // step_size)


class MultiStepLR(LRScheduler):
    """Times gamma at each of the milestones."""

    def rate(self, base, epoch, milestones, gamma=0.1):
        """Base · gamma^(the number of milestones reached)."""
        return base * gamma ** bisect_right(sorted(milestones), epoch)


class ExponentialLR(LRScheduler):
    """Times gamma in every epoch."""

    def rate(self, base, epoch, gamma):
        """Base · gamma^epoch."""
        return base * gamma**epoch


class ConstantLR(LRScheduler):
    """Times a constant factor for the first `total_iters` epochs."""

    def rate(self, base, epoch, factor=1.0 / 3, total_iters=5):
        """Base · factor, then base."""
        return base * factor if epoch < total_iters else base


class LinearLR(LRScheduler):
    """Times a factor that goes in a line from `start_factor` to `end_factor` in `total_iters` epochs: a warm-up."""

    def rate(self, base, epoch, start_factor=1.0 / 3, end_factor=1.0, total_iters=5):
        """Base · (start + (end - start) · min(epoch, total) / total)."""
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise ParameterError(f"LinearLR needs factors from 0 to 1, and to start above 0, {user_place()}.")
        return base * (start_factor + (end_factor - start_factor) * min(epoch, total_iters) / total_iters)


class PolynomialLR(LRScheduler):
    """To 0 along a power of what is left of `total_iters` epochs."""

    def rate(self, base, epoch, total_iters=5, power=1.0):
        """Base · (1 - min(epoch, total) / total)^power."""
        return base * (1 - min(epoch, total_iters) / total_iters) ** power
