"""A user's script under mypy --strict: no errors, and what is a Tensor is known to be one."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from mypy import api

import tinygrad_np as tg
from tinygrad_np import Tensor
from tinygrad_np.primitive import Operation

SCRIPT = '''
import numpy as np
import pytest
import tinygrad_np as tg
from tinygrad_np import Tensor
from typing import Any

random = np.random.default_rng(0)
X, Y = random.normal(size=(8, 2)), np.ones((8, 1))
W1 = Tensor(random.normal(size=(2, 3)), requires_grad=True, name="W1")
b1 = Tensor(np.zeros((1, 3)), requires_grad=True, name="b1")
W2 = Tensor(random.normal(size=(3, 1)), requires_grad=True, name="W2")


@tg.primitive
def cube(x: Any) -> Any:
    """x to the third."""
    return x**3


@cube.vjp
def _(g: Any, y: Any, x: Any) -> Any:
    return g * 3 * x**2


def network(X: Any) -> tuple[Tensor, Tensor]:
    Z1 = (X @ W1 + b1).named("Z1")
    A1 = tg.relu(Z1)
    return A1, tg.sigmoid(A1 @ W2)


for epoch in range(3):
    A1, A2 = network(X)
    loss = tg.binary_cross_entropy(A2, Y)
    loss.backward()
    for parameter in (W1, b1, W2):
        parameter.data -= 0.1 * parameter.grad
        parameter.zero_grad()

A1, A2 = network(X)
loss = ((A2 - Y) ** 2).mean()
report = tg.compare_gradients(loss, {"W2": A1.numpy().T @ (2 * (A2.numpy() - Y) / 8)})
print(report, bool(report), tg.gradcheck(cube, X))
gradient = tg.grad(lambda w: np.mean(np.tanh(w) ** 2))(np.ones(3))
tg.draw_graph(loss).dot
reveal_type(cube(W1))
reveal_type(A1)
reveal_type(A2)
reveal_type(loss)
reveal_type(tg.selu(W1))
reveal_type(tg.softmax(W1, axis=1))
reveal_type(tg.conv2d(X, W1, stride=2))
reveal_type(tg.index_update(X, 0, W1))
reveal_type(tg.dropout(W1, 0.5))
reveal_type(W1.sum(0, keepdims=True).T.reshape(3, 1)[0])
reveal_type(W1 @ np.ones(3) - 1)
reveal_type(2 * W1 < 1)
reveal_type(list(W1)[0])
'''


OPERATIONS = [name for name in tg.__all__ if getattr(getattr(tg, name), "__module__", "").startswith("tinygrad_np.ops")]

SCRIPTS = {
    "network": SCRIPT,
    "mistaken": SCRIPT + "W1.gradient\nloss.backward(1, 2, 3)\nlen(report)\n",
    "operations": "import tinygrad_np as tg\nfrom tinygrad_np.primitive import Operation\n"
    + "".join(f"{name}: Operation = tg.{name}\n" for name in OPERATIONS),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What mypy --strict says of each script, a line each."""
    folder = tmp_path_factory.mktemp("scripts")
    for name, script in SCRIPTS.items():
        (folder / f"{name}.py").write_text(script)
    options = ["--strict", "--config-file=", "--follow-imports=silent", f"--cache-dir={folder / 'cache'}"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MYPYPATH", str(Path(tg.__file__).parents[1]))
        output, crash, _ = api.run([*options, *(str(folder / f"{name}.py") for name in SCRIPTS)])
    assert not crash
    return {name: [line for line in output.splitlines() if f"{name}.py:" in line] for name in SCRIPTS}


def errors(lines: list[str]) -> list[str]:
    return [line for line in lines if ": error:" in line]


def test_a_users_script_is_clean_and_its_tensors_are_known(said: dict[str, list[str]]) -> None:
    assert not errors(said["network"])
    revealed = [
        match[1].split(".", 1)[1] for line in said["network"] if (match := re.search('Revealed type is "(.*)"', line))
    ]
    assert len(revealed) == SCRIPT.count("reveal_type")
    assert set(revealed) == {"tensor.Tensor"}


def test_mistakes_of_a_script_are_seen(said: dict[str, list[str]]) -> None:
    assert len({line.split(":")[1] for line in errors(said["mistaken"])}) == 3


def test_every_public_function_of_arrays_is_an_operation_to_type_checkers(said: dict[str, list[str]]) -> None:
    assert {"relu", "selu", "conv2d", "logsumexp", "index_add"} <= set(OPERATIONS)
    assert not errors(said["operations"])


def test_an_operation_is_called_as_it_is_typed() -> None:
    w = Tensor(np.ones((1, 2)), requires_grad=True)
    for result in (
        tg.relu(w),
        tg.selu(w),
        tg.index_update(np.ones((3, 2)), 0, w[0]),
        tg.conv1d(np.ones((1, 1, 3)), w[None]),
    ):
        assert isinstance(result, Tensor)
    assert isinstance(tg.relu, Operation)
    assert isinstance(tg.relu(np.ones(2)), np.ndarray)
