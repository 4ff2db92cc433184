"""What once made a compiled function silently differ from the same function run eagerly: refused now, or right."""

from __future__ import annotations

import dataclasses
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, compile
from tinygrad_np.errors import CaptureError

X = np.array([1.0, 2.0, 3.0])


@dataclasses.dataclass
class Layer:
    W: Any


class Weighted(np.ndarray):
    def __mul__(self, other: Any) -> Any:
        return np.asarray(self) * other + 100


WEIGHTED = X.view(Weighted)


class Made:
    """What a function may make anew in each call."""


def assigned(layer: Any) -> None:
    layer.W = layer.W * 2


def in_place(values: Any) -> None:
    for value in values:
        value -= 0.1 * value


def data_in_place(t: Any) -> Any:
    values = t.data
    values -= 1.0
    return values


def data_assigned(t: Any) -> None:
    t.data = t.data * 0.5


def by_the_gradient(t: Any) -> None:
    if t.grad is not None:
        t.data -= t.grad


def fallback(x: Any) -> Any:
    try:
        return np.linalg.inv(x)
    except np.linalg.LinAlgError:
        return np.zeros_like(x)


def picked(x: Any, index: Any) -> Any:
    try:
        return x[index]
    except IndexError:
        return x * 0


def raising(x: Any) -> Any:
    with np.errstate(all="raise"):
        return x / np.sum(x)


def printing(x: Any) -> Any:
    print("called")
    return x * 2


def parameter() -> Tensor:
    t = Tensor(X, requires_grad=True)
    (t * t).sum().backward()
    return t


REFUSED: dict[str, tuple[Callable[..., Any], Callable[[], tuple[Any, ...]], str]] = {
    "a dict that it was given, assigned to": (
        lambda tree: tree.update(W=tree["W"] * 2), lambda: ({"W": X.copy()},), r"an argument \(dict\)"
    ),
    "a key that it was given, taken away": (lambda tree: tree.pop("n"), lambda: ({"W": X, "n": None},), r"\(dict\)"),
    "a list that it was given, grown": (lambda values: values.append(1), lambda: ([X.copy()],), r"\(list\)"),
    "a list within a tuple": (lambda pair: pair[0].reverse(), lambda: (([X, X * 2],),), r"\(list\)"),
    "an attribute of what it was given": (assigned, lambda: (Layer(X.copy()),), r"\(Layer\)"),
    "arrays in a list, changed in place": (in_place, lambda: ([X.copy()],), r"\(array\)"),
    "a Tensor's data through an array": (data_in_place, lambda: (Tensor(X),), r"\(Tensor\)"),
    "a Tensor's data": (data_assigned, lambda: (Tensor(X),), r"\(Tensor\)"),
    "a Tensor's gradient, read": (by_the_gradient, lambda: (parameter(),), "as an argument, .* line"),
    "a Tensor's gradient, cleared": (lambda t: t.zero_grad(), lambda: (parameter(),), "as an argument, .* line"),
    "an inverse that failed": (fallback, lambda: (np.zeros((2, 2)),), "inv failed for these values, .* line"),
    "an index that failed": (picked, lambda: (X, np.array([5])), "getitem failed for these values"),
    "errors of NumPy that it switches on": (raising, lambda: (X,), "errstate"),
    "a print of nothing captured": (printing, lambda: (X,), "printed 'called', .* line"),
    "a set that it makes": (lambda x: ({1}, x), lambda: (X,), "returns a set"),
    "an object that it makes": (lambda x: (Made(), x), lambda: (X,), "returns a Made"),
    "a function of its values": (lambda x: lambda: x * 2, lambda: (X,), "returns a function"),
    "a pullback": (lambda x: tg.vjp(np.tanh, x), lambda: (X,), "returns a function"),
    "values in a deque": (lambda x: deque([x * 2]), lambda: (X,), "compiled function"),
    "a view of a dict's values": (lambda x: {"y": x * 2}.values(), lambda: (X,), "returns a dict_values"),
    "a masked array": (lambda x: np.sum(x), lambda: (np.ma.masked_array(X, X > 1),), "MaskedArray"),
    "a class of arrays with operators of its own": (lambda x: x * 2, lambda: (X.view(Weighted),), "Weighted"),
    "a class of arrays closed over": (lambda x: x * WEIGHTED, lambda: (X,), "Weighted"),
    "whose memory an array is": (lambda x: (x if x.base is None else x.base) * 2, lambda: (X,), "base"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_would_differ_is_refused(what: str) -> None:
    function, arguments, sentence = REFUSED[what]
    output = sys.stdout
    with pytest.raises(CaptureError, match=sentence):
        compile(function)(*arguments())
    assert sys.stdout is output


AGREES: dict[str, tuple[Callable[..., Any], list[tuple[Any, ...]]]] = {
    "isinstance of an array": (lambda x: x * 2 if isinstance(x, np.ndarray) else x, [(X,), (np.float64(2.0),)]),
    "isinstance of a number": (lambda x: x * 2 if isinstance(x, float) else x, [(X,), (np.float64(2.0),)]),
    "isscalar": (lambda x: x * 2 if np.isscalar(x) else x, [(X,), (np.float64(2.0),)]),
    "a copy of a number": (lambda x: (x.copy(), np.copy(x)), [(np.float64(2.0),), (X,)]),
    "values that a function may return as they are": (
        lambda x: (frozenset({1}), X.dtype, Layer, len, "s", 1j, None, x), [(X,), (X * 2,)]
    ),
    "a loop that ends with an error of its own": (picked, [(X, np.array([1])), (X, np.array([2]))]),
}  # fmt: skip


@pytest.mark.parametrize("what", AGREES)
def test_what_differed_agrees(what: str) -> None:
    function, calls = AGREES[what]
    compiled = compile(function)
    for arguments in calls:
        actual, expected = compiled(*arguments), function(*arguments)
        pairs = zip(actual, expected, strict=True) if isinstance(expected, tuple) else [(actual, expected)]
        for one, other in pairs:
            assert type(one) is type(other)
            np.testing.assert_array_equal(one, other)
