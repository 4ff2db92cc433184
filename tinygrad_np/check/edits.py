"""The small slips that people make in a line of a backward pass, undone one at a time.

`edits(source, statement, variables)` yields the edits that would undo one: a sign, a factor, a transpose, an axis, `=`
for `+=`, another variable of the same shape, n for n - 1, a missing term or derivative, a value of another time step.
Whether one of them is the right one is for the caller to try.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import numpy as np

from .source import Edit, Source
from .values import varies

_OPPOSITE: dict[type[ast.operator], str] = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.MatMult: "*"}
_TIGHTNESS = (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.Constant)


def edits(source: Source, statement: ast.stmt, variables: dict[str, Any]) -> Iterator[Edit]:
    """Edits of one statement, the likeliest first; `variables` are those that it found when it ran."""
    value = getattr(statement, "value", None)
    if value is None:
        return
    if isinstance(statement, ast.AugAssign | ast.Assign):
        yield from _assignments(source, statement)
    targets = [statement.target] if isinstance(statement, ast.AugAssign) else getattr(statement, "targets", [])
    indices = [target.slice for target in targets if isinstance(target, ast.Subscript)]
    wholes = [value, *indices, *(node for node in ast.walk(statement) if isinstance(node, ast.Compare))]
    parts = dict.fromkeys(node for whole in wholes for node in ast.walk(whole) if isinstance(node, ast.expr))
    for rule in (_signs, _terms, _transposes, _names, _numbers, _calls, _arguments, _indices):
        for node in parts:
            for text in rule(source, node, variables):
                yield Edit(*source.span(node), text)
    for text in _wholes(source, value, variables):
        yield Edit(*source.span(value), text)


def _assignments(source: Source, statement: ast.AugAssign | ast.Assign) -> Iterator[Edit]:
    """`=` in place of `+=`, and the other way about; `np.add.at`, which adds up where an index comes twice."""
    target = statement.target if isinstance(statement, ast.AugAssign) else statement.targets[0]
    value = source.segment(statement.value)
    signs = ("+", "-", "", "*", "/") if isinstance(statement, ast.AugAssign) else ("+", "/", "*", "-")
    for sign in signs:
        if isinstance(target, ast.Name | ast.Subscript | ast.Attribute):
            yield Edit(*source.span(statement), f"{source.segment(target)} {sign}= {value}")
    if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add) and isinstance(target, ast.Subscript):
        at = f"{source.segment(target.value)}, {source.segment(target.slice)}"
        yield Edit(*source.span(statement), f"np.add.at({at}, {value})")


def _signs(source: Source, node: ast.expr, variables: dict[str, Any]) -> Iterator[str]:
    """Another sign, another operator, another comparison."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield source.segment(node.operand)
    elif isinstance(node, ast.BinOp) and type(node.op) in _OPPOSITE:
        left, right = source.with_parentheses(node.left), source.with_parentheses(node.right)
        yield f"{left} {_OPPOSITE[type(node.op)]} {right}"
        if isinstance(node.op, ast.Sub):
            yield f"{held(source, node.right)} - {held(source, node.left)}"
        if isinstance(node.op, ast.Mult):
            yield f"{left} @ {right}"
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right = source.segment(node.left), source.segment(node.comparators[0])
        for other in ("==", ">", "<", ">=", "<="):
            yield f"{left} {other} {right}"


