"""The backward pass, as a stream of steps.

`backward_steps(root, seed)` goes from `root` to the newest node that a gradient has reached, and so on. At each node
the upstream gradient, dL/d(this value), is complete: all that used the value is newer, and is done. The node's rules
turn it into a contribution to each input; contributions to the same input add up. A leaf's step has no contributions.

Everyone who needs a backward pass drains this stream: `Tensor.backward` keeps what arrives at the leaves, the
comparison looks at each step. Nobody writes a second walk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np

from .errors import CaptureError, ChangedValueError, FreedGraphError, GradientShapeError, LinearAlgebraError, describe
from .graph import Node, state

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
) -> Iterator[Step]:
    """Yield the steps of the backward pass from `root`, at which the gradient `seed` (of root's shape) starts.

    With `nodes` the gradient flows through these alone (see graph.between). With `release` each node's saved values are
    freed as soon as it is done. With `lift` the rules are run on Tensors, and so record themselves for a derivative of
    higher order. With `revise` the pass goes on with the contributions that it makes of those of each step. Raises
    FreedGraphError at a node that another backward pass has freed, ChangedValueError at one that read a value which was
    changed since.
    """
    wanted = None if nodes is None else set(nodes)
    gradients: dict[Node, Any] = {root: seed}
    masks: Masks = {}
    newest = [(-root.number, root)]
    observer = state.observer
    while newest:
        node = heappop(newest)[1]
        upstream = gradients.pop(node)
        if observer is not None:
            observer(node, upstream)
        if node.plan is None:
            masks.pop(node, None)
            yield node, upstream, ()
            continue
        contributions: Sequence[tuple[int, Any]]
        if masks or node.plan.primitive.selections:
            contributions = _pull_selected(node, upstream, lift, wanted, masks, gradients)
        else:
            contributions = pull(node, upstream, lift, wanted)
        if revise is not None:
            contributions = revise(node, upstream, contributions)
        for index, contribution in contributions:
            parent = node.inputs[index]
            if parent in gradients:
                gradients[parent] = gradients[parent] + contribution
            else:
                gradients[parent] = contribution
                heappush(newest, (-parent.number, parent))
            del contribution
        if release:
            node.saved = None
        yield node, upstream, contributions
        # What this step held is free for the next one's results, which then stay in the cache.
        del upstream, contributions


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
        except CaptureError as error:
            contribution = error.apply_whole(rule, (upstream, *saved), parameters, of=node.operation)
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

    Which elements were selected is handed on from result to inputs: as it is through operations that work element by
    element; through the others by sending NaN in place of the selected gradients the same way, for a rule is linear in
    the upstream gradient, so that whatever a NaN reaches, and nothing else, is NaN.
    """
    plan, saved = node.plan, node.saved
    if plan is None or saved is None:
        raise _freed(node)
    mask = masks.pop(node, None)
    selections = plan.primitive.selections.values()
    if not masks and mask is None and all(_is_all(selects(*saved[1:], **node.parameters)) for selects in selections):
        return pull(node, upstream, lift, wanted)
    found: dict[int, Any] = {}

    def adjust(index: int, contribution: Any) -> Any:
        primitive = plan.primitive
        selection = primitive.selections.get(index)
        if selection is not None:
            chosen = selection(*saved[1:], **node.parameters)
            found[index] = chosen if mask is None else np.logical_and(mask, chosen)
            return contribution
        if mask is None or (node.inputs[index].plan is None and _is_finite(contribution)):
            return contribution
        if primitive.elementwise:
            found[index] = mask
        else:
            marks = np.where(mask, np.nan, 0).astype(node.dtype)
            found[index] = np.isnan(dict(plan.rules)[index](marks, *map(_bounded, saved), **node.parameters))
        return np.where(found[index], contribution, 0)

    # What is not selected may divide by zero on the way: nothing of it is kept.
    with np.errstate(all=None if mask is None else "ignore"):
        contributions = pull(node, upstream, lift, wanted, adjust)
    reached = set(gradients)
    for index, _ in contributions:
        parent = node.inputs[index]
        known = found.get(index)
        if known is not None and known.shape != parent.shape:
            known = unbroadcast(np.broadcast_to(known, upstream.shape).astype(np.float64), parent.shape, node) != 0
        before = masks.pop(parent, None)
        if parent in reached:
            known = None if before is None or known is None else np.logical_or(before, known)
        if known is not None and not _is_all(known):
            masks[parent] = known
        reached.add(parent)
    return contributions


def _bounded(array: Any) -> Any:
    """The array with the largest number in place of infinity, which keeps its order, and 0 times it is 0."""
    is_floating = isinstance(array, np.ndarray | np.generic) and array.dtype.kind == "f"
    return np.nan_to_num(array, nan=np.nan) if is_floating else array


def _is_finite(array: Any) -> bool:
    """Whether all is finite, of NumPy's arrays; others are lazy and not looked at."""
    return isinstance(array, np.ndarray | np.generic) and bool(np.isfinite(array).all())


def _is_all(mask: Any) -> bool:
    """Whether a mask leaves nothing out, of NumPy's arrays; others are lazy, and may say that it can be assumed."""
    if isinstance(mask, np.ndarray | np.bool):
        return bool(mask.all())
    return hasattr(mask, "assumed_all") and mask.assumed_all()


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
        axis
        for axis in range(gradient.ndim)
        if axis < added or (shape[axis - added] == 1 and gradient.shape[axis] != 1)
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
