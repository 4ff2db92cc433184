"""A backward function that is run again with edits of its text, to see what that makes right.

rerun = Rerun(backward, arguments, run, expected, results, matched)
rerun.wrong_with({source: [edit]})
"""

from __future__ import annotations

import ast
import contextlib
import io
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any

import numpy as np

from ..tensor import Tensor
from ..tree import map_tree
from .expected import Expected
from .recording import Assignment, Recording, kept, recorded
from .source import Edit, Source, compiled, rebuilt, sources_of
from .variables import names_of_results

Edits = dict[Source, list[Edit]]

EFFORT = 60_000
"""How many assignments may be run in search of one edit."""

PATIENCE = 20.0
"""How many seconds may be spent on it, whatever the function costs."""


class Rerun:
    """A backward function that can be run again with edits; what it returned first, and what of that is wrong."""

    def __init__(
        self,
        backward: Callable[..., Any],
        arguments: dict[str, Any],
        run: Recording,
        expected: Expected,
        results: dict[Tensor, Any],
        matched: Callable[..., dict[Tensor, Any]],
    ) -> None:
        self.backward = backward
        self.arguments = arguments
        self.run = run
        self.expected = expected
        self.results = results
        self.matched = matched
        self.sources = sources_of(backward, run.codes)
        self._expressions: dict[Source, list[str]] = {}
        self.rest()

    def rest(self) -> None:
        """Begin to count the effort anew."""
        self.effort, self.end = 0, time.monotonic() + PATIENCE

    @property
    def is_tired(self) -> bool:
        """Whether enough has been tried."""
        return self.effort > EFFORT or time.monotonic() > self.end

    def wrong_of(self, results: Mapping[Tensor, Any], expected: Expected | None = None) -> frozenset[Tensor]:
        """The Tensors whose gradients are not among these, or wrong."""
        # Of a function that failed nobody knows what else it would have returned.
        expected = expected or self.expected
        awaited = {} if self.run.error is not None else self.results
        return frozenset(
            tensor
            for tensor in {**awaited, **results}
            if tensor not in results or not expected.is_gradient(results[tensor], tensor._node)  # type: ignore[arg-type]
        )

    def wrong_with(self, edits: Edits) -> frozenset[Tensor] | None:
        """What is wrong with these edits; None if the function fails."""
        function = rebuilt(self.backward, self.sources, edits)
        self.effort += max(len(self.run.assignments), 20)
        if function is None:
            return None
        with contextlib.redirect_stdout(io.StringIO()), self._within_bounds():
            try:
                result = function(**map_tree(kept, self.arguments))
                found = self.matched(names_of_results(self.backward, Recording(result=result)), Recording())
                wrong = self.wrong_of(found)
                if wrong and self.expected.has_kinks:
                    self.effort += 200
                    wrong = min(wrong, self.wrong_of(found, self.expected.settled(found)), key=len)
                return wrong
            except (Exception, SystemExit):
                return None

    @contextlib.contextmanager
    def _within_bounds(self) -> Iterator[None]:
        """End what an edit makes run on and on, if the function has a loop that can."""
        if not any(isinstance(node, ast.While) for source in self.sources for node in ast.walk(source.tree)):
            yield
            return
        left, other = 1000 + 20 * len(self.run.assignments), sys.gettrace()

        def count(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise TimeoutError
            return count

        sys.settrace(count)
        try:
            yield
        finally:
            sys.settrace(other)

    def recorded(self, edits: Edits) -> Recording:
        """The run with these edits, line by line."""
        function = rebuilt(self.backward, self.sources, edits)
        assert function is not None
        return recorded(function, (), map_tree(kept, self.arguments))

    def source_at(self, assignment: Assignment) -> tuple[Source, ast.stmt] | None:
        """The statement that made an assignment."""
        for source in self.sources:
            if source.function.__name__ == assignment.code.co_name:
                statement = source.statement(assignment.line)
                if statement is not None:
                    return source, statement
        return None

    def alone(self, source: Source, statement: ast.stmt, edit: Edit | None, before: dict[str, Any], name: str) -> Any:
        """What a statement by itself leaves in a variable, given what it finds; None if it fails."""
        self.effort += 2
        try:
            variables = {key: kept(value) for key, value in before.items() if "[" not in key}
            exec(compiled(source.replaced(statement, edit)), dict(source.function.__globals__), variables)
            return eval(name, {}, variables)
        except Exception:
            return None

    def at_hand(self, source: Source, before: dict[str, Any]) -> dict[str, Any]:
        """What a line may be made of: the variables, and those entries and attributes that the function speaks of."""
        if source not in self._expressions:
            texts = [ast.unparse(node) for node in ast.walk(source.tree) if _is_worth_a_look(node)]
            self._expressions[source] = list(dict.fromkeys(texts))
        found = {name: value for name, value in before.items() if "[" not in name}
        for text in self._expressions[source]:
            with contextlib.suppress(Exception):
                value = eval(text, dict(source.function.__globals__), dict(found))
                if isinstance(value, np.ndarray | np.number | int | float):
                    found.setdefault(text, value)
        return found


def _is_worth_a_look(node: ast.AST) -> bool:
    """Whether a line may be made of this expression: an entry, an attribute, a function of a variable."""
    if isinstance(node, ast.Call):
        return (
            isinstance(node.func, ast.Attribute)
            and len(node.args) == 1
            and isinstance(node.args[0], ast.Name)
            and not node.keywords
        )
    if isinstance(node, ast.Attribute):
        return node.attr != "T" and not (isinstance(node.value, ast.Name) and node.value.id in ("np", "numpy"))
    return isinstance(node, ast.Subscript) and not any(isinstance(part, ast.Call) for part in ast.walk(node))
