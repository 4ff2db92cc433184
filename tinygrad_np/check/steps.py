"""The backward pass step by step, as plain data: what arrives, what each rule makes of it, and the sum so far.

    for step in tg.backward_steps(loss):
        print(step.line, step.formula)

A step belongs to one value. Its upstream gradient is complete; its contributions go to the inputs of the operation
that made the value. The formulas are the gradient rules themselves, read with the names of the values in them: a value
without a name is called by the expression that made it, or, where that is long, by its operation and a number.

The stream is the one that `backward()` drains (engine.py). Nothing is released, and no `.grad` is touched.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import engine
from ..errors import DTypeError
from ..formula import ATOM, SUM, Symbol, applied, enclosed
from ..frames import user_place, user_variables
from ..graph import Node, ancestors
from ..tensor import Tensor

LONGEST_EXPRESSION = 24
"""A value without a name whose expression is longer is called by its operation and a number."""


@dataclass(frozen=True)
class Contribution:
    """What one operation sends to the gradient of one input.

    Attributes: `name` of the input; `value`, an array of its shape; `formula`, as `dZ1 = dA1 * (1 - A1**2)`, with `+=`
    where something has arrived before; `total`, the sum of all that has arrived so far; `index` of the input; `node`.
    """

    name: str
    value: Any
    formula: str
    total: Any
    index: int
    node: Node = field(repr=False)


@dataclass(frozen=True)
class BackwardStep:
    """One step of a backward pass.

    Attributes: `name` of the value; `operation` that made it; `line` and `file` of the user's code; `forward`, as
    `A1 = np.tanh(Z1)`; `formula`, those of the contributions, a line each; `upstream`, the gradient of the value,
    complete; `contributions`; `node`.
    """

    name: str
    operation: str
    line: int | None
    file: str
    forward: str
    formula: str
    upstream: Any
    contributions: tuple[Contribution, ...]
    node: Node = field(repr=False)


def backward_steps(loss: Tensor, gradient: Any = None) -> Iterator[BackwardStep]:
    r"""Iterate over the backward pass from a tensor, as plain data; neither `.grad` nor the graph is changed.

    Each step has `.name`, `.operation`, `.line`, `.formula`, `.upstream` and `.contributions`, each of these a `.name`,
    a `.value`, a `.formula` and a `.total`. The arrays are those of the pass itself, and can't be written to.

    Args:
        loss: a scalar Tensor, before its graph is freed; or any, with the upstream `gradient` to start with.
        gradient: dL/d(loss), of exactly its shape; 1 if it is left out.

    Raises DTypeError for what is not a Tensor, and what `backward()` raises.

    >>> import numpy as np, tinygrad_np as tg
    >>> Z = tg.Tensor([0.0, 1.0], requires_grad=True, name="Z")
    >>> A = np.tanh(Z).named("A")
    >>> for step in tg.backward_steps((A * A).sum().named("L")):
    ...     print(step.name, "->", step.formula.replace("\n", " and ") or "done")
    L -> d(A * A) = expand(dL, like=A * A)
    A * A -> dA = d(A * A) * A and dA += d(A * A) * A
    A -> dZ = dA * (1 - A**2)
    Z -> done
    """
    if not isinstance(loss, Tensor):
        raise DTypeError(
            f"backward_steps goes back from a Tensor, and was given {type(loss).__name__}, {user_place()}; give the "
            "Tensor that was computed, such as the loss, not its value."
        )
    return _steps(loss._recorded("backward_steps()"), loss._seed(gradient), variable_names())


def variable_names(interior: bool = False) -> dict[int, str]:
    """The names of the variables that hold arrays, or leaves without a name, by the identity of what they hold.

    With `interior`, also those of the results that variables hold.
    """
    names: dict[int, str] = {}
    for name, value in user_variables():
        if name.startswith("_") or not name.isidentifier():
            continue
        if isinstance(value, Tensor):
            if interior or value._node is None or value._node.plan is None:
                names.setdefault(id(value._data), name)
                names.setdefault(id(value._node), name)
        elif isinstance(value, np.ndarray):
            names.setdefault(id(value), name)
    return names


def _steps(root: Node, seed: Any, variables: dict[int, str]) -> Iterator[BackwardStep]:
    symbols = symbols_of(root, variables)
    totals: dict[Node, Any] = {}
    for node, upstream, contributions in engine.backward_steps(root, seed):
        totals.pop(node, None)
        made = []
        for index, value in contributions:
            parent = node.inputs[index]
            arrived = parent in totals
            totals[parent] = totals[parent] + value if arrived else value
            left = f"{gradient_name(symbols[parent])} {'+=' if arrived else '='}"
            right = vjp_formula(node, index, symbols) or f"the gradient rule of {node.operation}"
            total = _read_only(totals[parent])
            made.append(Contribution(str(symbols[parent]), _read_only(value), f"{left} {right}", total, index, parent))
        yield BackwardStep(
            str(symbols[node]),
            node.operation,
            node.line,
            node.file,
            forward_formula(node, symbols),
            "\n".join(contribution.formula for contribution in made),
            _read_only(upstream),
            tuple(made),
            node,
        )


def symbols_of(root: Node, variables: dict[int, str]) -> dict[Any, Symbol]:
    """A Symbol for every node behind this one: its name, or the expression that made it; by identity for arrays."""
    symbols: dict[Any, Symbol] = {}
    for number, node in enumerate(ancestors(root), start=1):
        for value in (*node.inputs, node):
            key = value if type(value) is Node else id(value)
            if key in symbols or (type(value) is not Node and not _is_array(value)):
                continue
            name = getattr(value, "name", None) or variables.get(id(value))
            symbol = Symbol(str(name)) if name else _expression(value, symbols)
            symbols[key] = Symbol(f"{getattr(value, 'operation', 'array')}_{number}") if symbol is None else symbol
            symbols[key].ndim = value.ndim
    return symbols


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and len(value.shape) > 0


def _expression(node: Any, symbols: dict[Any, Symbol]) -> Symbol | None:
    """The forward rule on the symbols of the inputs, if that is short; an array is called array."""
    if type(node) is not Node:
        return Symbol("array")
    if node.plan is None:
        return None
    inputs = [_symbol(value, symbols) for value in node.inputs]
    if sum(len(str(value)) for value in inputs) > LONGEST_EXPRESSION:
        return None
    text = _applied_forward(node, inputs)
    if text is None or len(text) > LONGEST_EXPRESSION:
        return None
    return Symbol(text, ATOM if text.isidentifier() or text.startswith("np.") else SUM)


def _applied_forward(node: Node, inputs: list[Any]) -> str | None:
    """The forward rule as text, without the options that say what happens anyway."""
    primitive = node.plan.primitive if node.plan else None
    if primitive is None:
        return None
    text = applied(primitive.forward, *inputs, **_options(node))
    return text and without_defaults(text)


def without_defaults(text: str) -> str:
    """A call without the options that say what happens anyway.

    >>> without_defaults("x.var(axis=None, ddof=1, keepdims=False)"), without_defaults("x.sum(axis=None)")
    ('x.var(ddof=1)', 'x.sum()')
    """
    return re.sub(r"\(, ", "(", re.sub(r"(?:, )?\b(?:axis=None|keepdims=False)\b", "", text))


def _options(node: Node) -> dict[str, Any]:
    """The parameters as they stand in a formula, where an array is called array."""
    return {name: _without_arrays(value) for name, value in node.parameters.items()}


def _without_arrays(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_without_arrays, value))
    return Symbol("array", ndim=value.ndim) if _is_array(value) else value


def _symbol(value: Any, symbols: dict[Any, Symbol]) -> Any:
    """An input of an operation as it stands in a formula: a number as itself, an array as a symbol."""
    if type(value) is Node or _is_array(value):
        return symbols[value if type(value) is Node else id(value)]
    if isinstance(value, np.ndarray | np.generic):
        value = value.item()
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e6 else value


def gradient_name(symbol: Symbol) -> str:
    """What the gradient of a value is called: `dZ1`, `d(X @ W1)`."""
    name = str(symbol)
    return f"d{name}" if name.isidentifier() else f"d({name})"


def vjp_formula(node: Node, index: int, symbols: dict[Any, Symbol]) -> str | None:
    """The right side of the formula of one contribution, with the sum over what the forward pass broadcast."""
    if node.plan is None:
        return None
    primitive, parent = node.plan.primitive, node.inputs[index]
    upstream = Symbol(gradient_name(symbols[node]), ndim=node.ndim)
    inputs = [_symbol(value, symbols) for value in node.inputs]

    def rule(*arguments: Any, **parameters: Any) -> Any:
        result = dict(node.plan.rules)[index](*arguments, **parameters)  # type: ignore[union-attr]
        return _unbroadcast(result, node.shape, parent.shape) if primitive.elementwise else result

    return applied(rule, upstream, symbols[node], *inputs, **_options(node))


def _unbroadcast(result: Any, shape: tuple[int, ...], target: tuple[int, ...]) -> Any:
    """The sum over the axes that broadcasting added or repeated, as one writes it."""
    added = len(shape) - len(target)
    repeated = tuple(
        axis for axis in range(len(shape)) if axis < added or (target[axis - added] == 1 and shape[axis] != 1)
    )
    if not repeated:
        return result
    if not target:
        return result.sum()
    axis = repeated[0] if len(repeated) == 1 else repeated
    if not added:
        return result.sum(axis=axis, keepdims=True)
    result = result.sum(axis=axis)
    return result if repeated == tuple(range(added)) else result.reshape(target)


def forward_formula(node: Node, symbols: dict[Any, Symbol]) -> str:
    """How a value was made, as `A1 = np.tanh(Z1)`; a leaf's name alone."""
    if node.plan is None:
        return str(symbols[node])
    inputs = [_symbol(value, symbols) for value in node.inputs]
    text = _applied_forward(node, inputs)
    right = text or f"{node.operation}({', '.join(enclosed(value, ATOM) for value in inputs)})"
    return right if right == str(symbols[node]) else f"{symbols[node]} = {right}"


def local_derivative(node: Node, index: int) -> Any:
    """By what each element of the upstream gradient is multiplied; None unless the operation works element by element.

    The rule is run on ones: it is linear in the upstream gradient.
    """
    if node.plan is None or node.saved is None or not node.plan.primitive.elementwise:
        return None
    with np.errstate(all="ignore"):
        local = dict(node.plan.rules)[index](np.ones(node.shape, node.dtype), *node.saved, **node.parameters)
    return np.broadcast_to(local, node.shape) if math.prod(np.shape(local)) <= node.size else None


def _read_only(array: Any) -> Any:
    if not isinstance(array, np.ndarray | np.generic):
        return array
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view
