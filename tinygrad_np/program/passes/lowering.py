"""Passes for speed alone: the same values by functions that NumPy runs faster, at the price of more lines."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ...ops.arrays.indexing import add_at, scatter
from ..ir import Equation, Program, Variable, astype
from .rewrite import Edit, in_order, rewrite


def added_at(x: Any, value: Any, index: Any, out: Any = None) -> Any:
    """x with the value added at the index, in an array that may be x itself."""
    out = np.empty_like(x) if out is None else out
    if out is not x:
        np.copyto(out, x)
    add_at(out, index, value)
    return out


def updated_where_picked(program: Program) -> Program:
    """W - rate * gradient, where few rows of W were picked and the gradient is 0 elsewhere, of those rows alone."""

    def rule(equation: Equation, edit: Edit) -> Any:
        if equation.operation not in ("add", "subtract") or equation.output.dtype.kind != "f":
            return None
        x, gradient = equation.arguments
        found = _scattered(gradient, edit)
        if found is None or not isinstance(x, Variable) or (x.shape, x.dtype) != (gradient.shape, gradient.dtype):
            return None
        value, index = found
        value = value if equation.operation == "add" else edit.apply(np.negative, value)
        output = Variable(x.shape, x.dtype)
        edit.add(Equation("whole.added_at", added_at, (x, value, index), {}, (output,), equation.line))
        return output

    return rewrite(program, rule)


def _scattered(value: Any, edit: Edit) -> tuple[Any, Any] | None:
    """What is put at an index into zeros, times a number, and the index; None of anything else, or used elsewhere."""
    maker = edit.made_by.get(value) if isinstance(value, Variable) and edit.is_used_once(value) else None
    if maker is None:
        return None
    if maker.function is scatter.forward:
        return maker.arguments[0], maker.keywords["index"]
    for factor, other in (maker.arguments, maker.arguments[::-1]) if maker.operation == "multiply" else ():
        found = _scattered(other, edit) if not getattr(factor, "ndim", 0) else None
        if found is not None:
            product = edit.apply(np.multiply, factor, found[0])
            return (product, found[1]) if product.dtype == value.dtype else None
    return None


def variances(program: Program) -> Program:
    """Variances by the differences from the mean, as NumPy computes them: most often these are needed anyway."""

    def rule(equation: Equation, edit: Edit) -> Any:
        if equation.operation != "var" or not len(equation.inputs) == len(equation.arguments) == 1:
            return None
        options = dict(equation.keywords)
        axis, keepdims, ddof = options.pop("axis", None), bool(options.pop("keepdims", None)), options.pop("ddof", 0)
        x, axis = equation.inputs[0], axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
        count = x.size // max(equation.output.size, 1)
        fits = x.dtype == equation.output.dtype and x.dtype.char in "fd" and x.ndim and count > ddof
        if not fits or any(options.values()) or type(ddof) is not int:
            return None
        along = {} if axis is None else {"axis": axis}
        mean = edit.apply(np.divide, edit.apply(np.sum, x, **along, keepdims=True), count)
        squares = edit.apply(np.square, edit.apply(np.subtract, x, mean))
        return edit.apply(np.divide, edit.apply(np.sum, squares, **along, keepdims=keepdims), count - ddof)

    return rewrite(program, rule)


def early_truths(program: Program) -> Program:
    """What is true of a value is found out as soon as the value is known: it takes an eighth of the memory to keep."""
    known: dict[Variable, float] = {}
    numbered = []
    for number, equation in enumerate(program.equations):
        when: float = number
        if equation.operation == "assume" or all(output.dtype == bool for output in equation.outputs):
            when = max((known.get(variable, -1.0) for variable in equation.inputs), default=-1.0) + 0.5
        known.update(dict.fromkeys(equation.outputs, when))
        numbered.append((when, equation))
    return dataclasses.replace(program, equations=tuple(in_order(numbered)))


CONVERTING = {"add", "divide", "dot", "matmul", "maximum", "minimum", "multiply", "subtract"}
"""Operations for which NumPy converts its operands."""


def converted_once(program: Program) -> Program:
    """Integers and booleans among floating numbers converted beforehand, which NumPy else does for every operation."""
    edit = Edit(program)
    for equation in program.equations:
        edit.current = equation
        if equation.operation in CONVERTING and equation.output.dtype.kind == "f":
            dtype = equation.output.dtype
            converted = {
                value: edit.apply(astype, value, dtype)
                for value in equation.inputs
                if value.dtype.kind in "biu" and value.ndim and np.result_type(value.dtype, dtype) == dtype
            }
            edit.add(dataclasses.replace(equation.with_inputs(converted)))
        else:
            edit.add(equation)
    return edit.result()
