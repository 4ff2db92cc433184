"""Passes that draw many operations as few: the steps of a loop as one with an arrow back, a function as one box.

A loop runs the same instructions again and again, so the operations that it recorded repeat themselves. Drawn once,
with an arrow from what a step hands to the next, they are the picture that textbooks draw of a recurrent network.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from .snapshot import Snapshot, Vertex

FEWEST_REPEATS = 3
LONGEST_STEP = 2000
"""More operations than this are not looked for as one step of a loop."""

LONGEST_CALL = 50
"""More operations than this are not looked for as one call of several at the same place."""

DEEPEST_NESTING = 4
"""So often loops are folded: loops in loops in loops in loops."""


def rolled(snapshot: Snapshot) -> Snapshot:
    """Loops drawn as one step each, `times` as many; loops inside loops too."""
    for _ in range(DEEPEST_NESTING):
        once = _rolled_once(snapshot)
        if once is snapshot:
            break
        snapshot = once
    return snapshot


def _rolled_once(snapshot: Snapshot) -> Snapshot:
    results = [vertex for vertex in snapshot.vertices if vertex.operation is not None]
    runs = repetitions([(vertex.origin, vertex.operation, vertex.shape, vertex.times) for vertex in results])
    if not runs:
        return snapshot
    first: dict[int, int] = {}
    step: dict[int, tuple[int, int]] = {}
    second: dict[int, Vertex] = {}
    vertex_of = {vertex.id: vertex for vertex in snapshot.vertices}
    for run, (start, period, times) in enumerate(runs):
        for offset in range(period):
            repeats = results[start + offset : start + times * period : period]
            second[repeats[0].id] = repeats[1]
            for count, vertex in enumerate(repeats):
                first[vertex.id] = repeats[0].id
                step[vertex.id] = run, count
            for operands in zip(*(vertex.operands for vertex in repeats), strict=True):
                _merge_leaves(operands, first, vertex_of)
    members: dict[int, list[Vertex]] = defaultdict(list)
    for vertex in snapshot.vertices:
        members[first.get(vertex.id, vertex.id)].append(vertex)

    def moved(operand: int | str) -> int | str:
        return operand if isinstance(operand, str) else first.get(operand, operand)

    vertices = []
    for vertex in snapshot.vertices:
        if first.get(vertex.id, vertex.id) != vertex.id:
            continue
        merged = _merged(members[vertex.id])
        loops = [(position, int(moved(operand))) for position, operand in vertex.loops]
        if vertex.id in second:
            run = step[vertex.id][0]
            for position, operand in enumerate(second[vertex.id].operands):
                if isinstance(operand, int) and step.get(operand) == (run, 0):
                    loops.append((position, int(moved(operand))))
        operands = tuple(map(moved, vertex.operands))
        vertices.append(replace(merged, operands=operands, loops=tuple(dict.fromkeys(loops))))
    outputs = tuple(dict.fromkeys(first.get(output, output) for output in snapshot.outputs))
    return replace(snapshot, vertices=tuple(vertices), outputs=outputs)


def _merge_leaves(operands: Sequence[int | str], first: dict[int, int], vertex_of: dict[int, Vertex]) -> None:
    """Leaves that stand in the same place of each step, one for each, are drawn as one."""
    distinct = dict.fromkeys(operands)
    if len(distinct) < FEWEST_REPEATS or not all(isinstance(operand, int) for operand in distinct):
        return
    leaves = [vertex_of[operand] for operand in distinct if isinstance(operand, int)]
    if all(leaf.operation is None and leaf.kind == leaves[0].kind and leaf.id not in first for leaf in leaves):
        first.update((leaf.id, leaves[0].id) for leaf in leaves)


def _merged(vertices: Sequence[Vertex]) -> Vertex:
    one = vertices[0]
    if len(vertices) == 1:
        return one
    ids = tuple(identity for vertex in vertices for identity in vertex.members or (vertex.id,))
    names = list(dict.fromkeys(vertex.name for vertex in vertices if vertex.name))
    return replace(
        one,
        name=names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}" if names else None,
        times=one.times * len(vertices),
        value=None,
        members=ids,
        pending=any(vertex.pending for vertex in vertices),
    )


def repetitions(keys: Sequence[Any]) -> list[tuple[int, int, int]]:
    """Where a sequence repeats itself: (start, period, times), one after another, found in about linear time.

    >>> repetitions("xababab")
    [(1, 2, 3)]
    """
    runs: list[tuple[int, int, int]] = []
    last: dict[Any, int] = {}
    position = free = 0
    while position < len(keys):
        key = keys[position]
        period = position - last.get(key, position)
        last[key] = position
        position += 1
        if not 0 < period <= LONGEST_STEP or position - 1 - period < free:
            continue
        end = position
        while end < len(keys) and keys[end] == keys[end - period]:
            end += 1
        start = position - 1 - period
        times = (end - start) // period
        if times >= FEWEST_REPEATS:
            runs.append((start, period, times))
            free = start + times * period
            for index in range(position, free):
                last[keys[index]] = index
            position = free
    return runs


def by_call(snapshot: Snapshot) -> Snapshot:
    """What one call of a library function computed as one box with the function's name."""
    groups: list[list[Vertex]] = []
    for vertex in snapshot.vertices:
        if vertex.operation is None:
            continue
        if groups and vertex.call is not None and groups[-1][-1].origin == vertex.origin:
            groups[-1].append(vertex)
        else:
            groups.append([vertex])
    calls = [call for group in groups for call in _single_calls(group)]
    return _folded(snapshot, [call for call in calls if len(call) > 1])


