"""Operations that change nothing, or that a simpler one does, to all bits but a zero's sign.

What can be written as a pattern stands in the table of algebra.py; here is what asks for shapes, axes and numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Equation, Program, Variable
from .algebra import EXACT_RULES
from .patterns import first_of
from .rewrite import Edit, Rewriting, is_over_axes, rewrite


def identities(program: Program) -> Program:
    """Without operations that change nothing."""
    return rewrite(program, _rule)


def _rule(equation: Equation, edit: Edit) -> Any:
    if isinstance(equation.function, np.ufunc) and equation.function.signature is None and not equation.keywords:
        lazy = _lazily(equation, edit)
        if lazy is not None:
            return lazy
    new = first_of(EXACT_RULES, equation, edit)
    rule = _RULES.get(equation.operation) if new is None else None
    return rule(equation, edit) if rule is not None else new


def _multiply(equation: Equation, edit: Edit) -> Any:
    a, b = equation.arguments
    for number, (truth, other) in enumerate(((a, b), (b, a))):
        # NumPy converts a truth to the same 0 or 1 by itself.
        converted = edit.maker(truth, "astype")
        if converted is not None and converted.arguments[0].dtype == bool and isinstance(other, Variable):
            operands = (converted.arguments[0], other) if number == 0 else (other, converted.arguments[0])
            if (other.shape, other.dtype) == (equation.output.shape, equation.output.dtype):
                return edit.apply(np.multiply, *operands)
    return _with_numbers(equation, edit)


def _with_numbers(equation: Equation, edit: Edit) -> Any:
    """An array of one number alone is that number, where shape and dtype of the result stay."""
    arguments = []
    for argument in equation.arguments:
        number = edit.number(argument)
        fits = isinstance(argument, Variable) and argument.dtype == equation.output.dtype
        arguments.append(number if fits and number is not None else argument)
    if all(new is old for new, old in zip(arguments, equation.arguments, strict=True)):
        return None
    shapes = [argument.shape for argument in arguments if isinstance(argument, Variable)]
    dtypes = {argument.dtype for argument in arguments if isinstance(argument, Variable)}
    if not shapes or np.broadcast_shapes(*shapes) != equation.output.shape:
        return None
    if not all(dtype.kind in "biu" for dtype in dtypes) and equation.output.dtype not in dtypes:
        return None
    new = edit._like(equation.function, arguments, {})
    return edit.apply(equation.function, *arguments) if new.dtype == equation.output.dtype else None


def _transpose(equation: Equation, edit: Edit) -> Any:
    x, *axes = equation.arguments
    if np.ndim(x) < 2 or (axes and axes[0] == tuple(range(x.ndim))):
        return x
    inner = edit.maker(x, "transpose")
    if inner is None:
        return None
    outer_axes = axes[0] if axes else tuple(reversed(range(x.ndim)))
    inner_axes = inner.arguments[1] if len(inner.arguments) > 1 else tuple(reversed(range(x.ndim)))
    order = tuple(inner_axes[axis] for axis in outer_axes)
    if order == tuple(range(x.ndim)):
        return inner.arguments[0]
    return edit.apply(np.transpose, inner.arguments[0], order)


def _reshape(equation: Equation, edit: Edit) -> Any:
    x, shape = equation.arguments[:2]
    if len(equation.arguments) > 2 or not isinstance(x, Variable):
        return None
    if x.shape == shape:
        return x if x.is_array else None
    inner = edit.maker(x, "reshape")
    source = inner.arguments[0] if inner is not None and len(inner.arguments) == 2 else None
    if isinstance(source, Variable):
        return source if source.shape == shape and source.is_array else edit.apply(np.reshape, source, shape)
    total = edit.maker(x, "sum")
    if total is not None and is_over_axes(total) and edit.is_used_once(x) and not total.keywords.get("keepdims"):
        source, axis = total.arguments[0], _axes(total)
        kept = tuple(1 if one in axis else length for one, length in enumerate(source.shape))
        if kept == shape:
            return edit.apply(np.sum, source, axis=axis[0] if len(axis) == 1 else axis, keepdims=True)
    return None


def _axes(equation: Equation) -> tuple[int, ...]:
    axis, ndim = equation.keywords.get("axis"), equation.arguments[0].ndim
    axes = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(one % ndim for one in axes)


def _sum(equation: Equation, edit: Edit) -> Any:
    """The options that are NumPy's defaults are left out; sums over axes of length 1 are none."""
    if not is_over_axes(equation):
        return None
    x = equation.arguments[0]
    if x.dtype == equation.output.dtype and x.ndim and all(x.shape[axis] == 1 for axis in _axes(equation)):
        return edit.apply(np.reshape, x, equation.output.shape) if equation.output.ndim else None
    plain = {key: value for key, value in equation.keywords.items() if value is not None and value is not False}
    axis = plain.get("axis")
    if isinstance(axis, tuple) and len(axis) == 1:
        plain["axis"] = axis[0]
    if isinstance(axis, tuple) and len(axis) == x.ndim:
        del plain["axis"]
    return None if plain == dict(equation.keywords) else edit.apply(equation.function, x, **plain)


