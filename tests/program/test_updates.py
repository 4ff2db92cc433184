"""Tensors that a compiled function changes: their values, and the arrays that others hold, are as the eager ones.

A row is a function that makes the step anew, with its Tensors and what else is to be compared after each call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tests.program.running import assert_right_in_threads
from tinygrad_np import Tensor
from tinygrad_np.program import compile
from tinygrad_np.tree import flatten

Made = tuple[Callable[..., Any], list[Tensor], Callable[[], list[Any]]]
ROWS: list[Any] = []


def row(make: Callable[[], Made]) -> Callable[[], Made]:
    ROWS.append(pytest.param(make, id=make.__name__))
    return make


def tensor(seed: int = 0, dtype: Any = float, shape: tuple[int, ...] = (3, 3)) -> Tensor:
    return Tensor(np.random.default_rng(seed).normal(size=shape).astype(dtype), requires_grad=True, name=f"p{seed}")


def nothing() -> list[Any]:
    return []


def slope(p: Tensor, x: Any) -> Any:
    np.sum(np.tanh(x @ p) ** 2).backward()
    gradient = p.grad
    p.zero_grad()
    return gradient


# Arrays that somebody holds.


@row
def a_held_array_changes_in_place() -> Made:
    p = tensor()
    held = p.data

    def step(x: Any) -> None:
        p.data -= 0.1 * slope(p, x)

    return step, [p], lambda: [held]


@row
def a_held_array_stays_where_the_tensor_gets_another() -> Made:
    p = tensor()
    held = p.data

    def step(x: Any) -> None:
        p.data = p.data - 0.1 * slope(p, x)

    return step, [p], lambda: [held]


@row
def arrays_that_are_taken_between_calls() -> Made:
    p, taken = tensor(), []

    def step(x: Any) -> None:
        p.data = p.data - 0.1 * slope(p, x)

    return step, [p], lambda: (taken.append(p.data), [*taken])[1]


@row
def arrays_that_are_taken_between_calls_change_in_place() -> Made:
    p, taken = tensor(), []

    def step(x: Any) -> None:
        p.data -= 0.1 * slope(p, x)

    return step, [p], lambda: (taken.append(p.data), [*taken])[1]


@row
def a_held_array_that_the_user_changes() -> Made:
    p = tensor()
    held = p.data

    def step(x: Any) -> None:
        p.data -= 0.1 * slope(p, x)

    def change() -> list[Any]:
        held[0, 0] += 1
        return [held]

    return step, [p], change


@row
def two_tensors_of_one_array() -> Made:
    p, q = tensor(), tensor(1)
    array = np.ones((4, 3))
    p.data, q.data = array[:3], array[:3]

    def step(x: Any) -> None:
        dp, dq = slope(p, x), slope(q, x)
        p.data -= 0.1 * dp
        q.data -= 0.2 * dq

    return step, [p, q], lambda: [array]


@row
def a_tensor_of_anothers_array() -> Made:
    p, q = tensor(), tensor(1)
    q.data = p.data

    def step(x: Any) -> None:
        p.data -= x
        q.data -= 2 * x

    return step, [p, q], nothing


# Old values and new ones.


@row
def values_that_change_places() -> Made:
    p, q = tensor(), tensor(1)

    def step(x: Any) -> None:
        p.data, q.data = q.data, p.data

    return step, [p, q], nothing


@row
def what_reads_the_new_value_of_another() -> Made:
    p, q = tensor(), tensor(1)

    def step(x: Any) -> None:
        p.data -= 0.1 * q.data
        q.data -= 0.1 * p.data

    return step, [p, q], nothing


@row
def what_reads_the_old_value_of_another() -> Made:
    p, q = tensor(), tensor(1)

    def step(x: Any) -> None:
        old = p.data * 1
        p.data = p.data - 0.1 * q.data.T
        q.data = q.data - 0.1 * old.T

    return step, [p, q], nothing


@row
def an_old_value_that_is_returned() -> Made:
    p = tensor()

    def step(x: Any) -> Any:
        old = p.data
        p.data = p.data - x
        return old, old.T, p.data, p * 2

    return step, [p], nothing


@row
def a_value_that_is_read_transposed() -> Made:
    p = tensor()

    def step(x: Any) -> None:
        p.data -= 0.1 * p.data.T

    return step, [p], nothing


@row
def one_row_and_what_is_summed_to_it() -> Made:
    p, q = tensor(), tensor(1, shape=(1, 3))

    def step(x: Any) -> Any:
        p.data -= q.data
        q.data -= np.sum(p.data, axis=0, keepdims=True)
        return np.sum(p.data)

    return step, [p, q], nothing


@row
def moving_averages_in_place() -> Made:
    p, v, average = tensor(), Tensor(np.zeros((3, 3))), Tensor(np.zeros((3, 3)))

    def step(x: Any) -> Any:
        before = v.data * 1
        v.data *= 0.9
        v.data += slope(p, x)
        p.data -= 0.1 * (1.9 * v.data - 0.9 * before)
        average.data = 0.9 * average.data + 0.1 * p.data
        return average.data

    return step, [p, v, average], nothing


@row
def a_target_that_follows() -> Made:
    p, target = tensor(), tensor(1)

    def step(x: Any) -> Any:
        loss = np.sum((x @ p - (x @ target).detach()) ** 2)
        loss.backward()
        p.data -= 0.01 * p.grad
        target.data = 0.5 * target.data + 0.5 * p.data
        p.zero_grad()
        return loss

    return step, [p, target], nothing


# Updates that are something else once the program was made faster.


@row
def two_tensors_of_the_same_new_value() -> Made:
    p, q = tensor(), tensor(1)

    def step(x: Any) -> None:
        p.data = x * 2
        q.data = x * 2

    return step, [p, q], lambda: (p.data.__iadd__(1), [q.data])[1]


@row
def products_with_several_numbers() -> Made:
    p = tensor()

    def step(x: Any) -> None:
        p.data *= 0.9
        p.data *= 0.9
        p.data = p.data * 1e-200 * 1e200

    return step, [p], nothing


@row
def a_number() -> Made:
    p = Tensor(np.array(0.5), requires_grad=True)
    held = p.data

    def step(x: Any) -> Any:
        np.sum(p * x).backward()
        p.data -= 0.1 * p.grad
        p.zero_grad()
        return p * 1

    return step, [p], lambda: [held]


@row
def another_dtype() -> Made:
    p, q = tensor(dtype=np.float32), tensor(1, np.float32)

    def step(x: Any) -> None:
        p.data = p.data + x
        q.data += x

    return step, [p, q], lambda: [p.data.dtype == q.data.dtype]


@row
def integers() -> Made:
    p = Tensor(np.arange(9).reshape(3, 3))

    def step(x: Any) -> Any:
        p.data = p.data + 1
        return p.data * x

    return step, [p], nothing


@row
def gradients_that_stay_and_add_up() -> Made:
    p = tensor()

    def step(x: Any) -> None:
        np.sum(np.tanh(x @ p) ** 2).backward()
        p.data -= 0.01 * p.grad

    return step, [p], lambda: [p.grad]


def sigmoid_step(is_late: bool) -> Made:
    p, q = tensor(), tensor(1)

    def step(x: Any) -> Any:
        old = p.data if is_late else p.data + x
        softplus = np.logaddexp(0, old) + np.logaddexp(0, -old)
        if is_late:
            p.data = old - x
        q.data = 1 / (1 + np.exp(-old))
        return softplus

    return step, [p, q], nothing


LOWERED = [
    pytest.param(lambda: sigmoid_step(False), id="a sigmoid, early"),
    pytest.param(lambda: sigmoid_step(True), id="a sigmoid, late"),
]


@pytest.mark.parametrize("make", ROWS + LOWERED)
def test_updates_are_the_eager_ones(make: Callable[[], Made]) -> None:
    seen = []
    for wrap in (lambda step: step, compile):
        step, tensors, look = make()
        function = wrap(step)
        states = []
        for number in range(4):
            result = function(np.cos(np.arange(9.0) + number).reshape(3, 3))
            leaves = [*flatten(result)[0], *look(), *tensors, *[one.grad for one in tensors]]
            states.append([np.array(leaf.numpy() if isinstance(leaf, Tensor) else leaf) for leaf in leaves])
        seen.append(states)
    for expected, actual in zip(*seen, strict=True):
        for one, same in zip(actual, expected, strict=True):
            assert (one.shape, one.dtype) == (same.shape, same.dtype)
            if one.dtype != object:
                tolerance = 1e-6 if one.dtype == np.float32 else 1e-13
                np.testing.assert_allclose(one, same, rtol=tolerance, atol=tolerance)


def test_threads_with_tensors_of_their_own() -> None:
    compiled = compile(lambda p, x: p.data - 0.1 * slope(Tensor(p.data, requires_grad=True), x))
    x = np.ones((50, 30))
    given = [Tensor(np.full((30, 20), scale)) for scale in (0.1, 0.2, 0.3, 0.4)]
    expected = [compiled(p, x) for p in given]
    assert_right_in_threads(lambda number: compiled(given[number], x), expected)


@pytest.mark.parametrize("in_place", [True, False])
def test_an_argument_that_is_changed_as_well_is_not_taken_for_another(in_place: bool) -> None:
    p, q = tensor(), tensor(1)

    def step(x: Any) -> None:
        if in_place:
            p.data -= 0.5 * x.data
        else:
            p.data = p.data - 0.5 * x.data
        q.data = q.data - 0.5 * x.data

    expected = q.numpy() - 0.25 * p.numpy()
    try:
        compile(step)(p)
    except tg.TinygradError:
        return
    np.testing.assert_allclose(q.numpy(), expected, rtol=1e-15)
