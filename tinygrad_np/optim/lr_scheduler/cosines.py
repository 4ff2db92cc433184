"""Schedules that go down along half a cosine, and up again."""

from __future__ import annotations

from typing import Any

from ...errors import ParameterError
from ...frames import user_place
from ..optimizer import Optimizer
from .schedule import LRScheduler, between, for_each


class CosineAnnealingLR(LRScheduler):
    """Down to `eta_min` along half a cosine in `T_max` epochs, then up again, and so on.

    Source: I. Loshchilov, F. Hutter, SGDR: stochastic gradient descent with warm restarts, 2017, arXiv:1608.03983.
    """

    def rate(self, base, epoch, T_max, eta_min=0.0):
        """eta_min + (base - eta_min) · (1 + cos(π · epoch / T_max)) / 2."""
        return between(base, eta_min, epoch / T_max)

    @property
    def _least(self) -> float:
        return float(self.eta_min)


class CosineAnnealingWarmRestarts(LRScheduler):
    """Down to `eta_min` along half a cosine, then at once back up; each period is `T_mult` times as long as the last.

    Source: I. Loshchilov, F. Hutter, SGDR: stochastic gradient descent with warm restarts, 2017, arXiv:1608.03983.
    """

    multiplies = False

    def rate(self, base, epoch, T_0, T_mult=1, eta_min=0.0):
        """eta_min + (base - eta_min) · (1 + cos(π · epoch in this period / its length)) / 2."""
        period = T_0
        while epoch >= period:
            epoch -= period
            period *= T_mult
        return between(base, eta_min, epoch / period)


class OneCycleLR(LRScheduler):
    """Up to `max_lr` and far down again, once, while the momentum goes down and up; a step is a batch, not an epoch.

    Source: L. Smith, N. Topin, Super-convergence: very fast training of neural networks using large learning rates,
    2018, arXiv:1708.07120, with two phases unless `three_phase`.
    """

    per_batch = True
    multiplies = False
    total_steps: Any

    def rate(
        self,
        base,
        epoch,
        max_lr,
        total_steps=None,
        epochs=None,
        steps_per_epoch=None,
        pct_start=0.3,
        anneal_strategy="cos",
        cycle_momentum=True,
        base_momentum=0.85,
        max_momentum=0.95,
        div_factor=25.0,
        final_div_factor=1e4,
        three_phase=False,
    ):
        """From max_lr / div_factor to max_lr, and to max_lr / div_factor / final_div_factor at the last step."""
        lowest = base / final_div_factor
        return self._at(epoch, [base, max_lr, base, lowest] if three_phase else [base, max_lr, lowest])

    def _begin(self, optimizer: Optimizer, last_epoch: int) -> None:
        groups = optimizer.param_groups
        if self.total_steps is None and None not in (self.epochs, self.steps_per_epoch):
            self.total_steps = self.epochs * self.steps_per_epoch
        if not self.total_steps or self.total_steps < 2:
            raise ParameterError(
                f"OneCycleLR needs total_steps, or epochs and steps_per_epoch, of 2 steps or more, {user_place()}."
            )
        if self.anneal_strategy not in ("cos", "linear") or not 0 <= self.pct_start <= 1:
            raise ParameterError(
                f"OneCycleLR needs anneal_strategy 'cos' or 'linear' and pct_start from 0 to 1, {user_place()}."
            )
        if self.cycle_momentum and not all("momentum" in group or "betas" in group for group in groups):
            raise ParameterError(f"{type(optimizer).__name__} has no momentum, {user_place()}: cycle_momentum=False.")
        for name in ("max_lr", "base_momentum", "max_momentum"):
            setattr(self, name, for_each(getattr(self, name), groups))
        if last_epoch == -1:
            for group, top in zip(groups, self.max_lr, strict=True):
                group["lr"] = group["initial_lr"] = top / self.div_factor
        super()._begin(optimizer, last_epoch)

    def _rate_of(self, group: int) -> float:
        options = {name: getattr(self, name) for name in self._options} | {"max_lr": self.max_lr[group]}
        return self.rate(self.base_lrs[group], self.last_epoch, **options)

    def step(self, epoch: float | None = None) -> None:
        """Go on to the next batch, and set learning rates and momenta."""
        if (self.last_epoch + 1 if epoch is None else epoch) > self.total_steps:
            raise ParameterError(
                f"OneCycleLR was made for {self.total_steps} steps, {user_place()}, and this is one more; "
                "give total_steps, or step once a batch and not more."
            )
        super().step(epoch)
        if self.cycle_momentum:
            for group, least, most in zip(
                self.optimizer.param_groups, self.base_momentum, self.max_momentum, strict=True
            ):
                momentum = self._at(self.last_epoch, [most, least, most, most])
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum

    def _at(self, step: float, levels: list[float]) -> float:
        """The level at a step, between those at the ends of its phase."""
        peak = float(self.pct_start * self.total_steps) - 1
        ends = [0, peak, 2 * peak, self.total_steps - 1] if self.three_phase else [0, peak, self.total_steps - 1]
        phase = next((phase for phase in range(1, len(ends)) if step <= ends[phase]), len(ends) - 1)
        length = ends[phase] - ends[phase - 1]
        done = (step - ends[phase - 1]) / length if length else 1.0
        before, after = levels[phase - 1 : phase + 1]
        return between(before, after, done) if self.anneal_strategy == "cos" else before + (after - before) * done
