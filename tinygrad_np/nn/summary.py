"""Summary: what each module of a network makes of an input, and how many parameters it has, as a table.

print(nn.summary(model, np.ones((1, 2))))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from ..check.report import html_table, table
from ..graph import no_grad
from ..sentences import in_a_sentence
from .module import Module
from .running import watched


class Row(NamedTuple):
    """One call of a module: its path, its class, the shape of its result, and how many parameters it holds itself."""

    path: str
    kind: str
    shape: str
    parameters: int


@dataclass(frozen=True, repr=False)
class Summary:
    """The calls of a network's modules in their order, and its parameters; prints as a table.

    `total` counts each parameter once; `trainable` those that require a gradient.
    """

    rows: tuple[Row, ...]
    total: int
    trainable: int

    def __str__(self) -> str:
        return "\n".join([*table(_COLUMNS, "<<<>", self._cells()), self._count()])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return html_table(self._count(), _COLUMNS, self._cells())

    def to_dict(self) -> dict[str, Any]:
        """The summary as plain data."""
        return {"modules": [row._asdict() for row in self.rows], "total": self.total, "trainable": self.trainable}

    def _cells(self) -> list[tuple[str, ...]]:
        return [(row.path, row.kind, row.shape, f"{row.parameters:,}" if row.parameters else "") for row in self.rows]

    def _count(self) -> str:
        frozen = f", {self.total - self.trainable:,} of them frozen" if self.trainable < self.total else ""
        return f"{self.total:,} parameters{frozen}"


_COLUMNS = ("module", "class", "result", "parameters")


@in_a_sentence
def summary(model: Module, *inputs: Any) -> Summary:
    """Run a network on inputs, and tell what each module made of them; its state, modes and gradients stay as they are.

    >>> import numpy as np
    >>> from tinygrad_np import nn
    >>> nn.summary(nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)), np.ones((5, 2)))
    module  class       result  parameters
    0       Linear      (5, 3)           9
    1       Tanh        (5, 3)
    2       Linear      (5, 1)           4
            Sequential  (5, 1)
    13 parameters
    """
    paths = {id(module): path for path, module in model.named_modules()}
    counted: set[int] = set()
    rows = []

    def note(module: Module, result: Any) -> None:
        own = {id(one): one.size for name, one in module.named_parameters() if id(one) not in counted}
        counted.update(own)
        rows.append(Row(paths.get(id(module), "?"), type(module).__name__, _shape(result), sum(own.values())))

    modes = [(module, module.training) for module in model.modules()]
    try:
        with no_grad(), watched(note):
            model.eval()(*inputs)
    finally:
        for module, mode in modes:
            module.training = mode
    parameters = list(model.parameters())
    return Summary(
        tuple(rows), sum(one.size for one in parameters), sum(one.size for one in parameters if one.requires_grad)
    )


def _shape(result: Any) -> str:
    if isinstance(result, tuple | list):
        return ", ".join(map(_shape, result))
    return str(result.shape) if hasattr(result, "shape") else type(result).__name__
