"""Layers that multiply by a weight: Linear, Bilinear; and Embedding, which picks rows of one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ops.networks import linear as functions
from ..sentences import whole_number
from .module import Module
from .parameter import Parameter, Random, uniform


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


class Bilinear(Module):
    """x1 W[o] x2 + b[o] for each output o, with W (out_features, in1_features, in2_features).

    All parameters are spread over +-1/sqrt(in1_features); the other arguments are those of Linear.
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: Any = None,
        rng: Random = None,
    ) -> None:
        super().__init__(in1_features=in1_features, in2_features=in2_features, out_features=out_features)
        rng, bound = np.random.default_rng(rng), 1 / math.sqrt(max(in1_features, 1))
        self.weight = uniform((out_features, in1_features, in2_features), bound, rng, dtype)
        self.bias = uniform((out_features,), bound, rng, dtype) if bias else None

    def forward(self, input1: Any, input2: Any) -> Any:
        """`tg.bilinear` of the inputs."""
        return functions.bilinear(input1, input2, self.weight, self.bias)


class Embedding(Module):
    """The rows of a weight (num_embeddings, embedding_dim), normally distributed, that whole numbers name.

    The row `padding_idx` starts as zeros and gets no gradient.

    Raises IndexingError for numbers that are not whole, are negative, or have no row.

    >>> from tinygrad_np import nn
    >>> nn.Embedding(10, 3)([[1, 2, 4, 5], [4, 3, 2, 9]]).shape
    (2, 4, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        dtype: Any = None,
        rng: Random = None,
    ) -> None:
        super().__init__(num_embeddings=num_embeddings, embedding_dim=embedding_dim, padding_idx=padding_idx)
        table = np.random.default_rng(rng).normal(size=(num_embeddings, embedding_dim))
        if padding_idx is not None:
            whole_number("padding_idx", padding_idx, -num_embeddings, num_embeddings - 1)
            self.padding_idx = range(num_embeddings)[padding_idx]
            table[padding_idx] = 0
        self.weight = Parameter(table, dtype=dtype)

    def forward(self, input: Any) -> Any:
        """The rows that the numbers name."""
        return functions.embedded(input, self.weight, self.padding_idx)
