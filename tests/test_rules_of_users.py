"""What a user's primitive may not do: write into what it is given, drop a gradient, take or return something else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor
from tinygrad_np.errors import RuleError

x = np.array([0.5, -1.0])


def tanh_with(rule: Callable[..., Any]) -> Any:
    primitive = tg.primitive(lambda x: np.tanh(x), name="my_tanh")
    primitive.vjp(rule)
    return primitive


def multiplied_in_place(g, y, x):
    g *= 1 - y**2
    return g


def written_by_index(g, y, x):
    g[x < 0] = 0
    return g


def written_by_out(g, y, x):
    return np.multiply(g, 1 - y**2, out=g)


def result_written(g, y, x):
    y **= 2
    return g * (1 - y)


def input_written(g, y, x):
    np.tanh(x, out=x)
    return g * (1 - x**2)


def added_at(g, y, x):
    np.add.at(g, [0], 1.0)
    return g


def sorted_in_place(g, y, x):
    x.sort()
    return g


@pytest.mark.parametrize(
    "rule",
    [
        multiplied_in_place,
        written_by_index,
        written_by_out,
        result_written,
        input_written,
        sorted_in_place,
    ],
)
def test_a_rule_that_writes_into_what_it_is_given_is_named(rule: Any) -> None:
    primitive = tanh_with(rule)
    t = Tensor(x, requires_grad=True)
    s = t * 1
    loss = (primitive(s) + s).sum()
    line = rule.__code__.co_firstlineno + 1
    with pytest.raises(RuleError, match=rf"rule of my_tanh \(test_rules.* line {line}\) tried to write .* line \d+\."):
        loss.backward()
    assert t.grad is None
    with pytest.raises(RuleError, match="tried to write"):
        tg.gradcheck(primitive, x)
    with pytest.raises(RuleError, match="tried to write"):
        tg.grad(lambda x: np.sum(primitive(x)))(x)


def test_what_numpy_writes_all_the_same_is_a_copy() -> None:
    primitive = tanh_with(added_at)
    t = Tensor(x, requires_grad=True)
    s = t * 1
    (primitive(s) + s).sum().backward()
    np.testing.assert_array_equal(t.grad, [3, 2])


def test_a_forward_rule_that_writes_into_its_input_is_named() -> None:
    @tg.primitive
    def increased(x):
        x += 1
        return x

    array = x.copy()
    for given in (Tensor(array), Tensor(array, requires_grad=True), array):
        with pytest.raises(RuleError, match=r"the forward rule of increased .* tried to write"):
            increased(given)
        np.testing.assert_array_equal(given.numpy() if isinstance(given, Tensor) else given, x)


@pytest.mark.parametrize("forward", [lambda x: x, lambda x: x[::-1], lambda x: x.reshape(1, 2)])
def test_a_result_is_not_an_input(forward: Any) -> None:
    primitive = tg.primitive(forward, name="same")
    primitive.vjp(lambda g, y, x: g.reshape(2))
    array = x.copy()
    result = primitive(array)
    assert not np.shares_memory(result, array)
    result += 1  # it can be written to
    t = Tensor(array)
    y = primitive(t)
    y.data[...] = 7
    np.testing.assert_array_equal(t.numpy(), x)


def test_a_rule_may_return_what_it_was_given() -> None:
    @tg.primitive
    def doubled(x, z):
        return x + z

    @doubled.vjp(0)
    def _(g, y, x, z):
        return g

    @doubled.vjp(1)
    def _(g, y, x, z):
        return y[:]

    a, b = Tensor(x, requires_grad=True), Tensor(x, requires_grad=True)
    y = doubled(a, b)
    y.backward(np.ones(2), retain_graph=True)
    a.grad += 5
    b.grad += 5
    np.testing.assert_array_equal(y.numpy(), 2 * x)
    y.backward(np.ones(2))
    np.testing.assert_array_equal(a.grad, [7, 7])


def test_a_buffer_that_a_rule_keeps_is_not_what_it_gives() -> None:
    buffer, forward_buffer = np.zeros(2), np.zeros(2)

    @tg.primitive
    def tripled(x):
        return np.multiply(x, 3, out=forward_buffer)

    @tripled.vjp
    def _(g, y, x):
        return np.multiply(g, 3, out=buffer)

    a, b = Tensor([1.0, 1.0], requires_grad=True), Tensor([2.0, 2.0], requires_grad=True)
    y, z = tripled(a), tripled(b)
    np.testing.assert_array_equal(y.numpy(), [3, 3])
    (y * 1 + z * 10).sum().backward()
    np.testing.assert_array_equal(a.grad, [3, 3])
    np.testing.assert_array_equal(b.grad, [30, 30])


@tg.primitive
def without_rule(x):
    return x * 2


@tg.primitive(data=True)
def count(x):
    return np.full(x.shape, float(x.size))


def test_a_primitive_without_a_rule_says_so_where_a_gradient_is_asked() -> None:
    t = Tensor(x, requires_grad=True)
    y = without_rule(t)
    np.testing.assert_array_equal(y.numpy(), 2 * x)
    with pytest.raises(RuleError, match=r"without_rule has no gradient rule .*@without_rule.vjp\(0\).*data=True"):
        y.sum().backward()
    with pytest.raises(RuleError, match="has no gradient rule"):
        tg.grad(lambda x: np.sum(without_rule(x) * x))(x)
    assert t.grad is None
    np.testing.assert_array_equal(without_rule(x), 2 * x)
    assert not without_rule(Tensor(x)).requires_grad


def test_an_input_without_a_rule_says_so_where_its_gradient_is_asked() -> None:
    @tg.primitive
    def scaled(a, b):
        return a * b

    @scaled.vjp(0)
    def _(g, y, a, b):
        return g * b

    np.testing.assert_array_equal(tg.grad(lambda a: np.sum(scaled(a, x)))(x), x)
    with pytest.raises(RuleError, match="no gradient rule for input 1"):
        tg.grad(lambda b: np.sum(scaled(x, b)))(x)


def test_what_says_that_it_is_data_carries_no_gradient() -> None:
    assert not count(Tensor(x, requires_grad=True)).requires_grad
    np.testing.assert_array_equal(tg.grad(lambda x: np.sum(count(x) * x))(x), [2, 2])
    with pytest.raises(RuleError, match="is data"):
        count.vjp(lambda g, y, x: g)


def test_whole_numbers_and_truths_are_data() -> None:
    places = tg.primitive(lambda x: np.argsort(x), name="places")
    assert not places(Tensor(x, requires_grad=True)).requires_grad


@pytest.mark.parametrize(
    ("result", "what"),
    [
        (lambda g: None, "None"),
        (lambda g: g.tolist(), "a list"),
        (lambda g: "g", "a str"),
        (lambda g: (g,), "a tuple"),
        (lambda g: g * 1j, "complex128"),
        (lambda g: g.astype(int), "int64"),
        (lambda g: g > 0, "bool"),
        (lambda g: g.astype(object), "object"),
    ],
)
def test_a_rule_that_returns_no_gradient_is_named(result: Any, what: str) -> None:
    primitive = tanh_with(lambda g, y, x: result(g))
    with pytest.raises(RuleError, match=rf"rule of my_tanh \(.* line \d+\) returned (a|an array of )?.*{what}"):
        primitive(Tensor(x, requires_grad=True)).sum().backward()


def test_a_number_is_the_gradient_of_a_number() -> None:
    primitive = tanh_with(lambda g, y, x: 2)
    t = Tensor(1.0, requires_grad=True)
    primitive(t).backward()
    assert t.grad == 2


def test_a_rule_of_the_wrong_signature_is_found_when_it_is_given() -> None:
    @tg.primitive
    def blend(a, b, /, part=0.5):
        return part * a + (1 - part) * b

    @tg.primitive
    def joined(*arrays, axis=0):
        return np.concatenate(arrays, axis)

    for place, rule in (
        (0, lambda g: g),
        (0, lambda g, y: g),
        (0, lambda g, y, a: g),
        (0, lambda g, y, a, b: g),
        (0, lambda g, y, a, b, c, part=0.5: g),
        (0, lambda g, y, a, b, share=0.5: g),
        (0, lambda g, y, a, b, part: g),
        (1, lambda g, y, a, b, *, part: g),
        (2, lambda g, y, a, b, part=0.5: g),
        (..., lambda g, y, a, b, part=0.5: g),
        (0, lambda g, y, a, b, part=0.3: g),
        (0, "a rule"),
    ):
        with pytest.raises(RuleError, match="blend"):
            blend.vjp(place)(rule)
    for rule in (lambda g, y, *arrays, axis=0: g, lambda index, g, y, *arrays: g, lambda index, g, y, a, axis=0: g):
        with pytest.raises(RuleError, match=r"joined .* must take \(index, g, y, \*arrays, axis=0\)"):
            joined.vjp(...)(rule) if rule.__code__.co_varnames[0] == "index" else joined.vjp(...)(
                lambda index, g, axis=0: g
            )
    with pytest.raises(TypeError, match=r"takes \(g, y\), but must take \(g, y, x\)"):
        tanh_with(lambda g, y: g)
    for rule in (
        lambda g, y, a, b, part=0.5: g * part,
        lambda g, y, *inputs, **options: g,
        lambda *everything, part=0.5: everything[0],
    ):
        blend.vjp(0)(rule)
    joined.vjp(...)(lambda index, g, y, *arrays, axis=0: g)


def test_guarded_rules_differentiate_to_any_order_and_read_as_formulas() -> None:
    primitive = tanh_with(lambda g, y, x: g * (1 - y**2))
    assert tg.gradcheck(primitive, x)
    assert tg.gradcheck(tg.elementwise_grad(primitive), x)
    from tinygrad_np.formula import formula

    assert formula(primitive) == "g * (1 - y**2)"
    compiled = tg.compile(tg.value_and_grad(lambda x: np.sum(primitive(x))))
    for _ in range(5):
        np.testing.assert_allclose(compiled(x)[1], 1 - np.tanh(x) ** 2)


def test_a_guarded_rule_saves_what_it_reads_alone() -> None:
    primitive = tanh_with(lambda g, y, x: g * (1 - y**2))
    node = primitive(Tensor(x, requires_grad=True))._node
    assert node.saved[1] is None
    assert node.saved[0] is not None


def test_rules_of_the_library_are_not_guarded() -> None:
    tanh = tg.ops.PRIMITIVES["tanh"]
    assert tanh.run is tanh.forward
    assert tanh.rule(0) is tanh.rules[0]


@pytest.mark.parametrize(("result", "what"), [(None, "None"), ((np.ones(3), np.ones(3)), "a tuple")])
def test_a_forward_rule_has_one_array_as_its_result(result: Any, what: str) -> None:
    operation = tg.primitive(lambda x: result)
    with pytest.raises(RuleError, match=f"the forward rule .* returned {what}; a primitive has one array"):
        operation(Tensor(np.ones(3), requires_grad=True))


def test_a_gradient_rule_that_makes_a_tensor_of_arrays_is_refused() -> None:
    double = tg.primitive(lambda x: 2 * x)
    double.vjp(lambda g, y, x: Tensor(2 * g))
    with pytest.raises(RuleError, match="returned a Tensor, although it was given arrays"):
        double(Tensor(np.ones(3), requires_grad=True)).sum().backward()
