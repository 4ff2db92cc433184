"""Where programs compute: buffers that are made once, parts in the place where they are joined, nothing made anew."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor
from tinygrad_np.program import compile
from tinygrad_np.program.capture.traced import Traced

random = np.random.default_rng(6)


def parameters(*shapes: tuple[int, ...], dtype: Any = float) -> list[Tensor]:
    return [Tensor(random.normal(size=shape).astype(dtype) / 4, requires_grad=True) for shape in shapes]


def sigmoids(X: Any, y: Any, W1: Any, W2: Any) -> Any:
    return np.sum(np.square(y - tg.sigmoid(tg.sigmoid(X @ W1) @ W2)) / 2)


def tanhs(X: Any, y: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
    A = tg.sigmoid(np.tanh(np.dot(X, W1) + b1) @ W2 + b2)
    return -np.mean(y * np.log(A) + (1 - y) * np.log(1 - A))


def relus(X: Any, y: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
    A = tg.sigmoid(np.maximum(0, np.dot(X, W1) + b1) @ W2 + b2)
    return 1.0 / len(y) * np.nansum(np.multiply(-np.log(A), y) + np.multiply(-np.log(1 - A), 1 - y))


def softmax(X: Any, y: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
    return -np.sum(y * tg.log_softmax(tg.relu(X @ W1 + b1) @ W2 + b2, axis=1)) / len(y)


def letters(X: Any, y: Any, W: Any, U: Any, V: Any, b: Any, c: Any) -> Any:
    h, loss = np.zeros((800, 1), X.dtype), 0.0
    for t in range(20):
        h = np.tanh(np.dot(W, X[:, t : t + 1]) + np.dot(U, h) + b)
        loss = loss - np.sum(y[:, t : t + 1] * tg.log_softmax(np.dot(V, h) + c, axis=0))
    return loss


def masked(X: Any, y: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
    A = np.where(X[:, :1] > 0, np.tanh(X @ W1 + b1), -1.0)
    return np.mean(np.square(np.where(y == 1, 0, A @ W2 + b2)))


ROWS, LABELS = random.normal(size=(40_000, 6)), random.integers(0, 2, (40_000, 1))
DENSE, CLASSES = [(6, 20), (1, 20), (20, 1), (1, 1)], np.eye(4)[random.integers(0, 4, 40_000)]
STEPS = [np.eye(40)[:, random.integers(0, 40, 20)] for _ in range(2)]
NETWORKS: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]], Any, Any]] = {
    "sigmoids": (sigmoids, DENSE[::2], ROWS, LABELS),
    "tanhs": (tanhs, DENSE, ROWS, LABELS),
    "relus": (relus, DENSE, ROWS, LABELS),
    "softmax": (softmax, [(6, 20), (1, 20), (20, 4), (1, 4)], ROWS, CLASSES),
    "masked": (masked, DENSE, ROWS, LABELS),
    "letters": (letters, [(800, 40), (800, 800), (40, 800), (800, 1), (40, 1)], *STEPS),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_training_step_makes_no_array(name: str, dtype: Any) -> None:
    loss_of, shapes, X, y = NETWORKS[name]
    X, y = X.astype(dtype), y.astype(dtype) if y.dtype == float else y
    tensors = parameters(*shapes, dtype=dtype)

    @compile
    def step(X: Any, y: Any) -> Any:
        loss = loss_of(X, y, *tensors)
        loss.backward()
        for tensor in tensors:
            tensor.data -= 0.1 * tensor.grad
            tensor.zero_grad()
        return loss

    for _ in range(3):
        step(X, y)
    tracemalloc.start()
    step(X, y)
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    step(X, y)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    # The loss, Python's own, and the 8192 numbers of each operand that NumPy converts at a time: of truths all three.
    assert peak < (220_000 if name == "masked" else 140_000)


def states(x: Any, *names: str) -> list[Any]:
    return [np.tanh(x[:, t : t + 1] * x[t : t + 1].T) for t in range(4)]


def inner(compiled: Any) -> str:
    """The lines that run in each call."""
    return str(compiled.fast_source).partition("    def ")[2]


def run_twice(f: Callable[..., Any], *inputs: Any) -> Any:
    """The compiled function, whose results are shown to be the eager ones, in later calls too."""
    compiled = compile(f)
    for shift in (0.0, 1.0, -0.5):
        given = [value + shift for value in inputs]
        expected = f(*given)
        for actual, same in zip(compiled(*given), expected, strict=True):
            np.testing.assert_allclose(actual, same, rtol=1e-13, atol=1e-14)
    return compiled


x = random.normal(size=(6, 6))


def test_what_is_joined_is_computed_in_its_place() -> None:
    compiled = run_twice(lambda x: (np.tanh(np.concatenate(states(x), axis=1)) @ x[:4],), x)
    assert "concatenate" not in inner(compiled)
    assert "copyto" not in inner(compiled)


@pytest.mark.parametrize(
    "join",
    [
        lambda h: [h[0], h[1], h[0], h[2]],
        lambda h: [h[3], h[2], h[1], h[0]],
        lambda h: [h[0], h[1], h[1] * 2, h[3]],
        lambda h: [h[0], np.ones((6, 1)), h[1], h[2]],
        lambda h: [np.concatenate([h[0], h[1], h[2]], axis=1), h[3], h[0]],
        lambda h: [h[0].T.T, h[1][:], h[2].reshape(6, 1)],
    ],
)
def test_parts_in_any_order_and_number(join: Any) -> None:
    def f(x: Any) -> Any:
        h = states(x)
        joined = np.concatenate(join(h), axis=1)
        return np.exp(-np.abs(joined)), np.sum(joined, axis=0), h[1] * 2, np.sin(h[0])

    run_twice(f, x)


def test_a_part_of_two_arrays() -> None:
    def f(x: Any) -> Any:
        h = states(x)
        first, second = np.concatenate(h, axis=1), np.concatenate(h[::-1], axis=0)
        return np.exp(first), np.exp(second), np.concatenate([h[0], h[1]], axis=0).sum(0)

    run_twice(f, x)


def test_parts_that_are_results_are_arrays_of_their_own() -> None:
    def f(x: Any) -> Any:
        h = states(x)
        return np.exp(np.concatenate(h, axis=1)), *h

    compiled = compile(f)
    first = compiled(x)
    kept = [value.copy() for value in first]
    compiled(x + 1)
    for value, same in zip(first, kept, strict=True):
        np.testing.assert_array_equal(value, same)
    for number, value in enumerate(first):
        assert not any(np.shares_memory(value, other) for other in first[number + 1 :])


def test_views_of_buffers_are_made_once() -> None:
    def f(x: Any) -> Any:
        P = np.tanh(x) @ x
        h = P[:, 0:1]
        for t in range(1, 5):
            h = np.sin(np.dot(x, h) + P[:, t : t + 1])
        return (h,)

    assert "[:" not in inner(run_twice(f, x))


def test_tall_thin_matrices_lie_column_after_column() -> None:
    tall = random.normal(size=(100, 3))
    compiled = run_twice(lambda x, b: (np.sum(np.tanh(x @ b) + b[:1], axis=0), np.exp(x @ b).T), tall, x[:3, :3])
    assert "np.empty((3, 100)).T" in compiled.fast_source


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda x: x[::-1, ::-1], lambda x: np.repeat(x, 2, 0)[::2]])
def test_arguments_lie_as_they_like(layout: Any) -> None:
    def f(x: Any, W: Any) -> Any:
        value, slopes = tg.value_and_grad(lambda W: np.sum(np.tanh(x @ W) ** 2))(W)
        return value, slopes, (x @ W).T @ x

    compiled, W = compile(f), random.normal(size=(6, 2))
    for given in (x, layout(x)):
        for actual, expected in zip(compiled(given, layout(W)), f(given, layout(W)), strict=True):
            np.testing.assert_allclose(actual, expected, rtol=1e-13)


def test_names_of_the_users_are_no_others() -> None:
    def f(x: Any) -> Any:
        buffer1 = np.tanh(x)
        tanh_ = np.tanh(buffer1 * 0.5) + buffer1
        dot_ = np.dot(tanh_, x)
        number_0_5 = np.dot(dot_.T, tanh_) * 0.5
        return (number_0_5,)

    run_twice(f, x)


def test_rare_values_in_the_sources_run_the_program_for_all() -> None:
    f = tg.grad(lambda x: np.sum(np.maximum(x, 0.0) * 3))
    compiled = compile(f)
    compiled(np.array([1.0, -2.0]))
    for source in (compiled.source, compiled.fast_source):
        names: dict[str, Any] = {}
        exec(source, names)
        for given in ([0.0, 1.0], [np.nan, 0.0], [2.0, -1.0], [0.0, 0.0]):
            result = names[compiled.program.name](np.array(given))
            np.testing.assert_array_equal(np.reshape(result, 2), f(np.array(given)))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_choice_is_made_bit_for_bit_where_it_is_kept(dtype: Any) -> None:
    def choose(c: Any, x: Any, y: Any) -> Any:
        return [one * 1 for one in (np.where(c, x, y), np.where(c, 0, x), np.where(c, y, 0), np.where(c, x, 2.5))]

    x, y = (random.normal(size=(40, 30)).astype(dtype) for _ in range(2))
    x[:4], y[2:6] = [[np.nan], [np.inf], [-0.0], [-np.inf]], [[np.nan], [-0.0], [np.inf], [0.0]]
    for condition in (random.random((40, 30)) < 0.5, random.random((40, 1)) < 0.5):
        compiled = compile(choose, exact=True)
        for one, other in zip(compiled(condition, x, y[:1]), choose(condition, x, y[:1]), strict=True):
            np.testing.assert_array_equal(one, other)
            np.testing.assert_array_equal(np.signbit(one), np.signbit(other))


def test_rows_that_are_picked_are_updated_where_they_stand() -> None:
    table, rows = random.normal(size=(5000, 40)), random.integers(0, 5000, (20, 3))
    picked = random.integers(0, 5000, 300)
    losses: list[Any] = []

    def trained(table: Tensor) -> Any:
        def step(rows: Any, picked: Any, rate: Any) -> Any:
            loss = np.sum(np.tanh(table[rows]) ** 2) + np.sum(table[picked] * table[1:301])
            loss.backward()
            table.data -= rate * table.grad
            table.zero_grad()
            return loss

        return step

    eager, ours = (Tensor(table, requires_grad=True) for _ in range(2))
    step, compiled = trained(eager), tg.compile(trained(ours), verify=False)
    for _ in range(3):
        losses.append((step(rows, picked, np.float64(0.1)), compiled(rows, picked, np.float64(0.1))))
        np.testing.assert_allclose(ours.numpy(), eager.numpy(), rtol=1e-12, atol=1e-12)

    only = Tensor(table, requires_grad=True)

    @partial(tg.compile, verify=False)
    def embed(rows: Any) -> Any:
        loss = np.sum(np.tanh(only[rows]) ** 2)
        loss.backward()
        only.data -= 0.1 * only.grad
        only.zero_grad()
        return loss

    embed(rows)
    tracemalloc.start()
    embed(rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < table.nbytes / 5


def test_what_is_added_to_a_view_is_added_to_a_copy() -> None:
    def f(x: Any) -> Any:
        return np.sum(tg.index_update(np.tanh(x).T, 0, x[0] * 2) * x[1]) + np.sum(np.sin(x).T[2])

    run_twice(tg.value_and_grad(f), x)


def test_a_product_of_stacked_matrices_is_written_into_a_buffer_that_it_does_not_read() -> None:
    x, w = random.normal(size=(4, 3, 3)), random.normal(size=(4, 3, 3))
    compiled = compile(lambda x, w: np.exp(x) @ np.exp(w) @ np.exp(x - w))
    np.testing.assert_array_equal(compiled(x, w), np.exp(x) @ np.exp(w) @ np.exp(x - w))
    assert "= matmul_(t1, t2, buffer3)" in compiled.fast_source


def test_a_first_call_takes_little_more_memory_than_the_function() -> None:
    weights, X = parameters(*[(128, 128)] * 8), random.normal(size=(128, 128))

    def step(X: Any) -> Any:
        for weight in weights:
            X = np.maximum(0, X @ weight)
        loss = np.mean(X**2)
        loss.backward()
        for weight in weights:
            weight.data -= 0.01 * weight.grad
            weight.zero_grad()
        return loss

    peaks = []
    for function in (step, compile(step, verify=False)):
        step(X)
        gc.collect()
        tracemalloc.start()
        try:
            function(X)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + 2e6  # The program itself, and its text, are as large for small arrays.


def test_a_capture_leaves_nothing_to_the_garbage_collector() -> None:
    w, x = parameters((3, 3))[0], random.normal(size=(3, 3))
    compiled = compile(tg.grad(lambda x: np.sum(np.tanh(x @ w)[:, 1:] ** 2)))
    gc.collect()
    gc.disable()
    try:
        compiled(x)
        assert not [one for one in gc.get_objects() if type(one) is Traced]
    finally:
        gc.enable()


def test_a_tensor_in_the_place_of_one_that_is_gone_is_another() -> None:
    w = Tensor(random.normal(size=3), requires_grad=True)

    def f(x: Any) -> Any:
        total = np.zeros(3)
        for _ in range(20):
            held = (w * x).data
            held += 1
            other = w * x
            total = total + held + other.data
            del other
        return total

    compiled = compile(f)
    for x in random.normal(size=(3, 3)):
        np.testing.assert_allclose(compiled(x), f(x), rtol=1e-13)
