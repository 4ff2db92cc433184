"""The activations as modules: each is a function of tinygrad_np, whose options are the module's."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops.elementwise import activation
from ..ops.networks import activations
from ..ops.reductions import softmax
from .function import Function, refuse_inplace
from .module import Module
from .parameter import Parameter, Random


class Tanh(Function, of=np.tanh):
    """The hyperbolic tangent."""


class Sigmoid(Function, of=activation.sigmoid):
    """1 / (1 + exp(-x)); BCELoss of its result computes with the x, and is right where this rounds to 0 or 1."""


class LogSigmoid(Function, of=activations.logsigmoid):
    """log(sigmoid(x))."""


class ReLU(Function, of=activation.relu, inplace=True):
    """max(0, x)."""


class ReLU6(Function, of=activations.relu6, inplace=True):
    """x held between 0 and 6."""


class LeakyReLU(Function, of=activation.leaky_relu, names={"slope": "negative_slope"}, inplace=True):
    """x where it is positive, negative_slope * x elsewhere."""


class ELU(Function, of=activation.elu, inplace=True):
    """x where it is positive, alpha (exp(x) - 1) elsewhere."""


class CELU(Function, of=activations.celu, inplace=True):
    """x where it is positive, alpha (exp(x / alpha) - 1) elsewhere."""


class SELU(Function, of=activation.selu, inplace=True):
    """The scaled ELU that keeps mean 0 and variance 1 from layer to layer."""


class GELU(Function, of=activation.gelu):
    """x times the probability that a standard normal number is less than x; approximate="tanh" is faster."""


class SiLU(Function, of=activation.silu, inplace=True):
    """x sigmoid(x)."""


class Mish(Function, of=activation.mish, inplace=True):
    """x tanh(softplus(x))."""


class Softplus(Function, of=activations.softplus):
    """log(1 + exp(beta x)) / beta; x itself where beta x is above the threshold."""


class Softsign(Function, of=activation.softsign):
    """x / (1 + |x|)."""


class Softshrink(Function, of=activations.softshrink):
    """x moved by lambd towards 0."""


class Hardshrink(Function, of=activations.hardshrink):
    """x where it is further from 0 than lambd, 0 elsewhere."""


class Tanhshrink(Function, of=activations.tanhshrink):
    """x - tanh(x)."""


class Hardtanh(Function, of=activations.hardtanh, inplace=True):
    """x held between min_val and max_val."""


class Hardsigmoid(Function, of=activations.hardsigmoid, inplace=True):
    """x/6 + 1/2 held between 0 and 1."""


class Hardswish(Function, of=activations.hardswish, inplace=True):
    """x hardsigmoid(x)."""


class GLU(Function, of=activations.glu, names={"axis": "dim"}):
    """The first half of the axis `dim` times the sigmoid of its second half."""


class Softmax(Function, of=softmax.softmax, names={"axis": "dim"}):
    """exp(x) / sum(exp(x)) along the axis `dim`; CrossEntropyLoss takes its input instead of its result."""


class LogSoftmax(Function, of=softmax.log_softmax, names={"axis": "dim"}):
    """log(softmax(x)) along the axis `dim`, for NLLLoss."""


class Softmin(Function, of=activations.softmin, names={"axis": "dim"}):
    """softmax(-x) along the axis `dim`."""


class Softmax2d(Function, of=activations.softmax2d):
    """The softmax over the channels of images (batch, channels, height, width)."""


class Threshold(Function, of=activations.threshold, inputs=1, inplace=True):
    """x where it is above the threshold, `value` elsewhere."""


class RReLU(Module):
    """x where it is positive; elsewhere times a slope that is drawn in training, and their mean in use."""

    def __init__(
        self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False, *, rng: Random = None
    ) -> None:
        refuse_inplace(self, inplace)
        super().__init__(lower=lower, upper=upper, rng=np.random.default_rng(rng))

    def forward(self, input: Any) -> Any:
        """`tg.rrelu` of the input."""
        return activations.rrelu(input, self.lower, self.upper, self.training, self.rng)


class PReLU(Module):
    """x where it is positive, weight * x elsewhere; the weight is learned, one or one for each channel (axis 1)."""

    def __init__(self, num_parameters: int = 1, init: float = 0.25, *, dtype: Any = None) -> None:
        super().__init__(num_parameters=num_parameters)
        self.weight = Parameter(np.full(num_parameters, init), dtype=dtype)

    def forward(self, input: Any) -> Any:
        """`tg.prelu` of the input."""
        return activations.prelu(input, self.weight)