def _mean(equation: Equation, edit: Edit) -> Any:
    """The sum divided by the number of elements, as NumPy computes it."""
    if not is_over_axes(equation):
        return None
    x = equation.arguments[0]
    if x.dtype != equation.output.dtype or x.dtype.char not in "fd" or not x.size or not x.ndim:
        return None
    count = x.size // max(equation.output.size, 1)
    return edit.apply(np.divide, edit.apply(np.sum, x, **dict(equation.keywords)), count)


def _tensordot(equation: Equation, edit: Edit) -> Any:
    """The product of matrices or vectors that it is."""
    a, b, *axes = [*equation.arguments, *equation.keywords.values()]
    of_a, of_b = axes[0] if axes and isinstance(axes[0], tuple) else ((), ())
    if not isinstance(of_a, tuple) or not isinstance(of_b, tuple) or len(of_a) != 1 or len(of_b) != 1:
        return None
    if not (isinstance(a, Variable) and isinstance(b, Variable) and {a.ndim, b.ndim} <= {1, 2}):
        return None
    a = a if of_a[0] % a.ndim == a.ndim - 1 else edit.apply(np.transpose, a)
    b = b if of_b[0] % b.ndim == 0 else edit.apply(np.transpose, b)
    return edit.apply(np.dot, a, b)


def _getitem(equation: Equation, edit: Edit) -> Any:
    """A matrix times a vector that was made a column: np.dot(A, x[..., None])[..., 0]."""
    if not _is_index(equation, Ellipsis, 0):
        return None
    product = edit.maker(equation.arguments[0], "dot") or edit.maker(equation.arguments[0], "matmul")
    if product is None or not edit.is_used_once(product.output):
        return None
    a, column = product.arguments
    made = edit.maker(column, "getitem")
    if made is None or not _is_index(made, Ellipsis, None) or made.arguments[0].ndim != 1 or a.ndim != 2:
        return None
    return edit.apply(np.dot, a, made.arguments[0])


def _is_index(equation: Equation, *index: Any) -> bool:
    """Whether elements are taken at this index; a number of NumPy's compares itself with each part of a tuple."""
    return type(equation.arguments[1]) is tuple and equation.arguments[1] == index


def _nansum(equation: Equation, edit: Edit) -> Any:
    """The sum, where the program is for values without NaN."""
    if equation.arguments[0] in edit.without_nan:
        return edit.apply(np.sum, *equation.arguments, **dict(equation.keywords))
    return _without_defaults(equation, edit)


def _where(equation: Equation, edit: Edit) -> Any:
    """What a condition that is known chooses."""
    condition, *branches = equation.arguments
    return branches[not condition] if isinstance(condition, bool | np.bool) and branches else None


def _without_defaults(equation: Equation, edit: Edit) -> Any:
    """The options that are NumPy's defaults are left out."""
    plain = {key: value for key, value in equation.keywords.items() if value is not None and value is not False}
    return None if plain == dict(equation.keywords) else edit.apply(equation.function, *equation.arguments, **plain)


def _lazily(equation: Equation, edit: Edit) -> Any:
    """An operand that was repeated to a shape is as good as it was, if another brings the shape."""
    for number, argument in enumerate(equation.arguments):
        if not isinstance(argument, Variable) or not edit.is_used_once(argument):
            continue
        unrepeated = _unrepeated(argument, edit)
        if unrepeated is None:
            continue
        arguments = [*equation.arguments[:number], unrepeated, *equation.arguments[number + 1 :]]
        shapes = [value.shape for value in arguments if isinstance(value, Variable)]
        if np.broadcast_shapes(*shapes) == equation.output.shape:
            return edit.apply(equation.function, *arguments)
    return None


def _unrepeated(value: Variable, edit: Edit) -> Any:
    """What a value repeats: it was broadcast, or multiplied by ones, or it is a number as an array."""
    repeated = edit.maker(value, "broadcast_to")
    if repeated is not None:
        return repeated.arguments[0]
    number = edit.maker(value, "reshape")
    if number is not None and value.shape == () == number.arguments[0].shape:
        return number.arguments[0]
    product = edit.maker(value, "multiply")
    for one, other in (product.arguments, product.arguments[::-1]) if product is not None else ():
        if edit.number(one) == 1 and isinstance(other, Variable) and other.dtype == value.dtype:
            return other
    return None


_RULES: dict[str, Rewriting] = {
    "add": _with_numbers,
    "average": _mean,
    "divide": _with_numbers,
    "getitem": _getitem,
    "mean": _mean,
    "multiply": _multiply,
    "nansum": _nansum,
    "reshape": _reshape,
    "subtract": _with_numbers,
    "sum": _sum,
    "tensordot": _tensordot,
    "transpose": _transpose,
    "where": _where,
}
