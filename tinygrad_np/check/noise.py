"""How much of a gradient is rounding noise: disturb each number of the backward pass, and see what comes of it.

A gradient that is 0 on paper comes out as 1e-17 or as -3e-17, depending on the order in which its terms were added:
both are right. What order of magnitude that noise has, element by element, is found by repeating the backward pass with
every contribution, and every value that the activations' derivatives read, multiplied by 1 + h r, with r random: the
result then moves by h times the size of what cancels in it. The disturbance h is the square root of eps, far above
rounding itself and far below what would bend the functions. This is Monte Carlo arithmetic: D. S. Parker, B. Pierce and
P. R. Eggert, Monte Carlo arithmetic: how to gamble with floating point and win, Computing in Science & Engineering 2
(2000); the idea is that of J. Vignes' CESTAC method.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine import Revise, backward_steps, pull
from ..graph import Node
from .passage import saved_values
from .tolerance import ROUNDINGS, precision

SAMPLES = 4
"""How many disturbed passes run beside the true one: four will hardly all miss the same cancellation."""


def rounding_noise(root: Node, seed: Any, wanted: set[Node], revise: Revise | None = None) -> dict[Node, Any]:
    """The differences that rounding explains between two right gradients of each wanted node, element by element.

    The disturbed copies ride along on the stream of the true backward pass, which starts at `root` with `seed`.
    """
    random = np.random.default_rng(0)
    disturbed = {root: [seed] * SAMPLES}
    values = _Values(random)
    noise: dict[Node, Any] = {}
    with np.errstate(all="ignore"):
        for node, upstream, contributions in backward_steps(root, seed, revise=revise):
            copies = disturbed.pop(node)
            if node in wanted:
                eps = precision(upstream.dtype)
                apart = np.max([np.asarray(np.abs(copy - upstream)) for copy in copies], axis=0)
                noise[node] = ROUNDINGS * eps * apart.astype(np.float64) / np.sqrt(eps)
            if not contributions:
                continue
            values.note(node)
            lift = values.disturb if _is_activation(node) or node.operation in _LOGARITHMS else None
            sent = [pull(node, copy, lift) for copy in copies]
            pulled = [
                dict(each if revise is None else revise(node, copy, each))
                for copy, each in zip(copies, sent, strict=True)
            ]
            for index, contribution in contributions:
                # Each way is disturbed by itself: that of the largest logit, which others leave out, hides no noise.
                others = [pulled[(sample + index) % SAMPLES][index] for sample in range(SAMPLES)]
                moved = [_disturbed(_finite(other, contribution), random) for other in others]
                parent = node.inputs[index]
                if parent in disturbed:
                    moved = [before + more for before, more in zip(disturbed[parent], moved, strict=True)]
                disturbed[parent] = moved
    return noise


def _finite(disturbed: Any, true: Any) -> Any:
    """The disturbed contribution, and the true one where disturbing it broke it."""
    return np.where(np.isfinite(disturbed), disturbed, true)


def _disturbed(array: Any, random: np.random.Generator, size: Any = None) -> Any:
    """The array with each element moved by up to sqrt(eps) of its size; of a gradient's, where digits are lost."""
    step = np.sqrt(precision(array.dtype))
    size = np.maximum(np.abs(array), np.finfo(array.dtype).tiny) if size is None else size
    return (array + random.uniform(-step, step, array.shape) * size).astype(array.dtype)


def _is_activation(node: Node) -> bool:
    """Whether each element depends on one element alone: only then do disturbed values disturb no order and no tie."""
    assert node.plan is not None
    return node.plan.primitive.elementwise and len(node.plan.rules) == 1


_LOGARITHMS = ("log_softmax", "logsumexp", "logaddexp")
"""Whose results are logarithms of sums: rounding is relative to what they are logarithms of, and not to 0 = log(1)."""


class _Values:
    """The values of nodes, as far as gradient rules that were met on the way have read them."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.known: dict[Node, Any] = {}
        self.absorbed: dict[Node, Any] = {}

    def note(self, node: Node) -> None:
        """Remember what this node's rules have saved of its inputs."""
        self.known.update(saved_values(node))
        if node.operation in _LOGARITHMS:
            self.absorbed[node] = 1.0
        if node.operation in ("add", "subtract") and node in self.known:
            # Of a small value that was added to a large one, who reads the sum knows only the digits that the sum kept:
            # 1 - p, with p = 1 / (1 + exp(-z)) near 1, is as right a way to write the gradient as exp(-z) is.
            for parent in node.inputs:
                if type(parent) is Node and parent.shape == node.shape:
                    self.absorbed[parent] = np.abs(self.known[node])

    def disturb(self, array: Any, node: Node) -> Any:
        """The value of a node, disturbed in its last known digit; what is not floating is left alone."""
        if array is None or array.dtype.kind != "f":
            return array
        return _disturbed(array, self.random, np.maximum(np.abs(array), self.absorbed.get(node, 0.0)))
