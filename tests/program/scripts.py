"""Scripts that keep state in every way we know, and change it: `SCRIPTS` by name, each a function that builds one."""

from __future__ import annotations

import array
import dataclasses
import functools
import sys
import threading
import types
import weakref
from collections import ChainMap, OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import Callable
from contextvars import ContextVar
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

import tinygrad_np as tg
from tinygrad_np import Tensor

Change = Callable[[], Any]
Script = tuple[Callable[..., Any], list[Change]]
"""A function of an array, and what its script changes, one after the other, between the calls."""
SCRIPTS: dict[str, Callable[[], Script]] = {}


def script(build: Callable[[], Script]) -> Callable[[], Script]:
    SCRIPTS[build.__name__] = build
    return build


def assigned(owner: Any, **values: Any) -> Change:
    return lambda: [setattr(owner, name, value) for name, value in values.items()]


def put(container: Any, key: Any, value: Any) -> Change:
    return lambda: container.__setitem__(key, value)


# Plain values, arrays, containers.


@script
def a_closed_over_array_in_place() -> Script:
    a = np.ones(3)
    return (lambda x: x * a), [put(a, 0, 5.0), put(a, 1, -0.0), put(a, 1, 0.0), put(a, 2, np.nan)]


@script
def an_array_in_fortran_order() -> Script:
    a = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    return (lambda x: x * a), [put(a, (1, 1), 5.0)]


@script
def a_view_with_gaps() -> Script:
    base = np.arange(6.0)
    a = base[::2]
    return (lambda x: x * a), [put(base, 2, 5.0), put(a, 2, -5.0)]


@script
def an_array_of_another_shape() -> Script:
    a = np.arange(4.0)
    return (lambda x: np.sum(x) * a), [lambda: a.resize((2, 2), refcheck=False)]


@script
def an_array_of_objects() -> Script:
    a = np.array([1, "two", [3.0]], dtype=object)
    return (lambda x: x * a[0] * a[2][0]), [put(a, 0, 5), put(a[2], 0, 7.0)]


@script
def arrays_that_numpy_does_not_know() -> Script:
    a, b = array.array("d", [1.0, 2.0, 3.0]), bytearray(b"abc")
    dates = np.array(["2020-01-01", "2020-01-02"], "M8[D]")

    def f(x: Any) -> Any:
        return x * a[0] + b[0] + float((dates[1] - dates[0]) / np.timedelta64(1, "D"))

    return f, [put(a, 0, 5.0), put(b, 0, 1), put(dates, 1, np.datetime64("2020-01-09"))]


@script
def a_masked_array() -> Script:
    a = np.ma.masked_array([1.0, 2.0, 3.0], [False, True, False])

    def masked() -> None:
        a.mask[0] = True

    return (lambda x: x * float(a.sum())), [put(a, 2, 7.0), masked]


@script
def a_list_a_dict_a_set_a_deque() -> Script:
    rates, config, names, recent = [0.1, 0.2], {"rate": 0.1}, {"a"}, deque([1.0, 2.0], maxlen=2)

    def f(x: Any) -> Any:
        return x * rates[0] * config["rate"] * len(names) * recent[0]

    return f, [
        put(rates, 0, 0.5),
        lambda: rates.insert(0, 3.0),
        put(config, "rate", 0.3),
        lambda: config.update(rate=0.7, other=1),
        lambda: names.add("b"),
        lambda: recent.append(5.0),
    ]


@script
def an_equal_value_of_another_type() -> Script:
    values: list[Any] = [1, 0.0]

    def f(x: Any) -> Any:
        return np.arctan2(0.0 * x, values[1]) + (x if isinstance(values[0], bool) else 2 * x)

    return f, [put(values, 0, True), put(values, 1, -0.0), put(values, 0, 1)]


@script
def nested_containers_with_a_cycle() -> Script:
    tree: dict[str, Any] = {"layers": [{"scale": 1.0}, ({"scale": np.ones(3)},)]}
    tree["self"] = tree

    def f(x: Any) -> Any:
        return x * tree["self"]["layers"][0]["scale"] * tree["layers"][1][0]["scale"]

    return f, [put(tree["layers"][0], "scale", 2.0), put(tree["layers"][1][0]["scale"], 1, 9.0)]


