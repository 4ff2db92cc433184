"""Tensor: its attributes, operators and NumPy's protocols, and what bad input gets."""

from __future__ import annotations

import operator
import pickle
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, errors


@pytest.fixture
def w() -> Tensor:
    return Tensor([[1.0, -2.0, 3.0]], requires_grad=True, name="w")


def test_data_are_copied() -> None:
    source = np.ones(2)
    t = Tensor(source)
    source[0] = 5
    assert t.numpy().tolist() == [1, 1]
    t.numpy()[0] = 7
    assert t.numpy().tolist() == [1, 1]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, np.int8, np.bool])
def test_dtypes_are_kept(dtype: Any) -> None:
    assert Tensor(np.ones(2, dtype)).dtype == dtype
    assert Tensor([1, 0], dtype=dtype).dtype == dtype


def test_attributes(w: Tensor) -> None:
    assert (w.shape, w.ndim, w.size, w.dtype, w.name) == ((1, 3), 2, 3, np.float64, "w")
    assert w.requires_grad
    assert w.is_leaf
    assert w.grad is None
    y = w * 2
    assert not y.is_leaf
    assert y.requires_grad
    assert y.named("y") is y
    assert y.name == "y"
    assert not y.detach().requires_grad
    assert w.T.shape == (3, 1)


def test_numbers_are_read_from_one_element_tensors_that_need_a_gradient(w: Tensor) -> None:
    total = w.sum()
    assert float(total) == 2.0
    assert int(total) == 2
    assert bool(total)
    assert total.item() == 2.0
    assert f"{total:.3f}" == "2.000"
    assert [10, 20, 30][Tensor(1)] == 20
    with pytest.raises(errors.ShapeError, match="w \\(1, 3\\) float64 is not one number"):
        float(w)


def test_tensors_are_dict_keys_by_identity_and_compare_by_element(w: Tensor) -> None:
    same = Tensor(w.numpy())
    assert {w: 1, same: 2}[w] == 1
    assert (w == same).numpy().all()
    assert (w == same).dtype == bool
    assert not (w != same).numpy().any()
    assert (~(w > 0) & (w < 0)).numpy().tolist() == [[False, True, False]]


BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.floordiv, operator.mod]


@pytest.mark.parametrize("operation", BINARY)
@pytest.mark.parametrize("other", [2, 2.0, np.float64(2), np.float32(2), np.array([1.0, 2.0, 3.0]), np.int64(2)])
def test_operators_take_numbers_and_arrays_on_either_side(operation: Any, other: Any) -> None:
    array = np.array([1.5, 2.5, 0.5])
    t = Tensor(array, requires_grad=True)
    for result, expected in (
        (operation(t, other), operation(array, other)),
        (operation(other, t), operation(other, array)),
    ):
        assert isinstance(result, Tensor)
        assert result.requires_grad
        np.testing.assert_allclose(result.numpy(), expected, rtol=1e-15)
        assert result.dtype == expected.dtype


def test_a_python_number_leaves_float32(w: Tensor) -> None:
    t = Tensor(np.ones(2, np.float32), requires_grad=True)
    y = (1.5 * t - 2) / 3 + t**2
    assert y.dtype == np.float32
    y.sum().backward()
    assert t.grad.dtype == np.float32


def test_a_float32_parameter_gets_a_float32_gradient_of_float64_data() -> None:
    W = Tensor(np.ones((3, 2), np.float32), requires_grad=True)
    (np.ones((4, 3)) @ W).sum().backward()
    assert W.grad.dtype == np.float32
    assert W.grad.tolist() == [[4, 4]] * 3


def test_backward_accumulates_and_zero_grad_forgets(w: Tensor) -> None:
    (w * w).sum().backward()
    (w * w).sum().backward()
    assert w.grad.tolist() == [[4, -8, 12]]
    w.zero_grad()
    assert w.grad is None


def test_an_interior_tensor_keeps_its_gradient_when_asked(w: Tensor) -> None:
    y = (w * 2).named("y")
    z = y * y
    assert y.grad is None
    y.retain_grad()
    z.sum().backward()
    assert y.grad.tolist() == [[4, -8, 12]]
    assert z.grad is None


def test_gradients_share_no_memory() -> None:
    a, b = Tensor(np.ones(3), requires_grad=True), Tensor(np.ones(3), requires_grad=True)
    seed = np.ones(3)
    (a + b).backward(seed)
    a.grad[0] = 7
    seed[1] = 9
    assert b.grad.tolist() == [1, 1, 1]
    assert a.grad.tolist() == [7, 1, 1]


