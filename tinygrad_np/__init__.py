"""tinygrad_np: automatic differentiation in NumPy, for people who learn, teach, write and check backpropagation.

>>> import numpy as np
>>> from tinygrad_np import Tensor
>>> w = Tensor([0.5, -1.0], requires_grad=True, name="w")
>>> loss = (np.tanh(w) ** 2).sum()
>>> loss.backward()
>>> w.grad.round(4)
array([ 0.7269, -0.6397])
"""

from . import ops as ops
from .check import check_backward, compare_gradients, gradcheck
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
from .ops.reductions.softmax import log_softmax, logsumexp, softmax
from .ops.signal.convolution import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from .ops.signal.pooling import avg_pool1d, avg_pool2d, max_pool1d, max_pool2d
from .primitive import primitive
from .program import compile
from .tensor import Tensor
from .transforms import elementwise_grad, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

__all__ = [
    "Tensor",
    "TinygradError",
    "avg_pool1d",
    "avg_pool2d",
    "check_backward",
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
    "gelu",
    "grad",
    "gradcheck",
    "hard_sigmoid",
    "hard_tanh",
    "hessian",
    "hvp",
    "index_add",
    "index_update",
    "jacobian",
    "jvp",
    "leaky_relu",
    "log_softmax",
    "logsumexp",
    "max_pool1d",
    "max_pool2d",
    "mish",
    "no_grad",
    "one_hot",
    "primitive",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "value_and_grad",
    "vjp",
]

__version__ = "0.1.0"
