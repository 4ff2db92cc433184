"""Schedules that go down along half a cosine, and up again."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import ParameterError
from ...frames import user_place
from ..optimizer import Optimizer
from .schedule import LRScheduler, at_least, between, for_each


class CosineAnnealingLR(LRScheduler):
    """Down to `eta_min` along half a cosine in `T_max` epochs, then up again, and so on.

    Source: I. Loshchilov, F. Hutter, SGDR: stochastic gradient descent with warm restarts, 2017, arXiv:1608.03983.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max = at_least(1, T_max=T_max)
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: float, group: int) -> float:
        """eta_min + (base - eta_min) · (1 + cos(π · epoch / T_max)) / 2."""
        return between(base, self.eta_min, epoch / self.T_max)


class CosineAnnealingWarmRestarts(LRScheduler):
    """Down to `eta_min` along half a cosine, then at once back up; each period is `T_mult` times as long as the last.

    Source: I. Loshchilov, F. Hutter, SGDR: stochastic gradient descent with warm restarts, 2017, arXiv:1608.03983.
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_0 = at_least(1, T_0=T_0)
        self.T_mult = at_least(1, T_mult=T_mult)
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: float, group: int) -> float:
        """eta_min + (base - eta_min) · (1 + cos(π · epoch in this period / its length)) / 2."""
        period = self.T_0
        while epoch >= period:
            epoch -= period
            period *= self.T_mult
        return between(base, self.eta_min, epoch / period)


class OneCycleLR(LRScheduler):
    """Up to `max_lr` and far down again, once, while the momentum goes down and up; a step is a batch, not an epoch.

    Source: L. Smith, N. Topin, Super-convergence: very fast training of neural networks using large learning rates,
    2018, arXiv:1708.07120, with two phases unless `three_phase`.
    """

    per_batch = True

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ParameterError(f"OneCycleLR needs total_steps, or epochs and steps_per_epoch, {user_place()}.")
            total_steps = epochs * steps_per_epoch
        self.total_steps = at_least(1, total_steps=total_steps)
        if anneal_strategy not in ("cos", "linear") or not 0 <= pct_start <= 1:
            raise ParameterError(
                f"OneCycleLR needs anneal_strategy 'cos' or 'linear' and pct_start from 0 to 1, {user_place()}."
            )
        self.anneal_strategy = anneal_strategy
        self.cycle_momentum = cycle_momentum
        groups = optimizer.param_groups
        if cycle_momentum and not all("momentum" in group or "betas" in group for group in groups):
            raise ParameterError(f"{type(optimizer).__name__} has no momentum, {user_place()}: cycle_momentum=False.")
        tops = for_each(max_lr, groups)
        if last_epoch == -1:
            for group, top in zip(groups, tops, strict=True):
                group["lr"] = group["initial_lr"] = top / div_factor
        lows = [group["initial_lr"] / final_div_factor for group in groups]
        starts = [group["initial_lr"] for group in groups]
        peak = float(pct_start * total_steps) - 1
        self.ends = [peak, 2 * peak, total_steps - 1] if three_phase else [peak, total_steps - 1]
        back = [starts] if three_phase else []
        self.rates = [starts, tops, *back, lows]
        least, most = for_each(base_momentum, groups), for_each(max_momentum, groups)
        self.momenta = [most, least, most, *([most] if three_phase else [])]
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: float, group: int) -> float:
        """The rate of a group between the ends of its phase."""
        return self._at(self.rates, epoch, group)

    def step(self, epoch: float | None = None) -> None:
        """Go on to the next batch, and set learning rates and momenta."""
        if (self.last_epoch + 1 if epoch is None else epoch) > self.total_steps:
            raise ParameterError(
                f"OneCycleLR was made for {self.total_steps} steps, {user_place()}, and this is one more; "
                "give total_steps, or step once a batch and not more."
            )
        super().step(epoch)
        if self.cycle_momentum:
            for index, group in enumerate(self.optimizer.param_groups):
                momentum = self._at(self.momenta, self.last_epoch, index)
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum

    def _at(self, levels: list[list[float]], step: float, group: int) -> float:
        phase = next((phase for phase, end in enumerate(self.ends) if step <= end), len(self.ends) - 1)
        start, end = self.ends[phase - 1] if phase else 0, self.ends[phase]
        done = (step - start) / (end - start)
        before, after = levels[phase][group], levels[phase + 1][group]
        return between(before, after, done) if self.anneal_strategy == "cos" else before + (after - before) * done
