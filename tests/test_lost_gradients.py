"""A gradient that is 0 because a value was read off is warned of, with the line; nothing else is."""

from __future__ import annotations

import gc
import math
import weakref
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import LostGradientWarning, Tensor, errors
from tinygrad_np.graph import state

x = np.array([1.0, 2.0, 3.0])


def stored(v: Any) -> Any:
    numbers = []
    numbers.append(float(v[0]))
    return sum(numbers)


def through_a_dict(v: Any) -> Any:
    kept = {"sum": np.sum(v).item()}
    return kept["sum"] * 2


def in_two_steps(v: Any) -> Any:
    s = np.sum(v)
    number = float(s)
    if number > 100:
        number = 100.0
    return number * 2


LOSING: dict[str, Any] = {
    "float()": lambda v: float(np.sum(v)) * 2,
    "float() to math": lambda v: math.exp(float(v[0])),
    "int()": lambda v: np.sum(np.ones(3)) * int(v[1]),
    ".item()": lambda v: np.sum(v).item() * 2,
    ".numpy()": lambda v: np.sum(v.numpy() ** 2),
    ".tolist()": lambda v: sum(v.tolist()),
    ".detach()": lambda v: np.sum(v.detach() ** 2),
    ".data": lambda v: np.sum(v.data**2),
    "Tensor()": lambda v: np.sum(Tensor(v) ** 2),
    "Tensor(), a leaf": lambda v: np.sum(Tensor(v * 2, requires_grad=True) ** 2),
    "stored": stored,
    "through a dict": through_a_dict,
    "in two steps": in_two_steps,
}


@pytest.mark.parametrize("f", LOSING.values(), ids=LOSING)
@pytest.mark.parametrize(
    "transform",
    [
        tg.grad,
        tg.value_and_grad,
        tg.jacobian,
        lambda f: lambda x: tg.vjp(f, x),
        lambda f: lambda x: tg.jvp(f, (x,), (x,)),
    ],
    ids=["grad", "value_and_grad", "jacobian", "vjp", "jvp"],
)
def test_a_gradient_that_was_lost_is_warned_of_with_the_line(f: Any, transform: Any) -> None:
    first = f.__code__.co_firstlineno
    with pytest.warns(LostGradientWarning, match=r"test_lost_gradients.py line \d+, and what") as caught:
        transform(f)(x)
    assert caught[0].filename == __file__
    lines = [int(part.split()[0].strip(",.:")) for part in str(caught[0].message).split("line ")[1:]]
    assert any(first <= line <= first + 5 for line in lines)


def logged(v: Any) -> Any:
    loss, log = np.sum(v**2), []
    log.append(float(loss))
    log.append(v.numpy())
    return loss


def branching(v: Any) -> Any:
    number = v[0].item()
    if number < 0 or abs(float(v[1]) - 3) < 1e-3:
        return np.sum(v)
    return 4.0


def counted(v: Any) -> Any:
    total = 0.0
    for _ in range(int(v[1])):
        total = total + 1.0
    return total


def checked(v: Any) -> Any:
    assert np.isclose(v[0].item(), 1)
    assert v.numpy().max() < 5
    if not math.isfinite(float(v[0])) or v[1].item() in (7, 8) or v[0] > 3:
        raise AssertionError
    return 1.0


def printed(v: Any) -> Any:
    print(float(v[0]), f"{v[0].item():.2f}", round(float(v[2]), 2))
    return 1.0


best: Any = None


def kept(v: Any) -> Any:
    global best
    mine = None
    for step in range(3):
        if step == 1:
            best = v.numpy().copy()
            mine = best
    del mine
    return 1.0


def kept_by_its_caller(v: Any) -> Any:
    found: Any = None

    def look() -> float:
        nonlocal found
        found = v.numpy().copy()
        return 1.0

    return look()


