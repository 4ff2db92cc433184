"""The optimisers take PyTorch's steps, go on from PyTorch's states, and no sign or factor of theirs can be changed."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.optim import runs
from tinygrad_np import Tensor, optim
from tinygrad_np.optim import lr_scheduler

FIGURES = json.loads(Path(__file__).with_name("pytorch_figures.json").read_text())
RUNS = FIGURES["optimizers"]
TOLERANCE = {"float64": 1e-12, "float32": 1e-5}


def title(run: dict[str, Any]) -> str:
    return f"{run['name']} {run['options']} {run['dtype']}"


def optimizer_of(run: dict[str, Any], kind: type[optim.Optimizer], start: Any = runs.START) -> Any:
    params = [Tensor(values, requires_grad=True, dtype=run["dtype"]) for values in start]
    options = {name: tuple(value) if isinstance(value, list) else value for name, value in run["options"].items()}
    return params, kind([{"params": params[:1]}, {"params": params[1:], "lr": 0.03}], **options)


def follow(
    run: dict[str, Any], params: list[Tensor], optimizer: optim.Optimizer, first: int = 1
) -> Iterator[list[Any]]:
    """The parameters after each of the noted steps."""
    for step in range(first, max(runs.STEPS) + 1):
        for part, p in enumerate(params):
            p.grad = np.array(runs.gradient(step, part, p.tolist()), dtype=run["dtype"])
        optimizer.step()
        if step in runs.STEPS:
            yield [p.numpy() for p in params]


def agrees(found: list[Any], figures: list[Any], dtype: str) -> bool:
    return all(
        np.allclose(ours, theirs, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
        for ours, theirs in zip(found, figures, strict=True)
    )


@pytest.mark.parametrize("run", RUNS, ids=title)
def test_1_2_10_and_100_steps_are_those_of_pytorch(run: dict[str, Any]) -> None:
    params, optimizer = optimizer_of(run, getattr(optim, run["name"]))
    for found, figures in zip(follow(run, params, optimizer), run["figures"], strict=True):
        assert agrees(found, figures, run["dtype"])
    assert all(p.dtype == run["dtype"] for p in params)
    assert all(value.dtype == run["dtype"] for own in optimizer.state.values() for value in own.values() if value.ndim)


@pytest.mark.parametrize("run", RUNS, ids=title)
def test_a_state_of_pytorchs_is_gone_on_from(run: dict[str, Any]) -> None:
    params, optimizer = optimizer_of(run, getattr(optim, run["name"]), start=run["figures"][2])
    optimizer.load_state_dict(run["state"])
    (found,) = follow(run, params, optimizer, first=11)
    assert agrees(found, run["figures"][3], run["dtype"])


@pytest.mark.parametrize("run", RUNS, ids=title)
def test_a_state_of_ours_has_the_keys_of_pytorchs_and_goes_on_to_the_bit(run: dict[str, Any]) -> None:
    params, optimizer = optimizer_of(run, getattr(optim, run["name"]))
    steps = follow(run, params, optimizer)
    middle = [next(steps) for _ in range(3)][-1]
    state = optimizer.state_dict()
    theirs = {key for key, value in run["state"]["state"].get("0", {}).items() if value is not None}
    assert set(state["state"][0]) == theirs
    last = next(steps)
    others, other = optimizer_of(run, getattr(optim, run["name"]), start=middle)
    other.load_state_dict(state)
    (found,) = follow(run, others, other, first=11)
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(found, last, strict=True))


@pytest.mark.parametrize("name", FIGURES["signatures"])
def test_arguments_and_defaults_are_pytorchs(name: str) -> None:
    kind = getattr(optim, name, None) or getattr(lr_scheduler, name)
    ours = {
        name: "?" if parameter.default is parameter.empty else str(parameter.default)
        for name, parameter in inspect.signature(kind).parameters.items()
    }
    theirs = dict(each.split("=", 1) for each in FIGURES["signatures"][name])
    assert list(ours) == list(theirs)
    for argument, default in theirs.items():
        assert ours[argument] == default or float(ours[argument]) == float(default)


# The mutants.

SWAPS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
}


def formula(tree: ast.AST) -> ast.FunctionDef:
    return next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "change")


def mutants(source: str) -> Iterator[tuple[str, ast.Module]]:
    """The module with one operator of `change` another, one side of it left out, or one number changed."""
    count = len(list(ast.walk(formula(ast.parse(source)))))
    for place in range(count):
        for way in ("swap", "left", "right", "number", "negate"):
            tree = ast.parse(source)
            node = list(ast.walk(formula(tree)))[place]
            if isinstance(node, ast.BinOp) and way in ("swap", "left", "right"):
                before = ast.unparse(node)
                if way == "swap":
                    node.op = SWAPS[type(node.op)]()
                else:
                    kept = node.left if way == "left" else node.right
                    node.left, node.op, node.right = kept, ast.Mult(), ast.Constant(1)
            elif isinstance(node, ast.Constant) and type(node.value) in (int, float) and way == "number":
                before = ast.unparse(node)
                node.value = node.value + 1
            elif isinstance(node, ast.Return | ast.Assign) and way == "negate" and node.value is not None:
                if not isinstance(node.value, ast.BinOp | ast.Call):
                    continue
                before = ast.unparse(node)
                node.value = ast.UnaryOp(ast.USub(), node.value)
            else:
                continue
            yield f"{before} -> {ast.unparse(node)}", ast.fix_missing_locations(tree)


def same_state(optimizer: optim.Optimizer, run: dict[str, Any]) -> bool:
    ours, theirs = optimizer.state_dict()["state"].get(0, {}), run["state"]["state"].get("0", {})
    return all(agrees([ours[key]], [value], "float64") for key, value in theirs.items() if value is not None)


def is_killed(tree: ast.Module, names: list[str], module: str) -> bool:
    namespace: dict[str, Any] = {"__name__": module, "__package__": "tinygrad_np.optim"}
    exec(compile(tree, "mutant", "exec"), namespace)
    for run in sorted(RUNS, key=lambda run: -len(run["options"])):
        if run["name"] not in names or run["dtype"] != "float64":
            continue
        try:
            with np.errstate(all="ignore"):
                params, optimizer = optimizer_of(run, namespace[run["name"]])
                for count, found in enumerate(follow(run, params, optimizer)):
                    if not agrees(found, run["figures"][count], "float64"):
                        return True
                    if count == 2 and not same_state(optimizer, run):
                        return True
        except Exception:
            return True
    return False


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("sgd", ["SGD"]),
        ("adam", ["Adam", "AdamW"]),
        ("rmsprop", ["RMSprop"]),
        ("adagrad", ["Adagrad"]),
        ("adadelta", ["Adadelta"]),
        ("adamax", ["Adamax"]),
        ("nadam", ["NAdam"]),
        ("radam", ["RAdam"]),
    ],
)
def test_every_changed_sign_factor_and_number_is_noticed(module: str, names: list[str]) -> None:
    source = Path(inspect.getfile(importlib.import_module(f"tinygrad_np.optim.{module}"))).read_text()
    assert not is_killed(ast.parse(source), names, module)
    all_mutants = list(mutants(source))
    assert len(all_mutants) > 15
    assert [change for change, tree in all_mutants if not is_killed(tree, names, module)] == []
