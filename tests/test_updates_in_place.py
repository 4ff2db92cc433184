"""`W -= 0.1 * W.grad` changes W where nothing is recorded; where it would train nothing, a sentence says so."""

from __future__ import annotations

import copy
import operator
import pickle
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, errors

X = np.random.default_rng(0).normal(size=(20, 3))
Y = X @ np.array([[1.0], [2.0], [3.0]])

UPDATES: dict[str, Any] = {
    "+=": operator.iadd, "-=": operator.isub, "*=": operator.imul, "/=": operator.itruediv, "//=": operator.ifloordiv,
    "%=": operator.imod, "**=": operator.ipow, "@=": operator.imatmul,
}  # fmt: skip


def parameters() -> list[Tensor]:
    return [
        Tensor(np.zeros((3, 1)), requires_grad=True, name="W"),
        Tensor(np.zeros((1, 1)), requires_grad=True, name="b"),
    ]


def train(update: Any) -> list[float]:
    params, losses = parameters(), []
    for _ in range(4):
        loss = np.mean((X @ params[0] + params[1] - Y) ** 2)
        losses.append(loss.item())
        for p in params:
            p.zero_grad()
        loss.backward()
        update(params)
    return losses


def by_data(params: list[Tensor]) -> None:
    for p in params:
        p.data -= 0.1 * p.grad


def in_a_loop(params: list[Tensor]) -> None:
    with tg.no_grad():
        for p in params:
            p -= 0.1 * p.grad


def in_a_list(params: list[Tensor]) -> None:
    with tg.no_grad():
        for i in range(len(params)):
            params[i] -= 0.1 * params[i].grad


@tg.no_grad()
def in_a_decorated_function(params: list[Tensor]) -> None:
    for p in params:
        p += Tensor(-0.1 * p.grad)


@pytest.mark.parametrize("update", [in_a_loop, in_a_list, in_a_decorated_function])
def test_an_update_inside_no_grad_trains_as_one_of_the_data_does(update: Any) -> None:
    assert train(update) == train(by_data)


@pytest.mark.parametrize("sign", UPDATES)
def test_every_operator_updates_in_place(sign: str) -> None:
    values, other = np.array([[1.5, -2.0], [0.5, 3.0]]), np.array([[2.0, 1.0], [0.5, 1.0]])
    t = Tensor(values, requires_grad=True)
    same = t
    with tg.no_grad(), np.errstate(invalid="ignore"):
        t = UPDATES[sign](t, Tensor(other))
        expected = UPDATES[sign](values.copy(), other)
    assert t is same
    assert t.requires_grad
    assert t.is_leaf
    np.testing.assert_array_equal(t.numpy(), expected)


@pytest.mark.parametrize("operate", [operator.iand, operator.ior, operator.ixor])
def test_masks_are_updated_too(operate: Any) -> None:
    mask = Tensor([True, False, True])
    with tg.no_grad():
        assert operate(mask, np.array([True, True, False])) is mask
    assert mask.numpy().tolist() == operate(np.array([True, False, True]), np.array([True, True, False])).tolist()


@pytest.mark.parametrize("sign", UPDATES)
def test_a_leaf_is_not_updated_while_operations_are_recorded(sign: str) -> None:
    W = Tensor(np.eye(2), requires_grad=True, name="W")
    with pytest.raises(errors.AssignmentError) as caught:
        UPDATES[sign](W, W.numpy())
    for words in (f"with tg.no_grad(): W {sign} ...", f"W.data {sign} ...", "test_updates_in_place.py line"):
        assert words in str(caught.value)


def test_a_sum_of_losses_makes_new_tensors() -> None:
    W = Tensor([1.0, 2.0], requires_grad=True)
    first = loss = (W * W).sum()
    loss += (W * 3).sum()
    assert loss is not first
    loss.backward()
    assert W.grad.tolist() == [5, 7]
    constant = counted = Tensor(1.0)
    counted += 1
    assert (constant.item(), counted.item()) == (1, 2)
    total = 0.0
    total += W.sum()
    total.backward()
    assert W.grad.tolist() == [6, 8]


