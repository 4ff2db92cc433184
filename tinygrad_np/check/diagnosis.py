"""Tell which of several wrong gradients is the mistake, and which merely follow from it.

Whoever writes a backward pass by hand computes each gradient from the one before. A mistake therefore spreads; but it
spreads in a way that is known, since the backward pass is linear: the error of one gradient, sent through the graph, is
the error that it causes in all later ones. What is left over after subtracting that is a mistake of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import listed
from ..graph import Node
from .mistakes import mistake
from .passage import Compared, Passage, described, implied_errors
from .tolerance import judge

MANY = 6
"""More operations than this are counted, not listed."""


class Finding(NamedTuple):
    """What is said of one gradient: a diagnosis if it has a mistake of its own, else whose mistakes it follows from."""

    diagnosis: str = ""
    follows_from: tuple[str, ...] = ()


class _Source(NamedTuple):
    """An error that begins at one gradient, and what it makes of all later ones; the name is None if it ends one."""

    name: str | None
    errors: dict[Node, Any]


def diagnose(passage: Passage, compared: Sequence[Compared]) -> list[Finding]:
    """A finding for each gradient; they are to be in the order of the backward pass."""
    with np.errstate(all="ignore"):
        return _with_consequences(compared, _findings(passage, compared))


def _findings(passage: Passage, compared: Sequence[Compared]) -> list[Finding]:
    findings: list[Finding] = []
    sources: list[_Source] = []
    for one in compared:
        arriving = [source for source in sources if one.node in source.errors]
        implied = sum((source.errors[one.node] for source in arriving), np.zeros(one.node.shape))
        if one.is_wrong and one.fits and _explains(one, implied):
            findings.append(Finding(follows_from=_names(one, arriving)))
            continue
        if one.is_wrong:
            findings.append(Finding(_sentence(one, passage, compared, bool(_names(one, arriving)))))
        else:
            findings.append(Finding())
        own = (one.manual - one.gradient if one.is_wrong and one.fits else 0) - implied
        if one.node.plan is not None and np.any(own != 0):
            errors = implied_errors(one.node, own.astype(one.node.dtype))
            sources.append(_Source(one.name if one.is_wrong else None, errors))
    return findings


def _explains(one: Compared, implied: Any) -> bool:
    """Whether the gradient is what an error made earlier has to make of it."""
    if not np.any(implied != 0):
        return False
    expected = one.gradient + implied
    growth = np.nanmax(np.abs(expected), initial=0.0) / max(np.nanmax(np.abs(one.gradient), initial=0.0), 1e-300)
    noise = np.max(one.noise, initial=0.0) * max(1.0, growth)
    return not judge(one.manual, expected, one.eps, noise).wrong.any()


def _names(one: Compared, arriving: list[_Source]) -> tuple[str, ...]:
    """The mistakes that reach this gradient with more than rounding."""
    return tuple(
        source.name
        for source in arriving
        if source.name is not None
        and judge(one.gradient + source.errors[one.node], one.gradient, one.eps, one.noise).wrong.any()
    )


def _with_consequences(compared: Sequence[Compared], findings: list[Finding]) -> list[Finding]:
    """The findings, with what follows from each mistake alone said at its end."""
    complete = []
    for one, finding in zip(compared, findings, strict=True):
        following = [
            other.name
            for other, its in zip(compared, findings, strict=True)
            if its.follows_from == (one.name,) and other is not one
        ]
        if finding.diagnosis and following:
            verb = "is" if len(following) == 1 else "are"
            sentence = f"{finding.diagnosis} Once it is repaired, {listed(following)} {verb} right too."
            finding = finding._replace(diagnosis=sentence)
        complete.append(finding)
    return complete


def _sentence(one: Compared, passage: Passage, compared: Sequence[Compared], also_follows: bool) -> str:
    what = f"{one.name} {mistake(one, passage, compared)}."
    starts, operations, names = _way(one, passage, compared)
    if not operations:
        return what
    right = {other.node for other in compared if not other.is_wrong}
    starting = listed([f"{described(node)}{', which is right,' if node in right else ''}" for node in starts])
    where = f"The mistake is made between {starting} and {one.name}"
    if also_follows:
        where = f"Besides what follows from other mistakes it has one of its own, between {starting} and {one.name}"
    if len(operations) > MANY:
        hint = f"; compare {listed(names[:3])} as well to find it" if names else ""
        return f"{what} {where}, in one of {len(operations)} operations{hint}."
    rule = rule_text(operations[0], one.node) if len(operations) == 1 else None
    return f"{what} {where}, in {_in_words(operations)}{f', whose gradient is {rule}' if rule else ''}."


def _way(one: Compared, passage: Passage, compared: Sequence[Compared]) -> tuple[list[Node], list[Node], list[str]]:
    """The next compared gradients on the way to the loss, the operations up to there, and the names on the way."""
    known = {other.node for other in compared} | {passage.root}
    starts: set[Node] = set()
    operations: set[Node] = set()
    waiting = [one.node]
    while waiting:
        for user, _ in passage.uses.get(waiting.pop(), []):
            if user not in operations:
                operations.add(user)
                if user in known:
                    starts.add(user)
                else:
                    waiting.append(user)
    on_the_way = [node.name for node in sorted(operations - starts, key=passage.order) if node.name is not None]
    return (
        sorted(starts, key=passage.order),
        sorted(operations, key=lambda node: node.number),
        on_the_way,
    )


def _in_words(operations: list[Node]) -> str:
    """The operations, those of one line together."""
    lines: dict[str, list[str]] = {}
    for node in operations:
        names = lines.setdefault(node.place, [])
        if node.operation not in names:
            names.append(node.operation)
    return listed([f"{listed(names)} ({place})" for place, names in lines.items()])


def rule_text(operation: Node, value: Node) -> str | None:
    """The gradient rule of an operation for one of its inputs, as a formula; None where there is none to show."""
    assert operation.plan is not None
    formula = getattr(operation.plan.primitive, "formula", None)
    return None if formula is None else formula(operation.inputs.index(value))