SILENT: dict[str, Any] = {
    "a constant": lambda v: 3.0,
    "a constant of its shape": lambda v: np.sum(np.ones(v.shape)),
    "a step": lambda v: np.sum(np.floor(v)),
    "a branch": lambda v: 1.0 if v[0] > 0 else 2.0,
    "a branch on a number": lambda v: 1.0 if float(v[0]) > 0 else 2.0,
    "argmax": lambda v: x[int(np.argmax(v))] * 1.0,
    "logged": logged,
    "branching": branching,
    "counted": counted,
    "checked": checked,
    "printed": printed,
    "kept": kept,
    "kept by its caller": kept_by_its_caller,
    "a factor held constant": lambda v: np.sum(v * v.detach()),
}


@pytest.mark.parametrize("f", SILENT.values(), ids=SILENT)
def test_what_loses_nothing_is_not_warned_of(f: Any) -> None:
    tg.grad(f)(x)
    tg.jacobian(f)(x)
    tg.vjp(f, x)[1](1.0)


def test_what_another_input_was_read_for_is_not_this_ones() -> None:
    W = Tensor(2.0, requires_grad=True)
    kept = []

    def f(v: Any) -> Any:
        kept.append(float(W))
        return W * 2

    assert tg.grad(f)(1.0).item() == 0


def test_each_argument_and_each_leaf_of_a_tree_is_looked_at() -> None:
    with pytest.warns(LostGradientWarning, match=r"with respect to params\['b'\] \(\) float64") as caught:
        tg.grad(lambda params: np.sum(params["W"]) * float(params["b"]))({"W": x, "b": 2.0})
    assert len(caught) == 1
    with pytest.warns(LostGradientWarning, match="with respect to b "):
        tg.grad(lambda a, b: a * b.item(), argnums=(0, 1))(1.0, 2.0)
    # A copy held constant on purpose, of one parameter beside others that do have a gradient.
    tg.grad(lambda p: np.sum((p["online"] - p["target"].detach()) ** 2))({"online": x, "target": x + 1})


def test_nested_transforms_are_told_of_what_concerns_them_alone() -> None:
    log = []

    def linear(v: Any) -> Any:
        y = np.sum(v * 3)
        log.append(float(y))
        return y

    assert not tg.hessian(linear)(x).any()
    with pytest.warns(LostGradientWarning, match="with respect to a "):
        tg.grad(lambda a: tg.grad(lambda b: b * float(a))(1.0))(2.0)


def test_a_backward_pass_that_finds_nothing_names_the_line_of_the_last_read() -> None:
    W = Tensor([1.0, 2.0], requires_grad=True)
    loss = Tensor(math.exp(float(np.sum(W))))
    with pytest.raises(errors.NotRecordedError, match=r"what float\(\) read off, test_lost_gradients.py line \d+"):
        loss.backward()
    loss = np.sum(W.detach() ** 2)
    with pytest.raises(errors.NotRecordedError, match=r"what \.detach\(\) read off, test_lost_gradients.py line \d+"):
        loss.backward()
    for reading in (lambda: (Tensor(W * 2) ** 2).sum().backward(), lambda: (W.detach() ** 2).mean().backward()):
        with pytest.raises(errors.NotRecordedError, match=r"\(\) read off, test_lost_gradients.py line \d+"):
            reading()
    np.sum(W).backward()
    print(W.sum().item())
    with pytest.raises(errors.NotRecordedError) as caught:
        Tensor(1.0).backward()
    assert "read off" not in str(caught.value)


def test_what_was_read_is_let_go() -> None:
    held = []

    def f(v: Any) -> Any:
        y = np.tanh(v)
        held.append(weakref.ref(y))
        kept = [float(y[0]), y.numpy()]
        return np.sum(v) + kept[0]

    gc.disable()
    try:
        tg.grad(f)(x)
        _, pullback = tg.vjp(f, x)
        assert [ref() for ref in held] == [None, None]
        w = Tensor(x, requires_grad=True)
        y = np.tanh(w)
        held.append(weakref.ref(y))
        kept = float(y[0])
        del y
        assert held[-1]() is None
        assert kept
    finally:
        gc.enable()


def test_code_that_is_made_anew_all_the_time_is_let_go() -> None:
    W = Tensor(1.0, requires_grad=True)
    for number in range(1500):
        exec(compile(f"x{number} = float(W)", "made", "exec"), {"W": W})
    assert len(state.reads) <= 1000
    W.backward()
    assert not state.reads
