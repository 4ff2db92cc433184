"""Which quantity of the forward pass a variable of the backward pass is the gradient of, told by its name.

>>> forward = {"W1": ["the tensor"], "Z2": ["another"]}
>>> [variable_of(name, forward) for name in ("dW1", "grads['dw1']", "Z2_grad", "grad_Z2", "m")]
[['the tensor'], ['the tensor'], ['another'], ['another'], None]
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from .values import base, parts

Found = TypeVar("Found")

_PREFIXES = (
    *(f"d{loss}{rest}" for loss in ("L", "J", "E", "loss", "cost") for rest in ("_d_", "_d", "d_", "d")),
    *("grad_", "grads_", "gradient_", "nabla_", "delta_", "d_", "g_", "D", "d"),
)
_SUFFIXES = ("_gradient", "_grad", "_grads", "_bar", "_delta", "_g", "_d")
_KEY = re.compile(r"\[('|\"|)(\w+)\1\]|\.(\w+)")


def keys_of(name: str) -> list[str]:
    """The variable and the keys that lead to an entry: `params['encoder']['W'][2]` is params, encoder, W, 2.

    >>> keys_of("self.layers[0].dW")
    ['self', 'layers', '0', 'dW']
    """
    return [base(name), *(match[2] or match[3] for match in _KEY.finditer(name))]


def plain_name(name: str) -> str:
    """The name of a variable, or the key of an entry: `grads['W1']` is W1, `h[3]` is h, `self.dW` is dW."""
    return next((key for key in reversed(keys_of(name)) if not key.isdigit()), name)


def variable_of(name: str, forward: Mapping[str, Found], *, is_result: bool = False) -> Found | None:
    """What the variables of the forward pass hold under the name whose gradient this one is, None if there is none.

    A result, and an entry of a container of gradients, may also have the quantity's own name.
    """
    plain = plain_name(name)
    candidates = [plain.removeprefix(prefix) for prefix in _PREFIXES if plain.startswith(prefix)]
    candidates += [plain.removesuffix(suffix) for suffix in _SUFFIXES if plain.endswith(suffix)]
    holds_gradients = name != plain and re.search(r"(^|\.|_)(d|g|grads?|gradients?)\b", name.removesuffix(plain))
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


def names_of_results(returned: ast.expr | None, result: Any, path: str = "") -> list[tuple[str | None, Any]]:
    """What a backward function returned, each with its name: the keys that lead to it, and the variable that had it.

    `returned` is what stands in its return statement. Where neither is known the name is None.
    """
    if result is None:
        return []
    written = ast.unparse(returned) if isinstance(returned, ast.Name | ast.Subscript | ast.Attribute) else ""
    if not isinstance(result, dict | list | tuple):
        return [(path or written or None, result)]
    values: list[ast.expr | None] = [None] * len(result)
    if isinstance(returned, ast.Tuple | ast.List) and len(returned.elts) == len(result):
        values = list(returned.elts)
    elif isinstance(returned, ast.Dict) and len(returned.values) == len(result):
        values = list(returned.values)
    found = []
    for (key, entry), value in zip(parts(result).items(), values, strict=True):
        # What stands at a place in a tuple is called by the variable that is there.
        is_place = not path and not isinstance(result, dict) and value is not None
        found += names_of_results(value, entry, "" if is_place else (path or written) + key)
    return found
