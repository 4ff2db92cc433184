"""Layers that multiply by a weight: Linear, Bilinear; and Embedding, which picks rows of one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ops.networks import linear as functions
from .module import Module
from .parameter import Random, uniform


class Identity(Module):
    """The input itself; whatever arguments it is given are not used."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        """The input."""
        return input


class Linear(Module):
    """x W.T + b, with W (out_features, in_features) and b (out_features,) spread over +-1/sqrt(in_features).

    Args:
        in_features, out_features: the lengths of the last axis of input and result; other axes are kept.
        bias: whether there is a b.
        dtype: of the parameters, float64 unless told otherwise.
        rng: a numpy.random.Generator, or the seed of one.

    Raises ShapeError if the last axis of the input has another length.

    >>> import numpy as np
    >>> from tinygrad_np import nn
    >>> nn.Linear(3, 2, rng=0)(np.ones((4, 3))).shape
    (4, 2)
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, dtype: Any = None, rng: Random = None
    ) -> None:
        super().__init__(in_features=in_features, out_features=out_features)
        rng, bound = np.random.default_rng(rng), 1 / math.sqrt(max(in_features, 1))
        self.weight = uniform((out_features, in_features), bound, rng, dtype)
        self.bias = uniform((out_features,), bound, rng, dtype) if bias else None

    def forward(self, input: Any) -> Any:
        """X W.T + b."""
        return functions.linear(input, self.weight, self.bias)
