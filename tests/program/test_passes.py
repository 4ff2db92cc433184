"""The passes, each by itself: what it takes away, and that the program still means the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.program import Program, compile
from tinygrad_np.program.passes.cleaning import common_subexpressions, dead_code, folded_constants
from tinygrad_np.program.passes.identities import identities
from tinygrad_np.program.passes.logistic import shared_exponentials
from tinygrad_np.program.passes.lowering import converted_once
from tinygrad_np.program.passes.naming import named
from tinygrad_np.program.passes.polynomials import cancelled
from tinygrad_np.program.passes.products import stacked_products, transposed_products
from tinygrad_np.program.passes.scales import hoisted_scales
from tinygrad_np.program.passes.stable import stable_logarithms

random = np.random.default_rng(0)
x, w, z = random.normal(size=(6, 3)), random.normal(size=(3, 4)), random.normal(size=(6, 4))
labels = random.integers(0, 2, (200, 1))
tall = random.normal(size=(200, 1))


def captured(f: Callable[..., Any], *inputs: Any) -> Program:
    compiled = compile(f)
    compiled(*inputs)
    return compiled.captured


def operations(program: Program) -> list[str]:
    return [equation.operation for equation in program.equations]


def same(before: Program, after: Program, *inputs: Any, tolerance: float = 0.0) -> None:
    """The meaning is the same: bit for bit, unless there is a tolerance."""
    for expected, actual in zip(before.run(inputs), after.run(inputs), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


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
        (common_subexpressions, lambda x: np.exp(x) + np.exp(x), (x,), ["exp", "add"]),
        (dead_code, lambda x: (np.exp(x), np.sin(x))[1], (x,), ["sin"]),
        (converted_once, lambda z, y: (z * y, z - y), (tall, labels), ["astype", "multiply", "astype", "subtract"]),
    ],
)
def test_an_exact_pass(one_pass: Any, f: Any, inputs: Any, left: list[str]) -> None:
    before = captured(f, *inputs)
    after = one_pass(before)
    same(before, after, *inputs)
    assert operations(dead_code(after)) == left


@pytest.mark.parametrize(
    ("one_pass", "f", "inputs", "left"),
    [
        (transposed_products, lambda x, w: np.dot(x, w).T, (x, w), ["transpose", "transpose", "dot"]),
        (cancelled, lambda x, y: x * y / y, (x, x + 5), []),
        (cancelled, lambda x: 2 * x * 0.5 * -1, (x,), ["negative"]),
        (cancelled, lambda a, y: (y / a - (1 - y) / (1 - a)) * (a * (1 - a)), (x**2, x), ["subtract"]),
        (hoisted_scales, lambda x, w: 0.1 * np.dot(np.tanh(x), w @ w.T), (x, w), ["tanh", "transpose", "dot", "dot"]),
        (stable_logarithms, lambda z: np.log(1 / (1 + np.exp(-z))), (x,), ["negative", "logaddexp", "negative"]),
        (
            shared_exponentials,
            lambda z: np.logaddexp(0, z) * np.logaddexp(0, -z),
            (x,),
            ["absolute", "negative", "exp", "log1p"],
        ),
    ],
)
def test_a_pass_that_does_algebra(one_pass: Any, f: Any, inputs: Any, left: list[str]) -> None:
    before = common_subexpressions(captured(f, *inputs))
    after = one_pass(before)
    same(before, after, *inputs, tolerance=1e-14)
    if one_pass is not cancelled:
        assert set(left) <= set(operations(dead_code(common_subexpressions(after))))
    if one_pass is cancelled:
        assert operations(dead_code(common_subexpressions(identities(after)))) == left


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
    scales = [argument for one in compiled.program.equations for argument in one.arguments if type(argument) is float]
    assert scales == [0.5]  # 0.25 times the 2 of the square's slope


def test_thin_products_are_stacked() -> None:
    vectors = [random.normal(size=(9, 1)) for _ in range(8)]

    def outer(*v: Any) -> Any:
        return np.dot(v[0], v[1].T) + np.dot(v[2], v[3].T) + (np.dot(v[4], v[5].T) + v[6] * v[7].T)

    before = captured(outer, *vectors)
    after = dead_code(stacked_products(before))
    same(before, after, *vectors, tolerance=1e-14)
    assert operations(after).count("dot") == 1
    assert operations(after).count("concatenate") == 2


def test_a_sum_is_not_multiplied_out() -> None:
    # a (1 - a) written as a - a a would lose all digits where a is near 1.
    program = captured(lambda a: a * (1 - a) * 3, x)
    assert operations(cancelled(program)) == operations(program)


def test_names_are_given_to_the_nameless() -> None:
    program = named(captured(lambda x: np.exp(x) * 2, x))
    assert [str(equation) for equation in program.equations] == ["exp(x)", "multiply(t1, 2)"]
    assert str(program).splitlines()[0].split() == ["x", "(6,", "3)", "float64", "given"]
