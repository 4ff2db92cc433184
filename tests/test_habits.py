"""What people write out of habit from other libraries gets a sentence that says what to write here."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, errors

W = Tensor(np.ones((2, 3)), requires_grad=True, name="W")

HABITS: dict[str, tuple[type[Exception], str]] = {
    "tg.tensor([1.0])": (AttributeError, "Tensor(data)"),
    "tg.as_tensor([1.0])": (AttributeError, "Tensor(data)"),
    "tg.from_numpy(1)": (AttributeError, "Tensor(array)"),
    "tg.exp(W)": (AttributeError, "np.exp"),
    "tg.zeros(3)": (AttributeError, "np.zeros"),
    "tg.cat([W, W])": (AttributeError, "np.concatenate"),
    "tg.stack([W, W])": (AttributeError, "np.stack"),
    "tg.matmul(W, W)": (AttributeError, "a @ b"),
    "tg.randn(3)": (AttributeError, "default_rng"),
    "tg.jit(print)": (AttributeError, "tg.compile"),
    "tg.nonsense": (AttributeError, "'nonsense'"),
    "W.view(3, 2)": (AttributeError, "t.reshape(shape)"),
    "W.permute(1, 0)": (AttributeError, "t.transpose"),
    "W.unsqueeze(0)": (AttributeError, "np.expand_dims"),
    "W.t()": (AttributeError, "t.T"),
    "W.mm(W)": (AttributeError, "a @ b"),
    "W.pow(2)": (AttributeError, "t**exponent"),
    "W.sin()": (AttributeError, "np.sin(t)"),
    "W.norm()": (AttributeError, "np.linalg.norm(t)"),
    "W.numel()": (AttributeError, "t.size"),
    "W.clone()": (AttributeError, "t.copy()"),
    "W.cpu()": (AttributeError, "nothing"),
    "W.to('cuda')": (AttributeError, "t.astype"),
    "W.float()": (AttributeError, "np.float32"),
    "W.add_(1)": (AttributeError, "tg.no_grad()"),
    "W.zero_()": (AttributeError, "tg.no_grad()"),
    "W.requires_grad_(False)": (AttributeError, "t.requires_grad ="),
    "W.grad_fn": (AttributeError, "tg.draw_graph"),
    "W.sum(dim=0)": (TypeError, "axis="),
    "W.mean(0, keepdim=True)": (TypeError, "keepdims="),
    "W.std(dim=0)": (TypeError, "axis="),
    "W.argmax(dim=1)": (TypeError, "axis="),
    "W.cumsum(dim=1)": (TypeError, "axis="),
    "W.softmax(dim=1)": (TypeError, "axis="),
    "W.log_softmax(dim=1)": (TypeError, "axis="),
    "W.logsumexp(dim=1, keepdim=True)": (TypeError, "axis="),
    "W.squeeze(dim=0)": (TypeError, "axis="),
    "tg.softmax(W, dim=1)": (TypeError, "axis="),
    "tg.log_softmax(W, dim=-1)": (TypeError, "axis="),
    "tg.no_grad(print)": (TypeError, "@tg.no_grad()"),
}


@pytest.mark.parametrize(("code", "error", "words"), [(code, *rest) for code, rest in HABITS.items()])
def test_a_habit_gets_a_hint(code: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        eval(compile(code, "/home/ada/ported.py", "eval"), {"tg": tg, "np": np, "W": W})
    assert isinstance(caught.value, errors.TinygradError)
    assert words in str(caught.value)
    assert "ported.py line 1" in str(caught.value)


def test_what_is_not_there_is_not_there_to_hasattr_either() -> None:
    assert not hasattr(W, "view")
    assert not hasattr(W, "_private")
    assert not hasattr(tg, "tensor")
    assert getattr(W, "cuda", None) is None
    assert importlib.import_module("tinygrad_np.tensor").Tensor is Tensor
    with pytest.raises(TypeError):
        W.softmax(nonsense=1)


def test_gradcheck_is_called_as_pytorchs_is() -> None:
    pair = (np.ones(2), np.ones(2))
    report = tg.gradcheck(lambda a, b: a * b, pair, eps=1e-6, atol=1e-4, raise_exception=True, fast_mode=False)
    assert report
    assert "eps= and fast_mode=: not used" in str(report)
    with pytest.raises(errors.WrongGradientError):
        tg.gradcheck(lambda a: tg.Tensor(a.numpy()) * 2 + a, pair[:1], raise_exception=True)
    with pytest.raises(TypeError, match="nonsense"):
        tg.gradcheck(np.tanh, np.ones(2), nonsense=1)
    with pytest.raises(AttributeError, match="order=2"):
        tg.gradgradcheck  # noqa: B018


def test_a_tuple_is_one_input_of_a_function_that_takes_one() -> None:
    assert tg.gradcheck(lambda pair: pair[0] * pair[1], (np.ones(2), np.ones(2)))
    assert tg.gradcheck(lambda *pairs: pairs[0][0] * pairs[0][1], (np.ones(2), np.ones(2)))


# A state that was carried over.


def steps(detached: bool, loss_of: Any) -> None:
    U = Tensor(np.eye(3) * 0.5, requires_grad=True, name="U")
    h = Tensor(np.zeros((1, 3)))
    for _ in range(3):
        h = np.tanh(h @ U + 1)
        loss_of(h).backward()
        if detached:
            h = h.detach()


@pytest.mark.parametrize("loss_of", [lambda h: np.sum(h**2), lambda h: np.mean(np.exp(h) @ np.ones((3, 1)))])
def test_a_recurrent_state_that_was_not_detached_is_to_be_detached(loss_of: Any) -> None:
    with pytest.raises(errors.FreedGraphError, match=r"tanh \(test_habits.py line \d+\).*h\.detach\(\)") as caught:
        steps(False, loss_of)
    assert "retain_graph" not in str(caught.value)
    steps(True, loss_of)


def test_two_losses_of_one_trunk_are_told_of_retain_graph() -> None:
    y = np.tanh(W * 2)
    first, second = np.sum(y * y), np.sum(y * 3)
    first.backward()
    for loss in (second, first):
        with pytest.raises(errors.FreedGraphError, match="retain_graph=True") as caught:
            loss.backward()
        assert "detach" not in str(caught.value)


def test_a_state_that_a_compiled_step_is_given_with_its_graph_is_to_be_detached() -> None:
    U = Tensor(np.eye(3) * 0.5, requires_grad=True, name="U")

    @tg.compile
    def step(h: Any) -> Any:
        h = np.tanh(h @ U + 1)
        np.sum(h**2).backward()
        return h

    h = Tensor(np.zeros((1, 3)))
    h = step(h)
    with pytest.raises(errors.TinygradError, match=r"h\.detach\(\)"):
        step(h)


# Trees.


class Layer(NamedTuple):
    W: Any
    activation: str


@dataclasses.dataclass
class Net:
    layers: list[Any]
    depth: int


def test_what_is_no_number_in_a_tree_is_left_alone() -> None:
    params = {"W": np.array([1.0, 2.0]), "activation": "tanh", "power": 2, "bias": True, "f": np.tanh, "none": None}

    def loss(p: Any) -> Any:
        assert (p["activation"], p["power"], p["bias"], p["f"]) == ("tanh", 2, True, np.tanh)
        return np.sum(p["W"] ** p["power"])

    value, gradient = tg.value_and_grad(loss)(params)
    assert value == 5
    assert gradient["W"].tolist() == [2, 4]
    assert {**gradient, "W": None} == {**params, "W": None}
    assert tg.jacobian(loss)(params)["W"].tolist() == [2, 4]
    assert tg.vjp(loss, params)[1](1.0)[0]["W"].tolist() == [2, 4]
    assert tg.jvp(loss, (params,), ({**params, "W": np.array([1.0, 0.0])},))[1] == 2
    assert tg.hvp(loss, (params,), ({"W": np.ones(2)},))[0]["W"].tolist() == [2, 2]
    assert tg.hessian(loss)(params)["W"]["W"].tolist() == [[2, 0], [0, 2]]


def test_left_alone_in_named_tuples_and_dataclasses_too() -> None:
    net = Net([Layer(np.array([3.0]), "relu"), Layer(np.array([4.0]), "tanh")], 2)
    gradient = tg.grad(lambda net: np.sum(net.layers[0].W * net.layers[1].W))(net)
    assert gradient.layers[0].activation == "relu"
    assert (gradient.layers[0].W.tolist(), gradient.layers[1].W.tolist(), gradient.depth) == ([4], [3], 2)


@pytest.mark.parametrize(
    ("tree", "path"),
    [
        ({"W": np.ones(2), "index": np.arange(3)}, r"params\['index'\] \(3,\) int64"),
        ({"W": np.ones(2), "deep": [1.0, (np.array([True]),)]}, r"params\['deep'\]\[1\]\[0\] \(1,\) bool"),
        (Net([Layer(Tensor([1, 2]), "relu"), 1.0], 3), r"params\.layers\[0\]\.W \(2,\) int64"),
        (np.arange(3), r"params \(3,\) int64"),
        (3, r"params \(\) int64"),
    ],
)
def test_an_integer_array_is_named_by_its_path(tree: Any, path: str) -> None:
    with pytest.raises(errors.DTypeError, match=f"{path}, test_habits.py line"):
        tg.grad(lambda params: 1.0)(tree)


def test_a_tree_without_any_number_has_no_gradient() -> None:
    with pytest.raises(errors.DTypeError, match=r"no floating number"):
        tg.grad(lambda p: 1.0)({"a": "text", "n": 3})


def test_what_is_called_with_the_wrong_arguments_says_what_it_takes() -> None:
    W = Tensor([1.0, 2.0], requires_grad=True, name="W")
    with pytest.raises(errors.DTypeError, match=r"relu takes \(x\), test_habits.py line \d+: missing a required"):
        tg.relu()
    with pytest.raises(errors.DTypeError, match=r"relu takes \(x\), test_habits.py line \d+: too many positional"):
        tg.relu(W, 1, 2)
    with pytest.raises(
        errors.DTypeError, match=r"backward\(\) does not take create_graph=, .*; write tg\.grad\(tg\.grad"
    ):
        np.sum(W).backward(create_graph=True)
    with pytest.raises(errors.DTypeError, match=r"a derivative of a float, test_habits.py line \d+: give the function"):
        tg.grad(3.0)(2.0)
    with pytest.raises(errors.DTypeError, match="a Tensor can't hold object, made of a generator"):
        Tensor(number for number in range(3))
    with pytest.raises(errors.NoGradientError, match=r"give the default as the last choice, np\.select"):
        np.select([np.array([True, False])], [np.ones(2)], W)


@pytest.mark.parametrize("loss", [tg.mse_loss, tg.l1_loss, tg.cross_entropy, tg.nll_loss, tg.huber_loss])
def test_a_forward_without_return_is_told_from_an_array(loss: Any) -> None:
    class Forgetful(tg.nn.Module):
        def forward(self, x: Any) -> None:
            x * 2

    with pytest.raises(errors.DTypeError, match=r"None was given .*, test_habits.py line \d+; .*lacks its `return`"):
        loss(Forgetful()(np.ones(3)), np.ones(3))
    with pytest.raises(errors.DTypeError, match=r"None was given .*, test_habits.py line \d+; .*lacks its `return`"):
        tg.nn.Sequential(Forgetful(), tg.nn.Linear(3, 1))(np.ones(3))
