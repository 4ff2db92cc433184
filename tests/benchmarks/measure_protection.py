"""What it costs that plain arrays may be changed between forward and backward: with the protection, and without it.

    python tests/benchmarks/measure_protection.py                   about a minute
    python tests/benchmarks/measure_protection.py --only moons --rounds 500

A graph keeps a copy, or a checksum, of each array that a gradient rule will read and that its owner can still change
(tinygrad_np/operands.py). Both columns train with tinygrad_np in one process; they take turns of a few steps each, and
the processor's time is measured, so that a busy machine slows both alike. The cost is the median over the rounds of the
ratio within a round. Below stand single operations on operands of all kinds, forward and backward.
"""

import argparse
import os
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from contestants import ENVIRONMENT
from networks import NETWORKS, Network
from steps_tinygrad import LOOPS
from stopwatch import Batch, interleaved, memory, ratio, spread
from tables import print_table, verdict
from tinygrad_np import Tensor, record

COST_TARGET = 1.03
SUBJECTS: dict[str, Callable[[], Network]] = {
    **NETWORKS,
    "classifier float32": lambda: NETWORKS["classifier"](np.float32),
}


def main() -> None:
    """Measure the networks, then single operands; print the tables."""
    options = parse_options()
    if not ENVIRONMENT.keys() <= os.environ.keys():
        # The C library and BLAS read it once, when a process starts.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ENVIRONMENT})
    rows = [network_row(name, options.rounds) for name in SUBJECTS if name in options.only]
    header = ["a training step", "without µs", "with µs", "ratio", "quartiles", "target", "peak KiB", "ratio"]
    print_table("the protection of operands", header, rows)
    if "operands" in options.only:
        header = ["x * a, and its gradient", "without µs", "with µs", "ratio", "quartiles", "peak ratio"]
        print_table("one operand", header, [operand_row(name, options.rounds) for name in OPERANDS])


def parse_options() -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200, help="how often each takes its turn")
    parser.add_argument("--only", nargs="+", choices=[*SUBJECTS, "operands"], default=[*SUBJECTS, "operands"])
    return parser.parse_args()


@contextmanager
def unprotected() -> Iterator[None]:
    """Let graphs keep the users' arrays themselves."""
    with mock.patch.multiple(record, keep=lambda *operands: False, fixed=lambda parameter: parameter):
        yield


def batches(step: Callable[[], object], at_least: float = 0.004) -> dict[str, Batch]:
    """Processor seconds a step, with and without, over as many steps as take `at_least` that many together."""

    def run(steps: int) -> float:
        start = process_time()
        for _ in repeat(None, steps):
            step()
        return (process_time() - start) / steps

    def without() -> float:
        with unprotected():
            return run(steps)

    run(3)
    steps = max(1, round(at_least / max(run(5), 1e-7)))
    return {"without": without, "with": lambda: run(steps)}


def costs(step: Callable[[], object], rounds: int) -> list[str]:
    """Microseconds without and with, the ratio, its quartiles, as a table has them."""
    times = interleaved(batches(step), rounds)
    lower, upper = spread(times["with"], times["without"])
    microseconds = [f"{median(times[name]) * 1e6:.1f}" for name in ("without", "with")]
    return [*microseconds, f"{ratio(times['with'], times['without']):.3f}", f"{lower:.3f} … {upper:.3f}"]


def network_row(name: str, rounds: int) -> list[str]:
    """Time and memory of a network's training step."""
    network = SUBJECTS[name]()
    training = LOOPS[network.name](network)
    cells = costs(lambda: next(training), rounds)
    peak = memory(lambda: LOOPS[network.name](network)).peak
    with unprotected():
        peak_without = memory(lambda: LOOPS[network.name](network)).peak
    target = verdict(float(cells[2]), COST_TARGET)
    return [name, *cells, target, f"{peak / 1024:.1f}", f"{peak / peak_without:.2f}"]


def operand(size: int) -> Any:
    """An array of so many bytes."""
    return np.linspace(1.0, 2.0, size // 8)


def named(size: int) -> Callable[[], object]:
    """A step that reads an array with a name, whose owner can change it."""
    a = operand(size)
    x = Tensor(operand(size), requires_grad=True)
    return lambda: gradient(x * a, x)


def temporary(size: int) -> Callable[[], object]:
    """A step that reads an array which nobody else can reach."""
    a = operand(size)
    x = Tensor(operand(size), requires_grad=True)
    return lambda: gradient(x * np.negative(a), x)


def constant(size: int) -> Callable[[], object]:
    """A step that reads a constant Tensor."""
    a, x = Tensor(operand(size)), Tensor(operand(size), requires_grad=True)
    return lambda: gradient(x * a, x)


def gradient(product: Tensor, x: Tensor) -> None:
    """The backward pass of the product's sum."""
    product.sum().backward()
    x.grad = None


OPERANDS: dict[str, Callable[[], Callable[[], object]]] = {
    "an array of 64 bytes": lambda: named(64),
    "a temporary of 64 bytes": lambda: temporary(64),
    "an array of 64 KiB": lambda: named(1 << 16),
    "a temporary of 64 KiB": lambda: temporary(1 << 16),
    "a constant Tensor of 64 KiB": lambda: constant(1 << 16),
    "an array of 16 MiB": lambda: named(1 << 24),
    "a temporary of 16 MiB": lambda: temporary(1 << 24),
    "a constant Tensor of 16 MiB": lambda: constant(1 << 24),
}


def operand_row(name: str, rounds: int) -> list[str]:
    """Time and memory of an operation on one kind of operand."""
    step = OPERANDS[name]()
    cells = costs(step, max(5, rounds // 10))
    peak = peak_of(step)
    with unprotected():
        peak_without = peak_of(step)
    return [name, *cells, f"{peak / peak_without:.2f}"]


def peak_of(step: Callable[[], object]) -> int:
    """The most memory that a step takes."""
    tracemalloc.start()
    try:
        step()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


if __name__ == "__main__":
    main()
