"""Who checks the checkers: wrong gradients are planted, and a check that lets one pass fails here.

Each mistake is one that somebody makes: in a rule of a primitive for `gradcheck`, in a gradient written by hand for
`compare_gradients`. Beside them stand right ones that look wrong; test_gradcheck.py and test_comparison.py have more.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_np as tg
from tests.cases import CASES
from tests.check.networks import by_hand, forward
from tests.test_cases import drawn, floating, variants, weighted
from tinygrad_np.check.trial import Trial
from tinygrad_np.ops import PRIMITIVES
from tinygrad_np.tree import flatten

x = np.array([[0.7, -1.2, 0.4], [-0.3, 2.1, 1.6], [0.9, -0.8, 1.1]])
y = np.array([[1.3, 0.2, -0.5], [0.6, -1.4, 0.8], [2.2, 0.1, -0.9]])


def unary(forward: Callable[..., Any], rule: Callable[..., Any]) -> Any:
    """A primitive of one input with this gradient rule."""
    primitive = tg.primitive(lambda x: forward(x))
    primitive.vjp(rule)
    return primitive


def binary(forward: Callable[..., Any], first: Callable[..., Any], second: Callable[..., Any]) -> Any:
    """A primitive of two inputs with these gradient rules."""
    primitive = tg.primitive(lambda a, b: forward(a, b))
    primitive.vjp(0)(first)
    primitive.vjp(1)(second)
    return primitive


def once(array: Any, place: tuple[int, ...], factor: float) -> Any:
    """A factor for one element alone."""
    return np.where(np.arange(array.size).reshape(array.shape) == np.ravel_multi_index(place, array.shape), factor, 1.0)


WRONG_RULES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "wrong sign": (unary(np.sin, lambda g, y, x: -g * np.cos(x)), (x,)),
    "factor 2": (unary(np.square, lambda g, y, x: g * x), (x,)),
    "factor 1 + 1e-5": (unary(np.tanh, lambda g, y, x: g * (1 - y**2) * (1 + 1e-5)), (x,)),
    "factor 1 + 1e-6": (unary(np.exp, lambda g, y, x: g * y * (1 + 1e-6)), (x,)),
    "factor 1 + 1e-6 at a large input": (unary(np.square, lambda g, y, x: g * 2 * x * (1 + 1e-6)), (1e8 * x,)),
    "factor 1 + 1e-6 at a small input": (unary(np.log, lambda g, y, x: g / x * (1 + 1e-6)), (1e-8 * np.abs(x),)),
    "factor 1.001 in float32": (unary(np.exp, lambda g, y, x: g * y * np.float32(1.001)), (x.astype(np.float32),)),
    "a term too many": (unary(np.sin, lambda g, y, x: g * (np.cos(x) + 1e-6)), (x,)),
    "one element": (unary(np.exp, lambda g, y, x: g * y * once(x, (2, 1), 1.001)), (x,)),
    "negative inputs only": (unary(np.exp, lambda g, y, x: g * y * np.where(x < 0, 1.01, 1)), (x,)),
    "slope 1 for negative inputs": (unary(lambda x: np.maximum(x, 0), lambda g, y, x: g), (x,)),
    "the upstream gradient squared": (unary(np.exp, lambda g, y, x: g**2 * y), (x,)),
    "the size of the upstream gradient": (unary(np.exp, lambda g, y, x: abs(g) * y), (x,)),
    "the upstream gradient's mean": (unary(np.exp, lambda g, y, x: (g * 0 + np.mean(g)) * y), (x,)),
    "the largest upstream gradient": (
        unary(np.exp, lambda g, y, x: np.where(np.abs(g) == np.max(np.abs(g)), g, 0) * y),
        (x,),
    ),
    "no upstream gradient": (unary(np.exp, lambda g, y, x: y + 0 * g), (x,)),
    "the upstream gradient beside it": (unary(np.exp, lambda g, y, x: np.roll(g, 1, 0) * y), (x,)),
    "the input for the result": (unary(np.tanh, lambda g, y, x: g * (1 - x**2)), (x,)),
    "the derivative of sigmoid for tanh": (unary(np.tanh, lambda g, y, x: g * y * (1 - y)), (x,)),
    "no transposition": (unary(lambda x: x.T, lambda g, y, x: g), (x,)),
    "no transposition in a product": (binary(np.matmul, lambda g, y, a, b: g @ b, lambda g, y, a, b: a @ g), (x, y)),
    "swapped inputs": (binary(np.multiply, lambda g, y, a, b: g * a, lambda g, y, a, b: g * b), (x, y)),
    "swapped rules": (binary(np.divide, lambda g, y, a, b: -g * y / b, lambda g, y, a, b: g / b), (x, y)),
    "the second input only": (binary(np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a * 1.01), (x, y)),
    "a broadcast averaged": (binary(np.add, lambda g, y, a, b: g, lambda g, y, a, b: np.mean(g, axis=0)), (x, y[0])),
    "a broadcast along the other axis": (
        binary(np.add, lambda g, y, a, b: g, lambda g, y, a, b: np.sum(g, axis=1)),
        (x, y[0]),
    ),
    "a sum that is not spread": (unary(np.sum, lambda g, y, x: g * np.eye(3)), (x,)),
    "a mean without its division": (unary(np.mean, lambda g, y, x: g * np.ones((3, 3))), (x,)),
    "all of a tie to one": (unary(np.max, lambda g, y, x: g * 1.5 * (x == y)), (np.array([1.0, 2.0, 2.0]),)),
    "a slope outside of both sides of a kink": (
        unary(np.abs, lambda g, y, x: g * np.where(x == 0, 1.5, np.sign(x))),
        (np.array([0.0, 1.0]),),
    ),
    "not a number": (unary(np.exp, lambda g, y, x: g * y * once(x, (0, 1), np.nan)), (x,)),
    "infinity": (unary(np.exp, lambda g, y, x: g * y * once(x, (0, 1), np.inf)), (x,)),
    "zero": (unary(np.exp, lambda g, y, x: 0 * g), (x,)),
    "a small element beside a large one": (
        unary(lambda x: x * np.array([1e8, 1.0, 1e-8]), lambda g, y, x: g * np.array([1e8, 1.0, 1.01e-8])),
        (np.ones(3),),
    ),
    "a small term of a sum": (
        unary(lambda x: np.sum(x * np.array([1e6, 1.0, 1e-6])), lambda g, y, x: g * np.array([1e6, 1.0, 2e-6])),
        (np.ones(3),),
    ),
    "more than its cancellation explains": (unary(lambda x: (x + 1e6) - 1e6, lambda g, y, x: g * 1.0001), (x,)),
    "a result of many elements": (
        unary(np.sin, lambda g, y, x: g * np.cos(x) * once(x, (7, 9), 1.01)),
        (np.linspace(-1, 1, 400).reshape(20, 20),),
    ),
}


def writing_into_the_upstream_gradient(g: Any, y: Any, x: Any) -> Any:
    g *= 1 - y**2
    return g


def writing_into_the_input(g: Any, y: Any, x: Any) -> Any:
    np.multiply(y, y, out=x)
    return g * (1 - x)


@pytest.mark.parametrize("rule", [writing_into_the_upstream_gradient, writing_into_the_input])
def test_gradcheck_finds_a_rule_that_spoils_what_others_read(rule: Callable[..., Any]) -> None:
    with pytest.raises(tg.TinygradError, match="tried to write into an array that it was given"):
        tg.gradcheck(unary(np.tanh, rule), x)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("mistake", WRONG_RULES)
def test_gradcheck_finds_a_wrong_rule(mistake: str) -> None:
    primitive, inputs = WRONG_RULES[mistake]
    report = tg.gradcheck(primitive, *inputs)
    assert not report
    assert "WRONG" in str(report)
    assert "The gradient rule at fault: <lambda>" in str(report)
    if np.size(inputs[0]) < 100 and np.max(np.abs(inputs[0])) < 100:
        assert not tg.gradcheck(lambda *inputs: np.sum(np.sin(primitive(*inputs)) / 3), *inputs)


@pytest.mark.parametrize(
    "mistake", ["wrong sign", "factor 2", "factor 1 + 1e-5", "one element", "swapped inputs", "no transposition"]
)
def test_gradcheck_finds_it_deep_in_a_function(mistake: str) -> None:
    primitive, inputs = WRONG_RULES[mistake]
    W = np.array([[0.2, -0.4, 0.3], [0.5, 0.1, -0.2], [-0.3, 0.6, 0.4]])

    def f(*inputs: Any) -> Any:
        return np.mean(np.tanh(primitive(*inputs) @ W) ** 2)

    report = tg.gradcheck(f, *inputs)
    assert not report
    assert "The gradient rule at fault: <lambda>" in str(report)


def frozen(value: Any) -> Any:
    """The value without its gradient."""
    return value.numpy() if hasattr(value, "numpy") else value


WRONG_SECOND_DERIVATIVES = {
    "a result held constant": unary(np.exp, lambda g, y, x: g * frozen(y)),
    "an upstream gradient held constant": unary(np.sin, lambda g, y, x: frozen(g) * np.cos(x)),
    "a rule right only at first order": unary(np.tanh, lambda g, y, x: g * (1 - frozen(y) * y)),
}


@pytest.mark.parametrize("mistake", WRONG_SECOND_DERIVATIVES)
def test_gradcheck_of_grad_finds_a_wrong_second_derivative(mistake: str) -> None:
    primitive = WRONG_SECOND_DERIVATIVES[mistake]
    assert tg.gradcheck(primitive, x)
    assert not tg.gradcheck(tg.grad(lambda x: np.sum(primitive(x) ** 2)), x)


def test_a_wrong_shape_is_an_error() -> None:
    with pytest.raises(tg.TinygradError, match="returned a gradient of shape"):
        tg.gradcheck(unary(np.exp, lambda g, y, x: (g * y)[:2]), x)


RIGHT_RULES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "sine": (unary(np.sin, lambda g, y, x: g * np.cos(x)), (x,)),
    "relu with the slope 1 at 0": (
        unary(lambda x: np.maximum(x, 0), lambda g, y, x: g * (x >= 0)),
        (np.array([0.0, -1.0]),),
    ),
    "relu with the slope 0.3 at 0": (
        unary(lambda x: np.maximum(x, 0), lambda g, y, x: g * np.where(x == 0, 0.3, x > 0)),
        (np.zeros(2),),
    ),
    "all of a tie to one": (unary(np.max, lambda g, y, x: g * np.array([0.0, 0.0, 1.0])), (np.array([1.0, 2.0, 2.0]),)),
    "a difference of the order of rounding": (unary(np.tanh, lambda g, y, x: g * (1 - y**2) * (1 + 1e-12)), (x,)),
    "another formula that rounds otherwise": (
        unary(np.tanh, lambda g, y, x: g / np.cosh(x) ** 2),
        (np.array([0.1, 5.0, 15.0]),),
    ),
    "cancellation inside the rule": (unary(lambda x: x, lambda g, y, x: (g + 1e6) - 1e6), (x,)),
    "a product": (binary(np.matmul, lambda g, y, a, b: g @ b.T, lambda g, y, a, b: a.T @ g), (1e6 * x, 1e-6 * y)),
}


@pytest.mark.parametrize("rule", RIGHT_RULES)
def test_gradcheck_lets_a_right_rule_pass(rule: str) -> None:
    primitive, inputs = RIGHT_RULES[rule]
    tg.gradcheck(primitive, *inputs).assert_ok()


@contextmanager
def planted(name: str, mistake: Callable[[Any], Any]) -> Iterator[list[str]]:
    """A primitive of the library with a mistake in all of its gradient rules; the list grows whenever one runs."""
    primitive = PRIMITIVES[name]
    rules, rule_for_each = primitive.rules, primitive.rule_for_each
    ran: list[str] = []

    def wrong(rule: Any) -> Any:
        @functools.wraps(rule)
        def planted_rule(*arguments: Any, **parameters: Any) -> Any:
            ran.append(name)
            return mistake(rule(*arguments, **parameters))

        return planted_rule

    primitive.rules = {index: wrong(rule) for index, rule in rules.items()}
    primitive.rule_for_each = rule_for_each and wrong(rule_for_each)
    primitive.plans.clear()
    try:
        yield ran
    finally:
        primitive.rules, primitive.rule_for_each = rules, rule_for_each
        primitive.plans.clear()


def slightly_too_large(gradient: Any) -> Any:
    return None if gradient is None else gradient * np.asarray(1 + 1e-6, gradient.dtype)


@pytest.mark.parametrize("name", sorted(name for name, primitive in PRIMITIVES.items() if primitive.differentiable))
def test_a_millionth_too_much_is_found_in_every_primitive(name: str) -> None:
    is_flat = True
    for case in (case for case in CASES if name in case.primitives):
        inputs = drawn(case, variants(case)[0])
        places = floating(inputs)
        if not places or np.asarray((case.reference or case.f)(*inputs)).dtype.kind != "f":
            continue
        scalar, _ = weighted(case, inputs)
        derivative = tg.grad(lambda *values, scalar=scalar: scalar(*values) ** 2, tuple(range(len(places))))
        for f, values in ((case.f, inputs), (derivative, [inputs[place] for place in places])):
            with planted(name, slightly_too_large):
                trial = Trial(lambda leaves, f=f: flatten(f(*leaves))[0], values, floating(values))
                verdicts = [trial.check(place) for place in trial.arrays]
            if any(verdict.wrong.any() for verdict in verdicts):
                return
            is_flat &= not any(verdict.automatic.any() for verdict in verdicts)
            if case.order < 2:
                break
    assert is_flat, f"a gradient rule of {name} that is wrong by a millionth passes in all of its cases"


NETWORK = forward()
GRADIENTS = by_hand(NETWORK)

WRONG_BY_HAND: dict[str, Callable[[Any], Any]] = {
    "wrong sign": lambda g: -g,
    "factor 2": lambda g: 2 * g,
    "factor 1 + 1e-5": lambda g: g * (1 + 1e-5),
    "factor 1 + 1e-7": lambda g: g * (1 + 1e-7),
    "zero": lambda g: 0 * g,
    "an absolute error": lambda g: g + 1e-6 * np.abs(g).max(),
    "one element": lambda g: g * (1 + 1e-6 * (np.arange(g.size).reshape(g.shape) == g.size - 1)),
    "one sign": lambda g: np.abs(g) if (g < 0).any() else -np.abs(g),
    "rows in another order": lambda g: np.roll(g, 1, 0) if len(g) > 1 else np.roll(g, 1, 1) if g.size > 1 else g + 1,
    "not a number": lambda g: np.where(np.arange(g.size).reshape(g.shape) == 0, np.nan, g),
    "infinity": lambda g: np.where(np.arange(g.size).reshape(g.shape) == 0, np.inf, g),
    "an axis less": lambda g: g[0],
    "an axis more": lambda g: g[None],
    "a row more": lambda g: np.concatenate([g, g[:1]]),
    "flat": lambda g: g.ravel(),
    "summed": lambda g: g.sum(axis=0, keepdims=True) if len(g) > 1 else g.sum(),
    "one number that broadcasts": lambda g: g.flat[0],
    "float16": lambda g: np.trunc(g * 100) / 100,
}


@pytest.mark.parametrize("mistake", WRONG_BY_HAND)
@pytest.mark.parametrize("name", GRADIENTS)
def test_the_comparison_finds_a_wrong_gradient(name: str, mistake: str) -> None:
    report = tg.compare_gradients(NETWORK.loss, GRADIENTS | {name: WRONG_BY_HAND[mistake](GRADIENTS[name])})
    assert report.wrong == [name]
    assert report[name].diagnosis.startswith(name)


@given(size=st.floats(-300, 300), error=st.floats(-7.5, 300))
@settings(max_examples=100, deadline=None)
def test_the_comparison_judges_by_relative_error_at_any_scale(size: float, error: float) -> None:
    coefficients = np.array([10.0**size, 1.0])
    w = tg.Tensor(np.ones(2), requires_grad=True, name="w")
    loss = np.sum(coefficients * w)
    assert tg.compare_gradients(loss, {"w": coefficients * np.array([1 + 1e-10, 1])})
    with np.errstate(over="ignore"):
        wrong = coefficients * np.array([1 + 10.0**error, 1])
    assert tg.compare_gradients(loss, {"w": wrong})["w"].where == (0,)
    assert not tg.compare_gradients(loss, {"w": wrong})


@given(seed=st.integers(0, 2**31), dtype=st.sampled_from([np.float64, np.float32]), order=st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_the_comparison_excuses_rounding_whatever_the_order_of_a_sum(seed: int, dtype: Any, order: int) -> None:
    random = np.random.default_rng(seed)
    X = (random.normal(size=(50, 3)) * 10.0 ** random.uniform(-3, 3, (50, 3))).astype(dtype)
    g = random.normal(size=(50, 2)).astype(dtype)
    # The columns of g sum up to nearly 0 with X, so that the gradient of W is mostly cancelled.
    g[:, 0] -= (X @ np.linalg.lstsq(X, g[:, 0], rcond=None)[0]).astype(dtype)
    W = tg.Tensor(np.zeros((3, 2)), dtype=dtype, requires_grad=True, name="W")
    loss = np.sum((X @ W) * g)
    shuffled = random.permutation(50)
    manual = sum((np.outer(X[row], g[row]) for row in shuffled), np.zeros((3, 2), dtype))
    assert tg.compare_gradients(loss, {"W": manual})
    assert tg.compare_gradients(loss, {"W": manual * dtype(1 + 0.01)}).wrong == ["W"]
