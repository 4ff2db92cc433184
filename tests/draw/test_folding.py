"""Folding: a loop as one step with an arrow back, a function and a call as one box, nothing lost in the count."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, nn
from tinygrad_np.draw.drawing import MANY
from tinygrad_np.draw.folding import repetitions
from tinygrad_np.draw.snapshot import Snapshot, Vertex

from .networks import chain, moons, recurrent


def drawn(tensor: Any, **options: Any) -> Snapshot:
    return tg.draw_graph(tensor, **options).snapshot


def operations(snapshot: Snapshot) -> list[Vertex]:
    return [vertex for vertex in snapshot.vertices if vertex.operation is not None]


def test_an_lstm_of_ten_steps_is_one_step_ten_times() -> None:
    snapshot = drawn(recurrent(10))
    assert {vertex.times for vertex in operations(snapshot)} == {1, 10}
    assert len(snapshot.vertices) < 30
    arrows_back = [loop for vertex in snapshot.vertices for loop in vertex.loops]
    assert len(arrows_back) == 2  # the hidden state and the cell
    assert drawn(recurrent(10)) == drawn(recurrent(10))


def test_ten_steps_of_a_cell_are_one_step_although_they_are_few_boxes() -> None:
    cell, h = nn.LSTMCell(3, 4, rng=0), None
    for x in np.ones((10, 2, 3)):
        h = cell(x, h)
    assert h is not None
    (step,) = [vertex for vertex in drawn(h[0].mean()).vertices if vertex.operation == "LSTMCell"]
    assert step.times == 10
    assert len(drawn(h[0].mean(), fold=False).vertices) > 200
    two = nn.LSTMCell(3, 4, rng=0)
    assert {vertex.times for vertex in operations(drawn(two(x, two(x))[0].mean()))} == {1}


def test_ten_steps_and_a_hundred_are_one_picture() -> None:
    ten, hundred = drawn(recurrent(10)), drawn(recurrent(100))
    assert [vertex.operation for vertex in ten.vertices] == [vertex.operation for vertex in hundred.vertices]
    assert max(vertex.times for vertex in hundred.vertices) == 100


def test_what_each_step_reads_of_its_own_is_one_box_too() -> None:
    (inputs,) = [vertex for vertex in drawn(recurrent(10)).vertices if vertex.kind == "data" and vertex.times > 1]
    assert (inputs.times, inputs.shape, len(inputs.members)) == (10, (2, 3), 10)


def test_a_loop_inside_a_loop() -> None:
    x = Tensor(0.5, requires_grad=True, name="x")
    for _ in range(20):
        for _ in range(5):
            x = x.tanh()
        x = x + 1
    times = {vertex.operation: vertex.times for vertex in operations(drawn(x, fold=True))}
    assert times == {"tanh": 100, "add": 20}


def test_a_thousand_operations_are_folded_and_it_is_said() -> None:
    drawing = tg.draw_graph(chain(1000))
    assert "1,001 values are drawn as 2" in drawing.svg
    assert "fold=False draws all" in str(drawing)
    assert "tanh  x1,000" in str(drawing)


def test_a_small_graph_is_not_folded_unless_it_is_wanted() -> None:
    assert len(drawn(chain(MANY - 1)).vertices) == MANY
    assert len(drawn(chain(MANY)).vertices) == 2
    assert len(drawn(chain(9), fold=True).vertices) == 2
    assert drawn(moons(), fold=False) == drawn(moons())


def test_what_a_function_computed_is_one_box_with_its_name() -> None:
    def layer(x: Any, W: Tensor) -> Any:
        return np.tanh(x @ W) * 2

    x = Tensor(np.ones((2, 2)), name="x")
    W = Tensor(np.eye(2), requires_grad=True, name="W")
    y = layer(x, W)
    z = (y + 1).exp()
    box, *rest = operations(drawn(layer(z, W).sum(), fold="layer"))
    assert box.operation is not None
    assert box.operation.endswith("layer")
    assert box.inside == 3
    assert [vertex.operation for vertex in rest[:2]] == ["add", "exp"]
    names = {vertex.id: vertex.name for vertex in drawn(layer(z, W).sum(), fold="layer").vertices}
    assert [names[operand] for operand in box.operands if isinstance(operand, int)] == ["x", "W"]


def test_what_a_function_hands_to_the_next_step_is_an_arrow_back_to_its_box() -> None:
    def scaled(h: Any) -> Any:
        return np.tanh(h * 2) / 2

    x = Tensor(0.5, requires_grad=True, name="x")
    for _ in range(5):
        x = scaled(x) + 1
    box, add = operations(drawn(x, fold=True))
    assert (box.inside, box.times, add.times) == (3, 5, 5)
    assert [operand for _, operand in box.loops] == [add.id]
    assert f"n{add.id} -> n{box.id} [" in tg.draw_graph(x, fold=True).dot


def test_a_call_of_the_library_is_one_box_with_its_name() -> None:
    images = Tensor(np.ones((1, 1, 4, 4)), requires_grad=True, name="images")
    padded = tg.max_pool2d(images, 2, padding=1)
    boxes = {vertex.operation: vertex.inside for vertex in operations(drawn(padded))}
    assert boxes["max_pool2d"] > 1
    assert "max_pool2d" not in {vertex.operation for vertex in operations(drawn(padded, fold=False))}


def test_a_call_with_unpacked_arguments_is_one_box_too() -> None:
    x = Tensor(np.ones(3), requires_grad=True)
    arguments, options = (x * 2, np.zeros(3)), {"reduction": "sum"}
    for loss in (
        tg.mse_loss(*arguments),
        tg.mse_loss(*arguments, **options),
        tg.mse_loss(x * 2, arguments[1], **options),
    ):
        assert operations(drawn(loss))[-1].operation == "mse_loss"


def test_every_value_is_in_exactly_one_box() -> None:
    whole = {vertex.id for vertex in drawn(recurrent(10), fold=False).vertices}
    boxes = [vertex.members or (vertex.id,) for vertex in drawn(recurrent(10), fold=True).vertices]
    assert sorted(identity for members in boxes for identity in members) == sorted(whole)


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ("xababab", [(1, 2, 3)]),
        ("aaaa", [(0, 1, 4)]),
        ("abab", []),
        ("abcabcabcaaa", [(0, 3, 3), (9, 1, 3)]),
        ("", []),
        ("abbcabbcabbc", [(0, 4, 3)]),
    ],
)
def test_repetitions(keys: str, found: list[tuple[int, int, int]]) -> None:
    assert repetitions(keys) == found


def test_a_focus_is_drawn_with_what_it_came_from_and_what_came_from_it() -> None:
    loss = moons()
    names = {vertex.name for vertex in drawn(loss, focus="Z2", depth=2).vertices if vertex.name}
    assert names == {"A1", "W2", "b2", "Z2", "A2"}
    assert "W3" not in {vertex.name for vertex in drawn(loss, focus="Z2").vertices}
    assert {"W1", "loss"} <= {vertex.name for vertex in drawn(loss, focus="Z2").vertices}


def test_a_focus_that_is_not_there_is_refused_with_what_is() -> None:
    with pytest.raises(tg.TinygradError, match="can't focus on 'Z9'.*'?Z1"):
        tg.draw_graph(moons(), focus="Z9")


def test_constants_can_be_left_out() -> None:
    X = np.ones((3, 2))
    loss = (X @ Tensor(np.ones((2, 1)), requires_grad=True, name="W")).sum()
    snapshot = drawn(loss, constants=False)
    assert [vertex.name for vertex in snapshot.vertices if vertex.operation is None] == ["W"]
    assert "X" in snapshot.vertices[1].operands


def test_an_array_carries_the_name_of_the_variable_that_holds_it() -> None:
    X = np.ones((3, 2))
    weights = Tensor(np.ones((2, 1)), requires_grad=True)
    assert [vertex.name for vertex in drawn(X @ weights).vertices[:2]] in (["X", "weights"], ["weights", "X"])


def test_several_outputs_in_one_drawing() -> None:
    x = Tensor(2.0, requires_grad=True, name="x")
    h = (x * x).named("h")
    drawing = tg.draw_graph((h + 1).named("a"), h.exp().named("b"))
    assert str(drawing).startswith("graph of a and b: 3 operations, 1 parameter")
    assert len(drawing.snapshot.outputs) == 2
    assert drawing.svg.count(">x<") == 1


def test_a_hundred_thousand_operations_take_linear_time() -> None:
    def seconds(length: int) -> float:
        graph = chain(length)
        start = time.process_time()
        tg.draw_graph(graph)
        return time.process_time() - start

    seconds(1000)
    assert seconds(100_000) < 40 * max(seconds(10_000), 0.02)
