"""Adam and AdamW: each element has a step size of its own, from running means of the gradient and of its square."""

from __future__ import annotations

import numpy as np

from .optimizer import Optimizer


class Adam(Optimizer):
    """Adaptive moment estimation.

    With the gradient g of the parameter p, at step t:

        g ← g + weight_decay · p                         (or p ← p - lr · weight_decay · p if decoupled, as in AdamW)
        m ← β1 · m + (1 - β1) · g
        v ← β2 · v + (1 - β2) · g²
        p ← p - lr · m̂ / (√v̂ + eps)    with m̂ = m / (1 - β1ᵗ), v̂ = v / (1 - β2ᵗ)

    `amsgrad` takes the largest v so far in place of v.

    Source: D. Kingma, J. Ba, Adam: a method for stochastic optimization, 2015, arXiv:1412.6980, algorithm 1; S. Reddi
    et al., On the convergence of Adam and beyond, 2018.

    >>> from tinygrad_np import Tensor, optim
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = optim.Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data.round(6)
    array([0.9, 1.9])
    """

    def change(
        self,
        p,
        g,
        state,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        amsgrad=False,
        *,
        decoupled_weight_decay=False,
    ):
        """What a step takes away: lr · m̂ / (√v̂ + eps), and the decoupled decay."""
        beta1, beta2 = betas
        if weight_decay and not decoupled_weight_decay:
            g = g + weight_decay * p
        t = state["step"] = state.get("step", np.float64(0)) + 1
        m = state["exp_avg"] = beta1 * state.get("exp_avg", 0) + (1 - beta1) * g
        v = state["exp_avg_sq"] = beta2 * state.get("exp_avg_sq", 0) + (1 - beta2) * g**2
        if amsgrad:
            v = state["max_exp_avg_sq"] = np.maximum(state.get("max_exp_avg_sq", 0), v)
        rate = (lr / (1 - beta1**t)).astype(g.dtype)
        change = rate * m / (np.sqrt(v / (1 - beta2**t).astype(g.dtype)) + eps)
        return change + lr * weight_decay * p if weight_decay and decoupled_weight_decay else change


class AdamW(Adam):
    """Adam whose weight decay goes past the running means: p ← p - lr · weight_decay · p, then Adam's step.

    Source: I. Loshchilov, F. Hutter, Decoupled weight decay regularization, 2019, arXiv:1711.05101, in the form that
    PyTorch gave it: lr multiplies the decay.

    >>> from tinygrad_np import Tensor, optim
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = optim.AdamW([w], lr=0.1, weight_decay=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data.round(6)
    array([0.85, 1.8 ])
    """

    def change(  # type: ignore[override]
        self, p, g, state, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, amsgrad=False
    ):
        """What a step takes away: Adam's step, and lr · weight_decay · p."""
        return super().change(p, g, state, lr, betas, eps, weight_decay, amsgrad, decoupled_weight_decay=True)
