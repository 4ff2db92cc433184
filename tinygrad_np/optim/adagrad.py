"""Adagrad: the gradient divided by the root of the sum of all its squares so far."""

from __future__ import annotations

import numpy as np

from .optimizer import Optimizer


class Adagrad(Optimizer):
    """Adaptive gradient.

    With the gradient g of the parameter p, at step t:

        g ← g + weight_decay · p
        s ← s + g²                                       (s = initial_accumulator_value before the first step)
        p ← p - lr / (1 + (t - 1) · lr_decay) · g / (√s + eps)

    Source: J. Duchi, E. Hazan, Y. Singer, Adaptive subgradient methods for online learning and stochastic optimization,
    2011.

    >>> from tinygrad_np import Tensor, optim
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = optim.Adagrad([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data.round(6)
    array([0.9, 1.9])
    """

    def change(self, p, g, state, lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10):
        """What a step takes away: lr / (1 + (t - 1) · lr_decay) · g / (√s + eps)."""
        t = state["step"] = state.get("step", np.float64(0)) + 1
        if weight_decay:
            g = g + weight_decay * p
        s = state["sum"] = state.get("sum", initial_accumulator_value) + g**2
        rate = (lr / (1 + (t - 1) * lr_decay)).astype(g.dtype)
        return rate * g / (np.sqrt(s) + eps)
