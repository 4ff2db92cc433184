"""Corners of shapes, joining, indexing and products that a row of the table can't show."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import tinygrad_np as tg
from tinygrad_np import Tensor, TinygradError


def matrix() -> Tensor:
    return Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True, name="W")


# Indices.

INDICES: list[Any] = [
    0,
    -1,
    (0, 1),
    slice(None, None, -2),
    (..., None, slice(1, None)),
    None,
    (),
    [0, 1, 0],
    [],
    ((0, 0),),
    (0, [2, 2]),
    ([0, 1], slice(None), None),
    (slice(None), [[0, 2], [2, 2]]),
    ([0, 1, 0], [-1, 1, -1]),
    np.array([1, 0, 1], np.uint8),
    np.array([False, True]),
    (slice(None), [True, False, True]),
    ([0, 1], [True, False, True]),
    np.eye(2, 3, dtype=bool),
    np.array(1),
    np.int8(-2),
    True,
    (False, [0]),
    (None, True, [1, 1]),
    (Ellipsis, [1, 1]),
    range(2),
    Tensor([1, 1]),
    Tensor(1),
    (slice(Tensor(0), np.int64(1)), Tensor([[0], [2]])),
    Tensor([True, False]),
]


def on_array(index: Any) -> Any:
    """The same index with arrays for Tensors."""
    if isinstance(index, tuple):
        return tuple(on_array(part) for part in index)
    return index.numpy() if isinstance(index, Tensor) else index


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_an_index_picks_what_it_picks_of_an_array_and_the_gradient_goes_back_there(index: Any) -> None:
    w = matrix()
    picked = w[index]
    expected = w.numpy()[on_array(index)]
    np.testing.assert_array_equal(picked.numpy(), expected)
    weights = 1.0 + np.arange(picked.size).reshape(picked.shape)
    picked.backward(weights)
    gradient = np.zeros((2, 3))
    np.add.at(gradient, on_array(index), weights)
    np.testing.assert_array_equal(w.grad, gradient)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_many_rows_add_up_as_few_do(dtype: Any) -> None:
    random = np.random.default_rng(0)
    rows = random.integers(-7, 7, (40, 5))
    g = random.integers(-9, 9, (40, 5, 3, 10)).astype(dtype)
    table = Tensor(np.zeros((7, 3, 10), dtype), requires_grad=True)
    tg.embedding(table, rows).backward(g)
    expected = np.zeros((7, 3, 10), dtype)
    np.add.at(expected, rows, g)
    assert table.grad.dtype == dtype
    np.testing.assert_array_equal(table.grad, expected)


def test_an_index_that_changes_after_the_forward_pass_does_no_harm() -> None:
    w = matrix()
    rows = np.array([0, 0])
    columns = [1, 2]
    picked = w[rows, columns]
    rows[:] = 1
    columns[:] = [0, 0]
    picked.sum().backward()
    np.testing.assert_array_equal(w.grad, [[0, 1, 1], [0, 0, 0]])


@pytest.mark.parametrize("index", ["a", 0.5, [0.5], np.array([0.5]), 5, [0, 9], (0, 0, 0), (..., ...), [[0, 1], [2]]])
def test_a_wrong_index_is_told_in_a_sentence(index: Any) -> None:
    with pytest.raises(
        (IndexError, ValueError), match=r"getitem of W \(2, 3\) float64 failed, test_arrays.py line"
    ) as error:
        matrix()[index]
    assert isinstance(error.value, TinygradError)


def test_a_float32_gradient_of_a_lookup_is_float32() -> None:
    table = Tensor(np.zeros((4, 2), np.float32), requires_grad=True)
    tg.embedding(table, np.array([[3, 0], [3, 3]])).sum().backward()
    assert table.grad.dtype == np.float32
    np.testing.assert_array_equal(table.grad, [[1, 1], [0, 0], [0, 0], [3, 3]])


def test_embedding_refuses_what_is_no_row() -> None:
    table = Tensor(np.zeros((4, 2)), requires_grad=True)
    for rows in ([4], [0.5], [True, False, True, True, True]):
        with pytest.raises(TinygradError):
            tg.embedding(table, rows)
    np.testing.assert_array_equal(tg.embedding(table, [[-1]]).shape, (1, 1, 2))


# Updates.


def test_the_last_of_several_values_stays_and_gets_the_gradient() -> None:
    v = Tensor([5.0, 6.0, 7.0], requires_grad=True)
    x = Tensor(np.ones(4), requires_grad=True)
    y = tg.index_update(x, [2, 0, 2], v)
    np.testing.assert_array_equal(y.numpy(), [6, 1, 7, 1])
    (y * [1, 2, 3, 4]).sum().backward()
    np.testing.assert_array_equal(v.grad, [0, 1, 3])
    np.testing.assert_array_equal(x.grad, [0, 2, 0, 4])
    np.testing.assert_array_equal(x.numpy(), np.ones(4))


def test_one_value_for_many_places_gets_what_arrives_at_all_of_them() -> None:
    v = Tensor(3.0, requires_grad=True)
    tg.index_update(np.zeros((2, 3)), (slice(None), [0, 0, 2]), v).sum().backward()
    assert v.grad == 4
    v.zero_grad()
    tg.index_add(np.zeros((2, 3)), (slice(None), [0, 0, 2]), v).sum().backward()
    assert v.grad == 6


def test_what_was_replaced_has_exactly_no_gradient_even_of_an_infinite_slope() -> None:
    def f(x: Any) -> Any:
        return np.sum(tg.index_update(np.log(x), x == 0, np.zeros(())))

    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(tg.grad(f)(np.array([0.0, 2.0])), [0, 0.5])
        np.testing.assert_array_equal(tg.hessian(f)(np.array([0.0, 2.0])), [[0, 0], [0, -0.25]])


def test_updates_keep_the_dtype_and_refuse_what_does_not_fit() -> None:
    x = Tensor(np.zeros(3, np.float32), requires_grad=True)
    assert tg.index_update(x, 0, np.float64(2.5)).dtype == np.float32
    assert tg.index_add(x, [0, 0], [1, 2]).dtype == np.float32
    for update in (tg.index_update, tg.index_add):
        with pytest.raises(TypeError, match="float64 does not fit into int64"):
            update(Tensor([1, 2]), 0, Tensor(0.5, requires_grad=True))
        with pytest.raises(ValueError, match="broadcast"):
            update(x, [0, 1], [1.0, 2.0, 3.0])
        with pytest.raises(IndexError, match="out of bounds"):
            update(x, 7, 1.0)


# What would write, or lose the gradient silently, is refused.

REFUSED: list[Callable[[Any], Any]] = [
    lambda t: np.put(t, [0], 1.0),
    lambda t: np.place(t, [True], [1.0]),
    lambda t: np.putmask(t, [True], 1.0),
    lambda t: np.copyto(np.zeros((2, 3)), t),
    lambda t: np.fill_diagonal(t, 0.0),
    lambda t: np.put_along_axis(t, np.array([[0]]), 1.0, 0),
    lambda t: np.array(t),
    lambda t: np.asarray(t),
    lambda t: np.ascontiguousarray(t),
    lambda t: np.asfortranarray(t),
    lambda t: np.array([t, t]),
    lambda t: np.vectorize(lambda x: x)(t),
    lambda t: list(np.ndenumerate(t)),
    lambda t: np.lib.stride_tricks.as_strided(t),
    lambda t: np.arange(t[0, 1]),
    lambda t: np.fromfunction(lambda i: t, (3,)) + np.full(3, t[0, 0]),
    lambda t: np.r_[t, t],
    lambda t: np.c_[t, t],
    lambda t: np.reshape(t, (3, 2), order="A"),
    lambda t: np.ravel(t, "K"),
    *([lambda t: t.reshape(6, copy=False)] if hasattr(np, "unstack") else []),  # NumPy 2.1 has copy=.
    lambda t: np.pad(t, 1, "empty"),
    lambda t: np.pad(t, 1, lambda *arguments: None),
    lambda t: np.pad(np.pad(t, 1), 1, constant_values=t[0, 0]),
    lambda t: np.concatenate([t, t], out=np.zeros((4, 3))),
    lambda t: np.concatenate([t, t], dtype=int),
    lambda t: np.take(t, 0, out=np.zeros(())),
    lambda t: np.einsum("ij", t, out=np.zeros((2, 3))),
    lambda t: np.cross(t[:, :2], t[:, :2]),
    lambda t: sliding_window_view(t, 2, 0, writeable=True),
    lambda t: np.ix_(t[0], t[1]),
    lambda t: np.isposinf(t, t),
    lambda t: np.all(t, 0, out=t[0]),
    lambda t: np.piecewise(t, [[True, False, True]], [1.0, 2.0]),
    lambda t: np.array_split(t, [1.5]),
    lambda t: t.choose([t, t]),
    lambda t: np.ma.exp(t),
    lambda t: np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0]) + t,
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_what_would_lose_the_gradient_is_refused_with_a_sentence(number: int) -> None:
    with pytest.raises(TinygradError, match=re.compile(r"line \d+")):
        REFUSED[number](matrix())


# Bad input.

WRONG: list[Callable[[Any], Any]] = [
    lambda t: np.moveaxis(t, 5, 0),
    lambda t: np.moveaxis(t, [0, 1], [0]),
    lambda t: np.rollaxis(t, 0, 4),
    lambda t: np.squeeze(t, 0),
    lambda t: np.broadcast_to(t, (3, 2)),
    lambda t: np.broadcast_arrays(t, [1.0, 2.0]),
    lambda t: np.concatenate([t, t[:, :1]]),
    lambda t: np.concatenate([t, t], axis=2),
    lambda t: np.concatenate([t[0, 0], t[0, 0]]),
    lambda t: np.stack([t, t[0]]),
    lambda t: np.block([[t], t]),
    lambda t: np.split(t, 4),
    lambda t: np.array_split(t, 0),
    lambda t: np.dsplit(t, 2),
    lambda t: np.repeat(t, [1, 2, 3], axis=0),
    lambda t: np.repeat(t, -1),
    lambda t: np.rot90(t, axes=(0, 0)),
    lambda t: np.flip(t, 2),
    lambda t: np.roll(t, 1, 5),
    lambda t: np.pad(t, -1),
    lambda t: np.pad(t, 1, "edge", constant_values=1),
    lambda t: np.pad(t, 1, "maximum", stat_length=0),
    lambda t: np.diagonal(t[0]),
    lambda t: np.diag(t[None]),
    lambda t: np.vander(t),
    lambda t: np.tril(t[0, 0]),
    lambda t: np.take(t, 9),
    lambda t: np.take(t, 0, mode="bounce"),
    lambda t: np.take_along_axis(t, np.array([0]), 0),
    lambda t: np.insert(t, 9, 1.0),
    lambda t: np.tensordot(t, t, 1),
    lambda t: np.tensordot(t, t, ((0, 1), (0,))),
    lambda t: np.vecdot(t, [1.0, 2.0]),
    lambda t: np.linalg.outer(t, t),
    lambda t: np.einsum("ij,jk", t, t),
    lambda t: np.einsum("ij,j", t),
    lambda t: np.einsum("...i->i", t),
    lambda t: np.einsum("ij->k", t),
    lambda t: np.linspace(t, 1.0, -1),
    lambda t: np.geomspace(t, 1.0),
    lambda t: np.meshgrid(t, indexing="yx"),
    lambda t: sliding_window_view(t, (3, 3)),
    lambda t: t.trace(0, 1, 1),
    lambda t: t.repeat([1, 2, 3], 0),
    lambda t: t.take(7),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_bad_input_is_told_in_a_sentence_that_names_the_tensor_or_the_line(number: int) -> None:
    with pytest.raises(TinygradError, match=r"test_arrays\.py line \d+"):
        WRONG[number](matrix())


# Exactness, and choices.


def test_triangles_keep_what_they_cut_off_out_of_the_gradient() -> None:
    x = np.array([[1.0, 0.0], [2.0, 4.0]])
    with np.errstate(divide="ignore"):
        gradient = tg.grad(lambda x: np.sum(np.tril(np.log(x))))(x)
    np.testing.assert_array_equal(gradient, [[1, 0], [0.5, 0.25]])


def test_padding_with_nan_among_the_elements_stays_where_it_is() -> None:
    x = Tensor([np.nan, 1.0, np.inf], requires_grad=True)
    for mode in ("constant", "edge", "reflect", "symmetric", "wrap", "linear_ramp"):
        with np.errstate(invalid="ignore"):
            np.testing.assert_array_equal(np.pad(x, 2, mode).numpy(), np.pad(x.numpy(), 2, mode))


def test_a_statistic_that_ties_is_shared_evenly() -> None:
    x = Tensor([2.0, 2.0, 1.0], requires_grad=True)
    np.pad(x, (1, 0), "maximum").backward([1.0, 0, 0, 0])
    np.testing.assert_array_equal(x.grad, [0.5, 0.5, 0])


def test_integers_pass_as_data() -> None:
    integers = Tensor([[1, 2], [3, 4]])
    for f in (np.ravel, np.trace, np.flip, np.tril, lambda t: np.pad(t, 1, "mean"), lambda t: np.einsum("ij->j", t)):
        result = f(integers)
        assert isinstance(result, Tensor)
        assert not result.requires_grad
        np.testing.assert_array_equal(result.numpy(), f(integers.numpy()))


def test_einsum_path_and_indices_are_data() -> None:
    w = matrix()
    assert np.einsum_path("ij,kj->ik", w, w)[0] == ["einsum_path", (0, 1)]
    assert len(np.where(w > 1)) == 2
    assert w.nonzero()[0].tolist() == [0, 0, 1, 1, 1]
    assert w.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert np.iterable(w)
    assert len(w) == 2
    assert 4.0 in w
    assert 9.0 not in w


@pytest.mark.skipif(not hasattr(np, "matvec"), reason="NumPy 2.2 has matvec and vecmat")
def test_matrices_times_vectors() -> None:
    random = np.random.default_rng(0)
    matrices, vectors = random.normal(size=(2, 1, 2, 3)), random.normal(size=(4, 3))
    for f, inputs in ((np.matvec, (matrices, vectors)), (np.vecmat, (vectors, matrices.swapaxes(-1, -2)))):
        np.testing.assert_allclose(f(*map(Tensor, inputs)).numpy(), f(*inputs))
        gradients = tg.grad(lambda *inputs, f=f: np.sum(f(*inputs) ** 2), (0, 1))(*inputs)
        steps = [random.normal(size=one.shape) for one in inputs]
        h = 1e-6
        up, down = (np.sum(f(*(x + sign * h * s for x, s in zip(inputs, steps, strict=True))) ** 2) for sign in (1, -1))
        along = sum(np.sum(gradient * step) for gradient, step in zip(gradients, steps, strict=True))
        assert along == pytest.approx((up - down) / (2 * h), rel=1e-6)


@pytest.mark.skipif(not hasattr(np, "unstack"), reason="NumPy 2.1 has unstack")
def test_unstack_gives_the_slices() -> None:
    w = matrix()
    first, _, last = np.unstack(w, axis=1)
    (first - 2 * last).sum().backward()
    np.testing.assert_array_equal(w.grad, [[1, 0, -2], [1, 0, -2]])


def test_a_constant_made_like_a_tensor_is_a_plain_array() -> None:
    for made in (np.identity(2, like=matrix()), np.eye(2, like=matrix())):
        assert type(made) is np.ndarray
        np.testing.assert_array_equal(made, [[1, 0], [0, 1]])
