"""A pytest plugin: the fixture `check_backward` tries a hand-written backward pass on many random inputs.

    def test_my_backward(check_backward):
        check_backward(forward, backward, lambda random: {"X": random.normal(size=(random.integers(1, 9), 3)), ...})

A test that fails shows the report: the wrong line, and what it should be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from .backward import BackwardReport, check_backward

TRIES = 10
"""On so many random inputs a backward pass is tried."""

Inputs = Mapping[str, Any] | Callable[[np.random.Generator], Mapping[str, Any]]


@pytest.fixture(name="check_backward")
def _check_backward() -> Callable[..., BackwardReport]:
    """A function (forward, backward, inputs, tries=10) that fails with the report if a gradient is wrong.

    `inputs` is a function of a random generator that returns a dict of arrays, of shapes as random as it likes; or a
    dict, whose floating arrays are then tried with random values too.
    """
    return _tried


def _tried(
    forward: Callable[..., Any], backward: Callable[..., Any], inputs: Inputs, tries: int = TRIES
) -> BackwardReport:
    __tracebackhide__ = True
    report = None
    for seed in range(tries):
        random = np.random.default_rng(seed)
        values = inputs(random) if callable(inputs) else _varied(inputs, random) if seed else inputs
        report = check_backward(forward, backward, values)
        if not report:
            pytest.fail(f"with the inputs of try {seed + 1} of {tries}:\n{report}", pytrace=False)
    if report is None:
        pytest.fail("tries is 0: nothing was checked.", pytrace=False)
    return report


def _varied(inputs: Mapping[str, Any], random: np.random.Generator) -> dict[str, Any]:
    """Other random values near these, in the floating arrays."""
    found = {}
    for name, value in inputs.items():
        is_floating = isinstance(value, np.ndarray) and value.dtype.kind == "f"
        # Each is moved by a tenth of its size, so that a probability stays one.
        found[name] = (value * random.uniform(0.9, 1.0, value.shape)).astype(value.dtype) if is_floating else value
    return found
