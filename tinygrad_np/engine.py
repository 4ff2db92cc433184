"""The backward pass, as a stream of steps.

`backward_steps(root, seed)` goes from `root` to the newest node that a gradient has reached, and so on. At each node
the upstream gradient, dL/d(this value), is complete: all that used the value is newer, and is done. The node's rules
turn it into a contribution to each input; contributions to the same input add up. A leaf's step has no contributions.

Everyone who needs a backward pass drains this stream: `Tensor.backward` keeps what arrives at the leaves, the
comparison looks at each step. Nobody writes a second walk.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np

from .errors import CaptureError, ChangedValueError, FreedGraphError, LinearAlgebraError, RuleError, describe, reason_of
from .exposure import exposed
from .graph import NOT_KEPT, Node, ancestors, state
from .guarded import unguarded
from .primitive import Rule, handed_over
from .selected import Masks, selection_at
from .unbroadcast import fitted

_NUMPY = (np.ndarray, np.generic)

Lift = Callable[[Any, Node], Any]
"""Makes a Tensor of a saved array and its node, so that the rules record themselves."""


Step = tuple[Node, Any, Sequence[tuple[int, Any]]]
"""A node, the upstream gradient that arrived there, and (index of an input, contribution to it) for each."""

Revise = Callable[[Node, Any, Sequence[tuple[int, Any]]], Sequence[tuple[int, Any]]]
"""Makes other contributions of those of a step, as another choice of slopes at a kink does."""


def backward_steps(
    root: Node,
    seed: Any,
    *,
    nodes: list[Node] | None = None,
    release: bool = False,
    lift: Lift | None = None,
    revise: Revise | None = None,
    targets: Container[Node] | None = None,
) -> Iterator[Step]:
    """Yield the steps of the backward pass from `root`, at which the gradient `seed` (of root's shape) starts.

    With `nodes` the gradient flows through these alone (see graph.between). With `release` each node's saved values are
    freed as soon as it is done. With `lift` the rules are run on Tensors, and so record themselves for a derivative of
    higher order. With `revise` the pass goes on with the contributions that it makes of those of each step. With
    `targets` the pass is made for their gradients and for those that nodes keep: what is added up is written into sums
    of its own, and of the other steps none is yielded.
    Raises FreedGraphError at a node that another backward pass has freed, ChangedValueError at one that read a value
    which was changed since.
    """
    wanted = None if nodes is None else set(nodes)
    gradients: dict[Node, Any] = {root: seed}
    masks: Masks = {}
    newest = [(-root.number, root)]
    observer = state.observer
    # The nodes whose sum is an array that nobody else holds. What a capture adds may be known to the program alone.
    owned: set[Node] | None = set() if targets is not None and observer is None else None
    while newest:
        node = heappop(newest)[1]
        upstream = gradients.pop(node)
        if observer is not None:
            observer.arrived(node, upstream)
        plan = node.plan
        if plan is None:
            masks.pop(node, None)
            yield node, upstream, ()
            continue
        if node.saved is None:
            raise _freed(node, root)
        if node.number < exposed.until:
            _assert_unchanged(node)
        contributions: Sequence[tuple[int, Any]]
        primitive, inputs = plan.primitive, node.inputs
        selection = selection_at(node, masks) if masks or primitive.selections else None
        if primitive.added is not None and owned is not None and selection is None and isinstance(upstream, _NUMPY):
            contributions, parent = (), inputs[0]
            if wanted is None or parent in wanted:
                if parent not in gradients:
                    heappush(newest, (-parent.number, parent))
                primitive.added(_own_sum(parent, gradients, owned), upstream, *node.saved, **node.parameters)
        elif selection is None:
            contributions = pull(node, upstream, lift, wanted)
        else:
            # What is not selected may divide by zero on the way: nothing of it is kept.
            with np.errstate(all="ignore"):
                contributions = pull(node, upstream, lift, wanted, selection.only)
            selection.hand_on(contributions, gradients)
        if revise is not None:
            contributions = revise(node, upstream, contributions)
        for index, contribution in contributions:
            parent = inputs[index]
            if parent not in gradients:
                gradients[parent] = contribution
                heappush(newest, (-parent.number, parent))
            elif owned is None:
                gradients[parent] = gradients[parent] + contribution
            elif parent in owned:
                gradients[parent] += contribution
            else:
                gradients[parent] = total = gradients[parent] + contribution
                if type(total) is np.ndarray:
                    owned.add(parent)
                del total
            del contribution
        if release:
            node.saved = None
        if targets is None or node.grad is not NOT_KEPT or node in targets:
            yield node, upstream, contributions
        # What this step held is free for the next one's results, which then stay in the cache.
        del upstream, contributions


def _own_sum(node: Node, gradients: dict[Node, Any], owned: set[Node]) -> Any:
    """The sum of what has arrived at a node, as an array that nobody else holds."""
    total = gradients.get(node)
    if node not in owned or type(total) is not np.ndarray:
        total = gradients[node] = np.zeros(node.shape, node.dtype) if total is None else np.array(total)
        owned.add(node)
    return total


def pull(
    node: Node,
    upstream: Any,
    lift: Lift | None = None,
    wanted: set[Node] | None = None,
    only: Callable[..., Any] | None = None,
) -> list[tuple[int, Any]]:
    """The contribution of one node to each wanted input: `(index, vjp(upstream))`, in the input's shape and dtype.

    `only(index, rule, contribution, upstream, saved)` may leave out parts of what `rule(upstream, saved)` returned.
    """
    plan, saved, inputs, parameters = node.plan, node.saved, node.inputs, node.parameters
    if plan is None or saved is None:
        raise _freed(node)
    if lift is not None:
        saved = _lifted(node, saved, lift)
    contributions = []
    for index, rule in plan.rules:
        parent = inputs[index]
        if wanted is not None and parent not in wanted:
            continue
        # As in _applied, whose call would take a hundredth of the pass.
        try:
            contribution = rule(upstream, *saved, **parameters) if parameters else rule(upstream, *saved)
        except _REFUSALS as error:
            contribution = _answered(error, rule, node, upstream, saved)
        if only is not None:
            contribution = only(
                index, lambda g, values, rule=rule: _applied(rule, node, g, values), contribution, upstream, saved
            )
        try:
            if contribution.shape != parent.shape or contribution.dtype is not parent.dtype:
                contribution = fitted(contribution, parent, node)
        except AttributeError:
            contribution = fitted(np.asarray(contribution), parent, node)
        contributions.append((index, contribution))
    return contributions


def _applied(rule: Rule, node: Node, upstream: Any, saved: Sequence[Any]) -> Any:
    """What a gradient rule of this node returns, given what its plan saves."""
    parameters = node.parameters
    try:
        return rule(upstream, *saved, **parameters) if parameters else rule(upstream, *saved)
    except _REFUSALS as error:
        return _answered(error, rule, node, upstream, saved)


_REFUSALS = (np.linalg.LinAlgError, CaptureError, RuleError)


def _answered(error: Exception, rule: Rule, node: Node, upstream: Any, saved: Sequence[Any]) -> Any:
    """What a program makes of a rule that asked for values; any other refusal, told in a sentence."""
    if isinstance(error, CaptureError):
        return handed_over(error, unguarded(rule), (upstream, *saved), node.parameters, of=node.operation)
    if isinstance(error, RuleError):
        raise RuleError(f"{error} It was met in the gradient of {node.operation}, {node.place}.") from None
    assert isinstance(error, np.linalg.LinAlgError)
    raise _no_slope(error, node) from None


def _lifted(node: Node, saved: tuple[Any, ...], lift: Lift) -> tuple[Any, ...]:
    if node.plan is None or not node.plan.reads:
        return saved
    result, *arrays = saved
    lifted = [
        lift(array, parent) if type(parent) is Node and type(array) is not Node else array
        for array, parent in zip(arrays, node.inputs, strict=True)
    ]
    return (result if result is None else lift(result, node), *lifted)


def _no_slope(error: np.linalg.LinAlgError, node: Node) -> LinearAlgebraError:
    return LinearAlgebraError(f"the gradient of {node.operation} ({node.place}) does not exist: {reason_of(error)}.")


def _freed(node: Node, root: Node | None = None) -> FreedGraphError:
    what = f"the graph through {node.operation} ({node.place}) was freed by an earlier backward pass"
    if root is not None and any(_is_later_run(other, node) for other in ancestors(root)):
        return FreedGraphError(
            f"{what}, and that line has run again since: a value that is carried over from an earlier step, as the "
            "state of a recurrent network, still holds on to that step's graph. Detach it before it is used again: "
            "h = h.detach()."
        )
    return FreedGraphError(
        f"{what}; call that one with backward(retain_graph=True), add up the losses and call backward() once, or "
        "compute the loss anew."
    )


def _is_later_run(other: Node, node: Node) -> bool:
    """Whether a node was made later than another, by the same place in the user's code."""
    return other.number > node.number and other._code is node._code and other._instruction == node._instruction


def _assert_unchanged(reader: Node) -> None:
    """Raise ChangedValueError if what a node read was changed since."""
    for value in (reader, *reader.inputs):
        exposure = value.exposure if type(value) is Node else None
        if exposure is not None and exposure.is_stale(reader.number):
            raise _changed(value, reader)


def _changed(value: Node, reader: Node) -> ChangedValueError:
    name = value.name or (value.exposure.what if value.exposure else None)
    return ChangedValueError(
        f"{describe(value.shape, value.dtype, name)} was changed after {reader.operation} ({reader.place}) had "
        "read it, so that the gradient could be wrong; change values after backward(), or compute the loss anew."
    )
