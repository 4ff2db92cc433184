"""What is told of a NaN or an infinity: the operation, its operands with their ranges, why, and what to write instead.

`Made(...).told()` tells of a result, `Made(...).given(x)` of what was not finite before any operation took it, and
`backward_anomaly` of a contribution to a gradient.
"""

from __future__ import annotations

import linecache
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import FrameType
from typing import Any

import numpy as np

from ..call import Call
from ..errors import describe
from ..formula import ATOM, Symbol, applied
from ..frames import place_of, user_frame
from ..graph import Node
from ..primitive import Primitive
from .blame import Reason, reason_of, slope_reason
from .colour import Shown
from .report import html_table, plain, table, wrapped
from .steps import gradient_name, symbols_of, variable_names, vjp_formula, without_defaults

COLUMNS = ("operand", "shape", "dtype", "smallest", "largest", "zeros", "NaN", "infinite")


@dataclass(frozen=True)
class Operand:
    """What went into an operation; `smallest` and `largest` are those of its finite elements, None without any.

    `value` is the element from which the first bad one was made, None where that is not one element.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    smallest: float | None
    largest: float | None
    zeros: int
    nans: int
    infinities: int
    value: float | None

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as the printed table has it."""
        numbers = [_shown(one) for one in (self.smallest, self.largest)]
        counts = [str(one) for one in (self.zeros, self.nans, self.infinities)]
        return (self.name, str(self.shape), self.dtype, *numbers, *counts, _shown(self.value))