def _terms(source: Source, node: ast.expr, variables: dict[str, Any]) -> Iterator[str]:
    """A term or a factor left out."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.Div | ast.Pow):
        yield source.with_parentheses(node.left)
        if isinstance(node.op, ast.Add | ast.Mult):
            yield source.with_parentheses(node.right)
        if isinstance(node.op, ast.Sub):
            yield f"-{source.with_parentheses(node.right)}"


def _transposes(source: Source, node: ast.expr, variables: dict[str, Any]) -> Iterator[str]:
    """`.T` where there was none, none where there was one; the factors of a product the other way about."""
    value = _value(source, node, variables)
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield source.segment(node.value)
    elif isinstance(node, ast.Call) and _name(node.func) in ("transpose", "swapaxes"):
        yield source.segment(node.func).rpartition(".")[0]
    elif isinstance(node, ast.Name | ast.Subscript | ast.Attribute) and getattr(value, "ndim", 0) > 1:
        yield source.segment(node) + (".T" if value.ndim == 2 else ".swapaxes(-1, -2)")
    pair = None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        pair = node.left, node.right
        joined = "{} @ {}"
    elif isinstance(node, ast.Call) and len(node.args) == 2 and _name(node.func) in ("dot", "matmul", "outer"):
        pair = node.args[0], node.args[1]
        joined = f"{source.segment(node.func)}({{}}, {{}})"
    if pair is not None:
        left, right = held(source, pair[0]), held(source, pair[1])
        for texts in ((right, left), (f"{left}.T", right), (left, f"{right}.T"), (f"{right}.T", f"{left}.T")):
            yield joined.format(*texts)


def _names(source: Source, node: ast.expr, variables: dict[str, Any]) -> Iterator[str]:
    """Another variable of the same shape; a count less one, and its root."""
    if not isinstance(node, ast.Name | ast.Subscript | ast.Attribute) or not isinstance(node.ctx, ast.Load):
        return
    if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Constant):
        return
    value = _value(source, node, variables)
    text = source.segment(node)
    is_unknown = isinstance(node, ast.Name) and text not in variables and not hasattr(builtins, text)
    if is_unknown and text in source.globals:
        return
    if is_unknown or (isinstance(value, np.ndarray) and value.ndim):
        alike = [
            name for name, other in variables.items() if isinstance(other, np.ndarray) and other.ndim and name != text
        ]
        yield from sorted(
            alike, key=lambda name: (variables[name].shape != getattr(value, "shape", ()), _distance(name, text))
        )
    elif isinstance(value, list | tuple):
        yield from (
            name
            for name, other in variables.items()
            if name.isidentifier() and name != text and type(other) is type(value) and len(other) == len(value)
        )
    elif isinstance(value, int | float | np.number) and not isinstance(value, bool):
        for name, other in variables.items():
            if type(other) is type(value) and name != source.segment(node) and name.isidentifier():
                yield name
        if isinstance(value, int | np.integer):
            yield from (f"({text} - 1)", f"np.sqrt({text})")


def _distance(name: str, text: str) -> int:
    """How unlike two names are, roughly: W1 is nearer to W2 than to X."""
    return -sum(a == b for a, b in zip(name, text, strict=False)) + abs(len(name) - len(text))


def _numbers(source: Source, node: ast.expr, variables: dict[str, Any]) -> Iterator[str]:
    """Another number: 1, 2, 3, a half, 0, the negative; a square where there was none."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        for number in (1, 2, 3, 4, 0.5, 0, 1.5, -0.5, -1.5):
            if number != node.value:
                yield str(number)
        yield f"-{source.segment(node)}"
        if isinstance(node.value, int):
            yield from (f"{source.segment(node)} * {name}" for name in _whole_numbers(variables))
    elif isinstance(node, ast.Name | ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Load):
        value = _value(source, node, variables)
        if isinstance(value, np.ndarray | float | np.floating):
            yield from (f"{source.segment(node)}**2", f"{source.segment(node)}**3")
        elif isinstance(node, ast.Name) and node.id in _whole_numbers(variables):
            yield from (f"{node.id} + 1", f"2 * {node.id}", f"{node.id} + 2")
            yield from (f"{node.id} + {name}" for name in _whole_numbers(variables))


def _whole_numbers(variables: dict[str, Any]) -> list[str]:
    """The variables that may be an index or a length."""
    return [name for name, one in variables.items() if type(one) in (int, np.int64) and name.isidentifier()]


def _calls(source: Source, node: ast.expr, variables: dict[str, Any]) -> Iterator[str]:
    """Another axis, kept or dropped dimensions, a mean for a sum, a function left out."""
    if not isinstance(node, ast.Call):
        return
    name = _name(node.func)
    text = source.segment(node)
    if isinstance(node.func, ast.Name) and isinstance(own := source.globals.get(name), FunctionType):
        for other, one in source.globals.items():
            if (
                isinstance(one, FunctionType)
                and one.__code__.co_argcount == own.__code__.co_argcount
                and one is not own
            ):
                yield other + text[len(name) :]
    comma = ", " * bool(node.args or node.keywords)
    if name in ("sum", "mean", "max", "min", "argmax"):
        start = source.span(node)[0]
        for keyword in node.keywords:
            first, last = source.span(keyword.value)
            if keyword.arg == "axis":
                for other in ("0", "1", "2", "(0, 1)", "(0, 2, 3)", "(0, 2)", "-1", "None"):
                    if other != source.segment(keyword.value):
                        yield text[: first - start] + other + text[last - start :]
            elif keyword.arg == "keepdims":
                yield from (text[: first - start] + one + text[last - start :] for one in ("False", "True"))
        if not any(keyword.arg == "keepdims" for keyword in node.keywords):
            yield f"{text[:-1]}{comma}keepdims=True)"
        if not any(keyword.arg == "axis" for keyword in node.keywords):
            for other in ("0", "1"):
                yield f"{text[:-1]}{comma}axis={other})"
                yield f"{text[:-1]}{comma}axis={other}, keepdims=True)"
        summed = node.args[0] if node.args and isinstance(node.args[0], ast.Name) else None
        shape = None if summed is None else getattr(variables.get(summed.id), "shape", ())
        for other, one in variables.items() if shape else ():
            if isinstance(one, np.ndarray) and one.shape == shape and summed is not None:
                first, last = source.span(summed)
                yield f"{text[: first - start]}{summed.id} * {other}{text[last - start :]}"
        swapped = {"sum": "mean", "mean": "sum", "max": "min", "min": "max"}.get(name)
        if swapped is not None:
            yield source.segment(node.func)[: -len(name)] + swapped + text[len(source.segment(node.func)) :]
        if isinstance(node.func, ast.Attribute) and _name(node.func.value) == "np" and node.args:
            yield held(source, node.args[0])
        elif isinstance(node.func, ast.Attribute):
            yield held(source, node.func.value)
    elif len(node.args) == 1 and not node.keywords:
        yield held(source, node.args[0])
        if name in ("tanh", "sigmoid", "exp", "sqrt", "sign", "abs"):
            for other in ("tanh", "exp", "sqrt", "sign"):
                if other != name:
                    yield f"np.{other}({source.segment(node.args[0])})"