@script
def dicts_of_other_kinds() -> Script:
    inner = {"c": 3.0}
    ordered, users, missing = OrderedDict(a=1.0), UserDict(b=2.0), defaultdict(float, d=4.0)
    read_only, space = types.MappingProxyType(inner), types.SimpleNamespace(e=5.0, calls=0)

    def f(x: Any) -> Any:
        return x * ordered["a"] * users["b"] * read_only["c"] * missing["d"] * space.e

    return f, [
        put(ordered, "a", 2.0),
        put(users, "b", 5.0),
        put(inner, "c", 7.0),
        put(missing, "d", 11.0),
        assigned(space, e=13.0),
    ]


class Point(NamedTuple):
    scale: float
    shift: list[float]


@script
def a_named_tuple_in_another_ones_place() -> Script:
    point = Point(1.0, [2.0])

    def f(x: Any) -> Any:
        return x * point.scale + point.shift[-1]

    def replaced() -> None:
        nonlocal point
        point = Point(3.0, point.shift)

    return f, [replaced, lambda: point.shift.append(0.0), put(point.shift, -1, 5.0)]


# Functions.


scale = 2.0
table = {"scale": np.array([1.0, 2.0, 3.0])}


def scaled(x: Any) -> Any:
    return x * scale * table["scale"]


@script
def globals_of_a_function_that_is_called_by_name() -> Script:
    return (lambda x: np.sum(scaled(x))), [
        put(globals(), "scale", 3.0),
        put(table["scale"], 0, 7.0),
        put(table, "scale", np.ones(3)),
        lambda: (put(globals(), "scale", 2.0)(), put(table, "scale", np.array([1.0, 2.0, 3.0]))()),
    ]


@script
def defaults() -> Script:
    weights = np.ones(3)

    def f(x: Any, a: Any = weights, *, rate: float = 0.5) -> Any:
        return x * a * rate

    return f, [
        put(weights, 0, 5.0),
        lambda: f.__kwdefaults__.update(rate=0.7),  # type: ignore[attr-defined]
        assigned(f, __defaults__=(np.zeros(3),)),
    ]


@script
def attributes_and_code_of_a_function() -> Script:
    def f(x: Any) -> Any:
        return x * f.rate  # type: ignore[attr-defined]

    f.rate = 0.5  # type: ignore[attr-defined]
    return f, [assigned(f, rate=0.7), assigned(f, __code__=(lambda x: x + f.rate).__code__)]  # type: ignore[attr-defined]


@script
def nested_closures() -> Script:
    def outer() -> Script:
        rate, arrays = 0.5, [np.ones(3)]

        def middle() -> Callable[..., Any]:
            power = 2

            def inner(x: Any) -> Any:
                def innermost() -> Any:
                    return x**power * rate * arrays[0]

                return innermost()

            return inner

        def changed() -> None:
            nonlocal rate
            rate = 0.7

        return middle(), [changed, put(arrays[0], 0, 3.0), lambda: arrays.insert(0, np.zeros(3))]

    return outer()


@script
def partials_and_bound_methods_of_builtins() -> Script:
    weights, options = np.ones(3), {"rate": 0.5}
    rates = [0.1, 0.2]
    get = options.get

    def f(a: Any, index: int, x: Any, *, scale: list[float]) -> Any:
        return x * a * scale[0] * get("rate", 1.0) * next_rate(index)

    next_rate = rates.__getitem__
    scales = [3.0]
    g = functools.partial(f, weights, 0, scale=scales)
    return g, [
        put(weights, 0, 5.0),
        put(options, "rate", 0.7),
        put(rates, 0, 0.9),
        put(scales, 0, 1.0),
        lambda: g.keywords.update(scale=[8.0]),
    ]


