"""What a row of cases.py buys: forward, gradients, second derivatives, dtypes, shapes, layouts of every primitive."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tests.cases import CASES, Case
from tinygrad_np import Tensor
from tinygrad_np.engine import backward_steps
from tinygrad_np.ops import PRIMITIVES

SHAPES: dict[int, list[tuple[tuple[int, ...], ...]]] = {
    1: [((2, 3),), ((),), ((1,),), ((0, 2),)],
    2: [((2, 3), (2, 3)), ((), (3,)), ((2, 1), (3,)), ((1, 3), (2, 1)), ((3,), ()), ((0, 2), (1, 2))],
    3: [((2, 3),) * 3, ((2, 1), (3,), ()), ((3,), (2, 3), (2, 1)), ((), (2,), (2,)), ((0,), (1,), ())],
}


def variants(case: Case) -> list[tuple[tuple[int, ...], ...]]:
    if case.is_shaped:
        return [tuple(domain.shape or () for domain in case.inputs)]
    return SHAPES[len(case.inputs)]


def drawn(case: Case, shapes: tuple[tuple[int, ...], ...]) -> list[Any]:
    random = np.random.default_rng(zlib.crc32(repr((case.label, shapes)).encode()))
    return [domain.draw(shape, random) for domain, shape in zip(case.inputs, shapes, strict=True)]


ROWS = [
    pytest.param(case, shapes, id=f"{number}-{case.label}-{'-'.join(map(str, shapes))}")
    for number, case in enumerate(CASES)
    for shapes in variants(case)
]
FIRST_VARIANT = [
    pytest.param(case, variants(case)[0], id=f"{number}-{case.label}") for number, case in enumerate(CASES)
]


def floating(inputs: list[Any]) -> list[int]:
    return [place for place, value in enumerate(inputs) if value.dtype.kind == "f"]


def weighted(case: Case, inputs: list[Any]) -> tuple[Callable[..., Any], Any]:
    """A scalar function of the floating inputs: the result times fixed weights, summed; and the result."""
    result = np.asarray((case.reference or case.f)(*inputs))
    weights = np.cos(np.arange(result.size)).reshape(result.shape)
    places = floating(inputs)

    def scalar(*values: Any) -> Any:
        given = list(inputs)
        for place, value in zip(places, values, strict=True):
            given[place] = value
        result = case.f(*given)
        return np.sum(result * weights.astype(result.dtype))

    return scalar, result


def slope(f: Callable[..., Any], values: list[Any], place: int) -> Any:
    """Central differences of fourth order, (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h, an element at a time."""
    gradient = np.zeros(values[place].shape)
    for index in np.ndindex(values[place].shape):
        step = 1e-3 * max(1.0, abs(values[place][index]))
        moved = []
        for multiple in (1, -1, 2, -2):
            other = [value.copy() for value in values]
            other[place][index] += multiple * step
            moved.append(float(f(*other)))
        gradient[index] = (8 * (moved[0] - moved[1]) - (moved[2] - moved[3])) / (12 * step)
    return gradient


def close(actual: Any, expected: Any, tolerance: float = 1e-7) -> None:
    expected = np.asarray(expected)
    assert actual.shape == expected.shape
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=tolerance, atol=tolerance)


def on_arrays(f: Callable[..., Any]) -> Callable[..., Any]:
    """The same function of arrays: its results as numbers."""
    return lambda *values: f(*[Tensor(value) for value in values]).item()


@pytest.mark.parametrize(("case", "shapes"), ROWS)
def test_forward_is_numpys(case: Case, shapes: Any) -> None:
    inputs = drawn(case, shapes)
    before = [value.copy() for value in inputs]
    result = case.f(*[Tensor(value, requires_grad=value.dtype.kind == "f") for value in inputs])
    expected = (case.reference or case.f)(*inputs)
    assert isinstance(result, Tensor)
    assert result.dtype == np.asarray(expected).dtype
    assert result.shape == np.shape(expected)
    if result.dtype.kind == "f":
        np.testing.assert_array_max_ulp(result.numpy(), np.asarray(expected), 4)
    else:
        np.testing.assert_array_equal(result.numpy(), expected)
    for value, same in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(value, same)
    carries = result.dtype.kind == "f" and any(PRIMITIVES[name].differentiable for name in case.primitives)
    assert result.requires_grad == carries


@pytest.mark.parametrize(("case", "shapes"), ROWS)
def test_gradients_are_the_slopes(case: Case, shapes: Any) -> None:
    inputs = drawn(case, shapes)
    scalar, result = weighted(case, inputs)
    if result.dtype.kind != "f":
        return
    places = floating(inputs)
    values = [inputs[place] for place in places]
    gradients = tg.grad(scalar, tuple(range(len(places))))(*values)
    for place, gradient in enumerate(gradients):
        close(gradient, slope(on_arrays(scalar), values, place))


@pytest.mark.parametrize(("case", "shapes"), ROWS)
def test_second_derivatives_are_the_slopes_of_the_first(case: Case, shapes: Any) -> None:
    inputs = drawn(case, shapes)
    scalar, result = weighted(case, inputs)
    if result.dtype.kind != "f" or case.order < 2:
        return
    places = floating(inputs)
    values = [inputs[place] for place in places]
    random = np.random.default_rng(7)
    directions = [random.uniform(-1, 1, value.shape) for value in values]
    gradients = tg.grad(scalar, tuple(range(len(places))))

    def along(*moved: Any) -> Any:
        return sum(
            (np.sum(gradient * direction) for gradient, direction in zip(gradients(*moved), directions, strict=True)),
            0.0,
        )

    products = tg.hvp(scalar, tuple(values), tuple(directions))
    for place, product in enumerate(products):
        close(product, slope(along, values, place), 1e-6)


@pytest.mark.parametrize(("case", "shapes"), FIRST_VARIANT)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_dtypes_are_kept(case: Case, shapes: Any, dtype: Any) -> None:
    doubles = drawn(case, shapes)
    inputs = [value.astype(dtype) if value.dtype.kind == "f" else value for value in doubles]
    try:
        expected = np.asarray((case.reference or case.f)(*inputs))
    except TypeError:
        return  # NumPy's linear algebra has no half precision.
    if expected.dtype.kind != "f" or (dtype is np.float16 and expected.dtype != dtype):
        return
    tensors = [Tensor(value, requires_grad=value.dtype.kind == "f") for value in inputs]
    result = case.f(*tensors)
    assert result.dtype == expected.dtype
    np.sum(result * np.cos(np.arange(result.size)).reshape(result.shape).astype(result.dtype)).backward()
    scalar, _ = weighted(case, [value.astype(np.float64) if value.dtype.kind == "f" else value for value in inputs])
    places = floating(doubles)
    exact = tg.grad(scalar, tuple(range(len(places))))(*[inputs[place].astype(np.float64) for place in places])
    for place, gradient in zip(places, exact, strict=True):
        assert tensors[place].grad.dtype == dtype
        tolerance = 1e-4 if dtype is np.float32 else 0.1
        np.testing.assert_allclose(tensors[place].grad, gradient, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("case", "shapes"), FIRST_VARIANT)
def test_layouts_make_no_difference(case: Case, shapes: Any) -> None:
    inputs = drawn(case, shapes)
    scalar, result = weighted(case, inputs)
    if result.dtype.kind != "f":
        return
    places = floating(inputs)
    values = [inputs[place] for place in places]
    gradient = tg.grad(scalar, tuple(range(len(places))))
    expected = gradient(*values)
    for layout in (partial(np.array, order="F"), mirrored, spread):
        for actual, same in zip(gradient(*map(layout, values)), expected, strict=True):
            np.testing.assert_allclose(actual, same, rtol=1e-12, atol=1e-12)


def mirrored(array: Any) -> Any:
    """The same values with negative strides, read-only."""
    backward = (..., *[slice(None, None, -1)] * array.ndim)
    view = array[backward].copy()[backward]
    view.flags.writeable = False
    return view


def spread(array: Any) -> Any:
    """The same values, not contiguous."""
    wide = np.full([2 * length for length in array.shape], np.nan)
    every_other = (..., *[slice(None, None, 2)] * array.ndim)
    wide[every_other] = array
    return wide[every_other]


def test_every_primitive_has_a_row() -> None:
    covered = set(itertools.chain.from_iterable(case.primitives for case in CASES))
    assert covered == set(PRIMITIVES)


@pytest.mark.parametrize(("case", "shapes"), FIRST_VARIANT)
def test_a_row_runs_the_primitives_it_names(case: Case, shapes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = set()

    def watch(primitive: Any, forward: Any) -> Any:
        def watched(*inputs: Any, **parameters: Any) -> Any:
            seen.add(primitive.name)
            return forward(*inputs, **parameters)

        return watched

    for primitive in PRIMITIVES.values():
        monkeypatch.setattr(primitive, "run", watch(primitive, primitive.run))
    inputs = [Tensor(value, requires_grad=value.dtype.kind == "f") for value in drawn(case, shapes)]
    result = case.f(*inputs)
    if result.requires_grad:
        # Each step is looked at: where none is, the slices' gradients are added up in place.
        list(backward_steps(result._node, np.ones(result.shape)))
    assert set(case.primitives) <= seen
