"""The instruments of the benchmarks tell the truth: memory, allocations, passes left out, the printed tables."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import growth
import measure_compiled
import sweep
from agreement import assert_same_training, beginning
from allocations import Allocations, counted
from contestants import Isolated, allocations
from networks import NETWORKS, Contestant, Network
from steps_compiled import COMPILED, leave_out, names_of_passes, sequences_of_passes
from steps_numpy import HAND_WRITTEN
from stopwatch import memory
from tinygrad_np import Tensor
from tinygrad_np.program import passes

a, b, out = np.ones(1000), np.ones(1000), np.empty(1000)


@pytest.mark.parametrize(
    ("work", "besides_the_result"),
    [
        (lambda: np.add(a, b, out), Allocations(0, 0)),
        (lambda: a + b, Allocations(0, 0)),
        (lambda: (a + b) * a - b, Allocations(2, 16000)),
        (lambda: np.dot(np.zeros((10, 20)), np.zeros((20, 5))), Allocations(2, 2400)),
        (lambda: a[:10], Allocations(0, 0)),
        (lambda: np.add.reduce(a), Allocations(1, 8)),
    ],
)
def test_every_array_is_counted_except_for_the_result(work: Any, besides_the_result: Allocations) -> None:
    result, tally = counted(work)
    assert tally.split([result])[1] == besides_the_result


def test_an_array_is_alive_until_it_is_dropped_and_nothing_is_counted_afterwards() -> None:
    result, tally = counted(lambda: a + b)
    assert list(tally.alive.values()) == [result.nbytes]
    del result
    assert not tally.alive
    assert (a + b).sum() == 2000
    assert tally.count == 1


def planted(network: Network) -> Iterator[tuple[float, tuple[Any, ...]]]:
    """Holds 80,000 bytes; a step makes 200,000 more, of which 40,000 are the result's."""
    held = np.ones(10_000)
    while True:
        passing = np.negative(held), np.zeros(5_000)
        np.negative(held)
        yield 0.0, (passing[1],)
        del passing


def test_the_memory_of_a_step_is_told_from_what_is_held() -> None:
    network = NETWORKS["moons"]()
    found = memory(lambda: planted(network))
    assert found.arrays == 80_000 + 80_000 + 40_000  # what a step made lives until the next one
    assert 80_000 <= found.step < 85_000
    assert found.objects < 5_000
    assert found.peak == found.arrays + found.objects + found.step


def test_the_allocations_of_a_step_are_those_beyond_its_results() -> None:
    contestant = Contestant("planted", planted, np.asarray)
    assert allocations(contestant, NETWORKS["moons"]()) == (Allocations(1, 40_000), Allocations(2, 160_000))


def test_a_compiled_step_holds_its_buffers() -> None:
    network = NETWORKS["circles"]()
    _, made = allocations(COMPILED, network)
    _, made_by_hand = allocations(HAND_WRITTEN, network)
    assert made.bytes < made_by_hand.bytes / 100


def test_passes_are_left_out_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, sequence in sequences_of_passes().items():
        monkeypatch.setattr(passes, name, sequence)  # put back afterwards
    before = names_of_passes()
    assert "dead_code" in before
    leave_out(["dead_code"])
    assert names_of_passes() == [name for name in before if name != "dead_code"]
    with pytest.raises(ValueError, match="no passes are called dead_code; there are "):
        leave_out(["dead_code"])


def test_without_any_pass_a_program_is_longer_and_means_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    network = NETWORKS["moons"]()
    with Isolated(COMPILED.name, network.name, without=names_of_passes()) as isolated:
        assert_same_training("without passes", isolated.beginning(), beginning(HAND_WRITTEN, network))
        found = isolated.allocations()
    assert found is not None
    assert found[1].bytes > allocations(COMPILED, network)[1].bytes


def test_a_process_that_fails_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="MyDiff on moons failed"):
        Isolated("MyDiff", "moons")
    assert "KeyError: 'MyDiff'" in capfd.readouterr().err


def test_the_tables_have_a_row_a_contestant(capsys: pytest.CaptureFixture[str]) -> None:
    measure_compiled.measure_network(["notebook"], ["dead_code"], rounds=2)
    printed = capsys.readouterr().out
    for row in (HAND_WRITTEN.name, COMPILED.name, "… without dead_code"):
        assert printed.count(f"\n{row} ") == 2
    assert printed.count("met") + printed.count("missed") >= 3


def test_a_pass_that_cannot_be_left_out_is_reported(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measure_compiled, "names_of_passes", lambda: ["dead_code", "no_such_pass"])
    measure_compiled.measure_passes(["notebook"], rounds=2)
    dead_code, failing = capfd.readouterr().out.splitlines()[-2:]
    assert float(dead_code.removeprefix("dead_code")) > -5
    assert failing.split() == ["no_such_pass", "fails"]


@pytest.mark.parametrize("name", ["0 add", "max_pool2d", "sort of rows", "60 frexp"])
def test_the_sweep_measures_a_row_beside_numpy(name: str) -> None:
    cells = sweep.ratios(sweep.ROWS[name], "float32", 1000, rounds=1)
    assert cells.keys() >= {"forward ms", "with backward ms"}
    assert ("of NumPy's" in cells) == (name != "max_pool2d")


@pytest.mark.parametrize("name", growth.ROWS)
def test_what_grows_is_a_loss_of_all_its_rows(name: str) -> None:
    x = Tensor(np.ones((4, 8)), requires_grad=True)
    growth.ROWS[name][1](x).backward()
    assert x.grad is not None
