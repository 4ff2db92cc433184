"""Who takes part in the benchmarks, and each in a process of its own.

    with Isolated("tinygrad_np", "moons") as moons:
        moons.beginning(), moons.step_seconds(), moons.peak_bytes()

What a process has done before decides what a step costs: how much memory the C library keeps for the next array
instead of giving it back to the system, how many objects the garbage collector visits. So each contestant trains in
a process that has done nothing else, as a user's would.
"""

import multiprocessing
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from agreement import Beginning, beginning
from networks import NETWORKS, Contestant
from steps_numpy import HAND_WRITTEN
from steps_peers import installed_peers
from steps_tinygrad import TINYGRAD
from stopwatch import batch_of_steps, peak_bytes


def makers(peers: bool = True) -> dict[str, Callable[[], Contestant]]:
    """All contestants by name, each to be called, which imports its library."""
    return {
        HAND_WRITTEN.name: lambda: HAND_WRITTEN,
        TINYGRAD.name: lambda: TINYGRAD,
        **(installed_peers() if peers else {}),
    }


class Isolated:
    """A contestant that trains one network in another process, and only while it is asked to."""

    def __init__(self, contestant: str, network: str, *arguments: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, contestant, network, arguments), daemon=True)
        self._process.start()
        theirs.close()  # so that the death of the process is the end of the file here
        self._connection.recv()

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

    def step_seconds(self) -> float:
        """Seconds a step takes, over a batch of steps made now."""
        return float(self._ask("step_seconds"))

    def peak_bytes(self) -> Any:
        """The most memory held during a step, an int; None where tracemalloc does not see the arrays."""
        return self._ask("peak_bytes")

    def _ask(self, question: str) -> Any:
        self._connection.send(question)
        return self._connection.recv()


def serve(connection: Connection, name: str, network_name: str, arguments: tuple[str, ...]) -> None:
    """Say "ready" once warm, then answer the questions of an `Isolated`, until it hangs up."""
    contestant, network = makers()[name](), NETWORKS[network_name](*arguments)
    answers: dict[str, Callable[[], Any]] = {
        "beginning": lambda: beginning(contestant, network),
        "step_seconds": batch_of_steps(contestant.training(network)),
        "peak_bytes": lambda: peak_bytes(partial(contestant.training, network)) if contestant.on_numpy else None,
    }
    connection.send("ready")
    while True:
        try:
            question = connection.recv()
        except EOFError:
            return
        connection.send(answers[question]())
