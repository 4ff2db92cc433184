"""Which line of a backward function is wrong, and which small edit of it makes the gradients right.

The line: values are looked at in the order in which they were assigned. One whose name says of which quantity it is the
gradient, and that is not it, not even up to a factor, is wrong; so is the first wrong result, if all before it is right.
The edit: each slip that people make is undone in turn, in that line and in those that it was computed from, and the
function is run again. What makes everything right is proposed; nothing is proposed that was not run.
"""

from __future__ import annotations

import ast
import contextlib
import io
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..graph import Node
from ..tensor import Tensor
from ..tree import map_tree
from .comparison import compare_gradients
from .edits import edits
from .noise import rounding_noise
from .passage import Passage
from .recording import Assignment, Recording, kept, recorded
from .source import Edit, Source, rebuilt, sources_of
from .synthesis import Pool, completions, expressions
from .tolerance import judge, precision
from .variables import names_of_results, variable_of

MOST_MISTAKES = 4
"""So many wrong lines are looked for."""

MOST_TARGETS = 12
"""Of a quantity of more time steps than this, the last ones are tried."""

MOST_SUSPECTS = 12
"""So many lines are tried for each."""

EFFORT = 60_000
"""How many assignments may be run in search of one edit."""

Edits = dict[Source, list[Edit]]


@dataclass(frozen=True)
class Culprit:
    """A line that is wrong.

    Attributes: `line`, its number in its file; `source`, its text; `name`, the variable that it leaves wrong;
    `iteration`, which run of the line was the first wrong one, from 0, None if it ran once; `verdict`; `proposal`, the
    line that makes its gradients right, None if none was found; `function`, whose line it is.
    """

    line: int
    source: str
    name: str
    iteration: int | None
    verdict: str
    proposal: str | None
    function: str

    def lines(self) -> Iterator[str]:
        """The sentences of the report."""
        where = "" if self.iteration is None else f", first in its run {self.iteration + 1}"
        yield f"{self.function}, line {self.line}: {self.name} is {self.verdict}{where}"
        yield f"    {self.source}"
        if self.proposal is not None:
            yield "should be"
            yield f"    {self.proposal}"


class Expected:
    """What autograd says: the gradient of every quantity of the forward pass, and which variables held it."""

    def __init__(self, loss: Tensor, tensors: dict[str, list[Tensor]]) -> None:
        assert loss._node is not None
        self.loss = loss
        self.tensors = {name: [one for one in found if one.requires_grad] for name, found in tensors.items()}
        self.tensors = {name: found for name, found in self.tensors.items() if found}
        self.passage = Passage(loss._node, np.ones(loss.shape, loss.dtype))
        self._noise: dict[Node, Any] | None = None

    def nodes(self, name: str) -> list[Node]:
        """The quantities of which a variable is the gradient, told by its name."""
        found = variable_of(name, self.tensors) or []
        return [one._node for one in found if one._node is not None and one._node in self.passage.gradients]

    def noise(self, node: Node) -> Any:
        """What rounding explains of a difference in this gradient."""
        if self._noise is None:
            wanted = {tensor._node for found in self.tensors.values() for tensor in found if tensor._node is not None}
            self._noise = rounding_noise(self.passage.root, self.passage.seed, wanted)
        return self._noise.get(node, 0.0)

    def is_gradient(self, value: Any, node: Node) -> bool:
        """Whether this is the gradient of that quantity."""
        if not _is_numeric(value):
            return False
        value = np.asarray(value)
        gradient = self.passage.gradient(node)
        if value.shape != gradient.shape or value.dtype.kind not in "fiub":
            return False
        eps = precision(gradient.dtype, value.dtype)
        return (
            not judge(value, gradient, eps).wrong.any() or not judge(value, gradient, eps, self.noise(node)).wrong.any()
        )

    def factor(self, value: Any, node: Node) -> float | None:
        """By which factor this, or its transpose, is the gradient; None if by none."""
        if not _is_numeric(value) or not np.size(value):
            return None
        value, gradient = np.asarray(value), self.passage.gradient(node)
        factor = _factor(value, gradient)
        return _factor(value.T, gradient) if factor is None and value.ndim == 2 else factor

    def is_part(self, value: Any, node: Node) -> bool:
        """Whether this is what some uses of the quantity, but not all, add to its gradient, up to a factor."""
        parts = [contribution for _, contribution in self.passage.uses.get(node, [])]
        sums = [sum(parts[:count]) for count in range(1, len(parts))] + parts
        return _is_numeric(value) and any(_factor(np.asarray(value), np.asarray(part)) is not None for part in sums)

    def explained(self, assignment: Assignment) -> bool:
        """Whether a value is the gradient of the quantity of its name, or of any quantity if its name says nothing."""
        named = self.nodes(assignment.name)
        return any(self.is_gradient(assignment.value, node) for node in named or self.passage.gradients)

    def credit(self, assignment: Assignment) -> float:
        """How well a value is explained: 1 as a gradient, a half as one times a count that the loss divides by."""
        if self.explained(assignment):
            return 1.0
        factors = [self.factor(assignment.value, node) for node in self.nodes(assignment.name)]
        return 0.5 * any(factor is not None and np.isclose(factor, self.divisors).any() for factor in factors)

    @cached_property
    def divisors(self) -> list[float]:
        """The numbers that the forward pass divides by, which some leave for the end: the size of the batch."""
        found = []
        for node in self.passage.nodes:
            constants = [
                float(np.asarray(one).item()) for one in node.inputs if type(one) is not Node and np.size(one) == 1
            ]
            if node.operation == "mean":
                found += [max(parent.size, 1) / max(node.size, 1) for parent in node.inputs if type(parent) is Node]
            elif node.operation == "divide":
                found += constants
            elif node.operation == "multiply":
                found += [1 / constant for constant in constants if constant]
        return sorted({abs(one) for one in found if abs(one) != 1})


