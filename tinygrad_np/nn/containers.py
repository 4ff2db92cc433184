"""Modules that hold modules: in a row, in a list, in a dict. Plain lists and dicts in attributes serve as well."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..errors import DTypeError, IndexingError
from ..frames import user_place
from .module import Module


class ModuleList(Module):
    """A list of modules, whose parameters are named `0.weight`, `1.weight` and so on.

    >>> from tinygrad_np import nn
    >>> layers = nn.ModuleList([nn.Linear(2, 3), nn.Linear(3, 1)])
    >>> [name for name, _ in layers.named_parameters()]
    ['0.weight', '0.bias', '1.weight', '1.bias']
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)

    def __len__(self) -> int:
        return len(list(self._children()))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._children())

    def __getitem__(self, index: int | slice) -> Any:
        chosen = self._children()[index] if isinstance(index, slice) else self._children()[self._place(index)]
        return type(self)(chosen) if isinstance(chosen, list) else chosen

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, str(self._place(index)), _checked(module, self))

    def __delitem__(self, index: int) -> None:
        modules = self._children()
        del modules[self._place(index)]
        self._replace(modules)

    def append(self, module: Module) -> Any:
        """Put a module after the last; returns self."""
        setattr(self, str(len(self)), _checked(module, self))
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Put modules after the last; returns self."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> None:
        """Put a module before the place `index`."""
        modules = self._children()
        modules.insert(index, _checked(module, self))
        self._replace(modules)

    def _children(self) -> list[Any]:
        return [vars(self)[name] for name in sorted(filter(str.isdigit, vars(self)), key=int)]

    def _replace(self, modules: list[Any]) -> None:
        for name in filter(str.isdigit, list(vars(self))):
            delattr(self, name)
        self.extend(modules)

    def _place(self, index: int) -> int:
        count = len(self)
        if not -count <= index < count:
            raise IndexingError(f"{type(self).__name__} of {count} modules has none at {index}, {user_place()}.")
        return index % count


class Sequential(ModuleList):
    """Modules that run one after the other, each on the result of the one before.

    Args:
        modules: the modules in their order, or one dict that names them.

    >>> import numpy as np
    >>> from tinygrad_np import nn
    >>> model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.Tanh(), nn.Linear(3, 1, rng=1))
    >>> model
    Sequential(
      (0): Linear(in_features=2, out_features=3) with weight (3, 2), bias (3,): 9 parameters
      (1): Tanh()
      (2): Linear(in_features=3, out_features=1) with weight (1, 3), bias (1,): 4 parameters
    ): 13 parameters
    >>> model(np.ones((5, 2))).shape
    (5, 1)
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        Module.__init__(self)
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                setattr(self, name, _checked(module, self))
        else:
            self.extend(modules)  # type: ignore[arg-type]

    def forward(self, input: Any) -> Any:
        """The last module's result."""
        for module in self._children():
            input = module(input)
        return input

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return Sequential(dict(list(self.named_children())[index]))
        return super().__getitem__(index)

    def _children(self) -> list[Any]:
        return [value for value in vars(self).values() if isinstance(value, Module)]


class ModuleDict(Module):
    """A dict of modules, whose parameters are named by its keys: `encoder.weight`."""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        for name, module in (modules or {}).items():
            self[name] = module

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise IndexingError(f"ModuleDict has no module {name!r}, {user_place()}; it has {', '.join(self.keys())}.")
        return vars(self)[name]

    def __setitem__(self, name: str, module: Module) -> None:
        setattr(self, name, _checked(module, self))

    def __delitem__(self, name: str) -> None:
        delattr(self, name)

    def __len__(self) -> int:
        return len(self.keys())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, name: str) -> bool:
        return name in self.keys()

    def keys(self) -> list[str]:
        """The names of the modules."""
        return [name for name, value in vars(self).items() if isinstance(value, Module)]

    def values(self) -> list[Any]:
        """The modules."""
        return [vars(self)[name] for name in self.keys()]

    def items(self) -> list[tuple[str, Any]]:
        """The names and the modules."""
        return [(name, vars(self)[name]) for name in self.keys()]


def _checked(module: Any, holder: Module) -> Any:
    if not isinstance(module, Module):
        raise DTypeError(
            f"{type(holder).__name__} was given a {type(module).__name__}, {user_place()}, and holds modules alone: "
            "write nn.Tanh() for a function, and *layers for a list of layers."
        )
    return module
