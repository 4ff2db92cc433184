"""The passes, each by itself: what it takes away, that the program still means the same, and what it leaves alone.

Those that see the steps of a loop as pieces of one array are in test_batching.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tests.program.running import assert_same, captured, operations
from tinygrad_np.program import compile
from tinygrad_np.program.passes.algebra import stable_forms, transposed_products
from tinygrad_np.program.passes.cleaning import common_subexpressions, dead_code, folded_constants, named
from tinygrad_np.program.passes.identities import identities
from tinygrad_np.program.passes.logistic import shared_exponentials
from tinygrad_np.program.passes.lowering import converted_once, early_truths, variances
from tinygrad_np.program.passes.polynomials import cancelled
from tinygrad_np.program.passes.reductions import summed_products
from tinygrad_np.program.passes.scales import hoisted_scales

random = np.random.default_rng(0)
x, w, z = random.normal(size=(6, 3)), random.normal(size=(3, 4)), random.normal(size=(6, 4))
labels = random.integers(0, 2, (200, 1))
tall = random.normal(size=(200, 1))
single, half = x.astype(np.float32), x.astype(np.float16)
integers, unsigned, tiny = (
    np.arange(18).reshape(6, 3),
    (x > 0).astype(np.uint8),
    (90 * np.tanh(x)).astype(np.int8),
)
long = np.tile(x, (400, 1))
known = unsigned.astype(float)


@pytest.mark.parametrize(
    ("one_pass", "f", "inputs", "left"),
    [
        (folded_constants, lambda x: x * (tg.Tensor(np.ones(3)) + 1), (x,), ["multiply"]),
        (identities, lambda x: (x * 1 + 0) / 1, (x,), []),
        (identities, lambda x: np.negative(np.negative(x)), (x,), []),
        (identities, lambda x: x.T.T, (x,), []),
        (identities, lambda x: x.reshape(3, 6).reshape(2, 9).reshape(6, 3), (x,), []),
        (identities, lambda x: x.astype(np.float64).copy(), (x,), []),
        (identities, lambda x: x**2, (x,), ["square"]),
        (identities, lambda x: x.mean(0), (x,), ["sum", "divide"]),
        (identities, lambda x, z: x - (-z), (x, x), ["add"]),
        (identities, lambda x, z: np.sum(x * -z), (x, x), ["multiply", "sum", "negative"]),
        (identities, lambda x: np.broadcast_to(np.sum(x), (6, 3)) * x, (x,), ["sum", "multiply"]),
        (identities, lambda x: np.sum(x[:, :1], axis=1, keepdims=True), (x,), ["getitem", "reshape"]),
        (identities, lambda x: np.sum(x[:0] * 1, axis=0), (x,), ["getitem", "sum"]),
        (identities, lambda x: -(x - 2 * x) / -x, (x,), ["multiply", "subtract", "divide", "negative"]),
        (identities, lambda i: -(-i - i), (integers,), ["negative", "subtract"]),
        (identities, lambda i, y: (-i) * y, (integers, x), ["multiply", "negative"]),
        (common_subexpressions, lambda x: np.exp(x) + np.exp(x), (x,), ["exp", "add"]),
        (common_subexpressions, lambda x: (x * 1, x * 1.0, x * True), (x,), ["multiply"] * 3),
        (
            common_subexpressions,
            lambda x: (np.copysign(x, 0.0), np.copysign(x, -0.0)),
            (x,),
            ["copysign"] * 2,
        ),
        (dead_code, lambda x: (np.exp(x), np.sin(x))[1], (x,), ["sin"]),
        (early_truths, lambda x: (np.exp(x), x > 0), (x,), ["greater", "exp"]),
        (
            converted_once,
            lambda z, y: (z * y, z - y),
            (tall, labels),
            ["astype", "multiply", "astype", "subtract"],
        ),
        (variances, lambda x: np.var(x), (x,), ["sum", "divide", "subtract", "square", "sum", "divide"]),
        (
            variances,
            lambda x: np.var(x, axis=(1,), keepdims=True, ddof=1),
            (single,),
            ["sum", "divide", "subtract", "square", "sum", "divide"],
        ),
    ],
)
def test_an_exact_pass(one_pass: Any, f: Any, inputs: Any, left: list[str]) -> None:
    before = captured(f, *inputs)
    after = one_pass(before)
    assert_same(before, after, *inputs)
    assert operations(dead_code(after)) == left


RARE = np.array([[0.0, -0.0, 1e-300], [np.inf, -np.inf, np.nan], [1e300, -1e300, 1.0]])


@pytest.mark.parametrize("one_pass", [identities, common_subexpressions, converted_once, early_truths])
def test_an_exact_pass_is_exact_for_rare_values(one_pass: Any) -> None:
    def f(x: Any, y: Any) -> Any:
        return (
            -x * -y,
            -x - y,
            x - -y,
            np.negative(-x) / 1,
            (x**2).mean(0),
            np.sum(-x, axis=1),
            x.T.T * (y > 0),
            x * y * 1,
        )

    before = captured(f, RARE + 1, x[:3])
    assert_same(before, one_pass(before), RARE, RARE[::-1])


def f32(number: float) -> Any:
    return np.float32(number)


@pytest.mark.parametrize(
    ("one_pass", "f", "inputs", "left"),
    [
        (transposed_products, lambda x, w: np.dot(x, w).T, (x, w), ["transpose", "transpose", "dot"]),
        (transposed_products, lambda x, w: x @ w, (x, w), ["dot"]),
        (cancelled, lambda x, y: x * y / y * y, (x, x + 5), ["multiply"]),
        (cancelled, lambda x: 2 * x * 0.5 * -1, (x,), ["negative"]),
        (cancelled, lambda x, y: -(x * 2 - y * 2) * 0.5, (x, w[0, 0] * x), ["subtract"]),
        (cancelled, lambda a, y: (y / a - (1 - y) / (1 - a)) * (a * (1 - a)), (x**2, x), ["subtract"]),
        (cancelled, lambda a, y: (y / a - (1 - y) / (1 - a)) * (a * (1 - a)), (x**2, unsigned), ["subtract"]),
        (
            cancelled,
            lambda a: (0.5 * known / a - 0.5 * (1 - known) / (1 - a)) * (a * (1 - a)),
            (x**2,),
            ["subtract", "multiply"],
        ),
        (
            hoisted_scales,
            lambda x, w: 0.1 * np.dot(np.tanh(x), w @ w.T),
            (x, w),
            ["tanh", "transpose", "matmul", "dot"],
        ),
        (
            stable_forms,
            lambda z: np.log(1 / (1 + np.exp(-z))),
            (x,),
            ["negative", "logaddexp", "negative"],
        ),
        (stable_forms, lambda z: np.log(1 - 1 / (1 + np.exp(-z))), (x,), ["logaddexp", "negative"]),
        (summed_products, lambda x: np.sum(x, axis=0), (x,), ["dot", "reshape"]),
        (summed_products, lambda x: np.sum(x, axis=1, keepdims=True), (single,), ["dot"]),
        (summed_products, lambda v: np.sum(v * v), (tall,), ["reshape", "dot"]),
    ],
)
def test_a_pass_that_does_algebra(one_pass: Any, f: Any, inputs: Any, left: list[str]) -> None:
    before = common_subexpressions(captured(f, *inputs))
    after = one_pass(before)
    assert_same(before, after, *inputs, tolerance=1e-6 if inputs[0] is single else 1e-14)
    found = operations(dead_code(common_subexpressions(identities(after))))
    assert [operation for operation in found if operation != "multiply" or one_pass is not hoisted_scales] == left


@pytest.mark.parametrize(
    ("one_pass", "f", "inputs"),
    [
        # The negative of an unsigned number is another number in a wider one.
        (identities, lambda i, u: i + (-u), (integers, unsigned)),
        (identities, lambda x, u: x - (-u), (x, unsigned)),
        (identities, lambda x, u: x * (-u), (x, unsigned)),
        (identities, lambda x, i: x * (-i), (x, tiny)),
        # Another dtype.
        (identities, lambda i: (i * 1.0, i + 0.0, i / 1), (integers,)),
        (identities, lambda y: y * np.float64(1), (single,)),
        (identities, lambda x: np.multiply(-x, x, dtype=np.float32), (x,)),
        (identities, lambda x: -np.subtract(x, 2 * x, dtype=np.float32), (x,)),
        (identities, lambda y: y.mean(0), (half,)),
        (identities, lambda i: i.mean(0), (integers,)),
        (stable_forms, lambda z: np.log(np.ones((6, 1)) / (1 + np.exp(-z))), (x[:1],)),
        (stable_forms, lambda z: np.log(np.ones((1, 3)) / (1 + np.exp(-z))), (single,)),
        (converted_once, lambda i, j: (i * j, i > 0.5, np.sin(i)), (integers, integers)),
        (converted_once, lambda z, y: z * y[0], (tall, labels[0])),
        (variances, lambda x, i, h: (np.var(i), np.var(h, axis=0), np.var(x, where=x > 0)), (x, integers, half)),
        (variances, lambda x: (np.var(x, axis=0, mean=x[:1]), np.std(x)), (x,)),
        # Another operation, that only looks alike.
        (identities, lambda x: np.sum(x, axis=0, keepdims=True, initial=1.0), (x[:1],)),
        (identities, lambda x: x.transpose(0, 2, 1), (x.reshape(6, 3, 1),)),
        (identities, lambda x: np.broadcast_to(x, (2, 6, 3)) * 2, (x,)),
        (stable_forms, lambda z: np.log(2 / (1 + np.exp(-z))), (x,)),
        (stable_forms, lambda z: np.log(1 / (2 + np.exp(-z))), (x,)),
        (stable_forms, lambda z: np.log(2 - 1 / (1 + np.exp(-z))), (x,)),
        (shared_exponentials, lambda z: np.logaddexp(0, z) + 1 / (1 + np.exp(-z)), (x,)),
        (shared_exponentials, lambda z, y: np.logaddexp(0, z) * np.logaddexp(0, -y), (x, 2 * x)),
        (shared_exponentials, lambda z: np.logaddexp(1, z) * np.logaddexp(1, -z), (x,)),
        (stable_forms, lambda x: (np.exp(x), np.exp(x - np.log(np.sum(np.exp(x))))), (x,)),
        (stable_forms, lambda x: np.exp((x - x.max()) - np.log(np.sum(x))), (x + 5,)),
        (transposed_products, lambda x, w: (np.dot(x, w), np.dot(x, w).T), (x, w)),
        (transposed_products, lambda x, i: x @ i, (x, integers.T)),
        (transposed_products, lambda x, w: np.dot(x, w).T, (x.reshape(2, 3, 3), w)),
        (summed_products, lambda x: np.sum(x, axis=0), (x[:1],)),
        (summed_products, lambda x: np.sum(x, axis=0), (integers,)),
        (summed_products, lambda x: np.sum(x, axis=0), (half,)),
        (summed_products, lambda x: np.sum(x, axis=0), (x.reshape(2, 3, 3),)),
        (summed_products, lambda x: np.sum(x, axis=0, where=x > 0), (x,)),
        (summed_products, lambda x: np.sum(x, axis=1), (long.T,)),
        (summed_products, lambda x: np.sum(x * x), (long,)),
        (summed_products, lambda x: np.sum(x, axis=0), (x[:0],)),
    ],
)
def test_a_pass_leaves_alone_what_is_something_else(one_pass: Any, f: Any, inputs: Any) -> None:
    before = common_subexpressions(captured(f, *inputs))
    after = dead_code(one_pass(before))
    assert_same(before, after, *inputs)
    assert operations(after) == operations(before)


@pytest.mark.parametrize(
    ("one_pass", "f", "inputs"),
    [
        # a (1 - a) written as a - a a would lose all digits where a is near 1.
        (cancelled, lambda a: a * (1 - a) * 3, (x,)),
        (cancelled, lambda a, b: (a - b) * (a + b) * 2 * 0.5, (x, x + 1e-9)),
        (cancelled, lambda a, b: -((a - b) + (3 * b - 2 * a)) * 1, (x, x + 1e-9)),
        (cancelled, lambda a, b: 3 * (2 * (a - b) + b) * 1, (x, 2 * x)),
        # A number that is too large or too small, or none.
        (cancelled, lambda x: x * 1e300 * 1e300 * 0.5, (x * 1e-300,)),
        (cancelled, lambda x, y: x * 1e-200 * 1e-200 * y, (x * 1e300, x)),
        (cancelled, lambda x, y: x * f32(1e-30) * f32(1e-30) * y * f32(2), (single, single)),
        (cancelled, lambda x, y: (x * 0.0 + y) * 0.5, (RARE, RARE.T)),
        (hoisted_scales, lambda x, w: 1e-100 * np.dot(np.tanh(x), w), (x * 1e-250, 1e200 * np.tile(w, 200))),
        (hoisted_scales, lambda x, w: f32(1e-12) * np.dot(np.tanh(x), w), (single, np.tile(single[:3], 200))),
        # A NaN would be lost.
        (cancelled, lambda x, y: x * y / y, (x, RARE[1:2, 2:] + x)),
        (cancelled, lambda x, y: (x + y - y) * 2 * 0.5, (x, RARE[1:2, 2:] + x)),
        # Operands that are of another dtype, or overflow in it.
        (cancelled, lambda i, j, x: 2.0 * (x * i) * j * 0.5 * -1, (tiny, tiny, x)),
        (cancelled, lambda i, j, x: 2.0 * (x * i) * j * 0.5 * -1, (single * 1e30, single * 1e30, x)),
        (cancelled, lambda i, j, x: -(x * i - x * j) * 2 * 0.5, (x > 0, x > 1, x)),
        (cancelled, lambda x: x * f32(2) * f32(0.5), (half,)),
        # Numbers that nearly cancel: rounded products of them do not.
        (hoisted_scales, lambda x: 0.1 * (x.T[:, :, None] - x.T[:, None]), (x + 1e6,)),
        # What is not linear, or not used for the product alone.
        (hoisted_scales, lambda x, w: 0.1 * (np.tanh(x) @ w + 1), (long, w)),
        (hoisted_scales, lambda x, w: 0.1 * np.maximum(np.tanh(x) @ w, 0), (long[:, :1], w[:1])),
        (
            hoisted_scales,
            lambda x, w: 0.1 * np.sum(np.tanh(x) * w, axis=1, initial=2.0),
            (x[:1], long),
        ),
        (hoisted_scales, lambda x, w: 0.1 * (np.sinh(x) * w).astype(int).astype(float), (x[0], long)),
        (hoisted_scales, lambda x, w: (0.1 * (np.tanh(x) * w), np.tanh(x) * w), (x[0], long)),
        (
            hoisted_scales,
            lambda x, w: np.float64(0.1) * (np.tanh(x) * w),
            (single[0], long.astype(np.float32)),
        ),
    ],
)
def test_algebra_that_would_cost_accuracy_is_not_done(one_pass: Any, f: Any, inputs: Any) -> None:
    before = common_subexpressions(captured(f, *inputs))
    after = dead_code(one_pass(before))
    assert_same(before, after, *inputs)
    assert operations(after) == operations(before)


def test_a_scale_goes_to_the_seed() -> None:
    def step(X: Any, W: Any, V: Any) -> Any:
        def loss(W: Any, V: Any) -> Any:
            return np.sum((np.tanh(X @ W) @ V) ** 2)

        dW, dV = tg.grad(loss, (0, 1))(W, V)
        return W - 0.25 * dW, V - 0.25 * dV

    compiled = compile(step)
    V = random.normal(size=(4, 2))
    for actual, expected in zip(compiled(x, w, V), step(x, w, V), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-13)
    program, lowered = compiled.program, compiled._captured().lowered[0]
    scales = [
        [argument for one in steps.equations for argument in one.arguments if type(argument) is float]
        for steps in (program, lowered)
    ]
    # What is read has the gradients themselves; what runs the rate in their seed, times the 2 of the square's slope.
    assert scales == [[0.25, 0.25], [0.5]]
    assert "W - 0.25 * dW" in compiled.source


def test_sigmoid_and_its_logarithms_share_an_exponential() -> None:
    def loss(z: Any, y: Any) -> Any:
        a = 1 / (1 + np.exp(-z))
        return y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z), np.logaddexp(0, z), a

    for y in (x[:, :1] > 0, labels[:6], tall[:6]):
        before = common_subexpressions(captured(loss, tall[:6], y))
        after = dead_code(common_subexpressions(shared_exponentials(before)))
        assert_same(before, after, tall[:6], y, tolerance=1e-15)
        counts = [operations(after).count(operation) for operation in ("exp", "log1p", "logaddexp", "absolute")]
        assert counts == [1, 1, 0, 1]


def test_softmax_is_a_quotient() -> None:
    def both(x: Any) -> Any:
        shifted = x - x.max(axis=1, keepdims=True)
        powers = np.exp(shifted)
        logarithms = shifted - np.log(np.sum(powers, axis=1, keepdims=True))
        return logarithms, np.exp(logarithms)

    before = captured(both, x)
    after = dead_code(stable_forms(before))
    assert_same(before, after, 300 * x, tolerance=1e-13)
    assert operations(after).count("exp") == 1


def test_names_are_given_to_the_nameless() -> None:
    program = named(captured(lambda x: np.exp(x) * 2, x))
    assert [str(equation) for equation in program.equations] == ["exp(x)", "multiply(t1, 2)"]
    assert str(program).splitlines()[0].split() == ["x", "(6,", "3)", "float64", "given"]


def test_a_scale_that_meets_itself_is_counted_once() -> None:
    def twice(x: Any, w: Any) -> Any:
        a = x @ w
        return np.sum(0.5 * (0.5 * a)), np.tanh(a)

    before = captured(twice, x, w)
    assert_same(before, hoisted_scales(before), x, w, tolerance=1e-15)