def _is_numeric(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.number | float | int) and np.asarray(value).dtype.kind in "fiub"


def _factor(value: Any, gradient: Any) -> float | None:
    if value.shape != gradient.shape:
        return None
    squares = float(np.sum(gradient * gradient, dtype=np.float64))
    factor = float(np.sum(value * gradient, dtype=np.float64)) / squares if squares > 0 else 0.0
    if factor == 0 or not np.isfinite(factor):
        return None
    size = abs(factor) * float(np.abs(gradient).max())
    return factor if np.allclose(value, factor * gradient, rtol=1e-6, atol=1e-9 * size) else None


@dataclass
class Spot:
    """A statement that may be wrong: with what it found in its variables, and the assignment that shows it."""

    source: Source
    statement: ast.stmt
    before: dict[str, Any]
    shown: Assignment | None


class Trial:
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
        self.effort = 0
        self.wrong: frozenset[Tensor] = frozenset()
        if run.error is not None or (results and not compare_gradients(expected.loss, results)):
            self.wrong = self.wrong_of(results)

    def wrong_of(self, results: dict[Tensor, Any]) -> frozenset[Tensor]:
        """The Tensors whose gradients are not among these, or wrong."""
        # Of a function that failed nobody knows what else it would have returned.
        awaited = {} if self.run.error is not None else self.results
        return frozenset(
            tensor
            for tensor in {**awaited, **results}
            if tensor not in results or not self.expected.is_gradient(results[tensor], tensor._node)  # type: ignore[arg-type]
        )

    def edited(self, edits: Edits) -> frozenset[Tensor] | None:
        """What is wrong with these edits; None if the function fails."""
        function = rebuilt(self.backward, self.sources, edits)
        self.effort += max(len(self.run.assignments), 20)
        if function is None:
            return None
        with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
            try:
                result = function(**map_tree(kept, self.arguments))
                found = self.matched(names_of_results(self.backward, Recording(result=result)), Recording())
                return self.wrong_of(found)
            except Exception:
                return None

    def recorded(self, edits: Edits) -> Recording:
        """The run with these edits, line by line."""
        function = rebuilt(self.backward, self.sources, edits)
        assert function is not None
        with np.errstate(all="ignore"):
            return recorded(function, (), map_tree(kept, self.arguments))

    def targets(self, spot: Spot) -> list[Any]:
        """The gradients that a statement may have been meant to give: those of its name, or all of its shape."""
        if spot.shown is None or not _is_numeric(spot.shown.value):
            return []
        nodes = self.expected.nodes(spot.shown.name)
        gradients = [self.expected.passage.gradient(node) for node in nodes or self.expected.passage.gradients]
        if not nodes:
            return [one for one in gradients if one.ndim and one.shape == np.shape(spot.shown.value)]
        return [one * divisor for divisor in (1, *self.expected.divisors) for one in gradients[:MOST_TARGETS]]

    def source_at(self, assignment: Assignment) -> tuple[Source, ast.stmt] | None:
        """The statement that made an assignment."""
        for source in self.sources:
            if source.function.__name__ == assignment.code.co_name:
                statement = source.statement(assignment.line)
                if statement is not None:
                    return source, statement
        return None

    def interior(self, culprits: Sequence[Culprit]) -> dict[Tensor, Any]:
        """The gradients of interior quantities that are right, and the first wrong one: they help the diagnosis."""
        found: dict[Tensor, Any] = {}
        if not self.wrong:
            return found
        for one in final(self.run, self):
            held = variable_of(one.name, self.expected.tensors) or []
            if len(held) != 1 or held[0] is self.expected.loss or np.shape(one.value) != held[0].shape:
                continue
            is_first_wrong = bool(culprits) and one.line == culprits[0].line and one.name == culprits[0].name
            if is_first_wrong or self.expected.explained(one):
                found[held[0]] = np.asarray(one.value)
        return found