def test_a_tensor_used_twice_gets_both_contributions() -> None:
    x = Tensor(3.0, requires_grad=True)
    (x * x + x).backward()
    assert x.grad == 7


def test_backward_with_a_gradient(w: Tensor) -> None:
    (w * 3).backward(np.array([[1.0, 0.0, 2.0]]))
    assert w.grad.tolist() == [[3, 0, 6]]


def test_no_grad_records_nothing(w: Tensor) -> None:
    with tg.no_grad():
        assert not (w * 2).requires_grad

    @tg.no_grad()
    def predict() -> Tensor:
        return w * 2

    assert not predict().requires_grad
    assert (w * 2).requires_grad


# Values that change under the graph.


def test_a_training_loop_updates_in_place(w: Tensor) -> None:
    for _ in range(3):
        loss = (w * w).sum()
        w.zero_grad()
        loss.backward()
        w.data -= 0.5 * w.grad
    assert np.abs(w.numpy()).max() == 0


def change_item(t: Tensor) -> None:
    t.data[0] = 5.0


def change_in_place(t: Tensor) -> None:
    t.data -= 1


def replace(t: Tensor) -> None:
    t.data = np.zeros(t.shape)


@pytest.mark.parametrize("change", [change_item, change_in_place, replace])
@pytest.mark.parametrize("interior", [False, True])
@pytest.mark.parametrize("linear", [False, True])
def test_a_value_changed_before_backward_is_an_error(change: Any, interior: bool, linear: bool) -> None:
    leaf = Tensor([1.0, 2.0], requires_grad=True, name="leaf")
    t = (leaf * 2).named("interior") if interior else leaf
    loss = (t * 3 if linear else t * t).sum()
    change(t)
    with pytest.raises(errors.ChangedValueError, match="interior" if interior else "leaf"):
        loss.backward()
    assert leaf.grad is None
    again = (leaf * leaf).sum()
    again.backward()
    np.testing.assert_array_equal(leaf.grad, 2 * leaf.numpy())


def test_an_array_taken_before_the_forward_pass_changes_after_it() -> None:
    t = Tensor([1.0, 2.0], requires_grad=True)
    held = t.data
    loss = (t * t).sum()
    held[0] = 5
    with pytest.raises(errors.ChangedValueError):
        loss.backward()
    assert t.numpy().tolist() == [5, 2]


def test_a_constant_tensor_changed_before_backward_is_an_error(w: Tensor) -> None:
    c = Tensor([[1.0, 2.0, 3.0]], name="c")
    loss = (w * c).sum()
    c.data[0, 0] = 9
    with pytest.raises(errors.ChangedValueError, match="c \\(1, 3\\)"):
        loss.backward()


def test_reading_data_is_no_change(w: Tensor) -> None:
    loss = (w * w).sum()
    assert w.data.sum() == 2
    loss.backward()
    assert w.grad.tolist() == [[2, -4, 6]]


def test_a_view_does_not_reach_the_value(w: Tensor) -> None:
    loss = (w * w).sum()
    w.reshape(3).data[0] = 9
    loss.backward()
    assert w.grad.tolist() == [[2, -4, 6]]


# What bad input gets.


def refused(kind: type[Exception], *words: str) -> Any:
    return pytest.raises(kind, match="(?s)" + ".*".join(words))


def test_shapes_that_do_not_match(w: Tensor) -> None:
    with refused(errors.ShapeError, "matmul of w \\(1, 3\\) float64 and w", "test_tensor.py line"):
        w @ w
    with refused(ValueError, "add", "w \\(1, 3\\)", "v \\(2,\\)"):
        w + Tensor([1.0, 2.0], name="v")


def test_backward_of_a_nonscalar(w: Tensor) -> None:
    with refused(errors.NonScalarError, "\\(1, 3\\)", "sum"):
        (w * 2).backward()


def test_a_second_backward_of_a_freed_graph(w: Tensor) -> None:
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    loss.backward()
    before = w.grad.copy()
    with refused(errors.FreedGraphError, "retain_graph"):
        loss.backward()
    np.testing.assert_array_equal(w.grad, before)


def test_a_part_that_another_backward_freed(w: Tensor) -> None:
    trunk = w * w
    first, second = trunk.sum(), (trunk * 2).sum()
    first.backward()
    before = w.grad.copy()
    with refused(errors.FreedGraphError, "multiply", "retain_graph"):
        second.backward()
    np.testing.assert_array_equal(w.grad, before)


