"""Right backward passes on random shapes, dtypes and values, summed in random orders: none is accused.

TINYGRAD_NP_RIGHT_ONES=1000 tries so many; the gate tries fewer.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg

TRIES = int(os.environ.get("TINYGRAD_NP_RIGHT_ONES", "120"))

Task = tuple[Callable[..., Any], Callable[..., Any], dict[str, Any]]


def values(random: np.random.Generator, *shape: int, dtype: Any) -> Any:
    """An array as data are: of any size, whole numbers, with rows of zeros, or all the same."""
    found = random.normal(size=shape) * 10 ** random.uniform(-1.5, 1.5)
    kind = random.integers(8)
    if kind == 0:
        found = np.round(found)
    elif kind == 1:
        found[random.uniform(size=shape) < 0.4] = 0
    elif kind == 2 and shape:
        found[random.integers(shape[0])] = 0
    elif kind == 3:
        found = np.full(shape, found.flat[0])
    return found.astype(dtype)


class Sums:
    """Sums and products in some order, and in some precision."""

    def __init__(self, random: np.random.Generator) -> None:
        self.way = random.integers(4)

    def dot(self, a: Any, b: Any) -> Any:
        if self.way == 0:
            return a @ b
        if self.way == 1:
            return np.einsum("ij,jk->ik", a, b)
        order = range(a.shape[1]) if self.way == 2 else reversed(range(a.shape[1]))
        return sum(
            (np.outer(a[:, n], b[n]) for n in order), np.zeros((len(a), b.shape[1]), (a[:1, :1] * b[0, 0]).dtype)
        )

    def rows(self, a: Any) -> Any:
        if self.way == 0:
            return a.sum(axis=0)
        if self.way == 1:
            return np.einsum("ij->j", a)
        return sum(a[::-1], np.zeros(a.shape[1], a.dtype)) if self.way == 2 else np.ones(len(a), a.dtype) @ a


ACTIVATIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "tanh": (np.tanh, lambda z, a: 1 - a**2),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z, a: a * (1 - a)),
    "relu": (lambda z: np.maximum(z, 0), lambda z, a: z > 0),
    "relu, at 0 too": (lambda z: np.maximum(0, z), lambda z, a: a >= 0),
    "leaky": (lambda z: np.maximum(0.1 * z, z), lambda z, a: np.where(z > 0, z.dtype.type(1), z.dtype.type(0.1))),
    "absolute": (np.abs, lambda z, a: np.sign(z)),
}


def a_network(random: np.random.Generator, dtype: Any) -> Task:
    n, d, h, c = random.integers(1, 6, 4)
    act, slope = ACTIVATIONS[random.choice([name for name in ACTIVATIONS if name != "relu, at 0 too"])]
    sums, loss = Sums(random), random.choice(["squares", "softmax", "softmax, shifted"])

    def forward(X, Y, y, W1, b1, W2, b2):
        Z1 = X @ W1 + b1
        A1 = act(Z1)
        Z2 = A1 @ W2 + b2
        if loss == "squares":
            return np.mean((Z2 - Y) ** 2)
        if loss == "softmax":
            return np.mean(np.log(np.sum(np.exp(Z2 - np.max(Z2, axis=1, keepdims=True)), axis=1))) - np.mean(
                (Z2 - np.max(Z2, axis=1, keepdims=True))[np.arange(n), y]
            )
        shifted = Z2 - Z2.max(axis=1, keepdims=True)
        probs = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
        return -np.log(probs[np.arange(n), y]).mean()

    def backward(X, Y, y, W1, W2, Z1, A1, Z2):
        if loss == "squares":
            dZ2 = 2 * (Z2 - Y) / Z2.size
        else:
            dZ2 = np.exp(Z2 - Z2.max(axis=1, keepdims=True))
            dZ2 /= dZ2.sum(axis=1, keepdims=True)
            dZ2[np.arange(n), y] -= 1
            dZ2 /= n
        dW2 = sums.dot(A1.T, dZ2)
        db2 = sums.rows(dZ2)
        dA1 = sums.dot(dZ2, W2.T)
        dZ1 = dA1 * slope(Z1, A1)
        dW1 = sums.dot(X.T, dZ1)
        db1 = sums.rows(dZ1)
        return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}

    shapes = {"X": (n, d), "Y": (n, c), "W1": (d, h), "b1": (h,), "W2": (h, c), "b2": (c,)}
    given = {name: values(random, *shape, dtype=dtype(random)) for name, shape in shapes.items()}
    if random.integers(4) == 0:
        given["b1"] = given["b1"] - 3
    if loss == "softmax, shifted":
        # Where a probability underflows its logarithm is infinite, and nothing is to be compared.
        given = {name: np.clip(one, -1, 1) for name, one in given.items()}
    return forward, backward, {**given, "y": random.integers(0, c, n)}


def a_normalisation(random: np.random.Generator, dtype: Any) -> Task:
    n, d = random.integers(1, 7, 2)
    axis, sums = int(random.integers(2)), random.integers(2)

    def forward(x, gamma, beta, target):
        mean = np.mean(x, axis=axis, keepdims=True)
        var = np.var(x, axis=axis, keepdims=True)
        std = np.sqrt(var + 1e-3)
        xhat = (x - mean) / std
        out = gamma * xhat + beta
        return np.sum((out - target) ** 2)

    def backward(gamma, target, std, xhat, out):
        dout = 2 * (out - target)
        dgamma = np.sum(dout * xhat, axis=0) if sums else np.einsum("ij,ij->j", dout, xhat)
        dbeta = np.sum(dout[::-1], axis=0)
        dxhat = dout * gamma
        if sums:
            dx = dxhat - dxhat.mean(axis=axis, keepdims=True)
            dx = (dx - xhat * np.mean(dxhat * xhat, axis=axis, keepdims=True)) / std
        else:
            count = xhat.shape[axis]
            dx = count * dxhat - dxhat.sum(axis=axis, keepdims=True)
            dx = (dx - xhat * np.sum(dxhat * xhat, axis=axis, keepdims=True)) / (count * std)
        return dx, dgamma, dbeta

    shapes = {"x": (n, d), "gamma": (d,), "beta": (d,), "target": (n, d)}
    return forward, backward, {name: values(random, *shape, dtype=dtype(random)) for name, shape in shapes.items()}


def an_attention(random: np.random.Generator, dtype: Any) -> Task:
    t, d = random.integers(1, 6, 2)
    is_causal, sums = bool(random.integers(2)), Sums(random)

    def forward(x, Wq, Wk, Wv):
        q, k, v = x @ Wq, x @ Wk, x @ Wv
        scores = q @ k.T / np.sqrt(d)
        if is_causal:
            scores = np.where(np.tri(t, dtype=bool), scores, -np.inf)
        e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
        p = e / np.sum(e, axis=1, keepdims=True)
        out = p @ v
        return np.sum(out**2) / 2

    def backward(x, Wq, Wk, Wv, q, k, v, p, out):
        dout = out
        dv = sums.dot(p.T, dout)
        dp = sums.dot(dout, v.T)
        dscores = p * (dp - np.sum(p * dp, axis=1, keepdims=True)) / np.sqrt(d).astype(p.dtype)
        dq = sums.dot(dscores, k)
        dk = sums.dot(dscores.T, q)
        dx = sums.dot(dq, Wq.T) + sums.dot(dk, Wk.T) + sums.dot(dv, Wv.T)
        return {"x": dx, "Wq": x.T @ dq, "Wk": x.T @ dk, "Wv": x.T @ dv}

    shapes = {"x": (t, d), "Wq": (d, d), "Wk": (d, d), "Wv": (d, d)}
    given = {name: values(random, *shape, dtype=dtype(random)) for name, shape in shapes.items()}
    return forward, backward, {name: np.clip(one, -2, 2) for name, one in given.items()}


def a_pooling(random: np.random.Generator, dtype: Any) -> Task:
    n, c, h = random.integers(1, 4, 3)
    is_last = bool(random.integers(2))

    def forward(x, w):
        windows = x.reshape(n, c, h, 2, h, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, h, h, 4)
        out = np.max(windows, axis=-1)
        return np.sum(w * out**2)

    def backward(w, windows, out):
        dout = 2 * w * out
        dw = out**2
        flat = windows.reshape(-1, 4)
        at = 3 - flat[:, ::-1].argmax(axis=1) if is_last else flat.argmax(axis=1)
        dwindows = np.zeros_like(flat)
        dwindows[np.arange(len(flat)), at] = dout.ravel()
        dx = dwindows.reshape(n, c, h, h, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, 2 * h, 2 * h)
        return dx, dw

    return (
        forward,
        backward,
        {
            "x": values(random, n, c, 2 * h, 2 * h, dtype=dtype(random)),
            "w": values(random, n, c, h, h, dtype=dtype(random)),
        },
    )


def a_recurrence(random: np.random.Generator, dtype: Any) -> Task:
    t, n, d, h = random.integers(1, 5, 4)
    sums = Sums(random)

    def forward(x, Wx, Wh, b, h0):
        hs = [h0]
        for step in range(t):
            hs.append(np.tanh(x[step] @ Wx + hs[-1] @ Wh + b))
        return np.mean(np.stack(hs[1:]) ** 2), hs

    def backward(x, Wx, Wh, b, h0, hs):
        dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
        dh = np.zeros_like(hs[-1])
        for step in reversed(range(t)):
            dh = dh + 2 * hs[step + 1] / (t * n * h)
            da = dh * (1 - hs[step + 1] ** 2)
            dWx += sums.dot(x[step].T, da)
            dWh += sums.dot(hs[step].T, da)
            db += sums.rows(da)
            dh = sums.dot(da, Wh.T)
        return {"Wx": dWx, "Wh": dWh, "b": db, "h0": dh}

    shapes = {"x": (t, n, d), "Wx": (d, h), "Wh": (h, h), "b": (h,), "h0": (n, h)}
    one = dtype(random)
    return forward, backward, {name: values(random, *shape, dtype=one) for name, shape in shapes.items()}


def an_embedding(random: np.random.Generator, dtype: Any) -> Task:
    words, d, n = random.integers(1, 6, 3)

    def forward(E, W, index):
        e = E[index]
        s = np.sum(e * W, axis=1)
        return np.sum(np.log1p(np.exp(-s)))

    def backward(E, W, index, e, s):
        ds = -1 / (1 + np.exp(s))
        de = ds[:, None] * W
        dE = np.zeros_like(E)
        if n % 2:
            np.add.at(dE, index[::-1], de[::-1])
        else:
            dE += np.eye(len(E), dtype=E.dtype)[:, index] @ de
        dW = ds[:, None] * e
        return dE, dW

    given = {"E": values(random, words, d, dtype=dtype(random)), "W": values(random, n, d, dtype=dtype(random))}
    return (
        forward,
        backward,
        {**{k: np.clip(v, -3, 3) for k, v in given.items()}, "index": random.integers(0, words, n)},
    )


KINDS = (a_network, a_network, a_normalisation, an_attention, a_pooling, a_recurrence, an_embedding)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("start", range(4))
def test_right_formulas_are_not_accused_whatever_the_shapes_dtypes_and_orders(start: int) -> None:
    for seed in range(start, TRIES, 4):
        random = np.random.default_rng(seed)
        usual = random.choice([np.float32, np.float64])
        is_mixed = random.integers(4) == 0

        def dtype(random: np.random.Generator, usual: Any = usual, is_mixed: bool = bool(is_mixed)) -> Any:
            return random.choice([np.float32, np.float64]) if is_mixed else usual

        kind = KINDS[seed % len(KINDS)]
        report = tg.check_backward(*kind(random, dtype))
        assert not [row for row in report if row.verdict == "wrong"], f"{kind.__name__}, seed {seed}:\n{report}"
        assert report.first_wrong is None, f"{kind.__name__}, seed {seed}:\n{report}"
