"""What the graph costs, apart from the arithmetic: bytes and time a node, time an operation of each kind.

    seconds = chain_seconds([10_000, 1_000_000], rounds=5)
    bytes_per_node("scalar")
    overheads(rounds=30)["t @ t"].backward

Chains alternate an addition of a leaf and a tanh, on arrays so small that NumPy's own time is little.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from networks import Array
from stopwatch import Batch, bytes_held, interleaved
from tinygrad_np import Tensor

CHAIN_STARTS = {"scalar": np.array(0.5), "vector of 5": np.linspace(-1, 1, 5)}


def chain(start: Array, operations: int) -> Tensor:
    """tanh(… tanh(tanh(x + x) + x) …): as many operations in a row, half of them additions of the leaf x."""
    leaf = Tensor(start, requires_grad=True)
    value = leaf
    for _ in range(operations // 2):
        value = (value + leaf).tanh()
    return value


def bytes_per_node(start: str, operations: int = 100_000) -> float:
    """The memory a recorded operation holds: its node, its result, and what its gradient rule will read."""
    return bytes_held(lambda: chain(CHAIN_STARTS[start], operations)) / operations


def chain_seconds(lengths: list[int], rounds: int) -> dict[int, list[float]]:
    """Seconds an operation, forward and backward together, in each round, for chains of these lengths."""

    def batch_of_chains(length: int) -> Batch:
        repetitions = max(1, 100_000 // length)

        def run() -> float:
            start = perf_counter()
            for _ in range(repetitions):
                chain(CHAIN_STARTS["scalar"], length).backward()
            return (perf_counter() - start) / (repetitions * length)

        return run

    return interleaved({length: batch_of_chains(length) for length in lengths}, rounds)


@dataclass(frozen=True)
class Kind:
    """An operation of an array or a tensor, and its gradient as NumPy would compute it from (g, y, t)."""

    operation: Callable[[Any], Any]
    rule: Callable[[Any, Any, Any], Any]


KINDS = {
    "t + t": Kind(lambda t: t + t, lambda g, y, t: g + g),
    "t * 2": Kind(lambda t: t * 2, lambda g, y, t: g * 2),
    "np.tanh(t)": Kind(np.tanh, lambda g, y, t: g * (1 - y**2)),
    "t @ t": Kind(lambda t: t @ t, lambda g, y, t: g @ t.T + t.T @ g),
    "t.sum()": Kind(lambda t: t.sum(), lambda g, y, t: np.full(t.shape, g)),
}


@dataclass(frozen=True)
class Overhead:
    """Seconds an operation: NumPy's own, and what a tensor adds to it."""

    numpy_forward: float
    forward: float
    numpy_backward: float
    backward: float


def overheads(rounds: int, repetitions: int = 500) -> dict[str, Overhead]:
    """What each kind of operation on a 3x3 tensor adds to NumPy's own time, forward and backward apart."""
    batches: dict[tuple[str, str], Batch] = {}
    for name, kind in KINDS.items():
        batches |= {(name, measure): batch for measure, batch in batches_of_kind(kind, repetitions).items()}
    times = {key: np.array(seconds) for key, seconds in interleaved(batches, rounds).items()}

    def overhead(name: str) -> Overhead:
        forward, backward = times[name, "array forward"], times[name, "array backward"]
        return Overhead(
            numpy_forward=float(np.median(forward)),
            forward=float(np.median(times[name, "tensor forward"] - forward)),
            numpy_backward=float(np.median(backward)),
            backward=float(np.median(times[name, "tensor backward"] - times[name, "leaf backward"] - backward)),
        )

    return {name: overhead(name) for name in KINDS}


def batches_of_kind(kind: Kind, repetitions: int) -> dict[str, Batch]:
    """The five batches whose differences are an operation's costs, each in seconds a repetition.

    An operation's backward cost is what a sum of many results, `op(t) + op(t) + …`, takes to differentiate,
    less what the same sum takes of leaves of the results' shape, less NumPy's time for the rule.
    """
    array = np.linspace(-1, 1, 9).reshape(3, 3)
    result = np.asarray(kind.operation(array))
    upstream = np.ones_like(result)
    tensor, leaf = Tensor(array, requires_grad=True), Tensor(result, requires_grad=True)

    def forward(value: Any) -> float:
        start = perf_counter()
        kept = [kind.operation(value) for _ in range(repetitions)]
        return (perf_counter() - start) / len(kept)

    def array_backward() -> float:
        start = perf_counter()
        kept = [kind.rule(upstream, result, array) for _ in range(repetitions)]
        return (perf_counter() - start) / len(kept)

    def backward(term: Callable[[], Tensor]) -> float:
        total = term()
        for _ in range(repetitions - 1):
            total = total + term()
        start = perf_counter()
        total.backward(upstream)
        return (perf_counter() - start) / repetitions

    return {
        "array forward": lambda: forward(array),
        "tensor forward": lambda: forward(tensor),
        "array backward": array_backward,
        "tensor backward": lambda: backward(lambda: kind.operation(tensor)),
        "leaf backward": lambda: backward(lambda: leaf),
    }