def _single_calls(group: list[Vertex]) -> list[list[Vertex]]:
    """Parts of equal operations: a loop calls its function at the same instruction again and again."""
    keys = [(vertex.operation, vertex.shape) for vertex in group]
    for period in range(1, len(keys) // 2 + 1):
        if len(keys) % period == 0 and keys == keys[:period] * (len(keys) // period):
            return [group[start : start + period] for start in range(0, len(group), period)]
        if period > LONGEST_CALL:
            break
    return [group]


def by_function(snapshot: Snapshot, names: Collection[str] | None = None) -> Snapshot:
    """What one of the user's functions computed in a row as one box with the function's name.

    `names` are the functions to fold; None folds all but the one that computed the outputs.
    """
    outermost = {vertex.origin[:2] for vertex in snapshot.vertices if vertex.id in snapshot.outputs and vertex.origin}
    groups: list[list[Vertex]] = []
    for vertex in snapshot.vertices:
        if vertex.operation is None or vertex.origin is None:
            continue
        where = vertex.origin[:2]
        short = where[1].rpartition(".")[2]
        wanted = where not in outermost if names is None else where[1] in names or short in names
        if not wanted or short.startswith("<module"):
            groups.append([vertex])
        elif groups and groups[-1][-1].origin is not None and groups[-1][-1].origin[:2] == where:
            groups[-1].append(vertex)
        else:
            groups.append([vertex])
    return _folded(snapshot, [group for group in groups if len(group) > 1])


def _folded(snapshot: Snapshot, groups: list[list[Vertex]]) -> Snapshot:
    """Each group, computed in a row, as one vertex with the id of its last result."""
    if not groups:
        return snapshot
    home = {vertex.id: group[-1].id for group in groups for vertex in group}
    boxes = {group[-1].id: group for group in groups}
    vertices = []
    for vertex in snapshot.vertices:
        if home.get(vertex.id, vertex.id) != vertex.id:
            continue
        group = boxes.get(vertex.id, [vertex])
        read = [operand for one in group for operand in one.operands if isinstance(operand, int)]
        moved = dict.fromkeys(home.get(operand, operand) for operand in read)
        moved.pop(vertex.id, None)
        if vertex.id in boxes:
            vertex = _box(group, tuple(moved))
        elif vertex.loops or not home.keys().isdisjoint(read):
            operands = tuple(o if isinstance(o, str) else home.get(o, o) for o in vertex.operands)
            loops = tuple((position, home.get(operand, operand)) for position, operand in vertex.loops)
            vertex = replace(vertex, operands=operands, loops=loops)
        vertices.append(vertex)
    outputs = tuple(dict.fromkeys(home.get(output, output) for output in snapshot.outputs))
    return replace(snapshot, vertices=tuple(vertices), outputs=outputs)


def _box(group: list[Vertex], operands: tuple[int, ...]) -> Vertex:
    last = group[-1]
    is_call = last.call is not None and all(vertex.origin == last.origin for vertex in group)
    function = last.call if is_call else last.origin[1] if last.origin else None
    return replace(
        last,
        operation=(function or "function").replace("<locals>.", ""),
        operands=operands,
        parameters=(),
        members=tuple(identity for vertex in group for identity in vertex.members or (vertex.id,)),
        inside=sum(vertex.inside or 1 for vertex in group),
        loops=(),
    )
