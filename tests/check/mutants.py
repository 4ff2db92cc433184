"""Slips planted in a right backward pass, one a mutant: what people really get wrong, made by rule from the source."""

from __future__ import annotations

import ast
import copy
import hashlib
import inspect
import linecache
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

SWAPS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}


class Mutant(NamedTuple):
    """A backward function with one slip: what kind of slip, at which line of its own file, and the changed text."""

    function: Callable[..., Any]
    kind: str
    line: int
    text: str


def mutants(function: Callable[..., Any]) -> Iterator[Mutant]:
    """All mutants of a function."""
    tree = ast.parse(inspect.getsource(function))
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef)
    names = _assigned(definition)
    for number, node in enumerate(ast.walk(tree)):
        for kind, change in _changes(node, names):
            mutated = copy.deepcopy(tree)
            twin = next(other for n, other in enumerate(ast.walk(mutated)) if n == number)
            line = change(twin)
            yield _made(function, mutated, kind, line)


def _made(function: Callable[..., Any], tree: ast.Module, kind: str, row: int) -> Mutant:
    # Unparsing keeps one statement a line, so a statement's place is counted, not its line.
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    marked = [node for node in statements if getattr(node, "marked", False)]
    text = ast.unparse(tree)
    again = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt)]
    line = again[statements.index(marked[0])].lineno
    file = f"/mutants/{function.__name__}_{hashlib.md5(text.encode()).hexdigest()[:8]}.py"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace = dict(function.__globals__)
    exec(compile(text, file, "exec"), namespace)
    return Mutant(namespace[function.__name__], kind, line, text.splitlines()[line - 1].strip())


def _assigned(function: ast.FunctionDef) -> list[str]:
    return sorted(
        {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        | {argument.arg for argument in function.args.args}
    )


def _changes(node: ast.AST, names: list[str]) -> Iterator[tuple[str, Callable[[Any], int]]]:
    """The slips that a statement can have; each change marks the statement."""
    if not isinstance(node, ast.Assign | ast.AugAssign | ast.Return) or node.value is None:
        return
    value = node.value
    if isinstance(value, ast.Tuple) and all(isinstance(part, ast.Name) for part in value.elts):
        return
    if isinstance(node, ast.AugAssign):
        yield "= for +=", _replaced_statement
    if not isinstance(value, ast.Name | ast.Dict):
        yield "sign", lambda twin: _whole(twin, ast.UnaryOp(ast.USub(), twin.value))
        yield "factor", lambda twin: _whole(twin, ast.BinOp(ast.Constant(2), ast.Mult(), twin.value))
    for number, part in enumerate(ast.walk(value)):
        for kind, new in _parts(part, names):
            yield kind, lambda twin, number=number, new=new: _part(twin, number, new)


def _parts(part: ast.AST, names: list[str]) -> Iterator[tuple[str, Callable[[Any], ast.AST]]]:
    if isinstance(part, ast.BinOp):
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
    elif isinstance(part, ast.keyword) and part.arg == "axis" and isinstance(part.value, ast.Constant):
        yield "axis", lambda old: ast.keyword(old.arg, ast.Constant(1 - old.value.value))
    elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
        if len(part.id) == 1 and part.id in "mNn":
            yield "n - 1 for n", lambda old: ast.BinOp(ast.Name(old.id, ast.Load()), ast.Sub(), ast.Constant(1))
        for other in names:
            if other != part.id and other[0] == part.id[0] and part.id not in ("np", "sigmoid"):
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
