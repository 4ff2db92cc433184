"""Adamax: Adam with the largest recent gradient in place of the root of the mean square."""

from __future__ import annotations

import numpy as np

from .optimizer import Optimizer


class Adamax(Optimizer):
    """Adam by the infinity norm.

    With the gradient g of the parameter p, at step t:

        g ← g + weight_decay · p
        m ← β1 · m + (1 - β1) · g
        u ← max(β2 · u, |g| + eps)
        p ← p - lr / (1 - β1ᵗ) · m / u

    Source: D. Kingma, J. Ba, Adam: a method for stochastic optimization, 2015, arXiv:1412.6980, algorithm 2; eps is
    PyTorch's.

    >>> from tinygrad_np import Tensor, optim
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = optim.Adamax([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data.round(6)
    array([0.9, 1.9])
    """

    def change(self, p, g, state, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0):
        """What a step takes away: lr / (1 - β1ᵗ) · m / u."""
        beta1, beta2 = betas
        t = state["step"] = state.get("step", np.float64(0)) + 1
        if weight_decay:
            g = g + weight_decay * p
        m = state["exp_avg"] = beta1 * state.get("exp_avg", 0) + (1 - beta1) * g
        u = state["exp_inf"] = np.maximum(beta2 * state.get("exp_inf", 0), np.abs(g) + eps)
        return (lr / (1 - beta1**t)).astype(g.dtype) * m / u
