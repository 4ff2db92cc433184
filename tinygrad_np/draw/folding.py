"""Passes that draw many operations as few: steps of a loop as one with an arrow back, a function or module as one box.

A loop runs the same instructions again and again, so the operations that it recorded repeat themselves. Drawn once,
with an arrow from what a step hands to the next, they are the picture that textbooks draw of a recurrent network.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .scopes import ModuleRun
from .snapshot import Snapshot, Vertex

FEWEST_REPEATS = 3
LONGEST_STEP = 2000
"""More operations than this are not looked for as one step of a loop."""

LONGEST_CALL = 50
"""More operations than this are not looked for as one call of several at the same place."""

FEW_PARAMETERS = 4
"""A module's box has arrows from its parameters, unless these are more."""

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
    runs = repetitions([(v.origin, v.operation, v.shape, v.times, len(v.operands)) for v in results])
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


def by_module(
    snapshot: Snapshot, opened: Collection[str] = (), closed: Collection[str] = (), depth: int = 0
) -> Snapshot:
    """What each module computed as one box; modules that are made of others are open, these in their boxes.

    Open are the outermost module, and one that is all there is in an open one, if they are the user's own, or if more
    modules ran in them than operations of their own; and those to a `depth`, whatever they are. `opened` and `closed`
    are paths or classes of modules that are to be the one or the other.
    """
    results = [vertex for vertex in snapshot.vertices if vertex.operation is not None and vertex.modules]
    if not results:
        return snapshot
    operations = Counter(run for vertex in results for run in vertex.modules)
    within = {run: vertex.modules[:place] for vertex in results for place, run in enumerate(vertex.modules)}
    children = Counter(outer[-1] for outer in within.values() if outer)
    own = Counter(vertex.modules[-1] for vertex in results)
    wanted = {outer for run, outer in within.items() if _is_one_of(run, opened)}
    is_open: dict[ModuleRun, bool] = {}
    for run in sorted(within):
        outer = within[run][-1] if within[run] else None
        is_all = outer is None or (is_open[outer] and operations[outer] == operations[run])
        is_made_of_others = children[run] > own[run] or not run.is_ours
        is_open[run] = (
            (is_all and is_made_of_others and not _is_one_of(run, closed))
            or len(within[run]) < depth
            or _is_one_of(run, opened)
            or any(run in outer for outer in wanted)
        )
    groups: dict[ModuleRun, list[Vertex]] = defaultdict(list)
    home: dict[int, ModuleRun] = {}
    for vertex in results:
        box = next((run for run in vertex.modules if not is_open[run]), None)
        if box is not None:
            groups[box].append(vertex)
            home[vertex.id] = box
    held = _held_within(snapshot, home)
    return _folded(snapshot, [(run.title, [*held[run], *group]) for run, group in groups.items() if len(group) > 1])


def _held_within(snapshot: Snapshot, home: Mapping[int, ModuleRun]) -> dict[ModuleRun, list[Vertex]]:
    """What is drawn inside a module's box, if nothing else reads it: its parameters, if there are many, and masks."""
    readers: dict[int | str, set[ModuleRun | None]] = defaultdict(set)
    for vertex in snapshot.vertices:
        for operand in vertex.operands:
            readers[operand].add(home.get(vertex.id))
    parameters: dict[ModuleRun, list[Vertex]] = defaultdict(list)
    held: dict[ModuleRun, list[Vertex]] = defaultdict(list)
    for vertex in snapshot.vertices:
        (box, *others) = readers[vertex.id] or {None}
        if box is not None and not others:
            if vertex.kind == "parameter":
                parameters[box].append(vertex)
            elif vertex.kind == "data" and vertex.dtype == "bool":
                held[box].append(vertex)
    for box, found in parameters.items():
        held[box] += found if len(found) > FEW_PARAMETERS else []
    return held


def _is_one_of(run: ModuleRun, names: Collection[str]) -> bool:
    return run.kind in names or (bool(run.path) and run.path in names)


def by_call(snapshot: Snapshot, opened: Collection[str] = ()) -> Snapshot:
    """What one call of a library function computed as one box with the function's name, those `opened` excepted."""
    groups: list[list[Vertex]] = []
    for vertex in snapshot.vertices:
        if vertex.operation is None:
            continue
        if groups and vertex.call is not None and groups[-1][-1].origin == vertex.origin:
            groups[-1].append(vertex)
        else:
            groups.append([vertex])
    calls = [call for group in groups for call in _single_calls(group)]
    return _folded(snapshot, [(call[0].call or "", call) for call in calls if call[0].call not in opened])


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
    return _folded(snapshot, [(group[-1].origin[1] if group[-1].origin else "", group) for group in groups])


def _folded(snapshot: Snapshot, named: list[tuple[str, list[Vertex]]]) -> Snapshot:
    """Each group of several operations as one vertex with its name and the id of its last result."""
    groups = [(name, group) for name, group in named if len(group) > 1]
    if not groups:
        return snapshot
    home = {vertex.id: group[-1].id for _, group in groups for vertex in group}
    boxes = {group[-1].id: (name, group) for name, group in groups}
    vertices = []
    for vertex in snapshot.vertices:
        if home.get(vertex.id, vertex.id) != vertex.id:
            continue
        name, group = boxes.get(vertex.id, ("", [vertex]))
        read = [operand for one in group for operand in one.operands if isinstance(operand, int)]
        moved = dict.fromkeys(home.get(operand, operand) for operand in read)
        moved.pop(vertex.id, None)
        if vertex.id in boxes:
            # An arrow from the step before ends at the box as a whole, which has no place among the operands.
            back = dict.fromkeys(home.get(operand, operand) for one in group for _, operand in one.loops)
            loops = tuple((-1, operand) for operand in back if operand != vertex.id)
            vertex = replace(_box(name, group, tuple(moved)), loops=loops)
        elif vertex.loops or not home.keys().isdisjoint(read):
            operands = tuple(o if isinstance(o, str) else home.get(o, o) for o in vertex.operands)
            loops = tuple((position, home.get(operand, operand)) for position, operand in vertex.loops)
            vertex = replace(vertex, operands=operands, loops=loops)
        vertices.append(vertex)
    outputs = tuple(dict.fromkeys(home.get(output, output) for output in snapshot.outputs))
    return replace(snapshot, vertices=tuple(vertices), outputs=outputs)


def _box(name: str, group: list[Vertex], operands: tuple[int, ...]) -> Vertex:
    return replace(
        group[-1],
        operation=name.replace("<locals>.", "") or "function",
        operands=operands,
        parameters=(),
        call=None,
        members=tuple(identity for vertex in group for identity in vertex.members or (vertex.id,)),
        inside=sum(vertex.inside or 1 for vertex in group if vertex.operation is not None),
        held=sum(vertex.held or vertex.kind == "parameter" for vertex in group),
    )