def doubled(f: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(f)
    def wrapper(*arguments: Any) -> Any:
        return 2 * f(*arguments)

    return wrapper


@script
def decorators_transforms_and_caches() -> Script:
    config = {"power": 3, "rate": 0.5}

    @functools.lru_cache
    def rate() -> float:
        return config["rate"]

    @doubled
    @tg.no_grad()
    def loss(x: Any) -> Any:
        return np.sum(x ** config["power"]) * rate()

    cube = tg.grad(lambda x: np.sum(x ** config["power"]))
    return (lambda x: cube(x) * loss(x)), [
        put(config, "power", 2),
        lambda: (put(config, "rate", 0.7)(), rate.cache_clear()),
    ]


@script
def a_primitive_of_the_users() -> Script:
    slope = [1.0]

    @tg.primitive
    def leaky(x: Any) -> Any:
        return np.where(x > 0, x, x * slope[0])

    @leaky.vjp
    def _(g: Any, y: Any, x: Any) -> Any:
        return g * np.where(x > 0, 1.0, slope[0] * slope[-1])

    return tg.grad(lambda x: np.sum(leaky(x))), [put(slope, 0, 0.1), lambda: slope.append(3.0)]


@script
def a_function_put_in_anothers_place() -> Script:
    activation: Any = np.tanh

    def swapped() -> None:
        nonlocal activation
        activation = np.sin

    def again() -> None:
        nonlocal activation
        activation = np.cos

    return (lambda x: activation(x)), [swapped, again]


@script
def a_builtin_that_a_global_hides() -> Script:
    scope: dict[str, Any] = {"__name__": "users_module"}
    exec("def f(x):\n    return x * abs(-2) * len([1, 2])", scope)
    return scope["f"], [put(scope, "abs", lambda a: 7.0), lambda: scope.pop("abs")]


@script
def a_module_of_the_users() -> Script:
    module: Any = types.ModuleType("users_settings")
    exec(
        "rate = 0.5\nnested = {'scale': [1.0]}\ndef power(x):\n    return x ** exponent\nexponent = 2",
        vars(module),
    )
    sys.modules["users_settings"] = module

    def f(x: Any) -> Any:
        import users_settings  # type: ignore[import-not-found]
        from users_settings import nested as settings

        return users_settings.power(x) * module.rate * settings["scale"][0]

    return f, [
        assigned(module, rate=0.7),
        assigned(module, exponent=3),
        put(module.nested["scale"], 0, 5.0),
        assigned(module, nested={"scale": [9.0]}),
    ]


# Objects.


class Layer:
    decay = 0.5

    def __init__(self, activation: Any = np.tanh) -> None:
        self.weights = np.ones(3)
        self.activation = activation
        self.log: list[int] = []

    @property
    def rate(self) -> float:
        return self._rate * self.decay

    _rate = 1.0

    @staticmethod
    def shifted(x: Any) -> Any:
        return x + 1

    @classmethod
    def scaled(cls, x: Any) -> Any:
        return x * cls.factor

    factor = 3.0

    def inner(self, x: Any) -> Any:
        return self.scaled(self.shifted(x))

    def __call__(self, x: Any) -> Any:
        return self.activation(self.inner(x * self.weights) * self.rate)


@script
def an_object_with_methods_and_properties() -> Script:
    class Mine(Layer):
        pass

    layer = Mine()
    return layer.__call__, [
        put(layer.weights, 0, 4.0),
        assigned(layer, weights=np.zeros(3) + 0.1),
        assigned(layer, activation=np.sin),
        assigned(layer, _rate=0.3),
        assigned(layer, decay=0.2),
        assigned(Mine, factor=0.1),
        assigned(Mine, inner=lambda self, x: x),
        assigned(layer, inner=lambda x: x * 7),
    ]


@script
def an_object_that_is_called() -> Script:
    class Mine(Layer):
        pass

    layer = Mine()
    return layer, [
        put(layer.weights, 0, 4.0),
        assigned(layer, activation=np.sin),
        assigned(Mine, __call__=lambda self, x: self.weights * x),
    ]


@script
def a_list_of_layers() -> Script:
    layers = [Layer(), Layer(np.sin)]

    def f(x: Any) -> Any:
        for layer in layers:
            x = layer(x)
        return x

    return f, [
        assigned(layers[1], activation=np.tanh),
        put(layers[0].weights, 1, 0.5),
        lambda: layers.append(Layer()),
        lambda: layers.reverse(),
    ]


class Slotted:
    __slots__ = ("bias", "rate")

    def __init__(self) -> None:
        self.rate = 0.5


@script
def slots() -> Script:
    owner = Slotted()

    def f(x: Any) -> Any:
        return x * owner.rate + getattr(owner, "bias", 0.0)

    return f, [assigned(owner, rate=0.7), assigned(owner, bias=1.0), assigned(owner, bias=2.0)]


@dataclasses.dataclass
class Config:
    rate: float = 0.5
    sizes: list[int] = dataclasses.field(default_factory=lambda: [3])


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    rate: float
    config: Config


@script
def dataclasses_one_in_another() -> Script:
    config = Frozen(1.0, Config())

    def f(x: Any) -> Any:
        return x * config.rate * sum(dataclasses.asdict(config.config)["sizes"]) * config.config.rate

    return f, [
        assigned(config.config, rate=0.7),
        lambda: config.config.sizes.append(4),
        lambda: object.__setattr__(config, "rate", 3.0),
    ]


class Dynamic:
    def __init__(self) -> None:
        self.values = {"rate": 0.5}

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(name) from None


@script
def attributes_by_computed_names() -> Script:
    dynamic, layer = Dynamic(), Layer()
    layer.W_1 = 2.0  # type: ignore[attr-defined]
    read = attrgetter("_rate")

    def f(x: Any) -> Any:
        total = x * dynamic.rate * read(layer)
        for number in (1, 2):
            total = total * (getattr(layer, f"W_{number}") if hasattr(layer, f"W_{number}") else 1)
        return total

    return f, [
        put(dynamic.values, "rate", 0.7),
        assigned(layer, W_1=5.0),
        assigned(layer, W_2=7.0),
        assigned(layer, _rate=0.1),
    ]


class Doubling:
    """A descriptor, and a mapping by its methods."""

    def __init__(self) -> None:
        self.factor = 2.0
        self.held = {"a": 1.0}

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self.factor * owner.base

    def __getitem__(self, key: str) -> float:
        return self.held[key]


@script
def descriptors_and_special_methods() -> Script:
    doubling, table = Doubling(), Doubling()

    class Owner:
        base = 1.0
        double = doubling

        @functools.cached_property
        def once(self) -> float:
            return self.base + 1

    owner = Owner()

    def f(x: Any) -> Any:
        return x * owner.double * table["a"] * owner.once

    return f, [
        assigned(doubling, factor=3.0),
        assigned(owner, base=5.0),
        put(table.held, "a", 7.0),
        assigned(owner, once=0.1),
    ]


@script
def what_an_object_of_a_library_keeps() -> Script:
    polynomial = np.polynomial.Polynomial([1.0, 2.0])
    return (lambda x: x * polynomial(2.0)), [put(polynomial.coef, 1, 5.0)]


@script
def library_objects_that_others_keep() -> Script:
    first, second, third = (np.polynomial.Polynomial([1.0, 2.0]) for _ in range(3))
    space, users = types.SimpleNamespace(p=first), UserDict(p=second)
    series = functools.partialmethod(third)

    def f(x: Any) -> Any:
        return x * space.p(2.0) * users["p"](2.0) * series.func(1.0) * third(1.0)

    return f, [put(first.coef, 1, 5.0), put(second.coef, 1, 7.0), put(third.coef, 0, 9.0)]


@script
def the_arguments_of_a_script() -> Script:
    return (lambda x: x * len(sys.argv)), [lambda: sys.argv.append("--more"), lambda: sys.argv.pop()]


@script
def the_name_of_a_tensor() -> Script:
    w = Tensor([1.0, 2.0, 3.0], name="w")
    return (lambda x: {w.name: np.sum(w * x)}), [lambda: w.named("v"), assigned(w, data=[3.0, 2.0, 1.0])]


# Odd ones.


@script
def a_structured_element_and_a_record_array() -> Script:
    table = np.array([(1.0, 2)], [("rate", "f8"), ("power", "i4")])
    records, row = np.rec.array(table.copy()), table[0]

    def f(x: Any) -> Any:
        return x * row["rate"] * records.rate[0] ** records[0].power

    return f, [put(row, "rate", 0.7), put(table["rate"], 0, 0.9), put(records.rate, 0, 3.0), put(records.power, 0, 5)]


@script
def a_view_of_bytes() -> Script:
    view = memoryview(bytearray(8)).cast("d")
    view[0] = 0.5
    return (lambda x: x * view[0]), [put(view, 0, 0.7)]


@script
def a_context_variable_and_a_threads_own() -> Script:
    rate: ContextVar[float] = ContextVar("rate", default=0.5)
    local = threading.local()
    local.rate = 0.5
    return (lambda x: x * rate.get() * local.rate), [lambda: rate.set(0.7), assigned(local, rate=0.9)]


@script
def an_object_behind_a_weak_reference() -> Script:
    layer = Layer()
    layer.log = [1]
    reference = weakref.ref(layer)

    def f(x: Any, kept: Any = layer) -> Any:
        return x * len(reference().log)  # type: ignore[union-attr]

    return f, [lambda: layer.log.append(2)]


@script
def another_class_for_the_same_object() -> Script:
    class One:
        def scaled(self, x: Any) -> Any:
            return x

    class Two:
        def scaled(self, x: Any) -> Any:
            return 2 * x

    one: Any = One()
    return (lambda x: one.scaled(x)), [assigned(one, __class__=Two)]


@script
def what_a_class_has_from_its_metaclass() -> Script:
    class Meta(type):
        scale = 2.0

        @property
        def rate(cls) -> float:
            return cls._rate * Meta.scale  # type: ignore[attr-defined, no-any-return]

    class Net(metaclass=Meta):
        _rate = 0.5

    return (lambda x: x * Net.rate), [assigned(Net, _rate=0.7), assigned(Meta, scale=3.0)]


@script
def methods_by_functools() -> Script:
    config = {"power": 2}

    class Net:
        scale = 1.0

        @functools.singledispatchmethod
        def power(self, x: Any) -> Any:
            return x ** config["power"]

        def _scaled(self, by: list[float], x: Any) -> Any:
            return self.power(x) * by[0] * self.scale

        scaled = functools.partialmethod(_scaled, [0.5])

    net = Net()
    by = vars(Net)["scaled"].args[0]
    return (lambda x: net.scaled(x)), [put(by, 0, 0.7), assigned(net, scale=3.0), put(config, "power", 3)]


@script
def globals_by_computed_names() -> Script:
    scope: dict[str, Any] = {"W1": 1.0, "W2": 2.0, "rate": 0.5}
    exec("def f(x):\n    return sum(globals()['W' + str(n)] for n in (1, 2)) * x * eval('rate * 2')", scope)
    return scope["f"], [put(scope, "W2", 5.0), put(scope, "rate", 0.7)]


@script
def other_collections() -> Script:
    base = {"rate": 0.5}
    chain, users = ChainMap({}, base), UserList([1.0])
    return (lambda x: x * chain["rate"] * users[0]), [
        put(base, "rate", 0.7),
        put(chain, "rate", 0.9),
        put(users, 0, 3.0),
    ]


# Training scripts.


def parameters() -> dict[str, Tensor]:
    draw = np.random.default_rng(1).normal
    shapes = {"W1": (2, 4), "b1": (1, 4), "W2": (4, 1), "b2": (1, 1)}
    return {name: Tensor(draw(size=shape), requires_grad=True, name=name) for name, shape in shapes.items()}


X = np.random.default_rng(2).normal(size=(20, 2))
Y = (X[:, :1] > 0).astype(float)


class Network:
    """A network that trains itself, as a script would have it."""

    def __init__(self) -> None:
        self.params = parameters()
        self.rate = 0.5
        self.rates = [1.0, 0.1]
        self.epoch = 0
        self.activation: Any = np.tanh
        self.mask = np.ones((1, 4))
        self.history: list[float] = []

    def forward(self, X: Any) -> Any:
        hidden = self.activation(X @ self.params["W1"] + self.params["b1"]) * self.mask
        return tg.sigmoid(hidden @ self.params["W2"] + self.params["b2"])

    def step(self, x: Any) -> Any:
        loss = np.mean((self.forward(X) - Y) ** 2) + np.sum(x) * 0
        loss.backward()
        for parameter in self.params.values():
            parameter.data -= self.rate * self.rates[self.epoch] * parameter.grad
            parameter.zero_grad()
        return loss


@script
def a_network_that_trains_itself() -> Script:
    network = Network()

    return network.step, [
        assigned(network, rate=0.1),
        assigned(network, epoch=1),
        put(network.rates, 1, 0.7),
        assigned(network, activation=np.sin),
        put(network.mask, (0, 1), 0.0),
        put(network.params, "W2", Tensor(np.ones((4, 1)), requires_grad=True)),
        lambda: setattr(network.params["W1"], "data", np.ones((2, 4))),
    ]
