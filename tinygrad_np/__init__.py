"""tinygrad_np: automatic differentiation in NumPy, for people who learn, teach, write and check backpropagation.

>>> import numpy as np
>>> from tinygrad_np import Tensor
>>> w = Tensor([0.5, -1.0], requires_grad=True, name="w")
>>> loss = (np.tanh(w) ** 2).sum()
>>> loss.backward()
>>> w.grad.round(4)
array([ 0.7269, -0.6397])
"""

from . import nn as nn
from . import ops as ops
from . import optim as optim
from .batches import batches
from .check import compare_gradients, gradcheck
from .draw import draw_graph
from .errors import TinygradError
from .graph import no_grad
from .ops.arrays.picking import embedding
from .ops.arrays.updates import index_add, index_update
from .ops.elementwise.activation import (
    elu,
    gelu,
    hard_sigmoid,
    hard_tanh,
    leaky_relu,
    mish,
    relu,
    selu,
    sigmoid,
    silu,
    softplus,
    softsign,
)
from .ops.elementwise.masks import dropout, one_hot
from .ops.elementwise.special import erf, erfc
from .ops.networks.activations import (
    celu,
    glu,
    hardshrink,
    hardswish,
    hardtanh,
    logsigmoid,
    prelu,
    relu6,
    rrelu,
    softmin,
    softshrink,
    tanhshrink,
    threshold,
)
from .ops.networks.linear import bilinear, linear
from .ops.reductions.softmax import log_softmax, logsumexp, softmax
from .ops.signal.convolution import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from .ops.signal.pooling import avg_pool1d, avg_pool2d, max_pool1d, max_pool2d
from .primitive import primitive
from .program import compile
from .saving import load, save
from .tensor import Tensor
from .training import fit
from .transforms import elementwise_grad, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

__all__ = [
    "Tensor",
    "TinygradError",
    "avg_pool1d",
    "avg_pool2d",
    "batches",
    "bilinear",
    "celu",
    "compare_gradients",
    "compile",
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
    "draw_graph",
    "dropout",
    "elementwise_grad",
    "elu",
    "embedding",
    "erf",
    "erfc",
    "fit",
    "gelu",
    "glu",
    "grad",
    "gradcheck",
    "hard_sigmoid",
    "hard_tanh",
    "hardshrink",
    "hardswish",
    "hardtanh",
    "hessian",
    "hvp",
    "index_add",
    "index_update",
    "jacobian",
    "jvp",
    "leaky_relu",
    "linear",
    "load",
    "log_softmax",
    "logsigmoid",
    "logsumexp",
    "max_pool1d",
    "max_pool2d",
    "mish",
    "nn",
    "no_grad",
    "one_hot",
    "prelu",
    "primitive",
    "relu",
    "relu6",
    "rrelu",
    "save",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanhshrink",
    "threshold",
    "value_and_grad",
    "vjp",
]

__version__ = "0.1.0"
