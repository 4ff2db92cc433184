"""More scripts that keep state, as people write them around networks: modules, optimisers, caches, settings."""

from __future__ import annotations

import enum
import functools
import types
from collections import OrderedDict, UserDict
from types import SimpleNamespace
from typing import Any

import numpy as np

from tinygrad_np import Tensor, nn, optim

from .scripts import Script, assigned, put, script

# Modules and optimisers.


@script
def children_of_modules() -> Script:
    model = nn.Sequential(nn.Linear(3, 3, rng=0))
    more = nn.ModuleList([nn.Linear(3, 3, rng=1)])
    named = nn.ModuleDict({"act": nn.Tanh()})

    def f(x: Any) -> Any:
        for layer in more:
            x = layer(x)
        return named["act"](model(x))

    return f, [
        lambda: model.append(nn.Tanh()),
        lambda: more.append(nn.Linear(3, 3, rng=2)),
        put(named, "act", nn.ReLU()),
        put(model, 1, nn.Sigmoid()),
    ]


@script
def parameters_and_buffers_that_are_replaced() -> Script:
    first, second, norm = nn.Linear(3, 3, rng=0), nn.Linear(3, 3, rng=1), nn.BatchNorm1d(3)
    norm.eval()

    def f(x: Any) -> Any:
        return norm(np.stack([second(first(x)), x]))

    def tied() -> None:
        second.weight = first.weight

    return f, [
        assigned(first, weight=nn.Parameter(np.eye(3))),
        assigned(first, bias=None),
        tied,
        assigned(norm, running_mean=Tensor(np.ones(3))),
        assigned(norm, eps=0.5),
        lambda: norm.train(),
    ]


exponents = {"power": 1.0}


@script
def what_the_forward_of_a_module_reads() -> Script:
    weights = [2.0]

    class Net(nn.Module):
        factor = 1.0

        def __init__(self) -> None:
            super().__init__()
            self._scale = 1.0
            self.history: list[int] = []

        def scaled(self, x: Any) -> Any:
            return x * self._scale * self.factor

        def forward(self, x: Any) -> Any:
            return self.scaled(np.abs(x) ** exponents["power"]) * weights[0]

    net = Net()
    model = nn.Sequential(net)
    return (lambda x: model(x)), [
        put(exponents, "power", 2.0),
        put(weights, 0, 3.0),
        assigned(net, _scale=0.5),
        assigned(Net, factor=0.7),
        assigned(Net, scaled=lambda self, x: x),
        lambda: put(exponents, "power", 1.0)(),
    ]


@script
def an_optimiser_of_ones_own() -> Script:
    settings = SimpleNamespace(scale=1.0)

    class Signs(optim.Optimizer):
        power = 1.0

        def change(self, p: Any, g: Any, state: Any, lr: float = 0.1) -> Any:
            return lr * np.sign(g) * settings.scale * self.power

    w = Tensor(np.ones(3), requires_grad=True, name="w")
    optimizer = Signs([w])

    def f(x: Any) -> Any:
        optimizer.zero_grad()
        np.sum((w * x - 3) ** 2).backward()
        optimizer.step()
        return w.detach()

    return f, [assigned(settings, scale=0.5), assigned(Signs, power=0.3), put(optimizer.param_groups[0], "lr", 0.7)]


@script
def a_schedule_that_is_read() -> Script:
    optimizer = optim.SGD([Tensor(np.ones(3), requires_grad=True)], lr=0.5)
    schedule = optim.lr_scheduler.StepLR(optimizer, 1, 0.5)

    def f(x: Any) -> Any:
        return x * schedule.get_last_lr()[0] * schedule.gamma + schedule.last_epoch

    return f, [schedule.step, schedule.step, assigned(schedule, gamma=0.9)]


# Numbers that a program is given, and what stands beside them.


