"""One function at one point, as gradcheck looks at it: its values, its slopes, its gradients by backward passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..engine import backward_steps
from ..graph import Node, ancestors, between, enable_grad
from ..tensor import Tensor, leaf_of, make_tensor, own_array
from .extrapolation import SAFETY
from .noise import SAMPLES, rounding_noise
from .numeric import KINK, UNEVEN, numeric_slopes
from .tolerance import ROUNDINGS, Judgement, judge, precision

MANY = 256
"""Up to this many elements of the result are checked one by one; more are checked along two random directions."""

Function = Callable[[list[Any]], Iterable[Any]]


class Verdict(NamedTuple):
    """The gradient for one input beside the numeric slope; all arrays have an axis for the result, then the input's.

    `error` is infinite where there is no slope to compare with; `is_linear` tells whether the gradient rules were
    linear in the upstream gradient.
    """

    automatic: Any
    slope: Any
    error: Any
    judgement: Judgement
    is_linear: bool

    @property
    def unknown(self) -> Any:
        """Where there is no slope to compare with, or only 0 times the infinite slope of another result."""
        unknown = ~np.isfinite(self.error)
        return unknown | (np.isnan(self.automatic) & unknown.any(axis=0))

    @property
    def wrong(self) -> Any:
        """Where the gradient is not the slope."""
        return self.judgement.wrong & ~self.unknown


class Recording(NamedTuple):
    """One run of the function on Tensors that require a gradient: these, by place, and its floating results."""

    variables: dict[int, Tensor]
    results: list[Any]

    def seeds(self, direction: Any) -> Iterator[tuple[Node, Any]]:
        """The nodes of the results, with their parts of an upstream gradient for all, where these are not 0."""
        start = 0
        for result in self.results:
            part = direction[start : start + result.size].reshape(result.shape)
            start += part.size
            if isinstance(result, Tensor) and result.requires_grad and part.any() and result._node is not None:
                yield result._node, part.astype(result.dtype)

    def pulled(self, place: int, direction: Any) -> Any:
        """The gradient for one input, given an upstream gradient for all results."""
        variable = self.variables[place]
        total = np.zeros(variable.shape)
        for root, seed in self.seeds(direction):
            nodes = between(root, [variable._node]) if variable._node is not None else []
            for node, upstream, _ in backward_steps(root, seed, nodes=nodes):
                if node is variable._node:
                    total = total + np.asarray(upstream, np.float64)
        return total


class Trial:
    """A function of leaves, of which those at `places` are floating and checked.

    Attributes: `arrays`, the floating inputs by place; `recording`, of the function run there; `values`, all elements
    of the floating results in one row, computed in float64 if the function takes it.
    """

    def __init__(self, function: Function, leaves: list[Any], places: list[int]) -> None:
        self.function = function
        self.leaves = leaves
        self.arrays = {place: own_array(leaves[place], None) for place in places}
        variables, results = self._recorded(self.arrays)
        self.floating = [number for number, result in enumerate(results) if _dtype(result).kind == "f"]
        self.recording = Recording(variables, [_sized(results[number]) for number in self.floating])
        self.moved, self.values = self._widened()

    @property
    def is_repeatable(self) -> bool:
        """Whether the function gives the same values, and its gradient rules the same gradients, once more."""
        direction = _random(self.values.size, 1)[:, 0]
        twice = [[self.recording.pulled(place, direction) for place in self.arrays] for _ in range(2)]
        return np.array_equal(self._values(self.moved), self.values, equal_nan=True) and all(
            np.array_equal(first, second, equal_nan=True) for first, second in zip(*twice, strict=True)
        )

    @property
    def operations(self) -> list[Node]:
        """The operations that the results were computed with, in the order they ran."""
        roots = [root for root, _ in self.recording.seeds(np.ones(self.values.size))]
        found = {node for root in roots for node in ancestors(root) if node.plan is not None}
        return sorted(found, key=lambda node: node.number)

    def check(self, place: int) -> Verdict:
        """Compare the gradient for the input at `place` with the numeric slope."""
        directions, is_basis = self._directions()
        scale = directions.sum(axis=0) if is_basis else np.ones(directions.shape[1])
        scale = scale.reshape(-1, *[1] * self.arrays[place].ndim)
        automatic = self._gradients(self.recording, place, directions) / scale
        eps = precision(self.arrays[place].dtype, *[result.dtype for result in self.recording.results])
        slope, error, kind = numeric_slopes(
            lambda x: self._values({**self.moved, place: x}),
            self.moved[place],
            automatic,
            np.sqrt(eps),
            None if is_basis else directions,
        )
        if (kind == UNEVEN).any():
            # Uneven values are excused if they are small beside the terms that were added up, and cancelled.
            terms = self._rounding(place, directions, kind == UNEVEN) / np.abs(scale) / (ROUNDINGS * eps)
            error = np.where((kind == UNEVEN) & (error > 1e-2 * terms), np.inf, error)
        judgement = judge(automatic, slope, eps, error)
        for noise in (self._rounding, self._scatter):
            if judgement.wrong.any():
                # At a kink the gradient changes with the last digit for another reason than rounding.
                found = noise(place, directions, judgement.wrong) / np.abs(scale)
                error = error + np.where((kind == KINK) & (noise == self._scatter), 0, found)
                judgement = judge(automatic, slope, eps, error)
        return Verdict(
            automatic, slope, error, judgement, not is_basis or self._is_linear(place, automatic, error, eps)
        )

    def _recorded(self, arrays: dict[int, Any]) -> tuple[dict[int, Tensor], list[Any]]:
        """Run the function on Tensors that require a gradient."""
        variables = {place: leaf_of(array.copy(), requires_grad=True) for place, array in arrays.items()}
        return variables, self._run(variables)

    def _run(self, tensors: dict[int, Tensor]) -> list[Any]:
        given = [tensors.get(place, leaf) for place, leaf in enumerate(self.leaves)]
        with enable_grad():
            return list(self.function(given))

    def _values(self, arrays: dict[int, Any]) -> Any:
        """All elements of the floating results, in one row."""
        results = self._run({place: make_tensor(array, None) for place, array in arrays.items()})
        rows = [np.ravel(_array(results[number])) for number in self.floating]
        return np.concatenate(rows) if rows else np.zeros(0)

    def _widened(self) -> tuple[dict[int, Any], Any]:
        """The inputs as float64, and the values there, if the function takes them; else as they are."""
        wide = {place: array.astype(np.result_type(array, np.float64)) for place, array in self.arrays.items()}
        try:
            return wide, self._values(wide)
        except Exception:
            return self.arrays, self._values(self.arrays)

    def _directions(self) -> tuple[Any, bool]:
        """Upstream gradients, a column each: for each element of the result alone, or for all at once if they are many.

        They are no ones, but numbers of several sizes and signs, so that a rule that squares them does not pass.
        """
        count = self.values.size
        return (_random(count, 2), False) if count > MANY else (np.diag(_random(count, 1)[:, 0]), True)

    def _gradients(self, recording: Recording, place: int, directions: Any, chosen: Any = None) -> Any:
        """The gradient for one input along each direction; zeros for those that are not chosen."""
        gradients = np.zeros((directions.shape[1], *self.arrays[place].shape))
        for row, direction in enumerate(directions.T):
            if chosen is None or chosen[row].any():
                gradients[row] = recording.pulled(place, direction)
        return gradients

    def _rounding(self, place: int, directions: Any, wrong: Any) -> Any:
        """The rounding noise of the backward passes that look wrong."""
        noise = np.zeros((directions.shape[1], *self.arrays[place].shape))
        node = self.recording.variables[place]._node
        for row, direction in enumerate(directions.T):
            if wrong[row].any() and node is not None:
                for root, seed in self.recording.seeds(direction):
                    noise[row] += rounding_noise(root, seed, {node}).get(node, 0.0)
        return np.nan_to_num(noise, posinf=0.0)

    def _scatter(self, place: int, directions: Any, wrong: Any) -> Any:
        """How much the gradients change if the inputs change in their last digit: that is noise within the rules."""
        random = np.random.default_rng(0)
        here = self._gradients(self.recording, place, directions, wrong)
        noise = np.zeros(wrong.shape)
        for _ in range(SAMPLES):
            variables, results = self._recorded({key: _nudged(array, random) for key, array in self.arrays.items()})
            beside = Recording(variables, [_sized(results[number]) for number in self.floating])
            noise = np.fmax(noise, np.abs(self._gradients(beside, place, directions, wrong) - here))
        return SAFETY * np.nan_to_num(noise, posinf=0.0)

    def _is_linear(self, place: int, gradients: Any, error: Any, eps: float) -> bool:
        """Whether the gradient along a direction of all results is the sum of those of each."""
        if len(gradients) < 2:
            return True
        direction = _random(len(gradients), 3)[:, 2]
        along = self.recording.pulled(place, direction)
        expected = np.tensordot(direction, gradients, 1)
        allowed = np.tensordot(np.abs(direction), np.sqrt(eps) * np.abs(gradients) + error, 1)
        if judge(along, expected, eps, allowed).wrong.any():
            allowed = allowed + self._rounding(place, direction[:, None], np.ones((1, 1)))[0]
        return not (judge(along, expected, eps, allowed).wrong & np.isfinite(allowed)).any()


def _nudged(array: Any, random: np.random.Generator) -> Any:
    """The array with each element moved to a neighbouring number, or left where it is."""
    return (array * (1 + 2 * np.finfo(array.dtype).eps * random.choice([-1, 0, 1], array.shape))).astype(array.dtype)


def _random(count: int, columns: int) -> Any:
    """Numbers between 0.5 and 2 in size, of both signs; the same ones every time."""
    random = np.random.default_rng(count)
    return random.uniform(0.5, 2.0, (count, columns)) * random.choice([-1.0, 1.0], (count, columns))


def _array(value: Any) -> Any:
    return np.asarray(value._data if isinstance(value, Tensor) else value)


def _sized(value: Any) -> Any:
    return value if hasattr(value, "dtype") else np.asarray(value)


def _dtype(value: Any) -> Any:
    return _sized(value).dtype
