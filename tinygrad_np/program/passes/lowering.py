"""Passes for speed alone: the same values by functions that NumPy runs faster, at the price of more lines."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..ir import Equation, Program, Variable
from ..rewrite import Edit, rewrite


def shared_softplus(program: Program) -> Program:
    """logaddexp(0, z) and logaddexp(0, -z), where both are needed, by one exponential and one logarithm.

    log(1 + exp(z)) = max(z, 0) + log(1 + exp(-|z|)), of which the last part is the same for -z.
    """
    made_by = program.made_by()
    softplus = [equation for equation in program.equations if _softplus_of(equation) is not None]
    sources: dict[Variable, list[Variable]] = {}
    for equation in softplus:
        z = _softplus_of(equation)
        maker = made_by.get(z)
        root = maker.arguments[0] if maker is not None and maker.operation == "negative" else z
        sources.setdefault(root, []).append(z)
    pairs = {z: root for root, both in sources.items() if len(set(both)) > 1 for z in both}

    def rule(equation: Equation, edit: Edit) -> Any:
        z = _softplus_of(equation)
        if z not in pairs or z.dtype != equation.output.dtype:
            return None
        small = edit.apply(np.exp, edit.apply(np.negative, edit.apply(np.absolute, pairs[z])))
        return edit.apply(np.add, edit.apply(np.maximum, z, 0), edit.apply(np.log1p, small))

    return rewrite(program, rule)


def _softplus_of(equation: Equation) -> Any:
    if equation.operation != "logaddexp":
        return None
    for one, other in (equation.arguments, equation.arguments[::-1]):
        if isinstance(one, int | float) and one == 0 and isinstance(other, Variable):
            return other
    return None


def converted_once(program: Program) -> Program:
    """Integers and booleans among floating numbers converted beforehand, which NumPy else does for every operation."""
    edit = Edit(program)
    for equation in program.equations:
        edit.current = equation
        if equation.operation in ("add", "subtract", "multiply", "divide") and equation.output.dtype.kind == "f":
            dtype = equation.output.dtype
            converted = {
                value: edit.apply(_astype, value, dtype)
                for value in equation.inputs
                if value.dtype.kind in "biu" and value.size > 100 and _is_exact(value.dtype, dtype)
            }
            edit.add(dataclasses.replace(equation.with_inputs(converted)))
        else:
            edit.add(equation)
    return edit.result()


def _is_exact(integer: Any, floating: Any) -> bool:
    """Whether NumPy computes in the floating dtype, given the integer one."""
    return bool(np.result_type(integer, floating) == floating)


def _astype(x: Any, dtype: Any) -> Any:
    return x.astype(dtype)
