"""Schedules: the learning rate as a function of the number of epochs (or steps) so far.

    schedule = lr_scheduler.CosineAnnealingLR(optimizer, T_max=50)
    for epoch in range(50):
        ...                                  # optimizer.step() for each batch
        schedule.step()

A schedule says in `rate` what the learning rate is at an epoch; names, arguments and figures are PyTorch's. Several
schedules of one optimiser multiply: what another one (or you) changed since is kept as a factor.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import ParameterError, StateError, listed
from ..frames import user_place
from .optimizer import Optimizer


class LRScheduler:
    """The base of the schedules: define `rate(base, epoch)`, the learning rate at an epoch, from that of epoch 0.

    Args:
        optimizer: whose groups' `lr` is set, now and at each `step()`.
        last_epoch: the epoch to start at, when a run is taken up again; -1 starts at 0.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ParameterError(
                f"{type(self).__name__} was given a {type(optimizer).__name__}, {user_place()}: give it an optimiser."
            )
        self.optimizer = optimizer
        if last_epoch == -1:
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])
        self.base_lrs = [float(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch: float = last_epoch
        self._own = list(self.base_lrs)
        self._last_lr = list(self.base_lrs)
        self.step()

    def rate(self, base: float, epoch: float, group: int) -> float:
        """The learning rate of a group at an epoch, by itself."""
        raise NotImplementedError(f"{type(self).__name__} has no formula: define rate(self, base, epoch, group).")

    def step(self, epoch: float | None = None) -> None:
        """Go on to the next epoch, or to the one given, which may be a fraction; set the learning rates."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        for index, group in enumerate(self.optimizer.param_groups):
            rate = self.rate(self.base_lrs[index], self.last_epoch, index)
            is_alone = group["lr"] == self._last_lr[index] == self._own[index] or not self._own[index]
            group["lr"] = rate if is_alone else group["lr"] * (rate / self._own[index])
            self._own[index], self._last_lr[index] = rate, group["lr"]

    def restart(self) -> None:
        """Begin again at epoch 0, whatever the learning rate has become."""
        self.last_epoch = -1
        for index, group in enumerate(self.optimizer.param_groups):
            self._own[index] = self._last_lr[index] = group["lr"] = self.base_lrs[index]
        self.step()

    def get_last_lr(self) -> list[float]:
        """The learning rates of the groups, as last set."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """All that another schedule of the same kind needs to go on; functions are left out."""
        return {name: _copied(value) for name, value in vars(self).items() if _is_saved(name, value)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state, of this class or of PyTorch's of the same name. Raises StateError where one is missing."""
        wanted = {name for name, value in vars(self).items() if _is_saved(name, value)} - {"_own"}
        missing = sorted(wanted - set(state_dict))
        if missing:
            raise StateError(f"the state for {type(self).__name__} has no {listed(missing)}, {user_place()}.")
        if "base_lrs" in wanted and len(state_dict["base_lrs"]) != len(self.base_lrs):
            raise StateError(
                f"the state for {type(self).__name__} has {len(state_dict['base_lrs'])} groups, {user_place()}; "
                f"the optimiser has {len(self.base_lrs)}."
            )
        vars(self).update({name: _copied(state_dict[name]) for name in wanted})
        own = state_dict.get("_own", state_dict.get("_last_lr"))
        self._own = list(own) if own is not None else []


def _is_saved(name: str, value: Any) -> bool:
    return name not in ("optimizer", "lr_lambdas", "schedulers")


def _copied(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value


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
        self.step_size = _at_least(1, step_size=step_size)
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
        self.total_iters = _at_least(1, total_iters=total_iters)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: float, group: int) -> float:
        """Base · (start + (end - start) · min(epoch, total) / total)."""
        done = min(epoch, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * done)


class PolynomialLR(LRScheduler):
    """To 0 along a power of what is left: base · (1 - min(epoch, total) / total)^power."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters = _at_least(1, total_iters=total_iters)
        self.power = power
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: float, group: int) -> float:
        """Base · (1 - min(epoch, total) / total)^power."""
        return base * (1 - min(epoch, self.total_iters) / self.total_iters) ** self.power


class CosineAnnealingLR(LRScheduler):
    """Down to `eta_min` along half a cosine in `T_max` epochs, then up again, and so on.

    Source: I. Loshchilov, F. Hutter, SGDR: stochastic gradient descent with warm restarts, 2017, arXiv:1608.03983.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max = _at_least(1, T_max=T_max)
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: float, group: int) -> float:
        """eta_min + (base - eta_min) · (1 + cos(π · epoch / T_max)) / 2."""
        return _between(base, self.eta_min, epoch / self.T_max)


class CosineAnnealingWarmRestarts(LRScheduler):
    """Down to `eta_min` along half a cosine, then at once back up; each period is `T_mult` times as long as the last.

    Source: I. Loshchilov, F. Hutter, SGDR: stochastic gradient descent with warm restarts, 2017, arXiv:1608.03983.
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_0 = _at_least(1, T_0=T_0)
        self.T_mult = _at_least(1, T_mult=T_mult)
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: float, group: int) -> float:
        """eta_min + (base - eta_min) · (1 + cos(π · epoch in this period / its length)) / 2."""
        period = self.T_0
        while epoch >= period:
            epoch -= period
            period *= self.T_mult
        return _between(base, self.eta_min, epoch / period)


class OneCycleLR(LRScheduler):
    """Up to `max_lr` and far down again, once, while the momentum goes down and up; a step is a batch, not an epoch.

    Source: L. Smith, N. Topin, Super-convergence: very fast training of neural networks using large learning rates,
    2018, arXiv:1708.07120, with two phases unless `three_phase`.
    """

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
        self.total_steps = _at_least(1, total_steps=total_steps)
        if anneal_strategy not in ("cos", "linear") or not 0 <= pct_start <= 1:
            raise ParameterError(
                f"OneCycleLR needs anneal_strategy 'cos' or 'linear' and pct_start from 0 to 1, {user_place()}."
            )
        self.anneal_strategy = anneal_strategy
        self.cycle_momentum = cycle_momentum
        groups = optimizer.param_groups
        if cycle_momentum and not all("momentum" in group or "betas" in group for group in groups):
            raise ParameterError(f"{type(optimizer).__name__} has no momentum, {user_place()}: cycle_momentum=False.")
        tops = _for_each(max_lr, groups)
        if last_epoch == -1:
            for group, top in zip(groups, tops, strict=True):
                group["lr"] = group["initial_lr"] = top / div_factor
        lows = [group["initial_lr"] / final_div_factor for group in groups]
        starts = [group["initial_lr"] for group in groups]
        peak = float(pct_start * total_steps) - 1
        self.ends = [peak, 2 * peak, total_steps - 1] if three_phase else [peak, total_steps - 1]
        back = [starts] if three_phase else []
        self.rates = [starts, tops, *back, lows]
        least, most = _for_each(base_momentum, groups), _for_each(max_momentum, groups)
        self.momenta = [most, least, most, *([most] if three_phase else [])]
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: float, group: int) -> float:
        """The rate of a group between the ends of its phase."""
        return self._at(self.rates, epoch, group)

    def step(self, epoch: float | None = None) -> None:
        """Go on to the next batch, and set learning rates and momenta."""
        if (self.last_epoch + 1 if epoch is None else epoch) >= self.total_steps:
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
        return _between(before, after, done) if self.anneal_strategy == "cos" else before + (after - before) * done


class SequentialLR(LRScheduler):
    """One schedule after the other: the next one begins, at its epoch 0, at each of the milestones."""

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1
    ) -> None:
        if len(milestones) != len(schedulers) - 1:
            raise ParameterError(
                f"SequentialLR was given {len(schedulers)} schedules and {len(milestones)} milestones, {user_place()}; "
                "it needs a milestone between each two."
            )
        for schedule in schedulers:
            if schedule.optimizer is not optimizer or isinstance(schedule, ReduceLROnPlateau):
                raise ParameterError(
                    f"SequentialLR can't lead {type(schedule).__name__}, {user_place()}: its schedules must be of its "
                    "own optimiser and go by the epoch alone."
                )
        self.optimizer = optimizer
        self.schedulers = list(schedulers)
        self.milestones = list(milestones)
        self.last_epoch = last_epoch + 1
        self.schedulers[0].restart()
        self._last_lr = self.schedulers[0].get_last_lr()

    def step(self, epoch: float | None = None) -> None:
        """Go on to the next epoch of the schedule whose turn it is."""
        if epoch is not None:
            raise ParameterError(f"SequentialLR goes epoch by epoch, {user_place()}: call step() without one.")
        self.last_epoch += 1
        turn = bisect_right(self.milestones, self.last_epoch)
        schedule = self.schedulers[turn]
        if turn and self.milestones[turn - 1] == self.last_epoch:
            schedule.restart()
        else:
            schedule.step()
        self._last_lr = schedule.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """The state of each schedule, and whose turn it is."""
        return {**super().state_dict(), "_schedulers": [schedule.state_dict() for schedule in self.schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state of each schedule."""
        if len(state_dict.get("_schedulers", ())) != len(self.schedulers):
            raise StateError(f"the state for SequentialLR has not {len(self.schedulers)} schedules, {user_place()}.")
        super().load_state_dict(state_dict)
        for schedule, state in zip(self.schedulers, state_dict["_schedulers"], strict=True):
            schedule.load_state_dict(state)


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
        if factor >= 1 or mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ParameterError(
                f"ReduceLROnPlateau needs a factor below 1, mode 'min' or 'max', and threshold_mode 'rel' or 'abs', "
                f"{user_place()}."
            )
        self.optimizer = optimizer
        self.mode, self.factor, self.patience = mode, factor, patience
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown, self.eps = cooldown, eps
        self.min_lrs = _for_each(min_lr, optimizer.param_groups)
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0
        self._last_lr = [group["lr"] for group in optimizer.param_groups]

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

    def _is_better(self, measure: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        if self.threshold_mode == "abs":
            return sign * measure < sign * self.best - self.threshold
        return sign * measure < sign * self.best * (1 - sign * self.threshold)


def _between(start: float, end: float, done: float) -> float:
    """From `start` to `end` along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


def _for_each(value: float | Sequence[float], groups: list[Any]) -> list[float]:
    values = [float(value)] * len(groups) if isinstance(value, int | float) else [float(one) for one in value]
    if len(values) != len(groups):
        raise ParameterError(f"{len(values)} values were given for {len(groups)} groups of parameters, {user_place()}.")
    return values


def _at_least(least: int, **named: int) -> int:
    name, value = next(iter(named.items()))
    if value != int(value) or value < least:
        raise ParameterError(f"{name}={value!r}, {user_place()}: it must be a whole number of at least {least}.")
    return int(value)
