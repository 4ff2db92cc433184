"""Trees: parameters kept in dicts, lists, tuples and dataclasses, taken apart into leaves and put together again.

>>> leaves, rebuild = flatten({"W": 1.0, "layers": [2.0, 3.0]})
>>> leaves
[1.0, 2.0, 3.0]
>>> rebuild([10.0, 20.0, 30.0])
{'W': 10.0, 'layers': [20.0, 30.0]}
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

Rebuild = Callable[[Iterable[Any]], Any]


def flatten(tree: Any) -> tuple[list[Any], Rebuild]:
    """The leaves of a tree, and a function that puts others in their place; whatever is no container is a leaf."""
    leaves: list[Any] = []
    build = _take_apart(tree, leaves)

    def rebuild(others: Iterable[Any]) -> Any:
        return build(iter(others))

    return leaves, rebuild


def map_tree(function: Callable[[Any], Any], tree: Any) -> Any:
    """The same tree with `function` of each leaf in its place."""
    leaves, rebuild = flatten(tree)
    return rebuild([function(leaf) for leaf in leaves])


def flatten_numbers(tree: Any) -> tuple[list[Any], Rebuild, list[int]]:
    """As `flatten`, of what can be differentiated: text, integers, booleans and functions stay in their places.

    Also says which of all leaves those are. A tree that is a single leaf is that leaf, whatever it is.

    >>> leaves, rebuild, indices = flatten_numbers({"W": 1.0, "activation": "tanh", "depth": 2})
    >>> leaves, indices
    ([1.0], [0])
    >>> rebuild([10.0])
    {'W': 10.0, 'activation': 'tanh', 'depth': 2}
    """
    leaves, build = flatten(tree)
    indices = [index for index, leaf in enumerate(leaves) if len(leaves) == 1 or not _is_left_alone(leaf)]

    def rebuild(others: Iterable[Any]) -> Any:
        mixed = list(leaves)
        for index, other in zip(indices, others, strict=True):
            mixed[index] = other
        return build(mixed)

    return [leaves[index] for index in indices], rebuild, indices


def _is_left_alone(leaf: Any) -> bool:
    is_function = callable(leaf) and not hasattr(leaf, "dtype")
    return is_function or isinstance(leaf, str | bytes | int | np.integer | np.bool)


def leaf_paths(tree: Any, name: str) -> list[str]:
    """Where each leaf of the tree called `name` is, in the order of `flatten`.

    >>> leaf_paths({"W": 1.0, "layers": [2.0, 3.0]}, "params")
    ["params['W']", "params['layers'][0]", "params['layers'][1]"]
    """
    if isinstance(tree, dict):
        parts = [(f"{name}[{key!r}]", part) for key, part in tree.items()]
    elif isinstance(tree, tuple) and hasattr(tree, "_fields"):
        parts = [(f"{name}.{field}", part) for field, part in zip(tree._fields, tree, strict=True)]
    elif isinstance(tree, list | tuple):
        parts = [(f"{name}[{index}]", part) for index, part in enumerate(tree)]
    elif dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        parts = [
            (f"{name}.{field.name}", getattr(tree, field.name)) for field in dataclasses.fields(tree) if field.init
        ]
    else:
        return [] if tree is None else [name]
    return [path for where, part in parts for path in leaf_paths(part, where)]


def _filled(tree: Any, entries: list[Any]) -> Any:
    """A copy of a dict of another class, an OrderedDict or the user's own, with other entries."""
    copied = copy.copy(tree)
    copied.update(zip(tree, entries, strict=True))
    return copied


def _take_apart(tree: Any, leaves: list[Any]) -> Callable[[Any], Any]:
    if isinstance(tree, dict):
        keys = list(tree)
        parts = [_take_apart(tree[key], leaves) for key in keys]
        if type(tree) is not dict:
            return lambda source: _filled(tree, [part(source) for part in parts])
        return lambda source: {key: part(source) for key, part in zip(keys, parts, strict=True)}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        kind = type(tree)
        parts = [_take_apart(branch, leaves) for branch in tree]
        return lambda source: kind(*[part(source) for part in parts])
    if isinstance(tree, list | tuple):
        plain = list if isinstance(tree, list) else tuple
        parts = [_take_apart(branch, leaves) for branch in tree]
        return lambda source: plain([part(source) for part in parts])
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        names = [field.name for field in dataclasses.fields(tree) if field.init]
        parts = [_take_apart(getattr(tree, name), leaves) for name in names]
        return lambda source: dataclasses.replace(
            tree, **{name: part(source) for name, part in zip(names, parts, strict=True)}
        )
    if tree is None:
        return lambda source: None
    leaves.append(tree)
    return next
