"""What tg.compile buys: a compiled training step beside the hand-written one, the eager one, and JAX's.

    python tests/benchmarks/measure_compiled.py                            all networks, about two minutes
    python tests/benchmarks/measure_compiled.py --only moons char-RNN      some of them
    python tests/benchmarks/measure_compiled.py --without dead_code        a row more: compiled without this pass
    python tests/benchmarks/measure_compiled.py --passes                   what each pass buys on each network

A step is a whole training step. As in documents.py, each contestant trains in a process of its own, all are proved to
compute the same gradients, and then they take turns within each round; read the ratio to the hand-written step, the
median over the rounds, with its quartiles behind it. Where they lie far apart the machine was too busy: repeat.

The first call is the first in its process, and makes what is compiled. Memory is the arrays that are held between
steps, buffers included, and the most that a step adds to them. What is held between steps and is no array, such as the
captured program itself, of which the others have no like, stands apart and should not grow with the arrays. The arrays
that a step makes, once it has run a few times, are those that NumPy allocates for its results (the loss, and new
parameters that are not written over the old ones) and, counted, those besides.

What a pass buys is known to a few hundredths: processes that run the very same program differ by as much.
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
from steps_compiled import COMPILED, names_of_passes
from steps_numpy import HAND_WRITTEN
from steps_tinygrad import TINYGRAD
from stopwatch import interleaved, ratio, ratios, spread
from tables import print_table, verdict

JAX = "JAX jit"
SUBJECTS = {**{name: (name,) for name in NETWORKS}, "classifier float32": ("classifier", "float32")}
FIRST_CALL_TARGETS = {"circles": 0.25, "char-RNN": 2.0}
JAX_TARGET = MEMORY_TARGET = 1.0
ARRAYS_TARGET = 0


def main() -> None:
    """Measure the networks, or the passes on the networks."""
    options = parse_options()
    print(f"NumPy {np.__version__}, Python {sys.version.split()[0]}, one thread, {options.rounds} rounds")
    if options.passes:
        measure_passes(options.only, options.rounds)
        return
    if JAX not in makers():
        print("(JAX is not installed: its rows are missing.)")
    for subject in SUBJECTS:
        if subject in options.only:
            measure_network(SUBJECTS[subject], options.without, options.rounds)


def parse_options() -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30, help="how often each contestant takes its turn")
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=[*SUBJECTS], metavar="NETWORK")
    parser.add_argument(
        "--without",
        action="append",
        choices=names_of_passes(),
        default=[],
        metavar="PASS",
        help="measure once more with this pass left out (with all of these, if repeated)",
    )
    parser.add_argument("--passes", action="store_true", help="leave out one pass after the other")
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("--rounds: a median with quartiles needs at least 2")
    return options


def measure_network(subject: Sequence[str], without: Sequence[str], rounds: int) -> None:
    """Start the contestants, prove that they agree, measure them, print two tables."""
    with ExitStack() as processes:
        contestants = {
            name: processes.enter_context(Isolated(name, *subject))
            for name in (HAND_WRITTEN.name, TINYGRAD.name, COMPILED.name, JAX)
            if name in makers()
        }
        if without:
            without_passes = Isolated(COMPILED.name, *subject, without=without)
            contestants[f"… without {', '.join(without)}"] = processes.enter_context(without_passes)
        wanted = contestants[HAND_WRITTEN.name].beginning()
        for name, one in contestants.items():
            assert_same_training(f"{name} on {' '.join(subject)}", one.beginning(), wanted)
        times = interleaved({name: one.step_seconds for name, one in contestants.items()}, rounds)
        print_times(network_of(subject), contestants, times)
        print_memory(contestants)


def network_of(subject: Sequence[str]) -> Network:
    """The network that is meant by its name, and perhaps a dtype."""
    name, *arguments = subject
    return NETWORKS[name](*arguments)


def print_times(network: Network, contestants: Mapping[str, Isolated], times: Mapping[str, Sequence[float]]) -> None:
    """A row a contestant: how long a step takes, and the first one."""
    by_hand, by_jax = times[HAND_WRITTEN.name], times.get(JAX)
    rows = []
    for name, seconds in times.items():
        slower, (lower, upper) = ratio(seconds, by_hand), spread(seconds, by_hand)
        first_seconds = contestants[name].first_seconds()
        row = [name, f"{median(seconds) * 1e6:.1f}", f"{slower:.2f}", f"{lower:.2f} … {upper:.2f}", ""]
        row += [f"{ratio(seconds, by_jax):.2f}" if by_jax else "", "", f"{first_seconds:.3f}", ""]
        if name == COMPILED.name:
            row[4] = verdict(slower, network.compiled_target)
            if by_jax and network.X.dtype != np.float32:
                row[6] = verdict(ratio(seconds, by_jax), JAX_TARGET)
            if network.name in FIRST_CALL_TARGETS:
                row[8] = verdict(first_seconds, FIRST_CALL_TARGETS[network.name])
        rows.append(row)
    header = "a training step/µs/ratio/quartiles/target/to JAX/target/first call s/target"
    print_table(network.title, header.split("/"), rows)


def print_memory(contestants: Mapping[str, Isolated]) -> None:
    """A row a contestant on NumPy: what it holds, and what a step allocates."""
    rows = []
    hand_peak = 0
    for name, isolated in contestants.items():
        memory, allocations = isolated.memory(), isolated.allocations()
        if memory is None or allocations is None:
            continue
        results, others = allocations
        peak = memory.arrays + memory.step
        hand_peak = hand_peak or peak
        sizes = [f"{size / 1024:.1f}" for size in (memory.arrays, memory.step, peak)]
        row = [name, *sizes, f"{peak / hand_peak:.2f}", "", f"{memory.objects / 1024:.0f}"]
        row += [f"{results.bytes}", f"{others.count}", f"{others.bytes}", ""]
        if name == COMPILED.name:
            row[5] = verdict(peak / hand_peak, MEMORY_TARGET)
            row[10] = verdict(others.count, ARRAYS_TARGET)
        rows.append(row)
    header = "KiB/arrays held/a step adds/peak/ratio/target/not arrays/bytes of results/other arrays made/bytes/target"
    print_table("its memory", header.split("/"), rows)


def measure_passes(subjects: Sequence[str], rounds: int) -> None:
    """Print what the ratio to the hand-written step becomes without each of the passes."""
    columns = [ratios_without(SUBJECTS[subject], rounds) for subject in subjects]
    rows = [[name or "all passes", *(column[name] for column in columns)] for name in ["", *names_of_passes()]]
    print_table("ratio to the hand-written step, and what leaving out a pass adds to it", ["", *subjects], rows)


def ratios_without(subject: Sequence[str], rounds: int) -> dict[str, str]:
    """By the pass that is left out ("" for none), what that adds to the ratio; all take turns in the same rounds."""
    found = {}
    with ExitStack() as processes:
        contestants = {HAND_WRITTEN.name: processes.enter_context(Isolated(HAND_WRITTEN.name, *subject))}
        wanted = contestants[HAND_WRITTEN.name].beginning()
        for name in ["", *names_of_passes()]:
            without = [name] if name else []
            try:
                one = processes.enter_context(Isolated(COMPILED.name, *subject, without=without))
                assert_same_training(f"without {name}", one.beginning(), wanted)
            except (RuntimeError, AssertionError) as error:
                if not name:
                    raise
                print(error, file=sys.stderr)
                found[name] = "fails"
            else:
                contestants[name] = one
        times = interleaved({name: one.step_seconds for name, one in contestants.items()}, rounds)
    by_hand = times.pop(HAND_WRITTEN.name)
    with_all = ratios(times[""], by_hand)
    for name, seconds in times.items():
        found[name] = f"{median(np.subtract(ratios(seconds, by_hand), with_all)):+.2f}"
    return found | {"": f"{median(with_all):.2f}"}


if __name__ == "__main__":
    main()
