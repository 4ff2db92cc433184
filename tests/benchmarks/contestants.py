"""Who takes part in the benchmarks, and each in a process of its own.

    with Isolated("tinygrad_np", "moons") as moons:
        moons.beginning(), moons.step_seconds(), moons.memory()

What a process has done before decides what a step costs: how much memory the C library keeps for the next array
instead of giving it back to the system, how many objects the garbage collector visits. So each contestant trains in
a process that has done nothing else, as a user's would.

Everything runs on one thread: the tutorials' arrays are too small to share out, and a library that used a second core
for the large classifier would be compared with one that did not. The garbage collector is on.

The C library (glibc) is told to keep the memory that a step frees for the next one. By default it gives large blocks
back to the system, or does not, depending on what the process freed before, and taking them again can cost half a
step of the classifier. MALLOC_TRIM_THRESHOLD_=131072 in the environment shows a process that always gives them back.
The C library reads this once, when a process starts: that is why the contestants' processes are told, and not this one.
"""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection
from time import perf_counter
from types import TracebackType
from typing import Any
from unittest import mock

from agreement import Beginning, beginning
from allocations import Allocations, counted
from networks import NETWORKS, Contestant, Network
from steps_compiled import COMPILED, leave_out
from steps_numpy import HAND_WRITTEN
from steps_peers import installed_peers
from steps_tinygrad import TINYGRAD
from stopwatch import Memory, batch_of_steps, memory
from tinygrad_np import Tensor

ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "MALLOC_MMAP_THRESHOLD_": os.environ.get("MALLOC_MMAP_THRESHOLD_", str(32 * 2**20)),
    "MALLOC_TRIM_THRESHOLD_": os.environ.get("MALLOC_TRIM_THRESHOLD_", str(256 * 2**20)),
}


def makers(peers: bool = True) -> dict[str, Callable[[], Contestant]]:
    """All contestants by name, each to be called, which imports its library."""
    return {
        HAND_WRITTEN.name: lambda: HAND_WRITTEN,
        TINYGRAD.name: lambda: TINYGRAD,
        COMPILED.name: lambda: COMPILED,
        **(installed_peers() if peers else {}),
    }


class Isolated:
    """A contestant that trains one network in another process, and only while it is asked to.

    `without` names passes that tg.compile is to do without.
    """

    def __init__(self, contestant: str, network: str, *arguments: str, without: Sequence[str] = ()) -> None:
        context = multiprocessing.get_context("spawn")
        self._title = f"{contestant} on {network}"
        self._connection, theirs = context.Pipe()
        asked_for = (theirs, contestant, network, arguments, without)
        self._process = context.Process(target=serve, args=asked_for, daemon=True)
        with mock.patch.dict(os.environ, ENVIRONMENT):
            self._process.start()
        theirs.close()  # so that the death of the process is the end of the file here
        self._answer()

    def __enter__(self) -> "Isolated":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connection.close()
        self._process.join()

    def beginning(self) -> Beginning:
        """The first three steps, to be compared before anything is timed."""
        found = self._ask("beginning")
        assert isinstance(found, Beginning)
        return found

    def first_seconds(self) -> float:
        """Seconds that the first step took in this process: with it comes what is compiled once."""
        return float(self._ask("first_seconds"))

    def step_seconds(self) -> float:
        """Seconds a step takes, over a batch of steps made now."""
        return float(self._ask("step_seconds"))

    def memory(self) -> Memory | None:
        """What is held between and during steps; None where tracemalloc does not see the arrays."""
        found: Memory | None = self._ask("memory")
        return found

    def allocations(self) -> tuple[Allocations, Allocations] | None:
        """The arrays that a step makes, its results and those besides; None where they are not NumPy's."""
        found: tuple[Allocations, Allocations] | None = self._ask("allocations")
        return found

    def _ask(self, question: str) -> Any:
        self._connection.send(question)
        return self._answer()

    def _answer(self) -> Any:
        try:
            return self._connection.recv()
        except EOFError:
            raise RuntimeError(f"{self._title} failed; what its process wrote tells why") from None


def serve(
    connection: Connection, name: str, network_name: str, arguments: Sequence[str], without: Sequence[str]
) -> None:
    """Say "ready" once warm, then answer the questions of an `Isolated`, until it hangs up."""
    leave_out(without)
    contestant, network = makers()[name](), NETWORKS[network_name](*arguments)
    training = contestant.training(network)
    start = perf_counter()
    next(training)
    first_seconds = perf_counter() - start
    answers: dict[str, Callable[[], Any]] = {
        "beginning": lambda: beginning(contestant, network),
        "first_seconds": lambda: first_seconds,
        "step_seconds": batch_of_steps(training),
        "memory": lambda: memory(partial(contestant.training, network)) if contestant.on_numpy else None,
        "allocations": lambda: allocations(contestant, network) if contestant.on_numpy else None,
    }
    connection.send("ready")
    while True:
        try:
            question = connection.recv()
        except EOFError:
            return
        connection.send(answers[question]())


def allocations(contestant: Contestant, network: Network) -> tuple[Allocations, Allocations]:
    """The arrays that a fourth step makes: new ones among its results, the loss and the parameters; those besides."""
    training = contestant.training(network)
    for _ in range(3):
        next(training)
    (loss, parameters), tally = counted(lambda: next(training))
    return tally.split(one.data if isinstance(one, Tensor) else one for one in (loss, *parameters))
