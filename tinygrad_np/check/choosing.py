"""Whether gradients that were written by hand are what another choice of slopes at kinks and ties gives, and which.

All gradients together have to come of one choice. The usual ones are tried first: at every tie the lower slope, the
upper one, all to the first, to the last, shared. Then the gradients are solved for the choices, of each tie by itself:
least squares within bounds, and since the backward pass is linear in each choice, but has products of those of
different layers, by a few steps of Newton's method. What no choice explains has a mistake: what follows is then
expected to come of that wrong gradient.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..engine import backward_steps
from ..graph import Node
from .kinks import SAME, Choice, Kink, kinks_of
from .noise import rounding_noise
from .passage import Compared, Passage
from .tolerance import judge

MANY = 300
"""More choices than this are not solved for one by one, but in groups."""

COMBINATIONS = 64
"""So many combinations of usual choices are tried."""

STEPS = 6
"""Of Newton's method; one is enough if no kink lies above another."""

PASSES = 2000
"""So many backward passes at most are spent on solving."""

PIVOTS = 60
"""How often the least squares change which choices are at a bound."""


def choice_for(passage: Passage, compared: Sequence[Compared]) -> Choice | None:
    """The choice at kinks and ties that explains the most of these gradients; None if there is no tie, or no need."""
    kinks = kinks_of(passage.nodes)
    if not kinks:
        return None
    with np.errstate(all="ignore"):
        choice = _Search(passage, compared, kinks).choice
    return None if choice is None else Choice(kinks, choice)


