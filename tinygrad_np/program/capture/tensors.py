"""What a function reads and changes of the Tensors that were there before its capture.

What it reads becomes an input of the program. What it writes stays within the capture, where later reads see it, until
the program runs and its results are given to the Tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...frames import user_place
from ...graph import NOT_KEPT, Node
from ...record import Recorded
from .names import Binding, Names
from .refusals import CHANGED_THROUGH_ARRAY, GRADIENT_OF_ARGUMENT, refusal
from .traced import Memory, Traced
from .watch import NOTES, unwatched

Key = tuple[str, int]
"""A slot and the id of its owner."""


class WatchedTensors:
    """The slots of Tensors and nodes as one run sees them (a watch.Watcher).

    `given` makes an array an input of the program; `made` are the Tensors and nodes of this run, by id; `stand_ins` the
    nodes of those that stand for arguments.
    """

    def __init__(self, names: Names, given: Callable[[Any, str | None], Traced], made: dict[int, Any]) -> None:
        self.names = names
        self.given = given
        self.made = made
        self.stand_ins: dict[int, Node] = {}
        self._reads: dict[Key, tuple[Binding, Any]] = {}
        self._written: dict[Key, tuple[Any, Any]] = {}
        self._memories: dict[Key, Memory] = {}
        self._in_place: dict[int, bool] = {}

    def stand_in(self, tensor: Any) -> None:
        """Take note of a Tensor that stands for an argument."""
        self.made[id(tensor)] = tensor
        self.stand_ins[id(tensor._node)] = tensor._node

    def is_made(self, owner: Any) -> bool:
        """Whether a Tensor or node is of this run; a traced array tells, which what was there before never gets."""
        return id(owner) in self.made or (isinstance(owner, Recorded) and type(unwatched(owner, "_data")) is Traced)

    def read(self, slot: str, owner: Any, value: Any) -> Any:
        """What a Tensor or node shows instead of what it holds."""
        if slot == "grad":
            self._assert_not_given(owner)
        if self.is_made(owner):
            node = unwatched(owner, "_node") if slot == "_data" else None
            if node is not None and node.plan is None and isinstance(value, Traced):
                self.names.nodes.setdefault(id(node), (node, value._variable))
            return self._fresh((slot, id(owner)), value)
        key = (slot, id(owner))
        if key in self._written:
            return self._fresh(key, self._written[key][1])
        if slot in NOTES:
            return None
        if slot == "grad" and value is NOT_KEPT:
            return value
        if key not in self._reads:
            variable, traced = None, value
            if isinstance(value, np.ndarray | np.generic):
                name = getattr(owner, "name", None) if slot == "grad" else self.names.called(owner)
                traced = self.given(value, f"{name}_grad" if name and slot == "grad" else name)
                variable = traced.variable
            self._reads[key] = (Binding(owner, slot, variable), traced)  # type: ignore[arg-type]
            node = getattr(owner, "_node", None)
            if node is not None and variable is not None:
                self.names.nodes[id(node)] = (node, variable)
        return self._fresh(key, self._reads[key][1])

    def _fresh(self, key: Key, value: Any) -> Any:
        """A box of its own for each reader: who changes an array in place changes none that a graph keeps."""
        if not isinstance(value, Traced):
            return value
        memory = self._memories.setdefault(key, Memory())
        # A gradient is handed out as it is, values by t.data alone.
        fresh = Traced(value.tracer, value._variable, value.value, memory if key[0] == "grad" else None)
        fresh.handed_out = memory
        if memory.changes != memory.settled:
            # Changed through an array that the user holds: only the new value that may be written now is known.
            fresh.memory, fresh.changes = memory, memory.settled
        return fresh

    def write(self, slot: str, owner: Any, value: Any, is_new: bool) -> bool:
        """Keep what is written to what was there before the capture; the rest may write itself."""
        is_made = is_new or self.is_made(owner)
        if is_new:
            self._memories.pop((slot, id(owner)), None)
        elif slot == "grad":
            self._assert_not_given(owner)
        if is_made and not (slot == "_data" and type(value) is Traced):
            self.made[id(owner)] = owner
        memory = self._memories.pop((slot, id(owner)), Memory())
        in_place = memory.changes != memory.settled
        if in_place:
            memory.settled = memory.changes
            self._memories[slot, id(owner)] = memory
        if slot == "_data":
            self._in_place[id(owner)] = in_place
        if is_made:
            return True
        if slot == "_data" and (slot, id(owner)) not in self._reads:
            self.read(slot, owner, unwatched(owner, slot))
        self._written[slot, id(owner)] = (owner, value)
        return False

    def is_changed(self, slot: str, owner: Any) -> bool:
        """Whether an array that a slot handed out was changed in place since, and the owner was not told."""
        return self._is_changed((slot, id(owner)))

    def assert_settled(self) -> None:
        """Raise CaptureError if a Tensor's array was changed through another name, and the Tensor was not told."""
        for key in self._reads.keys() | self._written.keys():
            if self._is_changed(key):
                what, name = ("values", "data") if key[0] == "_data" else ("gradient", "grad")
                raise refusal(CHANGED_THROUGH_ARRAY, what=what, name=name, line=self._memories[key].line)

    def reads(self) -> list[Binding]:
        """What is given to the program after its arguments."""
        return [binding for binding, _ in self._reads.values() if binding.variable is not None]

    def untouched(self) -> list[Node]:
        """The nodes whose gradient was, and has to be, None."""
        owners = [binding.tensor for binding, value in self._reads.values() if value is None]
        return [owner for owner in owners if isinstance(owner, Node)]

    def changes(self, variable_of: Callable[[Any], Any]) -> tuple[list[Binding], list[Node]]:
        """What the program gives to Tensors and nodes, and the nodes whose gradient it clears."""
        updates, cleared = [], []
        for (slot, _), (owner, value) in self._written.items():
            if slot not in NOTES and value is None:
                cleared.append(owner)
            elif slot not in NOTES and value is not NOT_KEPT:
                updates.append(Binding(owner, slot, variable_of(value), self._in_place.get(id(owner), False)))
        return updates, cleared

    def forget(self) -> None:
        """Let go of all Tensors and values."""
        for known in (self.stand_ins, self._reads, self._written, self._memories):
            known.clear()

    def _is_changed(self, key: Key) -> bool:
        memory = self._memories.get(key)
        return memory is not None and memory.changes != memory.settled

    def _assert_not_given(self, node: Any) -> None:
        if id(node) in self.stand_ins:
            raise refusal(GRADIENT_OF_ARGUMENT, line=user_place())
