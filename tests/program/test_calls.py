"""What surrounds a compiled program: how it is called, what its results are, what it does to the Tensors around it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor
from tinygrad_np.errors import CaptureError, ChangedValueError, IndexingError, LinearAlgebraError, NoGradientError
from tinygrad_np.program import compile
from tinygrad_np.tree import flatten

x = np.array([0.5, -1.0, 2.0])


def test_a_view_of_the_old_value_keeps_it() -> None:
    W = Tensor(np.arange(4.0))

    def step(x: Any) -> Any:
        before = np.flip(W.data)
        W.data = W.data - x
        return before

    compiled = compile(step)
    for _ in range(3):
        expected = np.flip(W.numpy())
        np.testing.assert_array_equal(compiled(np.ones(4)), expected)


def test_no_gradient_goes_silently_lost_in_a_compiled_function() -> None:
    W = Tensor(np.ones((3, 3)), requires_grad=True)
    with pytest.raises(NoGradientError, match="inside"):
        tg.grad(compile(lambda x: np.sum(np.tanh(x))))(x)
    result = compile(lambda x: np.tanh(x @ W))(np.ones((2, 3)))
    assert result.requires_grad
    with pytest.raises(NoGradientError, match="inside"):
        ((result**2).sum() + (W**2).sum()).backward()
    with pytest.raises(NoGradientError, match="inside"):
        compile(lambda w: np.sum(w * 2))(W).backward()
    assert W.grad is None
    assert not compile(lambda x: np.sum(Tensor(x)))(x).requires_grad


def test_a_method_is_bound_to_its_instance() -> None:
    class Model:
        def __init__(self, rate: float) -> None:
            self.w, self.rate = Tensor(np.ones(3), requires_grad=True), rate

        def plain(self, x: Any) -> Any:
            loss = np.sum((self.w * x) ** 2)
            loss.backward()
            self.w.data -= self.rate * self.w.grad
            self.w.zero_grad()
            return loss.data

        step = compile(plain)

    for rate in (0.1, 0.2):
        ours, theirs = Model(rate), Model(rate)
        for _ in range(3):
            np.testing.assert_allclose(ours.step(x), theirs.plain(x), rtol=1e-14)
        np.testing.assert_allclose(ours.w.data, theirs.w.data, rtol=1e-14)
    assert "plain" in repr(Model.step)


@pytest.mark.parametrize(
    "f", [lambda x: x * 1, lambda x: x + 0, lambda x: np.negative(-x), lambda x: x**1, lambda x: x]
)
def test_a_0_d_result_has_the_type_of_the_functions(f: Any) -> None:
    for value in (np.array(3.0), np.float64(3.0)):
        assert type(compile(f)(value)) is type(f(value))


def test_numpys_numbers_decide_the_dtype() -> None:
    def double(x: Any) -> Any:
        return x * np.float64(2), x * 2.0

    for dtype in (np.float32, np.float64):
        results = compile(double)(np.ones(3, dtype))
        assert [result.dtype for result in results] == [result.dtype for result in double(np.ones(3, dtype))]


def test_an_argument_that_changes_while_it_is_read() -> None:
    p = Tensor(np.ones(3))

    def step(x: Any) -> Any:
        p.data -= x
        return x + 1

    compiled = compile(step)
    compiled(np.ones(3))
    for argument in (p.data, p.data[::-1]):
        with pytest.raises(ChangedValueError, match="copy"):
            compiled(argument)


def test_recording_on_or_off_is_another_program() -> None:
    w = Tensor(np.ones(3), requires_grad=True)

    @compile
    def step(x: Any) -> Any:
        loss = np.sum(w * x)
        if loss.requires_grad:
            loss.backward()
            w.data -= w.grad
            w.zero_grad()
        return loss.data

    with tg.no_grad():
        step(x)
    np.testing.assert_array_equal(w.data, np.ones(3))
    step(x)
    np.testing.assert_array_equal(w.data, 1 - x)


def test_a_function_that_is_called_while_it_runs() -> None:
    def half(x: Any) -> Any:
        return np.asarray(compiled(np.asarray(x) / 2)) if np.max(np.asarray(x)) > 0.3 else np.asarray(x) * 1.0

    inner = tg.primitive(half)

    def outer(x: Any) -> Any:
        t = np.tanh(x)
        return t * 3 + inner(t)

    def eager(x: Any) -> Any:
        t = np.tanh(x)
        return t * 3 + (eager(t / 2) if t.max() > 0.3 else t * 1.0)

    compiled = compile(outer)
    for _ in range(2):
        np.testing.assert_allclose(compiled(x), eager(x), rtol=1e-15)


def test_equal_arguments_of_other_types_are_others() -> None:
    def describe(x: Any, how: Any) -> Any:
        return x * (2 if how is True else 3 if isinstance(how, float) else 4)

    compiled = compile(describe)
    for how in (1, True, 1.0, -0.0, 0.0):
        np.testing.assert_array_equal(compiled(x, how), describe(x, how))
    names = compile(lambda x, d: x * len(str(next(iter(d)))))
    for key in (1, True, 1.0):
        np.testing.assert_array_equal(names(x, {key: 0}), x * len(str(key)))


@dataclass
class Pair:
    """Two arrays."""

    w: Any
    b: Any


def test_dataclasses_are_trees() -> None:
    compiled = compile(lambda pair: pair.w @ pair.b)
    np.testing.assert_array_equal(compiled(Pair(np.eye(3), x)), x)
    odd = Pair(np.eye(3), x)
    odd.extra = 5  # type: ignore[attr-defined]
    with pytest.raises(CaptureError, match="Pair"):
        compiled(odd)


@pytest.mark.filterwarnings("ignore:.*captured anew")
def test_programs_for_many_kinds_of_arguments_are_not_kept_for_ever() -> None:
    compiled = compile(lambda x, rate: x * rate)
    for number in range(100):
        np.testing.assert_array_equal(compiled(x, float(number)), x * number)
    assert len(compiled.variants) <= 64


def test_numpys_errors_name_operation_operands_and_line() -> None:
    picked = compile(lambda E, index: E[index] * 2)
    picked(np.ones((5, 3)), np.array([0, 1]))
    with pytest.raises(IndexingError, match=r"getitem of E .* line \d+"):
        picked(np.ones((5, 3)), np.array([0, 7]))
    inverted = compile(lambda A: np.linalg.inv(A))
    inverted(np.eye(2))
    with pytest.raises(LinearAlgebraError, match=r"inv of A .* line \d+"):
        inverted(np.zeros((2, 2)))
    np.testing.assert_array_equal(inverted(np.eye(2)), np.eye(2))


def test_what_is_no_function_is_refused_at_once() -> None:
    with pytest.raises(CaptureError, match="not a function"):
        compile(3)  # type: ignore[arg-type]


def test_a_copy_compiles_anew() -> None:
    compiled = compile(np.tanh)
    np.testing.assert_array_equal(copy.copy(compiled)(x), np.tanh(x))


def test_each_results_data_is_its_own() -> None:
    w = Tensor(np.ones(3), requires_grad=True)
    scaled = compile(lambda x: x * w)
    for factor in (1.0, 2.0, 3.0):
        result = scaled(factor * x)
        np.testing.assert_array_equal(result.data, factor * x)
        result.data[0] = 7
        np.testing.assert_array_equal(scaled(factor * x).data, factor * x)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.split(x, 1)[0] ** 2,
        lambda x: np.array_split(x, 1)[0].shape[0] * x,
        lambda x: sum(np.meshgrid(x, indexing="ij")) + 1,
        lambda x: np.split(x, 1),
        lambda x: np.broadcast_arrays(x)[0] * 2,
        lambda x: np.concatenate([np.tanh(head) for head in np.split(np.ones(3) * 2, 1)]) * x,
        tg.grad(lambda x: np.sum(np.concatenate([np.tanh(head) for head in np.split(x, 1)]) ** 2)),
    ],
)
def test_a_list_of_one_array_is_a_list(f: Any) -> None:
    compiled = compile(f)
    for values in (np.array([0.5, -1.0, 2.0]), np.array([3.0, 0.1, 0.2])):
        expected, actual = flatten(f(values))[0], flatten(compiled(values))[0]
        for one, other in zip(actual, expected, strict=True):
            assert type(one) is type(other)
            np.testing.assert_allclose(one, other, rtol=1e-14)
            assert not np.may_share_memory(one, values)
    for source in (compiled.source, compiled.fast_source):
        names: dict[str, Any] = {}
        exec(source, names)
        made = flatten(names[compiled.program.name](values, *compiled.constants))[0]
        for one, other in zip(made, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-14)


def test_values_that_stay_rare_cost_one_program_a_call() -> None:
    relu = tg.compile(tg.grad(lambda x: np.sum(np.maximum(0.0, x))), verify=False)
    x, tied = np.array([1.0, -2.0]), np.array([0.0, 3.0])
    relu(x)
    variant = relu._captured()
    assert variant.general is not None
    assert variant.emitted is not None
    runs = []
    variant.emitted.names["general"] = lambda leaves, general=variant.general: runs.append(1) or general(leaves)
    enter = variant._entered([x])
    for _ in range(80):
        np.testing.assert_array_equal(enter(tied), [0.5, 1.0])
    assert len(runs) == 80
    assert enter.__globals__["rare"] == [80]
    for _ in range(70):
        np.testing.assert_array_equal(enter(x), [1.0, 0.0])
    assert enter.__globals__["rare"] == [0]
