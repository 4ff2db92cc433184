"""explain: where a gradient came from, path by path; or the line at which the path was cut."""

from __future__ import annotations

import inspect
import json
import linecache
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, errors, optim

X = np.random.default_rng(0).normal(size=(8, 2))


def weights() -> tuple[Tensor, Tensor]:
    random = np.random.default_rng(1)
    return (
        Tensor(random.normal(size=(2, 3)), requires_grad=True),
        Tensor(random.normal(size=(3, 1)), requires_grad=True),
    )


def line_of(function: Callable[..., Any]) -> int:
    lines, start = inspect.getsourcelines(function)
    return start + next(number for number, line in enumerate(lines) if line.rstrip().endswith("# here"))


def test_each_path_has_its_formula_its_norm_and_its_share() -> None:
    W1, W2 = weights()
    Z1 = X @ W1
    A1 = np.tanh(Z1)
    loss = np.mean((A1 @ W2) ** 2) + 0.1 * np.sum(W1**2)
    found = tg.explain(loss, W1)
    assert found
    assert [path.formula for path in found.paths] == ["dW1 = d(W1**2) * (2 * W1**1)", "dW1 += np.dot(X.T, dZ1)"]
    assert np.allclose(found.paths[0].value, 0.2 * W1.data)
    loss.backward(retain_graph=True)
    assert np.allclose(sum(path.value for path in found.paths), W1.grad)
    assert np.isclose(sum(path.share or 0 for path in found.paths), 1)
    assert np.isclose(found.norm, np.linalg.norm(W1.grad))
    assert [stage.name for stage in found.way if stage.name in ("A1", "Z1", "W1")] == ["A1", "Z1", "W1"]
    assert "The gradient of W1" in str(found)
    assert "W2" not in [stage.name for stage in found.way]


def test_paths_part_at_the_first_value_that_is_used_several_times() -> None:
    W1, _ = weights()
    h = np.tanh(X @ W1)
    loss = np.sum(h[:, 0] * h[:, 1]) + np.sum(h[:, 2])
    found = tg.explain(loss, W1)
    assert [path.formula.partition("]")[0] for path in found.paths] == ["dh[:, 2", "dh[:, 1", "dh[:, 0"]
    assert np.allclose(sum(path.value for path in found.paths), tg.grad(lambda W: _of(W))(W1.data))


def _of(W: Any) -> Any:
    h = np.tanh(X @ W)
    return np.sum(h[:, 0] * h[:, 1]) + np.sum(h[:, 2])


def test_neither_grad_nor_the_graph_is_changed() -> None:
    W1, W2 = weights()
    loss = np.mean((np.tanh(X @ W1) @ W2) ** 2)
    tg.explain(loss, W1)
    assert W1.grad is None
    loss.backward()
    with pytest.raises(errors.FreedGraphError):
        tg.explain(loss, W1)


def test_a_graph_that_was_let_go_is_not_taken_for_a_cut_one() -> None:
    W1, _ = weights()
    losses = [np.sum(W1 * W1) for _ in range(30)]
    for loss in losses:
        loss.backward()
    with pytest.raises(errors.FreedGraphError, match="let go"):
        tg.explain(losses[0], W1)


def detached() -> Any:
    W1, W2 = weights()
    A1 = np.tanh(X @ W1)
    H = A1.detach()  # here
    loss = np.mean((H @ W2) ** 2)
    return tg.explain(loss, W1), "detach"


def read_as_array() -> Any:
    W1, W2 = weights()
    A1 = np.tanh(X @ W1)
    H = A1.numpy() * 2  # here
    Z2 = H @ W2
    loss = np.mean(Z2**2)
    return tg.explain(loss, W1), "numpy"


def read_as_number() -> Any:
    W1, W2 = weights()
    size = float(np.sum(W1))  # here
    loss = np.mean(W2) * size
    return tg.explain(loss, W1), "float"


def read_as_item() -> Any:
    W1, W2 = weights()
    size = np.sum(W1).item()  # here
    loss = np.mean(W2) * size
    return tg.explain(loss, W1), "item"


def unrecorded() -> Any:
    W1, W2 = weights()
    with tg.no_grad():
        A1 = np.tanh(X @ W1)  # here
    loss = np.mean((A1 @ W2) ** 2)
    return tg.explain(loss, W1), "no_grad"


def compared() -> Any:
    W1, W2 = weights()
    Z1 = X @ W1
    mask = (Z1 > 0) * 1.0  # here
    loss = np.mean(mask @ W2)
    return tg.explain(loss, W1), "comparison"


def as_indices() -> Any:
    W1, W2 = weights()
    best = np.argmax(X @ W1, axis=1)  # here
    loss = np.sum(W2[best])
    return tg.explain(loss, W1), "argmax"


def as_integers() -> Any:
    W1, W2 = weights()
    counts = np.abs(X @ W1).astype(int)  # here
    loss = np.sum(counts @ W2)
    return tg.explain(loss, W1), "astype"


def as_data() -> Any:
    W1, W2 = weights()
    Z1 = X @ W1.data  # here
    loss = np.mean(Z1 @ W2)
    return tg.explain(loss, W1), "data"


def after_the_backward_pass() -> Any:
    W1, W2 = weights()
    H = np.tanh(X @ W1).numpy()  # here
    loss = np.mean((H @ W2) ** 2)
    loss.backward()
    return tg.explain(loss, W1), "numpy"