@pytest.mark.parametrize("data", [[1, 2], True, np.arange(3)])
def test_requires_grad_on_integers(data: Any) -> None:
    with refused(errors.DTypeError, "only floating"):
        Tensor(data, requires_grad=True)


@pytest.mark.parametrize("gradient", [1.0, np.ones(3), np.ones((3, 1)), [[1.0]]])
def test_a_gradient_of_the_wrong_shape(w: Tensor, gradient: Any) -> None:
    with refused(errors.GradientShapeError, "exactly"):
        (w * 2).backward(gradient)
    assert w.grad is None


@pytest.mark.parametrize("data", ["text", None, [1j], {"a": 1}, [[1.0], [1.0, 2.0]], object()])
def test_what_is_no_number(data: Any) -> None:
    with pytest.raises(errors.TinygradError):
        Tensor(data)


def test_silent_detachment_is_refused(w: Tensor, tmp_path: Any) -> None:
    array = np.ones((1, 3))
    for attempt in (
        lambda: np.array([w, w]),
        lambda: np.asarray(w),
        lambda: np.save(tmp_path / "w.npy", 2 * w),
        lambda: array.__setitem__(slice(None), w),
        lambda: operator.iadd(array, w),
        lambda: np.copyto(array, w),
        lambda: np.add(w, 1, out=array),
        lambda: np.sum(w, axis=0, out=np.ones(3)),
        lambda: Tensor([w, w]),
    ):
        with pytest.raises((errors.TinygradError, TypeError), match="gradient|unrecorded"):
            attempt()
    assert array.tolist() == [[1, 1, 1]]
    assert np.asarray(w.detach()).tolist() == [[1, -2, 3]]


def test_assignment_to_an_element(w: Tensor) -> None:
    with refused(errors.AssignmentError, "index_update"):
        w[0] = 5


def test_a_branch_on_many_elements(w: Tensor) -> None:
    with refused(ValueError, "neither true nor false"):
        bool(w > 0)


def test_an_index_out_of_bounds(w: Tensor) -> None:
    with refused(IndexError, "getitem of w"):
        w[7]


def test_an_axis_that_is_not_there(w: Tensor) -> None:
    with refused(np.exceptions.AxisError, "sum of w"):
        w.sum(axis=5)


def test_new_data_of_another_shape_or_kind(w: Tensor) -> None:
    with refused(errors.ShapeError, "w \\(1, 3\\)"):
        w.data = np.ones(3)
    with refused(errors.DTypeError, "int64"):
        Tensor([1, 2]).data = np.array([0.5, 0.5])
    with refused(errors.GradientShapeError, "shape"):
        w.grad = np.ones(3)


def test_backward_where_nothing_requires_a_gradient() -> None:
    with refused(errors.NotRecordedError, "requires_grad=True"):
        Tensor(1.0).backward()


def test_a_function_without_a_gradient(w: Tensor) -> None:
    with refused(errors.NoGradientError, "np.roots"):
        np.roots(w)


def test_data_functions_work(w: Tensor) -> None:
    assert np.shape(w) == (1, 3)
    assert np.argmax(w) == 2
    assert np.allclose(w, w.numpy())
    assert not np.isnan(w).numpy().any()
    assert 3.0 in w
    assert len(w.T) == 3
    assert [row.item() for row in w.T] == [1, -2, 3]
    assert repr(w) == "Tensor([[ 1., -2.,  3.]], requires_grad=True, name='w')"


def test_pickling_a_leaf_keeps_value_and_name(w: Tensor) -> None:
    again = pickle.loads(pickle.dumps(w))
    np.testing.assert_array_equal(again.numpy(), w.numpy())
    assert (again.name, again.requires_grad) == ("w", True)


def test_what_would_reach_numpy_through_float_or_an_option(w: Tensor) -> None:
    scalar = w.sum()
    for attempt in (
        lambda: np.sum(np.ones(3), initial=scalar),
        lambda: tg.leaky_relu(w, slope=scalar),
        lambda: w * np.ma.masked_array([1.0, 2.0, 3.0], [True, False, False]),
        lambda: Tensor(np.ma.masked_array([1.0, 2.0], [True, False])),
    ):
        with pytest.raises((errors.TinygradError, ValueError)):
            attempt()
