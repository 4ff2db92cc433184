"""The rows that leave their shapes open, in shapes, layouts and magnitudes that hypothesis makes."""

from __future__ import annotations

from typing import Any

import hypothesis.extra.numpy as numpies
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_np as tg
from tests.cases import CASES, Case
from tests.test_cases import close, mirrored, on_arrays, slope, spread, weighted
from tinygrad_np import Tensor

OPEN = [case for case in CASES if not case.is_shaped]
LAYOUTS = [np.array, mirrored, spread, lambda array: np.array(array, order="F")]
SCALED = [
    (np.multiply, lambda a, b: (b, a)),
    (np.divide, lambda a, b: (1 / b, -a / b / b)),
    (np.hypot, lambda a, b: (a / np.hypot(a, b), b / np.hypot(a, b))),
    (np.add, lambda a, b: (np.ones_like(a), np.ones_like(b))),
    (np.maximum, lambda a, b: ((a > b) * 1.0, (b > a) * 1.0)),
    (lambda a, b: a * np.arctan(b), lambda a, b: (np.arctan(b), a / (1 + b * b))),
]
"""Functions of two numbers, and their slopes, at any magnitude."""


@st.composite
def calls(draw: Any) -> tuple[Case, list[Any]]:
    """A row, and inputs for it of shapes that broadcast, each in a layout of its own."""
    case = draw(st.sampled_from(OPEN))
    broadcast = numpies.mutually_broadcastable_shapes(num_shapes=len(case.inputs), max_dims=3, min_side=0, max_side=3)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    arrays = [
        draw(st.sampled_from(LAYOUTS))(domain.draw(shape, random))
        if domain.kind == "float"
        else domain.draw(shape, random)
        for domain, shape in zip(case.inputs, draw(broadcast).input_shapes, strict=True)
    ]
    return case, arrays


@settings(max_examples=300, deadline=None, derandomize=True)
@given(calls())
def test_gradients_in_any_shape_and_layout(call: tuple[Case, list[Any]]) -> None:
    case, arrays = call
    scalar, result = weighted(case, arrays)
    if result.dtype.kind != "f" or result.size > 12:
        return
    values = [array for array in arrays if array.dtype.kind == "f"]
    before = [value.copy() for value in values]
    for place, gradient in enumerate(tg.grad(scalar, tuple(range(len(values))))(*values)):
        assert gradient.dtype == values[place].dtype
        close(gradient, slope(on_arrays(scalar), values, place))
    for value, same in zip(values, before, strict=True):
        np.testing.assert_array_equal(value, same)


magnitudes = st.floats(-300, 300).map(lambda power: 10.0 ** (power / 3)) | st.just(1.0)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.sampled_from(SCALED), magnitudes, magnitudes, st.booleans())
def test_gradients_of_any_magnitude(function: Any, first: float, second: float, is_negative: bool) -> None:
    f, slopes = function
    a, b = np.array([first, 3 * first]), np.array([2 * second, 5 * second]) * (-1 if is_negative else 1)
    tensors = [Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)]
    with np.errstate(over="ignore", under="ignore"):
        f(*tensors).backward(np.ones(2))
        expected = slopes(a, b)
    for tensor, same in zip(tensors, expected, strict=True):
        np.testing.assert_allclose(tensor.grad, same, rtol=1e-9, atol=1e-300)