def in_a_loop() -> Any:
    W1, W2 = weights()
    h: Any = np.ones((8, 3))
    for _ in range(3):
        z = h @ W1.T @ W1
        h = np.tanh(z).numpy()  # here
    loss = np.mean((h @ W2) ** 2)
    return tg.explain(loss, W1), "numpy"


CUTS = [
    detached,
    read_as_array,
    read_as_number,
    read_as_item,
    unrecorded,
    compared,
    as_indices,
    as_integers,
    as_data,
    after_the_backward_pass,
    in_a_loop,
]


@pytest.mark.parametrize("case", CUTS)
def test_the_line_at_which_the_path_was_cut(case: Any) -> None:
    found, how = case()
    assert not found
    (cut,) = found.cuts
    assert (cut.line, cut.file, cut.how, cut.is_sure) == (line_of(case), __file__, how, True)
    assert f"cut at test_explain.py line {cut.line}: {cut.source}" in str(found)


def test_a_cut_in_an_earlier_cell_of_a_notebook() -> None:
    names: dict[str, Any] = {"np": np, "tg": tg, "X": X}
    cells = [
        "W = tg.Tensor(np.ones((2, 3)), requires_grad=True)\nV = tg.Tensor(np.ones(3), requires_grad=True)",
        "A = np.tanh(X @ W)\nlargest = A.numpy().max()\nH = A.numpy()",
        "loss = np.mean(H @ V)\nfound = tg.explain(loss, W)",
    ]
    for number, cell in enumerate(cells):
        file = f"<cell {number}>"
        linecache.cache[file] = (len(cell), None, cell.splitlines(keepends=True), file)
        exec(compile(cell, file, "exec"), names)
    (cut,) = names["found"].cuts
    assert (cut.source, cut.line, cut.is_sure) == ("H = A.numpy()", 3, True)


def hidden_in_a_function(W1: Any, W2: Any) -> Any:
    A1 = np.tanh(X @ W1).detach()  # here
    return np.mean((A1 @ W2) ** 2)


def test_a_cut_in_a_function_that_has_returned() -> None:
    W1, W2 = weights()
    tg.grad(lambda W: np.sum(W))(W1.data)
    np.sum(W1).backward()
    loss = hidden_in_a_function(W1, W2)
    (cut,) = tg.explain(loss, W1).cuts
    assert (cut.line, cut.how, cut.is_sure) == (line_of(hidden_in_a_function), "detach", True)


def test_changing_parameters_without_recording_is_not_taken_for_a_cut() -> None:
    W1, W2 = weights()
    np.mean(X @ W1 @ W2).backward()
    with tg.no_grad():
        W2 -= 0.1 * W2.grad
        W2.grad = None
    loss = np.sum(W2)
    assert not [cut for cut in tg.explain(loss, W1).cuts if cut.how == "no_grad"]


def test_what_was_never_used_is_told() -> None:
    W1, W2 = weights()
    assert "No operation has read W2" in tg.explain(np.sum(W1), W2).reason
    assert "whole" in tg.explain(np.sum(W1), Tensor([1, 2])).reason or "floating" in str(
        tg.explain(np.sum(W1), Tensor([1]))
    )
    constant = Tensor([1.0, 2.0])
    assert "requires_grad=True" in tg.explain(np.sum(constant), constant).reason


def test_dead_units_are_told() -> None:
    W1, W2 = weights()
    Z1 = X @ W1 - 100
    A1 = tg.relu(Z1)
    loss = np.mean((A1 @ W2 - 1) ** 2)
    found = tg.explain(loss, W1)
    assert not found
    assert "no unit is active" in found.reason
    assert "relu (test_explain.py line" in found.reason
    mask = np.zeros((8, 3))
    assert "as" in tg.explain(np.sum(X @ W1 * mask), W1).reason
    assert "is 0" in tg.explain(np.sum(X @ W1 * mask), W1).reason


def test_a_statement_by_itself_prints_and_a_value_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    W1, _ = weights()
    loss = np.sum(W1**2)
    found = tg.explain(loss, W1)
    assert capsys.readouterr().out == ""
    tg.explain(loss, W1)
    assert capsys.readouterr().out == f"{found}\n"


def test_as_data_and_as_a_table() -> None:
    W1, _ = weights()
    loss = np.sum(W1**2)
    found = tg.explain(loss, W1)
    data = json.loads(json.dumps(found.to_dict()))
    assert data["paths"][0]["formula"] == "dW1 = d(W1**2) * (2 * W1**1)"
    assert "<td>dW1 = d(W1**2) * (2 * W1**1)</td>" in found._repr_html_()
    assert json.dumps(detached()[0].to_dict())


def test_what_is_not_a_tensor_is_refused() -> None:
    W1, _ = weights()
    with pytest.raises(errors.DTypeError, match="give the Tensor"):
        tg.explain(float(np.sum(W1)), W1)  # type: ignore[arg-type]


def test_the_optimiser_and_the_error_of_a_missing_gradient_send_here() -> None:
    W1, W2 = weights()
    H = np.tanh(X @ W1).numpy()
    loss = np.mean((H @ W2) ** 2)
    loss.backward()
    with pytest.warns(tg.optim.optimizer.TrainingWarning, match=r"tg.explain\(loss, parameter\)"):
        optim.SGD([W1, W2], lr=0.1).step()
    assert tg.explain(loss, W1).cuts[0].how == "numpy"
