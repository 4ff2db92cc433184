"""Random calls of NumPy's functions: values, dtypes, warnings and errors are NumPy's, gradients are the slopes.

`python -m pytest tests/fuzz --fuzz-minutes 10` goes on with new seeds; a failure names the seed, and
`python -m pytest tests/fuzz -k "norms"` runs what one entry draws.
"""

from __future__ import annotations

import time
import warnings
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tests.fuzz.drawing import Draw
from tests.fuzz.surface import ENTRIES, Call
from tinygrad_np import Tensor

CASES = 8
"""Of each entry, in every run."""

TOLERANCE = {"float64": 1e-9, "float32": 2e-4, "float16": 2e-2}


def run(f: Callable[..., Any], inputs: Any) -> tuple[Any, set[str]]:
    """The result, or the error, and the warnings that came on the way."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            result = f(*inputs)
        except Exception as error:
            result = error
    return result, {str(warning.message).replace("scalar ", "") for warning in seen}


def check(name: str, seed: int) -> None:
    call = ENTRIES[name](Draw(seed))
    label = f"{name}, seed {seed}"
    expected, warned = run(call.f, call.inputs)
    tensors = [Tensor(value, requires_grad=True) for value in call.inputs]
    result, warned_here = run(call.f, tensors)
    if isinstance(expected, OverflowError):
        return  # A narrow number overflows in NumPy's own arithmetic of options.
    if isinstance(expected, Exception):
        assert isinstance(result, tg.TinygradError), f"{label}: NumPy says {expected!r}, and here {result!r}"
        return
    assert not isinstance(result, Exception), f"{label}: {result!r}, and NumPy gives {expected!r}"
    if not isinstance(result, Tensor):
        return
    expected = np.asarray(expected)
    assert result.dtype == expected.dtype, f"{label}: {result.dtype} for {expected.dtype}"
    assert result.shape == expected.shape, f"{label}: {result.shape} for {expected.shape}"
    tolerance = TOLERANCE[min((str(value.dtype) for value in call.inputs), key=lambda d: -TOLERANCE[d])]
    np.testing.assert_allclose(result.numpy(), expected, tolerance, tolerance, err_msg=label)
    assert warned_here <= warned, f"{label}: warnings {warned_here}, and NumPy's {warned}"
    assert warned_here or not warned, f"{label}: no warnings, and NumPy's {warned}"
    if expected.dtype.kind != "f" or not np.isfinite(expected).all() or not result.requires_grad:
        return
    check_slopes(call, expected, label, tolerance, bool(warned))


def check_slopes(call: Call, expected: Any, label: str, tolerance: float, may_warn: bool) -> None:
    """Gradients in the dtype given against those of doubles, these against differences, and so the second."""
    weights = np.cos(np.arange(expected.size)).reshape(expected.shape)

    def loss(*values: Any) -> Any:
        result = call.f(*values)
        return np.sum(result * weights.astype(result.dtype))

    places = tuple(range(len(call.inputs)))
    doubles = [value.astype(np.float64) for value in call.inputs]
    gradient = tg.grad(loss, places)
    exact, warned = run(gradient, doubles)
    assert not isinstance(exact, Exception), f"{label}: the gradient is {exact!r}"
    assert may_warn or not warned, f"{label}: the gradient warns, {warned}"
    directions = [np.sin(1 + np.arange(value.size)).reshape(value.shape) for value in doubles]

    def along(t: float) -> list[Any]:
        return [value + t * direction for value, direction in zip(doubles, directions, strict=True)]

    slopes = differences(lambda t: float(np.sum(loss(*along(t)))))
    if slopes is None:
        return  # A kink is close.
    product = sum(float(np.sum(one * direction)) for one, direction in zip(exact, directions, strict=True))
    scale = 1 + sum(float(np.sum(np.abs(one * direction))) for one, direction in zip(exact, directions, strict=True))
    assert abs(product - slopes) <= 1e-6 * scale, f"{label}: the slope is {product}, and {slopes} by differences"
    if any(value.dtype != np.float64 for value in call.inputs):
        narrow, _ = run(gradient, call.inputs)
        assert not isinstance(narrow, Exception), f"{label}: the gradient is {narrow!r}"
        for one, same, value in zip(narrow, exact, call.inputs, strict=True):
            assert one.dtype == value.dtype
            limit = 20 * tolerance * (1 + np.max(np.abs(same), initial=0))
            assert np.max(np.abs(one - same), initial=0) <= limit, f"{label}: {one} for {same}"
        return
    if call.order < 2:
        return
    curved, warned = run(lambda: tg.hvp(loss, tuple(doubles), tuple(directions)), ())
    assert not isinstance(curved, Exception), f"{label}: the second derivative is {curved!r}"
    assert may_warn or not warned, f"{label}: the second derivative warns, {warned}"

    def slope_at(t: float) -> float:
        gradients = gradient(*along(t))
        return sum(float(np.sum(one * direction)) for one, direction in zip(gradients, directions, strict=True))

    bends = differences(slope_at)
    if bends is None:
        return
    product = sum(float(np.sum(one * direction)) for one, direction in zip(curved, directions, strict=True))
    scale = 1 + sum(float(np.sum(np.abs(one * direction))) for one, direction in zip(curved, directions, strict=True))
    assert abs(product - bends) <= 1e-5 * scale, f"{label}: the second is {product}, and {bends} by differences"


def differences(f: Callable[[float], float], h: float = 1e-4) -> float | None:
    """The slope at 0 by differences of fourth order; None where those of another step say something else."""
    slopes = []
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for step in (h, 2.7 * h):
            slopes.append((8 * (f(step) - f(-step)) - (f(2 * step) - f(-2 * step))) / (12 * step))
    scale = 1 + abs(slopes[0])
    return slopes[0] if abs(slopes[0] - slopes[1]) < 1e-7 * scale * 1e1 else None


@pytest.mark.parametrize("name", ENTRIES)
def test_what_an_entry_draws_is_as_numpy_has_it(name: str) -> None:
    for number in range(CASES):
        check(name, zlib.crc32(f"{name} {number}".encode()))


def test_new_seeds(request: pytest.FixtureRequest) -> None:
    minutes = request.config.getoption("--fuzz-minutes")
    end, first = time.monotonic() + 60 * minutes, time.time_ns() % 2**32
    names = list(ENTRIES)
    number = 0
    while time.monotonic() < end:
        check(names[number % len(names)], first + number)
        number += 1
