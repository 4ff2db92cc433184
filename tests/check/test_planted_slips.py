"""Backward passes as the documents write them, at random: right ones are not accused, what is said of slips is true.

Shapes, depths, activations, losses, dtypes and the order of every sum are random; slips of every kind are planted in
every place, and each sentence of the report is held against what was planted.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor

RIGHT_ONES = 150
SLIPPED_ONES = 4

FORWARD: dict[str, Callable[[Any], Any]] = {
    "tanh": np.tanh,
    "relu": tg.relu,
    "maximum": lambda z: np.maximum(0, z),
    "sigmoid": tg.sigmoid,
    "leaky": lambda z: np.maximum(0.1 * z, z),
    "abs": np.abs,
    "softplus": tg.softplus,
    "linear": lambda z: z * 1,
}
SLOPES: dict[str, Callable[[Any, Any, bool], Any]] = {
    "tanh": lambda z, a, up: 1 - a**2,
    "relu": lambda z, a, up: z >= 0 if up else a > 0,
    "maximum": lambda z, a, up: z >= 0 if up else a > 0,
    "sigmoid": lambda z, a, up: a * (1 - a),
    "leaky": lambda z, a, up: np.where(z >= 0 if up else z > 0, 1, 0.1),
    "abs": lambda z, a, up: np.where(z < 0, -1, 1) if up else np.sign(z),
    "softplus": lambda z, a, up: 1 / (1 + np.exp(-z)),
    "linear": lambda z, a, up: np.ones_like(z),
}

SLIPS: dict[str, Callable[[Any, int], Any]] = {
    "wrong sign": lambda g, n: -g,
    "twice": lambda g, n: 2 * g,
    "half": lambda g, n: g / 2,
    "not divided by n": lambda g, n: g * n,
    "divided by n again": lambda g, n: g / n,
    "n - 1 for n": lambda g, n: g * n / (n - 1),
    "zero": lambda g, n: 0 * g,
    "a row left out": lambda g, n: np.where(np.arange(g.shape[0])[:, None] == 0, 0, g),
    "transposed": lambda g, n: g.T,
    "stale": lambda g, n: g + np.random.default_rng(0).normal(size=g.shape) * np.abs(g).max(),
    "squared": lambda g, n: g**2,
    "another row": lambda g, n: np.roll(g, 1, 0),
    "mean for sum": lambda g, n: g.mean(0, keepdims=True),
}


def summed(array: Any, random: np.random.Generator) -> Any:
    """The sum over the samples, in one of several orders."""
    how = random.integers(4)
    if how == 0:
        return array.sum(0, keepdims=True)
    if how == 1:
        return array[random.permutation(len(array))].sum(0, keepdims=True)
    return array[::-1].cumsum(0)[-1:] if how == 2 else array.sum(0, keepdims=True, dtype=np.float64).astype(array.dtype)


def product(a: Any, b: Any, random: np.random.Generator) -> Any:
    """a @ b, in one of several orders."""
    how = random.integers(3)
    order = random.permutation(a.shape[1])
    return a @ b if how == 0 else a[:, order] @ b[order] if how == 1 else np.einsum("ij,jk->ik", a, b)


def backpropagation(seed: int, slip: str = "", at: str = "", double: bool = False) -> tuple[Tensor, dict[str, Any]]:
    """A random network and its backward pass by hand, with a slip at one of the gradients, which spreads."""
    random = np.random.default_rng(seed)
    dtype = np.float64 if double else random.choice([np.float64, np.float32, np.float16])
    samples = int(random.choice([5, 8, 11] if slip else [1, 2, 5, 17, 64]))
    layers = int(random.integers(2 if slip else 1, 4))
    sizes = [int(random.choice([2, 3, 4, 7] if slip else [1, 2, 3, 7, 20])) for _ in range(layers + 1)]
    names = [str(name) for name in random.choice(list(FORWARD), layers)]
    scale, up = float(random.choice([0.1, 1, 1, 3])) if not slip else 1.0, bool(random.integers(2))
    X = (random.normal(size=(samples, sizes[0])) * scale).astype(dtype)
    if random.random() < 0.4 and not slip:
        X[random.integers(samples)] = 0
    P: dict[str, Tensor] = {}
    has_bias = random.random() < 0.5 or bool(slip)
    for layer, (rows, columns) in enumerate(itertools.pairwise(sizes)):
        W = (random.normal(size=(rows, columns)) * scale / np.sqrt(rows)).astype(dtype)
        b = (random.normal(size=(1, columns)) * has_bias).astype(dtype)
        P[f"W{layer}"] = Tensor(W, requires_grad=True, name=f"W{layer}")
        P[f"b{layer}"] = Tensor(b, requires_grad=True, name=f"b{layer}")
    A: Any = X
    kept = []
    for layer, name in enumerate(names):
        Z = (np.dot(A, P[f"W{layer}"]) + P[f"b{layer}"]).named(f"Z{layer}")
        before, A = A, FORWARD[name](Z).named(f"A{layer}")
        kept.append((np.asarray(before if layer == 0 else before.numpy()), Z.numpy(), A.numpy()))
    out = kept[-1][2]
    if random.random() < 0.5:
        Y = random.normal(size=out.shape).astype(dtype)
        loss, dA = np.mean((A - Y) ** 2), 2 * (out - Y) / dtype(Y.size)
    else:
        Y = np.eye(sizes[-1])[random.integers(0, sizes[-1], samples)].astype(dtype)
        loss = -np.sum(Y * tg.log_softmax(A, axis=1)) / samples
        e = np.exp(out - out.max(1, keepdims=True))
        dA = (e / e.sum(1, keepdims=True) - Y) / dtype(samples)
    G: dict[str, Any] = {}

    def given(name: str, gradient: Any) -> Any:
        G[name] = SLIPS[slip](gradient, samples) if name == at else gradient
        return G[name]

    for layer in reversed(range(layers)):
        before, z, a = kept[layer]
        dA = given(f"A{layer}", dA)
        dZ = given(f"Z{layer}", (dA * np.asarray(SLOPES[names[layer]](z, a, up)).astype(dtype)).astype(dtype))
        given(f"W{layer}", product(before.T, dZ, random))
        given(f"b{layer}", summed(dZ, random))
        dA = product(dZ, P[f"W{layer}"].numpy().T, random)
    only_parameters = random.random() < 0.4
    return loss, {name: g for name, g in G.items() if name[0] in "Wb" or not only_parameters or name == at}


@pytest.mark.parametrize("start", range(0, RIGHT_ONES, 50))
def test_right_formulas_are_never_accused(start: int) -> None:
    for seed in range(start, start + 50):
        with np.errstate(all="ignore"):
            loss, manual = backpropagation(seed)
            if not all(np.isfinite(gradient).all() for gradient in manual.values()):
                continue
            report = tg.compare_gradients(loss, manual)
        assert not [row.name for row in report if row.verdict == "wrong"], f"{seed}\n{report}"


def close(a: Any, b: Any) -> bool:
    return bool(np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=1e-5, atol=1e-12))


def untrue(sentence: str, name: str, manual: Any, right: dict[str, Any], slip: str) -> str:
    """What is untrue in the words on one gradient; nothing if all is true."""
    true, said = right[name], sentence.partition(" The mistake is made")[0]
    number = r"(-?[\d.e+-]+?)"
    if found := re.search(rf"is {number} times the gradient( with the wrong sign)?", said):
        part = manual != true if " where it is" in said else np.ones(true.shape, bool)
        factor = float(found[1]) * (-1 if found[2] else 1)
        if not np.allclose(manual[part], (factor * true)[part], rtol=1e-4):
            return "the factor"
    if "has the wrong sign" in said and not close(manual, -true):
        return "the sign"
    if "transpose" in said and not close(manual.T, true):
        return "the transpose"
    if "is 0 everywhere" in said and manual.any():
        return "the zeros"
    if (found := re.search(r"is the gradient of (\w+)", said)) and not close(manual, right[found[1]]):
        return "the other gradient"
    if (found := re.search(r"wrong at (\d+) of (\d+) elements", said)) and (
        int(found[1]) != np.sum(~np.isclose(manual, true, rtol=1e-7, atol=0)) or int(found[2]) != true.size
    ):
        return "the number of elements"
    if (found := re.search(r"wrong in row (\d+) alone", said)) and not close(
        np.delete(manual, int(found[1]), 0), np.delete(true, int(found[1]), 0)
    ):
        return "the row"
    if (found := re.search(r"it is the (sum|mean) of the gradient over axis (\d)", said)) and not any(
        close(manual, getattr(np, found[1])(true, axis=int(found[2]), keepdims=keep)) for keep in (False, True)
    ):
        return "the reduction"
    if (found := re.search(rf"at \(\d+, \d+\) it is {number}, not {number}[.,;]( |$)", said + ".")) and found[
        1
    ] == found[2]:
        return "the difference"
    is_factor = slip in ("twice", "half", "not divided by n", "divided by n again", "wrong sign")
    causes = ("forgotten", "twice", "derivative", "weight decay", "lacks", "only what comes through")
    if not is_factor and any(words in said for words in causes):
        return "the cause"
    return ""


@pytest.mark.parametrize("slip", SLIPS)
def test_what_is_said_of_a_slip_is_true(slip: str) -> None:
    tried = 0
    for seed in range(SLIPPED_ONES):
        right = backpropagation(seed, "wrong sign", "nowhere", double=True)[1]
        for at in right:
            try:
                loss, manual = backpropagation(seed, slip, at, double=True)
            except (ValueError, IndexError):
                continue  # What follows can't be computed from a gradient of that shape.
            if at not in manual or close(manual[at], right[at]) or not right[at].any():
                continue
            report = tg.compare_gradients(loss, manual)
            assert at in report.wrong, f"{seed} {at}\n{report}"
            tried += 1
            for row in report:
                if row.verdict == "wrong" and row.name != at and row.name in right and at[0] in "ZA":
                    assert not close(manual[row.name], right[row.name])
            words = report[at].diagnosis
            first = words.removeprefix("Each of ")
            assert at in first, words
            assert untrue(words, at, manual[at], right, slip) == "", f"{seed} {at}: {words}"
    assert tried >= 6
