"""Slips planted in a right backward pass, one a mutant: what people really get wrong, made by rule from the source."""

from __future__ import annotations

import ast
import copy
import hashlib
import inspect
import linecache
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from tinygrad_np.check.backward import _Forward, _unbound
from tinygrad_np.check.recording import recorded

SWAPS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}


class Mutant(NamedTuple):
    """A backward function with one slip: what kind of slip, at which line of its own file, and the changed text.

    `forward` is the forward pass of the same file, None if that stands somewhere else.
    """

    function: Callable[..., Any]
    kind: str
    line: int
    text: str
    forward: Callable[..., Any] | None = None


def mutants(function: Callable[..., Any], every: int = 1, offset: int = 0) -> Iterator[Mutant]:
    """Every so manieth mutant of a function that stands by itself."""
    tree = ast.parse(inspect.getsource(function))
    for kind, line, mutated in _mutated(tree, lambda node: node is tree.body[0], {}, every, offset):
        text, namespace = _made(mutated, function.__globals__)
        yield Mutant(namespace[function.__name__], kind, *_place(text, mutated, line))


def mutants_of_file(module: ModuleType, inputs: dict[str, Any], every: int = 1, offset: int = 0) -> Iterator[Mutant]:
    """Every so manieth mutant of the functions that run in the backward pass of a file and not in its forward pass."""
    forward_pass = _Forward(module.forward, inputs)
    run = recorded(_unbound(module.backward)[0], (), forward_pass.arguments_of(module.backward))
    first = recorded(_unbound(module.forward)[0], (), forward_pass.inputs)
    lines = {code.co_firstlineno for code in run.codes if code not in first.codes}
    shapes = {name: np.shape(value) for _, name, value in run.given if isinstance(value, np.ndarray)}
    shapes |= {one.name: one.value.shape for one in run.assignments if isinstance(one.value, np.ndarray)}
    tree = ast.parse(inspect.getsource(module))

    def is_chosen(node: ast.AST) -> bool:
        return isinstance(node, ast.FunctionDef | ast.Lambda) and node.lineno in lines

    for kind, line, mutated in _mutated(tree, is_chosen, shapes, every, offset):
        text, namespace = _made(mutated, {"__name__": module.__name__})
        yield Mutant(namespace["backward"], kind, *_place(text, mutated, line), namespace["forward"])


def _mutated(
    tree: ast.Module, is_chosen: Callable[[ast.AST], bool], shapes: dict[str, Any], every: int, offset: int
) -> Iterator[tuple[str, int, ast.Module]]:
    count = 0
    nodes = list(ast.walk(tree))
    inside = {id(part): node for node in nodes if is_chosen(node) for part in ast.walk(node) if hasattr(part, "lineno")}
    for number, node in enumerate(nodes):
        # A statement that makes a lambda has its slips too.
        chosen = id(node) in inside or id(getattr(node, "value", None)) in inside
        names = _assigned(inside[id(node)]) if id(node) in inside else []
        for kind, change in _changes(node, names, shapes) if chosen else ():
            count += 1
            if (count - offset) % every:
                continue
            mutated = copy.deepcopy(tree)
            twin = next(other for n, other in enumerate(ast.walk(mutated)) if n == number)
            yield kind, change(twin), mutated


def _made(tree: ast.Module, names: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    text = ast.unparse(tree)
    file = f"/mutants/{hashlib.md5(text.encode()).hexdigest()[:8]}.py"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace = dict(names)
    exec(compile(text, file, "exec"), namespace)
    return text, namespace


def _place(text: str, tree: ast.Module, row: int) -> tuple[int, str]:
    # Unparsing keeps one statement a line, so a statement's place is counted, not its line.
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    marked = [node for node in statements if getattr(node, "marked", False)]
    again = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt)]
    line = again[statements.index(marked[0])].lineno
    return line, text.splitlines()[line - 1].strip()


