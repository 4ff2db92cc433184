"""What a program could not repeat is refused while it is captured, in a sentence with the line and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor
from tinygrad_np.errors import CaptureError
from tinygrad_np.program import compile
from tinygrad_np.tree import flatten

X = np.arange(12.0).reshape(4, 3) - 5
ROWS = np.array([0, 2])
ROW = np.int64(1)
CLOSED_OVER = np.eye(4)


def written(row: Any) -> Any:
    x = np.zeros((4, 1))
    x[row] = 1
    return x


def value_written(x: Any) -> Any:
    result = np.zeros(4)
    result[0] = x[0, 0]
    return result


def summed_into_zeros(x: Any) -> Any:
    total = np.zeros(3)
    total += x[0]
    return total


class Holder:
    def __init__(self, value: Any) -> None:
        self.value = value


MASK, LENGTH, PICKED, STORED = r"a mask.*np\.where", r"shape of whose result", r"Tensor\(array\)", r"tg\.index_update"
REFUSED: dict[str, tuple[Callable[..., Any], tuple[Any, ...], str]] = {
    "a mask as an argument": (lambda x, mask: x[mask], (X, X > 0), MASK),
    "a mask of a Tensor": (tg.grad(lambda x: np.sum(x[x > 0])), (X,), MASK),
    "a mask of rows": (lambda x: x[x[:, 0] > 0, :2], (X,), MASK),
    "a slice": (lambda x, row: x[row : row + 2], (X, ROW), "bound of a slice.*np.arange"),
    "a slice of a Tensor": (tg.grad(lambda x, row: np.sum(x[row:])), (X, ROW), "bound of a slice"),
    "written at an index": (written, (ROW,), STORED),
    "written at indices": (written, (ROWS,), STORED),
    "a value written": (value_written, (X,), STORED),
    "summed into zeros": (summed_into_zeros, (X,), "written into an array"),
    "rows of np.eye": (lambda rows: np.eye(4)[rows], (ROWS,), rf"{PICKED}.*tg\.one_hot"),
    "an array closed over": (lambda rows: CLOSED_OVER[rows], (ROWS,), PICKED),
    "a list": (lambda row: [1.0, 2.0][row], (ROW,), PICKED),
    "a dict": (lambda row: {1: 2.0}[row], (ROW,), "looked up"),
    "np.nonzero": (lambda x: np.nonzero(x), (X,), rf"np\.nonzero.*{LENGTH}"),
    "np.where of a condition": (lambda x: np.where(x > 0), (X,), rf"np\.where.*{LENGTH}"),
    "np.unique": (lambda x: np.unique(x), (X,), rf"np\.unique.*{LENGTH}"),
    "np.unique of a Tensor": (lambda x: np.unique(x), (Tensor(X),), rf"np\.unique.*{LENGTH}"),
    "np.repeat": (lambda x, counts: np.repeat(x, counts), (X[0], np.array([1, 2, 0])), rf"np\.repeat.*{LENGTH}"),
    "np.repeat of a Tensor": (
        tg.grad(lambda x, counts: np.sum(np.repeat(x, counts))),
        (X[0], np.array([1, 2, 0])),
        r"np\.repeat",
    ),
    "np.bincount": (lambda rows: np.bincount(rows), (ROWS,), rf"np\.bincount.*{LENGTH}"),
    "np.delete of several": (lambda x, rows: np.delete(x, rows), (X, ROWS), rf"np\.delete.*{LENGTH}"),
    "an axis": (lambda x, axis: np.sum(x, axis), (X, ROW), rf"np\.sum.*{LENGTH}"),
    "an axis of a Tensor": (tg.grad(lambda x, axis: np.sum(np.sum(x, axis=axis))), (X, ROW), LENGTH),
    "np.piecewise": (
        tg.grad(lambda x: np.sum(np.piecewise(x, [x > 0], [np.sin, np.cos]))),
        (X,),
        r"np\.piecewise.*np\.where",
    ),
    "out=": (lambda x: np.clip(x, 0, 1, out=x), (X,), "written into an array"),
    "out= by position": (lambda x: np.dot(x, x.T, np.zeros((4, 4))), (X,), "written into an array"),
    "np.save": (lambda x: np.save("never.npy", x), (X,), "into a file"),
    "an attribute": (lambda x: x.strides, (X,), "its strides"),
    "sorted in place": (lambda x: x.sort(), (X,), "its sort"),
    "np.asarray of a list": (lambda x: np.asarray([x, x]), (X,), "needs its numbers"),
    "item": (lambda x: np.sum(x).item(), (Tensor(X),), "as a number"),
    "an if": (lambda x: x if np.sum(x) > 0 else -x, (X,), "whether it is true"),
    "a sum of a range": (lambda row: sum(range(row)), (ROW,), "as a number"),
    "a random slice": (lambda x: x[np.random.default_rng().integers(10**6) - 10**7 :], (X,), "second time"),
    "a random number as it is": (lambda x: (x, float(np.random.default_rng().random())), (X,), "second time"),
    "a function that can't be written out": (lambda x: np.pad(x, 1, mode=lambda *given: None), (X,), "written out"),
    "a result in an object": (lambda x: Holder(x * 2), (X,), "a Holder with values"),
    "results one by one": (lambda x: (row for row in x), (X,), "a generator with values"),
    "a second derivative that branches": (
        lambda x, v: tg.hvp(lambda x: np.sum(np.linalg.pinv(x, 0.5)), (x,), (v,)),
        (X, X),
        "the gradient of pinv",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_can_not_be_a_program_names_the_line(what: str) -> None:
    function, arguments, sentence = REFUSED[what]
    with pytest.raises(CaptureError, match=rf"(?s){sentence}") as caught:
        compile(function)(*arguments)
    assert "test_refusals.py line " in str(caught.value)


def of_a_parameter(body: Callable[[Tensor, Any], Any]) -> tuple[Any, Any, Tensor, Tensor]:
    ours, theirs = (Tensor(np.ones((4, 3)), requires_grad=True, name="W") for _ in range(2))
    return compile(lambda x: body(ours, x)), lambda x: body(theirs, x), ours, theirs


def old_name(W: Tensor, x: Any) -> Any:
    before = W.data
    W.data -= x
    return before


def view_of_values(W: Tensor, x: Any) -> Any:
    row = W.data[0]
    W.data -= x
    return row


def change_through_a_view(W: Tensor, x: Any) -> Any:
    row = W.data[0]
    row -= x[0]
    return np.sum(x)


def two_names(W: Tensor, x: Any) -> Any:
    values = W.data
    values -= x
    W.data -= x


def gradient_by_another_name(W: Tensor, x: Any) -> Any:
    np.sum(W * x).backward()
    slope = W.grad
    slope *= 0.5
    W.data -= W.grad


def gradient_changed_at_last(W: Tensor, x: Any) -> Any:
    np.sum(W * x).backward()
    slope = W.grad
    slope *= 0.5


def view_of_an_array(W: Tensor, x: Any) -> Any:
    doubled = x * 2
    row = doubled[0]
    row += 1
    return doubled


def array_of_a_view(W: Tensor, x: Any) -> Any:
    doubled = x * 2
    row = np.squeeze(doubled[:1])
    doubled += 1
    return row


@pytest.mark.parametrize(
    "body",
    [
        old_name,
        view_of_values,
        change_through_a_view,
        two_names,
        gradient_by_another_name,
        gradient_changed_at_last,
        view_of_an_array,
        array_of_a_view,
    ],
)
def test_an_array_that_another_name_changed_is_refused(body: Any) -> None:
    compiled, _, W, _ = of_a_parameter(body)
    with pytest.raises(CaptureError, match=r"changed in place.*test_refusals.py line \d+"):
        compiled(X)
    np.testing.assert_array_equal(W.numpy(), np.ones((4, 3)))
    assert W.grad is None


def replaced(W: Tensor, x: Any) -> Any:
    before = W.data
    W.data = before - x
    return before


def copied(W: Tensor, x: Any) -> Any:
    before = W.data.copy()
    W.data -= x
    return before


def unused_view(W: Tensor, x: Any) -> Any:
    doubled = x * 2
    row = doubled[0]
    total = np.sum(row)
    doubled += 1
    doubled *= 3
    return doubled, total


def changed_gradient(W: Tensor, x: Any) -> Any:
    np.sum(W * x).backward()
    slope = W.grad
    W.grad = None
    W.data -= slope
    slope *= 0.5
    return slope


def numbers_do_not_change(W: Tensor, x: Any) -> Any:
    total = np.sum(x)
    before = total
    total += 1
    count = x[0].astype(np.float32)
    count /= 3
    return before, total, count


@pytest.mark.parametrize("body", [replaced, copied, unused_view, changed_gradient, numbers_do_not_change])
def test_an_array_that_nobody_else_sees_may_change(body: Any) -> None:
    compiled, eager, W, expected = of_a_parameter(body)
    for x in (X, X + 1):
        for actual, same in zip(flatten(compiled(x))[0], flatten(eager(x))[0], strict=True):
            np.testing.assert_allclose(actual, same, rtol=1e-14)
        np.testing.assert_allclose(W.numpy(), expected.numpy(), rtol=1e-14)


@pytest.mark.parametrize("amount", [0.5, np.ones((3, 2))])
def test_an_array_can_not_change_its_dtype_or_shape(amount: Any) -> None:
    def changed(rows: Any) -> Any:
        rows += amount
        return rows

    for function in (changed, compile(changed)):
        with pytest.raises((TypeError, ValueError)):
            function(ROWS.copy())


@pytest.mark.parametrize("row", [4, -5])
def test_an_index_out_of_range_raises(row: int) -> None:
    compiled = compile(tg.grad(lambda x, rows: np.sum(x[rows])))
    compiled(X, ROWS)
    with pytest.raises(IndexError):
        compiled(X, np.array([0, row]))


@tg.primitive
def positive_part(x: Any) -> Any:
    """The elements that are positive."""
    return x[x > 0]


@positive_part.vjp
def _(g: Any, y: Any, x: Any) -> Any:
    slope = np.zeros_like(x)
    slope[x > 0] = g
    return slope


def test_a_primitive_of_another_shape_for_other_values_is_noticed() -> None:
    function = tg.value_and_grad(lambda x: np.mean(positive_part(x) ** 2))
    compiled = compile(function)
    for x in (X, X[::-1] * 2):
        for actual, expected in zip(compiled(x), function(x), strict=True):
            np.testing.assert_allclose(actual, expected, rtol=1e-14)
    with pytest.raises(ValueError, match="for these values"):
        compiled(-X)


CHECKED: dict[str, tuple[Callable[..., Any], Any, Any]] = {
    "geomspace across 0": (lambda x: np.sum(np.geomspace(x[0], x[1], 4)), [1.0, 2.0], [1.0, -2.0]),
    "choose": (lambda x: np.sum(np.choose(x.astype(int), [x, 2 * x])), [0.0, 1.0], [0.0, 2.0]),
    "average": (lambda x: np.average(x, weights=x), [1.0, 2.0], [1.0, -1.0]),
    "covariance": (lambda x: np.sum(np.cov(x**2, aweights=x)), [1.0, 2.0], [1.0, -0.5]),
    "eigenvectors": (
        lambda x: np.sum(np.linalg.eigh(np.diag(x)).eigenvectors * np.arange(4).reshape(2, 2)), [1.0, 2.0], [1.0, 1.0],
    ),
    "the vectors of svd": (
        lambda x: np.sum(np.linalg.svd(np.diag(x)).U * np.arange(4).reshape(2, 2)), [1.0, 2.0], [1.0, 1.0],
    ),
    "eigenvalues that are complex": (
        lambda x: np.sum(np.linalg.eigvals(np.diag(x[:1], 1) + np.diag(x[1:], -1))), [1.0, 2.0], [1.0, -2.0],
    ),
    "one hot": (lambda x: np.sum(tg.one_hot(x.astype(int), 2) * x), [0.0, 1.0], [0.0, 2.0]),
}  # fmt: skip


@pytest.mark.parametrize("what", CHECKED)
def test_what_a_rule_checks_the_program_checks(what: str) -> None:
    function, good, bad = CHECKED[what]
    slope = tg.grad(function)
    compiled = compile(slope)
    np.testing.assert_allclose(compiled(np.array(good)), slope(np.array(good)), rtol=1e-13, atol=1e-13)
    with pytest.raises((ValueError, TypeError)):
        slope(np.array(bad))
    with pytest.raises((ValueError, TypeError)):
        compiled(np.array(bad))
