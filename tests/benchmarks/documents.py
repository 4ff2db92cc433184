"""What tinygrad_np costs, beside the tutorials' hand-written NumPy and beside other libraries.

    python tests/benchmarks/documents.py                            everything, about three minutes
    python tests/benchmarks/documents.py --only moons operations    some networks, or the costs of the graph
    python tests/benchmarks/documents.py --dtype float64 float32    the classifier in single precision too
    python tests/benchmarks/documents.py --no-peers --rounds 10     quick

A step is a whole training step: forward, loss, backward, update. Every contestant trains in a process of its own.
First all are proved to compute the same gradients; then they take turns within each round, one at a time, so that a
busy machine slows all alike. Read the ratio, not the microseconds: it is the median over the rounds of the ratio to
the hand-written step of the same round, with its quartiles behind it. Where they lie far apart the machine was too
busy: repeat. A target is printed beside what it is for, with "met" or "missed". Memory is the peak of a training
loop, its parameters included, counted by tracemalloc, which sees NumPy's arrays but not PyTorch's or JAX's.

contestants.py tells what surroundings they have: one thread, and a C library that keeps the memory of a step for the
next one. What compiling does for the same steps, measure_compiled.py measures.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from agreement import assert_same_training
from contestants import Isolated, makers
from networks import NETWORKS, Network
from operations import CHAIN_STARTS, bytes_per_node, chain_seconds, overheads
from steps_compiled import COMPILED
from steps_numpy import HAND_WRITTEN
from steps_tinygrad import TINYGRAD
from stopwatch import Memory, interleaved, ratio, spread
from tables import print_table, verdict

PEAK_MEMORY_TARGET = 1.0
BYTES_PER_NODE_TARGET = 500
CHAIN_GROWTH_TARGET = 1.1
CHAIN_LENGTHS = [10_000, 100_000, 1_000_000]


def main() -> None:
    """Prove that the contestants agree, measure them, print the tables."""
    options = parse_options()
    print(f"NumPy {np.__version__}, Python {sys.version.split()[0]}, one thread, {options.rounds} rounds")
    for name in NETWORKS:
        if name in options.only:
            for arguments in [[dtype] for dtype in options.dtype] if name == "classifier" else [[]]:
                measure_network(name, arguments, options)
    if "operations" in options.only:
        print_nodes()
        print_chains(max(3, options.rounds // 10))
        print_overheads(options.rounds)


def parse_options() -> argparse.Namespace:
    """The command line's options."""
    subjects = [*NETWORKS, "operations"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help="how often each contestant takes its turn")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=subjects,
        default=subjects,
        metavar="NETWORK",
        help=f"of {', '.join(subjects)}",
    )
    parser.add_argument(
        "--dtype",
        nargs="+",
        choices=["float64", "float32"],
        default=["float64"],
        help="of the classifier (the tutorials' networks are in float64)",
    )
    parser.add_argument(
        "--peers",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="measure the other libraries that are installed",
    )
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("--rounds: a median with quartiles needs at least 2")
    return options


def measure_network(name: str, arguments: Sequence[str], options: argparse.Namespace) -> None:
    """Start the contestants, prove that they agree, measure their steps, print the table."""
    with ExitStack() as processes:
        contestants = {
            contestant: processes.enter_context(Isolated(contestant, name, *arguments))
            for contestant in makers(options.peers)
            if contestant != COMPILED.name
        }
        wanted = contestants[HAND_WRITTEN.name].beginning()
        for contestant, isolated in contestants.items():
            assert_same_training(f"{contestant} on {name}", isolated.beginning(), wanted)
        batches = {contestant: isolated.step_seconds for contestant, isolated in contestants.items()}
        times = interleaved(batches, options.rounds)
        memories = {contestant: isolated.memory() for contestant, isolated in contestants.items()}
    print_steps(NETWORKS[name](*arguments), times, memories)


def print_steps(network: Network, times: Mapping[str, Sequence[float]], memories: Mapping[str, Memory | None]) -> None:
    """Time and peak memory of a training step, a row a contestant."""
    peaks = {name: memory.peak for name, memory in memories.items() if memory is not None}
    hand_times, hand_peak = times[HAND_WRITTEN.name], peaks[HAND_WRITTEN.name]
    rows = []
    for name, seconds in times.items():
        slower, (lower, upper) = ratio(seconds, hand_times), spread(seconds, hand_times)
        time = [f"{median(seconds) * 1e6:.1f}", f"{slower:.2f}", f"{lower:.2f} … {upper:.2f}", ""]
        more = peaks[name] / hand_peak if name in peaks else None
        memory = ["", "", ""] if more is None else [f"{peaks[name] / 1024:.1f}", f"{more:.2f}", ""]
        if name == TINYGRAD.name and network.eager_target is not None and more is not None:
            time[-1] = verdict(slower, network.eager_target)
            memory[-1] = verdict(more, PEAK_MEMORY_TARGET)
        rows.append([name, *time, *memory])
    header = ["a training step", "µs", "ratio", "quartiles", "target", "peak KiB", "ratio", "target"]
    print_table(network.title, header, rows)


def print_nodes() -> None:
    """The memory of a recorded operation."""
    rows = []
    for start in CHAIN_STARTS:
        held = bytes_per_node(start)
        rows.append([start, f"{held:.0f}", verdict(held, BYTES_PER_NODE_TARGET)])
    header = ["operations on a", "bytes a node", "target"]
    print_table("memory of a graph of 100,000 operations", header, rows)


def print_chains(rounds: int) -> None:
    """Time an operation in ever longer chains, which should not depend on the length."""
    times = chain_seconds(CHAIN_LENGTHS, rounds)
    shortest, longest = times[CHAIN_LENGTHS[0]], times[CHAIN_LENGTHS[-1]]
    rows = [
        [f"{length:,}", f"{median(seconds) * 1e9:.0f}", f"{ratio(seconds, shortest):.2f}", ""]
        for length, seconds in times.items()
    ]
    rows[-1][-1] = verdict(ratio(longest, shortest), CHAIN_GROWTH_TARGET)
    header = ["operations in a chain", "ns an operation", "ratio", "target"]
    print_table("forward and backward through a chain of scalars", header, rows)


def print_overheads(rounds: int) -> None:
    """What a tensor adds to NumPy's own time, by kind of operation."""
    rows = []
    for name, cost in overheads(rounds).items():
        columns = [cost.numpy_forward, cost.forward, cost.numpy_backward, cost.backward]
        rows.append([name, *(f"{seconds * 1e9:.0f}" for seconds in columns)])
    header = ["ns an operation", "forward: NumPy", "tensor adds", "backward: NumPy", "tensor adds"]
    print_table("an operation on a 3x3 tensor, beyond NumPy's own time", header, rows)


if __name__ == "__main__":
    main()
