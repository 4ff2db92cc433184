"""Plain arrays that are changed between forward and backward: the gradient is that of the values then, or an error."""

from __future__ import annotations

import dis
import functools
import itertools
import operator
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tests.cases import CASES, Case
from tests.test_cases import drawn, variants
from tinygrad_np import Tensor, operands
from tinygrad_np.errors import ChangedValueError
from tinygrad_np.exposure import Exposure

SIZES = {"small": None, "middling": 0, "large": -1}
"""Which arrays are copied at once, shared or given a checksum is a matter of their sizes: the tests move the bounds."""


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """All arrays count as small, as middling or as large."""
    if request.param != "small":
        monkeypatch.setattr(operands, "SMALL", -1)
    if request.param == "large":
        monkeypatch.setattr(operands, "LARGE", -1)
    return str(request.param)


def spoil(array: Any) -> None:
    """Change every element in place."""
    if array.dtype == bool:
        np.logical_not(array, out=array)
    elif array.dtype.kind in "iu":
        array[...] = array[..., ::-1] if array.ndim and array.shape[-1] > 1 else 0
    else:
        array += 0.37


def gradient_or_error(result: Tensor, x: Tensor) -> Any:
    try:
        result.backward(np.cos(np.arange(result.size)).reshape(result.shape))
    except ChangedValueError:
        return ChangedValueError
    return x.grad


MIXED = [
    pytest.param(case, place, id=f"{number}-{case.label}-{place}")
    for number, case in enumerate(CASES)
    if len(case.inputs) > 1
    for place, domain in enumerate(case.inputs)
    if domain.kind == "float"
]


@pytest.mark.parametrize(("case", "place"), MIXED)
def test_whatever_a_rule_reads_is_what_it_was(case: Case, place: int, size: str) -> None:
    def run(change: bool) -> Any:
        inputs = drawn(case, variants(case)[0])
        x = Tensor(inputs[place], requires_grad=True)
        given = [x if number == place else value for number, value in enumerate(inputs)]
        result = case.f(*given)
        if not result.requires_grad:
            return None
        for number, value in enumerate(inputs):
            if change and number != place:
                spoil(value)
        return gradient_or_error(result, x)

    expected, actual = run(False), run(True)
    if actual is ChangedValueError:
        assert size == "large"
    else:
        np.testing.assert_array_equal(actual, expected)


