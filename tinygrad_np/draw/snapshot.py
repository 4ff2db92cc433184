"""A snapshot of the graph behind a tensor: plain data, that outlives the graph and knows nothing of how it is drawn.

    snapshot([(node, array)]).snapshot  ->  Snapshot(vertices=(Vertex(id=1, name="W1", ...), ...), outputs=(17,))

A vertex is one value: a leaf, a constant array, or the result of an operation, which stands in the same vertex. The ids
count from 1 in the order in which the values were made, so that the same program gives the same snapshot every time.
"""

from __future__ import annotations

import dis
import gc
import inspect
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from operator import attrgetter
from types import CodeType
from typing import Any, Literal, NamedTuple

import numpy as np

from ..check.passage import saved_values
from ..errors import FreedGraphError, describe
from ..graph import LET_GO, RECENT, Node, ancestors
from ..instructions import called_at
from ..primitive import Primitive
from .numbers import Numbers
from .scopes import ModuleRun, module_runs

Kind = Literal["parameter", "data", "result", "omitted", "again"]

Verdict = Literal["agrees", "differs", "first to differ"]

Origin = tuple[str, str, int]
"""A file, a function and an instruction in it."""

LONGEST_TEXT = 40
"""Longer parameters are cut."""


@dataclass(slots=True)
class Vertex:
    """One value of the graph, and the operation that made it.

    Attributes: `id`; `kind`, a "parameter" (a leaf that requires a gradient), "data" (a constant) or the "result" of an
    operation (passes add "omitted", which stands for all that was left out, and "again", a result drawn once more);
    `name`; `shape`; `dtype`; `operation`, None for a leaf; `operands`, for each input the id of its vertex, or the text
    of a number; `parameters`, names and texts of those that are not the default; `requires_grad`; `value`, if it is one
    number and still known; `place`, the line of the user's code; `origin`, its file, function and instruction;
    `call`, the function that was called there, if it computed more than this; `modules`, the runs of modules in which
    it was computed, the outermost first.

    What passes add: `uses`, the number of operations that use it, if it is drawn once for each of them; `numbers`, of
    its value as far as that is known; `gradient`, the numbers of its gradient, None if there is none; `pending`,
    whether no backward pass has reached a parameter yet; `flows`, for each operand the norm of what flows back to it,
    and `shares`, which part of its gradient that is; `formulas`, for each operand that of the contribution; `verdict`
    on the hand-written gradient; `members`, the ids of all values that are drawn here as one, `times` as many
    repetitions of a step, in each of which `inside` operations and `held` parameters are folded; `loops`, a position
    among the operands and the id of what arrives there from the step before; `mark`, what a comparison says of it.
    """

    id: int
    kind: Kind
    name: str | None
    shape: tuple[int, ...]
    dtype: str
    operation: str | None = None
    operands: tuple[int | str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    requires_grad: bool = False
    value: float | None = None
    place: str | None = None
    origin: Origin | None = None
    call: str | None = None
    modules: tuple[ModuleRun, ...] = ()
    uses: int | None = None
    numbers: Numbers | None = None
    gradient: Numbers | None = None
    pending: bool = False
    flows: tuple[float | None, ...] = ()
    shares: tuple[float | None, ...] = ()
    formulas: tuple[str | None, ...] = ()
    verdict: Verdict | None = None
    members: tuple[int, ...] = ()
    times: int = 1
    inside: int = 0
    held: int = 0
    loops: tuple[tuple[int, int], ...] = ()
    mark: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """The vertices, in order of their ids, the ids of the outputs, and what a pass has to say of what it left out."""

    vertices: tuple[Vertex, ...]
    outputs: tuple[int, ...]
    note: str = ""

    @property
    def output(self) -> int:
        """The id of the first output."""
        return self.outputs[0]


class Taken(NamedTuple):
    """A snapshot, and what the numbers in it are read from: by id the node, and the value as far as it is known."""

    snapshot: Snapshot
    nodes: dict[int, Node]
    values: dict[int, Any]


@contextmanager
def collector_paused() -> Iterator[None]:
    """No search for garbage: of what a snapshot is made none is, and it would be looked through again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def snapshot(outputs: Sequence[tuple[Node | None, Any]], variables: Mapping[int, str] | None = None) -> Taken:
    """The graph behind some nodes, each with its array: every value once, in O(nodes).

    `variables` has by the identity of a plain array, or of a leaf without a name, the variable that holds it.
    """
    known = {} if variables is None else variables
    roots = {node: value for node, value in outputs if node is not None}
    reached = {node for root in roots for node in ancestors(root)}
    for node in reached:
        if node.inputs is LET_GO:
            raise FreedGraphError(
                f"the graph behind {describe(node.shape, node.dtype, node.name)} ({node.place}) was let go: since its "
                f"backward pass {RECENT} others have freed theirs; draw it before, or compute the value anew."
            )
    behind = {parent for node in reached for parent in node.inputs if type(parent) is Node}
    nodes = sorted(behind | set(roots), key=attrgetter("number"))
    vertices: list[Vertex] = []
    ids: dict[int, int] = {}
    values: dict[int, Any] = {}
    runs = module_runs(nodes)
    calls = _calls(nodes, runs)
    places: dict[tuple[int, int], tuple[str, Origin]] = {}
    for node in nodes:
        operands: list[int | str] = []
        for parent in node.inputs:
            identity = ids.get(id(parent))
            if identity is None:
                literal = _literal(parent)
                if literal is not None:
                    operands.append(literal)
                    continue
                # An array has no number: it comes just before the first operation that reads it.
                identity = ids[id(parent)] = len(vertices) + 1
                vertices.append(_data(identity, parent, known))
                values[identity] = parent
            operands.append(identity)
        identity = ids[id(node)] = len(vertices) + 1
        value = roots.get(node, node.value)
        call, modules = calls.get(node), runs.get(node, ())
        vertices.append(_vertex(identity, node, tuple(operands), _number(value), known, call, places, modules))
        if value is not None:
            values[identity] = value
        for owner, array in saved_values(node):
            values.setdefault(ids[id(owner)], array)
    for root, value in outputs:
        if root is None and id(value) not in ids:  # a constant
            ids[id(value)] = len(vertices) + 1
            vertices.append(_data(ids[id(value)], value, known))
            values[ids[id(value)]] = value
    ends = tuple(dict.fromkeys(ids[id(value if root is None else root)] for root, value in outputs))
    return Taken(Snapshot(tuple(vertices), ends), {ids[id(node)]: node for node in nodes}, values)


def _vertex(
    identity: int,
    node: Node,
    operands: tuple[int | str, ...],
    value: float | None,
    variables: Mapping[int, str],
    call: str | None,
    places: dict[tuple[int, int], tuple[str, Origin]],
    modules: tuple[ModuleRun, ...],
) -> Vertex:
    plan, code = node.plan, node._code
    spot = id(code), node._instruction
    if spot not in places:
        function = getattr(code, "co_qualname", code.co_name)
        places[spot] = node.place, (code.co_filename, function, _instruction(code, node._instruction))
    place, origin = places[spot]
    name = variables.get(id(node)) if node.name is None and plan is None else node.name
    return Vertex(
        id=identity,
        kind="result" if plan else "parameter" if node.requires_grad else "data",
        name=None if name is None else str(name),
        shape=tuple(node.shape),
        dtype=_dtype_text(node.dtype),
        operation=plan.primitive.name if plan else None,
        operands=operands,
        parameters=_unusual(plan.primitive, node.parameters) if plan else (),
        requires_grad=node.requires_grad,
        value=value,
        place=place,
        origin=origin,
        call=call,
        modules=modules,
        pending=node.grad is None and node.requires_grad,
    )


def _calls(nodes: Sequence[Node], runs: Mapping[Node, tuple[ModuleRun, ...]]) -> dict[Node, str]:
    """For operations that were recorded one after another at one call in the user's code, its function's name.

    What a module of this package computed is the module's own.
    """
    calls: dict[Node, str] = {}
    results = [node for node in nodes if node.plan is not None and not (node in runs and runs[node][-1].is_ours)]
    known: dict[tuple[int, int], str] = {}
    for one, other in pairwise(results):
        if one._code is other._code and one._instruction == other._instruction:
            spot = id(one._code), one._instruction
            if spot not in known:
                known[spot] = called_at(*one.instruction).rpartition(".")[2]
            if known[spot]:
                calls[one] = calls[other] = known[spot]
    return calls


_dtype_text = lru_cache(maxsize=64)(str)


def _instruction(code: CodeType, offset: int) -> int:
    """Where the instruction begins that an offset points into: within it, that differs from call to call."""
    starts = _starts(code)
    return starts[bisect_right(starts, offset) - 1] if starts else offset


@lru_cache(maxsize=256)
def _starts(code: CodeType) -> list[int]:
    return [instruction.offset for instruction in dis.get_instructions(code)]


def _data(identity: int, array: Any, variables: Mapping[int, str]) -> Vertex:
    name = variables.get(id(array))
    return Vertex(identity, "data", name, tuple(array.shape), str(array.dtype), value=_number(array))


def _literal(constant: Any) -> str | None:
    """The text of a constant that is a single number, None for an array."""
    if not hasattr(constant, "shape"):
        return text(constant)
    return text(constant.item()) if isinstance(constant, np.ndarray | np.generic) and constant.ndim == 0 else None


def _number(array: Any) -> float | None:
    """The value of a one-element array of NumPy; others are lazy, and are not looked at."""
    return array.item() if isinstance(array, np.ndarray | np.generic) and array.size == 1 else None


def _unusual(primitive: Primitive, parameters: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Names and texts of the parameters that are not the default."""
    if not parameters:
        return ()
    defaults = _default_texts(primitive)
    texts = [(name, text(value)) for name, value in parameters.items()]
    return tuple((name, written) for name, written in texts if defaults.get(name) != written)


@lru_cache(maxsize=256)
def _default_texts(primitive: Primitive) -> dict[str, str]:
    arguments = inspect.signature(primitive.forward).parameters.values()
    return {argument.name: text(argument.default) for argument in arguments if argument.default is not argument.empty}


def text(value: Any) -> str:
    """How a constant or a parameter is written: a number to four digits, an array by its shape, an index as one.

    >>> text(1 / 3), text((slice(None), slice(0, 2))), text(np.ones((2, 3)))
    ('0.3333', '(:, 0:2)', 'array (2, 3)')
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        written = f"{value:.4g}"
    elif isinstance(value, slice):
        ends = ["" if end is None else text(end) for end in (value.start, value.stop)]
        written = ":".join(ends if value.step is None else [*ends, text(value.step)])
    elif isinstance(value, tuple):
        written = f"({', '.join(map(text, value))}{',' if len(value) == 1 else ''})"
    elif value is Ellipsis:
        written = "..."
    elif hasattr(value, "shape") and hasattr(value, "dtype"):
        written = f"array {tuple(value.shape)}"
    elif isinstance(value, np.dtype):
        written = str(value)
    else:
        # An address in memory would differ from run to run.
        written = getattr(value, "__name__", None) or re.sub(" at 0x[0-9a-fA-F]+", "", repr(value))
    return written if len(written) <= LONGEST_TEXT else written[: LONGEST_TEXT - 3] + "..."
