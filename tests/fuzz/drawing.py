"""Random arrays, shapes and options, from which tests/fuzz/surface.py makes calls of NumPy's functions."""

from __future__ import annotations

from typing import Any

import numpy as np

FLOATS = (np.float64, np.float64, np.float64, np.float32, np.float16)
OTHERS = (np.float16, np.float32, np.float64, np.int8, np.int64, np.uint8, np.uint16, bool)


class Draw:
    """A source of random arguments: the same seed draws the same."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.dtype = self.one_of(*FLOATS)

    def one_of(self, *values: Any) -> Any:
        """One of these."""
        return values[self.random.integers(len(values))]

    def chance(self, part: float) -> bool:
        """True in this part of the cases."""
        return bool(self.random.random() < part)

    def integer(self, low: int, high: int) -> int:
        """From low to high, both included."""
        return int(self.random.integers(low, high + 1))

    def shape(self, least: int = 0, most: int = 3, *, empty: bool = True) -> tuple[int, ...]:
        """Lengths of axes, of which some are 1, and rarely one is 0."""
        lengths = [self.one_of(1, 2, 3, 3, 4) for _ in range(self.integer(least, most))]
        if lengths and empty and self.chance(0.04):
            lengths[self.random.integers(len(lengths))] = 0
        return tuple(lengths)

    def beside(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """A shape that broadcasts with this one."""
        kept = list(shape[self.integer(0, len(shape)) :]) if self.chance(0.5) else list(shape)
        return tuple(1 if self.chance(0.25) else length for length in kept)

    def array(self, shape: tuple[int, ...], low: float = -2.0, high: float = 2.0, dtype: Any = None) -> Any:
        """Values spread over [low, high] so that no two are close, in a random order."""
        size = int(np.prod(shape))
        steps = (np.arange(size) + self.random.uniform(0.3, 0.7, size)) / max(size, 1)
        values = low + (high - low) * self.random.permutation(steps)
        return np.asarray(values.reshape(shape).astype(dtype or self.dtype))

    def other(self, shape: tuple[int, ...], low: float = -2.0, high: float = 2.0) -> Any:
        """An operand that is not differentiated: of any dtype, or a number of Python's."""
        dtype = np.dtype(self.one_of(*OTHERS))
        if dtype.kind == "f":
            return self.array(shape, low, high, dtype)
        if self.chance(0.15):
            return self.one_of(1, 2, 1.5)
        if dtype.kind == "b":
            return self.mask(shape)
        return self.random.integers(
            max(int(np.ceil(low)), 0 if dtype.kind == "u" else -9), int(high) + 1, shape
        ).astype(dtype)

    def mask(self, shape: tuple[int, ...]) -> Any:
        """Truths of which most hold."""
        return self.random.random(shape) < 0.7

    def axis(self, ndim: int, *, several: bool = True, none: bool = True) -> Any:
        """An axis, several, or None for all."""
        if ndim == 0 or (none and self.chance(0.3)):
            return None
        if several and self.chance(0.3):
            count = self.integer(1, ndim)
            return tuple(int(one) for one in self.random.permutation(ndim)[:count])
        return self.integer(-ndim, ndim - 1)
