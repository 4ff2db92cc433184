"""A pytest plugin: the fixture `check_backward` tries a hand-written backward pass on many random inputs.

    def test_my_backward(check_backward):
        check_backward(forward, backward, {"X": "n d", "W1": "d h", "b1": "h"})

A test that fails shows the report: the wrong line, and what it should be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from .backward import BackwardReport, check_backward, checked
from .values import moved

TRIES = 10
"""On so many random inputs a backward pass is tried."""

LONGEST = 6
"""Axes that are given by name are up to so long."""

Inputs = Mapping[str, Any] | Callable[[np.random.Generator], Mapping[str, Any]]


@pytest.fixture(name="check_backward")
def _check_backward() -> Callable[..., BackwardReport]:
    """A function (forward, backward, inputs, tries=10) that fails with the report if a gradient is wrong.

    `inputs` is a dict whose values are arrays, which are then tried with random values too, or the names of their axes,
    as "n d", which are tried with random lengths; or a function of a random generator that returns a dict of arrays;
    or a strategy of hypothesis for one. With hypothesis what fails is made as small as it can be.
    """
    return _tried


class _Wrong(Exception):
    """Raised with a report that is false."""


def _tried(
    forward: Callable[..., Any], backward: Callable[..., Any], inputs: Any, tries: int = TRIES
) -> BackwardReport:
    __tracebackhide__ = True
    reports: list[BackwardReport] = []
    failing: list[Mapping[str, Any]] = []

    def check(values: Mapping[str, Any]) -> None:
        reports.append(checked(forward, backward, values, is_located=False))
        if not reports[-1]:
            failing[:] = [values]
            shapes = ", ".join(f"{name} {np.shape(value)}" for name, value in values.items() if np.ndim(value))
            raise _Wrong(f"with the inputs of try {len(reports)}, {shapes}:")

    axes = {axis for value in _texts(inputs) for axis in value.split()}
    try:
        if axes or not (isinstance(inputs, Mapping) or callable(inputs)):
            _searched(check, inputs, axes, tries)
        else:
            for seed in range(tries):
                random = np.random.default_rng(seed)
                check(inputs(random) if callable(inputs) else moved(inputs, random) if seed else inputs)
    except _Wrong as wrong:
        pytest.fail(f"{wrong}\n{check_backward(forward, backward, failing[0])}", pytrace=False)
    if not reports:
        pytest.fail("tries is 0: nothing was checked.", pytrace=False)
    return reports[-1]


def _texts(inputs: Any) -> list[str]:
    return [value for value in inputs.values() if isinstance(value, str)] if isinstance(inputs, Mapping) else []


def _searched(check: Callable[[Mapping[str, Any]], None], inputs: Any, axes: set[str], tries: int) -> None:
    """Let hypothesis search for inputs that fail, and make them small; the axes have random lengths."""
    hypothesis = pytest.importorskip("hypothesis", reason="inputs of random shapes need hypothesis")
    of = hypothesis.strategies

    def made(lengths: Mapping[str, int], seed: int) -> dict[str, Any]:
        random = np.random.default_rng(seed)
        return {
            name: random.normal(size=[lengths[axis] for axis in value.split()]) if isinstance(value, str) else value
            for name, value in inputs.items()
        }

    lengths = of.fixed_dictionaries({axis: of.integers(1, LONGEST) for axis in sorted(axes)})
    strategy = of.builds(made, lengths, of.integers(0, 2**32 - 1)) if axes else inputs
    quiet = hypothesis.settings(
        max_examples=tries,
        deadline=None,
        database=None,
        derandomize=True,
        report_multiple_bugs=False,
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    quiet(hypothesis.given(strategy)(check))()
