"""Autograd against differences: what is right passes however hard it is, and the report says what is wrong."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor
from tinygrad_np.check import WrongGradientError
from tinygrad_np.errors import DTypeError

random = np.random.default_rng(5)
x23 = random.normal(size=(2, 3))
x34 = random.normal(size=(3, 4))


def softmax(z: Any) -> Any:
    e = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


class TestRight:
    @pytest.mark.parametrize(
        ("f", "inputs"),
        [
            (np.tanh, [x23]),
            (np.matmul, [x23, x34]),
            (lambda a, b: np.sum(a * b), [x23, x23[0]]),
            (lambda x: x.T @ x, [x23]),
            (softmax, [5 * x23]),
            (lambda x: -np.log(softmax(x))[:, 1], [x23]),
            (lambda x: np.stack([x, 2 * x]), [x23]),
            (lambda x: np.linalg.inv(x @ x.T + np.eye(2)), [x23]),
            (lambda x: x[[0, 1, 0], 1], [x23]),
            (lambda x, y: x**y, [np.abs(x23), x23]),
            (lambda x: np.sum(x), [np.zeros((0, 3))]),
            (lambda x: x * np.ones((30, 30)), [np.array(0.5)]),
            (lambda x: np.tanh(x), [random.normal(size=(20, 20))]),
        ],
    )
    def test_functions(self, f: Any, inputs: list[Any]) -> None:
        tg.gradcheck(f, *inputs).assert_ok()

    @pytest.mark.parametrize(
        ("f", "x"),
        [
            (tg.relu, [0.0, 1e-12, -1e-12, 1e-5, 3.0]),
            (np.abs, [0.0, 1e-9, -2.0]),
            (lambda x: np.max(x), [2.0, 2.0, 1.0]),
            (lambda x: np.maximum(x, 1.0), [1.0, 1.0 + 1e-9, 1.0 - 1e-9]),
            (lambda x: np.clip(x, -1, 1), [-1.0, 1.0, 0.0]),
            (lambda x: np.sqrt(np.sum(x**2)) if np.any(x.numpy()) else np.sum(np.abs(x)), [0.0, 0.0]),
            (lambda x: tg.relu(x) ** 2, [0.0, 1.0]),
            (lambda x: tg.leaky_relu(x, slope=-0.3), [0.0, 0.1]),
        ],
    )
    def test_kinks(self, f: Any, x: list[float]) -> None:
        tg.gradcheck(f, np.array(x)).assert_ok()

    @pytest.mark.parametrize("scale", [1e-8, 1e-4, 1e4, 1e8])
    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    @pytest.mark.parametrize("f", [np.square, np.log, np.sqrt, np.sin, np.cbrt, lambda x: 1 / x, lambda x: x / (1 + x)])
    def test_scales(self, f: Any, scale: float, dtype: Any) -> None:
        tg.gradcheck(f, (scale * np.array([1.0, 1.7, 2.3])).astype(dtype)).assert_ok()

    def test_one_input_of_all_scales(self) -> None:
        x = np.array([1e8, 1.0, 1e-8, 0.0])
        tg.gradcheck(lambda x: x * np.array([1e-8, 1e8, 1e8, 1.0]), x).assert_ok()
        tg.gradcheck(lambda x: np.sum(x * np.array([1e8, 1.0, 1e-8, 1.0])), np.ones(4)).assert_ok()

    @pytest.mark.parametrize(
        ("f", "x"),
        [
            (lambda x: np.sum(x - np.mean(x)), x23),
            (lambda x: np.sum(x - np.mean(x)), np.array([1.0, 2.0, 3.0])),
            (lambda x: np.sum(softmax(x)), 3 * x23),
            (lambda x: (x + 1e9) - 1e9, x23),
            (lambda x: np.sin(x) ** 2 + np.cos(x) ** 2, x23),
            (lambda x: np.log(np.exp(x) + 1e8), x23),
            (lambda x: 1 - np.tanh(x) ** 2, np.array([5.0, 15.0, 30.0])),
            (lambda x: np.var(x), 1e6 + x23),
            (lambda x: np.exp(-(x**2)), np.array([0.0, 5.0, 10.0])),
        ],
    )
    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_cancellation(self, f: Any, x: Any, dtype: Any) -> None:
        tg.gradcheck(f, x.astype(dtype)).assert_ok()

    def test_float32_in_a_function_that_insists_on_it(self) -> None:
        def f(x: Any) -> Any:
            if x.dtype != np.float32:
                raise TypeError("float32 only")
            return np.sum(np.tanh(x))

        tg.gradcheck(f, x23.astype(np.float32)).assert_ok()

    def test_float32_constants_inside(self) -> None:
        W = x34.astype(np.float32)
        tg.gradcheck(lambda x: np.tanh(x @ W).astype(np.float32), x23).assert_ok()

    def test_second_and_third_derivatives(self) -> None:
        f = tg.grad(lambda x: np.sum(np.tanh(x) ** 2))
        tg.gradcheck(f, x23).assert_ok()
        tg.gradcheck(tg.grad(lambda x: np.sum(f(x) ** 2)), x23).assert_ok()
        tg.gradcheck(tg.grad(lambda W, x: np.sum(np.tanh(x @ W)), argnums=(0, 1)), x34, x23).assert_ok()


class Pair(NamedTuple):
    first: Any
    second: Any


class TestInputs:
    def test_arrays_tensors_numbers_and_trees(self) -> None:
        def f(x: Any, t: Any, parameters: Any, pair: Any, number: float) -> Any:
            return {"y": x @ parameters["W"][0] * number, "z": [t * pair.second, pair.first]}

        t = Tensor(x23, requires_grad=True, name="T")
        report = tg.gradcheck(f, x23, t, {"W": [x34, None]}, Pair(x23[0], 2.0), 3.0)
        report.assert_ok()
        names = ["x", "T", "parameters['W'][0]", "pair.first", "pair.second", "number"]
        assert [row.name for row in report.rows] == names

    def test_integers_and_everything_else_travel_as_they_are(self) -> None:
        indices = np.array([0, 1, 1])
        seen = []

        def f(x: Any, indices: Any, how: str, mask: Any, count: int) -> Any:
            seen.append((indices, how, mask, count))
            return np.where(mask, x[indices, 1], 0) * count if how == "picked" else None

        report = tg.gradcheck(f, x23, indices, "picked", np.array([True, False, True]), 2)
        report.assert_ok()
        assert [row.name for row in report.rows] == ["x"]
        assert seen[0][0] is indices

    def test_a_result_of_integers_beside_a_floating_one(self) -> None:
        tg.gradcheck(lambda x: (np.argmax(x), np.sum(x**2)), x23).assert_ok()

    def test_nothing_is_touched(self) -> None:
        W = Tensor(x34, requires_grad=True, name="W")
        x = x23.copy()
        x.flags.writeable = False
        tg.gradcheck(lambda x, V: np.sum((x @ V) * (x @ W)), x, W).assert_ok()
        assert W.grad is None
        np.testing.assert_array_equal(W.numpy(), x34)

    def test_inside_no_grad(self) -> None:
        with tg.no_grad():
            tg.gradcheck(np.tanh, x23).assert_ok()

    def test_without_anything_floating(self) -> None:
        with pytest.raises(DTypeError, match=r"no floating input.*1\.0 instead of 1"):
            tg.gradcheck(np.square, np.array([1, 2]))
        with pytest.raises(DTypeError, match="returned nothing floating"):
            tg.gradcheck(lambda x: x > 0, x23)


class TestUnchecked:
    @pytest.mark.parametrize(
        ("f", "x", "words"),
        [
            (lambda x: np.sqrt(x), [0.0, 1.0], r"x at \(0,\) can't be checked: right beside it"),
            (lambda x: np.log(x), [1.0, 0.0], "the function gives -inf at these inputs"),
            (lambda x: np.floor(x) * x, [1.0], "jumps"),
            (lambda x: np.log(x - 1), [1.5, 0.0], "the function gives nan"),
        ],
    )
    def test_where_there_is_no_slope(self, f: Any, x: list[float], words: str) -> None:
        report = tg.gradcheck(f, np.array(x))
        assert not report
        assert report.wrong == ["x"]
        assert report["x"].verdict == "can't be checked"
        with pytest.raises(WrongGradientError, match=words):
            report.assert_ok()

    def test_where_the_shape_of_the_result_changes(self) -> None:
        tg.gradcheck(lambda x: x[x.numpy() > 0.0] ** 2, np.array([-0.01, 0.01])).assert_ok()
        assert not tg.gradcheck(lambda x: x[x.numpy() > 0.0] ** 2, np.array([0.0, 0.01]))

    def test_a_function_that_is_random(self) -> None:
        generator = np.random.default_rng(0)
        report = tg.gradcheck(lambda x: x * generator.normal(), x23)
        assert not report
        assert "does not give the same values twice" in str(report)


@tg.primitive
def doubled(x: Any) -> Any:
    """x + x, with a wrong gradient."""
    return x + x


@doubled.vjp
def _(g: Any, y: Any, x: Any) -> Any:
    return g * 3


class TestReport:
    def test_rows(self) -> None:
        report = tg.gradcheck(lambda x, y: np.sum(doubled(x) * y), x23, x23)
        assert report.wrong == ["x"]
        row = report["x"]
        assert (row.shape, row.verdict) == ((2, 3), "wrong")
        assert row.largest_relative_error == pytest.approx(0.5)
        assert row.largest_absolute_difference == pytest.approx(np.abs(x23).max())
        assert report["y"].verdict == "right"

    def test_it_reads_well(self) -> None:
        text = str(tg.gradcheck(lambda x: doubled(np.tanh(x)), np.array([0.5, 0.0])))
        lines = text.splitlines()
        line = TestReport.test_it_reads_well.__code__.co_firstlineno + 1
        assert lines[0] == f"Gradients of the lambda of test_gradcheck.py line {line} against differences: wrong"
        assert " ".join(lines[2].split()) == "with respect to shape difference relative error at verdict"
        assert lines[3].endswith("WRONG")
        assert "It is wrong everywhere, 1.5 times the slope." in text.replace("\n  ", " ")
        given = doubled.rules[0].__code__.co_firstlineno
        at_fault = f"The gradient rule at fault: doubled (test_gradcheck.py line {line}), g * 3, given at"
        assert " ".join(text.split()).endswith(f"{at_fault} test_gradcheck.py line {given}.")

    def test_right_is_one_word(self) -> None:
        assert str(tg.gradcheck(np.tanh, x23)).splitlines()[0] == "Gradients of tanh against differences: right"

    def test_a_derivative_is_named_after_its_function(self) -> None:
        report = tg.gradcheck(tg.grad(np.prod), x23)
        assert str(report).startswith("Gradients of grad of prod against differences: right")

    def test_assert_ok_is_an_assertion(self) -> None:
        tg.gradcheck(np.tanh, x23).assert_ok()
        with pytest.raises(AssertionError, match="WRONG"):
            tg.gradcheck(doubled, x23).assert_ok()

    def test_a_gradient_that_was_dropped(self) -> None:
        text = str(tg.gradcheck(lambda x: np.exp(x.numpy()), x23))
        assert "The gradient is 0 everywhere" in text.replace("\n  ", " ")
        assert "an array was taken out of a Tensor" in text


# Orders, directions, and what is told of a rule.


@tg.primitive
def cubed(x):
    return x**3


@cubed.vjp
def _(g, y, x):
    return g * 3 * squared(x)


@tg.primitive
def squared(x):
    return x**2


@squared.vjp
def _(g, y, x):
    return g * twice(x)


@tg.primitive
def twice(x):
    return 2 * x


@twice.vjp
def _(g, y, x):  # The rule that is wrong.
    return g * 3


def test_a_rule_that_is_wrong_in_the_third_derivative_alone_is_found_by_order_3() -> None:
    assert tg.gradcheck(cubed, x23)
    assert tg.gradcheck(cubed, x23, order=2)
    report = tg.gradcheck(cubed, x23, order=3)
    assert report.wrong == ["x, derivative 3"]
    assert [row.name for row in report] == ["x", "x, derivative 2", "x, derivative 3"]
    code = twice.rules[0].__code__
    assert f"twice (test_gradcheck.py line {cubed_line() + 17})" in str(report)
    assert f"given at test_gradcheck.py line {code.co_firstlineno}" in " ".join(str(report).split())


def cubed_line() -> int:
    return int(cubed.forward.__code__.co_firstlineno)


@pytest.mark.parametrize(
    "f",
    [np.tanh, softmax, lambda x: np.sum(x**4), lambda x: np.linalg.inv(x @ x.T + np.eye(2)), lambda x: {"y": x * x}],
)
def test_right_functions_are_right_to_the_third_order(f: Any) -> None:
    report = tg.gradcheck(f, x23, order=3)
    assert report, str(report)


def test_several_inputs_have_mixed_derivatives() -> None:
    assert tg.gradcheck(lambda a, b: np.sum(np.sin(a @ b) * a[0, 0]), x23, x34, order=2)


def test_an_order_that_is_none_is_refused() -> None:
    with pytest.raises(DTypeError, match="order=0"):
        tg.gradcheck(np.tanh, x23, order=0)


@tg.primitive
def spoilt(x, /, at: int = 0):
    return x * x


@spoilt.vjp
def _(g, y, x, at=0):
    result = 2 * g * x
    return np.where(np.arange(x.size).reshape(x.shape) == at, 1.5 * result, result)


def test_large_inputs_are_moved_in_batches_and_the_count_is_said() -> None:
    W, v = random.normal(size=(100, 50)), random.normal(size=100)
    report = tg.gradcheck(lambda W: np.sum(np.tanh(v @ W) ** 2), W)
    assert report, str(report)
    assert "W has 5000 elements: they were moved in 64 batches" in str(report)
    assert report["W"].shape == (100, 50)


def test_one_wrong_element_of_many_is_found_and_named() -> None:
    W = random.normal(size=(100, 50))
    report = tg.gradcheck(lambda W: np.sum(spoilt(W, at=1234)), W)
    assert not report
    assert report["W"].where == (24, 34)
    assert f"at (24, 34), the gradient is {3 * W[24, 34]:.6g}"[:-2] in report["W"].diagnosis


def test_directions_can_be_asked_for_where_the_input_is_small() -> None:
    report = tg.gradcheck(lambda x: np.sum(np.sin(x)), x34, directions=5)
    assert report
    assert "moved in 5 batches" in str(report)
    assert not tg.gradcheck(lambda x: np.sum(spoilt(x, at=7)), x34, directions=3)
    assert tg.gradcheck(np.sum, np.zeros(100, np.float32), directions=4)


def test_the_parameters_that_a_wrong_rule_ran_with_are_told() -> None:
    report = tg.gradcheck(lambda x: spoilt(x, at=2), x23)
    assert "with at=2" in " ".join(str(report).split())


def test_a_difference_that_is_allowed_is_right() -> None:
    wrong = tg.gradcheck(lambda x: spoilt(x, at=0), x23)
    assert not wrong
    assert tg.gradcheck(lambda x: spoilt(x, at=0), x23, rtol=0.6)
    assert tg.gradcheck(lambda x: spoilt(x, at=0), x23, atol=10.0)
