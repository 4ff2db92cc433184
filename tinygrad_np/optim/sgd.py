"""SGD: steps against the gradient, with momentum if wanted."""

from __future__ import annotations

from typing import Any

from ..errors import ParameterError
from ..frames import user_place
from .optimizer import Optimizer, Params


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

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ParameterError(f"nesterov needs momentum above 0 and no dampening, {user_place()}.")
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
            },
        )

    def change(
        self,
        p: Any,
        g: Any,
        state: dict[str, Any],
        *,
        lr: float,
        momentum: float,
        dampening: float,
        weight_decay: float,
        nesterov: bool,
        **_: Any,
    ) -> Any:
        """What a step takes away: lr · g."""
        if weight_decay:
            g = g + weight_decay * p
        if momentum:
            before = state.get("momentum_buffer")
            b = state["momentum_buffer"] = g.copy() if before is None else momentum * before + (1 - dampening) * g
            g = g + momentum * b if nesterov else b
        return lr * g
