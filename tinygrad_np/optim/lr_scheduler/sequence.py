"""Schedules that lead others: SequentialLR, one after the other; ChainedScheduler, all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from ...errors import ParameterError, StateError
from ...frames import user_place
from ..optimizer import Optimizer
from .plateau import ReduceLROnPlateau
from .schedule import LRScheduler


class _Leader(LRScheduler):
    """What both have in common: schedules of one optimiser, that go by the epoch alone, and their states."""

    progress: tuple[str, ...] = ("_last_lr",)

    def _lead(self, optimizer: Optimizer | None, schedulers: Sequence[LRScheduler]) -> None:
        self.schedulers = list(schedulers)
        self.optimizer = optimizer or self.schedulers[0].optimizer
        for schedule in schedulers:
            if schedule.optimizer is not self.optimizer or isinstance(schedule, ReduceLROnPlateau):
                raise ParameterError(
                    f"{type(self).__name__} can't lead {type(schedule).__name__}, {user_place()}: its schedules must "
                    "be of its own optimiser and go by the epoch alone."
                )

    def state_dict(self) -> dict[str, Any]:
        """The state of each schedule, and how far they have come."""
        return {**super().state_dict(), "_schedulers": [schedule.state_dict() for schedule in self.schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state of each schedule."""
        if len(state_dict.get("_schedulers", ())) != len(self.schedulers):
            raise StateError(
                f"the state for {type(self).__name__} has not {len(self.schedulers)} schedules, {user_place()}."
            )
        super().load_state_dict(state_dict)
        for schedule, state in zip(self.schedulers, state_dict["_schedulers"], strict=True):
            schedule.load_state_dict(state)

    def _note_own(self) -> None:
        pass


class SequentialLR(_Leader):
    """One schedule after the other: the next one begins, at its epoch 0, at each of the milestones."""

    progress = ("last_epoch", "_last_lr")

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1
    ) -> None:
        if len(milestones) != len(schedulers) - 1:
            raise ParameterError(
                f"SequentialLR was given {len(schedulers)} schedules and {len(milestones)} milestones, {user_place()}; "
                "it needs a milestone between each two."
            )
        self._lead(optimizer, schedulers)
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


class ChainedScheduler(_Leader):
    """All schedules at once, in their order: what each makes of the rate is handed to the next."""

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        if not schedulers:
            raise ParameterError(f"ChainedScheduler was given no schedules, {user_place()}.")
        self._lead(optimizer, schedulers)
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def step(self, epoch: float | None = None) -> None:
        """Let each schedule go on to its next epoch."""
        for schedule in self.schedulers:
            schedule.step(epoch)
        self._last_lr = self.schedulers[-1].get_last_lr()
