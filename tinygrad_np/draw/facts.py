"""A pass that fills in the numbers: values, gradients, what flows back along each arrow, verdicts on yours.

It comes last, so that only what is drawn is looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..check.steps import BackwardStep
from ..graph import NOT_KEPT, Node
from .numbers import Numbers, numbers
from .snapshot import Snapshot, Taken, Verdict, Vertex

SEVERITY: tuple[Verdict, ...] = ("agrees", "differs", "first to differ")
"""Of several values that are drawn as one, the last of these verdicts is said."""


@dataclass
class Flow:
    """What went by in a backward pass: the gradient of each node; norm and formula of each contribution.

    A contribution is found by the node that it comes from and the index of the input that it goes to.
    """

    gradients: dict[Node, Any] = field(default_factory=dict)
    norms: dict[tuple[Node, int], float] = field(default_factory=dict)
    formulas: dict[tuple[Node, int], str] = field(default_factory=dict)

    def watch(self, step: BackwardStep) -> None:
        """Take note of a step; several passes add up."""
        before = self.gradients.get(step.node)
        self.gradients[step.node] = step.upstream if before is None else before + step.upstream
        for contribution in step.contributions:
            key = step.node, contribution.index
            if isinstance(contribution.value, np.ndarray):
                self.norms[key] = self.norms.get(key, 0.0) + float(np.linalg.norm(np.ravel(contribution.value)))
            self.formulas[key] = contribution.formula


def with_facts(snapshot: Snapshot, taken: Taken, flow: Flow | None, verdicts: Mapping[Node, Verdict]) -> Snapshot:
    """The snapshot with the numbers of all that it draws; without a flow, the gradients are those that were kept."""
    arrived: dict[int, float] = defaultdict(float)
    flows: dict[int, tuple[float | None, ...]] = {}
    if flow is not None:
        for vertex in snapshot.vertices:
            node = taken.nodes.get(vertex.id)
            if node is not None and not vertex.inside and not vertex.members:
                flows[vertex.id] = tuple(flow.norms.get((node, index)) for index in range(len(vertex.operands)))
                for operand, norm in zip(vertex.operands, flows[vertex.id], strict=True):
                    if isinstance(operand, int) and norm is not None:
                        arrived[operand] += norm
    named = {vertex.id for vertex in snapshot.vertices if vertex.name}
    vertices = []
    for vertex in snapshot.vertices:
        norms = flows.get(vertex.id, ())
        node = taken.nodes.get(vertex.id)
        formulas: tuple[str | None, ...] = ()
        if flow is not None and node is not None and norms:
            # A formula for what has no name says little.
            formulas = tuple(
                flow.formulas.get((node, index)) if operand in named else None
                for index, operand in enumerate(vertex.operands)
            )
        shares = tuple(
            norm / arrived[operand] if norm is not None and isinstance(operand, int) and arrived[operand] else None
            for operand, norm in zip(vertex.operands, norms, strict=False)
        )
        members = _members(vertex, taken)
        drawn = [taken.nodes[one] for one in vertex.members or (vertex.id,) if one in taken.nodes]
        judged = [verdicts[node] for node in drawn if node in verdicts]
        verdict = max(judged, key=SEVERITY.index, default=None)
        gradient = _gradient(members, flow)
        values = [taken.values[identity] for identity in vertex.members or (vertex.id,) if identity in taken.values]
        vertices.append(
            replace(
                vertex,
                numbers=None if vertex.inside else numbers(values),
                gradient=gradient,
                pending=vertex.pending and gradient is None,
                flows=norms,
                shares=shares,
                formulas=formulas,
                verdict=verdict,
            )
        )
    return replace(snapshot, vertices=tuple(vertices))


def _members(vertex: Vertex, taken: Taken) -> list[Node]:
    """The nodes that a vertex stands for: of a folded function the last, which is its result."""
    ids = vertex.members[-1:] if vertex.inside else vertex.members or (vertex.id,)
    return [taken.nodes[identity] for identity in ids if identity in taken.nodes]


def _gradient(nodes: list[Node], flow: Flow | None) -> Numbers | None:
    if flow is not None:
        found = [flow.gradients[node] for node in nodes if node in flow.gradients]
    else:
        found = [node.grad for node in nodes if node.grad is not NOT_KEPT and node.grad is not None]
    return numbers(found)
