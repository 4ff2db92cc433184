"""Modules as boxes: folded by themselves, opened on request, in pictures and on the page; nothing lost in the count."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np

import tinygrad_np as tg
from tinygrad_np import nn
from tinygrad_np.draw.snapshot import Snapshot, Vertex

X = np.linspace(-1, 1, 12).reshape(6, 2)


class Network(nn.Module):
    """Two layers in a list, with a function between."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = [nn.Linear(2, 3, rng=0), nn.Linear(3, 1, rng=1)]

    def forward(self, x: Any) -> Any:
        return self.layers[1](np.tanh(self.layers[0](x)))


def drawn(tensor: Any, **options: Any) -> Snapshot:
    return tg.draw_graph(tensor, **options).snapshot


def titles(tensor: Any, **options: Any) -> list[str | None]:
    return [vertex.operation for vertex in operations(drawn(tensor, **options))]


def operations(snapshot: Snapshot) -> list[Vertex]:
    return [vertex for vertex in snapshot.vertices if vertex.operation is not None]


def encoder() -> nn.TransformerEncoder:
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, rng=0), 2)


def test_the_modules_of_a_network_are_boxes_with_their_paths() -> None:
    model = Network()
    snapshot = drawn(model(X))
    boxes = operations(snapshot)
    assert [box.operation for box in boxes] == ["layers.0: Linear", "tanh", "layers.1: Linear"]
    assert [box.inside for box in boxes] == [3, 0, 3]
    names = {vertex.id: vertex.name for vertex in snapshot.vertices}
    read = {names[one] for one in boxes[0].operands if isinstance(one, int)}
    assert read == {"layers.0.weight", "X", "layers.0.bias"}


def test_layers_in_a_row_are_boxes_although_one_line_of_the_user_called_them_all() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.ReLU(), nn.Linear(3, 1))
    assert titles(model(X)) == ["0: Linear", "1: LayerNorm", "relu", "3: Linear"]
    wrapped = nn.Sequential(model)
    assert titles(wrapped(X)) == ["0.0: Linear", "0.1: LayerNorm", "relu", "0.3: Linear"]


def test_what_the_users_own_module_computes_itself_is_drawn() -> None:
    class ByHand(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.W = nn.Parameter(np.ones((2, 1)))

        def forward(self, x: Any) -> Any:
            return tg.sigmoid(x @ self.W)

    model = ByHand()
    assert titles(model(X)) == ["matmul", "sigmoid"]
    assert titles(model(X), fold="ByHand") == ["ByHand"]


def test_a_layer_of_the_library_is_one_box_whatever_it_is_made_of() -> None:
    lstm = nn.LSTM(2, 3)
    _, (h, c) = lstm(X[None])
    assert titles(h.sum() + c.sum()) == ["LSTM", "sum", "sum", "add"]
    attention = nn.MultiheadAttention(2, 1)
    assert titles(attention(X, X, X)[0]) == ["MultiheadAttention"]


def test_modules_are_opened_by_path_or_class() -> None:
    model = encoder()
    x = np.ones((3, 1, 4))
    layers = ["layers.0: TransformerEncoderLayer", "layers.1: TransformerEncoderLayer"]
    assert titles(model(x)) == layers
    opened = titles(model(x), unfold="layers.1")
    assert opened[0] == layers[0]
    assert "layers.1.self_attn: MultiheadAttention" in opened
    assert "layers.1.linear2: Linear" in opened
    assert "softmax" in titles(model(x), unfold=["MultiheadAttention"])
    assert {"layers.0.linear1: Linear", "softmax"} <= set(titles(model(x), unfold="MultiheadAttention"))
    assert "TransformerEncoder" in titles(model(x), fold="TransformerEncoder")


def test_a_function_of_the_library_is_opened_too() -> None:
    W = tg.Tensor(np.ones((2, 2)), requires_grad=True)
    loss = tg.mse_loss(X @ W, X)
    assert titles(loss) == ["matmul", "mse_loss"]
    assert len(titles(loss, unfold="mse_loss")) > 2


def test_many_parameters_of_a_module_are_in_its_box_and_few_beside_it() -> None:
    model = encoder()
    box, _ = operations(drawn(model(np.ones((3, 1, 4)))))
    assert (box.inside > 20, box.held) == (True, 12)
    assert not [vertex for vertex in drawn(model(np.ones((3, 1, 4)))).vertices if vertex.kind == "parameter"]
    assert "12 parameters" in tg.draw_graph(model(np.ones((3, 1, 4)))).dot


def test_every_value_is_in_exactly_one_box() -> None:
    y = encoder()(np.ones((3, 1, 4)))
    whole = {vertex.id for vertex in drawn(y, fold=False).vertices}
    boxes = [vertex.members or (vertex.id,) for vertex in drawn(y).vertices]
    assert sorted(identity for members in boxes for identity in members) == sorted(whole)
    assert drawn(y) == drawn(y)


def test_steps_of_a_cell_are_one_step_many_times() -> None:
    cell, h = nn.GRUCell(2, 3), None
    for x in np.ones((10, 4, 2)):
        h = cell(x, h)
    box, _ = operations(drawn(h.sum(), fold=True))  # type: ignore[union-attr]
    assert (box.operation, box.times) == ("GRUCell", 10)
    assert box.loops


def test_the_page_goes_from_one_depth_of_modules_to_the_next_and_back() -> None:
    drawing = tg.draw_graph(encoder()(np.ones((3, 1, 4))).sum())
    sizes = [len(drawing.snapshot.vertices), *(len(other.vertices) for other in drawing._others)]
    assert sizes == sorted(set(sizes))
    assert len(sizes) == 4
    assert sizes[-1] == len(drawn(encoder()(np.ones((3, 1, 4))).sum(), fold=False).vertices)


def test_a_verdict_on_a_parameter_in_a_box_is_said_of_the_box() -> None:
    model = encoder()
    loss = model(np.ones((3, 1, 4))).sum()
    name = "layers.1.linear1.weight"
    wrong = {name: np.ones(model.layers[1].linear1.weight.shape)}
    verdicts = [vertex.verdict for vertex in operations(drawn(loss, manual=wrong))]
    assert verdicts[:3] == [None, "first to differ", None]


def test_a_graph_keeps_no_module_alive_and_is_freed_with_its_last_tensor() -> None:
    model = Network()
    known = weakref.ref(model)
    y = model(X)
    model.result = y  # what would be a circle if the graph held the module
    gc.disable()
    try:
        del model
        assert known() is None
        assert titles(y) == ["Linear", "tanh", "Linear"]
    finally:
        gc.enable()


def test_what_was_computed_before_a_module_is_not_its_own() -> None:
    model = Network()
    x = tg.Tensor(X, requires_grad=True)
    doubled = (x * 2).exp()
    assert titles(model(doubled)) == ["multiply", "exp", "layers.0: Linear", "tanh", "layers.1: Linear"]
    identity = nn.Identity()
    assert titles(identity(doubled)) == ["multiply", "exp"]


def test_nothing_is_noted_where_nothing_is_recorded() -> None:
    with tg.no_grad():
        y = Network()(X)
    assert y._node is None
    assert (tg.Tensor(1.0, requires_grad=True) * 2)._node.scope is None