def test_an_argument_of_a_function_that_is_differentiated_is_not_a_leaf_of_the_users() -> None:
    def f(x: Tensor) -> Tensor:
        x *= 2
        x += 1
        return np.sum(x**2)

    values = np.array([1.0, 2.0])
    assert tg.grad(f)(values).tolist() == [12, 20]
    assert values.tolist() == [1, 2]


def test_an_update_in_place_keeps_the_dtype_and_the_shape() -> None:
    single, whole = Tensor(np.ones(3, np.float32), requires_grad=True, name="S"), Tensor([1, 2, 3], name="N")
    with tg.no_grad():
        single -= np.full(3, 0.5)
        assert (single.dtype, single.numpy().tolist()) == (np.float32, [0.5, 0.5, 0.5])
        with pytest.raises(errors.ShapeError, match=r"-= of S \(3,\) float32 and .*test_updates_in_place.py line"):
            single -= np.ones((2, 3))
        with pytest.raises(errors.DTypeError, match=r"/= of N \(3,\) int64"):
            whole /= 2
        with pytest.raises(errors.TinygradError):
            single += "text"
    assert single.numpy().tolist() == [0.5, 0.5, 0.5]
    assert whole.numpy().tolist() == [1, 2, 3]


def test_an_update_between_forward_and_backward_is_noticed() -> None:
    W = Tensor([1.0, 2.0], requires_grad=True, name="W")
    y = np.tanh(W)
    loss = (W * W * y).sum()
    with tg.no_grad():
        W -= 1
    with pytest.raises(errors.ChangedValueError, match=r"W \(2,\) float64 was changed"):
        loss.backward()
    loss = (y * y).sum()
    with tg.no_grad():
        y *= 2
    with pytest.raises(errors.ChangedValueError):
        loss.backward()


def test_an_update_reaches_no_array_of_the_users_but_the_one_that_data_handed_out() -> None:
    given = np.ones(2)
    W = Tensor(given, requires_grad=True)
    out, copied = W.data, W.numpy()
    with tg.no_grad():
        W += 1
    assert (given.tolist(), copied.tolist(), out.tolist()) == ([1, 1], [1, 1], [2, 2])
    with tg.no_grad():
        W -= W
    assert W.numpy().tolist() == [0, 0]


def test_an_array_is_not_written_to_through_out() -> None:
    t = Tensor(np.ones(2), requires_grad=True)
    with tg.no_grad(), pytest.raises(errors.NoGradientError, match="out"):
        np.add(t, 1, out=t)


@pytest.mark.parametrize("update", [lambda p: 0.1 * p.grad, lambda p: p.grad[0], lambda p: -p.grad, lambda p: p.grad.T])
def test_computing_with_a_gradient_that_is_not_there_says_why_it_is_not(update: Any) -> None:
    W = Tensor(np.ones((3, 1)), requires_grad=True, name="W")
    with pytest.raises(errors.NoGradientError, match=r"\.grad of W \(3, 1\) float64 is None.* no backward\(\)"):
        update(W)
    (W * W).sum().backward()
    update(W)
    W = (W - 0.1 * W.grad).named("W")
    (W * W).sum().backward()
    with pytest.raises(
        errors.NoGradientError, match=r"not a leaf \(any more\): subtract, test_updates_in_place.py line \d+"
    ):
        update(W)
    with tg.no_grad():
        W = W * 0.9
    with pytest.raises(errors.NoGradientError, match=r"does not require a gradient.*inside no_grad\(\)"):
        update(W)


def test_asking_whether_there_is_a_gradient_is_no_error() -> None:
    y = Tensor(1.0, requires_grad=True) * 2
    assert y.grad is None
    g = y.grad
    assert not y.grad
    assert g == y.grad
    assert [p.grad for p in (y, y)] == [None, None]
    gradients = {"y": y.grad}
    gradients["z"] = y.grad
    if y.grad is not None and y.grad[0] > 0:
        raise AssertionError
    assert (y.grad or 0) == 0
    assert "%s" % y.grad == f"{y.grad}" == "None"  # noqa: UP031