def _arguments(source: Source, node: ast.expr, variables: dict[str, Any]) -> Iterator[str]:
    """A variable in place of what a function is given that is computed there, as `slope(a)` for `slope(X @ W)`."""
    for argument in node.args if isinstance(node, ast.Call) else ():
        if isinstance(argument, ast.Call | ast.BinOp):
            start, (first, last) = source.span(node)[0], source.span(argument)
            text = source.segment(node)
            for name, value in variables.items():
                if isinstance(value, np.ndarray) and value.ndim and name.isidentifier():
                    yield text[: first - start] + name + text[last - start :]


def _indices(source: Source, node: ast.expr, variables: dict[str, Any]) -> Iterator[str]:
    """The time step before or after; another part; the whole in place of a part."""
    if not isinstance(node, ast.Subscript) or not isinstance(node.ctx, ast.Load):
        return
    base = source.segment(node.value)
    if isinstance(node.slice, ast.UnaryOp) and isinstance(node.slice.operand, ast.Constant):
        number = ast.literal_eval(node.slice)
        yield from (f"{base}[{number - 1}]", f"{base}[{number + 1}]")
    elif isinstance(node.slice, ast.Name | ast.UnaryOp):
        yield from (f"{base}[{source.segment(node.slice)} - 1]", f"{base}[{source.segment(node.slice)} + 1]")
    elif isinstance(node.slice, ast.BinOp) and isinstance(node.slice.op, ast.Add | ast.Sub):
        left, right = source.segment(node.slice.left), source.segment(node.slice.right)
        yield from (f"{base}[{left}]", f"{base}[{left} {_OPPOSITE[type(node.slice.op)]} {right}]")
    if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int):
        yield from (f"{base}[{node.slice.value - 1}]", f"{base}[{node.slice.value + 1}]")
    others = [one.slice for one in ast.walk(source.tree) if isinstance(one, ast.Subscript)]
    yield from dict.fromkeys(f"{base}[{source.segment(other)}]" for other in others)
    if isinstance(node.slice, ast.Constant):
        ends = [source.segment(other.right) for other in others if isinstance(other, ast.BinOp)]
        yield from dict.fromkeys(f"{base}[{source.segment(node.slice)} + {end}]" for end in ends)
    yield base


def _wholes(source: Source, value: ast.expr, variables: dict[str, Any]) -> Iterator[str]:
    """A sign, a factor, a sum or an activation's derivative that is missing."""
    text = held(source, value)
    yield f"-{text}"
    counts = [name for name, one in variables.items() if _is_number(one) and name.isidentifier()]
    arrays = {name: one for name, one in variables.items() if isinstance(one, np.ndarray) and one.ndim}
    shapes = [
        f"{name}.shape[{axis}]" for name, one in arrays.items() if name.isidentifier() for axis in range(one.ndim)
    ]
    for factor in ("2", "0.5", *counts, *shapes):
        yield from (f"{text} * {factor}", f"{text} / {factor}")
    arrays = {name: one for name, one in arrays.items() if varies(one)}
    for name in arrays:
        yield f"{text} * {name}"
        for derivative in ("(1 - {0}**2)", "{0} * (1 - {0})", "({0} > 0)"):
            yield f"{text} * {derivative.format(name)}"
    plain = source.segment(value)
    for name in arrays:
        yield f"{plain} + {name}"
        for count in counts:
            yield from (f"{plain} + {count} * {name}", f"{plain} + 2 * {count} * {name}")
    for axis in ("0", "1"):
        yield from (f"np.sum({plain}, axis={axis})", f"np.sum({plain}, axis={axis}, keepdims=True)")
    yield f"{text}.T"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def held(source: Source, node: ast.expr) -> str:
    """A node's text, in parentheses unless it holds together by itself."""
    text = source.segment(node)
    return text if isinstance(node, _TIGHTNESS) else f"({text})"


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _value(source: Source, node: ast.expr, variables: dict[str, Any]) -> Any:
    """What a name or an entry held, as far as that is known."""
    text = ast.unparse(node)
    return variables.get(text)
