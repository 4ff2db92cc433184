"""tg.compile: whatever state a function can reach is noticed when it changes."""

from __future__ import annotations

import argparse
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, frames
from tinygrad_np.program import compile
from tinygrad_np.program.state.reachable import Reachable
from tinygrad_np.program.state.remembered import Remembered

from . import everyday_scripts as everyday_scripts  # (that registers its own)
from .scripts import SCRIPTS, Network, Script, assigned, put

x = np.array([0.5, -1.0, 2.0])

# What changes at every call is captured anew at every call, of which a user is warned.
pytestmark = pytest.mark.filterwarnings("ignore::tinygrad_np.errors.CaptureWarning")


@pytest.mark.parametrize("build", SCRIPTS.values(), ids=list(SCRIPTS))
def test_what_changes_is_noticed(build: Callable[[], Script]) -> None:
    (ours, our_changes), (theirs, their_changes) = build(), build()
    compiled = compile(ours)
    before = values(theirs(x))
    same(values(compiled(x)), before)
    for our_change, their_change in zip(our_changes, their_changes, strict=True):
        our_change()
        their_change()
        expected = values(theirs(x))
        assert repr(expected) != repr(before), "this change changes nothing"
        same(values(compiled(x)), expected)
        before = values(theirs(x))
        same(values(compiled(x)), before)


def values(result: Any) -> Any:
    if isinstance(result, dict):
        return [*result, *map(values, result.values())]
    return result.numpy() if isinstance(result, Tensor) else result


def same(actual: Any, expected: Any) -> None:
    if isinstance(expected, list):
        assert actual[: len(expected) // 2] == expected[: len(expected) // 2]
        actual, expected = actual[-1], expected[-1]
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(np.signbit(actual), np.signbit(expected))


def count(compiled: Any) -> int:
    return sum(map(len, compiled.variants.values()))


def test_what_changes_back_finds_the_earlier_program() -> None:
    weights, config, network = np.ones(3), {"rate": 0.5}, Network()
    compiled = compile(lambda x: x * weights * config["rate"] * network.rate)
    compiled(x)
    for change, back in [
        (put(weights, 0, 2.0), put(weights, 0, 1.0)),
        (put(config, "rate", 0.7), put(config, "rate", float("0.5"))),
        (assigned(network, rate=0.7), assigned(network, rate=float("0.5"))),
    ]:
        change()
        compiled(x)
        now = count(compiled)
        back()
        np.testing.assert_array_equal(compiled(x), x * 0.25)
        compiled(x)
        assert count(compiled) == now
    assert now == 4


def test_what_the_code_does_not_name_costs_nothing() -> None:
    network = Network()
    network.history = samples = [0.5] * 1000
    network.other = {"samples": samples}  # type: ignore[attr-defined]
    compiled = compile(lambda x: x * network.rate)
    compiled(x)
    network.history.append(1.0)
    network.epoch = 7
    network.other["more"] = None  # type: ignore[attr-defined]
    network.params["W1"] = Tensor([1.0])
    compiled(x)
    assert count(compiled) == 1
    found = Reachable(lambda x: x * network.rate)
    assert not found.containers
    assert {slot.path for slot in found.slots} >= {"network", "network.rate"}


def test_a_list_of_many_entries_is_compared_by_few_lines_of_python() -> None:
    samples = [float(number) for number in range(60_000)]
    state = Remembered(lambda: samples[0])
    lines = 0

    def count(frame: Any, event: str, argument: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        assert state.holds()
    finally:
        sys.settrace(before)
    assert lines < 100
    samples[59_999] = 1.0
    assert not state.holds()


def test_arguments_that_are_objects() -> None:
    network = Network()
    compiled = compile(lambda network, power, x: x**power * network.rate)
    np.testing.assert_allclose(compiled(network, 2, x), x**2 * 0.5)
    network.rate = 3.0
    np.testing.assert_allclose(compiled(network, 2, x), x**2 * 3)


@pytest.mark.parametrize(
    ("use", "states", "change"),
    [
        (lambda x, c: x * c.rate, [argparse.Namespace(rate=0.5), argparse.Namespace(rate=0.5)], assigned),
        (lambda x, c: x * c.rate, [types.SimpleNamespace(rate=0.5), types.SimpleNamespace(rate=0.5)], assigned),
        (lambda x, c: x * sum(c), [{1, 2}, {1, 2}], lambda c, rate: lambda: c.add(rate)),
        (lambda x, c: x[c], [slice(0, 2), slice(0, 2)], None),
        (lambda x, c: x * c[0], [memoryview(bytearray(b"a")), memoryview(bytearray(b"a"))], None),
    ],
)
def test_arguments_that_have_no_hash(use: Any, states: Any, change: Any) -> None:
    compiled = compile(use)
    for state in (*states, states[0]):
        np.testing.assert_array_equal(compiled(x, state), use(x, state))
    if change is not None:
        for rate in (0.7, 0.9):
            change(states[0], rate=rate)()
            np.testing.assert_array_equal(compiled(x, states[0]), use(x, states[0]))


def test_a_compiled_function_inside_another() -> None:
    weights = np.ones(3)
    inner = compile(lambda x: x * weights)
    outer = compile(lambda x: inner(x) + 1)
    np.testing.assert_array_equal(outer(x), x + 1)
    weights[0] = 5.0
    np.testing.assert_array_equal(outer(x), x * weights + 1)


def test_what_changed_is_named() -> None:
    network, samples = Network(), {number: float(number) for number in range(1000)}
    state = Remembered(lambda: samples[0] * network.mask * network.rates[0])
    assert state.changed() is None
    network.rates[0] = 7.0
    assert state.changed() == "network.rates"
    network.rates[0] = 1.0
    network.mask[0, 0] = np.nan
    assert state.changed() == "network.mask"
    network.mask[0, 0] = 1.0
    samples[1000] = samples.pop(0)
    assert state.changed() == "samples"
    del network.mask
    assert state.changed() == "network.mask"
    assert not state.holds()
    state.restore()
    assert state.holds()
    assert samples[0] == 0.0


def test_an_installed_package_is_the_users_if_the_function_is_of_it(tmp_path: Any, monkeypatch: Any) -> None:
    folder = tmp_path / "site-packages"
    for name in ("mine", "theirs"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("")
        (folder / name / "settings.py").write_text("rate = factor = 1.0\ndef scaled(x):\n    return x * factor\n")
    (folder / "mine" / "net.py").write_text(
        "from . import settings\nimport theirs.settings\n"
        "def f(x):\n    return settings.scaled(x) * settings.rate * theirs.settings.scaled(1.0)\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(frames, "_INSTALLED", {f"{folder}/"})
    monkeypatch.setattr(frames, "_LIBRARIES", (f"{folder}/",))
    import mine.net  # type: ignore[import-not-found]

    paths = {slot.path for slot in Reachable(mine.net.f).slots}
    assert paths >= {"settings", "settings.scaled", "settings.rate", "factor"}
    assert {path for path in paths if path.startswith("theirs.settings.")} == {"theirs.settings.rate"}
