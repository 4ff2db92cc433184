"""Tell which of several wrong gradients is the mistake, and which merely follow from it.

Whoever writes a backward pass by hand computes each gradient from the one before. A mistake therefore spreads; but it
spreads in a way that is known, since the backward pass is linear: the error of one gradient, sent through the graph, is
the error that it causes in all later ones. What is left over after subtracting that is a mistake of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..errors import listed
from ..formula import formula
from ..graph import Node
from .mistakes import ON_THE_WAY, Scene, mistake
from .passage import Compared, Passage, described
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


class _Way(NamedTuple):
    """From the nearest gradients that are known, through these operations; and the names met in between.

    `is_sure` tells whether these are all operations, none of which is left out for what another gradient says.
    """

    starts: list[Node]
    operations: list[Node]
    names: list[str]
    is_sure: bool = True


class _Mistake(NamedTuple):
    """A gradient with a mistake of its own: what it is, in words, on which way it was made, and what else is in it."""

    one: Compared
    what: str
    way: _Way
    besides: tuple[str, ...]


def diagnose(passage: Passage, compared: Sequence[Compared]) -> list[Finding]:
    """A finding for each gradient; they are to be in the order of the backward pass."""
    with np.errstate(all="ignore"):
        mistakes, following = _told_apart(passage, compared)
    right = {one.node for one in compared if not one.is_wrong}
    diagnoses: dict[str, str] = {}
    for group in _alike(mistakes):
        names = [each.one.name for each in group]
        diagnoses |= dict.fromkeys(names, _paragraph(group, right, passage.root) + _consequences(names, following))
    return [Finding(diagnoses.get(one.name, ""), following.get(one.name, ())) for one in compared]


def _told_apart(passage: Passage, compared: Sequence[Compared]) -> tuple[list[_Mistake], dict[str, tuple[str, ...]]]:
    """The gradients with mistakes of their own; and for those that merely follow, from which."""
    known = {one.node for one in compared} | {passage.root}
    # An operation that a right gradient came through has a right gradient itself: the mistake is made later.
    cleared = {node for one in compared if not one.is_wrong for node in _way(one, passage, known).operations}
    mistakes: list[_Mistake] = []
    following: dict[str, tuple[str, ...]] = {}
    sources: list[_Source] = []
    for one in compared:
        arriving = [source for source in sources if one.node in source.errors]
        implied = sum((source.errors[one.node] for source in arriving), np.zeros(one.node.shape))
        if one.is_wrong:
            causes = _causes(one, arriving)
            expected = replace(one, gradient=one.gradient + implied) if causes else one
            if causes and one.fits and one.agrees(one.manual, expected.gradient):
                following[one.name] = causes
                continue
            way = _way(one, passage, known | cleared)
            whole = _way(one, passage, known)
            what = mistake(expected, Scene(passage, compared, way.operations, whole.operations))
            is_sure = way.operations == whole.operations
            mistakes.append(_Mistake(one, what, way._replace(is_sure=is_sure), causes))
        own = (one.manual - one.gradient if one.is_wrong and one.fits else 0) - implied
        if one.node.plan is not None and np.any(own != 0):
            errors = passage.implied_errors(one.node, own.astype(one.node.dtype))
            sources.append(_Source(one.name if one.is_wrong else None, errors))
    return mistakes, following


def _causes(one: Compared, arriving: list[_Source]) -> tuple[str, ...]:
    """The mistakes that reach this gradient with more than rounding."""
    return tuple(
        source.name
        for source in arriving
        if source.name is not None
        and judge(one.gradient + source.errors[one.node], one.gradient, one.eps, one.noise).wrong.any()
    )


def _way(one: Compared, passage: Passage, known: set[Node]) -> _Way:
    """The way by which a gradient came, from the nearest ones that are known."""
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
    names = [node.name for node in sorted(operations - starts, key=passage.order) if node.name is not None]
    return _Way(
        sorted(starts, key=passage.order), sorted(operations, key=lambda node: node.number), list(dict.fromkeys(names))
    )


def _alike(mistakes: list[_Mistake]) -> list[list[_Mistake]]:
    """The mistakes, those together that are described by the same words and have operations in common."""
    groups: list[list[_Mistake]] = []
    for each in mistakes:
        for group in groups:
            first = group[0]
            if each.what == first.what and each.besides == first.besides and _shared([*group, each]):
                group.append(each)
                break
        else:
            groups.append([each])
    return groups


def _shared(group: list[_Mistake]) -> list[Node]:
    """The operations that are on the ways of all."""
    common = set(group[0].way.operations).intersection(*[each.way.operations for each in group])
    return [node for node in group[0].way.operations if node in common]


def _paragraph(group: list[_Mistake], right: set[Node], root: Node) -> str:
    """What is wrong with one gradient, or with several in the same way, and where the mistake was made."""
    first, names = group[0], [each.one.name for each in group]
    subject = names[0] if len(names) == 1 else f"Each of {listed(names)}"
    besides = f"Besides what follows from {listed(list(first.besides))}, " if first.besides else ""
    what = f"{besides}{subject} {first.what}."
    operations = _shared(group)
    if not operations or first.what.startswith(ON_THE_WAY):
        return what
    starts = [node for node in first.way.starts if all(node in each.way.starts for each in group)] or first.way.starts
    where = f"The mistake is made between {_starting(starts, root, right)} and {'them' if len(names) > 1 else names[0]}"
    # Whoever writes the way to each gradient by itself may have written what they have in common right and wrong.
    same = "" if all(each.way.is_sure for each in group) else ", if it was computed from what the right ones were"
    if len(operations) > MANY:
        hint = f"; compare {listed(first.way.names[:3])} as well to find it" if first.way.names else ""
        return f"{what} {where}, in one of {len(operations)} operations{same}{hint}."
    rule = _rule(operations[0]) if len(operations) == 1 else None
    return f"{what} {where}, in {_in_words(operations)}{f', whose gradient is {rule}' if rule else ''}{same}."


def _starting(starts: list[Node], root: Node, right: set[Node]) -> str:
    """Where the ways start, and which of that is right; the time steps of a loop together."""
    names = {node: "the loss" if node is root else described(node) for node in starts}
    good = list(dict.fromkeys(name for node, name in names.items() if node in right))
    counts = Counter(names.values())
    said = [name if count == 1 else f"{name} ({count} of them)" for name, count in counts.items()]
    which = "which" if len(good) == len(counts) else f"of which {listed(good)}"
    is_one = sum(counts[name] for name in good) == 1
    return listed(said) + (f", {which} {'is' if is_one else 'are'} right," if good else "")


def _consequences(names: list[str], following: dict[str, tuple[str, ...]]) -> str:
    """Who is wrong because of these alone."""
    after = [name for name, causes in following.items() if set(causes) <= set(names)]
    return f" Once it is repaired, {listed(after)} {'is' if len(after) == 1 else 'are'} right too." if after else ""


def _in_words(operations: list[Node]) -> str:
    """The operations, those of one line together."""
    lines: dict[str, list[str]] = {}
    for node in operations:
        names = lines.setdefault(node.place, [])
        if node.operation not in names:
            names.append(node.operation)
    return listed([f"{listed(names)} ({place})" for place, names in lines.items()])


def _rule(operation: Node) -> str | None:
    """The gradient rule of an operation as a formula, if it has only one."""
    assert operation.plan is not None
    rules = operation.plan.rules
    return formula(operation.plan.primitive, rules[0][0], operation.ndim) if len(rules) == 1 else None
