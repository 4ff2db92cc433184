"""The memory of a training step of eight layers of 512, batch 512: with np.maximum, tg.relu, np.tanh, and by hand.

    python tests/benchmarks/memory_of_layers.py

For each: what parameters hold, and the most that a step takes besides, in megabytes; last, the whole beside that of a
step by hand that keeps Z and A of each layer, as most people's, and of one that keeps A alone.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

import tinygrad_np as tg
from stopwatch import Memory, memory
from tables import print_table

LAYERS, WIDTH, BATCH = 8, 512, 512
RANDOM = np.random.default_rng(0)
X, T = RANDOM.normal(size=(BATCH, WIDTH)), RANDOM.normal(size=(BATCH, WIDTH))


def parameters() -> tuple[list[Any], list[Any]]:
    """Weights and biases."""
    weights = [RANDOM.normal(size=(WIDTH, WIDTH)) / np.sqrt(WIDTH) for _ in range(LAYERS)]
    return weights, [np.zeros((1, WIDTH)) for _ in range(LAYERS)]


def ours(activation: Callable[..., Any]) -> Iterator[float]:
    """Steps of this library."""
    W, b = ([tg.Tensor(one, requires_grad=True) for one in some] for some in parameters())
    while True:
        A = X
        for weight, bias in zip(W, b, strict=True):
            Z = A @ weight + bias
            A = activation(Z)
        loss = np.mean((A - T) ** 2)
        loss.backward()
        for one in W + b:
            one.data -= 0.1 * one.grad
            one.zero_grad()
        value = float(loss)
        del A, Z, loss
        yield value


def by_hand(keeps_z: bool) -> Iterator[float]:
    """Steps as written by hand."""
    W, b = parameters()
    while True:
        A, Zs, As = X, [], [X]
        for weight, bias in zip(W, b, strict=True):
            Z = A @ weight + bias
            A = np.maximum(0, Z)
            Zs.append(Z if keeps_z else None)
            As.append(A)
        loss = np.mean((A - T) ** 2)
        dA = 2 * (A - T) / A.size
        dW, db = [], []
        for layer in reversed(range(LAYERS)):
            dZ = dA * ((Zs if keeps_z else As[1:])[layer] > 0)
            dW.append(As[layer].T @ dZ)
            db.append(dZ.sum(axis=0, keepdims=True))
            dA = dZ @ W[layer].T
        for layer in range(LAYERS):
            W[layer] -= 0.1 * dW[-1 - layer]
            b[layer] -= 0.1 * db[-1 - layer]
        del A, Z, Zs, As, dA, dZ, dW, db
        yield float(loss)


def main() -> None:
    """Measure, print the table."""
    steps: dict[str, Callable[[], Iterator[float]]] = {
        "by hand, with Z and A": lambda: by_hand(True),
        "by hand, with A": lambda: by_hand(False),
        "np.maximum(0, Z)": lambda: ours(lambda Z: np.maximum(0, Z)),
        "tg.relu(Z)": lambda: ours(tg.relu),
        "np.tanh(Z)": lambda: ours(np.tanh),
    }
    measured: dict[str, Memory] = {name: memory(start) for name, start in steps.items()}
    peers = [one.peak for one in measured.values()][:2]
    rows = [
        [name, f"{one.arrays / 1e6:.1f}", f"{one.step / 1e6:.1f}", *(f"{one.peak / peer:.2f}" for peer in peers)]
        for name, one in measured.items()
    ]
    print_table("memory", ["a step", "parameters MB", "step MB", "of Z and A", "of A"], rows)


if __name__ == "__main__":
    main()
