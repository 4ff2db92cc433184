"""RAdam: Adam that does not trust its step sizes before they rest on enough gradients."""

from __future__ import annotations

import numpy as np

from .optimizer import Optimizer


class RAdam(Optimizer):
    """Rectified Adam.

    With the gradient g of the parameter p, at step t:

        g ← g + weight_decay · p                         (or p ← p - lr · weight_decay · p if decoupled)
        m ← β1 · m + (1 - β1) · g,   m̂ = m / (1 - β1ᵗ)
        v ← β2 · v + (1 - β2) · g²
        ρ∞ = 2 / (1 - β2) - 1,  ρ = ρ∞ - 2 t β2ᵗ / (1 - β2ᵗ)
        r = √((ρ - 4)(ρ - 2) ρ∞ / ((ρ∞ - 4)(ρ∞ - 2) ρ))
        p ← p - lr · m̂ · r · √(1 - β2ᵗ) / (√v + eps)      (as long as ρ ≤ 5: p ← p - lr · m̂)

    Source: L. Liu et al., On the variance of the adaptive learning rate and beyond, 2020, arXiv:1908.03265, algorithm
    2, with PyTorch's bound of 5.

    >>> from tinygrad_np import Tensor, optim
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = optim.RAdam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data.round(6)
    array([0.8, 1.6])
    """

    def change(self, p, g, state, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, decoupled_weight_decay=False):
        """What a step takes away: lr · m̂, rectified and divided by √v̂ + eps once ρ is large enough."""
        beta1, beta2 = betas
        if weight_decay and not decoupled_weight_decay:
            g = g + weight_decay * p
        t = state["step"] = state.get("step", np.float64(0)) + 1
        m = state["exp_avg"] = beta1 * state.get("exp_avg", 0) + (1 - beta1) * g
        v = state["exp_avg_sq"] = beta2 * state.get("exp_avg_sq", 0) + (1 - beta2) * g**2
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * t * beta2**t / (1 - beta2**t)
        change = (lr / (1 - beta1**t)).astype(g.dtype) * m
        longest = np.maximum(longest, 5)  # Below, length > 5 never holds.
        r = np.sqrt(np.abs(length - 4) * np.abs(length - 2) * longest / ((longest - 4) * (longest - 2) * length))
        scale = (r * np.sqrt(1 - beta2**t)).astype(g.dtype) / (np.sqrt(v) + eps)
        change = change * np.where(length > 5, scale, 1)
        return change + lr * weight_decay * p if weight_decay and decoupled_weight_decay else change
