"""NAdam: Adam that looks ahead, as Nesterov's momentum does."""

from __future__ import annotations

import numpy as np

from .optimizer import Optimizer


class NAdam(Optimizer):
    """Adam with Nesterov's momentum.

    With the gradient g of the parameter p, at step t:

        g ← g + weight_decay · p                         (or p ← p - lr · weight_decay · p if decoupled)
        μ(t) = β1 · (1 - 0.96^(t · momentum_decay) / 2), and M is the product of μ(1) to μ(t)
        m ← β1 · m + (1 - β1) · g
        v ← β2 · v + (1 - β2) · g²,  v̂ = v / (1 - β2ᵗ)
        m̂ = (1 - μ(t)) · g / (1 - M) + μ(t + 1) · m / (1 - M · μ(t + 1))
        p ← p - lr · m̂ / (√v̂ + eps)

    Source: T. Dozat, Incorporating Nesterov momentum into Adam, 2016.

    >>> from tinygrad_np import Tensor, optim
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = optim.NAdam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data.round(4)
    array([0.8944, 1.8944])
    """

    def change(
        self,
        p,
        g,
        state,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        momentum_decay=4e-3,
        decoupled_weight_decay=False,
    ):
        """What a step takes away: lr · m̂ / (√v̂ + eps), and the decoupled decay."""
        beta1, beta2 = betas
        if weight_decay and not decoupled_weight_decay:
            g = g + weight_decay * p
        t = state["step"] = state.get("step", np.float64(0)) + 1
        mu, next_mu = (beta1 * (1 - 0.96 ** (time * momentum_decay) / 2) for time in (t, t + 1))
        product = state["mu_product"] = state.get("mu_product", np.float64(1)) * mu
        m = state["exp_avg"] = beta1 * state.get("exp_avg", 0) + (1 - beta1) * g
        v = state["exp_avg_sq"] = beta2 * state.get("exp_avg_sq", 0) + (1 - beta2) * g**2
        ahead = ((1 - mu) / (1 - product)).astype(g.dtype) * g
        ahead = ahead + (next_mu / (1 - product * next_mu)).astype(g.dtype) * m
        change = lr * ahead / (np.sqrt(v / (1 - beta2**t).astype(g.dtype)) + eps)
        return change + lr * weight_decay * p if weight_decay and decoupled_weight_decay else change