def find_culprits(trial: Trial) -> list[Culprit]:
    """The wrong lines, in the order in which they ran; each is repaired before the next is looked for."""
    culprits: list[Culprit] = []
    made: Edits = {}
    wrong, run = trial.wrong, trial.run
    while (wrong or run.error is not None) and len(culprits) < MOST_MISTAKES:
        spots = list(_suspects(trial, run, wrong))
        if not spots:
            break
        repair = _repair(trial, spots, wrong, made)
        spot, edit = repair if repair is not None else (spots[0], None)
        culprits.append(_culprit(spot, edit, run))
        if edit is None:
            break
        made = _with(made, spot.source, edit)
        still = trial.edited(made)
        if still is None:
            break
        wrong, run = still, trial.recorded(made)
    return culprits


def final(run: Recording, trial: Trial) -> list[Assignment]:
    """The assignments after which a variable is not added to or written into any more, in their order."""
    following: dict[tuple[Any, str], Assignment] = {}
    found: list[Assignment] = []
    for one in reversed(run.assignments):
        after = following.get((one.code, one.name))
        at = trial.source_at(after) if after is not None else None
        if at is None or not _goes_on(at[1], one.name):
            found.append(one)
        following[one.code, one.name] = one
    return found[::-1]


def _goes_on(statement: ast.stmt, name: str) -> bool:
    """Whether a statement adds to a variable or writes into it, rather than giving it another meaning."""
    if isinstance(statement, ast.AugAssign):
        return True
    if not isinstance(statement, ast.Assign):
        return False
    for target in statement.targets:
        if isinstance(target, ast.Subscript) and ast.unparse(target) != name:
            return True
    terms = [statement.value]
    while any(isinstance(term, ast.BinOp) and isinstance(term.op, ast.Add | ast.Sub) for term in terms):
        terms = [
            part
            for term in terms
            for part in (
                (term.left, term.right)
                if isinstance(term, ast.BinOp) and isinstance(term.op, ast.Add | ast.Sub)
                else (term,)
            )
        ]
    return len(terms) > 1 and any(ast.unparse(term) == name for term in terms)


def _suspects(trial: Trial, run: Recording, wrong: frozenset[Tensor]) -> list[Spot]:
    """The statements that may be wrong, the likeliest first.

    Those whose own name shows that they are, and what these were computed from; those that are off by a factor, or are
    a part of a gradient; then the first wrong result and what it was computed from.
    """
    found: list[Spot] = []
    if run.error is not None:
        found += _failed(trial, run)
        if found:
            found += _computed_from(trial, run, found[0], len(run.assignments))
    expected = trial.expected
    off: list[Assignment] = []
    scaled: list[Assignment] = []
    results: list[Assignment] = []
    for one in final(run, trial):
        nodes = expected.nodes(one.name)
        if not nodes or not _is_numeric(one.value) or expected.explained(one):
            continue
        if run.error is not None and not np.any(one.value):
            continue  # What was to be added to it is not there yet.
        (scaled if expected.credit(one) else off).append(one)
        if any(tensor._node in nodes for tensor in wrong):
            results.append(one)
    order = [*off[:3], *results[:1], *scaled]
    for one in order:
        at = trial.source_at(one)
        if at is not None:
            spot = Spot(*at, one.before, one)
            found.append(spot)
            found += _computed_from(trial, run, spot, run.assignments.index(one))
    if not order and run.error is None:
        found += _returned(trial, run)
        if found:
            found += _computed_from(trial, run, found[0], len(run.assignments))
    return list({spot.statement: spot for spot in reversed(found)}.values())[::-1]


