"""Who tests the tests: every sign, factor and constant of losses, norms and activations is changed, one at a time.

A change that PyTorch's figures do not notice fails here, unless it is listed as one that changes nothing.
"""

from __future__ import annotations

import ast
import copy
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from tests.nn.modules import ROWS, Row
from tests.nn.running import figures
from tests.nn.test_pytorch_figures import SINGLE_PRECISION, close, stored
from tinygrad_np import nn
from tinygrad_np.ops.networks import activations, classification, losses, normalization

FILES = {file.__name__.rsplit(".", 1)[1]: file for file in (activations, classification, losses, normalization)}

OTHER = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult}

CHANGES_NO_FIGURE = {
    "classification.others, line 3: / becomes *": "that is for the last digits, which test_saturation.py looks at",
    "classification._logits, line 6: - becomes +": "the figures have no history; test_saturation.py looks at it",
    "classification._logits, line 6: a minus is dropped": "as above",
    "activations.rrelu, line 6: * becomes /": "the slopes in training are random; test_layers.py looks at them",
}


def changeable(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """The operations of a function, its minus signs, and the numbers in operations; without the checks that raise."""
    waiting: list[ast.AST] = list(reversed(function.body))
    numbers: list[ast.AST] = []
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.BinOp):
            numbers += [node.left, node.right]
        if isinstance(node, ast.If) and any(isinstance(one, ast.Raise) for one in node.body):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        is_number = isinstance(node, ast.Constant) and type(node.value) in (int, float) and node in numbers
        is_sign = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
        if is_number or is_sign or (isinstance(node, ast.BinOp) and type(node.op) in OTHER):
            yield node
        waiting += reversed(list(ast.iter_child_nodes(node)))


def mutants(file: ModuleType) -> Iterator[tuple[str, ast.Module]]:
    """The file's code with one thing changed, and what it is."""
    tree = ast.parse(inspect.getsource(file))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    name = file.__name__.rsplit(".", 1)[1]
    for place, function in enumerate(functions):
        for number in range(len(list(changeable(function)))):
            other = copy.deepcopy(tree)
            changed = [node for node in other.body if isinstance(node, ast.FunctionDef)][place]
            node: Any = list(changeable(changed))[number]
            line = node.lineno - function.lineno
            if isinstance(node, ast.BinOp):
                became = OTHER[type(node.op)]
                signs = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
                what = f"{signs[type(node.op)]} becomes {signs[became]}"
                node.op = became()
            elif isinstance(node, ast.UnaryOp):
                what, node.op = "a minus is dropped", ast.UAdd()
            else:
                what, node.value = f"{node.value!r} is changed", node.value * 1.5 + 0.25
            yield f"{name}.{function.name}, line {line}: {what}", other


MUTANTS = [
    pytest.param(name, tree, file, id=f"{number}-{name}")
    for file in FILES.values()
    for number, (name, tree) in enumerate(mutants(file))
]


def rows_of(file: ModuleType) -> list[Row]:
    """The rows whose modules call the file's functions."""
    classes = {name: value for name, value in vars(nn).items() if isinstance(value, type)}
    normed = {name for name in classes if "Norm" in name}
    called = {
        name
        for name, kind in classes.items()
        if getattr(getattr(kind, "function", None), "__module__", "") == file.__name__
    }
    more = {"PReLU", "RReLU"} if file is activations else normed if file is normalization else set()
    return [row for row in ROWS if row.module in called | more]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "tree", "file"), MUTANTS)
def test_a_changed_sign_factor_or_constant_is_noticed(
    name: str, tree: ast.Module, file: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed: dict[str, Any] = {"__name__": file.__name__, "__package__": file.__package__}
    exec(compile(ast.fix_missing_locations(tree), name, "exec"), changed)
    for kind in vars(nn).values():
        function = getattr(kind, "function", None)
        if getattr(function, "__module__", "") == file.__name__:
            monkeypatch.setattr(kind, "function", staticmethod(changed[function.__name__]))
    for one in vars(file):
        if callable(vars(file)[one]) and one in changed:
            monkeypatch.setattr(file, one, changed[one])
    function = name.split(".")[1].split(",")[0]
    rows = sorted(rows_of(file), key=lambda row: function.replace("_", "") not in row.module.lower())
    assert any(differs(row) for row in rows) != (name in CHANGES_NO_FIGURE)


def differs(row: Row) -> bool:
    try:
        found = figures(row)
        for name, value in stored(row).items():
            close(found[name], value, 1e-7 if row.module in SINGLE_PRECISION else 1e-12, name)
    except Exception:
        return True
    return False


def test_the_rows_as_they_are_do_not_differ() -> None:
    rows = [row for file in FILES.values() for row in rows_of(file)]
    assert len(rows) > 350
    assert not any(map(differs, rows))
    assert len(MUTANTS) > 150
