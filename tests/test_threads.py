"""Threads: what docs/threads.md promises."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor
from tinygrad_np.errors import FreedGraphError
from tinygrad_np.graph import state


@pytest.fixture(autouse=True)
def _switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(f: Callable[[int], Any], times: int, threads: int = 8) -> list[Any]:
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(f, range(times)))


class Slow(np.ndarray):
    """An array whose sum takes a while: another thread has the time to come in between."""

    def __add__(self, other: Any) -> Any:
        threading.Event().wait(0.002)
        return np.add(np.asarray(self), np.asarray(other)).view(Slow)


def test_all_gradients_of_several_threads_arrive() -> None:
    W = Tensor(np.zeros(4), requires_grad=True)
    W.grad = np.zeros(4)
    W._node.grad = W.grad.view(Slow)
    in_threads(lambda i: (W * 1.0).sum().backward(), 32)
    np.testing.assert_array_equal(np.asarray(W.grad), np.full(4, 32.0))


def test_all_gradients_arrive_where_the_first_makes_the_array() -> None:
    for _ in range(20):
        W, one = Tensor(np.zeros(20_000), requires_grad=True), np.ones(20_000)
        in_threads(lambda i, W=W, one=one: (W * one).sum().backward(), 16)
        assert (W.grad == 16).all()


def test_several_threads_go_backward_through_one_retained_graph() -> None:
    W = Tensor(np.arange(4.0), requires_grad=True)
    loss = (np.tanh(W) ** 2).sum()
    in_threads(lambda i: loss.backward(retain_graph=True), 32)
    t = np.tanh(np.arange(4.0))
    np.testing.assert_allclose(W.grad, 32 * 2 * t * (1 - t**2))


def test_a_graph_that_two_threads_free_counts_whole_or_not_at_all() -> None:
    for _ in range(20):
        W = Tensor(np.full(3, 0.5), requires_grad=True)
        loss = W
        for _ in range(30):
            loss = np.tanh(loss)
        loss = loss.sum()
        once = tg.grad(lambda x: np.sum(repeated(x)))(np.full(3, 0.5))

        def backward(i: int, loss: Tensor = loss) -> int:
            try:
                loss.backward()
            except FreedGraphError:
                return 0
            return 1

        arrived = sum(in_threads(backward, 2, 2))
        assert arrived >= 1
        np.testing.assert_allclose(W.grad, arrived * once)


def repeated(x: Any) -> Any:
    for _ in range(30):
        x = np.tanh(x)
    return x


def test_parts_of_a_loss_are_computed_in_threads() -> None:
    W = Tensor(np.arange(4.0), requires_grad=True)
    sum(in_threads(lambda i: (W * i).sum(), 200)).backward()
    np.testing.assert_array_equal(W.grad, np.full(4, 19900.0))


def test_several_threads_read_a_tensor_whose_values_were_handed_out() -> None:
    for _ in range(50):
        W = Tensor(np.ones(3), requires_grad=True)
        W.data[0] = 2.0
        losses = in_threads(lambda i, W=W: (W * W).sum(), 8)
        sum(losses).backward()
        np.testing.assert_array_equal(W.grad, [32, 16, 16])


def test_recording_is_off_in_its_own_thread_alone() -> None:
    W, off, done = Tensor(1.0, requires_grad=True), threading.Event(), threading.Event()

    def compute_without() -> None:
        with tg.no_grad():
            off.set()
            done.wait(5)

    thread = threading.Thread(target=compute_without)
    thread.start()
    off.wait(5)
    assert (W * 1).requires_grad
    with tg.no_grad():
        assert in_threads(lambda i: (W * 1).requires_grad, 1) == [True]
    done.set()
    thread.join()


def test_one_no_grad_may_be_entered_by_several_threads() -> None:
    one, first, second = tg.no_grad(), threading.Event(), threading.Event()
    seen: list[bool] = []

    def inside() -> None:
        state.recording = False
        with one:
            first.set()
            second.wait(5)
        seen.append(state.recording)

    thread = threading.Thread(target=inside)
    thread.start()
    first.wait(5)
    with one:
        second.set()
        thread.join()
    assert seen == [False]
    assert state.recording


def test_transforms_run_in_threads() -> None:
    gradient = tg.grad(lambda x: np.sum(np.tanh(x) ** 2))
    for i, found in enumerate(in_threads(lambda i: gradient(np.full(3, i / 50)), 100)):
        np.testing.assert_allclose(found, 2 * np.tanh(i / 50) * (1 - np.tanh(i / 50) ** 2))
