"""Schedules that multiply the initial rate by a factor of the epoch alone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from ...errors import ParameterError
from ...frames import user_place
from ..optimizer import Optimizer
from .schedule import LRScheduler, at_least


class LambdaLR(LRScheduler):
    """The initial rate times a function of the epoch: base · lr_lambda(epoch); a list has one for each group."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[Any], float] | Sequence[Callable[[Any], float]],
        last_epoch: int = -1,
    ) -> None:
        groups = len(optimizer.param_groups)
        self.lr_lambdas = [lr_lambda] * groups if callable(lr_lambda) else list(lr_lambda)
        if len(self.lr_lambdas) != groups:
            raise ParameterError(
                f"LambdaLR was given {len(self.lr_lambdas)} functions for {groups} groups, {user_place()}."
            )
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: float, group: int) -> float:
        """Base · lr_lambda(epoch)."""
        return base * self.lr_lambdas[group](epoch)


class StepLR(LRScheduler):
    """Times gamma after every `step_size` epochs: base · gamma^⌊epoch / step_size⌋."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size = at_least(1, step_size=step_size)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: float, group: int) -> float:
        """Base · gamma^⌊epoch / step_size⌋."""
        return base * self.gamma ** (epoch // self.step_size)


class MultiStepLR(LRScheduler):
    """Times gamma at each of the milestones: base · gamma^(the number of milestones reached)."""

    def __init__(
        self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = sorted(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: float, group: int) -> float:
        """Base · gamma^(the number of milestones reached)."""
        return base * self.gamma ** bisect_right(self.milestones, epoch)


class ExponentialLR(LRScheduler):
    """Times gamma in every epoch: base · gamma^epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: float, group: int) -> float:
        """Base · gamma^epoch."""
        return base * self.gamma**epoch


class ConstantLR(LRScheduler):
    """A constant factor for the first epochs: base · factor until `total_iters`, then base."""

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: float, group: int) -> float:
        """Base · factor, then base."""
        return base * self.factor if epoch < self.total_iters else base


class LinearLR(LRScheduler):
    """A factor that goes in a line from `start_factor` to `end_factor` in `total_iters` epochs, as for a warm-up."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise ParameterError(f"LinearLR needs factors from 0 to 1, and to start above 0, {user_place()}.")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = at_least(1, total_iters=total_iters)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: float, group: int) -> float:
        """Base · (start + (end - start) · min(epoch, total) / total)."""
        done = min(epoch, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * done)


class PolynomialLR(LRScheduler):
    """To 0 along a power of what is left: base · (1 - min(epoch, total) / total)^power."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters = at_least(1, total_iters=total_iters)
        self.power = power
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: float, group: int) -> float:
        """Base · (1 - min(epoch, total) / total)^power."""
        return base * (1 - min(epoch, self.total_iters) / self.total_iters) ** self.power
