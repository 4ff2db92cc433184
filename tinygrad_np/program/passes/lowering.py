"""Passes for speed alone: the same values by functions that NumPy runs faster, at the price of more lines."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ...ops.arrays.indexing import add_at, scatter
from ..ir import Equation, Program, Variable, astype
from .rewrite import Edit, in_order, rewrite


def merged_factors(program: Program) -> Program:
    """Two numbers that an array is multiplied by, one after the other, are one."""

    def rule(equation: Equation, edit: Edit) -> Any:
        first = _factor(equation)
        inner = edit.made_by.get(first[1]) if first is not None and edit.is_used_once(first[1]) else None
        second = _factor(inner) if inner is not None else None
        if first is None or second is None or second[1].dtype != equation.output.dtype:
            return None
        number, limits = first[0] * second[0], np.finfo(equation.output.dtype)
        has_all_digits = limits.tiny <= abs(number) <= limits.max
        return edit.apply(np.multiply, second[1], number) if has_all_digits else None

    return rewrite(program, rule)


def _factor(equation: Equation) -> tuple[float, Variable] | None:
    """The number that an equation multiplies an array by, and the array."""
    if equation.operation == "multiply" and len(equation.inputs) == 1 and equation.output.ndim:
        for one, other in (equation.arguments, equation.arguments[::-1]):
            if isinstance(one, float) and isinstance(other, Variable) and other.dtype == equation.output.dtype:
                return one, other
    return None


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
