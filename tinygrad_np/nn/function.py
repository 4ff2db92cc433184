"""Function: a module without parameters, which is a function and the options that it is called with.

    class MSELoss(Function, of=losses.mse_loss):
        ...

`nn.MSELoss(reduction="sum")` is called with the inputs of `tg.mse_loss`, and passes `reduction` on.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..errors import DTypeError
from ..frames import user_place
from ..options import bind
from .module import Module

_INPLACE = inspect.Parameter("inplace", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=False)


class Function(Module):
    """A function as a module: what has no default is an input, what has one is an option of the module.

    Args of a subclass: `of`, the function; `names`, what the module calls an option that the function calls otherwise;
    `inputs`, how many inputs there are, if options have no default either; `inplace`, whether PyTorch's module has that
    option: False is accepted, for an operation never writes into its inputs.
    """

    __signature__: ClassVar[inspect.Signature]
    function: ClassVar[Callable[..., Any]]
    options: ClassVar[dict[str, str]]
    """For each option of the function what the module calls it."""
    first: ClassVar[str]
    """What the function calls its first input."""

    def __init_subclass__(
        cls, of: Any, names: dict[str, str] | None = None, inputs: int | None = None, inplace: bool = False
    ) -> None:
        super().__init_subclass__()
        cls.function = staticmethod(of)
        # A ufunc of NumPy has no signature, and no options that matter here.
        arguments = [] if isinstance(of, np.ufunc) else list(inspect.signature(of).parameters.values())
        cls.first = arguments[0].name if arguments else "x"
        options = [one for one in arguments if one.default is not one.empty] if inputs is None else arguments[inputs:]
        cls.options = {one.name: (names or {}).get(one.name, one.name) for one in options}
        parameters = [one.replace(name=cls.options[one.name]) for one in options]
        cls.__signature__ = inspect.Signature(parameters + [_INPLACE] * inplace)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        bound = bind(type(self), self.__signature__, arguments, options)
        refuse_inplace(self, bound.arguments.pop("inplace", False))
        bound.apply_defaults()
        super().__init__(**bound.arguments)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """The function of the inputs, with the options of this module; inputs may be named as PyTorch's are."""
        if "input" in named and self.first != "input":
            inputs = (named.pop("input"), *inputs)
        options = {option: getattr(self, name) for option, name in self.options.items()}
        return type(self).function(*inputs, **named, **options)


def refuse_inplace(module: Module, inplace: bool) -> None:
    """Refuse inplace=True, with which PyTorch writes the result into the input."""
    if inplace:
        raise DTypeError(
            f"{type(module).__name__}(inplace=True), {user_place()}: a Tensor is not changed in place by an operation, "
            "for the backward pass may need it; leave inplace out."
        )