X = np.linspace(-1, 1, 12).reshape(3, 4)
KINDS: dict[str, tuple[Callable[..., Any], tuple[Callable[[], Any], ...]]] = {
    "operator": (lambda x, a: x * a, (lambda: np.ones((3, 4)),)),
    "reflected operator": (lambda x, a: a * x, (lambda: np.ones((3, 4)),)),
    "view of an array": (lambda x, a: x * a[::2, :4], (lambda: np.ones((6, 8)),)),
    "transposed": (lambda x, a: x * a.T, (lambda: np.ones((4, 3)),)),
    "reshaped": (lambda x, a: x * a.reshape(3, 4), (lambda: np.ones(12),)),
    "broadcast": (lambda x, a: x * np.broadcast_to(a, (3, 4)), (lambda: np.ones(4),)),
    "0-d": (lambda x, a: x * a, (lambda: np.array(2.0),)),
    "0-d exponent": (lambda x, a: abs(x) ** a, (lambda: np.array(2.0),)),
    "integers": (lambda x, a: x * a, (lambda: np.arange(12).reshape(3, 4),)),
    "mask as a factor": (lambda x, a: x * a, (lambda: X > 0,)),
    "condition of where": (lambda x, a: np.where(a, x, 2 * x), (lambda: X > 0,)),
    "conditions of select": (lambda x, a: np.select([a, ~a], [x, 3 * x]), (lambda: X > 0,)),
    "where= of a sum": (lambda x, a: np.sum(x * x, axis=0, where=a), (lambda: X > 0,)),
    "where= of a mean": (lambda x, a: np.mean(x, axis=0, where=a), (lambda: (X > 0) | (X < -0.9),)),
    "index by a mask": (lambda x, a: x[a], (lambda: X > 0.1,)),
    "index by an array": (lambda x, a: x[a], (lambda: np.array([0, 2, 2]),)),
    "index by a tuple": (lambda x, a, b: x[a, b], (lambda: np.array([0, 2, 2]), lambda: np.array([0, 1, 2]))),
    "take": (lambda x, a: np.take(x, a, axis=1), (lambda: np.array([0, 2, 2]),)),
    "take_along_axis": (lambda x, a: np.take_along_axis(x, a, axis=1), (lambda: np.array([[0, 1], [1, 2], [3, 2]]),)),
    "compress": (lambda x, a: np.compress(a, x, axis=1), (lambda: np.array([True, False, True, True]),)),
    "repeat": (lambda x, a: np.repeat(x, a, axis=1), (lambda: np.array([1, 2, 0, 3]),)),
    "delete": (lambda x, a: np.delete(x, a, axis=1), (lambda: np.array([0, 1]),)),
    "insert": (lambda x, a: np.insert(x, a, 1.0, axis=1), (lambda: np.array([0, 1]),)),
    "choose": (lambda x, a: np.choose(a, [x, 2 * x]), (lambda: (X > 0).astype(int),)),
    "weights of an average": (lambda x, a: np.average(x, axis=1, weights=a), (lambda: np.array([1.0, 2.0, 3.0, 4.0]),)),
    "x of trapezoid": (lambda x, a: np.trapezoid(x, x=a, axis=1), (lambda: np.array([0.0, 1.0, 3.0, 6.0]),)),
    "coordinates of gradient": (lambda x, a: np.gradient(x, a, axis=1), (lambda: np.array([0.0, 1.0, 3.0, 6.0]),)),
    "xp of interp": (lambda x, a: np.interp(x, a, X[0]), (lambda: np.array([-1.0, -0.2, 0.4, 1.1]),)),
    "fp of interp": (lambda x, a: np.interp(x, [-1.0, -0.2, 0.4, 1.1], a), (lambda: np.array([0.0, 1.0, 0.0, 4.0]),)),
    "bounds of clip": (lambda x, a, b: np.clip(x, a, b), (lambda: np.full(4, -0.5), lambda: np.full(4, 0.5))),
    "other side of maximum": (lambda x, a: np.maximum(x, a), (lambda: np.zeros((3, 4)),)),
    "one side of a product": (lambda x, a: np.dot(a, x), (lambda: np.ones((2, 3)),)),
    "einsum": (lambda x, a: np.einsum("ij,kj->ik", x, a), (lambda: np.ones((2, 4)),)),
    "matmul": (lambda x, a: x @ a, (lambda: np.ones((4, 2)),)),
    "solve": (lambda x, a: np.linalg.solve(a, x), (lambda: np.diag([1.0, 2.0, 3.0]),)),
    "convolve": (lambda x, a: np.convolve(x[0], a), (lambda: np.array([1.0, 2.0]),)),
    "kernel of conv1d": (lambda x, a: tg.conv1d(x[None], a), (lambda: np.ones((2, 3, 2)),)),
    "tensordot": (lambda x, a: np.tensordot(x, a, 1), (lambda: np.ones((4, 2)),)),
    "outer": (lambda x, a: np.outer(x, a), (lambda: np.ones(2),)),
    "cross": (lambda x, a: np.cross(x[:, :3], a), (lambda: np.array([1.0, 2.0, 3.0]),)),
    "hypot": (lambda x, a: np.hypot(x, a), (lambda: np.ones(4),)),
    "piecewise": (lambda x, a: np.piecewise(x, [a, ~a], [np.sin, np.cos]), (lambda: X > 0,)),
    "index_add": (lambda x, a: tg.index_add(np.zeros((3, 4)), a, x), (lambda: np.array([0, 2, 2]),)),
    "index_update": (lambda x, a: tg.index_update(x, a, 2 * x[0]), (lambda: np.array([0, 2]),)),
    "embedding": (lambda x, a: tg.embedding(x, a), (lambda: np.array([0, 2, 2]),)),
    "roll": (lambda x, a: np.roll(x, a, axis=(0, 1)), (lambda: np.array([1, 2]),)),
    "pad": (lambda x, a: np.pad(x, a), (lambda: np.array([[1, 2], [0, 1]]),)),
    "split": (lambda x, a: np.split(x, a, axis=1)[1] ** 2, (lambda: np.array([1, 3]),)),
    "quantile": (lambda x, a: np.quantile(x, a, axis=1), (lambda: np.array([0.2, 0.7]),)),
    "memory map": (lambda x, a: x * a, (lambda: np.ones((3, 4)).view(np.memmap),)),
    "other endianness": (lambda x, a: x * a, (lambda: np.ones((3, 4), ">f8"),)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_kind_of_operand(kind: str, dtype: Any, size: str) -> None:
    f, makers = KINDS[kind]

    def run(change: bool) -> Any:
        x = Tensor(X, requires_grad=True, dtype=dtype)
        others = [make() for make in makers]
        result = f(x, *others)
        if change:
            for other in others:
                spoil(other)
        return gradient_or_error(result, x)

    expected, actual = run(False), run(True)
    if actual is ChangedValueError:
        assert size == "large"
    else:
        np.testing.assert_array_equal(actual, expected)


def test_lists_are_read_once() -> None:
    x = Tensor(X, requires_grad=True)
    index, factors, mask = [0, 2], [1.0, 2.0, 3.0, 4.0], [True, False, True]
    result = (x[index] * factors).sum() + (x[mask] * 2).sum() + np.take(x, index, axis=0).sum()
    index[0], factors[0], mask[0] = 1, 9.0, False
    result.backward()
    np.testing.assert_array_equal(x.grad, np.array([1, 0, 1])[:, None] * (np.arange(1, 5.0) + 3))


class Column:
    """An array's owner, which hands out its memory whatever NumPy asks for."""

    def __init__(self) -> None:
        self.memory = np.array([1.0, 2.0])

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.memory


@pytest.mark.parametrize("read", [lambda x, a: x * a, np.multiply, lambda x, a: x * Tensor(a)])
def test_what_has_an_array_is_read_once(read: Any) -> None:
    x, column = Tensor([3.0, 4.0], requires_grad=True), Column()
    y = np.sum(read(x, column))
    column.memory[:] = 99.0
    y.backward()
    np.testing.assert_array_equal(x.grad, [1.0, 2.0])


def test_a_buffer_that_every_step_of_a_recurrent_loop_writes_to() -> None:
    W, h, one_hot = Tensor(np.zeros(3), requires_grad=True), 0.0, np.zeros(3)
    for letter in range(3):
        one_hot[:] = 0
        one_hot[letter] = 1
        h = h + np.sum(W * one_hot)
    h.backward()
    np.testing.assert_array_equal(W.grad, [1, 1, 1])


def test_the_same_array_again_and_again_is_copied_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operands, "SMALL", 0)
    A, x = np.ones((3, 4)), Tensor(X, requires_grad=True)
    first, second = x * A, x * A
    A[0, 0] = 2
    third = x * A
    assert first._node.saved[2] is second._node.saved[2]
    assert first._node.saved[2] is not third._node.saved[2]
    (first + second + third).sum().backward()
    assert x.grad[0, 0] == 4


def test_what_nobody_else_can_reach_is_not_copied() -> None:
    x, n = Tensor(np.ones(100_000), requires_grad=True), 100_000
    A = np.full(n, 2.0)
    B = A.copy()
    B.setflags(write=False)
    pair = (x, np.full(n, 2.0))
    # Where the interpreter borrows references, a temporary can't be told from what has a name, and is copied too.
    is_borrowed = "LOAD_FAST_BORROW" in dis.opmap
    for result, is_copied in (
        (x * np.cos(A), is_borrowed),
        (np.cos(A) * x, is_borrowed),
        (np.multiply(np.cos(A), x), is_borrowed),
        (np.dot(x, np.cos(A)), is_borrowed),
        (x * np.ones((2, n // 2)).reshape(-1), is_borrowed),
        (x * B, False),
        (x * A, True),
        (A * x, True),
        (np.dot(x, A), True),
        (x * A[::-1], True),
        (x * A.reshape(2, -1).reshape(-1), True),
        (x * B[:].view(), True),
        (np.multiply(*pair), True),
        (operator.mul(*pair), True),
        (x.__mul__(A), True),
    ):
        array = next(value for value in result._node.saved if isinstance(value, np.ndarray))
        is_ours = not array.flags.writeable and array is not B
        assert is_ours == is_copied


def test_what_no_rule_reads_is_not_copied() -> None:
    x, A = Tensor(X, requires_grad=True), np.ones((3, 4))
    for result in (x + A, A - x, np.concatenate([x, A])):
        assert any(value is A for value in result._node.inputs)


def test_a_large_array_is_not_copied_and_its_change_is_named() -> None:
    A = np.zeros((1000, 600))
    x = Tensor(np.ones(600), requires_grad=True, name="x")
    y = np.sum(A * x)
    z = np.sum(A * x)
    y.backward()
    A[[3, 5]] = A[[5, 3]]  # the same rows
    z.backward()
    z = np.sum(A * x)
    A[999, 599] = 1e-300
    before = x.grad.copy()
    with pytest.raises(ChangedValueError, match=r"an array \(1000, 600\) float64 was changed after multiply \(test_op"):
        z.backward()
    np.testing.assert_array_equal(x.grad, before)


@pytest.mark.parametrize("layout", ["C", "F", "spread", "column"])
def test_a_shuffle_of_a_large_array_is_a_change(layout: str) -> None:
    base = np.zeros((3000, 400), order="F" if layout == "F" else "C")
    base[np.arange(3000), np.arange(3000) % 7] = 1
    A = base[:, ::2] if layout == "spread" else base
    if layout == "column":
        A = base.reshape(-1, 1)
    was = operands.checksum(A)
    assert was == operands.checksum(A.copy() if layout != "F" else A)
    base[[0, 1]] = base[[1, 0]]
    assert was != operands.checksum(A)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i8"])
@pytest.mark.parametrize("factor", [-1, 0, 2, 16])
def test_the_same_change_of_every_element_of_a_large_array_is_a_change(factor: int, dtype: str) -> None:
    for A in (np.ones((2048, 1024), dtype), np.resize(np.asarray([1, -2], dtype), (2048, 1024))):
        was = operands.checksum(A)
        A *= np.asarray(factor, dtype)
        assert was != operands.checksum(A)
    A = np.zeros((2048, 1024), dtype)
    was = operands.checksum(A)
    A += np.asarray(2, dtype)
    assert was != operands.checksum(A)


def test_a_second_derivative_reads_what_the_first_read(size: str) -> None:
    A = np.full(3, 2.0)

    def f(x: Any) -> Any:
        return np.sum(A * x**3)

    x = Tensor(np.ones(3), requires_grad=True)
    y, pullback = tg.vjp(tg.grad(f), x)
    A[:] = 7
    try:
        (gradient,) = pullback(np.ones(3))
    except ChangedValueError:
        assert size == "large"
    else:
        np.testing.assert_array_equal(gradient.numpy(), [12, 12, 12])


def test_a_pullback_gives_the_same_each_time(size: str) -> None:
    A, x = np.ones(3), np.full(3, 2.0)
    _, pullback = tg.vjp(lambda x: A * x**2, x)
    first = pullback(np.ones(3))[0]
    A[:] = 7
    x[:] = 9
    np.testing.assert_array_equal(first, [4, 4, 4])
    try:
        np.testing.assert_array_equal(pullback(np.ones(3))[0], first)
    except ChangedValueError:
        assert size == "large"


@pytest.mark.parametrize(
    "transform", [tg.grad, tg.jacobian, tg.hessian, lambda f: lambda x: tg.hvp(f, (x,), (x * 0 + 1,))[0]]
)
def test_a_function_may_change_the_array_that_it_is_differentiated_at(transform: Any) -> None:
    def differentiated(change: bool) -> Any:
        x = np.array([1.0, 2.0])

        def f(t: Any) -> Any:
            result = np.sum(t**3)
            if change:
                x[:] = 100
            return result

        return transform(f)(x)

    np.testing.assert_array_equal(differentiated(True), differentiated(False))


def test_what_is_bound_anew_is_no_change() -> None:
    A, x = np.ones(2_000_000), Tensor(1.0, requires_grad=True)
    y = np.sum(A * x)
    A = A + 1
    y.backward()
    assert x.grad == 2_000_000


def test_an_array_of_a_users_own_primitive() -> None:
    @tg.primitive
    def scaled(x, a):
        return x * a

    @scaled.vjp(0)
    def _(g, y, x, a):
        return g * a

    A, x = np.ones(3), Tensor(np.ones(3), requires_grad=True)
    y = scaled(x, A)
    A[:] = 7
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 1, 1])


LOOKS: dict[str, Callable[[Tensor], object]] = {
    "W.data.std()": lambda W: W.data.std(),
    "d = W.data; d -= 1": lambda W: W.data.__isub__(1),
    "W.data[...] -= 1": lambda W: W.data.__setitem__(0, 5.0),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_a_look_at_the_data_costs_the_steps_that_follow_nothing(look: Callable[[Tensor], object]) -> None:
    """Once nobody holds the array any more, a graph reads it as it is: there is nothing to copy or to compare."""
    W = Tensor(np.ones(3), requires_grad=True)
    (W * W).sum().backward()
    look(W)
    (W * W).sum().backward()
    exposure = W._noted().exposure
    assert exposure is not None
    assert exposure.array is None
    assert exposure.copy is None


def test_a_backward_pass_asks_nothing_of_values_that_nobody_can_have_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    W, a = Tensor(np.ones(3), requires_grad=True), np.ones(3)
    W.data -= 1.0
    loss = (W * a).sum()
    monkeypatch.setattr(Exposure, "is_stale", lambda *_: pytest.fail("asked"))
    loss.backward()


@pytest.mark.parametrize("size", [10, 1 << 14])
def test_a_temporary_is_kept_as_it_is_and_what_has_a_name_is_copied(size: int) -> None:
    """Of a temporary nobody else holds the memory; what looks like one in a tuple, or in a partial, is somebody's."""
    t, a = Tensor(np.ones(size), requires_grad=True), np.ones(size)
    pair, times = (t, np.ones(size)), functools.partial(np.multiply, np.ones(size))
    reads: list[tuple[Any, Any]] = [
        (t * a, a), (a * t, a), (np.multiply(t, a), a), (np.dot(t, a), a), (np.multiply(*pair), pair[1]),
        (times(t), times.args[0]), (next(itertools.starmap(np.multiply, [pair])), pair[1]),
    ]  # fmt: skip
    for result, operand in reads:
        operand[...] = 7
        t.zero_grad()
        result.sum().backward()
        np.testing.assert_array_equal(t.grad, np.ones(size))
        operand[...] = 1
    if size > 1 << 12 and sys.version_info < (3, 14):
        made: list[int] = []

        def temporary() -> Any:
            array = np.ones(size)
            made.append(id(array))
            return array

        products = [t * temporary(), temporary() * t, np.multiply(t, temporary()), np.dot(t, temporary())]
        for identity, product in zip(made, products, strict=True):
            assert identity in map(id, product._node.saved)