def _failed(trial: Trial, run: Recording) -> list[Spot]:
    """The statement that raised an error."""
    for source in trial.sources:
        statement = source.statement(run.error_line)
        if statement is not None:
            return [Spot(source, statement, _variables(trial, run, source), None)]
    return []


def _returned(trial: Trial, run: Recording) -> list[Spot]:
    """The return statement."""
    for source in trial.sources:
        returns = [one for one in source.statements if isinstance(one, ast.Return)]
        if source.function.__name__ == trial.backward.__name__ and returns:
            return [Spot(source, returns[-1], _variables(trial, run, source), None)]
    return []


def _variables(trial: Trial, run: Recording, source: Source) -> dict[str, Any]:
    last = next((one for one in reversed(run.assignments) if one.code.co_name == source.function.__name__), None)
    return {**trial.arguments, **({} if last is None else {**last.before, last.name: last.value})}


def _computed_from(trial: Trial, run: Recording, first: Spot, index: int) -> list[Spot]:
    """The statements that a suspect was computed from, back to gradients that are right."""
    needed = _reads(first.statement)
    if first.shown is not None:
        written_into = {first.shown.name, first.shown.name.partition("[")[0]}
        for statement in first.source.statements:
            if _written(statement) & written_into and statement is not first.statement:
                needed |= _reads(statement)
                index = len(run.assignments)
    seen = {first.statement}
    found: list[Spot] = []
    recognised: list[Spot] = []
    for one in reversed(run.assignments[:index]):
        at = trial.source_at(one)
        if at is None or at[1] in seen:
            continue
        if at[0] is first.source and one.name not in needed and one.name.partition("[")[0] not in needed:
            continue
        if trial.expected.nodes(one.name) and trial.expected.explained(one):
            continue
        seen.add(at[1])
        needed |= _reads(at[1])
        spot = Spot(*at, one.before, one)
        (recognised if trial.expected.explained(one) else found).append(spot)
    return found + recognised


def _reads(statement: ast.stmt) -> set[str]:
    """The names that a statement reads, its own target among them if it adds to it."""
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)} - (
        {node.id for target in statement.targets for node in ast.walk(target) if isinstance(node, ast.Name)}
        - {node.id for node in ast.walk(statement.value) if isinstance(node, ast.Name)}
        if isinstance(statement, ast.Assign)
        else set()
    )


def _written(statement: ast.stmt) -> set[str]:
    """The variables that a statement adds to or writes into."""
    targets = [statement.target] if isinstance(statement, ast.AugAssign) else getattr(statement, "targets", [])
    return {
        ast.unparse(target.value if isinstance(target, ast.Subscript) else target)
        for target in targets
        if isinstance(target, ast.Subscript) or isinstance(statement, ast.AugAssign)
    }


def _repair(trial: Trial, spots: Sequence[Spot], wrong: frozenset[Tensor], made: Edits) -> tuple[Spot, Edit] | None:
    """The statement and its edit with which everything is right, or at least more than before and nothing less.

    First those edits are tried that leave a gradient as autograd has it; most fall at once, for the statement is run by
    itself. Then those that leave something else: a helper variable, or a gradient times the batch's size.
    """
    better: tuple[Spot, Edit] | None = None
    full: list[tuple[Spot, Edit]] = []
    trial.effort = 0
    options = [
        (
            spot,
            list(
                _distinct(
                    spot, trial.targets(spot), spot.shown is not None and bool(trial.expected.nodes(spot.shown.name))
                )
            ),
        )
        for spot in spots[:MOST_SUSPECTS]
    ]
    tried: set[tuple[ast.stmt, Edit]] = set()
    for strictly in (True, False):
        for spot, possible in options:
            for edit in possible:
                if trial.effort > EFFORT:
                    break
                if (spot.statement, edit) in tried or not _may_be_right(trial, spot, edit, strictly):
                    continue
                tried.add((spot.statement, edit))
                left = trial.edited(_with(made, spot.source, edit))
                if left is not None and not left:
                    if not _settles(trial, spots[0], _with(made, spot.source, edit)):
                        continue
                    if spot is spots[0]:
                        return spot, edit
                    full.append((spot, edit))
                    break
                if left is not None and left < wrong and better is None:
                    better = spot, edit
        if full:
            return max(full, key=lambda one: _credit(trial, _with(made, one[0].source, one[1])))
    return better


