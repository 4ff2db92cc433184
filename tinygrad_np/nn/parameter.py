"""Parameter: a Tensor that a module learns; and how parameters and random generators are made for the layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ModuleError
from ..frames import user_place
from ..tensor import Tensor

Random = np.random.Generator | int | None
"""Where random numbers come from: a generator, the seed of a new one, or None for numbers that differ each time."""


class Parameter(Tensor):
    """A Tensor that is learned: it requires a gradient unless told otherwise, and a module that holds it finds it.

    >>> from tinygrad_np import nn
    >>> nn.Parameter([0.5, 1.0])
    Tensor([0.5, 1. ], requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True, *, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(data, requires_grad=requires_grad, name=name, dtype=dtype)

    def __reduce__(self) -> Any:
        _, state = super().__reduce__()
        return _restored, state


def _restored(data: Any, requires_grad: bool, name: str | None, grad: Any) -> Parameter:
    parameter = Parameter(data, requires_grad, name=name)
    parameter.grad = grad
    return parameter


def is_parameter(value: Any) -> bool:
    """Whether a value is learned: a Parameter, or any other leaf of the graph that requires a gradient."""
    return isinstance(value, Parameter) or (isinstance(value, Tensor) and value.requires_grad and value.is_leaf)


def not_learned(owner: str, name: str) -> ModuleError:
    """The error of putting a Tensor that is not learned in the place of a parameter, which nobody would find again."""
    return ModuleError(
        f"{owner} is a parameter, and was given a Tensor that is not one, {user_place()}: it would not be learned any "
        f"more. To change its values write `with tg.no_grad(): m.{name} -= ...`; to have no parameter there, "
        f"`del m.{name}` first."
    )


def uniform(shape: tuple[int, ...], bound: float, rng: np.random.Generator, dtype: Any) -> Parameter:
    """A parameter of numbers evenly spread over [-bound, bound]: how PyTorch's layers start."""
    return Parameter(rng.uniform(-bound, bound, shape), dtype=dtype)
