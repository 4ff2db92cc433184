"""What a function reads and changes of the Tensors that were there before its capture.

What it reads becomes an input of the program. What it writes stays within the capture, where later reads see it, until
the program runs and its results are given to the Tensors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import CaptureError
from ...frames import user_place
from ...graph import NOT_KEPT
from .names import Held, Names, slot_of
from .traced import Memory, Traced


class Changes(Names):
    """The part of a tracer that watches the slots of Tensors and nodes (see watch.py)."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: dict[tuple[str, int], tuple[Held, Any]] = {}
        self.written: dict[tuple[str, int], tuple[Any, Any]] = {}
        self.memories: dict[tuple[str, int], Memory] = {}
        self.in_place: dict[int, bool] = {}
        self.stand_ins: dict[int, Any] = {}

    def given(self, array: Any, name: str | None) -> Traced:
        """An array as an input of the program."""
        raise NotImplementedError

    def read(self, slot: str, owner: Any, value: Any) -> Any:
        """What a Tensor or node shows in the place of what it holds."""
        if slot == "grad":
            self._assert_not_given(owner)
        if id(owner) in self.new:
            node = slot_of("_node", owner) if slot == "_data" else None
            if node is not None and node.plan is None and isinstance(value, Traced):
                self.nodes.setdefault(id(node), (node, value._variable))
            return self._fresh((slot, id(owner)), value)
        key = (slot, id(owner))
        if key in self.written:
            return self._fresh(key, self.written[key][1])
        if slot == "exposure":
            return None
        if slot == "grad" and value is NOT_KEPT:
            return value
        if key not in self.reads:
            variable, traced = None, value
            if isinstance(value, np.ndarray | np.generic):
                name = getattr(owner, "name", None) if slot == "grad" else self.called(owner)
                traced = self.given(value, f"{name}_grad" if name and slot == "grad" else name)
                variable = traced.variable
            self.reads[key] = (Held(owner, slot, variable), traced)  # type: ignore[arg-type]
            node = getattr(owner, "_node", None)
            if node is not None and variable is not None:
                self.nodes[id(node)] = (node, variable)
        return self._fresh(key, self.reads[key][1])

    def _fresh(self, key: tuple[str, int], value: Any) -> Any:
        """A box of its own for each reader: who changes an array in place changes none that a graph keeps."""
        if not isinstance(value, Traced):
            return value
        memory = self.memories.setdefault(key, Memory())
        # A gradient is handed out as it is, values by t.data alone.
        fresh = Traced(value.tracer, value._variable, value.value, memory if key[0] == "grad" else None)
        fresh.handed_out = memory
        if memory.changes != memory.settled:
            # Changed through an array that the user holds: only the new value that may be written now is known.
            fresh.memory, fresh.changes = memory, memory.settled
        return fresh

    def write(self, slot: str, owner: Any, value: Any, is_new: bool) -> bool:
        """Keep what is written to what was there before the capture; the rest may write itself."""
        if is_new:
            self.new[id(owner)] = owner
        elif slot == "grad":
            self._assert_not_given(owner)
        memory = self.memories.pop((slot, id(owner)), Memory())
        in_place = memory.changes != memory.settled
        if in_place:
            memory.settled = memory.changes
            self.memories[slot, id(owner)] = memory
        if slot == "_data":
            self.in_place[id(owner)] = in_place
        if id(owner) in self.new:
            return True
        if slot in ("_data", "grad") and (slot, id(owner)) not in self.reads:
            self.read(slot, owner, slot_of(slot, owner))
        self.written[slot, id(owner)] = (owner, value)
        return False

    def _assert_not_given(self, node: Any) -> None:
        if id(node) in self.stand_ins:
            raise CaptureError(
                f"backward(), zero_grad() or .grad reached a Tensor that was given as an argument, {user_place()}, "
                "whose .grad a compiled function can't read or change; close over it, or return what tg.grad gives."
            )

    def _is_changed(self, slot: str, owner: Any) -> bool:
        memory = self.memories.get((slot, id(owner)))
        return memory is not None and memory.changes != memory.settled

    def assert_settled(self) -> None:
        """Raise CaptureError if a Tensor's array was changed through another name, and the Tensor was not told."""
        for slot, owner in self.reads.keys() | self.written.keys():
            memory = self.memories.get((slot, owner))
            if memory is not None and memory.changes != memory.settled:
                what, name = ("values", "data") if slot == "_data" else ("gradient", "grad")
                raise CaptureError(
                    f"a Tensor's {what} were changed in place through an array, {memory.place}; a compiled function "
                    f"takes `t.{name} -= a` or `t.{name} = a`."
                )
