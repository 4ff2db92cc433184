"""Passes: from a snapshot to one that is better to draw."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import replace
from itertools import count

from .snapshot import Snapshot, Vertex

REPEATED_INPUT, REPEATED_RESULT = 4, 10
"""An input, or a result, that so many operations use is drawn once more beside each of them."""


def last_operations(snapshot: Snapshot, limit: int) -> Snapshot:
    """The last `limit` operations and what they read; what came before becomes one vertex, which says how much it is.

    That vertex has the id 0; the others keep theirs. A smaller snapshot is returned as it is.
    """
    results = [vertex for vertex in snapshot.vertices if vertex.operation is not None]
    if len(results) <= limit:
        return snapshot
    kept = {vertex.id for vertex in results[len(results) - limit :]} | set(snapshot.outputs)
    read = {operand for vertex in results if vertex.id in kept for operand in vertex.operands}
    kept |= {vertex.id for vertex in snapshot.vertices if vertex.operation is None and vertex.id in read}
    gone = [vertex for vertex in snapshot.vertices if vertex.id not in kept]
    omitted = Vertex(
        id=0,
        kind="omitted",
        name=f"{len(gone):,} earlier values left out",
        shape=(),
        dtype="",
        requires_grad=any(vertex.requires_grad for vertex in gone),
    )
    vertices = tuple(
        replace(vertex, operands=tuple(o if isinstance(o, str) or o in kept else 0 for o in vertex.operands))
        for vertex in snapshot.vertices
        if vertex.id in kept
    )
    return replace(snapshot, vertices=(omitted, *vertices))


def without_constants(snapshot: Snapshot) -> Snapshot:
    """What needs no gradient is not drawn; a formula names it, or calls it a constant."""
    hidden = {
        vertex.id: vertex.name or "constant"
        for vertex in snapshot.vertices
        if not vertex.requires_grad and vertex.id not in snapshot.outputs
    }
    return _without(snapshot, hidden)


def focused(snapshot: Snapshot, centres: Collection[int], depth: int | None) -> Snapshot:
    """What these values were computed from and what was computed from them, to a depth; the rest is named "…"."""
    users: dict[int, list[int]] = defaultdict(list)
    operands: dict[int, list[int]] = {}
    for vertex in snapshot.vertices:
        operands[vertex.id] = [operand for operand in vertex.operands if isinstance(operand, int)]
        for operand in operands[vertex.id]:
            users[operand].append(vertex.id)
    kept = set(centres)
    for neighbours in (operands, users):
        frontier, seen, steps = set(centres), set(centres), 0
        while frontier and (depth is None or steps < depth):
            frontier = {near for one in frontier for near in neighbours.get(one, ())} - seen
            seen |= frontier
            steps += 1
        kept |= seen
    hidden = {vertex.id: vertex.name or "…" for vertex in snapshot.vertices if vertex.id not in kept}
    focus = _without(snapshot, hidden)
    outputs = tuple(output for output in snapshot.outputs if output in kept) or (max(kept),)
    note = f"{len(hidden):,} values far from the focus are left out" if hidden else ""
    return replace(focus, outputs=outputs, note=note)


def _without(snapshot: Snapshot, hidden: dict[int, str]) -> Snapshot:
    vertices = tuple(
        replace(vertex, operands=tuple(hidden.get(o, o) if isinstance(o, int) else o for o in vertex.operands))
        for vertex in snapshot.vertices
        if vertex.id not in hidden
    )
    return replace(snapshot, vertices=vertices)


def repeated(snapshot: Snapshot) -> Snapshot:
    """What many operations use, once more beside each of them, so that no long arrows make a knot of the picture.

    The copies have ids that follow on the others. A copy of a result has the kind "again", and where the result has no
    name both are called by its id, as #12; an input has nothing but copies.
    """
    uses = Counter(operand for vertex in snapshot.vertices for operand in set(vertex.operands))
    originals = {
        vertex.id: replace(
            vertex,
            uses=uses[vertex.id],
            name=vertex.name or (f"#{vertex.id}" if vertex.operation else None),
            members=vertex.members or (vertex.id,),
        )
        for vertex in snapshot.vertices
        if uses[vertex.id] >= (REPEATED_RESULT if vertex.operation else REPEATED_INPUT)
    }
    unused = count(max(vertex.id for vertex in snapshot.vertices) + 1)
    vertices: list[Vertex] = []
    for vertex in snapshot.vertices:
        copies: dict[int | str, int] = {}
        for operand in vertex.operands:
            if operand in originals and operand not in copies:
                copies[operand] = next(unused)
                vertices.append(_copy(originals[operand], copies[operand]))
        if vertex.operation or vertex.id not in originals:
            operands = tuple(copies.get(operand, operand) for operand in vertex.operands)
            vertices.append(replace(originals.get(vertex.id, vertex), operands=operands))
    return replace(snapshot, vertices=tuple(vertices))


def _copy(vertex: Vertex, identity: int) -> Vertex:
    if vertex.operation is None:
        return replace(vertex, id=identity)
    return replace(vertex, id=identity, kind="again", operation=None, operands=(), parameters=())
