"""Modules: what they find, what they refuse, their state, their modes, their repr."""

from __future__ import annotations

import collections
import copy
import dataclasses
import functools
import pickle
import types
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, nn
from tinygrad_np.errors import ModuleError, StateError


class Network(nn.Module):
    """Parameters and modules in every place in which they are found."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = [nn.Linear(2, 3, rng=0), (nn.Tanh(), nn.Linear(3, 2, rng=1))]
        self.table = {"a": nn.Parameter(np.ones(2)), 7: {"deep": Tensor([1.0], requires_grad=True)}}
        self.out = nn.Linear(2, 1, rng=2)
        self.constant = Tensor([5.0])
        self.register_buffer("count", np.array(0))
        self.register_buffer("passing", np.zeros(1), persistent=False)

    def forward(self, x: Any) -> Any:
        x = self.layers[0](x)
        for layer in self.layers[1]:
            x = layer(x)
        return self.out(x * self.table["a"]) * self.table[7]["deep"]


NAMES = [
    *("table.a", "table.7.deep", "layers.0.weight", "layers.0.bias", "layers.1.1.weight", "layers.1.1.bias"),
    *("out.weight", "out.bias"),
]


def test_parameters_are_found_in_attributes_lists_tuples_and_dicts() -> None:
    network = Network()
    assert [name for name, _ in network.named_parameters()] == NAMES
    network(np.ones((4, 2))).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert [name for name, _ in network.named_modules()] == ["", "layers.0", "layers.1.0", "layers.1.1", "out"]
    assert [name for name, _ in network.named_children()] == ["layers.0", "layers.1.0", "layers.1.1", "out"]
    network.layers.append(nn.Linear(2, 2))
    assert "layers.2.weight" in dict(network.named_parameters())


def test_parameters_are_called_by_their_paths() -> None:
    network = nn.Sequential(Network(), nn.Linear(1, 1))
    assert next(parameter.name for parameter in network.parameters() if parameter.size > 1) == "0.table.a"
    assert network[1].weight.name == "1.weight"
    own = nn.Linear(1, 1)
    own.weight.name = "W"
    network.append(own)
    assert own.weight.name == "W"


def test_what_is_shared_is_counted_once_and_saved_under_each_name() -> None:
    network = nn.Module()
    network.one = network.two = nn.Linear(2, 3)
    network.tied = nn.Linear(2, 3)
    network.tied.weight = network.one.weight
    assert [name for name, _ in network.named_parameters()] == ["one.weight", "one.bias", "tied.bias"]
    assert [name for name, _ in network.named_modules()] == ["", "one", "tied"]
    assert set(network.state_dict()) == {
        f"{name}.{kind}" for name in ("one", "two", "tied") for kind in ("weight", "bias")
    }
    twin = copy.deepcopy(network)
    assert twin.tied.weight is twin.two.weight
    assert twin.tied.weight is not network.tied.weight


def test_a_module_within_itself_is_walked_once() -> None:
    network = nn.Module()
    network.child = nn.Linear(1, 1)
    network.child.parent = network
    network.all = [network]
    assert len(list(network.modules())) == 2
    assert set(network.state_dict()) == {"child.weight", "child.bias"}


class Holder:
    """A class that should have been a module."""

    def __init__(self) -> None:
        self.weight = nn.Parameter([1.0])


@dataclasses.dataclass(slots=True)
class Slotted:
    """An object without a dict."""

    layer: nn.Module


@pytest.mark.parametrize(
    "value",
    [
        {nn.Linear(1, 1)},
        frozenset([nn.Linear(1, 1)]),
        np.array([nn.Linear(1, 1), None], dtype=object),
        Holder(),
        [Holder()],
        {"a": ([Holder()],)},
        types.SimpleNamespace(layers=[nn.Linear(1, 1)]),
        collections.deque([nn.Linear(1, 1)]),
        {"a": nn.Linear(1, 1)}.values(),
        types.MappingProxyType({"a": nn.Linear(1, 1)}),
        nn.Linear(1, 1).forward,
        functools.partial(nn.Linear(1, 1)),
        Slotted(nn.Linear(1, 1)),
    ],
    ids=[
        *("set", "frozenset", "array", "object", "object in a list", "object deep in a list", "namespace"),
        *("deque", "view of a dict", "proxy of a dict", "method of a layer", "partial", "object with slots"),
    ],
)
def test_parameters_where_they_would_not_be_found_are_refused(value: Any) -> None:
    network = nn.Module()
    network.hidden = value
    for ask in (lambda: list(network.parameters()), network.state_dict, network.zero_grad):
        with pytest.raises(ModuleError, match=r"hidden.*would not be trained"):
            ask()
    network.found = list(value) if isinstance(value, set | frozenset) else getattr(value, "layers", None)
    if network.found is not None:
        assert list(network.parameters())


def test_what_knows_parameters_of_the_network_may_be_an_attribute() -> None:
    network = nn.Sequential(nn.Linear(1, 1))
    network.way = network.forward
    network.recent = collections.deque([1.0, "a", None], 3)
    network.optimizer = types.SimpleNamespace(parameters=list(network.parameters()), model=network)
    assert len(list(network.parameters())) == 2


def test_a_forgotten_init_is_said() -> None:
    class Layers(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(1, 1)

    class Lists(nn.Module):
        def __init__(self) -> None:
            self.layers = [nn.Linear(1, 1)]

    with pytest.raises(ModuleError, match=r"Layers.__init__ did not call super\(\).__init__\(\), test_module.py line"):
        Layers()
    for ask in (lambda: list(Lists().parameters()), Lists().state_dict, Lists().train, lambda: repr(Lists())):
        with pytest.raises(ModuleError, match=r"Lists.__init__ did not call"):
            ask()


def test_an_attribute_that_would_hide_a_method_is_refused() -> None:
    network = nn.Module()
    for name in ("parameters", "modules", "train", "children", "apply"):
        with pytest.raises(ModuleError, match=rf"hide the method {name}\(\)"):
            setattr(network, name, [])
    network.forward = lambda x: 2 * x
    assert network(3) == 6


def test_a_missing_attribute_and_a_missing_forward() -> None:
    with pytest.raises(AttributeError, match="Linear has no attribute 'wieght'"):
        nn.Linear(1, 1).wieght  # noqa: B018
    with pytest.raises(ModuleError, match=r"Module has no forward\(\)"):
        nn.Module()(1)


def test_modes_reach_all_modules() -> None:
    network = Network()
    assert network.eval() is network
    assert not any(module.training for module in network.modules())
    assert all(module.training for module in network.train().modules())


def test_gradients_are_forgotten_and_parameters_frozen() -> None:
    network = Network()
    network(np.ones((1, 2))).sum().backward()
    network.zero_grad()
    assert all(parameter.grad is None for parameter in network.parameters())
    network.out.requires_grad_(False)
    network(np.ones((1, 2))).sum().backward()
    assert network.out.weight.grad is None
    assert network.layers[0].weight.grad is not None
    assert "out.weight" in network.state_dict()
    assert network.out.requires_grad_().weight.requires_grad


def test_apply_goes_from_the_inside_out() -> None:
    seen: list[str] = []
    Network().apply(lambda module: seen.append(type(module).__name__))
    assert seen[-1] == "Network"
    assert len(seen) == 5


def test_a_state_is_a_copy_and_loads_again() -> None:
    network, other = Network(), Network()
    state = network.state_dict()
    assert list(state) == ["table.a", "table.7.deep", "count", *NAMES[2:]]
    assert all(isinstance(array, np.ndarray) for array in state.values())
    state["out.weight"][...] = 5
    assert not (network.out.weight.numpy() == 5).any()
    keys = other.load_state_dict(state)
    assert keys == ([], [])
    np.testing.assert_array_equal(other.out.weight.numpy(), np.full((1, 2), 5.0))
    other.load_state_dict({name: Tensor(array) for name, array in state.items()})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda state: state.pop("out.bias"), "out.bias missing"),
        (lambda state: state.update(extra=np.ones(1)), "extra unexpected"),
        (
            lambda state: state.update({"out.weight": np.ones((2, 1))}),
            r"out.weight has the shape \(2, 1\) instead of \(1, 2\)",
        ),
        (lambda state: state.update({"count": np.array(0.5)}), "count is float64 instead of int64"),
        (lambda state: state.update({"out.weight": np.array([["a", "b"]])}), "out.weight is not an array of numbers"),
        (lambda state: state.update({"out.weight": np.ones((1, 2), complex)}), "out.weight is not an array of numbers"),
        (lambda state: state.update({"out.weight": [[1], [1, 2]]}), "out.weight is not an array of numbers"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change: Any, sentence: str) -> None:
    network = Network()
    before = network.state_dict()
    state = {name: array + 1 for name, array in before.items()}
    change(state)
    with pytest.raises(StateError, match=sentence):
        network.load_state_dict(state)
    for name, array in network.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_all_that_does_not_fit_is_said_in_one_sentence() -> None:
    with pytest.raises(StateError, match=r"bias missing; wieght unexpected; weight has the shape") as caught:
        nn.Linear(2, 3).load_state_dict({"weight": np.ones((2, 3)), "wieght": 1})
    assert "Linear, test_module.py line" in str(caught.value)


def test_a_path_is_not_a_state() -> None:
    with pytest.raises(StateError, match="a state is a dict of arrays, test_module.py line .*, not a str"):
        nn.Linear(2, 3).load_state_dict("weights.npz")  # type: ignore[arg-type]


def test_without_strict_what_is_there_is_loaded() -> None:
    layer = nn.Linear(2, 1)
    assert layer.load_state_dict({"weight": [[1, 2]], "more": 1}, strict=False) == (["bias"], ["more"])
    np.testing.assert_array_equal(layer.weight.numpy(), [[1.0, 2.0]])
    with pytest.raises(StateError):
        layer.load_state_dict({"weight": np.ones(2)}, strict=False)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_copies_and_pickles(again: Any) -> None:
    network = Network().eval()
    twin = again(network)
    np.testing.assert_array_equal(twin(np.ones((2, 2))).numpy(), network(np.ones((2, 2))).numpy())
    assert isinstance(twin.out.weight, nn.Parameter)
    assert not twin.training
    twin.out.weight.data += 1
    assert (twin.out.weight.numpy() != network.out.weight.numpy()).all()
    assert [parameter.name for parameter in twin.parameters()] == [one.name for one in network.parameters()]


def test_repr_says_options_shapes_and_counts() -> None:
    assert repr(nn.Linear(2, 3)) == "Linear(in_features=2, out_features=3) with weight (3, 2), bias (3,): 9 parameters"
    assert repr(nn.LeakyReLU(0.2)) == "LeakyReLU(negative_slope=0.2)"
    assert repr(nn.Dropout()) == "Dropout()"
    shown = repr(Network())
    assert "(layers.1.1): Linear(in_features=3, out_features=2) with weight (2, 3), bias (2,): 8 parameters" in shown
    assert shown.endswith("with table.a (2,), table.7.deep (1,), count (): 23 parameters")


def test_buffers_stay_buffers() -> None:
    network = Network()
    network.count = 4
    assert isinstance(network.count, Tensor)
    assert [name for name, _ in network.named_buffers()] == ["count", "passing"]
    assert network.state_dict()["count"] == 4
    loss = nn.CrossEntropyLoss(weight=[1.0, 2.0])
    assert list(loss.state_dict()) == ["weight"]


def test_an_option_that_is_a_number_of_numpy_is_an_option_and_not_a_part_of_the_state() -> None:
    classes = np.array([0, 2, 1]).max() + 1
    layer = nn.Linear(np.int64(2), classes)
    assert list(layer.state_dict()) == ["weight", "bias"]
    assert repr(layer).startswith("Linear(in_features=2, out_features=3) with weight (3, 2)")
    assert not nn.BatchNorm1d(classes, eps=np.float64(1e-3), affine=False, track_running_stats=False).state_dict()
    assert not nn.MaxPool2d(np.int64(2)).state_dict()
    assert not nn.HuberLoss(delta=np.float32(0.5)).state_dict()


def test_what_a_layer_is_made_of_is_checked_and_copies_are_not() -> None:
    class Own(nn.Module):
        def __init__(self, width: int, *rest: Any, **more: Any) -> None:
            super().__init__()
            self.layer = nn.Linear(width, 1)

    for module in (Own(2, 3, key=4), nn.GRU(2, 3), nn.Threshold(0.1, 2.0)):
        for again in (copy.copy(module), copy.deepcopy(module), pickle.loads(pickle.dumps(nn.LSTM(2, 3)))):
            assert isinstance(again, nn.Module)
    with pytest.raises(
        tg.TinygradError, match=r"Own\(width, \*rest, \*\*more\), test_module.py line \d+: missing .*'width'"
    ):
        Own(key=4)


def test_containers() -> None:
    layers = nn.Sequential(OrderedDict(first=nn.Linear(2, 3), last=nn.Linear(3, 1)))
    assert list(layers.state_dict()) == ["first.weight", "first.bias", "last.weight", "last.bias"]
    assert layers[-1] is layers.last
    assert len(layers[:1]) == 1
    several = nn.ModuleList(nn.Linear(1, 1) for _ in range(3))
    several.insert(0, nn.Tanh())
    several[1] = nn.ReLU()
    del several[-1]
    assert [type(one).__name__ for one in several] == ["Tanh", "ReLU", "Linear"]
    named = nn.ModuleDict({"a": nn.Linear(1, 1)})
    named["b"] = nn.Tanh()
    assert (list(named), "a" in named, len(named)) == (["a", "b"], True, 2)
    del named["a"]
    assert named.keys() == ["b"]
    for wrong in (lambda: layers[2], lambda: named["a"], lambda: several[-4]):
        with pytest.raises(IndexError):
            wrong()
    for wrong in (lambda: nn.Sequential([nn.Tanh()]), lambda: nn.Sequential(np.tanh), lambda: several.append(3)):
        with pytest.raises(tg.TinygradError, match="holds modules alone"):
            wrong()


def test_a_module_is_freed_without_the_garbage_collector() -> None:
    import gc
    import weakref

    network = Network()
    network(np.ones((1, 2))).sum().backward()
    gone = weakref.ref(network)
    gc.disable()
    try:
        del network
        assert gone() is None
    finally:
        gc.enable()


def test_parameters_are_float64_unless_asked() -> None:
    assert nn.Linear(2, 3).weight.dtype == np.float64
    assert nn.Linear(2, 3, dtype=np.float32)(np.ones((1, 2), np.float32)).dtype == np.float32
    assert nn.BatchNorm1d(2, dtype=np.float32).running_var.dtype == np.float32


def test_rng_makes_the_same_parameters_again() -> None:
    one, same, other = (nn.LSTM(2, 3, rng=seed).state_dict()["weight_hh_l0"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    generator = np.random.default_rng(1)
    np.testing.assert_array_equal(nn.LSTM(2, 3, rng=generator).state_dict()["weight_hh_l0"], one)


def test_a_parameter_is_not_replaced_by_what_is_not_learned() -> None:
    model = nn.Linear(2, 1, rng=0)
    model(np.ones((3, 2))).sum().backward()
    with tg.no_grad(), pytest.raises(ModuleError, match=r"Linear\.weight is a parameter.*m\.weight -= \.\.\."):
        model.weight = model.weight - 0.1 * model.weight.grad
    with pytest.raises(ModuleError, match=r"Linear\.weight is a parameter"):
        model.weight = model.weight - 0.1 * model.weight.grad
    assert len(list(model.parameters())) == 2
    with tg.no_grad():
        model.weight -= 0.1 * model.weight.grad
    model.weight = Tensor(np.zeros((1, 2)), requires_grad=True)
    assert len(list(model.parameters())) == 2
    del model.weight
    model.weight = Tensor(np.zeros((1, 2)))
    assert len(list(model.parameters())) == 1
