"""The backward pass, as a stream of steps.

`backward_steps(root, seed)` goes from `root` to the newest node that a gradient has reached, and so on. At each node
the upstream gradient, dL/d(this value), is complete: all that used the value is newer, and is done. The node's rules turn it into a
contribution to each input; contributions to the same input add up. A leaf's step has no contributions.

Everyone who needs a backward pass drains this stream: `Tensor.backward` keeps what arrives at the leaves, the
comparison looks at each step. Nobody writes a second walk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np

from .errors import ChangedValueError, FreedGraphError, GradientShapeError, LinearAlgebraError, describe
from .graph import Node

Lift = Callable[[Any, Node], Any]
"""Makes a Tensor of a saved array and its node, so that the rules record themselves."""


Step = tuple[Node, Any, Sequence[tuple[int, Any]]]
"""One step: the node, the upstream gradient that arrived there, and (index of an input, contribution to it) for each."""


def backward_steps(
    root: Node, seed: Any, *, nodes: list[Node] | None = None, release: bool = False, lift: Lift | None = None
) -> Iterator[Step]:
    """Yield the steps of the backward pass from `root`, at which the gradient `seed` (of root's shape) starts.

    With `nodes` the gradient flows through these alone (see graph.between). With `release` each node's saved values are
    freed as soon as it is done. With `lift` the rules are run on Tensors, and so record themselves for a derivative of
    higher order. Raises FreedGraphError at a node that another backward pass has freed, ChangedValueError at one that
    read a value which was changed since.
    """
    wanted = None if nodes is None else set(nodes)
    gradients: dict[Node, Any] = {root: seed}
    masks: Masks = {}
    newest = [(-root.number, root)]
    while newest:
        node = heappop(newest)[1]
        upstream = gradients.pop(node)
        if node.plan is None:
            masks.pop(node, None)
            yield node, upstream, ()
            continue
        if masks or node.plan.primitive.selections:
            contributions = _pull_selected(node, upstream, lift, wanted, masks, gradients)
        else:
            contributions = pull(node, upstream, lift, wanted)
        for index, contribution in contributions:
            parent = node.inputs[index]
            if parent in gradients:
                gradients[parent] = gradients[parent] + contribution
            else:
                gradients[parent] = contribution
                heappush(newest, (-parent.number, parent))
        if release:
            node.saved = None
        yield node, upstream, contributions


def pull(
    node: Node,
    upstream: Any,
    lift: Lift | None = None,
    wanted: set[Node] | None = None,
    adjust: Callable[[int, Any], Any] | None = None,
) -> list[tuple[int, Any]]:
    """The contribution of one node to each wanted input: `(index, vjp(upstream))`, in the input's shape and dtype."""
    plan, saved, inputs, parameters = node.plan, node.saved, node.inputs, node.parameters
    if plan is None or saved is None:
        raise _freed(node)
    for parent in inputs:
        if type(parent) is Node and parent.exposure is not None and parent.exposure.is_stale(node.number):
            raise _changed(parent, node)
    if node.exposure is not None and node.exposure.is_stale(node.number):
        raise _changed(node, node)
    if lift is not None:
        saved = _lifted(node, saved, lift)
    contributions = []
    for index, rule in plan.rules:
        parent = inputs[index]
        if wanted is not None and parent not in wanted:
            continue
        try:
            contribution = rule(upstream, *saved, **parameters) if parameters else rule(upstream, *saved)
        except np.linalg.LinAlgError as error:
            raise _no_slope(error, node) from None
        if contribution is None:
            continue
        if adjust is not None:
            contribution = adjust(index, contribution)
        try:
            if contribution.shape != parent.shape or contribution.dtype is not parent.dtype:
                contribution = _fitted(contribution, parent, node)
        except AttributeError:
            contribution = _fitted(np.asarray(contribution), parent, node)
        contributions.append((index, contribution))
    return contributions


Masks = dict[Node, Any]
"""For a node, which elements of its gradient `where` selected anywhere; those of all others are exactly 0."""


def _pull_selected(
    node: Node,
    upstream: Any,
    lift: Lift | None,
    wanted: set[Node] | None,
    masks: Masks,
    gradients: dict[Node, Any],
) -> list[tuple[int, Any]]:
    """Pull with exactly 0 for what `where` did not select, even where a rule makes 0 times infinity of it.

    Which elements were selected is handed on from result to inputs: through operations that work element by element,
    and through those whose rules only move elements and add them up, by sending the mask the gradient's own way.
    """
    plan, saved = node.plan, node.saved
    if plan is None or saved is None:
        raise _freed(node)
    mask = masks.pop(node, None)
    found: dict[int, Any] = {}

    def adjust(index: int, contribution: Any) -> Any:
        primitive = plan.primitive
        selection = primitive.selections.get(index)
        if selection is not None:
            chosen = selection(*saved[1:])
            found[index] = chosen if mask is None else np.logical_and(mask, chosen)
        elif mask is not None and primitive.elementwise:
            found[index] = mask
            return np.where(mask, contribution, 0)
        elif mask is not None and not plan.reads_values:
            rule = dict(plan.rules)[index]
            found[index] = rule(mask.astype(node.dtype), *saved, **node.parameters) != 0
        return contribution

    # What is not selected may divide by zero on the way: nothing of it is kept.
    with np.errstate(all=None if mask is None else "ignore"):
        contributions = pull(node, upstream, lift, wanted, adjust)
    for index, _ in contributions:
        parent = node.inputs[index]
        known = found.get(index)
        if known is not None:
            if known.shape != parent.shape:
                known = unbroadcast(np.broadcast_to(known, upstream.shape).astype(np.float64), parent.shape, node) != 0
        before = masks.pop(parent, None)
        if known is not None and parent not in gradients:
            masks[parent] = known
        elif known is not None and before is not None:
            masks[parent] = np.logical_or(before, known)
    return contributions


def _lifted(node: Node, saved: tuple[Any, ...], lift: Lift) -> tuple[Any, ...]:
    result, *arrays = saved
    lifted = [
        lift(array, parent) if type(parent) is Node and type(array) is not Node else array
        for array, parent in zip(arrays, node.inputs, strict=True)
    ]
    return (result if result is None else lift(result, node), *lifted)


def _fitted(contribution: Any, parent: Node, node: Node) -> Any:
    """The contribution in the shape and dtype of the input: what the forward pass broadcast is summed away."""
    if contribution.shape != parent.shape:
        contribution = unbroadcast(contribution, parent.shape, node)
    if contribution.dtype != parent.dtype:
        contribution = contribution.astype(parent.dtype)
    return contribution


def unbroadcast(gradient: Any, shape: tuple[int, ...], node: Node) -> Any:
    """Sum a gradient over the axes along which an array of `shape` was broadcast.

    If y = broadcast(x), then dL/dx = the sum of dL/dy over all copies of x.
    """
    if type(gradient) is np.ndarray and gradient.ndim == 2 and gradient.dtype.char in "fd":
        rows, columns = gradient.shape
        if shape == (1, columns) and rows > 1:
            # Adding up rows is a product with ones, which BLAS does several times faster than sum.
            return np.dot(np.ones((1, rows), gradient.dtype), gradient)
    added = gradient.ndim - len(shape)
    repeated = tuple(
        axis for axis in range(gradient.ndim) if axis < added or (shape[axis - added] == 1 and gradient.shape[axis] != 1)
    )
    if added < 0 or any(
        axis not in repeated and gradient.shape[axis] != shape[axis - added] for axis in range(gradient.ndim)
    ):
        raise GradientShapeError(
            f"the gradient rule of {node.operation} ({node.place}) returned a gradient of shape {gradient.shape} for "
            f"an input of shape {shape}; a rule returns the input's shape, or one that the input broadcasts to."
        )
    return gradient.sum(axis=repeated).reshape(shape)


def _no_slope(error: np.linalg.LinAlgError, node: Node) -> LinearAlgebraError:
    if isinstance(error, LinearAlgebraError):
        return error
    return LinearAlgebraError(f"the gradient of {node.operation} ({node.place}) does not exist: {error}.")


def _freed(node: Node) -> FreedGraphError:
    return FreedGraphError(
        f"the graph through {node.operation} ({node.place}) was freed by an earlier backward pass; "
        "call that one with backward(retain_graph=True), or compute the loss anew."
    )


def _changed(value: Node, reader: Node) -> ChangedValueError:
    return ChangedValueError(
        f"{describe(value.shape, value.dtype, value.name)} was changed after {reader.operation} ({reader.place}) had "
        "read it, so that the gradient would be wrong; change values after backward(), or compute the loss anew."
    )
