"""Adadelta: steps as large as the last ones were, in units of the parameter."""

from __future__ import annotations

import numpy as np

from .optimizer import Optimizer


class Adadelta(Optimizer):
    """An adaptive learning rate from a window of past steps.

    With the gradient g of the parameter p:

        g ← g + weight_decay · p
        v ← rho · v + (1 - rho) · g²
        d = √(u + eps) / √(v + eps) · g
        u ← rho · u + (1 - rho) · d²
        p ← p - lr · d

    Source: M. Zeiler, ADADELTA: an adaptive learning rate method, 2012, arXiv:1212.5701, algorithm 1.

    >>> from tinygrad_np import Tensor, optim
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = optim.Adadelta([w])
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data.round(4)
    array([0.9968, 1.9968])
    """

    def change(self, p, g, state, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0):
        """What a step takes away: lr · d."""
        state["step"] = state.get("step", np.float64(0)) + 1
        if weight_decay:
            g = g + weight_decay * p
        u = state.get("acc_delta", np.zeros_like(g))
        v = state["square_avg"] = rho * state.get("square_avg", 0) + (1 - rho) * g**2
        d = np.sqrt(u + eps) / np.sqrt(v + eps) * g
        state["acc_delta"] = rho * u + (1 - rho) * d**2
        return lr * d
