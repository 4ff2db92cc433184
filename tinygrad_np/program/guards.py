"""What a program was made for besides its arguments: the Tensors and the state that its function can reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..graph import NOT_KEPT
from .capture import Captured
from .snapshot import Snapshot


class Guards:
    """The conditions under which a program may run in the place of its function."""

    def __init__(self, f: Callable[..., Any], captured: Captured) -> None:
        self.tensors = [
            (held.tensor, held.variable.shape, held.variable.dtype)
            for held in captured.reads
            if held.slot == "_data"
        ]
        self.nodes = [(held.tensor, True) for held in captured.reads if held.slot == "grad"]
        self.nodes += [(node, False) for node in captured.untouched]
        self.state = Snapshot(f, captured.static)

    def hold(self) -> bool:
        """Whether the program is still that of its function."""
        return self.tensors_hold() and self.state.holds()

    def tensors_hold(self) -> bool:
        """Whether the Tensors that the program reads have their shapes, dtypes, and a gradient or none, as they had."""
        for tensor, shape, dtype in self.tensors:
            if tensor._data.shape != shape or tensor._data.dtype != dtype:
                return False
        for node, had_gradient in self.nodes:
            if (node.grad is not None and node.grad is not NOT_KEPT) is not had_gradient:
                return False
        return True
