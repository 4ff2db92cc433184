"""SGD: steps against the gradient, with momentum if wanted."""

from __future__ import annotations

from typing import Any

from ..errors import ParameterError
from ..frames import user_place
from .optimizer import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent.

    With the gradient g of the parameter p, in this order:

        g ← g + weight_decay · p
        b ← momentum · b + (1 - dampening) · g           (b = g in the first step)
        g ← g + momentum · b if nesterov, else b
        p ← p - lr · g

    Source: I. Sutskever et al., On the importance of initialization and momentum in deep learning, 2013, in the form
    that PyTorch gave it: lr multiplies the momentum too.

    >>> from tinygrad_np import Tensor, optim
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = optim.SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    array([0.8, 1.6])
    """

    def change(self, p, g, state, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False):
        """What a step takes away: lr · g."""
        if weight_decay:
            g = g + weight_decay * p
        if momentum:
            before = state.get("momentum_buffer", g * (dampening / momentum) if dampening else 0)  # So b = g at first.
            b = state["momentum_buffer"] = momentum * before + (1 - dampening) * g
            g = g + momentum * b if nesterov else b
        return lr * g

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Add parameters with hyperparameters of their own."""
        made = {**self.defaults, **group}
        if made["nesterov"] and (made["momentum"] <= 0 or made["dampening"] != 0):
            raise ParameterError(f"nesterov needs momentum above 0 and no dampening, {user_place()}.")
        super().add_param_group(group)
