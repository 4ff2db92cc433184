"""Gradients kept within bounds, between backward() and step().

loss.backward()
nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
optimizer.step()
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..errors import NoGradientError, describe
from ..frames import user_place
from ..program.capture.watch import is_capturing
from ..sentences import in_a_sentence
from ..tensor import Tensor


@in_a_sentence
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> float:
    """Scale all gradients together so that the norm of all of their elements is at most `max_norm`; returns the norm.

    g ← g · min(1, max_norm / (‖g‖ + 1e-6)), as in PyTorch; source: R. Pascanu et al., On the difficulty of training
    recurrent neural networks, 2013. `norm_type` may be `inf`.

    Raises NoGradientError if the norm is NaN or infinite and `error_if_nonfinite`, which names the parameters.

    >>> from tinygrad_np import Tensor, nn
    >>> w = Tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> nn.utils.clip_grad_norm_(w, 1.0), w.grad.round(4)
    (10.0, array([0.6, 0.8]))
    """
    trained = _with_gradient(parameters)
    trained = [p for p in trained if p.size]
    norms = [np.linalg.norm(np.ravel(p.grad), norm_type).astype(np.float64) for p in trained]
    total: Any = np.linalg.norm(np.stack(norms), norm_type) if norms else np.float64(0.0)
    if error_if_nonfinite and not math.isfinite(total):
        guilty = [p for p, norm in zip(trained, norms, strict=True) if not math.isfinite(norm)] or trained
        named = ", ".join(describe(p.shape, p.dtype, p.name) for p in guilty)
        raise NoGradientError(f"the gradients have the norm {total}, {user_place()}, because of {named}.")
    factor = np.minimum(1.0, max_norm / (total + 1e-6))
    for p in trained:
        p.grad = p.grad * factor.astype(p.dtype)
    return total if is_capturing() else float(total)  # Of a program it is an array.


@in_a_sentence
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Cut each element of the gradients off at ±`clip_value`.

    >>> from tinygrad_np import Tensor, nn
    >>> w = Tensor([3.0, -4.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> nn.utils.clip_grad_value_(w, 7.0)
    >>> w.grad
    array([ 6., -7.])
    """
    for p in _with_gradient(parameters):
        p.grad = np.clip(p.grad, -clip_value, clip_value)


def _with_gradient(parameters: Any) -> list[Tensor]:
    return [p for p in ([parameters] if isinstance(parameters, Tensor) else parameters) if p.grad is not None]
