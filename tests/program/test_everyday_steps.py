"""What people write in a training step, compiled: the eager function's values, types, dtypes and shapes; and no less.

A row is a function that makes the step anew, with the Tensors that it changes, and the arguments of two calls or more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor
from tinygrad_np.program import compile
from tinygrad_np.tree import flatten

random = np.random.default_rng(11)


def real(*shape: int, dtype: Any = float) -> Any:
    return random.normal(size=shape).astype(dtype)


X, X2, Y, Y2 = real(8, 3), real(8, 3), real(8, 1), real(8, 1)
LABELS, LABELS2 = np.array([0, 1, 2, 1, 0, 2, 2, 1]), np.array([2, 2, 0, 0, 1, 1, 2, 0])
Made = tuple[Callable[..., Any], list[Tensor]]


class Step(NamedTuple):
    """A row: `captures` counts the programs, where static arguments differ."""

    name: str
    make: Callable[[], Made]
    calls: tuple[tuple[Any, ...], ...]
    captures: int = 1


STEPS: list[Step] = []


def step(*calls: tuple[Any, ...], captures: int = 1) -> Callable[[Callable[[], Made]], None]:
    """The decorated function makes a step and the Tensors that it changes."""
    return lambda make: STEPS.append(Step(make.__name__, make, calls, captures))


def pure(name: str, function: Callable[..., Any], *calls: tuple[Any, ...], captures: int = 1) -> None:
    STEPS.append(Step(name, lambda: (function, []), calls, captures))


def parameter(*shape: int, name: str, dtype: Any = float) -> Tensor:
    values = np.cos(np.arange(int(np.prod(shape)))).reshape(shape)
    return Tensor(values.astype(dtype), requires_grad=True, name=name)


def squared_error(W: Any, X: Any, Y: Any) -> Any:
    return np.mean((X @ W - Y) ** 2)


# Steps that update Tensors.


@step((X, Y, random.random((8, 3)) < 0.8), (X2, Y2, random.random((8, 3)) < 0.8))
def dropout_with_a_given_mask() -> Made:
    W = parameter(3, 1, name="W")

    def step(X: Any, Y: Any, mask: Any) -> Any:
        loss = squared_error(W, X * mask / 0.8, Y)
        loss.backward()
        W.data -= 0.1 * W.grad
        W.zero_grad()
        return loss

    return step, [W]


@step((X, Y), (X2, Y2), (X, Y))
def batch_norm_with_running_statistics() -> Made:
    W, mean, variance = parameter(3, 1, name="W"), Tensor(np.zeros(1), name="mean"), Tensor(np.ones(1), name="variance")

    def step(X: Any, Y: Any) -> Any:
        Z = X @ W
        m, v = np.mean(Z, axis=0), np.var(Z, axis=0)
        mean.data = 0.9 * mean.data + 0.1 * m.data
        variance.data *= 0.9
        variance.data += 0.1 * v.numpy()
        loss = np.mean(((Z - m) / np.sqrt(v + 1e-5) - Y) ** 2)
        loss.backward()
        W.data -= 0.1 * W.grad
        W.grad = None
        return loss.data

    return step, [W, mean, variance]


@step((X, Y), (X2, Y2), (X, Y))
def momentum() -> Made:
    W, m = parameter(3, 1, name="W"), Tensor(np.zeros((3, 1)), name="m")

    def step(X: Any, Y: Any) -> Any:
        loss = squared_error(W, X, Y) + 0.1 * np.sum(W**2)
        loss.backward()
        m.data = 0.9 * m.data + W.grad
        W.data -= 0.1 * m.data
        W.zero_grad()
        return loss

    return step, [W, m]


def adam_of(dtype: Any) -> Made:
    W = parameter(3, 1, name="W", dtype=dtype)
    m, v = (Tensor(np.zeros((3, 1), dtype), name=name) for name in ("m", "v"))
    count = Tensor(np.zeros((), dtype), name="count")

    def step(X: Any, Y: Any) -> Any:
        loss = squared_error(W, X, Y)
        loss.backward()
        count.data += 1
        m.data = 0.9 * m.data + 0.1 * W.grad
        v.data = 0.999 * v.data + 0.001 * W.grad**2
        W.data -= 0.01 * (m.data / (1 - 0.9**count.data)) / (np.sqrt(v.data / (1 - 0.999**count.data)) + 1e-8)
        W.zero_grad()
        return loss

    return step, [W, m, v, count]


@step((X, Y), (X2, Y2), (X, Y))
def adam_with_its_step_count_in_a_tensor() -> Made:
    return adam_of(np.float64)


@step(*((x.astype(np.float32), y.astype(np.float32)) for x, y in ((X, Y), (X2, Y2), (X, Y))))
def adam_in_float32() -> Made:
    return adam_of(np.float32)


@step((X, 10 * Y), (X2, 0.01 * Y2), (X, Y))
def gradients_clipped_by_their_norm() -> Made:
    W, b = parameter(3, 1, name="W"), parameter(1, name="b")

    def step(X: Any, Y: Any) -> Any:
        np.mean((X @ W + b - Y) ** 2).backward()
        norm = np.sqrt(sum(np.sum(p.grad**2) for p in (W, b)))
        for p in (W, b):
            p.grad *= np.minimum(1, 0.5 / norm)
            p.data -= np.where(norm > 1, 0.1, 0.2) * np.clip(p.grad, -0.4, 0.4)
            p.zero_grad()
        return norm

    return step, [W, b]


@step((X,), (X2,), (X,))
def gradients_of_three_losses_added_up() -> Made:
    W, average = parameter(3, name="W"), Tensor(np.zeros(3), name="average")

    def step(X: Any) -> Any:
        for row in X[:3]:
            (np.sum((W * row) ** 2) / 3).backward()
        W.data -= 0.1 * W.grad
        W.grad = None
        average.data = 0.99 * average.data + 0.01 * W.data

    return step, [W, average]


@step((X, Y), (X2, Y2))
def two_networks_with_a_stopped_gradient() -> Made:
    G, D = parameter(3, 1, name="G"), parameter(1, 1, name="D")

    def step(X: Any, Y: Any) -> Any:
        made = X @ G
        loss_d = np.mean((made.detach() @ D - Y) ** 2)
        loss_d.backward()
        D.data -= 0.1 * D.grad
        loss_g = np.mean((X @ G @ D) ** 2)
        loss_g.backward()
        G.data -= 0.1 * G.grad
        for p in (G, D):
            p.zero_grad()
        return {"discriminator": loss_d, "generator": [loss_g]}

    return step, [G, D]


@step((X.astype(np.float32), LABELS), (X2.astype(np.float32), LABELS2))
def a_float32_classifier_of_integer_labels() -> Made:
    W, b = parameter(3, 3, name="W", dtype=np.float32), parameter(3, name="b", dtype=np.float32)

    def step(X: Any, labels: Any) -> Any:
        loss = -np.mean(tg.log_softmax(X @ W + b)[np.arange(len(labels)), labels])
        loss.backward()
        for p in (W, b):
            p.data -= np.float32(0.1) * p.grad
            p.zero_grad()
        return loss

    return step, [W, b]


@step((LABELS[:4], LABELS[4:]), (LABELS2[:4], LABELS2[4:]))
def a_recurrent_network_over_letters() -> Made:
    E, W, V = parameter(3, 5, name="E"), parameter(5, 5, name="W"), parameter(3, 5, name="V")

    def step(inputs: Any, targets: Any) -> Any:
        loss, h = 0, np.zeros(5)
        for t in range(len(inputs)):
            h = np.tanh(E[inputs[t]] + h @ W)
            p = np.exp(V @ h)
            p = p / np.sum(p)
            loss -= np.log(p)[targets[t]]
        loss.backward()
        for p in (E, W, V):
            p.data -= 0.1 * p.grad
            p.zero_grad()
        return loss

    return step, [E, W, V]


# Functions and their gradients.


def attention(Q: Any, K: Any, V: Any, lengths: Any) -> Any:
    scores = Q @ np.swapaxes(K, -1, -2) / np.sqrt(Q.shape[-1])
    scores = np.where(np.arange(5) < lengths[:, None, None], scores, -np.inf)
    return np.sum(tg.softmax(scores) @ V * np.arange(4))


def network(p: Any, X: Any, Y: Any) -> Any:
    assert X.shape[1] == p["W1"].shape[0]
    return np.mean((np.tanh(X @ p["W1"] + p["b1"]) @ p["W2"] - Y) ** 2)


def convolutional(x: Any, W: Any, b: Any) -> Any:
    return np.mean(tg.max_pool2d(tg.relu(tg.conv2d(x, W, b)), 2) ** 2)


def gates(X: Any, W: Any) -> Any:
    i, f, o, g = np.split(X @ W, 4, axis=1)
    c = np.concatenate([tg.sigmoid(i) * np.tanh(g), tg.sigmoid(f)], axis=1)
    return np.sum(np.stack([np.tanh(c), c**2]) * np.pad(o, ((0, 0), (1, 1))))


def layer_norm(X: Any, scale: Any, shift: Any) -> Any:
    centred = X - np.mean(X, axis=-1, keepdims=True)
    return np.sum(np.sin(centred / (np.std(X, axis=-1, keepdims=True) + 1e-5) * scale + shift))


def parameters_of(seed: int) -> dict[str, Any]:
    draw = np.random.default_rng(seed).normal
    return {"W1": draw(size=(3, 4)), "b1": draw(size=4), "W2": draw(size=(4, 1))}


def heads() -> Any:
    return real(2, 5, 4)


slopes = tg.value_and_grad
ROWS, ROWS2 = np.array([1, 1, 7, 0]), np.array([2, -1, 3, 3])

pure("attention", slopes(attention, (0, 1, 2)), *((heads(), heads(), heads(), np.array([n, 5])) for n in (2, 4)))
pure("a dict of parameters", slopes(network), (parameters_of(1), X, Y), (parameters_of(2), X2, Y2))
pure(
    "a step on a dict",
    lambda p, X, Y, rate: {name: p[name] - rate * slope for name, slope in tg.grad(network)(p, X, Y).items()},
    (parameters_of(1), X, Y, 0.1),
    (parameters_of(2), X2, Y2, 0.1),
    (parameters_of(2), X2, Y2, 0.2),
    captures=2,
)
pure(
    "a convolutional network",
    slopes(convolutional, (1, 2)),
    (real(2, 1, 6, 6), real(3, 1, 3, 3), np.zeros(3)),
    (real(2, 1, 6, 6), real(3, 1, 3, 3), np.ones(3)),
)
pure("gates split from one product", slopes(gates, (0, 1)), (X, real(3, 8)), (X2, real(3, 8)))
pure("layer norm", slopes(layer_norm, (0, 1, 2)), (X, np.ones(3), np.zeros(3)), (X2, real(3), real(3)))
pure(
    "einsum", slopes(lambda a, b: np.sum(np.einsum("bij,bkj->bik", a, b) ** 2)), (heads(), heads()), (heads(), heads())
)
pure("running sums", slopes(lambda X: np.sum(np.cumsum(X, axis=0) ** 2 + np.cumprod(X, axis=1))), (X,), (X2,))
pure("sorted", slopes(lambda X: np.sum(np.sort(X, axis=0) * np.arange(24).reshape(8, 3))), (X,), (X2,))
pure("pooled by reshaping", slopes(lambda X: np.sum(X.reshape(4, 2, 3).max(axis=1) ** 2)), (X,), (X2,))
pure(
    "axes rearranged", slopes(lambda x: np.sum(x.reshape(2, 5, 2, 2).transpose(0, 2, 1, 3)[..., ::-1] ** 3)), (heads(),)
)
pure("a Hessian times a vector", lambda w, v: tg.hvp(lambda w: np.sum(np.tanh(X @ w) ** 3), (w,), (v,)), (X[0], X[1]))
pure(
    "a gradient of a gradient's norm",
    tg.grad(lambda w: np.sum(tg.grad(lambda w: np.sum(np.sin(X @ w)))(w) ** 2)),
    (X[0],),
    (X[1],),
)
pure("a jacobian", tg.jacobian(lambda w: np.tanh(X @ w)), (X[0],), (X[1],))

# Arrays of the function's own, which it fills anew after they were used.


def directional(x: Any) -> Any:
    direction, slopes = np.zeros(3), []
    for place in range(3):
        direction[:] = 0
        direction[place] = 1
        slopes.append(np.sum(x * direction, axis=-1))
    return np.stack(slopes)


def after_the_last_use(x: Any) -> Any:
    buffer = np.full(3, 2.0)
    scaled = x * buffer
    buffer += 1
    return scaled, x * buffer


pure("a direction after the other", directional, (X,), (X2,))
pure("a buffer that is counted up", after_the_last_use, (X,), (X2,))
pure("running averages", slopes(lambda x: sum(np.sum(np.tanh(r) * 0.5**i) for i, r in enumerate(x))), (X,), (X2,))

# Indices that are arguments.

pure("an embedding", slopes(lambda E, rows: np.sum(E[rows] ** 3)), (X, ROWS), (X2, ROWS2))
pure("tg.embedding", slopes(lambda E, rows: np.sum(tg.embedding(E, rows) ** 3)), (X, ROWS), (X2, ROWS2))
pure("rows of an array", lambda X, rows: X[rows], (X, ROWS), (X2, ROWS2))
pure("columns", slopes(lambda X, columns: np.sum(X[:, columns] ** 3)), (X, ROWS % 3), (X2, -ROWS2 % 3))
pure(
    "a Tensor as an index", lambda X, rows: np.sum(X[rows] ** 2), (Tensor(X), Tensor(ROWS)), (Tensor(X2), Tensor(ROWS2))
)
pure("a number as an index", slopes(lambda X, row: np.sum(X[row] ** 3)), (X, np.int64(2)), (X2, np.int64(-1)))
pure("take", slopes(lambda X, rows: np.sum(np.take(X, rows, axis=0) ** 3)), (X, ROWS), (X2, ROWS2))
pure("take, clipped", slopes(lambda X, rows: np.sum(np.take(X, rows, mode="clip") ** 3)), (X, ROWS), (X2, 9 * ROWS))
pure(
    "take_along_axis",
    slopes(lambda X, labels: np.sum(np.take_along_axis(X, labels[:, None], 1) ** 3)),
    (X, LABELS),
    (X2, LABELS2),
)
pure(
    "an index's second derivative",
    lambda E, rows, v: tg.hvp(lambda E: np.sum(np.sin(E[rows]) ** 2), (E,), (v,)),
    (X, ROWS, X2),
    (X2, ROWS2, X),
)
pure("in the order of a column", slopes(lambda X: np.sum(X[np.argsort(X[:, 0])] * X)), (X,), (X2,))
pure(
    "index_update", slopes(lambda X, rows, v: np.sum(tg.index_update(X, rows, v) ** 3), (0, 2)),
    (X, ROWS, X2[:4]), (X2, ROWS2, X[:4]),
)  # fmt: skip
pure("one hot", slopes(lambda z, y: -np.sum(tg.one_hot(y, 3) * tg.log_softmax(z))), (X, LABELS), (X2, LABELS2))
pure("rows of ones", slopes(lambda z, y: np.sum(Tensor(np.eye(3))[y] * z**2)), (X, LABELS), (X2, LABELS2))
pure("how often it is right", lambda z, y: np.mean(np.argmax(z, axis=1) == y), (X, LABELS), (X2, LABELS2))

# Rules that look at values, which are others in the second call.

TALL, FLAT = np.linalg.qr(real(4, 3)).Q * [4.0, 3.0, 1.0], np.linalg.qr(real(4, 3)).Q
pure("pinv that cuts, or not", slopes(lambda a: np.sum(np.linalg.pinv(a, 0.5) ** 2)), (TALL,), (FLAT,), (TALL,))
pure("lstsq that cuts, or not", slopes(lambda a, b: np.sum(np.linalg.lstsq(a, b, 0.5)[0] ** 2), (0, 1)),
     (TALL, Y[:4]), (FLAT, Y[:4]), (TALL, Y[4:]))  # fmt: skip
pure("lstsq", lambda a, b: np.linalg.lstsq(a, b), (X, Y), (X2, Y2))
pure("a square root of a product", slopes(lambda a: np.sum(np.linalg.cholesky(a @ a.T + np.eye(8)))), (X,), (X2,))
pure(
    "second derivatives of eigenvectors",
    lambda a, v: tg.hvp(lambda a: np.sum(np.linalg.eigh(a.T @ a).eigenvectors ** 3), (a,), (v,)),
    (X, X2),
    (X2, X),
)
pure(
    "interpolation", slopes(lambda x, f: np.sum(np.interp(x, [-1.0, 0.0, 1.0], f) ** 2), (0, 1)), (X, X[0]), (X2, X2[0])
)
pure("quantiles", slopes(lambda x: np.sum(np.quantile(x, [0.3, 0.5], axis=0)) + np.median(x)), (X,), (X2,))
pure("without NaN", slopes(lambda x: np.nansum(x**2) + np.nanmedian(x)), (X,), (np.where(X > 0, X, np.nan),))
pure("chosen", slopes(lambda which, a, b: np.sum(np.choose(which, [a, b]) ** 3), (1, 2)),
     (LABELS % 2, X[:, 0], X[:, 1]), (LABELS2 % 2, X2[:, 0], X2[:, 1]))  # fmt: skip
pure("along an axis", slopes(lambda X: np.sum(np.apply_along_axis(lambda v: v * v[0], 1, X))), (X,), (X2,))
pure("along an axis of an array", lambda X: np.apply_along_axis(lambda v: v * v[0], 1, X), (X,), (X2,))

# Arguments and results of all kinds.

wide = real(16, 6)
read_only = X.copy()
read_only.flags.writeable = False
products = slopes(lambda x: np.sum(np.tanh(x @ x.T) + x[:, :1]))

pure("views", products, (wide[::2, ::2],), (wide[::-2, 1::2],), (X,))
pure("Fortran's order", products, (np.asfortranarray(X),), (X,), (np.asfortranarray(X2),))
pure("read-only", products, (read_only,), (X2,))
pure("repeated without a copy", products, (np.broadcast_to(X[0], (8, 3)),), (X2,))
pure("empty", slopes(lambda x, w: np.sum(np.tanh(x @ w)), (0, 1)), (np.zeros((0, 3)), np.ones((3, 2))))
pure("the same array twice", slopes(lambda a, b: np.sum(a * b + b), (0, 1)), (X, X), (X, X2))
pure("0-d arrays", lambda w, rate: w - rate * w**2, (X[0], np.array(0.1)), (X[1], np.array(0.2)))
pure("NumPy's numbers", lambda w, rate: (w - rate * w, rate), (X[0], np.float64(0.1)), (X[1], np.float64(0.2)))
pure(
    "NumPy's numbers with float32", lambda w, rate: w - rate * w,
    (X[0].astype(np.float32), np.float64(0.1)), (X[1].astype(np.float32), np.float64(0.2)),
)  # fmt: skip
pure("Python's numbers", lambda w, rate: w - rate * w, (X[0], 0.1), (X[1], 0.2), (X2[0], 0.1), captures=2)
pure("flags", lambda x, training: x * 2 if training else x, (X, True), (X2, False), captures=2)
pure("a list", lambda arrays: sum(np.sum(x) * i for i, x in enumerate(arrays)), ([X, X2],), ([X2, X],))
pure("a tree", lambda x: {"a": Tensor(x) * 2, "b": (x + 1, [np.sum(x), None, "name", 3])}, (X,), (X2,))
pure("the argument and a view", lambda x: (x, x.T, x[1:], np.squeeze(x), Tensor(x)), (X,), (X2,))


def arrays_of(tree: Any) -> list[Any]:
    """The leaves, Tensors as their arrays."""
    return [leaf.numpy() if isinstance(leaf, Tensor) else leaf for leaf in flatten(tree)[0]]


def assert_same(actual: Any, expected: Any) -> None:
    """The same type, dtype, shape, and values but for rounding."""
    assert [type(one) for one in flatten(actual)[0]] == [type(one) for one in flatten(expected)[0]]
    for one, other in zip(arrays_of(actual), arrays_of(expected), strict=True):
        if isinstance(other, np.ndarray | np.generic):
            assert (one.shape, one.dtype) == (other.shape, other.dtype)
            single = other.dtype == np.float32
            np.testing.assert_allclose(one, other, rtol=1e-5 if single else 1e-11, atol=1e-6 if single else 1e-12)
        else:
            assert one == other


@pytest.mark.parametrize("row", STEPS, ids=[row.name for row in STEPS])
def test_a_compiled_step_is_the_eager_one(row: Step) -> None:
    (ours, tensors), (theirs, expected_tensors) = row.make(), row.make()
    compiled = compile(ours)
    for arguments in row.calls:
        before = [array.copy() if isinstance(array, np.ndarray) else array for array in arrays_of(arguments)]
        result, expected = compiled(*arguments), theirs(*arguments)
        assert_same(result, expected)
        assert_same(arrays_of(arguments), before)
        assert_same(tensors, expected_tensors)
        assert [tensor.grad is None for tensor in tensors] == [tensor.grad is None for tensor in expected_tensors]
        arrays = [array for array in flatten(result)[0] if isinstance(array, np.ndarray)]
        given = [array for array in flatten(arguments)[0] if isinstance(array, np.ndarray)]
        for number, array in enumerate(arrays):
            assert not any(np.shares_memory(array, other) for other in [*given, *arrays[:number]])
    assert sum(map(len, compiled.variants.values())) == row.captures


@pytest.mark.parametrize("row", STEPS, ids=[row.name for row in STEPS])
def test_its_sources_run_by_themselves(row: Step) -> None:
    (ours, tensors), (theirs, _) = row.make(), row.make()
    compiled = compile(ours)
    held = {tensor.name: tensor.numpy() for tensor in tensors}
    compiled(*row.calls[0])
    for source in (compiled.source, compiled.fast_source):
        names: dict[str, Any] = {}
        exec(source, names)
        given = [leaf for leaf in arrays_of(row.calls[0]) if isinstance(leaf, np.ndarray | np.generic)]
        given += [held[variable.name] for variable in compiled.program.inputs[len(given) :]]
        results = names[compiled.program.name](*given, *compiled.constants)
        expected = [leaf for leaf in arrays_of(theirs(*row.calls[0])) if isinstance(leaf, np.ndarray | np.generic)]
        for actual, same in zip(results if isinstance(results, tuple) else (results,), expected, strict=False):
            np.testing.assert_allclose(actual, same, rtol=1e-5, atol=1e-6)
        theirs = row.make()[0]
