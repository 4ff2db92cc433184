"""Fair clocks for a noisy machine: everything that is compared is measured in the same rounds.

    times = interleaved({"a": batch_a, "b": batch_b}, rounds=30)
    ratio(times["b"], times["a"])

A batch is a function that does its work and returns the seconds that one unit of it took. In each round every
batch runs once, and each round starts with another of them, so that a disturbance, or whoever ran before,
falls on all alike. Ratios are taken within a round. The garbage collector stays on: its work is part of a
graph's cost.
"""

import gc
import tracemalloc
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import repeat
from statistics import median, quantiles
from time import perf_counter
from typing import Any, TypeVar

Batch = Callable[[], float]
Key = TypeVar("Key", bound=Hashable)


def interleaved(batches: Mapping[Key, Batch], rounds: int) -> dict[Key, list[float]]:
    """The seconds of each batch in each round, after one round that is thrown away."""
    names = list(batches)
    times: dict[Key, list[float]] = {name: [] for name in names}
    for round_number in range(-1, rounds):
        first = round_number % len(names)
        for name in names[first:] + names[:first]:
            seconds = batches[name]()
            if round_number >= 0:
                times[name].append(seconds)
    return times


def batch_of_steps(training: Iterator[Any], at_least: float = 0.03) -> Batch:
    """Seconds a step of a training loop, over as many steps as take `at_least` that many seconds together."""

    def run(steps: int) -> float:
        start = perf_counter()
        for _ in repeat(None, steps):
            next(training)
        return (perf_counter() - start) / steps

    run(3)
    steps = max(1, round(at_least / run(3)))
    return lambda: run(steps)


def ratio(times: Sequence[float], reference: Sequence[float]) -> float:
    """How many times as long as the reference: the median over the rounds of the ratio within a round."""
    return median(ratios(times, reference))


def spread(times: Sequence[float], reference: Sequence[float]) -> tuple[float, float]:
    """The quartiles of the ratios that `ratio` takes the median of: how far noise moves them."""
    lower, _, upper = quantiles(ratios(times, reference), n=4)
    return lower, upper


def ratios(times: Sequence[float], reference: Sequence[float]) -> list[float]:
    """The ratio in each round."""
    return [time / wanted for time, wanted in zip(times, reference, strict=True)]


def peak_bytes(start: Callable[[], Iterator[Any]]) -> int:
    """The most memory a training loop holds during a step: parameters, gradients, all it keeps meanwhile.

    Counted by tracemalloc, to which NumPy reports its arrays. What was there before, the data, is not
    counted.
    """
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        training = start()
        for _ in range(3):
            next(training)
        gc.collect()
        tracemalloc.reset_peak()
        next(training)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def bytes_held(build: Callable[[], object]) -> int:
    """The memory that what `build` returns holds, counted by tracemalloc."""
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        built = build()
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] - before
        del built
        return held
    finally:
        tracemalloc.stop()
