"""The backward pass: its order, its cost, what it frees, and what threads see of each other."""

from __future__ import annotations

import gc
import threading
import tracemalloc
import weakref
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, errors
from tinygrad_np.engine import backward_steps
from tinygrad_np.graph import RECENT


def test_every_node_is_visited_once_after_all_that_used_it() -> None:
    x = Tensor(2.0, requires_grad=True)
    a = x * 3
    b = a * a
    c = a + b
    steps = list(backward_steps(c._node, np.float64(1)))  # type: ignore[arg-type]
    order = [node for node, _, _ in steps]
    assert order == [c._node, b._node, a._node, x._node]
    assert [float(upstream) for _, upstream, _ in steps] == [1, 1, 13, 39]


def test_a_pass_for_some_gradients_yields_their_steps_alone() -> None:
    x = Tensor(2.0, requires_grad=True)
    a = x * 3
    c = (a * a).retain_grad() + a
    nodes = [node for node, _, _ in backward_steps(c._node, np.float64(1), targets=())]  # type: ignore[arg-type]
    assert [node.operation for node in nodes] == ["multiply", "leaf"]
    nodes = [node for node, _, _ in backward_steps(c._node, np.float64(1), targets={a._node})]  # type: ignore[arg-type]
    assert nodes == [c._node.inputs[0], a._node, x._node]  # type: ignore[union-attr]


def test_sums_are_written_into_arrays_of_the_pass_alone() -> None:
    x = Tensor(np.ones(3), requires_grad=True)
    first = (x + x).retain_grad()  # The rule of a sum hands the same array to both of its inputs.
    second = (first + x).retain_grad()
    seed = np.array([1.0, 2.0, 3.0])
    (second + first + second + first + x).backward(seed)
    np.testing.assert_array_equal(seed, [1, 2, 3])
    np.testing.assert_array_equal(second.grad, 2 * seed)
    np.testing.assert_array_equal(first.grad, 4 * seed)
    np.testing.assert_array_equal(x.grad, 11 * seed)
    assert not np.shares_memory(first.grad, second.grad)
    y, pullback = tg.vjp(lambda x: (x + x) + (x + x), np.ones(3))
    np.testing.assert_array_equal(pullback(seed)[0], 4 * seed)
    np.testing.assert_array_equal(pullback(seed)[0], 4 * seed)


def test_a_chain_of_200_000_operations() -> None:
    x = Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(200_000):
        y = y * 1.0
    y.backward()
    assert x.grad == 1
    del y


def test_a_long_chain_is_freed_without_a_backward_pass() -> None:
    x = Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(200_000):
        y = -y
    del y


def test_losses_that_are_kept_hold_no_graphs_but_those_of_the_last_steps() -> None:
    x = Tensor(np.ones(3), requires_grad=True, name="x")
    gone: list[weakref.ref[Any]] = []
    losses: list[Tensor] = []
    for _ in range(50):
        hidden = np.tanh(x) * 2.0
        losses.append((hidden**2).sum())
        losses[-1].backward()
        gone.append(weakref.ref(hidden._node))  # type: ignore[arg-type]
        del hidden
    assert [ref() is None for ref in gone] == [True] * (50 - RECENT) + [False] * RECENT
    assert "tanh" in tg.draw_graph(losses[-RECENT]).dot
    with pytest.raises(errors.FreedGraphError, match=r"a tensor \(\) float64 \(test_engine.py line \d+\) was let go"):
        tg.draw_graph(losses[0])
    with pytest.raises(errors.FreedGraphError, match="retain_graph"):
        losses[0].backward()


def test_a_retained_graph_is_never_let_go() -> None:
    x = Tensor(3.0, requires_grad=True)
    y = x * x
    y.backward(retain_graph=True)
    for _ in range(2 * RECENT):
        (x * 2.0).backward()
    x.zero_grad()
    y.backward()
    assert x.grad == 6


def test_a_graph_of_2_to_the_60_paths() -> None:
    x = Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad == 2.0**60


@pytest.fixture
def without_collector() -> Any:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("backward", [False, True])
def test_a_graph_is_freed_by_reference_counting_alone(backward: bool) -> None:
    W = Tensor(np.ones((3, 3)), requires_grad=True)
    hidden = np.tanh(W @ W)
    loss = (np.where(hidden > 0.5, hidden, 0.0) ** 2).sum()
    gone = [weakref.ref(hidden), weakref.ref(loss)]
    arrays = weakref.ref(hidden._data)
    if backward:
        loss.backward()
    del hidden, loss
    assert [ref() for ref in gone] == [None, None]
    assert arrays() is None
    assert gc.collect() == 0


@pytest.mark.usefixtures("without_collector")
def test_transforms_leave_no_cycles() -> None:
    tg.hessian(lambda x: np.sum(np.tanh(x) ** 2))(np.ones(3))
    tg.jvp(np.tanh, (np.ones(3),), (np.ones(3),))
    assert gc.collect() == 0


def test_backward_frees_what_the_rules_saved() -> None:
    x = Tensor(np.ones(1000), requires_grad=True)
    y = np.exp(np.exp(x))
    saved = weakref.ref(y._data)
    loss = y.sum()
    del y
    assert saved() is not None
    loss.backward()
    assert saved() is None


def test_only_what_a_rule_reads_is_saved() -> None:
    x = Tensor(np.ones(1000), requires_grad=True)
    alive = []
    for operation in (lambda t: t + 1, np.negative, np.sum, lambda t: t.reshape(10, 100), lambda t: t[2:]):
        middle = x * 2.0
        alive.append(weakref.ref(middle._data))
        result = operation(middle)
        del middle
        assert alive[-1]() is None or result._data.base is not None
    tanh_input = x * 2.0
    array = weakref.ref(tanh_input._data)
    y = np.tanh(tanh_input)
    del tanh_input
    assert array() is None
    assert y.requires_grad


def test_at_most_500_bytes_a_node() -> None:
    x = Tensor(1.0, requires_grad=True)
    y = x * 1.0
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(10_000):
        y = y * 1.0
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (after - before) / 10_000 <= 500


def test_a_rule_of_the_wrong_shape_is_named() -> None:
    @tg.primitive
    def wrong(x: Any) -> Any:
        return x * 2

    @wrong.vjp
    def _(g: Any, y: Any, x: Any) -> Any:
        return np.ones(5)

    t = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(errors.GradientShapeError, match="gradient rule of wrong.*\\(5,\\).*\\(2,\\)"):
        wrong(t).sum().backward()
    assert t.grad is None


def test_a_rule_may_return_a_number() -> None:
    @tg.primitive
    def double(x: Any) -> Any:
        return x * 2

    @double.vjp
    def _(g: Any, y: Any, x: Any) -> Any:
        return float(g) * 2

    t = Tensor(1.0, requires_grad=True)
    double(t).backward()
    assert t.grad == 2


def test_threads_differentiate_side_by_side() -> None:
    W = Tensor(np.ones((4, 4)), requires_grad=True)
    results: dict[int, Any] = {}

    def work(number: int) -> None:
        if number % 2:
            with tg.no_grad():
                results[number] = (W * number).requires_grad
        else:
            results[number] = tg.grad(lambda x: (x * number * W.numpy()).sum())(np.ones((4, 4)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, result in results.items():
        assert result is False if number % 2 else (result == number).all()
