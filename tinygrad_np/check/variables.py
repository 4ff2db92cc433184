"""Which quantity of the forward pass a variable of the backward pass is the gradient of, told by its name.

>>> forward = {"W1": ["the tensor"], "Z2": ["another"]}
>>> [variable_of(name, forward) for name in ("dW1", "grads['dw1']", "Z2_grad", "grad_Z2", "m")]
[['the tensor'], ['the tensor'], ['another'], ['another'], None]
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ..tree import flatten
from .recording import Recording
from .source import source_of

Found = TypeVar("Found")

_PREFIXES = (
    "dL_d",
    "dLd",
    "dJ_d",
    "dJd",
    "dloss_d",
    "dE_d",
    "grad_",
    "grads_",
    "gradient_",
    "d_",
    "g_",
    "delta_",
    "D",
    "d",
)
_SUFFIXES = ("_gradient", "_grad", "_bar", "_g")
_ENTRY = re.compile(r"^(.*)\[(.+)\]$")


def plain_name(name: str) -> str:
    """The name of a variable, or the key of an entry: `grads['W1']` is W1, `h[3]` is h."""
    match = _ENTRY.match(name)
    if match is None:
        return name
    key = match[2]
    return key[1:-1] if key[:1] in "'\"" else plain_name(match[1])


def variable_of(name: str, forward: Mapping[str, Found], *, is_result: bool = False) -> Found | None:
    """What the variables of the forward pass hold under the name whose gradient this one is, None if there is none.

    A result, and an entry of a container of gradients, may also have the quantity's own name.
    """
    plain = plain_name(name)
    candidates = [plain.removeprefix(prefix) for prefix in _PREFIXES if plain.startswith(prefix)]
    candidates += [plain.removesuffix(suffix) for suffix in _SUFFIXES if plain.endswith(suffix)]
    holds_gradients = name != plain and re.match(r"_?(d|g|grad|grads|gradients|gradient)\b", name.partition("[")[0])
    if is_result or holds_gradients:
        candidates.append(plain)
    candidates = [candidate for candidate in candidates if candidate]
    for candidate in candidates:
        if candidate in forward:
            return forward[candidate]
    lowered = {key.lower().replace("_", ""): value for key, value in reversed(list(forward.items()))}
    for candidate in candidates:
        if candidate.lower().replace("_", "") in lowered:
            return lowered[candidate.lower().replace("_", "")]
    return None


def names_of_results(backward: Callable[..., Any], run: Recording) -> list[tuple[str | None, Any]]:
    """What a backward function returned, each with its name: a dict's key, or the variable in the return statement."""
    result = run.result
    if result is None:
        return []
    if isinstance(result, dict):
        return _by_key(result)
    values = list(result) if isinstance(result, list | tuple) else [result]
    names = _returned_names(backward, len(values)) or [None] * len(values)
    found: list[tuple[str | None, Any]] = []
    for name, value in zip(names, values, strict=True):
        if isinstance(value, dict):
            found += _by_key(value)
        elif isinstance(value, list | tuple):
            found += [(name if name is None else f"{name}[{n}]", leaf) for n, leaf in enumerate(flatten(value)[0])]
        else:
            found.append((name, value))
    return found


def _by_key(result: dict[Any, Any]) -> list[tuple[str | None, Any]]:
    found: list[tuple[str | None, Any]] = []
    for key, value in result.items():
        found += _by_key(value) if isinstance(value, dict) else [(str(key), value)]
    return found


def _returned_names(backward: Callable[..., Any], count: int) -> list[str | None] | None:
    source = source_of(backward)
    if source is None:
        return None
    for statement in reversed(source.statements):
        if isinstance(statement, ast.Return) and statement.value is not None:
            value = statement.value
            parts = value.elts if isinstance(value, ast.Tuple | ast.List) else [value]
            if len(parts) == count:
                return [ast.unparse(part) if _is_name(part) else None for part in parts]
    return None


def _is_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Subscript | ast.Attribute)
