"""Kinks and ties that a computation met: where its slopes are a matter of choice, and between which bounds.

At a kink every slope between those of both sides is right, whatever autograd chose: the gradients that are right there
are those of F. H. Clarke (Optimization and Nonsmooth Analysis, 1983). A choice is a number for each tie, and the
backward pass is linear in each: what a node sends to an input is autograd's contribution plus (choice - autograd's
choice) times the upstream gradient.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..engine import pull
from ..errors import listed
from ..graph import Node
from ..ops.elementwise import activation, arithmetic, selection
from ..ops.reductions import norm, ordering, reduction
from ..ops.reductions.reduction import as_rows
from ..ops.signal import pooling
from ..ops.signal.patches import patches
from ..primitive import Primitive
from ..unbroadcast import unbroadcast

PAIRS = 20_000
"""Ties of sorted elements are looked at up to this many pairs of an element and a place."""

DIFFERENT = 3
"""Of more different slopes at the ties of one operation the smallest and the largest are told."""

SAME = 1e-6
"""Choices that differ by no more are the same."""


class Flow(NamedTuple):
    """What the choices send to the input at this place: `start + factor * choice` times the upstream gradient.

    The choice of number `which` takes it at `source` in the result, and sends it to `target` in an
    array of this shape, which is the input's but for broadcasting.
    """

    place: int
    which: Any
    source: Any
    target: Any
    shape: tuple[int, ...]
    start: float = 0.0
    factor: float = 1.0


@dataclass(frozen=True)
class Kink:
    """The ties that one node met: a number each between `low` and `high`, of which autograd took `chosen`.

    `sums` are groups of them (a group's number for each) whose choices add up to these totals, `balls` groups of which
    the squares add up to at most 1; `usual` are the choices that are often made for all ties alike.
    """

    node: Node
    low: Any
    high: Any
    chosen: Any
    flows: Sequence[Flow]
    usual: Sequence[Any] = ()
    sums: Sequence[tuple[Any, Any]] = ()
    balls: Any = None

    @property
    def size(self) -> int:
        """The number of choices."""
        return len(self.chosen)

    def allows(self, choice: Any, tolerance: float) -> bool:
        """Whether a choice is within the bounds, but for rounding."""
        if (choice < self.low - tolerance).any() or (choice > self.high + tolerance).any():
            return False
        if self.balls is not None and (np.bincount(self.balls, choice**2) > (1 + tolerance) ** 2).any():
            return False
        return all((np.abs(np.bincount(groups, choice) - totals) <= tolerance).all() for groups, totals in self.sums)

    def revised(self, upstream: Any, contributions: Sequence[tuple[int, Any]], choice: Any) -> list[tuple[int, Any]]:
        """The contributions with this choice in place of autograd's."""
        sent = dict(contributions)
        upstream = np.asarray(upstream).ravel()
        for flow in self.flows:
            if flow.place in sent:
                moved = (flow.factor * (choice - self.chosen)[flow.which]).astype(upstream.dtype)
                change = np.zeros(int(np.prod(flow.shape)), upstream.dtype)
                np.add.at(change, flow.target, moved * upstream[flow.source])
                before = sent[flow.place]
                change = unbroadcast(change.reshape(flow.shape), before.shape, self.node)
                sent[flow.place] = (before + change).astype(before.dtype)
        return list(sent.items())

    def told(self, choice: Any, upstream: Any) -> list[str]:
        """In words where the choice is not autograd's, and what the slopes are there, if a gradient arrives at all."""
        flow = self.flows[0]
        theirs, ours = (flow.start + flow.factor * each[flow.which] for each in (choice, self.chosen))
        differs = np.flatnonzero((np.abs(theirs - ours) > SAME) & (upstream.ravel()[flow.source] != 0))
        if not len(differs):
            return []
        theirs, ours, targets = np.round(theirs[differs], 6), np.round(ours[differs], 6), flow.target[differs]
        pairs = np.unique(np.stack([theirs, ours], axis=1), axis=0)
        if len(pairs) > DIFFERENT:
            pairs = np.array([[np.nan, np.nan]])
        words = []
        for pair in pairs:
            here = np.isnan(pair[0]) | ((theirs == pair[0]) & (ours == pair[1]))
            places = [str(tuple(int(i) for i in np.unravel_index(at, flow.shape))) for at in targets[here][:3]]
            places += [f"{here.sum() - 3} more"] if here.sum() > 3 else []
            at = f" at {listed(places)}" if flow.shape else ""
            slope, other = _range(theirs[here]), _range(ours[here])
            words.append(f"{slope} in {self.node.operation} ({self.node.place}){at}, where autograd takes {other}")
        return words


@dataclass(frozen=True)
class Choice:
    """A choice at each of these kinks, and the gradients that the backward pass is to go on with at some nodes."""

    kinks: Sequence[Kink]
    values: Any
    instead: dict[Node, Any] = field(default_factory=dict)

    def __call__(
        self, node: Node, upstream: Any, contributions: Sequence[tuple[int, Any]]
    ) -> Sequence[tuple[int, Any]]:
        """The contributions of a node under this choice: what a backward pass takes to revise its steps."""
        if node in self.instead and node.plan is not None:
            upstream = self.instead[node]
            contributions = pull(node, upstream)
        found = self._of_node.get(node)
        return contributions if found is None else found[0].revised(upstream, contributions, found[1])

    def __post_init__(self) -> None:
        ends = np.cumsum([kink.size for kink in self.kinks])
        parts = np.split(self.values, ends[:-1])
        object.__setattr__(
            self, "_of_node", {kink.node: (kink, part) for kink, part in zip(self.kinks, parts, strict=True)}
        )

    _of_node: dict[Node, tuple[Kink, Any]] = field(init=False, repr=False, default_factory=dict)

    def allows(self, tolerance: float) -> bool:
        """Whether all choices are within the bounds, but for rounding."""
        return all(kink.allows(part, tolerance) for kink, part in self._of_node.values())

    def told(self, gradients: dict[Node, Any]) -> str:
        """In words what was chosen in another way than autograd's at nodes at which these gradients arrive."""
        words = [
            text
            for node, (kink, part) in self._of_node.items()
            if node in gradients
            for text in kink.told(part, gradients[node])
        ]
        return listed(words)


def kinks_of(nodes: Sequence[Node]) -> list[Kink]:
    """The kinks and ties that were met, among these nodes."""
    found = []
    for node in nodes:
        look = _TABLE.get(node.plan.primitive) if node.plan is not None else None
        if look is not None and node.saved is not None and node.size:
            kink = look(node, *node.saved)
            if kink is not None and kink.size:
                found.append(kink)
    return found


def _range(slopes: Any) -> str:
    """One slope, or the smallest and the largest of several, in words."""
    low, high = (f"{float(value) + 0.0:.4g}" for value in (slopes.min(), slopes.max()))
    return f"the slope {low}" if low == high else f"slopes from {low} to {high}"


def _at_zero(low: float, high: float, chosen: float) -> Callable[..., Kink | None]:
    """A function of one input with a kink at 0."""
    return lambda node, y, x, *_: _with_slopes(node, x == 0, low, high, chosen)


def _leaky(node: Node, y: Any, x: Any) -> Kink | None:
    slope = float(node.parameters.get("slope", 0.01))
    return _with_slopes(node, x == 0, min(slope, 1.0), max(slope, 1.0), slope)


def _elu(node: Node, y: Any, x: Any) -> Kink | None:
    alpha = float(node.parameters.get("alpha", 1.0))
    return None if alpha == 1 else _with_slopes(node, x == 0, min(alpha, 1.0), max(alpha, 1.0), alpha)


def _with_slopes(node: Node, tied: Any, low: float, high: float, chosen: float) -> Kink:
    places = np.flatnonzero(np.broadcast_to(tied, node.shape))
    lows, highs, chosens = (np.full(len(places), slope) for slope in (low, high, chosen))
    flow = Flow(0, np.arange(len(places)), places, places, node.shape)
    return Kink(node, lows, highs, chosens, [flow], [lows, highs])


def _of_two(node: Node, y: Any, a: Any, b: Any) -> Kink:
    """The larger or the smaller of two: at a tie a part of the gradient goes to one, the rest to the other."""
    places = np.flatnonzero(np.broadcast_to(np.equal(a, b), node.shape))
    zeros = np.zeros(len(places))
    assert node.plan is not None
    which = np.arange(len(places))
    flows = [
        Flow(index, which, places, places, node.shape, float(number), 1.0 - 2 * number)
        for number, (index, _) in enumerate(node.plan.rules)
    ]
    return Kink(node, zeros, zeros + 1, zeros + 0.5, flows, [zeros, zeros + 1])


def _of_many(is_extreme: bool) -> Callable[..., Kink | None]:
    """What is made of the elements in order, along an axis."""

    def look(node: Node, y: Any, x: Any) -> Kink | None:
        axis = node.parameters.get("axis")
        x = np.asarray(x)
        places = as_rows(np.arange(x.size).reshape(x.shape), axis)
        if places.shape[0] != node.size or x.size == 0:
            return None
        shares = np.asarray(dict(pull(node, np.ones(node.shape, node.dtype)))[0], np.float64).ravel()[places]
        return _shared(node, x, places, shares, is_extreme)

    return look


def _of_windows(node: Node, y: Any, x: Any) -> Kink | None:
    """The largest of each window."""
    x = np.asarray(x)
    places = patches(np.arange(x.size).reshape(x.shape), **node.parameters).reshape(-1, node.size).T
    largest = x.ravel()[places] == np.reshape(y, (-1, 1))
    return _shared(node, x, places, largest / np.maximum(largest.sum(axis=1, keepdims=True), 1), is_extreme=True)


def _shared(node: Node, x: Any, places: Any, shares: Any, is_extreme: bool) -> Kink | None:
    """What is made of the elements at these places of x, a row each: those that tie may share in any way.

    One may have all that autograd gave them (`shares`) if the result is the largest or smallest, else as much as the
    largest share of one of them.
    """
    values = x.ravel()[places]
    order = np.argsort(values, axis=1, kind="stable")
    values, shares, places = (np.take_along_axis(each, order, 1) for each in (values, shares, places))
    begins = np.ones(values.shape, bool)
    begins[:, 1:] = values[:, 1:] != values[:, :-1]
    groups = np.cumsum(begins.ravel()) - 1
    totals, sizes = np.bincount(groups, shares.ravel()), np.bincount(groups)
    tied = ((sizes > 1) & (totals != 0))[groups]
    if not tied.any():
        return None
    most = totals.copy()
    if not is_extreme:
        most[:] = 0
        np.maximum.at(most, groups, shares.ravel())
    source = np.repeat(np.arange(len(places)), places.shape[1])[tied]
    chosen, target, high = shares.ravel()[tied], places.ravel()[tied], most[groups][tied]
    totals, sizes = totals[groups][tied], sizes[groups][tied]
    _, starts, groups = np.unique(groups[tied], return_index=True, return_inverse=True)
    first, last = np.zeros(len(chosen)), np.zeros(len(chosen))
    first[starts] = totals[starts]
    ends = np.append(starts[1:], len(chosen)) - 1
    last[ends] = totals[ends]
    usual = [first, last, totals / sizes] if is_extreme else [totals / sizes]
    flow = Flow(0, np.arange(len(chosen)), source, target, x.shape)
    return Kink(node, np.zeros(len(chosen)), high, chosen, [flow], usual, [(groups, totals[starts])])


def _sorted(node: Node, y: Any, x: Any) -> Kink | None:
    """Elements in order: those that tie may stand in any order, or share their places."""
    axis = node.parameters.get("axis", -1)
    x = np.asarray(x)
    y = np.sort(x, axis) if y is None else np.asarray(y)
    comes_from, goes_to = ordering.in_order(x, axis), ordering.in_order(y, axis)
    values = x.ravel()[comes_from]
    source: list[int] = []
    target: list[int] = []
    chosen: list[float] = []
    for row, ordered in enumerate(values):
        edges = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])).tolist()
        for start, end in itertools.pairwise([*edges, len(ordered)]):
            if end - start > 1:
                for i, j in np.ndindex(end - start, end - start):
                    source.append(goes_to[row, start + i])
                    target.append(comes_from[row, start + j])
                    chosen.append(float(i == j))
                if len(source) > PAIRS:
                    return None
    if not source:
        return None
    count = len(source)
    sides = [np.unique(each, return_inverse=True)[1] for each in (source, target)]
    sums = [(groups, np.ones(int(groups.max()) + 1)) for groups in sides]
    shared = 1 / np.bincount(sides[0])[sides[0]]
    flow = Flow(0, np.arange(count), np.array(source), np.array(target), x.shape)
    return Kink(node, np.zeros(count), np.ones(count), np.array(chosen), [flow], [shared], sums)