@dataclass(frozen=True, repr=False)
class Anomaly(Shown):
    """How a NaN or an infinity began.

    Attributes: `kind`, "nan" or "infinity"; `direction`, "forward", "backward" or "input"; `operation`; `formula`, what
    was computed, in the user's names; `line`, `file` and `source` of the user's code; `where`, the index of the first
    bad element, `count` of `size` elements that are bad, `value` of the first; `operands`; `why`; `instead`, what to
    write; `later`, a sentence for each thing that came of it.
    """

    kind: str
    direction: str
    operation: str
    formula: str
    line: int | None
    file: str
    where: tuple[int, ...]
    count: int
    size: int
    value: float
    operands: tuple[Operand, ...]
    why: str
    instead: str
    later: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The text of the line."""
        return linecache.getline(self.file, self.line or 0).strip()

    @property
    def place(self) -> str:
        """File and line, as a sentence says it."""
        return place_of(self.file, self.line)

    def became(self, other: Anomaly) -> Anomaly:
        """The same, with what came of it later."""
        if self.direction == "input" and self.kind == "infinity":
            # Infinities are given on purpose, as in a mask: what they made is told, and that they were there.
            return replace(
                other, later=(f"{self.formula} is {self.value} at {self.where} from the start, {self.place}.",)
            )
        what = f"That led to {other.value} in {other.formula}, {other.place}: {other.why}."
        return self if what in self.later else replace(self, later=(*self.later, what))

    def to_dict(self) -> dict[str, Any]:
        """The anomaly as plain data, ready for `json.dumps`."""
        found = {name: plain(value) for name, value in asdict(self).items() if name not in ("operands", "later")}
        operands = [{name: plain(value) for name, value in asdict(one).items()} for one in self.operands]
        return {**found, "source": self.source, "operands": operands, "later": list(self.later)}

    def _text(self) -> str:
        lines = [f"the first {self._what()}: {self._headline()}"]
        if self.source:
            lines.append(f"    line {self.line}: {self.source}")
        if self.operands:
            lines += ["", *table(self._columns(), "<<<>>>>>>", [one.cells for one in self.operands]), ""]
        lines += wrapped(f"Why: {self.why}.")
        lines += wrapped(f"Instead: {self.instead}.")
        for text in self.later:
            lines += wrapped(text)
        return "\n".join(lines)

    def _what(self) -> str:
        return "NaN" if self.kind == "nan" else "infinity"

    def _headline(self) -> str:
        at = f" at {self.where}" if self.where else ""
        of = f" ({self.count} of {self.size} elements)" if self.size > 1 else ""
        when = {
            "forward": "in the forward pass, ",
            "backward": "in the backward pass, ",
            "input": "before any operation, taken by ",
        }
        taken = f"{self.operation}, " if self.direction == "input" else ""
        return f"{self.formula} is {self.value}{at}{of}, {when[self.direction]}{taken}{self.place}."

    def _columns(self) -> tuple[str, ...]:
        return (*COLUMNS, f"at {self.where}" if self.where else "value")

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        below = [f"Why: {self.why}.", f"Instead: {self.instead}.", *self.later]
        title = f"The first {self._what()}: {self._headline()}"
        return html_table(title, self._columns(), [one.cells for one in self.operands], below)


class Made:
    """An operation that made what is not finite, noted when it ran; it is told of only if that is asked for.

    Attributes: `primitive`, `inputs` and `parameters` of the operation; `line` and `file` of the user's code;
    `variables`, the names that the inputs had there, by identity.
    """

    __slots__ = ("file", "inputs", "line", "parameters", "primitive", "variables")

    def __init__(self, primitive: Primitive, inputs: Sequence[Any], parameters: Mapping[str, Any]) -> None:
        self.primitive, self.inputs, self.parameters = primitive, inputs, parameters
        frame = user_frame()
        self.line, self.file = frame.f_lineno, frame.f_code.co_filename
        wanted = {id(value) for value in inputs}
        self.variables = {id(value): name for name, value in list(frame.f_locals.items()) if id(value) in wanted}

    def told(self) -> Anomaly:
        """The anomaly of its result."""
        symbols, arrays = self._symbols(), [_array(value) for value in self.inputs]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            data = _still_bad(np.asarray(self.primitive.run(*arrays, **self.parameters)))
        texts = [str(one) for one in symbols]
        written = applied(self.primitive.forward, *symbols, **self.parameters)
        formula = without_defaults(written) if written else f"{self.primitive.name}({', '.join(texts)})"
        at = _first_bad(data)
        elements = _elements(self.primitive, arrays, data.shape, at)
        reason = reason_of(self.primitive.name, arrays, elements, self.parameters, data, at)
        line = self.line, self.file
        return _anomaly("forward", self.primitive.name, formula, line, data, _operands(texts, arrays, elements), reason)

    def given(self, bad: Any) -> Anomaly:
        """The anomaly of an input that was not finite already."""
        place = next(number for number, value in enumerate(self.inputs) if value is bad)
        name, data = str(self._symbols()[place]), _still_bad(np.asarray(_array(bad)))
        what = "NaN" if np.isnan(data).any() else "infinity"
        reason = Reason(
            f"{describe(data.shape, data.dtype, name)} held {what} already: it is in the data, or plain NumPy code "
            "made it, which is not watched",
            "look at the data with np.argwhere(~np.isfinite(x)), and fill or leave out what is missing; or make "
            "Tensors earlier, so that what is computed is watched",
        )
        operands = _operands([name], [data], [_item(data, _first_bad(data))])
        return _anomaly("input", self.primitive.name, name, (self.line, self.file), data, operands, reason)

    def _symbols(self) -> list[Any]:
        """What the inputs are called: by names, by variables, by the expressions that made them."""
        variables = variable_names(interior=True)
        for value in self.inputs:
            name = self.variables.get(id(value))
            if name is not None:
                variables.update({id(_array(value)): name, id(getattr(value, "_node", value)): name})
        return [_symbol(value, variables) for value in self.inputs]


def backward_anomaly(node: Node, upstream: Any, saved: Sequence[Any], index: int | None, contribution: Any) -> Anomaly:
    """A gradient that is not finite: made by a rule from the upstream gradient, or (index None) by addition."""
    symbols = symbols_of(node, {**_variables_of_calls(), **variable_names(interior=True)})
    data, g = np.asarray(_array(contribution)), np.asarray(_array(upstream))
    at = _first_bad(data)
    name = gradient_name(symbols[node])
    line = node.line, node.file
    if index is None or not np.isfinite(g).all():
        reason = Reason(
            f"what came back to {symbols[node]} on several paths became {data[at]} when it was added up, or the "
            "backward pass was started with it",
            "look at the contributions one by one, tg.backward_steps(loss)",
        )
        return _anomaly("backward", "add", name, line, g, (), reason)
    parent = node.inputs[index]
    primitive = node.plan.primitive if node.plan else None
    assert primitive is not None
    kept = [_array(one) for one in saved]
    texts, arrays = [name], [g]
    for one, value in zip((node, *node.inputs), kept, strict=False):
        if isinstance(value, np.ndarray | np.generic):
            texts.append(str(symbols[one]) if type(one) is Node else "array")
            arrays.append(np.asarray(value))
    elements = _elements(primitive, arrays, data.shape, at)
    reason = slope_reason(node, index, kept, elements[0], data, at)
    right = vjp_formula(node, index, symbols)
    formula = f"{gradient_name(symbols[parent])} = {right}" if right else f"the gradient of {node.operation}"
    return _anomaly("backward", node.operation, formula, line, data, _operands(texts, arrays, elements), reason)


def _anomaly(
    direction: str,
    operation: str,
    formula: str,
    line: tuple[int | None, str],
    data: Any,
    operands: tuple[Operand, ...],
    reason: Reason,
) -> Anomaly:
    at = _first_bad(data)
    return Anomaly(
        kind="nan" if np.isnan(data[at]) else "infinity",
        direction=direction,
        operation=operation,
        formula=formula,
        line=line[0],
        file=line[1],
        where=at,
        count=int((~np.isfinite(data)).sum()),
        size=data.size,
        value=float(data[at]),
        operands=operands,
        why=reason.why,
        instead=reason.instead,
    )


def _variables_of_calls() -> dict[int, str]:
    """The names of what is being differentiated by tg.grad and its like, whose functions have returned."""
    names: dict[int, str] = {}
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, Call):
            for name, variable in zip(caller.names, caller.variables, strict=True):
                names.setdefault(id(variable._node), name)
        frame = frame.f_back
    return names


def _symbol(value: Any, variables: dict[int, str]) -> Any:
    node, data = getattr(value, "_node", None), _array(value)
    name = getattr(node, "name", None) or variables.get(id(node)) or variables.get(id(data))
    if name:
        return Symbol(str(name), ndim=np.ndim(data))
    if node is not None and node.plan is not None:
        return symbols_of(node, variables)[node]
    return Symbol("array", ndim=data.ndim) if np.ndim(data) else Symbol(_shown(float(data)), ATOM, 0)


def _operands(names: Sequence[str], arrays: Sequence[Any], elements: Sequence[float | None]) -> tuple[Operand, ...]:
    operands = []
    for name, array, element in zip(names, arrays, elements, strict=True):
        array = np.asarray(array)
        if array.dtype.kind not in "fiub":
            continue
        finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array.reshape(-1)
        is_empty = not finite.size
        operands.append(
            Operand(
                name,
                array.shape,
                str(array.dtype),
                None if is_empty else float(finite.min()),
                None if is_empty else float(finite.max()),
                int((array == 0).sum()),
                int(np.isnan(array).sum()),
                int(np.isinf(array).sum()),
                element,
            )
        )
    return tuple(operands)


def _elements(
    primitive: Primitive, arrays: Sequence[Any], shape: tuple[int, ...], at: tuple[int, ...]
) -> list[float | None]:
    """Of each array the element from which the one at this place was made, if the operation works so."""
    if primitive.elementwise or primitive.name == "astype":
        return [_element(array, shape, at) for array in arrays]
    return [_item(array, ()) if np.ndim(array) == 0 else None for array in arrays]


def _element(array: Any, shape: tuple[int, ...], at: tuple[int, ...]) -> float | None:
    if array is None or type(array) is Node:
        return None
    try:
        return _item(np.broadcast_to(array, shape), at)
    except ValueError:
        return None


def _item(array: Any, at: tuple[int, ...]) -> float | None:
    value = np.asarray(array)
    return float(value[at]) if value.dtype.kind in "fiub" else None


def _still_bad(data: Any) -> Any:
    """The array; NaN if it is finite by now, as its elements have been changed since."""
    return np.asarray(np.nan) if np.isfinite(data).all() else data


def _first_bad(array: Any) -> tuple[int, ...]:
    """The place of the first element that is NaN, or else infinite."""
    bad = np.isnan(array) if np.isnan(array).any() else ~np.isfinite(array)
    return tuple(int(one) for one in np.argwhere(bad)[0])


def _array(value: Any) -> Any:
    return getattr(value, "_data", value)


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
