"""The snapshot: what is in it, in which order, and that it is the same every time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor
from tinygrad_np.draw.snapshot import Snapshot, Vertex, snapshot, text

from .networks import chain, circles, diamonds, moons, notebook


def taken(tensor: Tensor) -> Snapshot:
    return tg.draw_graph(tensor, limit=None, fold=False).snapshot


def called(name: str, tensor: Tensor) -> Vertex:
    return next(vertex for vertex in taken(tensor).vertices if vertex.name == name)


def last(tensor: Any) -> Vertex:
    return taken(tensor).vertices[-1]


@pytest.fixture
def x() -> Tensor:
    return Tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True, name="x")


@pytest.mark.parametrize("network", [moons, circles, notebook])
def test_the_same_program_gives_the_same_snapshot(network: Any) -> None:
    first = taken(network())
    chain(17)
    assert taken(network()) == first


def test_ids_count_in_the_order_of_creation() -> None:
    vertices = taken(moons()).vertices
    assert [vertex.id for vertex in vertices] == list(range(1, len(vertices) + 1))
    named = [vertex.name for vertex in vertices if vertex.name]
    assert named == ["W1", "b1", "W2", "b2", "W3", "b3", "Z1", "A1", "Z2", "A2", "Z3", "A3", "loss"]
    assert all(operand < vertex.id for vertex in vertices for operand in vertex.operands if isinstance(operand, int))


def test_a_constant_tensor_keeps_its_place_in_the_order() -> None:
    X = Tensor([1.0], name="X")
    W = Tensor([2.0], requires_grad=True, name="W")
    assert [(vertex.name, vertex.kind) for vertex in taken(W * X).vertices] == [
        ("X", "data"),
        ("W", "parameter"),
        (None, "result"),
    ]


def test_what_a_vertex_says(x: Tensor) -> None:
    vertex = called("y", (x @ np.ones((3, 4))).named("y"))
    assert (vertex.kind, vertex.shape, vertex.dtype, vertex.operation) == ("result", (2, 4), "float64", "matmul")
    assert vertex.operands == (1, 2)
    assert vertex.requires_grad
    assert vertex.place is not None
    assert vertex.place.startswith("test_snapshot.py line ")
    constant = taken(x @ np.ones((3, 4), np.float32)).vertices[1]
    assert (constant.kind, constant.shape, constant.dtype, constant.requires_grad) == ("data", (3, 4), "float32", False)


def test_an_array_used_twice_is_one_vertex_and_two_equal_arrays_are_two(x: Tensor) -> None:
    mask = np.ones((2, 3))
    once = taken(x * mask + x * mask)
    assert sum(vertex.kind == "data" for vertex in once.vertices) == 1
    twice = taken(x * mask + x * mask.copy())
    assert sum(vertex.kind == "data" for vertex in twice.vertices) == 2


def test_a_value_used_twice_by_one_operation_arrives_twice(x: Tensor) -> None:
    assert last(x * x).operands == (1, 1)


def test_numbers_are_operands_and_no_vertices(x: Tensor) -> None:
    assert last(1 - x).operands == ("1", 1)
    assert last(x / np.float64(3)).operands == (1, "3")
    assert last(x * np.array(1 / 3)).operands == (1, "0.3333")
    assert last(np.where([[True], [False]], x, -1)).operands == (2, 1, "-1")


def test_only_parameters_that_are_not_the_default_are_shown(x: Tensor) -> None:
    assert last(x.sum()).parameters == ()
    assert last(x.sum(axis=None, keepdims=False)).parameters == ()
    assert last(x.sum(axis=0)).parameters == (("axis", "0"),)
    assert last(x.sum(0, keepdims=True)).parameters == (("axis", "0"), ("keepdims", "True"))
    assert ("axis", "1") in last(np.concatenate([x, x], axis=1)).parameters


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1 / 3, "0.3333"),
        (np.int64(3), "3"),
        (slice(None), ":"),
        (slice(1, None, -2), "1::-2"),
        ((slice(0, 2), 1), "(0:2, 1)"),
        ((3,), "(3,)"),
        (Ellipsis, "..."),
        (None, "None"),
        (np.ones((2, 3)), "array (2, 3)"),
        (np.dtype("float32"), "float32"),
        (np.tanh, "tanh"),
        (list(range(50)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11..."),
    ],
)
def test_how_constants_and_parameters_are_written(value: Any, written: str) -> None:
    assert text(value) == written


def test_no_address_in_memory_is_written() -> None:
    Setting = type("Setting", (), {"__module__": "theirs"})
    one, another = Setting(), Setting()
    assert text(one) == text(another) == "<theirs.Setting object>"


def test_the_value_of_the_output_and_of_scalars_that_a_rule_reads() -> None:
    a = Tensor(2.0, requires_grad=True, name="a")
    b = Tensor(3.0, requires_grad=True, name="b")
    c = ((a * b).named("ab") * 4.0).named("c")
    assert called("c", c).value == 24
    assert called("a", c).value == 2
    c.backward()
    assert called("c", c).value == 24


def test_a_lazy_array_is_not_looked_at() -> None:
    class Lazy:
        shape = (1,)
        dtype = "float64"

        def item(self) -> float:
            raise AssertionError("computed")

    assert snapshot([(None, Lazy())]).snapshot.vertices == (Vertex(1, "data", None, (1,), "float64"),)


def test_gradients_before_and_after_backward() -> None:
    loss = moons()
    assert all(vertex.gradient is None for vertex in taken(loss).vertices)
    loss.backward()
    after = taken(loss)
    gradients = {vertex.name: vertex.gradient for vertex in after.vertices if vertex.gradient}
    assert list(gradients) == ["W1", "b1", "W2", "b2", "W3", "b3"]
    assert gradients["W1"] is not None
    assert (gradients["W1"].shape, gradients["W1"].value) == ((2, 5), None)
    assert gradients["b3"] is not None
    assert gradients["b3"].value is not None
    assert len(after.vertices) == len(taken(moons()).vertices)


def test_a_kept_interior_gradient_and_its_value() -> None:
    a = Tensor(3.0, requires_grad=True, name="a")
    b = (a * 2).named("b").retain_grad()
    c = b * b
    c.backward()
    kept, leaf = called("b", c).gradient, called("a", c).gradient
    assert kept is not None
    assert leaf is not None
    assert (kept.shape, kept.value, leaf.value) == ((), 12.0, 24.0)
    a.zero_grad()
    assert called("a", c).gradient is None


def test_a_constant_is_drawn_alone() -> None:
    (alone,) = taken(Tensor(np.ones((2, 3))).detach()).vertices
    assert (alone.kind, alone.shape, alone.dtype) == ("data", (2, 3), "float64")
    only = taken(Tensor(7, name="n")).vertices
    assert [(vertex.kind, vertex.name, vertex.value) for vertex in only] == [("data", "n", 7)]


def test_many_paths_are_walked_once() -> None:
    assert len(taken(diamonds(60)).vertices) == 61


def test_a_hundred_thousand_operations() -> None:
    assert len(taken(chain(100_000)).vertices) == 100_001


def test_a_snapshot_does_not_change_with_the_graph() -> None:
    loss = moons()
    drawing = tg.draw_graph(loss)
    before = str(drawing)
    loss.backward()
    loss.named("another name")
    assert str(drawing) == before
