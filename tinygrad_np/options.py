"""What the makers of layers, optimisers and schedules are given: bound to names, and checked before anything is made.

    bound = bind(nn.Linear, inspect.signature(nn.Linear), (2, 3), {"bias": False})
    mode = chosen("mode", "min", ("min", "max"))

What does not fit is a ParameterError, which is a TypeError and a ValueError too.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from .errors import MissingAttributeError, ParameterError, listed
from .frames import user_place

Option = TypeVar("Option")

_ELSEWHERE = {
    "device": "leave it out, for arrays are in this machine's memory",
    "size_average": 'write reduction="mean" or "sum"',
    "reduce": 'write reduction="none", "mean" or "sum"',
    "proj_size": "put an nn.Linear after it",
    "return_indices": "np.argmax finds the place of a largest element",
    "max_norm": "divide the rows by their norms yourself",
    "capturable": "leave it out; tg.compile takes every optimiser",
    "foreach": "leave it out, for it changes no result",
    "fused": "leave it out, for it changes no result",
}
"""What to do without options of PyTorch that this library does not have."""

SIZES = {
    **dict.fromkeys(("in_features", "out_features", "in1_features", "in2_features", "num_embeddings"), 0),
    **dict.fromkeys(("embedding_dim", "num_features", "num_channels", "in_channels", "out_channels"), 0),
    **dict.fromkeys(("input_size", "num_parameters", "embed_dim"), 0),
    **dict.fromkeys(("hidden_size", "num_layers", "num_heads", "num_groups"), 1),
}
"""Options of layers that are lengths and numbers, and the least that each may be."""


def bind(
    kind: type, signature: inspect.Signature, arguments: tuple[Any, ...], options: dict[str, Any]
) -> inspect.BoundArguments:
    """Each argument by its name in the signature; ParameterError, which shows it, where they do not fit."""
    try:
        return signature.bind(*arguments, **options)
    except TypeError as error:
        names = [one.replace(annotation=one.empty) for one in signature.parameters.values() if one.name != "self"]
        hint = next((f"; {_ELSEWHERE[name]}" for name in options if name in _ELSEWHERE), "")
        shown = f"{kind.__name__}{inspect.Signature(names)}"
        raise ParameterError(f"{shown}, {user_place()}: {error}{hint}.") from None


def chosen(name: str, value: Option, among: Iterable[Option]) -> Option:
    """The value, if it is one of those that an option may have."""
    known = list(among)
    if value not in known:
        raise ParameterError(f"{name}={value!r}, {user_place()}: it must be one of {listed(list(map(repr, known)))}.")
    return value


def lookup(module: str, names: Mapping[str, Any], instead: str) -> Callable[[str], Any]:
    """The `__getattr__` of a module: MissingAttributeError for a name that it does not have, with those like it."""

    def missing(name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        near = difflib.get_close_matches(name, [known for known, value in names.items() if isinstance(value, type)])
        likes = f"it has {listed(near)}; " * bool(near)
        raise MissingAttributeError(f"{module} has no {name!r}, {user_place()}: {likes}{instead}.")

    return missing