def _assigned(function: ast.AST) -> list[str]:
    return sorted(
        {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        | {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
    )


def _changes(node: ast.AST, names: list[str], shapes: dict[str, Any]) -> Iterator[tuple[str, Callable[[Any], int]]]:
    """The slips that a statement can have; each change marks the statement."""
    if not isinstance(node, ast.Assign | ast.AugAssign | ast.Return) or node.value is None:
        return
    value = node.value
    if isinstance(value, ast.Tuple) and all(isinstance(part, ast.Name) for part in value.elts):
        return
    if isinstance(node, ast.AugAssign):
        yield "= for +=", _replaced_statement
    if not isinstance(value, ast.Name | ast.Dict | ast.Lambda | ast.Tuple | ast.List):
        yield "sign", lambda twin: _whole(twin, ast.UnaryOp(ast.USub(), twin.value))
        yield "factor", lambda twin: _whole(twin, ast.BinOp(ast.Constant(2), ast.Mult(), twin.value))
    for number, part in enumerate(ast.walk(value)):
        for kind, new in _parts(part, names, shapes):
            yield kind, lambda twin, number=number, new=new: _part(twin, number, new)


def _parts(part: ast.AST, names: list[str], shapes: dict[str, Any]) -> Iterator[tuple[str, Callable[[Any], ast.AST]]]:
    if isinstance(part, ast.BinOp) and not isinstance(part.op, ast.MatMult):
        if type(part.op) in (ast.Add, ast.Sub):
            yield "sign", lambda old: ast.BinOp(old.left, SWAPS[type(old.op)](), old.right)
            yield "missing term", lambda old: old.left
        if type(part.op) in (ast.Mult, ast.Div):
            yield "missing factor", lambda old: old.left
        if isinstance(part.op, ast.Mult):
            yield "missing factor", lambda old: old.right
        if isinstance(part.op, ast.Pow):
            yield "missing power", lambda old: old.left
    elif isinstance(part, ast.Attribute) and part.attr == "T":
        yield "transpose", lambda old: old.value
    elif isinstance(part, ast.Call) and ast.unparse(part.func) in ("np.dot", "np.outer"):
        yield "transpose", lambda old: ast.Call(old.func, old.args[::-1], [])
    elif isinstance(part, ast.BinOp) and isinstance(part.op, ast.MatMult):
        yield "transpose", lambda old: ast.BinOp(old.right, old.op, old.left)
        for side in ("left", "right"):
            if not (isinstance(getattr(part, side), ast.Attribute)):
                yield "transpose", lambda old, side=side: _transposed(old, side)
    elif isinstance(part, ast.Call) and getattr(part.func, "attr", "") in ("sum", "mean") and len(part.args) == 1:
        if isinstance(part.args[0], ast.Constant):
            yield "axis", lambda old: ast.Call(old.func, [ast.Constant(1 - old.args[0].value)], old.keywords)
    elif isinstance(part, ast.keyword) and part.arg == "axis" and isinstance(part.value, ast.Constant):
        yield "axis", lambda old: ast.keyword(old.arg, ast.Constant(1 - old.value.value))
    elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
        if len(part.id) == 1 and part.id in "mNn":
            yield "n - 1 for n", lambda old: ast.BinOp(ast.Name(old.id, ast.Load()), ast.Sub(), ast.Constant(1))
        for other in names:
            is_alike = shapes[other] == shapes.get(part.id) if other in shapes else other[0] == part.id[0]
            if other != part.id and is_alike and part.id not in ("np", "sigmoid"):
                yield "another variable", lambda old, other=other: ast.Name(other, ast.Load())
    elif isinstance(part, ast.Subscript) and isinstance(part.slice, ast.BinOp):
        yield "stale value", lambda old: ast.Subscript(old.value, old.slice.left, ast.Load())
    elif isinstance(part, ast.Compare):
        yield (
            "mask",
            lambda old: ast.Compare(
                old.left, [ast.Lt() if isinstance(old.ops[0], ast.Gt) else ast.Gt()], old.comparators
            ),
        )


def _transposed(old: Any, side: str) -> ast.AST:
    factors = {"left": old.left, "right": old.right}
    factors[side] = ast.Attribute(factors[side], "T", ast.Load())
    return ast.BinOp(factors["left"], old.op, factors["right"])


def _replaced_statement(twin: Any) -> int:
    twin.__class__ = ast.Assign
    twin.targets = [twin.target]
    twin.type_comment = None
    twin.marked = True
    return int(twin.lineno)


def _whole(twin: Any, value: ast.expr) -> int:
    twin.value = value
    twin.marked = True
    return int(twin.lineno)


def _part(twin: Any, number: int, new: Callable[[Any], ast.AST]) -> int:
    target = next(part for n, part in enumerate(ast.walk(twin.value)) if n == number)
    made = new(target)

    class Replace(ast.NodeTransformer):
        def generic_visit(self, node: ast.AST) -> ast.AST:
            return made if node is target else super().generic_visit(node)

        visit = generic_visit

    twin.value = Replace().visit(twin.value)
    twin.marked = True
    return int(twin.lineno)
