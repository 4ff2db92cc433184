"""tg.compile: what a compiled function gives, changes, refuses and notices."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tests.program.running import assert_right_in_threads
from tinygrad_np import Tensor
from tinygrad_np.errors import CaptureError
from tinygrad_np.program import Compiled, compile

random = np.random.default_rng(3)
X, y = random.normal(size=(40, 2)), (random.random((40, 1)) < 0.5).astype(float)


def parameters() -> list[Tensor]:
    draw = np.random.default_rng(1).normal
    shapes = {"W1": (2, 5), "b1": (1, 5), "W2": (5, 1), "b2": (1, 1)}
    return [Tensor(draw(size=shape), requires_grad=True, name=name) for name, shape in shapes.items()]


def loss_of(X: Any, y: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
    A1 = np.tanh(np.dot(X, W1) + b1)
    A2 = 1 / (1 + np.exp(-(np.dot(A1, W2) + b2)))
    return -np.mean(y * np.log(A2) + (1 - y) * np.log(1 - A2))


def training_step(tensors: list[Tensor], rate: float = 0.5) -> Any:
    def step(X: Any, y: Any) -> Any:
        loss = loss_of(X, y, *tensors)
        loss.backward()
        for tensor in tensors:
            tensor.data -= rate * tensor.grad
            tensor.zero_grad()
        return loss

    return step


def test_a_training_step_that_updates_what_it_closes_over() -> None:
    ours, theirs = parameters(), parameters()
    compiled, eager = compile(training_step(ours)), training_step(theirs)
    for _ in range(4):
        loss, expected = compiled(X, y), eager(X, y)
        assert isinstance(loss, Tensor)
        np.testing.assert_allclose(loss.numpy(), expected.numpy(), rtol=1e-13)
        for our, their in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(our.numpy(), their.numpy(), rtol=1e-13, atol=1e-14)
            assert our.grad is None
    assert len(compiled.variants) == 1


def test_gradients_add_up_and_stay() -> None:
    ours, theirs = parameters(), parameters()

    def backward(tensors: list[Tensor]) -> Any:
        return lambda X, y: loss_of(X, y, *tensors).backward()

    compiled, eager = compile(backward(ours)), backward(theirs)
    for _ in range(3):
        assert compiled(X, y) is None
        eager(X, y)
        for our, their in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(our.grad, their.grad, rtol=1e-12, atol=1e-15)


def test_who_holds_the_values_keeps_them() -> None:
    tensors = parameters()
    compiled = compile(training_step(tensors))
    compiled(X, y)
    copy, loss = tensors[0].numpy(), loss_of(X, y, *tensors)
    before = copy.copy()
    compiled(X, y)
    np.testing.assert_array_equal(copy, before)
    assert np.any(tensors[0].numpy() != before)
    with pytest.raises(tg.TinygradError, match="was changed"):
        loss.backward()


def test_results_are_new_arrays_and_arguments_stay() -> None:
    compiled = compile(lambda x: (x.T, x, np.tanh(x), np.tanh(x)))
    x = random.normal(size=(50, 3))
    before = x.copy()
    first = compiled(x)
    kept = [array.copy() for array in first]
    compiled(x + 1)
    for array, same in zip(first, kept, strict=True):
        np.testing.assert_array_equal(array, same)
        assert not np.shares_memory(array, x)
    assert not np.shares_memory(first[2], first[3])
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(
    "view", [np.squeeze, np.flip, np.diagonal, np.atleast_3d, np.rot90, lambda x: np.split(x, 2)[1]]
)
def test_views_of_buffers_are_safe(view: Any) -> None:
    def f(x: Any) -> Any:
        seen = view(np.exp(x))
        return seen, np.sum(np.sin(x) + np.cos(x)), np.sum(seen)

    compiled = compile(f)
    x = random.normal(size=(6, 6))
    first = compiled(x)
    for actual, expected in zip(first, f(x), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-14)
    compiled(x + 1)
    np.testing.assert_array_equal(first[0], f(x)[0])


def test_trees_tensors_and_keywords() -> None:
    def f(tree: Any, *, scale: float) -> Any:
        return {"sum": np.sum(tree["a"] * scale), "both": [tree["a"], tree["b"][0] + 1], "none": None, "name": "n"}

    compiled = compile(f)
    tree = {"a": Tensor([1.0, 2.0]), "b": (np.array([3, 4]),)}
    for scale in (2.0, 3.0):
        result, expected = compiled(tree, scale=scale), f(tree, scale=scale)
        assert isinstance(result["both"][0], Tensor)
        assert type(result["both"][1]) is np.ndarray
        assert result["name"] == "n"
        assert result["none"] is None
        assert result["sum"].item() == expected["sum"].item()
    assert len(compiled.variants) == 2


@pytest.mark.parametrize("order", [1, 2, 3])
def test_nested_derivatives(order: int) -> None:
    f = lambda x: np.sin(x) * x**3  # noqa: E731
    for _ in range(order):
        f = tg.grad(f)
    assert compile(f)(1.3) == f(1.3)  # a static number: the program is its result
    np.testing.assert_allclose(compile(f)(np.array(1.3)), f(np.array(1.3)), rtol=1e-14)


def test_a_new_shape_dtype_or_static_value_is_captured_anew() -> None:
    compiled = compile(lambda x, n: np.sum(x) * n)
    for x, n in [(np.ones(3), 2), (np.ones(4), 2), (np.ones(3, np.float32), 2), (np.ones(3), 3), (np.ones(3), 2.0)]:
        result = compiled(x, n)
        assert result == x.sum() * n
        assert result.dtype == x.dtype
    assert len(compiled.variants) == 5


rate = 0.5


def test_a_plain_value_that_changed_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    factor = 2.0
    inner = lambda x: x * rate  # noqa: E731

    def f(x: Any) -> Any:
        return inner(x) * factor

    compiled = compile(f)
    assert compiled(np.ones(2))[0] == 1.0
    factor = 10.0
    assert compiled(np.ones(2))[0] == 5.0
    monkeypatch.setitem(globals(), "rate", 1.0)
    assert compiled(np.ones(2))[0] == 10.0


def test_a_tensor_of_another_value_shape_or_gradient() -> None:
    w = Tensor([1.0, 2.0], requires_grad=True)
    compiled = compile(lambda: np.sum(w * w))
    assert compiled().item() == 5
    w.data = [3.0, 4.0]
    assert compiled().item() == 25
    w.data[0] = 0.0
    assert compiled().item() == 16


def branch(x: Any) -> Any:
    return x if np.sum(x) > 0 else -x


@pytest.mark.parametrize(
    ("f", "what"),
    [
        (branch, "true"),
        (lambda x: x * float(np.sum(x)), "number"),
        (lambda x: x * np.sum(x).item(), "number"),
        (lambda x: print(x), "printed"),
        (lambda x: f"{x}", "printed"),
        (lambda x: x + np.random.default_rng().normal(size=2), "second time"),
        (lambda x: np.array([x, x]), "printed"),
    ],
)
def test_what_can_not_be_repeated_names_the_line(f: Any, what: str) -> None:
    with pytest.raises(CaptureError, match=rf"(?s)(test_compile.py line \d+.*{what}|{what}.*test_compile.py line \d+)"):
        compile(f)(np.ones(2))
    with pytest.raises(CaptureError):
        compile(lambda x: f(x))(Tensor([1.0, 2.0]))


def test_a_counter_is_no_constant() -> None:
    count = [0]

    def f(x: Any) -> Any:
        count[0] += 1
        return x * count[0]

    with pytest.raises(CaptureError, match="second time"):
        compile(f)(np.ones(2))


def test_writing_into_arrays_is_refused_or_right() -> None:
    w = Tensor([1.0, 2.0], requires_grad=True)

    def aliased(x: Any) -> Any:
        values = w.data
        values -= x
        return x

    def added(x: Any) -> Any:
        total = x * 2
        total += 1
        return total

    def old_name(x: Any) -> Any:
        total = x * 2
        same = total
        total += 1
        return same

    def assigned(x: Any) -> Any:
        x[0] = 1.0
        return x

    for refused in (aliased, old_name, assigned):
        with pytest.raises(CaptureError):
            compile(refused)(np.ones(2))
    np.testing.assert_array_equal(w.numpy(), [1, 2])
    np.testing.assert_array_equal(compile(added)(np.ones(2)), [3, 3])


def test_a_failed_capture_leaves_no_trace() -> None:
    tensors = parameters()
    before = [tensor.numpy() for tensor in tensors]
    step = training_step(tensors)

    def failing(X: Any, y: Any) -> Any:
        return float(step(X, y))

    with pytest.raises(CaptureError):
        compile(failing)(X, y)
    for tensor, same in zip(tensors, before, strict=True):
        np.testing.assert_array_equal(tensor.numpy(), same)
        assert tensor.grad is None
    assert isinstance((tensors[0] * 2).sum().item(), float)


def test_threads_have_buffers_of_their_own() -> None:
    compiled = compile(tg.value_and_grad(lambda x: np.sum(np.tanh(x) ** 2)))
    inputs = [np.full((200, 20), scale) for scale in (0.1, 0.5, 1.0, 2.0)]
    expected = [compiled(x)[1].copy() for x in inputs]
    assert_right_in_threads(lambda number: compiled(inputs[number])[1], expected)


def test_rare_values_run_the_general_program() -> None:
    function = tg.grad(lambda x: np.sum(np.maximum(x, 0.0) * 3))
    compiled = compile(function)
    for x in (np.array([1.0, -2.0]), np.array([0.0, 1.0]), np.array([np.nan, 0.0]), np.array([2.0, -1.0])):
        np.testing.assert_array_equal(compiled(x), function(x))


def test_a_graph_of_before_is_refused() -> None:
    w = Tensor(np.ones(3), requires_grad=True, name="w")
    loss = np.sum(np.tanh(w) ** 2)

    def step(x: Any) -> Any:
        loss.backward(retain_graph=True)
        return x + w.grad

    with pytest.raises(CaptureError, match=r"recorded before .* line \d+"):
        compile(step)(np.ones(3))
    assert w.grad is None


def test_both_sources_hold_for_rare_values() -> None:
    function = tg.value_and_grad(lambda x, w: np.sum(np.maximum(x, 0.0) * w))
    compiled = compile(function)
    x, w = np.array([1.0, -2.0, 3.0]), np.arange(3.0)
    compiled(x, w)
    for values in (x, np.array([0.0, -1.0, np.nan])):
        for source in (compiled.source, compiled.fast_source):
            names: dict[str, Any] = {}
            exec(source, names)
            for actual, expected in zip(names[compiled.program.name](values, w), function(values, w), strict=True):
                np.testing.assert_array_equal(actual, expected)


def test_an_array_that_the_user_holds_changes_as_it_does_in_the_function() -> None:
    held, replaced = (Tensor(np.zeros(4), requires_grad=True) for _ in range(2))

    def step(x: Any) -> None:
        held.data -= x
        replaced.data = replaced.data - x

    compiled = compile(step)
    compiled(np.ones(4))
    first, second = held.data, replaced.data
    compiled(np.ones(4))
    np.testing.assert_array_equal(first, -2 * np.ones(4))
    np.testing.assert_array_equal(second, -np.ones(4))
    assert held.data is first


def test_updates_that_read_each_other() -> None:
    p, q = Tensor(np.arange(4.0)), Tensor(np.arange(4.0) * 10)

    def step(x: Any) -> Any:
        a, b = p.data, q.data
        p.data, q.data = a - b, b - a * x
        return a

    compiled = compile(step)
    x = np.full(4, 2.0)
    for _ in range(3):
        a, b = p.numpy(), q.numpy()
        before = compiled(x)
        np.testing.assert_array_equal(before, a)
        np.testing.assert_array_equal(p.numpy(), a - b)
        np.testing.assert_array_equal(q.numpy(), b - a * x)


def test_saturated_sigmoids_have_a_finite_loss() -> None:
    def loss(z: Any, y: Any) -> Any:
        a = 1 / (1 + np.exp(-z))
        return -np.sum(y * np.log(a) + (1 - y) * np.log(1 - a))

    compiled = compile(tg.value_and_grad(loss))
    z, labels = np.array([40.0, -50.0, 0.5]), np.array([0.0, 1.0, 1.0])
    compiled(z / 100, labels)
    value, gradient = compiled(z, labels)
    np.testing.assert_allclose(value, np.sum(np.logaddexp(0, np.where(labels, -z, z))), rtol=1e-15)
    np.testing.assert_allclose(gradient, 1 / (1 + np.exp(-z)) - labels, rtol=1e-15)
    assert "a - y" in compiled.source


def test_no_array_but_the_results_is_made_after_the_first_call() -> None:
    import tracemalloc

    compiled = compile(tg.value_and_grad(lambda W, X: np.sum(np.tanh(X @ W) ** 2)))
    W, wide = random.normal(size=(30, 40)), random.normal(size=(2000, 30))
    compiled(W, wide)
    tracemalloc.start()
    compiled(W, wide)
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    result = compiled(W, wide)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    # NumPy before 2.2 makes buffers of its own for what broadcasts.
    buffers = 20_000 if np.lib.NumpyVersion(np.__version__) >= "2.2.0" else 90_000
    assert result[1].nbytes <= peak < result[1].nbytes + buffers


def test_the_source_has_the_users_names_and_runs_alone(tmp_path: Any) -> None:
    def gradients(X: Any, y: Any, W1: Any, b1: Any) -> Any:
        def cost(W1: Any, b1: Any) -> Any:
            Z1 = np.dot(X, W1) + b1
            A1 = np.tanh(Z1)
            return np.mean((A1 - y) ** 2)

        return tg.grad(cost, (0, 1))(W1, b1)

    compiled: Compiled = compile(gradients)
    given = X, y, random.normal(size=(2, 1)), np.zeros((1, 1))
    expected = compiled(*given)
    for name in ("Z1 = np.dot(X, W1) + b1", "A1 = np.tanh(Z1)", "dZ1 = ", "dW1 = np.dot(X.T, dZ1)", "line"):
        assert name in compiled.source
    compiled.save(tmp_path / "backprop.py")
    names: dict[str, Any] = {}
    exec((tmp_path / "backprop.py").read_text(), names)
    for actual, same in zip(names["gradients"](*given), expected, strict=True):
        np.testing.assert_allclose(actual, same, rtol=1e-13)
    assert "tanh(" in str(compiled.program)
    assert str((40, 1)) in str(compiled.program)


def test_nothing_is_kept_alive_by_a_cycle() -> None:
    import weakref

    gc.disable()
    try:
        tensors = parameters()
        compile(training_step(tensors))(X, y)
        watched = weakref.ref(tensors[0])
        loss = loss_of(X, y, *tensors)
        del tensors, loss
        gc.enable()
        gc.collect()
        assert watched() is None
    finally:
        gc.enable()


def test_a_source_before_the_first_call_is_a_clear_error() -> None:
    with pytest.raises(CaptureError, match="call"):
        _ = compile(np.tanh).source
