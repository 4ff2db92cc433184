"""A program as the NumPy function that runs: a line an operation, results written into buffers that are made once.

text = fast_source(lowered, program)      `make_f()` in it makes the buffers and returns the function f
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...formula import Symbol, index_text
from ..ir import Equation, Program, Variable, joined_axis, substituted, variables_in
from ..passes.lowering import added_at
from .buffers import Buffer, is_view, planned
from .expression import NEVER_WARN, General, expression, function_text, inlined_constants, signature, symbol_of
from .helpers import helper_sources

REDUCTIONS = {
    "all": "np.logical_and.reduce", "any": "np.logical_or.reduce", "max": "np.maximum.reduce",
    "min": "np.minimum.reduce", "sum": "np.add.reduce",
}  # fmt: skip


def fast_source(
    lowered: Program,
    parameters: list[str],
    targets: dict[Variable, str] | None = None,
    names: dict[Any, str] | None = None,
    general: General | None = None,
) -> str:
    """The text of a function without arguments that returns the program as a function with buffers of its own.

    `targets` names further arguments, arrays that some results are to be written into; `names` what functions that are
    not NumPy's are called, whose source else is copied. Where rare values occur, for which the program was not made,
    the function returns what that of the program for all values does, or None without one.
    """
    helpers, names = helper_sources(lowered, *([general.lowered] if general else [])) if names is None else ([], names)
    parts = ["import numpy as np\n", *helpers]
    if general is not None:
        parts += ["\n", *_Function(general.lowered, names, {}, "None").lines(signature(general.program))]
    parts += ["\n", *_Function(lowered, names, targets or {}, general.call if general else "None").lines(parameters)]
    return "\n".join(parts) + "\n"


class _Function:
    """The lines of one emitted function."""

    def __init__(self, program: Program, names: dict[Any, str], targets: dict[Variable, str], instead: str) -> None:
        self.program = program
        self.names = names
        self.targets = targets
        self.instead = instead
        self.made_by = program.made_by
        made = [output for equation in program.equations for output in equation.outputs]
        self.taken = {str(variable) for variable in [*program.inputs, *program.constants, *made]}
        self.constants = inlined_constants(program)
        self.buffer_of, self.buffers = planned(program)
        self.before: dict[str, str] = {}
        """What is made once, before the first call: functions, numbers, buffers and views of them."""

    def lines(self, arguments: list[str]) -> list[str]:
        """The function that makes the buffers, with the function that runs in it, and the call of the first."""
        for variable, text in self.constants.items():
            if variable.ndim:
                self.before[str(variable)] = str(text)
        for buffer in self.buffers:
            self.before[buffer.name] = _empty(buffer)
        body = self._body()
        name = self.program.name
        results = "".join(f"{self._text(variable)}, " for variable in self.program.outputs)
        made = [f"{made} = {text}" for made, text in self.before.items()]
        inner = [f"def {name}({', '.join([*arguments, *self.targets.values()])}):"]
        inner += [f"    {line}" for line in [*body, f"return ({results})"]]
        outer = [f"    {line}" for line in [*made, "", *inner, "", f"return {name}"]]
        return [f"def make_{name}():", *outer, "\n", f"{name} = make_{name}()"]

    def _body(self) -> list[str]:
        body = []
        is_quiet = False
        for equation in self.program.equations:
            lines = self._lines(equation)
            if not lines:
                continue
            if equation.ignores and not is_quiet and equation.operation not in NEVER_WARN:
                body.append('with np.errstate(all="ignore"):')
                is_quiet = True
            elif not equation.ignores and equation.operation not in NEVER_WARN:
                is_quiet = False
            body += [f"    {line}" for line in lines] if is_quiet else lines
        return body

    def _text(self, variable: Variable) -> Symbol:
        text = self.constants.get(variable)
        return text if text is not None and not variable.ndim else Symbol(str(variable))

    def _free(self, name: str) -> str:
        """A name that none of the user's is."""
        return name if name not in self.taken else self._free(f"{name}_")

    def _short(self, function: str) -> str:
        """The name of something that is looked up once."""
        name = self._free(function.removeprefix("np.").replace(".", "_") + "_")
        self.before.setdefault(name, function)
        return name

    def _lines(self, equation: Equation) -> list[str]:
        if equation.operation == "assume":
            condition = equation.arguments[0]
            if not condition.ndim:
                return [f"if not {self._text(condition)}:", f"    return {self.instead}"]
            return [f"if not {self._short('np.logical_and.reduce')}({condition}, None):", f"    return {self.instead}"]
        output = equation.targets
        buffer = self.buffer_of.get(equation.output) if len(equation.outputs) == 1 else None
        out = buffer.name if buffer is not None else self.targets.get(equation.outputs[0])
        if buffer is not None and buffer.part:
            self.before.setdefault(buffer.name, buffer.part)
        if is_view(equation) and self._stays(equation):
            self.before[output] = str(expression(equation, self._in_buffer, self.names))
            return []
        arguments = [str(symbol_of(substituted(value, self._text))) for value in equation.arguments]
        if isinstance(equation.function, np.ufunc) and not equation.keywords:
            if equation.output.ndim or equation.ignores:
                return [f"{output} = {self._ufunc(equation, arguments, out)}"]
        elif equation.operation in REDUCTIONS and (out or _is_plain(equation)):
            axis, keepdims = equation.keywords.get("axis"), bool(equation.keywords.get("keepdims", False))
            options = [str(axis), "None", str(out), *(["True"] if keepdims else [])]
            return [f"{output} = {self._short(REDUCTIONS[equation.operation])}({arguments[0]}, {', '.join(options)})"]
        elif equation.operation == "dot" and buffer is not None and buffer.by_columns and equation.output.shape[1] > 1:
            a, b = (self._transposed(value) for value in equation.arguments)
            return [f"{self._short('np.dot')}({b}, {a}, {self._flipped(buffer)})", f"{output} = {out}"]
        elif equation.operation == "dot":
            return [f"{output} = {self._short('np.dot')}({', '.join([*arguments, *([out] if out else [])])})"]
        elif equation.operation == "where" and buffer is not None:
            return self._chosen(equation, buffer, arguments)
        elif equation.operation == "concatenate" and buffer is not None:
            return self._joined(equation, buffer)
        elif equation.operation == "astype" and out:
            return [f"{self._short('np.copyto')}({out}, {arguments[0]}, 'unsafe')", f"{output} = {out}"]
        elif equation.function is added_at and buffer is not None and not any(variables_in(equation.arguments[2])):
            x, _, index = equation.arguments
            is_there = x in self.buffer_of and self.buffer_of[x].name == out
            copied = [] if is_there else [f"{self._short('np.copyto')}({out}, {arguments[0]})"]
            return [*copied, f"{out}[{index_text(index)}] += {arguments[1]}", f"{output} = {out}"]
        elif equation.function is added_at and out:
            return [f"{output} = {function_text(equation, self.names)}({', '.join([*arguments, out])})"]
        return [f"{output} = {expression(equation, self._text, self.names)}"]

    def _chosen(self, equation: Equation, buffer: Buffer, arguments: list[str]) -> list[str]:
        """a where c else b, by bits: (a ^ b) c ^ b. A processor guesses NumPy's branches wrong half of the time."""
        kind = f"np.uint{8 * buffer.dtype.itemsize}"
        out = f"{buffer.name}_bits"
        self.before.setdefault(out, f"{buffer.name}.view({kind})")
        a, b = (self._bits(*both, equation, kind) for both in zip(equation.arguments[1:], arguments[1:], strict=True))
        xor, multiply = self._short("np.bitwise_xor"), self._short("np.multiply")
        first = [] if b is None or a is None else [f"{xor}({a}, {b}, {out})"]
        lines = [*first, f"{multiply}({out if first else a or b}, {arguments[0]}, {out})"]
        last = [] if b is None else [f"{xor}({out}, {b}, {out})"]
        return [*lines, *last, f"{equation.output} = {buffer.name}"]

    def _bits(self, value: Any, text: str, equation: Equation, kind: str) -> str | None:
        """The bits of a branch; None for 0, which has none."""
        if isinstance(value, Variable):
            return f"{text}.view({kind})"
        if value == 0 and not np.signbit(value):
            return None
        dtype = equation.output.dtype
        name = self._free(f"bits_{dtype}_{np.array(value, dtype).view(kind.removeprefix('np.'))}")
        self.before.setdefault(name, f"np.array({symbol_of(value)}, {symbol_of(dtype)}).view({kind})")
        return name

    def _joined(self, equation: Equation, buffer: Buffer) -> list[str]:
        """Parts that are not computed where they are joined are copied there."""
        parts, axis = equation.arguments[0], joined_axis(equation) or 0
        is_there = [
            part in self.buffer_of and self.buffer_of[part].part.startswith(f"{buffer.name}[") for part in parts
        ]
        if not any(is_there):
            listed = ", ".join(str(self._text(part)) for part in parts)
            return [f"{equation.output} = {self._short('np.concatenate')}([{listed}], {axis}, {buffer.name})"]
        lines, start = [], 0
        for part, is_known in zip(parts, is_there, strict=True):
            if not is_known:
                index = ", ".join([":"] * axis + [f"{start}:{start + part.shape[axis]}"])
                name = f"{buffer.name}_{start}"
                self.before.setdefault(name, f"{buffer.name}[{index}]")
                lines.append(f"{self._short('np.copyto')}({name}, {self._text(part)})")
            start += part.shape[axis]
        return [*lines, f"{equation.output} = {buffer.name}"]

    def _ufunc(self, equation: Equation, arguments: list[str], out: str | None) -> str:
        arguments = [self._number(*both, equation) for both in zip(equation.arguments, arguments, strict=True)]
        # NumPy discourages a third argument by position where two of them could be taken for more to compare.
        named = "out=" if equation.operation in ("maximum", "minimum", "fmax", "fmin") else ""
        listed = ", ".join([*arguments, *([f"{named}{out}"] if out else [])])
        return f"{self._short(function_text(equation, self.names))}({listed})"

    def _number(self, value: Any, text: str, equation: Equation) -> str:
        """A number as an array of its own, made once: NumPy takes as long to convert it as to add up ten others."""
        dtypes = {variable.dtype for variable in equation.inputs if variable.ndim}
        if type(value) not in (int, float) or not equation.output.ndim or equation.operation == "ldexp":
            return text
        if dtypes not in ({np.dtype(np.float64)}, {np.dtype(np.float32)}):
            return text
        dtype = dtypes.pop()
        if not abs(value) <= np.finfo(dtype).max:
            return text
        name = "number_" + repr(float(value)).replace("-", "minus_").replace(".", "_").replace("+", "")
        if dtype == np.float32:
            name += "_single"
        name = self._free(name)
        self.before.setdefault(name, f"np.array({float(value)!r}{', np.float32' if dtype == np.float32 else ''})")
        return name

    # Views of buffers, which stay what they are and are made once.

    def _in_buffer(self, variable: Variable) -> Symbol:
        buffer = self.buffer_of.get(variable)
        return self._text(variable) if buffer is None else Symbol(buffer.name)

    def _stays(self, equation: Equation) -> bool:
        """Whether a view is one of a buffer, or of a constant, and so the same in every call."""
        source = equation.inputs[0]
        if source not in self.buffer_of:
            return source in self.constants
        return equation.operation != "reshape" or not self.buffer_of[source].by_columns

    def _flipped(self, buffer: Buffer) -> str:
        self.before.setdefault(f"{buffer.name}_T", f"{buffer.name}.T")
        return f"{buffer.name}_T"

    def _transposed(self, value: Variable) -> str:
        """The text of a matrix transposed."""
        maker = self.made_by.get(value)
        if maker is not None and maker.operation == "transpose":
            return str(self._text(maker.inputs[0]))
        if value in self.buffer_of:
            return self._flipped(self.buffer_of[value])
        return f"{self._text(value)}.T"


def _empty(buffer: Buffer) -> str:
    dtype = "" if buffer.dtype == np.float64 else f", {symbol_of(buffer.dtype)}"
    if buffer.by_columns:
        return f"np.empty({buffer.shape[::-1]}{dtype}).T"
    return f"np.empty({buffer.shape}{dtype})"


def _is_plain(equation: Equation) -> bool:
    same = len(equation.arguments) == 1 and equation.inputs[0].dtype == equation.output.dtype
    return same and equation.keywords.keys() <= {"axis", "keepdims"}