class _Search:
    """The search for a choice; `held` are the gradients that it has to explain, `instead` those that it can't."""

    def __init__(self, passage: Passage, compared: Sequence[Compared], kinks: Sequence[Kink]) -> None:
        self.passage = passage
        self.kinks = kinks
        self.wanted = {one.node for one in compared} | {kink.node for kink in kinks}
        self.chosen, self.low, self.high = (
            np.concatenate([getattr(kink, each) for kink in kinks]) for each in ("chosen", "low", "high")
        )
        middle = Choice(kinks, (self.low + self.high) / 2)
        self.noise = rounding_noise(passage.root, passage.seed, self.wanted, middle)
        self.passes = 0
        self.held: list[Compared] = []
        self.instead: dict[Node, Any] = {}
        values = self.chosen
        for one in compared:
            if not one.fits or not np.isfinite(one.manual).all():
                continue
            found = self._explaining([*self.held, one], values)
            if found is not None:
                values = found
                self.held.append(one)
                continue
            found = self._but_for_a_factor(one, values)
            values = values if found is None else found
            if one.node.plan is not None:
                self.instead[one.node] = one.manual.astype(one.node.dtype)
        self.choice = values if (np.abs(values - self.chosen) > SAME).any() else None

    def _gradients(self, values: Any) -> dict[Node, Any]:
        """The gradients that are compared, and those that arrive at the kinks, under these choices."""
        revise = Choice(self.kinks, values, self.instead)
        steps = backward_steps(self.passage.root, self.passage.seed, revise=revise)
        return {node: np.asarray(upstream) for node, upstream, _ in steps if node in self.wanted}

    def _explains(self, values: Any, held: Sequence[Compared], noise: float = 1.0) -> bool:
        """Whether these choices explain the gradients, allowing for this part of the noise."""
        gradients = self._gradients(values)
        for one in held:
            gradient = gradients.get(one.node, np.zeros(one.node.shape))
            if judge(one.manual, gradient, one.eps, noise * self._noise(one)).wrong.any():
                return False
        return True

    def _noise(self, one: Compared) -> Any:
        """What rounding explains: with autograd's choice, or with one in the middle, which leaves no tie out."""
        return np.maximum(one.noise, 2 * self.noise.get(one.node, 0.0))

    def _explaining(self, held: Sequence[Compared], values: Any) -> Any:
        """Choices that explain all of these gradients, near these values if they do; None if there are none."""
        if self._explains(values, held, 0.0):
            return values
        if not self._reach(held):
            return None
        # In low precision much is noise: what agrees without it comes first.
        for noise in (0.0, 1.0):
            for usual in (values, *self._usual()):
                if self._explains(usual, held, noise):
                    return usual
        pinned = self._pinned(held, values)
        if Choice(self.kinks, pinned).allows(SAME) and self._explains(pinned, held):
            return pinned
        for start in (values, (self.low + self.high) / 2):
            found = self._solved(held, start)
            if found is not None:
                return found
        return None

    def _reach(self, held: Sequence[Compared]) -> bool:
        """Whether the choices change all elements that differ; if not, none of them explains these."""
        here, there = self._at_random()
        for one in held:
            nothing = np.zeros(one.node.shape)
            first, second = here.get(one.node, nothing), there.get(one.node, nothing)
            if (judge(one.manual, first, one.eps, self._noise(one)).wrong & (first == second)).any():
                return False
        return True

    def _at_random(self) -> tuple[dict[Node, Any], dict[Node, Any]]:
        """The gradients under two choices that differ everywhere, and have nothing else to do with each other."""
        random = np.random.default_rng(0)
        parts = random.uniform(0.1, 0.4, (2, len(self.low))) + np.array([[0.0], [0.5]])
        first, second = (self._gradients(self.low + part * (self.high - self.low)) for part in parts)
        return first, second

    def _but_for_a_factor(self, one: Compared, values: Any) -> Any:
        """Choices that explain a gradient but for a factor, which is seen where no choice matters; or None."""
        here, there = self._at_random()
        nothing = np.zeros(one.node.shape)
        first = np.asarray(here.get(one.node, nothing), np.float64)
        fixed = (first == there.get(one.node, nothing)) & (first != 0)
        if not fixed.any() or fixed.all():
            return None
        factor = float(np.sum(one.manual[fixed] * first[fixed]) / np.sum(first[fixed] ** 2))
        if not np.isfinite(factor) or factor == 0:
            return None
        return self._explaining([*self.held, replace(one, manual=one.manual / factor)], values)

    def _usual(self) -> Iterator[Any]:
        """The usual choices, the same for all ties of the same operation."""
        kinds = list(dict.fromkeys(kink.node.operation for kink in self.kinks))
        options = {
            kind: range(1 + max(len(kink.usual) for kink in self.kinks if kink.node.operation == kind))
            for kind in kinds
        }
        for numbers in itertools.islice(itertools.product(*options.values()), COMBINATIONS):
            number = dict(zip(kinds, numbers, strict=True))
            yield np.concatenate(
                [[*kink.usual, kink.chosen][min(number[kink.node.operation], len(kink.usual))] for kink in self.kinks]
            )

    def _solved(self, held: Sequence[Compared], values: Any) -> Any:
        """The choices, solved for by Newton's method from these values; None if that does not arrive."""
        for _ in range(STEPS):
            directions, low, high = self._directions(values)
            self.passes += len(directions)
            if not len(directions) or self.passes > PASSES:
                return None
            here = self._flat(values, held)
            slopes = np.stack([self._flat(values + one, held) - here for one in directions], axis=1)
            missing = np.concatenate([np.asarray(one.manual, np.float64).ravel() for one in held]) - here
            slopes[np.abs(slopes) < 1e-12 * np.abs(slopes).max(initial=0.0)] = 0
            scale = np.abs(slopes).max(axis=1, initial=0.0)
            rows = scale > 0
            system, aim = slopes[rows] / scale[rows, None], missing[rows] / scale[rows]
            more, rest = self._sums(values, directions)
            step = _bounded(np.concatenate([system, more]), np.concatenate([aim, rest]), low, high) @ directions
            values = values + step
            for candidate in (self._tidied(values), values):
                if Choice(self.kinks, candidate).allows(SAME) and self._explains(candidate, held):
                    return candidate
            if not (np.abs(step) > SAME).any():
                return None
        return None

    def _tidied(self, values: Any) -> Any:
        """The choices without the rounding of those that are at a bound, or as autograd's."""
        for usual in (self.low, self.high, self.chosen):
            values = np.where(np.abs(values - usual) <= SAME, usual, values)
        return values

    def _flat(self, values: Any, held: Sequence[Compared]) -> Any:
        gradients = self._gradients(values)
        return np.concatenate(
            [np.asarray(gradients.get(one.node, np.zeros(one.node.shape)), np.float64).ravel() for one in held]
        )

    def _directions(self, values: Any) -> tuple[Any, Any, Any]:
        """What the choices are moved along, and how far each way: each alone, or if they are many, in groups.

        A group are the ties of a kink in one column at which the gradients that arrive have the same sign: what is
        summed over them, as that of a bias, can be as much as with each alone.
        """
        if len(values) <= MANY:
            return np.eye(len(values)), self.low - values, self.high - values
        gradients = self._gradients(values)
        groups, start = np.full(len(values), -1), 0
        for kink in self.kinks:
            flow = kink.flows[0]
            if not kink.sums and kink.balls is None and kink.node in gradients:
                upstream = gradients[kink.node].ravel()[flow.source]
                columns = flow.source % (kink.node.shape[-1] if kink.node.shape else 1)
                groups[start + flow.which] = groups.max() + 1 + 2 * columns + (upstream > 0)
            start += kink.size
        names = np.unique(groups[groups >= 0])
        if not 0 < len(names) <= MANY:
            return np.zeros((0, len(values))), np.zeros(0), np.zeros(0)
        directions = (groups == names[:, None]).astype(float)
        inside = directions > 0
        low = np.where(inside, self.low - values, -np.inf).max(axis=1)
        high = np.where(inside, self.high - values, np.inf).min(axis=1)
        return directions, low, high

    def _pinned(self, held: Sequence[Compared], values: Any) -> Any:
        """The choices that gradients by hand right before a kink tell, element by element, one kink after another."""
        values, start = values.copy(), len(values)
        known = {one.node: one for one in held}
        for kink in reversed(self.kinks):
            start -= kink.size
            for flow in kink.flows:
                parent = kink.node.inputs[flow.place]
                if parent not in known or flow.shape != parent.shape:
                    continue
                gradients = self._gradients(values)
                upstream = flow.factor * gradients[kink.node].ravel()[flow.source]
                missing = (known[parent].manual - gradients[parent]).ravel()[flow.target]
                where = start + flow.which
                more = np.where(upstream == 0, 0, missing / np.where(upstream == 0, 1, upstream))
                values[where] = np.clip(values[where] + more, self.low[where], self.high[where])
                break
        return self._tidied(values)

    def _sums(self, values: Any, directions: Any) -> tuple[Any, Any]:
        """Equations that keep what is to be shared out in whole shared out."""
        rows, rest, start = [], [], 0
        for kink in self.kinks:
            for groups, totals in kink.sums:
                row = np.zeros((len(totals), len(values)))
                row[groups, start + np.arange(kink.size)] = 1
                rows.append(row @ directions.T)
                rest.append(totals - row @ values)
            start += kink.size
        empty = np.zeros((0, len(directions)))
        return np.concatenate([empty, *rows]), np.concatenate([np.zeros(0), *rest])


