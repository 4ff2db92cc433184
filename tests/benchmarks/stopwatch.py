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
from dataclasses import dataclass
from itertools import repeat
from statistics import median, quantiles
from time import perf_counter
from typing import Any, TypeVar

import numpy as np

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


@dataclass(frozen=True)
class Memory:
    """What a training loop holds, in bytes."""

    arrays: int  # between steps: parameters, buffers
    objects: int  # between steps, besides arrays: Python's own, such as a captured program
    step: int  # the most that a step adds to these

    @property
    def peak(self) -> int:
        """All of it."""
        return self.arrays + self.objects + self.step


def memory(start: Callable[[], Iterator[Any]]) -> Memory:
    """The memory a training loop holds between steps, and the most that it holds more during a step.

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
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        next(training)
        _, peak = tracemalloc.get_traced_memory()
        only_arrays = tracemalloc.DomainFilter(inclusive=True, domain=np.lib.tracemalloc_domain)
        arrays = sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([only_arrays]).traces)
        return Memory(arrays, held - before - arrays, peak - held)
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
