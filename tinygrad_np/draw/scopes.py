"""Which modules computed a value: a module's results know that it began, and what led to them since is its own.

    module_runs(nodes)[node]  ->  (ModuleRun(1, "", "Network"), ModuleRun(2, "layers.0", "Linear"))

Nothing is noted at the values in between, so that recording costs the same within a module and without.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..frames import is_ours
from ..graph import Node, Scope


class ModuleRun(NamedTuple):
    """One forward pass of a module: its number, the module's path and class, and whether that is this package's."""

    number: int
    path: str
    kind: str
    is_ours: bool

    @property
    def title(self) -> str:
        """What a box is called."""
        return f"{self.path}: {self.kind}" if self.path else self.kind


def module_runs(nodes: Sequence[Node]) -> dict[Node, tuple[ModuleRun, ...]]:
    """For each node that modules computed their runs, the outermost first; the nodes come in the order they were made.

    O(nodes).
    """
    around: dict[Node, dict[int, Scope]] = {}
    for node in reversed(nodes):
        scopes, scope = around.get(node, {}), node.scope
        if scope is not None:
            scopes = around[node] = {**dict(_chain(scope)), **scopes}
        if scopes:
            for parent in node.inputs:
                if type(parent) is Node and parent.plan is not None:
                    inside = scopes if parent.number > max(scopes) else _since(scopes, parent.number)
                    if inside and around.get(parent) is not inside:
                        around[parent] = {**around[parent], **inside} if parent in around else inside
    found = {first: scope for scopes in around.values() for first, scope in scopes.items()}
    paths: dict[int, dict[int, str]] = {}
    runs = {first: _run(number, found[first], paths) for number, first in enumerate(sorted(found), start=1)}
    return {node: tuple(runs[first] for first in sorted(scopes)) for node, scopes in around.items()}


def _chain(scope: Scope | None) -> Iterator[tuple[int, Scope]]:
    """The modules that returned one node."""
    while scope is not None:
        yield scope.first, scope
        scope = scope.inner


def _since(scopes: dict[int, Scope], number: int) -> dict[int, Scope]:
    return {first: scope for first, scope in scopes.items() if first < number}


def _run(number: int, scope: Scope, paths: dict[int, dict[int, str]]) -> ModuleRun:
    root: Any = scope.root()
    if root is not None and id(root) not in paths:
        paths[id(root)] = {id(module): path for path, module in root.named_modules()}
    kind: Any = scope.kind
    path = paths.get(id(root), {}).get(id(scope.module()), "")
    return ModuleRun(number, path, kind.__name__, is_ours(kind.forward.__code__.co_filename))
