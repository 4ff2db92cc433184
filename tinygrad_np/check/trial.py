"""One function at one point, as gradcheck looks at it: its values, its slopes, its gradients by backward passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..engine import backward_steps
from ..graph import Node, ancestors, between, enable_grad
from ..record import leaf_of, make_tensor, own_array
from ..tensor import Tensor
from .extrapolation import SAFETY
from .noise import SAMPLES, rounding_noise
from .numeric import KINK, UNEVEN, numeric_slopes
from .tolerance import ROUNDINGS, Judgement, judge, precision

MANY = 256
"""Up to this many elements of the result are checked one by one; more are checked along two random directions."""

LOW_PRECISION = 2.0**-6
"""The relative error of a float32 gradient whose rules are right in float64."""

Function = Callable[[list[Any]], Iterable[Any]]


class Verdict(NamedTuple):
    """The gradient for one input beside the numeric slope; all arrays have an axis for the result, then the input's.

    `error` is infinite where there is no slope to compare with; `is_linear` tells whether the gradient rules were
    linear in the upstream gradient, `at_kink` where the slopes to both sides differ.
    """

    automatic: Any
    slope: Any
    error: Any
    judgement: Judgement
    is_linear: bool
    at_kink: Any

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


class _Aim(NamedTuple):
    """What is differentiated: the input at this place, along directions of the result that have these scales."""

    place: int
    directions: Any
    scale: Any


class Trial:
    """A function of leaves, of which those at `places` are floating and checked.

    Attributes: `arrays`, the floating inputs by place; `recording`, of the function run on them; `moved`, the inputs in
    float64, `precise`, the recording there, and `values`, all elements of the floating results there in one row. If the
    function does not take float64, these are as the inputs are.
    """

    def __init__(self, function: Function, leaves: list[Any], places: list[int]) -> None:
        self.function = function
        self.leaves = leaves
        self.arrays = {place: own_array(leaves[place], None) for place in places}
        self.recording = self._record(self.arrays)
        self.moved, self.precise = self._widened()
        self.values = self._values(self.moved)

    def what_is_random(self) -> str | None:
        """In words what comes out differently once more: the function's values, or the gradients of its rules."""
        if not np.array_equal(self._values(self.moved), self.values, equal_nan=True):
            return "The function does not give the same values twice; fix its random numbers."
        direction = _random(self.values.size, 1)[:, 0]
        for place in self.arrays:
            first, second = (self.recording.pulled(place, direction) for _ in range(2))
            if not np.array_equal(first, second, equal_nan=True):
                return (
                    "A gradient rule does not give the same gradient twice, though the function's values are the same."
                )
        return None

    @property
    def operations(self) -> list[Node]:
        """The operations that the results were computed with, in the order they ran."""
        roots = [root for root, _ in self.recording.seeds(np.ones(self.values.size))]
        found = {node for root in roots for node in ancestors(root) if node.plan is not None}
        return sorted(found, key=lambda node: node.number)

    def check(self, place: int) -> Verdict:
        """Compare the gradient for the input at `place` with the numeric slope; in a low precision, with a high one."""
        directions, is_basis = self._directions()
        scale = directions.sum(axis=0) if is_basis else np.ones(directions.shape[1])
        scale = scale.reshape(-1, *[1] * self.arrays[place].ndim)
        aim = _Aim(place, directions, scale)
        verdict = self._against_slopes(aim, is_basis)
        if self.precise is not self.recording and not verdict.wrong.any() and verdict.is_linear:
            return self._against_precise(aim, verdict)
        return verdict

    def _against_slopes(self, aim: _Aim, is_basis: bool) -> Verdict:
        place, eps = aim.place, self._eps(self.precise, aim.place)
        automatic = self._gradients(self.precise, aim)
        slope, error, kind = numeric_slopes(
            lambda x: self._values({**self.moved, place: x}),
            self.moved[place],
            automatic,
            np.sqrt(eps),
            None if is_basis else aim.directions,
        )
        if (kind == UNEVEN).any():
            # Uneven values are excused if they are small beside the terms that were added up, and cancelled.
            terms = self._rounding(self.precise, aim, kind == UNEVEN) / (ROUNDINGS * eps)
            error = np.where((kind == UNEVEN) & (error > 1e-2 * terms), np.inf, error)
        judgement = judge(automatic, slope, eps, error)
        if judgement.wrong.any():
            error = error + self._rounding(self.precise, aim, judgement.wrong)
            judgement = judge(automatic, slope, eps, error)
        if judgement.wrong.any():
            # At a kink the gradient changes with the last digit for another reason than rounding.
            error = error + np.where(kind == KINK, 0, self._scatter(aim, judgement.wrong))
            judgement = judge(automatic, slope, eps, error)
        is_linear = not is_basis or self._is_linear(aim, automatic, error, eps)
        return Verdict(automatic, slope, error, judgement, is_linear, kind == KINK)

    def _against_precise(self, aim: _Aim, verdict: Verdict) -> Verdict:
        """Compare the gradient in the precision of the inputs with that of the same function in float64."""
        eps = self._eps(self.recording, aim.place)
        automatic = self._gradients(self.recording, aim)
        # The rules are right; that a forward pass in low precision blows its rounding up is no fault of theirs.
        error = verdict.error + LOW_PRECISION * np.abs(verdict.automatic)
        judgement = judge(automatic, verdict.automatic, eps, error)
        for noise in (self._rounding, self._rounding_around):
            if judgement.wrong.any():
                error = error + noise(self.recording, aim, judgement.wrong)
                judgement = judge(automatic, verdict.automatic, eps, error)
        return Verdict(automatic, verdict.automatic, error, judgement, True, verdict.at_kink)

    def _record(self, arrays: dict[int, Any]) -> Recording:
        """Run the function on Tensors that require a gradient."""
        variables = {place: leaf_of(array.copy(), requires_grad=True) for place, array in arrays.items()}
        results = [_sized(result) for result in self._run(variables)]
        return Recording(variables, [result for result in results if result.dtype.kind == "f"])

    def _run(self, tensors: dict[int, Tensor]) -> list[Any]:
        given = [tensors.get(place, leaf) for place, leaf in enumerate(self.leaves)]
        with enable_grad():
            return list(self.function(given))

    def _values(self, arrays: dict[int, Any]) -> Any:
        """All elements of the floating results, in one row."""
        results = self._run({place: make_tensor(array, None) for place, array in arrays.items()})
        rows = [np.ravel(result) for result in map(_array, results) if result.dtype.kind == "f"]
        return np.concatenate(rows) if rows else np.zeros(0)

    def _widened(self) -> tuple[dict[int, Any], Recording]:
        """The inputs as float64, and the function recorded there, if it takes them; else as they are."""
        wide = {place: array.astype(np.result_type(array, np.float64)) for place, array in self.arrays.items()}
        if all(wide[place].dtype == array.dtype for place, array in self.arrays.items()):
            return wide, self.recording
        try:
            return wide, self._record(wide)
        except Exception:
            return self.arrays, self.recording

    def _eps(self, recording: Recording, place: int) -> float:
        dtypes = [recording.variables[place].dtype, *[result.dtype for result in recording.results]]
        return max(precision(*dtypes), 2.0**-52)

    def _directions(self) -> tuple[Any, bool]:
        """Upstream gradients, a column each: for each element of the result alone, or for all at once if they are many.

        They are no ones, but numbers of several sizes and signs, so that a rule that squares them does not pass.
        """
        count = self.values.size
        return (_random(count, 2), False) if count > MANY else (np.diag(_random(count, 1)[:, 0]), True)

    def _gradients(self, recording: Recording, aim: _Aim, chosen: Any = None) -> Any:
        """The gradient along each direction; zeros for those that are not chosen."""
        gradients = np.zeros((aim.directions.shape[1], *self.arrays[aim.place].shape))
        for row, direction in enumerate(aim.directions.T):
            if chosen is None or chosen[row].any():
                gradients[row] = recording.pulled(aim.place, direction)
        return gradients / aim.scale

    def _rounding(self, recording: Recording, aim: _Aim, wrong: Any) -> Any:
        """The rounding noise of the backward passes that look wrong."""
        noise = np.zeros(wrong.shape)
        node = recording.variables[aim.place]._node
        for row, direction in enumerate(aim.directions.T):
            if wrong[row].any() and node is not None:
                for root, seed in recording.seeds(direction):
                    noise[row] += rounding_noise(root, seed, {node}).get(node, 0.0)
        return np.nan_to_num(noise / np.abs(aim.scale), posinf=0.0)

    def _scatter(self, aim: _Aim, wrong: Any) -> Any:
        """How much the gradients change if the inputs change in their last digits: that is noise within the rules."""
        random = np.random.default_rng(0)
        here = self._gradients(self.precise, aim, wrong)
        noise = np.zeros(wrong.shape)
        for _ in range(SAMPLES):
            nudged = {
                place: _moved(array, random, ROUNDINGS * float(np.finfo(array.dtype).eps))
                for place, array in self.moved.items()
            }
            beside = self._record(nudged)
            noise = np.fmax(noise, np.abs(self._gradients(beside, aim, wrong) - here))
        return SAFETY * np.nan_to_num(noise, posinf=0.0)

    def _rounding_around(self, recording: Recording, aim: _Aim, wrong: Any) -> Any:
        """How much the error of the gradient in low precision varies around here.

        Rounding in the forward pass may be blown up without limit; but it has another sign at the next point, where a
        rule that is wrong is wrong by the same factor.
        """
        random = np.random.default_rng(0)
        errors = []
        for _ in range(2 * SAMPLES):
            near = {place: _moved(array, random, 0.1) for place, array in self.arrays.items()}
            precise = self._record({place: array.astype(self.moved[place].dtype) for place, array in near.items()})
            errors.append(self._gradients(self._record(near), aim, wrong) - self._gradients(precise, aim, wrong))
        return 4 * np.nan_to_num(np.std(errors, axis=0), posinf=0.0)

    def _is_linear(self, aim: _Aim, gradients: Any, error: Any, eps: float) -> bool:
        """Whether the gradient along a direction of all results is the sum of those of each."""
        if not len(gradients):
            return True
        # Against the directions of each, so that a rule that drops the sign of g does not pass.
        direction = -1.5 * _random(len(gradients), 1)[:, 0]
        along = self.precise.pulled(aim.place, direction)
        expected = np.tensordot(direction, gradients, 1)
        allowed = np.tensordot(np.abs(direction), np.sqrt(eps) * np.abs(gradients) + error, 1)
        if judge(along, expected, eps, allowed).wrong.any():
            whole = _Aim(aim.place, direction[:, None], np.ones(1))
            allowed = allowed + self._rounding(self.precise, whole, np.ones((1, *along.shape)))[0]
        return not (judge(along, expected, eps, allowed).wrong & np.isfinite(allowed)).any()


def _moved(array: Any, random: np.random.Generator, relative: float) -> Any:
    """The array with each element moved at random by up to this part of its size."""
    return (array * (1 + random.uniform(-1, 1, array.shape) * relative)).astype(array.dtype)


def _random(count: int, columns: int) -> Any:
    """Numbers between 0.5 and 2 in size, of both signs; the same ones every time."""
    random = np.random.default_rng(count)
    return random.uniform(0.5, 2.0, (count, columns)) * random.choice([-1.0, 1.0], (count, columns))


def _array(value: Any) -> Any:
    return np.asarray(value._data if isinstance(value, Tensor) else value)


def _sized(value: Any) -> Any:
    return value if hasattr(value, "dtype") else np.asarray(value)
