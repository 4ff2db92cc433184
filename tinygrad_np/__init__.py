"""tinygrad_np: automatic differentiation in NumPy, for people who learn, teach, write and check backpropagation.

>>> import numpy as np
>>> from tinygrad_np import Tensor
>>> w = Tensor([0.5, -1.0], requires_grad=True, name="w")
>>> loss = (np.tanh(w) ** 2).sum()
>>> loss.backward()
>>> w.grad.round(4)
array([ 0.7269, -0.6397])
"""

from typing import TYPE_CHECKING

from . import ops as ops
from . import warned as warned
from .batches import batches
from .errors import CaptureError, CaptureWarning, DifferenceError, LostGradientWarning, TinygradError
from .graph import no_grad
from .hints import unknown_name as _unknown_name
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
    hardsigmoid,
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
from .ops.networks.attention import scaled_dot_product_attention
from .ops.networks.classification import binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy, nll_loss
from .ops.networks.linear import bilinear, linear
from .ops.networks.losses import (
    cosine_embedding_loss,
    gaussian_nll_loss,
    hinge_embedding_loss,
    huber_loss,
    kl_div,
    l1_loss,
    margin_ranking_loss,
    mse_loss,
    multi_margin_loss,
    pairwise_distance,
    poisson_nll_loss,
    smooth_l1_loss,
    soft_margin_loss,
    triplet_margin_loss,
)
from .ops.networks.normalization import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from .ops.reductions.softmax import log_softmax, logsumexp, softmax
from .ops.signal.convolution import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from .ops.signal.pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, avg_pool1d, avg_pool2d, max_pool1d, max_pool2d
from .primitive import primitive
from .tensor import Tensor
from .transforms import elementwise_grad, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

if TYPE_CHECKING:
    from . import nn as nn
    from . import optim as optim
    from .check import check_backward, compare_gradients, gradcheck
    from .check.anomaly import detect_anomaly
    from .check.exercise import exercise
    from .check.explain import explain
    from .check.steps import backward_steps
    from .draw import compare_graphs, draw_graph
    from .program import compile
    from .saving import load, save
    from .training import fit

__all__ = [
    "CaptureError", "CaptureWarning", "DifferenceError", "LostGradientWarning", "Tensor", "TinygradError",
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d", "backward_steps", "batch_norm",
    "batches", "bilinear", "binary_cross_entropy", "binary_cross_entropy_with_logits", "celu", "check_backward",
    "compare_gradients", "compare_graphs", "compile", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d",
    "cosine_embedding_loss", "cross_entropy", "detect_anomaly", "draw_graph", "dropout", "elementwise_grad", "elu",
    "embedding", "erf", "erfc", "exercise", "explain", "fit", "gaussian_nll_loss", "gelu", "glu", "grad",
    "gradcheck", "group_norm", "hard_sigmoid", "hard_tanh", "hardshrink", "hardsigmoid", "hardswish", "hardtanh",
    "hessian", "hinge_embedding_loss", "huber_loss", "hvp", "index_add", "index_update", "instance_norm", "jacobian",
    "jvp", "kl_div", "l1_loss", "layer_norm", "leaky_relu", "linear", "load", "log_softmax", "logsigmoid", "logsumexp",
    "margin_ranking_loss", "max_pool1d", "max_pool2d", "mish", "mse_loss", "multi_margin_loss", "nll_loss", "nn",
    "no_grad", "one_hot", "pairwise_distance", "poisson_nll_loss", "prelu", "primitive", "relu", "relu6",
    "rms_norm", "rrelu", "save", "scaled_dot_product_attention", "selu", "sigmoid", "silu", "smooth_l1_loss",
    "soft_margin_loss", "softmax", "softmin", "softplus", "softshrink", "softsign", "tanhshrink", "threshold",
    "triplet_margin_loss", "value_and_grad", "vjp",
]  # fmt: skip

__version__ = "0.1.0"

if not TYPE_CHECKING:
    globals().pop("tensor")  # So that tg.tensor is told of, and not the module of that name.

    from importlib import import_module as _import_module

    _LATER = {
        **dict.fromkeys(["check_backward", "compare_gradients", "gradcheck"], "check"),
        "backward_steps": "check.steps",
        "detect_anomaly": "check.anomaly",
        "exercise": "check.exercise",
        "explain": "check.explain",
        **dict.fromkeys(["compare_graphs", "draw_graph"], "draw"),
        "compile": "program",
        **dict.fromkeys(["load", "save"], "saving"),
        "fit": "training",
        **{name: name for name in ("check", "draw", "estimators", "nn", "optim", "program", "saving", "training")},
    }
    """What is imported when it is first asked for: each name with the module that has it."""

    def __getattr__(name):
        if name.startswith("_"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if name not in _LATER:
            raise _unknown_name(name)
        module = _import_module(f".{_LATER[name]}", __name__)
        found = globals()[name] = module if _LATER[name] == name else getattr(module, name)
        return found

    def __dir__():
        return [*globals(), *_LATER]
