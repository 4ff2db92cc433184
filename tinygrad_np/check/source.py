"""The source of the user's functions: the statement of a line, and the same functions with some of their text replaced.

source = source_of(backward.__code__)
statement = source.statement(14)
with edited({source: [Edit(*source.span(statement), "dZ2 = dA2 * (1 - A2**2)")]}):
    backward(...)
"""

from __future__ import annotations

import ast
import contextlib
import gc
import inspect
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from .values import base

SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.Expr)
"""The statements that compute something, and hold no others."""


def _likeness(statement: ast.stmt, name: str) -> int:
    """Whether a statement assigns to a variable, 2, or at least to an entry of what holds it, 1."""
    targets = [statement.target] if isinstance(statement, ast.AugAssign) else getattr(statement, "targets", [])
    parts = [part for target in targets for part in getattr(target, "elts", [target])]
    names = {ast.unparse(part) for part in parts}
    return 2 if name in names else int(base(name) in map(base, names))


class Edit(NamedTuple):
    """Other text in place of what stands from one offset to another."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, eq=False)
class Source:
    """The text of one function, a `def` or the statement with a `lambda`, and where it stands in its file.

    `functions` are those that run it: one, or for a function within a function one for each time that it was made.
    """

    code: CodeType
    text: str
    first_line: int
    functions: list[FunctionType]

    @cached_property
    def tree(self) -> ast.stmt:
        """The function as a syntax tree, whose lines count from 1."""
        return ast.parse(self.text).body[0]

    @property
    def name(self) -> str:
        """What the function is called."""
        return self.code.co_name

    @property
    def globals(self) -> dict[str, Any]:
        """The global variables that the function sees."""
        return self.functions[0].__globals__ if self.functions else {}

    def holds(self, code: CodeType) -> bool:
        """Whether code was made of this text: the function itself, with edits or without, or one within it."""
        last = self.first_line + self.text.rstrip().count("\n")
        return code is self.code or (
            code.co_filename == self.code.co_filename and self.first_line <= code.co_firstlineno <= last
        )

    @cached_property
    def statements(self) -> list[ast.stmt]:
        """The simple statements, in the order of their lines, and what loops go through and conditions ask."""
        return sorted(self.headers, key=lambda node: (node.lineno, node.col_offset))

    @cached_property
    def headers(self) -> dict[ast.stmt, list[ast.Expr]]:
        """For each statement the headers of the loops and the conditions that it stands in, the outermost first."""
        found: dict[ast.stmt, list[ast.Expr]] = {}
        waiting: list[tuple[ast.AST, list[ast.Expr]]] = [(self.tree, [])]
        while waiting:
            node, around = waiting.pop()
            if isinstance(node, SIMPLE):
                found[node] = around
            asked = node.iter if isinstance(node, ast.For) else getattr(node, "test", None)
            if isinstance(node, ast.For | ast.If | ast.While) and asked is not None:
                header = ast.copy_location(ast.Expr(asked), asked)
                found[header] = around
                around = [*around, header]
            waiting += [(child, around) for child in ast.iter_child_nodes(node)]
        return found

    def is_header(self, statement: ast.stmt) -> bool:
        """Whether this is what a loop goes through, or a condition."""
        row, column = statement.lineno - 1, statement.col_offset
        return isinstance(statement, ast.Expr) and bool(self.text.splitlines()[row].encode()[:column].strip())

    @cached_property
    def returned(self) -> ast.expr | None:
        """What stands in the last return statement, but for those of functions within this one."""
        found, waiting = [], list(ast.iter_child_nodes(self.tree))
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.Return) and node.value is not None:
                found.append(node)
            elif not isinstance(node, ast.FunctionDef | ast.Lambda):
                waiting += ast.iter_child_nodes(node)
        return max(found, key=lambda one: one.lineno).value if found else None

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self.text.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        return starts

    def statement(self, line: int, name: str = "") -> ast.stmt | None:
        """The simple statement that a line of the file belongs to; of several the one that gives `name` its value."""
        row = line - self.first_line + 1
        found = [one for one in self.statements if one.lineno <= row <= (one.end_lineno or row)]
        return (
            max(found, key=lambda one: _likeness(one, name), default=None)
            if len(found) > 1
            else next(iter(found), None)
        )

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


def source_of(code: CodeType) -> Source | None:
    """The source of a function's code; None if it can't be read."""
    try:
        lines, first_line = inspect.getsourcelines(code)
        text = textwrap.dedent("".join(lines))
        tree = ast.parse(text).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return None
    if not isinstance(tree, ast.FunctionDef | ast.Assign):
        return None
    functions = [one for one in gc.get_referrers(code) if isinstance(one, FunctionType) and one.__code__ is code]
    # Decorators stand above the def.
    above = tree.lineno - 1
    return Source(code, "".join(text.splitlines(keepends=True)[above:]), first_line + above, functions)


def sources_of(codes: Sequence[CodeType]) -> list[Source]:
    """The sources of these codes, without those that are part of another's."""
    found: list[Source] = []
    for code in codes:
        if not any(source.holds(code) for source in found):
            source = source_of(code)
            found += [] if source is None else [source]
    return found


@contextlib.contextmanager
def edited(edits: Mapping[Source, Sequence[Edit]]) -> Iterator[bool]:
    """Meanwhile the functions do what their edited texts say; False, and nothing is changed, if one is not Python."""
    codes = {source: _code(source, source.edited(ones)) for source, ones in edits.items() if ones}
    if not all(codes.values()):
        yield False
        return
    before = [(function, function.__code__) for source in codes for function in source.functions]
    try:
        for source, code in codes.items():
            for function in source.functions:
                function.__code__ = code  # type: ignore[assignment]
        yield True
    finally:
        for function, code in before:
            function.__code__ = code


@lru_cache(maxsize=20_000)
def compiled(text: str, mode: str = "exec") -> CodeType:
    """A statement, or with the mode "eval" an expression, as code; SyntaxError if it is none."""
    return compile(text, "<edit>", mode)


@lru_cache(maxsize=20_000)
def names_in(code: CodeType) -> frozenset[str]:
    """The names that a code and the functions within it speak of."""
    return frozenset(code.co_names).union(*(names_in(one) for one in code.co_consts if isinstance(one, CodeType)))


def _code(source: Source, text: str) -> CodeType | None:
    """The code of an edited text, at the same lines, with the variables of the functions around it; None if none."""
    *_, owner, _ = ["<locals>", *(source.functions[0].__qualname__ if source.functions else "").split(".")]
    # A class's name counts for the names of its private attributes; that of underscores changes none.
    owner = owner if owner.isidentifier() else "_"
    try:
        tree = ast.parse(f"def around():\n {' = '.join([*source.code.co_freevars, '_'])} = None\n class {owner}: ...")
        tree.body[0].body[1].body = ast.parse(text).body  # type: ignore[attr-defined]
        code = compile(tree, source.code.co_filename, "exec")
    except (SyntaxError, ValueError):
        return None
    # It stands at the same lines as the original; within a code lines are counted from its first.
    codes = (_moved(one, source.first_line - 1) for one in _codes(code) if one.co_name == source.code.co_name)
    found = next((one for one in codes if source.holds(one)), None)
    return found if found is not None and found.co_freevars == source.code.co_freevars else None


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The codes within a code."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _moved(code: CodeType, lines: int) -> CodeType:
    """The same code so many lines further down."""
    constants = tuple(_moved(one, lines) if isinstance(one, CodeType) else one for one in code.co_consts)
    return code.replace(co_firstlineno=code.co_firstlineno + lines, co_consts=constants)
