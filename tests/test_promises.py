"""The small print of the promise, each sentence tried as a user would break it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, errors


def leaf(values: Any, name: str = "t") -> Tensor:
    return Tensor(np.asarray(values, float), requires_grad=True, name=name)


# Values and gradients.


@pytest.mark.parametrize("value", ["text", [[1], [2, 3]], 1j * np.ones(2), object()])
def test_a_gradient_that_is_no_array_of_numbers_is_told(value: Any) -> None:
    t = leaf([1.0, 2.0])
    with pytest.raises(errors.DTypeError, match="line"):
        t.grad = value
    assert t.grad is None


def test_a_gradient_that_was_set_is_the_tensors_own() -> None:
    t, given = leaf([1.0, 2.0]), np.ones(2)
    t.grad = given
    given[0] = 9
    assert t.grad.tolist() == [1, 1]
    t.grad *= 0.5
    assert t.grad.tolist() == [0.5, 0.5]


CHANGES: list[Callable[[Tensor], Any]] = [
    lambda t: t.data.__setitem__(..., 5),
    lambda t: t.data.__isub__(1),
    lambda t: t.data.fill(3),
    lambda t: np.copyto(t.data, 0),
    lambda t: np.subtract(t.data, 1, out=t.data),
    lambda t: setattr(t, "data", t.data - 1),
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("made", [lambda t: t, lambda t: t * 1.5, lambda t: t.reshape(1, 2), lambda t: t[::-1]])
def test_every_way_to_change_a_value_is_noticed_even_from_another_thread(change: Any, made: Any) -> None:
    t = leaf([3.0, 2.0])
    u = made(t)
    loss = (u * u).sum()

    def work() -> None:
        with tg.no_grad():
            change(u)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    with pytest.raises(errors.ChangedValueError):
        loss.backward()
    assert t.grad is None


# Transforms.

CLOSURES: list[Callable[..., Any]] = [
    lambda f, x: tg.grad(f)(x),
    lambda f, x: tg.value_and_grad(f)(x)[0],
    lambda f, x: tg.jacobian(f)(x),
    lambda f, x: tg.hessian(f)(x),
    lambda f, x: tg.hvp(f, (x,), (1.0,))[0],
    lambda f, x: tg.jvp(f, (x,), (1.0,))[1],
    lambda f, x: tg.vjp(f, x)[0],
    lambda f, x: tg.vjp(f, x)[1](1.0)[0],
]


@pytest.mark.parametrize("transform", CLOSURES)
def test_what_an_inner_call_did_is_over_when_the_outer_one_hands_out_arrays(transform: Any) -> None:
    slope = tg.grad(lambda a: transform(lambda y: y**3 * a**2, 1.5))(2.0)
    assert isinstance(slope, np.ndarray)
    np.testing.assert_allclose(slope, 4 * transform(lambda y: y**3, 1.5))


@pytest.mark.parametrize("transform", CLOSURES)
def test_a_transform_over_an_outer_tensor_is_recorded(transform: Any) -> None:
    a = leaf(2.0)
    result = transform(lambda y: y**3 * a**2, 1.5)
    assert isinstance(result, Tensor)
    result.backward()
    np.testing.assert_allclose(a.grad, 4 * transform(lambda y: y**3, 1.5))


def test_tangents_and_upstream_gradients_can_be_differentiated() -> None:
    x = np.array([0.3, -0.7])
    assert tg.grad(lambda v: tg.jvp(lambda y: y**3, (2.0,), (v,))[1])(1.0) == 12
    assert type(tg.grad(lambda g: tg.vjp(lambda y: y**3, 2.0)[1](g)[0])(1.0)) is np.ndarray

    def f(x: Any) -> Any:
        return np.sum(np.tanh(x) * x**2)

    along = tg.grad(lambda v: np.sum(tg.hvp(f, (x,), (v,))[0]))(np.ones(2))
    np.testing.assert_allclose(along, tg.hessian(f)(x).sum(axis=0))
    for result in (tg.jvp(np.square, (x,), (leaf(x),))[1], tg.hvp(f, (x,), (leaf(x),))[0]):
        assert result.requires_grad


def test_a_pullback_remembers_its_inputs_and_shares_nothing() -> None:
    x = np.array([1.0, 2.0])
    y, pullback = tg.vjp(lambda x: x * x, x)
    x[0] = y[0] = 100
    np.testing.assert_array_equal(pullback(np.ones(2))[0], [2, 4])
    v = np.ones(2)
    _, (first, second) = tg.jvp(lambda x: (x, x), (x,), (v,))
    first[0] = 9
    assert second.tolist() == v.tolist() == [1, 1]


def test_argnums() -> None:
    def f(a: Any, b: Any) -> Any:
        return np.sum(a * b)

    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(tg.grad(f, np.int64(1))(x, 3 * x), x)
    for argnums in ((0, 0), (0, -2), "a", 1.5):
        with pytest.raises(errors.TinygradError, match="argnums"):
            tg.grad(f, argnums)(x, x)  # type: ignore[arg-type]


def test_inputs_and_tangents_come_together() -> None:
    x = np.ones(1)
    with pytest.raises(errors.DTypeError, match="tuple"):
        tg.jvp(np.tanh, x, x)  # type: ignore[arg-type]
    with pytest.raises(errors.DTypeError, match="tuple"):
        tg.hvp(lambda x: x.sum(), (x,), x)  # type: ignore[arg-type]


# Checks.


def test_gradcheck_sees_a_rule_that_drops_the_sign_of_the_upstream_gradient() -> None:
    @tg.primitive
    def cube(x: Any) -> Any:
        return x * x * x

    @cube.vjp
    def _(g: Any, y: Any, x: Any) -> Any:
        return np.abs(g) * 3 * x**2

    for f in (cube, lambda x: np.tanh(cube(x)).sum()):
        report = tg.gradcheck(f, np.array(0.7))
        assert report.wrong == ["x"]
        assert "linear" in str(report)


# Every sentence names the tensor and the line of the user's code.

SENTENCES = """
W + np.ones(3)
np.add(W, np.ones(3))
W * 10**400
W + [[1.0], [2.0, 3.0]]
W + [W, W]
np.concatenate([W, np.ones((2, 3))])
W.reshape(3)
W.sum(axis=2)
W.astype("nonsense")
np.linalg.inv(W)
np.einsum("ijk->i", W)
np.roots(W)
np.tanh(W, where=[True, False])
np.quantile(W, 0.5, weights=np.ones(2))
np.save("nowhere", 2 * W)
np.add(W, 1, out=np.ones((2, 2)))
np.asarray_chkfinite(W)
W * 1j
W[7]
W.choose([W, W])
bool(W > 0)
tg.softmax(W, axis=7)
tg.conv2d(W, W)
tg.max_pool2d(W[0], 2)
tg.avg_pool1d(W, -1)
tg.embedding(W, [0.5])
Tensor([1, 2], requires_grad=True, name="W")
tg.grad(lambda x: x * 2.0)(W)
tg.grad(lambda x: (x @ np.ones(3)).sum())(W)
(W * 2).backward()
""".strip().splitlines()

NAMELESS = ("W > 0", "np.save", "+ [[", "max_pool2d", "avg_pool1d", "tg.grad", "backward")
"""What is told there is a tensor that was computed from W, or a number."""


@pytest.mark.parametrize("code", SENTENCES)
def test_the_sentence_names_tensor_and_line(code: str) -> None:
    source = f"class Layer:\n    def __call__(self, W):\n        return ({code})\n"
    variables: dict[str, Any] = {"np": np, "tg": tg, "Tensor": Tensor}
    exec(compile(source, "/somewhere/network.py", "exec"), variables)
    with pytest.raises(tg.TinygradError, match="network.py line 3") as caught:
        variables["Layer"]()(leaf(np.zeros((2, 2)), "W"))
    if not any(part in code for part in NAMELESS):
        assert "W (2" in str(caught.value)