def test_a_loss_of_a_parameter_that_no_grad_made_a_constant_says_so() -> None:
    W = Tensor(1.0, requires_grad=True)
    (W * W).backward()
    with tg.no_grad():
        W = W - 0.1 * W.grad
    with pytest.raises(errors.NotRecordedError, match=r"`W = W - \.\.\.` inside no_grad\(\) makes a constant"):
        (W * W).backward()


def test_leaves_are_frozen_and_thawed() -> None:
    W, V = Tensor(2.0, requires_grad=True, name="W"), Tensor(3.0, requires_grad=True, name="V")
    W.requires_grad = False
    (W * V).backward()
    assert (W.grad, V.grad) == (None, 2)
    W.requires_grad = True
    (W * V).backward()
    assert (W.grad, V.grad) == (3, 4)
    loss = W * V
    W.requires_grad = False
    loss.backward()
    assert (W.grad, V.grad) == (3, 6)
    constant = Tensor(1.0)
    constant.requires_grad = True
    (constant * V).backward()
    assert constant.grad == 3
    with tg.no_grad():
        made = V * 2
    made.requires_grad = True
    assert made.is_leaf
    (made * made).backward()
    assert made.grad == 12


def test_what_can_not_be_frozen_or_thawed_says_why() -> None:
    y = Tensor(2.0, requires_grad=True) * 2
    y.requires_grad = True
    with pytest.raises(errors.NotRecordedError, match=r"not a leaf.*t\.detach\(\)"):
        y.requires_grad = False
    whole = Tensor([1, 2], name="n")
    whole.requires_grad = False
    with pytest.raises(errors.DTypeError, match=r"n \(2,\) int64 can't require a gradient, test_updates"):
        whole.requires_grad = True


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_a_copied_leaf_keeps_its_gradient(copied: Any) -> None:
    W = Tensor([1.0, 2.0], requires_grad=True, name="W")
    assert copied(W).grad is None
    (W * W).sum().backward()
    other = copied(W)
    assert (other.grad.tolist(), other.requires_grad, other.is_leaf, other.name) == ([2, 4], True, True, "W")
    other.grad[0] = 7
    other.data[0] = 9
    assert (W.grad.tolist(), W.numpy().tolist()) == ([2, 4], [1, 2])
    tied = copied({"a": W, "b": [W]})
    assert tied["a"] is tied["b"][0]


@pytest.mark.parametrize("copied", [copy.deepcopy, pickle.dumps])
def test_a_model_that_holds_an_activation_is_not_copied_without_a_word(copied: Any) -> None:
    W = Tensor([1.0, 2.0], requires_grad=True, name="W")
    h = np.tanh(W).named("h")
    for held in (h, h.retain_grad()):
        with pytest.raises(
            errors.NoGradientError, match=r"h \(2,\) float64 .*test_updates_in_place.py line.*detach\(\)"
        ):
            copied({"W": W, "h": [held]})
    copied({"W": W, "h": h.detach()})


def test_a_compiled_step_updates_in_place_and_sees_what_is_frozen() -> None:
    def steps(compiled: bool) -> list[Any]:
        params, losses = parameters(), []

        def step(X: Any, Y: Any) -> Tensor:
            loss = np.mean((X @ params[0] + params[1] - Y) ** 2)
            for p in params:
                p.zero_grad()
            loss.backward()
            with tg.no_grad():
                for p in params:
                    if p.requires_grad:
                        p -= 0.1 * p.grad
            return loss

        run = tg.compile(step) if compiled else step
        for number in range(9):
            params[1].requires_grad = number % 6 < 3
            losses.append(run(X, Y).item())
        return [losses, *[p.numpy() for p in params]]

    for eager, program in zip(steps(False), steps(True), strict=True):
        np.testing.assert_allclose(program, eager, rtol=1e-12)
