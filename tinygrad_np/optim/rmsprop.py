"""RMSprop: the gradient divided by the root of the running mean of its square."""

from __future__ import annotations

import numpy as np

from .optimizer import Optimizer


class RMSprop(Optimizer):
    """Root mean square propagation.

    With the gradient g of the parameter p:

        g ← g + weight_decay · p
        v ← alpha · v + (1 - alpha) · g²
        a ← alpha · a + (1 - alpha) · g,  v̂ = v - a²     (if centered; else v̂ = v)
        b ← momentum · b + g / (√v̂ + eps)
        p ← p - lr · b

    Source: G. Hinton, Neural networks for machine learning, lecture 6e, 2012; centered: A. Graves, 2013,
    arXiv:1308.0850. eps stands outside of the root, as in PyTorch.

    >>> from tinygrad_np import Tensor, optim
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = optim.RMSprop([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data.round(6)
    array([0., 1.])
    """

    def change(self, p, g, state, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False):
        """What a step takes away: lr · b."""
        state["step"] = state.get("step", np.float64(0)) + 1
        if weight_decay:
            g = g + weight_decay * p
        v = state["square_avg"] = alpha * state.get("square_avg", 0) + (1 - alpha) * g**2
        if centered:
            a = state["grad_avg"] = alpha * state.get("grad_avg", 0) + (1 - alpha) * g
            v = v - a**2
        b = g / (np.sqrt(v) + eps)
        if momentum:
            b = state["momentum_buffer"] = momentum * state.get("momentum_buffer", 0) + b
        return lr * b
