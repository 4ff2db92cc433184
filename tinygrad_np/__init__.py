"""tinygrad_np: automatic differentiation in NumPy, for people who learn, teach, write and check backpropagation.

>>> import numpy as np
>>> from tinygrad_np import Tensor
>>> w = Tensor([0.5, -1.0], requires_grad=True, name="w")
>>> loss = (np.tanh(w) ** 2).sum()
>>> loss.backward()
>>> w.grad.round(4)
array([ 0.7268, -0.6397])
"""

from .draw import draw_graph
from .errors import TinygradError
from . import ops
from .graph import no_grad
from .ops.activation import leaky_relu, relu, sigmoid, softplus
from .primitive import primitive
from .tensor import Tensor
from .transforms import elementwise_grad, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

__all__ = [
    "Tensor",
    "TinygradError",
    "draw_graph",
    "elementwise_grad",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "leaky_relu",
    "no_grad",
    "primitive",
    "relu",
    "sigmoid",
    "softplus",
    "value_and_grad",
    "vjp",
]

__version__ = "0.1.0"
