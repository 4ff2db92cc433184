"""Reading a number off a Tensor: allowed where it is written out, refused where it would lose a gradient in silence.

    float(t)  t.item()  f"{t:.3f}"       on purpose; noted
    out[0] = t    math.exp(t)            NoGradientError, which names the line and says what to write

What was read is noted with its line, so that a gradient which then turns out to be 0, as nothing else leads from the
result to the input, can say where it was lost. A read that ends in a comparison or in a print loses nothing.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np

from .errors import LostGradientWarning, NoGradientError, describe, described
from .frames import is_library, is_ours, line_of, passed_over, place_of, user_frame, user_level, user_place
from .graph import Node, ancestors, state
from .instructions import TRUTHS, Reader, is_only_looked_at, reader_at
from .primitive import NUMPY

_MOST = 1000
"""So many places of reads are kept: a program has fewer, and one that makes code all the time keeps none of it."""


class Read(NamedTuple):
    """A value read off on purpose: by what, by which instruction, and, inside a transform, of which node."""

    how: str
    code: CodeType
    instruction: int
    node: Node | None

    @property
    def place(self) -> str:
        """The line of the user's code."""
        return place_of(self.code.co_filename, line_of(self.code, self.instruction))

    @property
    def may_lose(self) -> bool:
        """Whether what was read may have gone into a result."""
        return not is_only_looked_at(self.code, self.instruction)


def note_read(node: Node, how: str, depth: int) -> None:
    """Note that the user's code, so many callers away, read the value of a node that needs a gradient."""
    frame = sys._getframe(depth)
    if passed_over[frame.f_code.co_filename]:
        if is_ours(frame.f_code.co_filename):
            return
        frame = user_frame(depth)
    _note(frame, node, how)


def note_number(node: Node, how: str) -> None:
    """Note that a number was read off a node that needs a gradient; NoGradientError if it is not written out there."""
    frame = sys._getframe(2)
    if (id(frame.f_code), frame.f_lasti) not in state.reads:
        file = frame.f_code.co_filename
        reader = reader_at(frame)
        loses_nothing = reader.name.rpartition(".")[2] in (*TRUTHS, "formatting")
        if not reader.on_purpose or (is_library(file) and not loses_nothing):
            raise _refused(node, reader, frame)
        if is_ours(file):
            return
    _note(frame, node, how)


def _note(frame: FrameType, node: Node, how: str) -> None:
    # A plain tuple, which costs a tenth of a Read: what is read in a loop is rarely asked for.
    code, instruction = frame.f_code, frame.f_lasti
    if len(state.reads) >= _MOST:
        state.reads.clear()
    state.reads[id(code), instruction] = (how, code, instruction, node if state.in_call else None)


def _refused(node: Node, reader: Reader, frame: FrameType) -> NoGradientError:
    module, _, function = reader.name.rpartition(".")
    remedy = "compute with NumPy's functions, and join tensors with np.stack or np.concatenate"
    who = reader.name or "what runs there"
    if is_library(frame.f_code.co_filename):
        who = f"a function of {frame.f_globals.get('__name__', 'a library').partition('.')[0]}"
    elif "assignment" in reader.name:
        remedy = (
            "keep the tensors in a list and join them with np.stack, or write a = tg.index_update(a, index, t) in the "
            "place of a[index] = t"
        )
    elif function == "fill":
        remedy = "write t * np.ones(shape) in place of a.fill(t)"
    elif module in ("", "math", "cmath") and hasattr(math, function):
        remedy = _FOR_MATH.get(function, f"write np.{function} in place of math.{function}")
        if function not in _FOR_MATH and getattr(np, function, None) not in NUMPY:
            remedy = "it has no gradient; compose it of NumPy's functions"
        who = f"math.{function}"
    return NoGradientError(
        f"{who} tried to read {described(node)} as a number, {user_place()}, which would drop its gradient silently; "
        f"{remedy}; where no gradient is wanted, write float(t)."
    )


_FOR_MATH = {
    "fabs": "write np.abs in place of math.fabs",
    "pow": "write a**b or np.power in place of math.pow",
    "fsum": "write sum(tensors), or np.sum(np.stack(tensors)), in place of math.fsum",
    "dist": "write np.linalg.norm(a - b) in place of math.dist",
    "erf": "write tg.erf in place of math.erf",
    "erfc": "write tg.erfc in place of math.erfc",
}


@contextmanager
def reads_within(variables: Sequence[Any]) -> Iterator[dict[Any, Any]]:
    """What is read while the function of a transform runs, of which the variables are these Tensors.

    Afterwards an outer transform is told of what does not depend on them.
    """
    before, was_in_call = state.reads, state.in_call
    reads: dict[tuple[int, int], Any] = {}
    state.reads, state.in_call = reads, True
    try:
        yield reads
    finally:
        state.reads, state.in_call = before, was_in_call
        if was_in_call and reads:
            own = {variable._node for variable in variables}
            before.update({key: read for key, read in reads.items() if read[3] and not own & {*ancestors(read[3])}})


def warn_of_lost(reads: dict[Any, Any], outputs: Sequence[Any], variables: Sequence[tuple[str, Any]]) -> None:
    """Warn of each variable to which no gradient leads from the outputs, and of which a value was read on the way."""
    suspects = [read for read in map(Read._make, reads.values()) if read.node is not None and read.may_lose]
    if not suspects:
        return
    reached = {node for output in outputs if output.requires_grad for node in ancestors(output._node)}
    is_cut_off = not any(variable._node in reached for _, variable in variables)
    sources = [(read, {*ancestors(read.node)}) for read in reversed(suspects) if read.node is not None]
    for name, variable in variables:
        lost = (read for read, nodes in sources if variable._node in nodes and (is_cut_off or read.how != ".detach()"))
        read = next(lost, None) if variable._node not in reached else None
        if read is not None:
            warnings.warn(
                f"the gradient with respect to {describe(variable.shape, variable.dtype, name)} is 0 everywhere, "
                f"{user_place()}: the result does not depend on it through Tensors. A value was read off with "
                f"{read.how}, {read.place}, and what is computed from that carries no gradient; compute with the "
                "Tensor itself there.",
                LostGradientWarning,
                stacklevel=user_level(),
            )


def where_it_was_lost(what: str = "it", earlier: bool = False) -> str:
    """A sentence that names where a value was read off, or where recording was off, since the last backward pass.

    `earlier` is before that pass; if there was nothing of the kind, there is nothing to say.
    """
    noted, pauses = state.earlier if earlier else (state.reads, state.pauses)
    reads = map(Read._make, reversed([*noted.values()]))
    read = next((read for read in reads if read.may_lose), None)
    if read is not None:
        return (
            f" If {what} was computed from what {read.how} read off, {read.place}: a plain number or array carries no "
            "gradient."
        )
    paused = [place for place in pauses.values() if not passed_over[place[0].co_filename]]
    if not paused:
        return ""
    code, instruction = paused[-1]
    place = place_of(code.co_filename, line_of(code, instruction))
    return f" If {what} was computed from what ran within no_grad(), {place}: nothing is recorded there."
