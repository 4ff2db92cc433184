"""The second derivative of a norm at the origin, where the norm itself has no slope.

With y = |x| the gradient of f(y) is G = f'(y) x/y, and at the origin, where x/y has no limit, 0 by convention. That has
a derivative of its own where f'(0) = 0, as in |x|**2: then f'(y)/y goes to f''(0), and G to f''(0) x. Elsewhere, as in
|x| itself, there is none, and it is NaN.

So a rule that is recorded asks what becomes of g = f'(y) as y moves, `bend(g, y)`: it is found by a backward pass from
the one to the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .engine import backward_steps
from .graph import Node, ancestors, between
from .record import Recorded

NORMS = frozenset({"euclidean_norm", "power_norm", "hypot", "std", "absolute", "fabs", "copysign"})
"""The operations whose slope at the origin is 0 by convention."""


def bend(g: Recorded, y: Recorded, differs: Recorded | None = None, is_kink: bool = False) -> Any:
    """dg/dy at the origin if g is 0 there, NaN if it isn't or depends on x in another way than by this y; 0 elsewhere.

    `differs` says where y is not at the origin, if rounding makes that unlike y != 0. At a kink, |x| of single numbers,
    the mean of the curvatures of both sides is asked for: it is 0 where g isn't, and else dg/dy whatever x does beside.
    None if nothing is at the origin, which is not asked of lazy arrays.
    """
    at_origin = y._data == 0 if differs is None else np.logical_not(differs._data).reshape(y._data.shape)
    if isinstance(at_origin, np.ndarray | np.bool) and not at_origin.any():
        return None
    slopes = _slopes(g._node, y._node, at_origin.astype(y._data.dtype), not is_kink)
    # A y that is 0 but for rounding makes a g that is its slope times y.
    is_flat = np.abs(g._data) <= 2 * np.abs(np.where(np.isnan(slopes), 0, slopes) * y._data)
    return np.where(at_origin, np.where(is_flat, slopes, 0 if is_kink else np.nan), 0).astype(y._data.dtype)


def _slopes(g: Node | None, y: Node | None, seed: Any, alone: bool) -> Any:
    """dg/dy for each element of the seed that is 1, if g depends on x in no other way and on each y for itself."""
    if g is None or y is None or not g.requires_grad:
        return 0
    reached = ancestors(g)
    norms = {node for node in reached if node.plan is not None and node.operation in NORMS}
    leaves = {node for node in set(ancestors(y)).intersection(reached) if node.plan is None and alone}
    gradients = _gradients(g, norms | leaves, seed)
    slopes: Any = 0
    otherwise: Any = False
    for node, gradient in gradients.items():
        if node in leaves:
            otherwise = np.logical_or(otherwise, np.any(gradient != 0))
        elif _is_same(node, y):
            slopes = slopes + gradient
        else:
            result = node.saved[0]  # type: ignore[index]
            otherwise = np.logical_or(otherwise, np.any(np.logical_and(gradient != 0, result == 0)))
    if y.size > 1:
        weights = 1.5 + np.cos(np.arange(y.size)).reshape(y.shape)
        gradients = _gradients(g, norms, seed * weights.astype(y.dtype))
        weighted = sum(gradient for node, gradient in gradients.items() if _is_same(node, y))
        tolerance = np.finfo(y.dtype).eps ** 0.5
        otherwise = np.logical_or(otherwise, np.abs(weighted / weights - slopes) > tolerance * np.abs(slopes))
    return np.where(otherwise, np.nan, slopes)


def _gradients(root: Node, targets: set[Node], seed: Any) -> dict[Node, Any]:
    """What arrives at each of the targets."""
    nodes = between(root, list(targets))
    steps = backward_steps(root, seed, nodes=nodes) if nodes else ()
    return {node: upstream for node, upstream, _ in steps if node in targets}


def _is_same(node: Node, other: Node) -> bool:
    """Whether two nodes are the same operation on the same inputs."""
    return node is other or (
        node.operation == other.operation
        and node.parameters == other.parameters
        and all(mine is theirs for mine, theirs in zip(node.inputs, other.inputs, strict=True))
    )
