"""LRScheduler: the base of the schedules, and what several of them use.

class InverseRoot(LRScheduler):
    def rate(self, base, epoch, power=0.5):
        return base / (1 + epoch) ** power

schedule = InverseRoot(optimizer, power=0.7)
"""

from __future__ import annotations

import inspect
import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ...errors import ParameterError, StateError, listed
from ...frames import is_our_module, user_place
from ...options import bind
from ...sentences import in_a_sentence, whole_number
from ..optimizer import Optimizer

LENGTHS = frozenset({"step_size", "T_max", "T_0", "T_mult", "total_iters"})
"""Options that count epochs."""


class LRScheduler:
    """The base of the schedules: `rate(base, epoch, ...)` is the learning rate at an epoch, from that of epoch 0.

    Args:
        optimizer: whose groups' `lr` is set, now and at each `step()`.
        options: the further arguments of `rate`, which become attributes.
        last_epoch: the epoch to start at, when a run is taken up again; -1 starts at 0.

    Raises ParameterError for what is not an optimiser, and for lengths below 1.
    """

    per_batch = False
    """Whether a step is a batch, not an epoch."""

    multiplies = True
    """Whether what another schedule, or the user, has made of the rate is kept as a factor; else it is set anew."""

    _options: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        for name in {"__init__", "step"} & vars(cls).keys() if is_our_module(cls.__module__) else ():
            setattr(cls, name, in_a_sentence(vars(cls)[name]))
        if "rate" in vars(cls):
            kinds = inspect.Parameter
            options = list(inspect.signature(cls.rate).parameters.values())[3:]
            optimizer = kinds("optimizer", kinds.POSITIONAL_OR_KEYWORD)
            last_epoch = kinds("last_epoch", kinds.POSITIONAL_OR_KEYWORD, default=-1)
            cls.__signature__ = inspect.Signature([optimizer, *options, last_epoch])
            cls._options = tuple(option.name for option in options)

    __signature__: ClassVar[inspect.Signature]

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """An option."""

    @in_a_sentence
    def __init__(self, optimizer: Optimizer, *values: Any, **options: Any) -> None:
        bound = bind(type(self), self.__signature__, (optimizer, *values), options)
        bound.apply_defaults()
        for name in self._options:
            value = bound.arguments[name]
            setattr(self, name, whole_number(name, value) if name in LENGTHS else value)
        self._begin(optimizer, bound.arguments["last_epoch"])

    def _begin(self, optimizer: Optimizer, last_epoch: int) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ParameterError(
                f"{type(self).__name__} was given a {type(optimizer).__name__}, {user_place()}: give it an optimiser."
            )
        self.optimizer = optimizer
        if last_epoch == -1:
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])
        if any("initial_lr" not in group for group in optimizer.param_groups):
            raise ParameterError(
                f"{type(self).__name__}(last_epoch={last_epoch!r}), {user_place()}: each group of the optimiser must "
                "then say its 'initial_lr', the rate at epoch 0; leave last_epoch out to start anew."
            )
        self.base_lrs = [float(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch: float = last_epoch
        self._own = list(self.base_lrs)
        self._last_lr = list(self.base_lrs)
        self.step()

    def rate(self, *base_and_epoch: Any, **options: Any) -> float:
        """The learning rate of a group, of the rate `base` at epoch 0, at an epoch."""
        raise NotImplementedError(f"{type(self).__name__} has no formula: define rate(self, base, epoch).")

    def _rate_of(self, group: int) -> float:
        options = {name: getattr(self, name) for name in self._options}
        return self.rate(self.base_lrs[group], self.last_epoch, **options)

    @in_a_sentence
    def step(self, epoch: float | None = None) -> None:
        """Go on to the next epoch, or to the one given, which may be a fraction; set the learning rates."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        for index, group in enumerate(self.optimizer.param_groups):
            rate, own, least = self._rate_of(index), self._own[index], self._least
            if not self.multiplies or group["lr"] == self._last_lr[index] == own:
                group["lr"] = rate
            elif own == least:
                group["lr"] += rate - least
            else:
                group["lr"] = least + (group["lr"] - least) * ((rate - least) / (own - least))
            self._own[index], self._last_lr[index] = rate, group["lr"]

    @property
    def _least(self) -> float:
        """The rate from which factors count."""
        return 0.0

    def restart(self) -> None:
        """Begin again at epoch 0, whatever the learning rate has become."""
        self.last_epoch = -1
        for index, group in enumerate(self.optimizer.param_groups):
            self._own[index] = self._last_lr[index] = group["lr"] = self.base_lrs[index]
        self.step()

    def get_last_lr(self) -> list[float]:
        """The learning rates of the groups, as last set."""
        return list(self._last_lr)

    progress: tuple[str, ...] = ("last_epoch", "base_lrs", "_last_lr")
    """What a state must tell; the arguments of the constructor are taken over where it tells them."""

    def state_dict(self) -> dict[str, Any]:
        """All that another schedule of the same kind needs to go on; functions are left out."""
        return {
            name: list(value) if isinstance(value, list | tuple) else value
            for name, value in vars(self).items()
            if isinstance(value, bool | int | float | str | list | tuple)
            and name not in ("_own", "lr_lambda", "schedulers")
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state, of this class or of PyTorch's of the same name.

        Raises StateError, which names what the state does not tell or which is of other groups.
        """
        own = self.state_dict()
        missing = sorted(set(self.progress) - set(state_dict))
        if missing:
            raise StateError(f"the state for {type(self).__name__} lacks {listed(missing)}, {user_place()}.")
        if len(state_dict["_last_lr"]) != len(own["_last_lr"]):
            raise StateError(
                f"the state for {type(self).__name__} has {len(state_dict['_last_lr'])} groups, {user_place()}; the "
                f"optimiser has {len(own['_last_lr'])}."
            )
        for name in own.keys() & state_dict.keys():
            value = state_dict[name]
            # PyTorch counts how often a milestone is named.
            value = sorted(Counter(value).elements()) if isinstance(value, dict) else value
            setattr(self, name, list(value) if isinstance(value, list | tuple) else value)
        self._note_own()

    def _note_own(self) -> None:
        """Note what this schedule alone would have made of the rates by now."""
        self._own = [self._rate_of(index) for index in range(len(self.base_lrs))]


def between(start: float, end: float, done: float) -> float:
    """From `start` to `end` along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


def for_each(value: float | Sequence[float], groups: list[Any]) -> list[float]:
    """A number for each group."""
    values = [float(value)] * len(groups) if isinstance(value, int | float) else [float(one) for one in value]
    if len(values) != len(groups):
        raise ParameterError(f"{len(values)} values were given for {len(groups)} groups of parameters, {user_place()}.")
    return values
