"""Modules without parameters other than activations: Dropout, Flatten, Unflatten, Identity."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ShapeError, described
from ..frames import user_place
from ..ops.arrays.shape import array_of
from ..ops.elementwise import masks
from .function import refuse_inplace
from .module import Module
from .parameter import Random


class Identity(Module):
    """The input itself; whatever arguments it is given are not used."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        """The input."""
        return input


class Dropout(Module):
    """In training each element becomes 0 with the probability p, and the others are divided by 1 - p.

    `rng`, a generator or the seed of one, is the module's own, and draws anew in every call.

    Raises ShapeError for a p that is not a probability.

    >>> import numpy as np
    >>> from tinygrad_np import nn
    >>> nn.Dropout(0.5, rng=0)(np.ones(6))
    array([2., 0., 0., 0., 2., 2.])
    """

    def __init__(self, p: float = 0.5, inplace: bool = False, *, rng: Random = None) -> None:
        refuse_inplace(self, inplace)
        if not 0 <= p <= 1:
            raise ShapeError(f"Dropout(p={p!r}), {user_place()}: a probability is from 0 to 1.")
        super().__init__(p=p, rng=np.random.default_rng(rng))

    def forward(self, input: Any) -> Any:
        """`tg.dropout` of the input."""
        return masks.dropout(array_of(input), self.p, self.training and self.p > 0, random=self.rng)


class Flatten(Module):
    """The axes from start_dim to end_dim as one; by default all but the first, that of the batch."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__(start_dim=start_dim, end_dim=end_dim)

    def forward(self, input: Any) -> Any:
        """The input in another shape."""
        input = array_of(input)
        input = input if input.ndim else input.reshape(1)
        first, last = _axis(self, input, self.start_dim), _axis(self, input, self.end_dim)
        if first > last:
            raise ShapeError(f"{self!r} of {described(input)}, {user_place()}: start_dim comes after end_dim.")
        shape = input.shape
        return input.reshape(*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])


class Unflatten(Module):
    """The axis `dim` as several, of the shape unflattened_size, in which one length may be -1."""

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]) -> None:
        super().__init__(dim=dim, unflattened_size=tuple(unflattened_size))

    def forward(self, input: Any) -> Any:
        """The input in another shape."""
        input = array_of(input)
        axis, size = _axis(self, input, self.dim), list(self.unflattened_size)
        if -1 in size:
            size[size.index(-1)] = input.shape[axis] // max(math.prod(one for one in size if one != -1), 1)
        if math.prod(size) != input.shape[axis]:
            raise ShapeError(f"{self!r} of {described(input)}, {user_place()}: axis {axis} does not have that length.")
        return input.reshape(*input.shape[:axis], *size, *input.shape[axis + 1 :])


def _axis(module: Module, input: Any, axis: int) -> int:
    if not -input.ndim <= axis < input.ndim:
        raise ShapeError(f"{module!r} of {described(input)}, {user_place()}: it has no axis {axis}.")
    return axis % input.ndim
