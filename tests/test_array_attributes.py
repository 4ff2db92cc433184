"""What an ndarray has, a Tensor has too, with the same keywords and meaning; or it says what to write instead."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, errors

VALUES = np.array([[0.3, -1.2, 2.5], [1.7, 0.4, -0.6]])

REFUSED = [
    "base", "byteswap", "ctypes", "dump", "dumps", "fill", "flags", "flat", "getfield", "itemset", "newbyteorder",
    "partition", "put", "resize", "setfield", "setflags", "sort", "strides", "tobytes", "tofile", "tostring",
    "to_device", "device", "view", "__dlpack__", "ptp",
]  # fmt: skip


@pytest.fixture
def t() -> Tensor:
    return Tensor(VALUES, requires_grad=True, name="W")


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_tensor_lacks_is_refused_by_name_with_what_to_write(t: Tensor, name: str) -> None:
    assert not hasattr(t, name)
    with pytest.raises(
        errors.MissingAttributeError, match=rf"W \(2, 3\) float64 has no .{name}, test_array_att\w+.py line"
    ):
        getattr(t, name)
    assert issubclass(errors.MissingAttributeError, AttributeError)


def test_every_public_attribute_of_arrays_is_there_or_refused(t: Tensor) -> None:
    for name in dir(np.ndarray):
        if not name.startswith("_") and not hasattr(t, name):
            with pytest.raises(errors.MissingAttributeError):
                getattr(t, name)


@pytest.mark.parametrize(
    ("name", "written"), [("sin", r"np.sin\(t\)"), ("norm", r"np.linalg.norm\(t\)"), ("sort", "np.sort")]
)
def test_functions_of_numpy_that_are_no_methods_are_told(t: Tensor, name: str, written: str) -> None:
    with pytest.raises(AttributeError, match=written):
        getattr(t, name)


def test_what_nobody_has_is_pythons_own_error(t: Tensor) -> None:
    with pytest.raises(AttributeError, match="'Tensor' object has no attribute 'nonsense'") as caught:
        getattr(t, "nonsense")  # noqa: B009
    assert not isinstance(caught.value, tg.TinygradError)


def test_a_shape_is_not_assigned_to(t: Tensor) -> None:
    with pytest.raises(errors.AssignmentError, match=r"W \(2, 3\) float64 can't change its shape.*t\.reshape\(shape\)"):
        t.shape = (3, 2)
    assert t.shape == (2, 3)


def test_sizes_in_bytes(t: Tensor) -> None:
    assert (t.itemsize, t.nbytes) == (8, 48)
    assert Tensor(VALUES, dtype=np.float32).nbytes == 24


class Calls:
    """Writes down calls of methods, to be made of an array and of a Tensor."""

    def __getattr__(self, name: str) -> Callable[..., Callable[[Any], Any]]:
        return lambda *arguments, **keywords: lambda a: getattr(a, name)(*arguments, **keywords)


a: Any = Calls()
MASK = VALUES > 0
CALLS = [
    a.all(1), a.all(1, keepdims=True), a.all(axis=1, where=MASK), a.any(0, None), a.any(keepdims=True, where=MASK),
    a.argmax(1, None), a.argmax(1, keepdims=True), a.argmin(0, None, keepdims=True), a.argsort(0, "stable"),
    a.argsort(1, kind="stable", order=None), a.argsort(stable=True), a.argpartition(1),
    a.argpartition(1, 0, "introselect"),
    a.astype("f4", "K"), a.astype("f4", "C", "same_kind"), a.astype(np.float32, casting="same_kind", subok=False),
    a.astype(int, casting="unsafe", copy=False), a.clip(0.0, 1.0, None), a.clip(min=0.0, max=1.0, out=None),
    a.clip(0.0, 1.0), a.compress([True, False], 0, None), a.conj(), a.conjugate(), a.copy("C"), a.copy(order="K"),
    a.cumprod(1, None, None), a.cumprod(axis=1, dtype=np.float32, out=None), a.cumsum(1, np.float32),
    a.cumsum(out=None),
    a.diagonal(1, 0, 1), a.diagonal(offset=-1), a.dot(VALUES.T), a.dot(VALUES.T, None), a.dot(VALUES.T, out=None),
    a.flatten("F"), a.item(1), a.item(1, 2), a.item((1, 2)), a.item(-1), a.max(1, None, True),
    a.max(axis=0, out=None, keepdims=True, initial=1.0, where=MASK), a.min(0, None, False, 0.0),
    a.mean(1, np.float32, None, True), a.mean(axis=1, dtype=None, out=None, keepdims=True, where=MASK), a.nonzero(),
    a.prod(1, None, None, True, 2.0, MASK), a.prod(axis=1, keepdims=True), a.ravel("F"), a.ravel(order="C"),
    a.repeat(2, 1), a.repeat(repeats=[1, 2], axis=0), a.reshape(3, 2), a.reshape((3, -1), order="F"), a.reshape([6]),
    a.round(1, None), a.round(decimals=1, out=None), a.squeeze(), a.squeeze(axis=()), a.swapaxes(0, 1),
    a.std(1, None, None, 1), a.std(axis=1, ddof=1, keepdims=True, where=MASK | True), a.sum(1, np.float32, None, True),
    a.sum(0, None, None, False, 2.0, MASK), a.sum(axis=0, dtype=None, out=None, keepdims=True, initial=1.0, where=MASK),
    a.take([0, 5], None, None, "wrap"), a.take(indices=[0, 2], axis=1, out=None, mode="raise"), a.tolist(),
    a.trace(1, 0, 1, np.float32, None), a.trace(offset=1, axis1=0, axis2=1, dtype=None, out=None), a.transpose(),
    a.transpose(None), a.transpose(1, 0), a.transpose((1, 0)), a.transpose([1, 0]), a.transpose(np.array([1, 0])),
    a.transpose(np.int64(1), np.int64(0)), a.var(1, np.float32, None, 1), a.var(axis=1, dtype=None, out=None, ddof=0),
]  # fmt: skip


def numbers(result: Any) -> list[Any]:
    return [
        np.asarray(part.numpy() if isinstance(part, Tensor) else part)
        for part in (result if isinstance(result, tuple) else (result,))
    ]


@pytest.mark.parametrize("call", CALLS)
def test_methods_take_the_arguments_that_arrays_methods_take(t: Tensor, call: Callable[[Any], Any]) -> None:
    for ours, theirs in zip(numbers(call(t)), numbers(call(VALUES)), strict=True):
        np.testing.assert_allclose(ours, theirs, 1e-6)
        assert ours.dtype == theirs.dtype


def test_choose_and_searchsorted_too() -> None:
    places = np.array([0, 2, 1])
    assert (Tensor(places).choose([10, 20, 30], None, "raise").numpy() == places.choose([10, 20, 30])).all()
    ordered = np.array([1.0, 2.0, 3.0])
    assert (
        Tensor(ordered).searchsorted([2.0], side="right", sorter=None) == ordered.searchsorted([2.0], "right")
    ).all()


def test_every_keyword_of_every_method_is_taken() -> None:
    differently = {"dot": {"other"}, "item": {"args"}, "min": {"kwargs"}, "max": {"kwargs"}}
    for name in dir(np.ndarray):
        method = getattr(Tensor, name, None)
        if name.startswith("_") or not inspect.isfunction(method):
            continue
        try:
            theirs = set(inspect.signature(getattr(np.ndarray, name)).parameters)
        except ValueError:  # Older NumPys do not tell.
            continue
        ours = inspect.signature(method).parameters
        takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in ours.values())
        assert takes_any or theirs - differently.get(name, set()) - {"axes", "shape", "kwargs"} <= set(ours), name


@pytest.mark.parametrize("call", [
    a.sum(out=np.ones(())), a.max(0, np.ones(3)), a.round(out=np.ones((2, 3))), a.dot(VALUES.T, np.ones((2, 2))),
    a.clip(0, 1, np.ones((2, 3))), a.take([0], 0, np.ones((1, 3))), a.cumsum(0, None, np.ones((2, 3))),
    a.trace(out=np.ones(())), a.copy("F"), a.astype("f4", order="F"), a.astype("i4", casting="safe"), a.item(9),
    a.item(0, 9), a.item(), a.transpose((0, 0)), a.transpose("ab"), a.choose([VALUES]),
])  # fmt: skip
def test_what_is_not_taken_is_refused_in_a_sentence(t: Tensor, call: Callable[[Any], Any]) -> None:
    with pytest.raises(tg.TinygradError, match=r"test_array_attributes.py line \d+"):
        call(t)


def test_pythons_rounding_is_recorded() -> None:
    t = Tensor(2.567, requires_grad=True)
    for result, value in ((round(t), 3), (round(t, 1), 2.6), (math.trunc(t), 2), (math.floor(t), 2), (math.ceil(t), 3)):
        assert isinstance(result, Tensor)
        assert result.requires_grad
        assert float(result) == value


def test_the_new_methods_have_gradients(t: Tensor) -> None:
    (t.transpose(np.array([1, 0])) * VALUES.T).sum().backward()
    assert np.array_equal(t.grad, VALUES)