def _settles(trial: Trial, first: Spot, made: Edits) -> bool:
    """Whether what was seen to be wrong first is right with these edits: else they work around it."""
    if first.shown is None or not trial.expected.nodes(first.shown.name) or _is_part(trial, first.shown):
        return True
    run = trial.recorded(made)
    again = [one for one in final(run, trial) if one.name == first.shown.name and one.line == first.shown.line]
    return all(trial.expected.credit(one) > 0 for one in again)


def _is_part(trial: Trial, assignment: Assignment) -> bool:
    return any(trial.expected.is_part(assignment.value, node) for node in trial.expected.nodes(assignment.name))


def _credit(trial: Trial, made: Edits) -> float:
    run = trial.recorded(made)
    return sum(map(trial.expected.credit, final(run, trial)))


def _distinct(spot: Spot, targets: Sequence[Any], is_named: bool) -> Iterator[Edit]:
    """The edits of a statement, each text once."""
    start, end = spot.source.span(spot.statement)
    seen = {spot.source.text[start:end]}
    for edit in (*synthesised(spot, targets, is_named), *edits(spot.source, spot.statement, spot.before)):
        text = spot.source.text[start : edit.start] + edit.text + spot.source.text[edit.end : end]
        if text not in seen:
            seen.add(text)
            yield edit


def synthesised(spot: Spot, targets: Sequence[Any], is_named: bool) -> Iterator[Edit]:
    """Edits that give the statement the value of one of the targets, made of the variables at hand."""
    statement, shown = spot.statement, spot.shown
    if shown is None or not isinstance(statement, ast.Assign) or not targets:
        return
    pool = Pool({name: value for name, value in spot.before.items() if name != shown.name})
    value = spot.source.segment(statement.value)
    is_sum = isinstance(statement.value, ast.BinOp) and isinstance(statement.value.op, ast.Add | ast.Sub)
    for target in targets:
        for text in completions(pool, target, shown.value):
            held_value = f"({value})" if is_sum and text.startswith("{} *") else value
            yield Edit(*spot.source.span(statement.value), text.format(held_value))
    for target in targets if is_named else ():
        for text in expressions(pool, target):
            yield Edit(*spot.source.span(statement.value), text)


def _may_be_right(trial: Trial, spot: Spot, edit: Edit, strictly: bool) -> bool:
    """Whether the edited statement, run by itself, leaves a gradient; or if not strictly, something that may be right."""
    shown, expected = spot.shown, trial.expected
    if shown is None:
        return True
    nodes = expected.nodes(shown.name)
    if not strictly and not nodes:
        return True
    start, end = spot.source.span(spot.statement)
    text = spot.source.text[start : edit.start] + edit.text + spot.source.text[edit.end : end]
    variables = {name: kept(value) for name, value in spot.before.items() if "[" not in name}
    trial.effort += 2
    with np.errstate(all="ignore"):
        try:
            exec(compile(textwrap.dedent(text), "<edit>", "exec"), dict(spot.source.function.__globals__), variables)
            value = eval(shown.name, {}, variables)
        except Exception:
            return False
    if strictly:
        return any(expected.is_gradient(value, node) for node in nodes or expected.passage.gradients)
    return any(expected.factor(value, node) is not None or expected.is_part(value, node) for node in nodes)


def _with(made: Edits, source: Source, edit: Edit) -> Edits:
    overlapping = any(one.start < edit.end and edit.start < one.end for one in made.get(source, []))
    return made if overlapping else {**made, source: [*made.get(source, []), edit]}


def _culprit(spot: Spot, edit: Edit | None, run: Recording) -> Culprit:
    source, statement = spot.source, spot.statement
    start, end = source.span(statement)
    text = source.text[start:end]
    line = source.line(statement)
    shown = spot.shown
    proposal = None if edit is None else text[: edit.start - start] + edit.text + text[edit.end - start :]
    runs = 0 if shown is None else run.run(shown.line)
    name = shown.name if shown is not None else "what it returns" if run.error is None else "its result"
    verdict = "wrong" if run.error is None or shown is not None else f"not there: it raised {type(run.error).__name__}"
    iteration = shown.iteration if shown is not None and runs > 1 else None
    return Culprit(line, text, name, iteration, verdict, proposal, source.function.__name__)
