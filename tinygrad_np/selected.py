"""What `where` did not select has the gradient 0: exactly, even where a rule makes 0 times infinity of it.

    selection = selection_at(node, masks)
    contributions = pull(node, upstream, ..., selection.only)
    selection.hand_on(contributions, reached)

The gradient that `where` sends to what it did not select is 0 already. But behind it `log` may divide that 0 by 0, and
the NaN would spread. So beside the gradients flow masks, of what was selected, and a rule's answer is taken where its
mask holds alone. An operation that works element by element hands its mask on as it is, and a product of matrices says
what it makes of it (Primitive.reaches). Through the others a gradient is sent that is NaN where the mask holds: a rule
is linear in the upstream gradient, so that whatever such a NaN reaches, and nothing else, is NaN. The masks ask what
was selected, never which gradient happens to be 0: that may have a derivative of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from .graph import Node
from .ops.elementwise.selection import is_all, only
from .primitive import Plan, Primitive, Rule
from .unbroadcast import unbroadcast

Masks = dict[Node, Any]
"""For a node, which elements of its gradient `where` selected anywhere; those of all others are exactly 0."""


class Selection:
    """What is selected of one node's gradient, on the way from its result to its inputs."""

    def __init__(self, node: Node, plan: Plan, saved: tuple[Any, ...], mask: Any, masks: Masks) -> None:
        self.node = node
        self.primitive = plan.primitive
        self.saved = saved
        self.mask = mask
        self.masks = masks
        self.found: dict[int, Any] = {}

    def only(self, index: int, rule: Rule, contribution: Any, upstream: Any, saved: Sequence[Any]) -> Any:
        """The contribution `rule(upstream, saved)` to an input, with exactly 0 where nothing selected reaches it."""
        parent, mask = self.node.inputs[index], self.mask
        selects = _choices(self.node, self.primitive).get(index)
        if selects is None and (mask is None or (parent.plan is None and self._is_finite(contribution))):
            return contribution
        if mask is not None and not self.primitive.elementwise:
            mask = self._reached(index, rule)
            contribution = _without_infinity(contribution, mask, lambda way: rule(upstream, _bounded(saved, way)))
        if selects is not None:
            chosen = selects(*self.saved[1:], **self.node.parameters)
            mask = chosen if mask is None else np.logical_and(mask, chosen)
            mask = np.broadcast_to(mask, np.broadcast_shapes(mask.shape, contribution.shape))
        if not self.primitive.asks:
            self.found[index] = _fitted(mask, parent.shape, self.node)
        # What is finite is 0 already where only zeros were sent, unless a rule announces by a 1 what was.
        if self.mask is None or (self._is_finite(contribution) and not self.primitive.asks):
            return contribution
        return only(_fitted(mask, contribution.shape, self.node), contribution)

    def _reached(self, index: int, rule: Rule) -> Any:
        """The mask of an input: the elements that those of this node's mask were made of."""
        reaches = self.primitive.reached.get(index)
        mask = None if reaches is None else reaches(self.mask, *self.saved[1:], **self.node.parameters)
        if mask is not None:
            return np.broadcast_to(mask, np.broadcast_shapes(mask.shape, self.node.inputs[index].shape))
        marks = only(self.mask, np.full(self.mask.shape, np.nan, self.node.dtype))
        return np.isnan(rule(marks, _bounded(self.saved, 1)))

    def _is_finite(self, contribution: Any) -> bool:
        """Whether a contribution needs no mask; one that is captured is masked where that is no more than a choice."""
        return _is_finite(contribution) if _is_here(contribution) or not self.primitive.elementwise else False

    def hand_on(self, contributions: Iterable[tuple[int, Any]], reached: Iterable[Node]) -> None:
        """Give each input its mask, joined with what was selected of the gradients that have `reached` it before."""
        reached = set(reached)
        for index, _ in contributions:
            parent, mask = self.node.inputs[index], self.found.get(index)
            before = self.masks.pop(parent, None)
            if parent in reached:
                mask = None if before is None or mask is None else np.logical_or(before, mask)
            if mask is not None and not is_all(mask):
                self.masks[parent] = mask
            reached.add(parent)


def selection_at(node: Node, masks: Masks) -> Selection | None:
    """What is selected at a node whose gradient has arrived; None if nothing is left out, as nearly everywhere."""
    mask, plan, saved = masks.pop(node, None), node.plan, node.saved
    if plan is None or saved is None:
        return None
    choices = _choices(node, plan.primitive).values()
    if not masks and mask is None and all(is_all(chosen(*saved[1:], **node.parameters)) for chosen in choices):
        return None
    return Selection(node, plan, saved, mask, masks)


def _choices(node: Node, primitive: Primitive) -> dict[int, Rule]:
    """What the primitive tells of the choices it makes, without what was not requested."""
    selections = primitive.selections
    if primitive.on_request and not _is_asked(node):
        return {index: rule for index, rule in selections.items() if index not in primitive.on_request}
    return selections


def _is_asked(node: Node) -> bool:
    """Whether what a node took elements of is, but for its shape and order, the result of a primitive that asks."""
    while type(node) is Node and node.plan is not None:
        if node.plan.primitive.asks:
            return True
        if node.operation not in _VIEWS:
            return False
        node = node.inputs[0]
    return False


_VIEWS = frozenset({"getitem", "transpose", "swapaxes", "reshape"})


def _fitted(mask: Any, shape: tuple[int, ...], node: Node) -> Any:
    """The mask of what was broadcast, for an array of this shape: what reaches one copy of an element reaches it."""
    return mask if mask.shape == shape else unbroadcast(mask.astype(np.float64), shape, node) != 0


def _without_infinity(contribution: Any, mask: Any, again: Callable[[int], Any]) -> Any:
    """A contribution, finite where only what was not selected made it NaN: 0 times infinity, added to the rest.

    That is where it stays the same whichever of two finite numbers stands in the place of infinity, `again`.
    """
    values = getattr(contribution, "_data", contribution)
    if not (_is_here(values) or hasattr(values, "assumed_finite")) or _is_finite(values):
        return contribution
    first, second = again(1), again(2)
    return np.where(np.logical_or(np.isfinite(values), first != second), contribution, first)


def _bounded(saved: Sequence[Any], times: int) -> list[Any]:
    """What a rule reads, with a number beyond all others for infinity and NaN: it keeps the order, 0 times it is 0."""
    values = [getattr(array, "_data", array) for array in saved]
    known = [value for value in values if _is_here(value) or hasattr(value, "assumed_finite")]
    floating = [value for value in known if value.dtype.kind == "f"]
    infinite = [value for value in floating if not _is_finite(value)]
    sizes = [np.max(np.where(np.isfinite(value), np.abs(value), 1), initial=1) for value in floating if infinite]
    bound = 4.0**times * reduce(np.maximum, sizes, 1.0)
    bounded = []
    for array, value in zip(saved, values, strict=True):
        if any(value is other for other in infinite):
            array = np.where(np.isfinite(value), array, np.where(value < 0, -bound, bound).astype(value.dtype))
        bounded.append(array)
    return bounded


def _is_here(array: Any) -> bool:
    """Whether it is an array of NumPy's, whose values are known; others are lazy, or captured."""
    return isinstance(array, np.ndarray | np.generic)


def _is_finite(array: Any) -> bool:
    """Whether all is finite, of NumPy's arrays; lazy ones are not looked at, captured ones may say that it is so."""
    if _is_here(array):
        return bool(np.isfinite(array).all())
    return hasattr(array, "assumed_finite") and array.assumed_finite()
