"""Initialisers: new values for a parameter, in place, under PyTorch's names. They return the parameter.

    nn.init.xavier_uniform_(layer.weight, rng=0)

Each draws from `rng`, a numpy.random.Generator or the seed of one. Of a weight (out, in, ...) the fan in is the number
of inputs that a result sees, in times the window, the fan out that of the results which an input reaches.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar

import numpy as np

from ..errors import ShapeError, described
from ..frames import user_place
from ..options import chosen
from ..sentences import in_a_sentence
from ..tensor import Tensor
from .parameter import Random

Given = TypeVar("Given", bound=Tensor)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """What makes up for the scale of an activation: 5/3 of tanh, sqrt(2) of relu, with a slope less.

    >>> round(calculate_gain("leaky_relu", 0.2), 4)
    1.3868
    """
    slope = 0.01 if param is None else param
    gains = {"tanh": 5 / 3, "relu": math.sqrt(2), "leaky_relu": math.sqrt(2 / (1 + slope**2)), "selu": 3 / 4}
    gains |= {"linear": 1.0, "sigmoid": 1.0, "conv": 1.0}
    return gains[chosen("nonlinearity", "conv" if nonlinearity.startswith("conv") else nonlinearity, gains)]


@in_a_sentence
def uniform_(tensor: Given, a: float = 0.0, b: float = 1.0, *, rng: Random = None) -> Given:
    """Evenly spread over [a, b)."""
    return _filled(tensor, np.random.default_rng(rng).uniform(a, b, tensor.shape))


@in_a_sentence
def normal_(tensor: Given, mean: float = 0.0, std: float = 1.0, *, rng: Random = None) -> Given:
    """Normally distributed."""
    return _filled(tensor, np.random.default_rng(rng).normal(mean, std, tensor.shape))


@in_a_sentence
def trunc_normal_(
    tensor: Given, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, *, rng: Random = None
) -> Given:
    """Normally distributed, what falls outside of [a, b] drawn again."""
    rng = np.random.default_rng(rng)
    drawn = rng.normal(mean, std, tensor.shape)
    if not mean - 4 * std < b or not a < mean + 4 * std or a >= b:
        raise ShapeError(f"of N({mean}, {std}) next to nothing lies in [{a}, {b}], {user_place()}.")
    while (outside := (drawn < a) | (drawn > b)).any():
        drawn[outside] = rng.normal(mean, std, int(outside.sum()))
    return _filled(tensor, drawn)


@in_a_sentence
def constant_(tensor: Given, val: float) -> Given:
    """One number."""
    return _filled(tensor, np.full(tensor.shape, val))


@in_a_sentence
def ones_(tensor: Given) -> Given:
    """Ones."""
    return constant_(tensor, 1.0)


@in_a_sentence
def zeros_(tensor: Given) -> Given:
    """Zeros."""
    return constant_(tensor, 0.0)


@in_a_sentence
def eye_(tensor: Given) -> Given:
    """The identity matrix."""
    rows, columns = tensor.shape
    return _filled(tensor, np.eye(rows, columns))


@in_a_sentence
def xavier_uniform_(tensor: Given, gain: float = 1.0, *, rng: Random = None) -> Given:
    """Spread over +-gain sqrt(6 / (fan in + fan out)) (Glorot and Bengio 2010)."""
    bound = gain * math.sqrt(6 / sum(_fans(tensor)))
    return uniform_(tensor, -bound, bound, rng=rng)


@in_a_sentence
def xavier_normal_(tensor: Given, gain: float = 1.0, *, rng: Random = None) -> Given:
    """Normally distributed with the deviation gain sqrt(2 / (fan in + fan out)) (Glorot and Bengio 2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(_fans(tensor))), rng=rng)


@in_a_sentence
def kaiming_uniform_(
    tensor: Given, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", *, rng: Random = None
) -> Given:
    """Spread over +-gain sqrt(3 / fan), by default with the gain of a leaky relu of slope a (He et al. 2015)."""
    bound = math.sqrt(3) * _kaiming_deviation(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, rng=rng)


@in_a_sentence
def kaiming_normal_(
    tensor: Given, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", *, rng: Random = None
) -> Given:
    """Normally distributed with the deviation gain / sqrt(fan) (He et al. 2015)."""
    return normal_(tensor, 0.0, _kaiming_deviation(tensor, a, mode, nonlinearity), rng=rng)


@in_a_sentence
def orthogonal_(tensor: Given, gain: float = 1.0, *, rng: Random = None) -> Given:
    """gain times a random matrix with orthonormal rows, or columns if there are fewer (Saxe et al. 2013).

    >>> import numpy as np
    >>> from tinygrad_np import nn
    >>> W = nn.init.orthogonal_(nn.Parameter(np.empty((2, 5))), rng=0).numpy()
    >>> np.allclose(W @ W.T, np.eye(2))
    True
    """
    _fans(tensor)
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    drawn = np.random.default_rng(rng).normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(drawn)
    q = q * np.sign(np.diagonal(r))  # which makes all such matrices equally likely
    return _filled(tensor, gain * (q if rows >= columns else q.T).reshape(tensor.shape))


def _filled(tensor: Given, values: Any) -> Given:
    tensor.data = values
    return tensor


def _fans(tensor: Tensor) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ShapeError(f"{described(tensor)} has no fan in and fan out, {user_place()}: it has less than two axes.")
    window = math.prod(tensor.shape[2:])
    return tensor.shape[1] * window, tensor.shape[0] * window


def _kaiming_deviation(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fan = _fans(tensor)[("fan_in", "fan_out").index(chosen("mode", mode, ("fan_in", "fan_out")))]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fan, 1))