def _bounded(system: Any, aim: Any, low: Any, high: Any) -> Any:
    """The least squares solution of system @ x = aim with low <= x <= high, by moving variables to and from bounds.

    The active sets of P. B. Stark and R. L. Parker (Bounded-variable least squares, Computational Statistics 10, 1995),
    several variables at a time.

    >>> _bounded(np.eye(2), np.array([0.5, 3.0]), np.zeros(2), np.ones(2))
    array([0.5, 1. ])
    """
    x = np.clip(np.zeros(len(low)), low, high)
    free = high > low
    best, least = x, np.inf
    for _ in range(PIVOTS):
        rest = aim - system @ x
        wanted = x.copy()
        wanted[free] += np.linalg.lstsq(system[:, free], rest, rcond=1e-10)[0]
        below, above = wanted < low - SAME / 10, wanted > high + SAME / 10
        x = np.clip(wanted, low, high)
        rest = aim - system @ x
        size = float(rest @ rest)
        if size < least:
            best, least = x, size
        if (below | above).any():
            free = free & ~(below | above)
            continue
        pull = system.T @ rest
        tolerance = 1e-9 * (1 + np.abs(aim).max(initial=0.0))
        inward = ((x <= low) & (pull > tolerance)) | ((x >= high) & (pull < -tolerance))
        released = inward & ~free & (high > low)
        if not released.any():
            break
        free = free | released
    return best
