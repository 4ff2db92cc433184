"""Find the line at which the path from a tensor to a loss was cut, so that no gradient flows along it.

    for cut in cuts(x, loss): print(cut.line, cut.why)

Three witnesses are heard. The variables of the running code: the first statement that makes a plain value of a tensor
that depends on x, and on whose result the loss depends. What was read off with its line (`.numpy()`, `.detach()`,
`float()`). And the lines that turned recording off.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import CodeType, FrameType
from typing import Any

import numpy as np

from ..frames import line_of, passed_over, place_of, user_frame, user_variables
from ..graph import Node, ancestors, state
from ..reading import Read
from ..tensor import Tensor

_HOW = {
    "numpy": "`.numpy()` makes a plain array of it; compute with the tensor itself",
    "tolist": "`.tolist()` makes plain numbers of it; compute with the tensor itself",
    "detach": "`.detach()` makes a constant of it; leave it out where a gradient is wanted",
    "item": "`.item()` makes a plain number of it; compute with the tensor itself",
    "float": "`float()` makes a plain number of it; compute with the tensor itself",
    "int": "`int()` makes a plain number of it, and whole numbers have no gradient",
    "data": "`.data` is the plain array; compute with the tensor itself",
    "no_grad": "it runs inside of `no_grad()`, where nothing is recorded; move it out",
    "Tensor": "`Tensor()` of a tensor makes a new constant of it; use the tensor itself",
}
_WHOLE = "whole numbers and truths have no gradient"


@dataclass(frozen=True)
class Cut:
    """A line at which a path was cut: `how`, such as "detach", `why` in words; `is_sure`, or only a candidate."""

    line: int | None
    file: str
    how: str
    why: str
    is_sure: bool

    @property
    def source(self) -> str:
        """The text of the line."""
        return linecache.getline(self.file, self.line or 0).strip()

    def to_dict(self) -> dict[str, Any]:
        """The cut as plain data."""
        fields = {"line": self.line, "file": self.file, "source": self.source, "how": self.how}
        return {**fields, "why": self.why, "is_sure": self.is_sure}

    def __str__(self) -> str:
        may = "cut" if self.is_sure else "perhaps cut"
        return f"{may} at {place_of(self.file, self.line)}: {self.source}\n    {self.why}."


def cuts(x: Tensor, loss: Tensor) -> list[Cut]:
    """The line at which the path from x to the loss was cut; or, if none is sure, where it may have been."""
    frame: FrameType | None = user_frame()
    while frame is not None:
        if not passed_over[frame.f_code.co_filename]:
            found = _in_variables(frame, x, loss)
            if found is not None and found.how:
                return [found]
            if found is not None:
                # A function that the statement calls has cut it: what was read off in there.
                inner = [replace(cut, is_sure=True) for code, cut in _noted(x) if code is not frame.f_code]
                return inner[:1] if len(inner) == 1 else [found, *(replace(cut, is_sure=False) for cut in inner)]
        frame = frame.f_back
    noted = [cut for _, cut in _noted(x)]
    return [replace(cut, is_sure=True) for cut in noted if _enters(cut, loss)] or noted


def _enters(cut: Cut, loss: Tensor) -> bool:
    """Whether what a line assigned is a constant among the operands of the loss's operations."""
    try:
        statement = ast.parse(cut.source)
    except SyntaxError:
        return False
    targets = {one.id for one in ast.walk(statement) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
    values = [_plain(value) for name, value in user_variables() if name in targets]
    nodes = [] if loss._node is None else ancestors(loss._node)
    constants = [_plain(one) for node in nodes for one in node.inputs if type(one) is not Node]
    return any(np.array_equal(value, one) for value in values for one in constants)


def _plain(value: Any) -> Any:
    return getattr(value, "_data", value)


def _in_variables(frame: FrameType, x: Tensor, loss: Tensor) -> Cut | None:
    """The statement of a running function after which what depends on x is no tensor that needs a gradient."""
    try:
        lines, start = inspect.getsourcelines(frame.f_code)
        tree: ast.AST = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return None
    is_module = frame.f_code.co_name == "<module>"
    offset = 0 if is_module else start - 1
    tree = tree if is_module else next(ast.iter_child_nodes(tree))
    values = {**frame.f_globals, **frame.f_locals}
    origin: dict[str, tuple[ast.stmt, bool]] = {}
    attached = {name for name, value in values.items() if value is x}
    of_loss = {name for name, value in values.items() if value is loss}
    statements = [*_statements(tree, paused=False)]
    for statement, paused in [*statements, *statements]:
        loaded = {one.id for one in ast.walk(statement) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}
        cut = next((origin[name] for name in sorted(loaded) if name in origin), None)
        targets = {
            one.id for one in ast.walk(statement) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
        }
        for name in targets & values.keys():
            if values[name] is x:
                continue
            if _depends(values[name], x):
                attached.add(name)
            elif loaded & attached:
                origin.setdefault(name, (statement, paused))
            elif cut is not None:
                origin.setdefault(name, cut)
    found = next((origin[name] for name in of_loss if name in origin), None)
    if found is None:
        return None
    statement, paused = found
    how, why = _manner(statement, paused)
    return Cut(statement.lineno + offset, frame.f_code.co_filename, how, why, bool(how))


def _statements(tree: ast.AST, paused: bool) -> Iterator[tuple[ast.stmt, bool]]:
    """The assignments in their order, each with whether it stands in a `with no_grad()`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            yield node, paused
        elif isinstance(node, ast.With):
            off = any("no_grad" in ast.unparse(item.context_expr) for item in node.items)
            yield from _statements(node, paused or off)
        elif not isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            yield from _statements(node, paused)


def _depends(value: Any, x: Tensor) -> bool:
    """Whether a gradient of the value would reach x."""
    if not isinstance(value, Tensor) or value._node is None or not value._node.requires_grad:
        return False
    return x._node in ancestors(value._node)


def _manner(statement: ast.stmt, paused: bool) -> tuple[str, str]:
    """How a statement makes a plain value of a tensor; nothing if a function that it calls does."""
    if paused:
        return "no_grad", _HOW["no_grad"]
    nodes = [*ast.walk(statement)]
    called = [_name(node.func) for node in nodes if isinstance(node, ast.Call)]
    for name in [*called, *(node.attr for node in nodes if isinstance(node, ast.Attribute) and node.attr == "data")]:
        if name in _HOW:
            return name, _HOW[name]
    if any(isinstance(node, ast.Compare) for node in nodes):
        return "comparison", f"a comparison gives truths; {_WHOLE}: a smooth function, such as tg.sigmoid, has one"
    for name in called:
        if name in ("argmax", "argmin", "argsort", "searchsorted", "count_nonzero"):
            return name, f"`{name}` gives indices; {_WHOLE}"
        if name == "astype":
            return name, f"it becomes whole numbers; {_WHOLE}: keep a floating dtype"
    return "", "the function that it calls returns what does not depend on it through tensors"


def _name(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def _noted(x: Tensor) -> Iterator[tuple[CodeType, Cut]]:
    """What was read off, the latest first, and where recording was off: since the latest backward pass, or before."""
    found = [*_noted_in(state.reads, state.pauses, x)]
    reads, pauses = state.earlier
    yield from found or _noted_in(reads, pauses, x)


def _noted_in(reads: dict[Any, Any], pauses: dict[Any, Any], x: Tensor) -> Iterator[tuple[CodeType, Cut]]:
    for read in map(Read._make, reversed([*reads.values()])):
        if read.may_lose and (read.node is None or x._node in ancestors(read.node)):
            how = read.how.strip(".()")
            why = _HOW.get(how, f"{read.how} makes a plain value of it")
            yield read.code, Cut(line_of(read.code, read.instruction), read.code.co_filename, how, why, False)
    for code, instruction in [*pauses.values()]:
        line = line_of(code, instruction)
        if not passed_over[code.co_filename] and not _is_update(code.co_filename, line or 0):
            why = "what is computed in there is not recorded; move out what needs a gradient"
            yield code, Cut(line, code.co_filename, "no_grad", why, False)


def _is_update(file: str, line: int) -> bool:
    """Whether a `with no_grad()` only changes parameters in place, and forgets their gradients."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return False
    block = next((one for one in ast.walk(tree) if isinstance(one, ast.With) and one.lineno == line), None)
    return block is not None and not any(
        isinstance(target, ast.Name) for one in ast.walk(block) if isinstance(one, ast.Assign) for target in one.targets
    )
