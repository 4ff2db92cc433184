"""The source of the user's functions: the statement of a line, and the same functions with some of their text replaced.

source = source_of(backward)
statement = source.statement(14)
repaired = rebuilt(backward, [source], {source: [Edit(*source.span(statement), "dZ2 = dA2 * (1 - A2**2)")]})
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import CodeType, FunctionType
from typing import Any, NamedTuple

SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.Expr)
"""The statements that compute something, and hold no others."""


class Edit(NamedTuple):
    """Other text in place of what stands from one offset to another."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, eq=False)
class Source:
    """The text of one function, from its `def` on, and where it stands in its file."""

    function: FunctionType
    text: str
    first_line: int

    @cached_property
    def tree(self) -> ast.FunctionDef:
        """The function as a syntax tree, whose lines count from 1."""
        tree = ast.parse(self.text).body[0]
        assert isinstance(tree, ast.FunctionDef)
        return tree

    @cached_property
    def statements(self) -> list[ast.stmt]:
        """The simple statements, in the order of their lines."""
        found = [node for node in ast.walk(self.tree) if isinstance(node, SIMPLE)]
        return sorted(found, key=lambda node: (node.lineno, node.col_offset))

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self.text.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        return starts

    def statement(self, line: int) -> ast.stmt | None:
        """The simple statement that a line of the file belongs to."""
        row = line - self.first_line + 1
        return next((one for one in self.statements if one.lineno <= row <= (one.end_lineno or row)), None)

    def line(self, node: ast.stmt) -> int:
        """The line of the file at which a statement begins."""
        return node.lineno + self.first_line - 1

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """From which offset to which a node's text goes."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._offset(node.lineno, node.col_offset), self._offset(node.end_lineno, node.end_col_offset)

    def _offset(self, line: int, column: int) -> int:
        # Columns of a syntax tree count bytes.
        start = self._starts[line - 1]
        return start + len(self.text[start : self._starts[line]].encode()[:column].decode())

    def segment(self, node: ast.expr | ast.stmt) -> str:
        """A node's text."""
        start, end = self.span(node)
        return self.text[start:end]

    def with_parentheses(self, node: ast.expr) -> str:
        """A node's text, in the parentheses that it stands in."""
        start, end = self.span(node)
        while self.text[:start].rstrip().endswith("(") and self.text[end:].lstrip().startswith(")"):
            before, after = self.text[:start].rstrip(), self.text[end:].lstrip()
            if before[:-1].rstrip()[-1:].isidentifier() or before[-2:-1] in "])":
                break  # They are those of a call.
            start, end = len(before) - 1, len(self.text) - len(after) + 1
        return self.text[start:end]

    def replaced(self, statement: ast.stmt, edit: Edit | None) -> str:
        """A statement's text, with an edit in it, by itself."""
        start, end = self.span(statement)
        text = self.text[start:end]
        if edit is not None:
            text = text[: edit.start - start] + edit.text + text[edit.end - start :]
        return text

    def edited(self, edits: Sequence[Edit]) -> str:
        """The text with all edits made."""
        text = self.text
        for start, end, new in sorted(edits, reverse=True):
            # The lines below keep their numbers.
            missing = text.count("\n", start, end) - new.count("\n")
            next_line = text.find("\n", end)
            text = text[:start] + new + text[end:next_line] + "\n" * missing + text[next_line:]
        return text


def source_of(function: Any) -> Source | None:
    """The source of a function that is written with `def`; None if it can't be read."""
    return _source_of(inspect.unwrap(getattr(function, "__func__", function)))


@lru_cache(maxsize=64)
def _source_of(function: Any) -> Source | None:
    if not isinstance(function, FunctionType):
        return None
    try:
        lines, first_line = inspect.getsourcelines(function)
    except (OSError, TypeError):
        return None
    text = textwrap.dedent("".join(lines))
    try:
        tree = ast.parse(text).body[0]
    except SyntaxError:
        return None
    if not isinstance(tree, ast.FunctionDef):
        return None
    # Decorators stand above the def.
    above = tree.lineno - 1
    return Source(function, "".join(text.splitlines(keepends=True)[above:]), first_line + above)


def sources_of(function: Any, codes: Sequence[CodeType]) -> list[Source]:
    """The sources of a function and of those of the same module whose codes are among these."""
    function = inspect.unwrap(getattr(function, "__func__", function))
    candidates = [function, *(one for one in function.__globals__.values() if isinstance(one, FunctionType))]
    found: dict[CodeType, Source] = {}
    for one in candidates:
        if one.__code__ in codes and one.__code__ not in found:
            source = source_of(one)
            if source is not None:
                found[one.__code__] = source
    return list(found.values())


def rebuilt(
    function: Any, sources: Sequence[Source], edits: Mapping[Source, Sequence[Edit]]
) -> Callable[..., Any] | None:
    """A function that does what `function` would with these edits made to the sources; None if they are no Python."""
    plain = inspect.unwrap(getattr(function, "__func__", function))
    namespace = dict(plain.__globals__)
    for source in sources:
        if source in edits:
            made = _compiled(source, source.edited(edits[source]), namespace)
            if made is None:
                return None
        else:
            made = _moved(source.function, namespace)
        namespace[source.function.__name__] = made
    result = namespace[plain.__name__] if any(one.function is plain for one in sources) else _moved(plain, namespace)
    if hasattr(function, "__self__"):
        return lambda *arguments, **keywords: result(function.__self__, *arguments, **keywords)
    return result


@lru_cache(maxsize=20_000)
def compiled(text: str, mode: str = "exec") -> CodeType:
    """A statement, or with the mode "eval" an expression, as code; SyntaxError if it is none."""
    return compile(text, "<edit>", mode)


def _moved(function: FunctionType, namespace: dict[str, Any]) -> FunctionType:
    """The same function among other globals."""
    moved = FunctionType(function.__code__, namespace, function.__name__, function.__defaults__, function.__closure__)
    moved.__kwdefaults__ = function.__kwdefaults__
    return moved


def _compiled(source: Source, text: str, namespace: dict[str, Any]) -> FunctionType | None:
    function = source.function
    if function.__closure__:
        namespace.update(inspect.getclosurevars(function).nonlocals)
    local: dict[str, Any] = {}
    try:
        # It stands at the same lines as the original.
        code = compile("\n" * (source.first_line - 1) + text, function.__code__.co_filename, "exec")
        exec(code, namespace, local)
    except SyntaxError:
        return None
    made: FunctionType = local[function.__name__]
    made.__defaults__, made.__kwdefaults__ = function.__defaults__, function.__kwdefaults__
    return made
