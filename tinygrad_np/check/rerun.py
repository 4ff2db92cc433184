"""A backward function that is run again with edits of its text, to see what that makes right.

rerun = Rerun(backward, arguments, run, expected, results, matched)
rerun.wrong_with({source: [edit]})
"""

from __future__ import annotations

import ast
import contextlib
import io
import math
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from types import CodeType, FrameType
from typing import Any

import numpy as np

from ..frames import is_users_file
from ..tensor import Tensor
from .expected import Expected, is_numeric
from .recording import RETURNED, Assignment, Recording, recorded
from .source import Edit, Source, compiled, edited, names_in, sources_of
from .values import base, kept
from .variables import names_of_results

Edits = dict[Source, list[Edit]]

PATIENCE = 20.0
"""How many seconds of computing may be spent on it, whatever the function costs."""

MOST_STEPS = 40
"""So many places where a function looks into a sequence are looked at."""

_PLACE = re.compile(r"\[\d+\]")
"""What stands at a place in a list is of one run of a loop."""


class Rerun:
    """A backward function that can be run again with edits; what it returned first, and what of that is wrong."""

    def __init__(
        self,
        backward: Callable[..., Any],
        arguments: dict[str, Any],
        run: Recording,
        expected: Expected,
        matched: Callable[..., dict[Tensor, Any]],
    ) -> None:
        self.backward = backward
        self.arguments = arguments
        self.run = run
        self.expected = expected
        self.matched = matched
        self.sources = sources_of(run.codes)
        returned = {source.returned.id for source in self.sources if isinstance(source.returned, ast.Name)}
        expected.containers = returned - {name for _, name, _ in run.given}
        # What was to be added to zeros is not there yet.
        seen = {one.name: one.value for one in run.assignments if is_numeric(one.value) and np.any(one.value)}
        self.seen = matched(list(seen.items()), are_results=False)
        self.results = self.seen if run.error is not None else matched(names_of_results(self.returned, run.result))
        self._expressions: dict[Source, list[str]] = {}
        self.rest()

    def rest(self) -> None:
        """Begin to count the effort anew."""
        self.effort, self.most, self.asked, self.end = 0, math.inf, 0, time.process_time() + PATIENCE

    @property
    def is_tired(self) -> bool:
        """Whether enough has been tried."""
        self.asked += 1
        return self.effort > self.most or (self.asked % 32 == 0 and time.process_time() > self.end)

    def wrong_of(self, results: Mapping[Tensor, Any], expected: Expected | None = None) -> frozenset[Tensor]:
        """The Tensors whose gradients are not among these, or wrong."""
        # Of a function that failed nobody knows what else it would have returned.
        expected = expected or self.expected
        awaited = {} if self.run.error is not None else self.results
        # The loss stands for those of the inputs, if there is none.
        nothing = [] if any(tensor.is_leaf for tensor in results) else [expected.loss]
        return frozenset(
            tensor
            for tensor in {**awaited, **results, **dict.fromkeys(nothing)}
            if tensor not in results or not expected.is_gradient(results[tensor], tensor._node)  # type: ignore[arg-type]
        )

    def wrong_with(self, edits: Edits) -> frozenset[Tensor] | None:
        """What is wrong with these edits; None if the function fails."""
        self.effort += max(len(self.run.assignments) // 3, 10)
        with contextlib.redirect_stdout(io.StringIO()), edited(edits) as is_python, self._within_bounds():
            try:
                result = self.backward(**kept(self.arguments)) if is_python else None
                found = self.matched(names_of_results(self.returned, result))
                wrong = self.wrong_of(found)
                if wrong and self.expected.has_kinks:
                    self.effort += 200
                    wrong = min(wrong, self.wrong_of(found, self.expected.settled(found)), key=len)
                return wrong if is_python else None
            except (Exception, SystemExit):
                return None

    @cached_property
    def may_run_on(self) -> bool:
        """Whether there is a loop that an edit can make endless."""
        return any(isinstance(node, ast.While) for source in self.sources for node in ast.walk(source.tree))

    @contextlib.contextmanager
    def _within_bounds(self) -> Iterator[None]:
        """End what an edit makes run on and on, if the function has a loop that can."""
        if not self.may_run_on:
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
        with edited(edits):
            return recorded(self.backward, (), kept(self.arguments))

    @cached_property
    def own(self) -> Source | None:
        """The source of the backward function itself."""
        return next((one for one in self.sources if self.run.codes and one.holds(self.run.codes[0])), None)

    @cached_property
    def returned(self) -> ast.expr | None:
        """What stands in the last return statement of the backward function."""
        return None if self.own is None else self.own.returned

    def source_of(self, code: CodeType) -> Source | None:
        """The source that code was made of."""
        return next((source for source in self.sources if source.holds(code)), None)

    def source_at(self, assignment: Assignment) -> tuple[Source, ast.stmt] | None:
        """The statement that made an assignment."""
        source = self.source_of(assignment.code)
        statement = None if source is None else source.statement(assignment.line, assignment.name)
        return None if source is None or statement is None else (source, statement)

    def alone(self, source: Source, statement: ast.stmt, edit: Edit | None, before: dict[str, Any], name: str) -> Any:
        """What a statement by itself leaves in a variable, given what it finds; None if it fails."""
        self.effort += 2
        try:
            text = source.replaced(statement, edit)
            if name == RETURNED:
                bodies = (one.body for one in ast.walk(ast.parse(text)) if isinstance(one, ast.Lambda))
                text = text if text.startswith("return") else ast.unparse(next(bodies))
                text, name = f"_result = ({text.removeprefix('return')}\n)", "_result"
            code = compiled(text)
            read = {*names_in(code), base(name)}
            # What it does not name it can't change.
            variables = {**source.globals, **kept({key: before[key] for key in read if key in before})}
            exec(code, variables)
            return eval(name, variables)
        except (Exception, SystemExit):
            return None

    def at_hand(self, source: Source, before: dict[str, Any]) -> dict[str, Any]:
        """What a line may be made of: the variables, and those entries and attributes that the function speaks of."""
        found = {name: value for name, value in before.items() if not _PLACE.search(name)}
        if source not in self._expressions:
            texts = [ast.unparse(node) for node in ast.walk(source.tree) if _is_worth_a_look(node)]
            self._expressions[source] = list(dict.fromkeys(texts))
        slopes = [name for name, one in source.globals.items() if self._is_slope(name, one)]
        arrays = [name for name, one in found.items() if name.isidentifier() and isinstance(one, np.ndarray)]
        calls = [f"{slope}({name})" for slope in slopes for name in arrays]
        for text in [*self._expressions[source], *calls, *self._steps(source, before)]:
            with contextlib.suppress(Exception):
                value = eval(text, dict(source.globals), dict(before))
                if isinstance(value, np.ndarray | np.number | int | float):
                    found.setdefault(text, value)
        return found

    def _steps(self, source: Source, before: dict[str, Any]) -> Iterator[str]:
        """What stands in the sequences at hand where the function looks into one, as `ys[t]` where it reads `xs[t]`."""
        nodes = [one for one in ast.walk(source.tree) if isinstance(one, ast.Subscript)]
        pairs = dict.fromkeys((ast.unparse(one.value), ast.unparse(one.slice)) for one in nodes[:MOST_STEPS])
        lengths = {
            name: len(one) for name, one in before.items() if name.isidentifier() and isinstance(one, list | tuple)
        }
        lengths |= {name: len(one) for name, one in before.items() if isinstance(one, np.ndarray) and one.ndim}
        for sequence, index in pairs:
            for name, length in lengths.items() if index.isidentifier() else ():
                if length == lengths.get(sequence):
                    yield f"{name}[{index}]"

    def _is_slope(self, name: str, function: Any) -> bool:
        """Whether this is a function of the user's of one value, that ran or is called like a derivative."""
        code = getattr(function, "__code__", None)
        return (
            isinstance(code, CodeType)
            and code.co_argcount == 1
            and (code in self.run.codes or re.search("prime|grad|deriv|slope", name) is not None)
            and is_users_file(code.co_filename)
        )


def _is_worth_a_look(node: ast.AST) -> bool:
    """Whether a line may be made of this expression: an entry, an attribute, a function of a variable."""
    if isinstance(node, ast.Call):
        return (
            isinstance(node.func, ast.Attribute)
            and not any(hasattr(kind, node.func.attr) for kind in (list, dict, set))  # zs.append(z) would change zs.
            and len(node.args) == 1
            and isinstance(node.args[0], ast.Name)
            and not node.keywords
        )
    if isinstance(node, ast.Attribute):
        return node.attr != "T" and not (isinstance(node.value, ast.Name) and node.value.id in ("np", "numpy"))
    return isinstance(node, ast.Subscript) and not any(isinstance(part, ast.Call) for part in ast.walk(node))