def _norm(node: Node, y: Any, x: Any) -> Kink | None:
    """The length of a vector: at 0 its gradient may be any vector that is not longer than 1."""
    x = np.asarray(x)
    places = as_rows(np.arange(x.size).reshape(x.shape), node.parameters.get("axis"))
    rows = np.flatnonzero(np.asarray(y).ravel() == 0)
    target = places[rows].ravel()
    source = np.repeat(rows, places.shape[1])
    ones = np.ones(len(target))
    flow = Flow(0, np.arange(len(target)), source, target, x.shape)
    return Kink(node, -ones, ones, 0 * ones, [flow], balls=source)


def _hypot(node: Node, y: Any, a: Any, b: Any) -> Kink:
    places = np.flatnonzero(np.asarray(y) == 0)
    assert node.plan is not None
    count = len(places)
    flows = [
        Flow(index, np.arange(count) + number * count, places, places, node.shape)
        for number, (index, _) in enumerate(node.plan.rules)
    ]
    ones = np.ones(count * len(flows))
    return Kink(node, -ones, ones, 0 * ones, flows, balls=np.tile(places, len(flows)))


_TABLE: dict[Primitive, Callable[..., Kink | None]] = {
    activation.relu: _at_zero(0.0, 1.0, 0.0),
    activation.leaky_relu: _leaky,
    activation.elu: _elu,
    **dict.fromkeys((arithmetic.absolute, arithmetic.fabs, arithmetic.copysign), _at_zero(-1.0, 1.0, 0.0)),
    arithmetic.hypot: _hypot,
    selection.held: lambda node, y, x: _with_slopes(node, np.isin(x, [*node.parameters.values()]), 0.0, 1.0, 0.5),
    selection.held_flat: lambda node, y, x: _with_slopes(node, np.isin(x, [*node.parameters.values()]), 0.0, 1.0, 0.0),
    **dict.fromkeys((selection.maximum, selection.minimum, selection.fmax, selection.fmin), _of_two),
    reduction.max: _of_many(is_extreme=True),
    reduction.min: _of_many(is_extreme=True),
    ordering.middle: _of_many(is_extreme=False),
    ordering.nanmiddle: _of_many(is_extreme=False),
    ordering.below: _of_many(is_extreme=False),
    ordering.nanbelow: _of_many(is_extreme=False),
    ordering.ascending: _sorted,
    ordering.partitioned: _sorted,
    pooling.largest: _of_windows,
    norm.euclidean_norm: _norm,
}
"""Which operations have kinks, and how each is looked for; where autograd's choice stands, see docs/kinks.md."""
