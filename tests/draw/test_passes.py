"""The passes: what they leave out is counted, what they repeat says so, and the rest stays as it was."""

from __future__ import annotations

from itertools import pairwise

import tinygrad_np as tg
from tinygrad_np import Tensor
from tinygrad_np.draw.passes import REPEATED_INPUT, REPEATED_RESULT, last_operations, repeated
from tinygrad_np.draw.snapshot import Snapshot

from .networks import chain, moons


def taken(tensor: Tensor) -> Snapshot:
    return tg.draw_graph(tensor, limit=None, fold=False).snapshot


def used(times: int) -> Tensor:
    """x and h = tanh(x), each used by so many operations beside."""
    x = Tensor(0.5, requires_grad=True, name="x")
    h = x.tanh()
    total = h.sum()
    for _ in range(times - 1):
        total = total + x * h
    return total


def test_a_small_graph_stays_whole() -> None:
    whole = taken(moons())
    assert last_operations(whole, 1000) is whole
    assert repeated(whole) == whole


def test_the_last_operations_and_a_word_on_the_rest() -> None:
    omitted, *kept = last_operations(taken(chain(100)), 3).vertices
    assert (omitted.id, omitted.kind, omitted.name) == (0, "omitted", "98 earlier values left out")
    assert [(vertex.id, vertex.operands) for vertex in kept] == [(99, (0,)), (100, (99,)), (101, (100,))]


def test_inputs_of_the_last_operations_are_kept_however_old_they_are() -> None:
    loss = moons()
    names = [vertex.name for vertex in last_operations(taken(loss), 14).vertices]
    assert "W3" in names
    assert "W2" not in names


def test_the_output_is_kept_even_at_a_limit_of_zero() -> None:
    whole = taken(chain(5))
    assert [vertex.id for vertex in last_operations(whole, 0).vertices] == [0, whole.output]


def test_an_input_used_often_is_drawn_beside_each_use() -> None:
    snapshot = repeated(taken(used(REPEATED_INPUT)))
    copies = [vertex for vertex in snapshot.vertices if vertex.name == "x"]
    assert len(copies) == REPEATED_INPUT
    assert {copy.kind for copy in copies} == {"parameter"}
    assert {copy.uses for copy in copies} == {REPEATED_INPUT}
    assert len({vertex.id for vertex in snapshot.vertices}) == len(snapshot.vertices)
    operands = [operand for vertex in snapshot.vertices for operand in vertex.operands]
    assert all(operands.count(copy.id) == 1 for copy in copies)


def test_an_input_used_less_often_is_drawn_once() -> None:
    snapshot = repeated(taken(used(REPEATED_INPUT - 1)))
    assert [vertex.name for vertex in snapshot.vertices].count("x") == 1


def test_a_result_used_often_is_drawn_once_and_called_again_by_its_id() -> None:
    snapshot = repeated(taken(used(REPEATED_RESULT)))
    original, *copies = [vertex for vertex in snapshot.vertices if vertex.name == "#2"]
    assert (original.operation, original.kind) == ("tanh", "result")
    assert [copy.kind for copy in copies] == ["again"] * REPEATED_RESULT
    assert {copy.operation for copy in copies} == {None}


def test_a_copy_comes_before_what_uses_it() -> None:
    snapshot = repeated(taken(used(REPEATED_RESULT)))
    ids = [vertex.id for vertex in snapshot.vertices]
    for before, vertex in pairwise(snapshot.vertices):
        if vertex.operation == "multiply":
            assert before.id in vertex.operands
        assert all(ids.index(operand) < ids.index(vertex.id) for operand in vertex.operands if isinstance(operand, int))


def test_what_one_operation_reads_twice_is_one_copy() -> None:
    x = Tensor(2.0, requires_grad=True, name="x")
    y = x * x
    for _ in range(REPEATED_INPUT):
        y = y + x
    vertices = repeated(taken(y)).vertices
    square = next(vertex for vertex in vertices if vertex.operation == "multiply")
    assert square.operands[0] == square.operands[1]
    assert [vertex.name for vertex in vertices].count("x") == 1 + REPEATED_INPUT