@script
def a_number_that_moved_among_others() -> Script:
    ordered, rates, space = OrderedDict(a=0.5, b=1.0), [0.1, 0.2], SimpleNamespace(rate=0.5)

    def f(x: Any) -> Any:
        rate = getattr(space, "rate", 9.0)
        return x * next(iter(ordered.values())) * (rates[-1] if rates else 7.0) * rate

    def deleted() -> None:
        del space.rate

    return f, [
        put(ordered, "a", 0.7),
        lambda: ordered.move_to_end("a"),
        put(rates, -1, 0.9),
        lambda: rates.append(0.4),
        lambda: rates.clear(),
        assigned(space, rate=0.7),
        deleted,
        assigned(space, rate=0.3),
    ]


@script
def a_key_that_is_taken_away() -> Script:
    memory: dict[int, float] = {}

    def f(x: Any) -> Any:
        return x * (memory[2] if 2 in memory else memory.setdefault(2, 1.0))

    return f, [put(memory, 2, 5.0), put(memory, 2, 6.0), lambda: memory.clear()]


# Views, caches, singletons, attributes by special methods.


@script
def views_of_a_dict() -> Script:
    table = {"a": 0.5}
    keys, values, items = table.keys(), table.values(), table.items()

    def f(x: Any) -> Any:
        return x * len(keys) * sum(values) * sum(value for _, value in items)

    return f, [put(table, "a", 0.7), put(table, "b", 2.0), lambda: table.pop("a")]


@script
def a_cache_that_is_emptied() -> Script:
    sizes = {"n": 1.0}

    @functools.lru_cache
    def mask(n: int) -> Any:
        return np.tril(np.ones((n, n))) * sizes["n"]

    @functools.cache
    def settings() -> Any:
        return SimpleNamespace(rate=0.5)

    return (lambda x: mask(3) @ x * settings().rate), [
        lambda: mask(3).fill(5.0),
        lambda: mask.cache_clear(),
        assigned(settings(), rate=0.7),
        lambda: settings.cache_clear(),
    ]


@script
def singletons() -> Script:
    class Settings:
        _only: Any = None
        rates = {"a": 1.0}  # noqa: RUF012
        rate: float

        def __new__(cls) -> Settings:
            if cls._only is None:
                cls._only = super().__new__(cls)
                cls._only.rate = 0.5
            return cls._only  # type: ignore[no-any-return]

        def __class_getitem__(cls, key: str) -> float:
            return cls.rates[key]

    return (lambda x: x * Settings().rate * Settings["a"]), [  # type: ignore[misc]
        lambda: setattr(Settings(), "rate", 0.7),
        put(Settings.rates, "a", 3.0),
        assigned(Settings, _only=None),
    ]


@script
def attributes_that_methods_look_up() -> Script:
    class Looking:
        def __init__(self) -> None:
            self.table = {"rate": 0.5}

        def __getattribute__(self, name: str) -> Any:
            return object.__getattribute__(self, "table")["rate"] if name == "rate" else super().__getattribute__(name)

    class Settings(UserDict[str, float]):
        @property
        def rate(self) -> float:
            return self["rate"]

    looking, settings, module = Looking(), Settings(rate=0.5), types.ModuleType("users_lazy_module")
    exec("table = {'rate': 0.5}\ndef __getattr__(name):\n    return table[name]", vars(module))
    return (lambda x: x * looking.rate * settings.rate * module.rate), [
        lambda: looking.table.update(rate=0.7),
        put(settings, "rate", 0.9),
        lambda: module.table.update(rate=0.3),
    ]


class Axis(enum.IntEnum):
    ROWS = 0
    COLUMNS = 1


class Sums(str, enum.Enum):
    ALL = "i,j->"
    OUTER = "i,j->ij"


@script
def members_of_an_enum() -> Script:
    space = SimpleNamespace(axis=Axis.ROWS, sums=Sums.ALL)

    def f(x: Any) -> Any:
        return np.sum(np.stack([x, x]), axis=space.axis)[0] * np.einsum(space.sums, x, x) + x[0] * space.axis

    return f, [assigned(space, axis=Axis.COLUMNS), assigned(space, sums=Sums.OUTER)]
