"""Transforms: from a function to its derivative. Arrays in, arrays out; they nest to any order.

    tg.grad(f)(x)                    df/dx of a scalar function
    tg.value_and_grad(f)(x)          both, for the price of one
    tg.jacobian(f)(x), tg.hessian(f)(x)
    y, pullback = tg.vjp(f, x)       pullback(g) = g J
    y, dy = tg.jvp(f, (x,), (v,))    J v
    tg.hvp(f, (x,), (v,))            H v, without ever forming H

A transform runs the function on Tensors of its own and walks the graph between them and the result. If something
outside can still be differentiated (an outer transform, a Tensor that requires a gradient), the gradient rules run on
Tensors too and so record themselves; the result is then a Tensor. Each call has its own Tensors, so that one level is
never mistaken for another. `jvp` is two vjps (the pullback is linear in g, and its own pullback is J v): one rule per
operation is enough.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .engine import backward_steps
from .errors import DTypeError, GradientShapeError, NonScalarError, ShapeError, describe
from .graph import NOT_KEPT, Node, between, enable_grad, state, user_place
from .ops.shape import identity
from .tensor import Tensor, leaf_of, make_tensor, own_array, own_gradient, record
from .tree import Rebuild, flatten, map_tree

Function = Callable[..., Any]


def grad(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The gradient of a scalar function with respect to one argument, or a tuple of gradients for several.

    The arguments are arrays, Tensors, Python floats or trees of them (dict, list, tuple, dataclass); a gradient has the
    shape, the dtype and the tree of its argument; what the result does not depend on has a gradient of zeros.
    Raises NonScalarError if f returns more than one element, DTypeError if its result or the argument is not floating.

    >>> import tinygrad_np as tg
    >>> float(tg.grad(tg.grad(lambda x: x**3))(2.0))
    12.0
    """
    with_value = value_and_grad(f, argnums)

    @functools.wraps(f, assigned=("__name__", "__doc__"), updated=())
    def gradient(*arguments: Any, **keywords: Any) -> Any:
        return with_value(*arguments, **keywords)[1]

    return gradient


def value_and_grad(f: Function, argnums: int | Sequence[int] = 0, *, has_aux: bool = False) -> Function:
    """The value of a scalar function and its gradient, as a pair; see `grad`.

    With `has_aux`, f returns a pair of which the first is differentiated; the result is ((value, aux), gradient).

    >>> import numpy as np, tinygrad_np as tg
    >>> value, gradient = tg.value_and_grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    >>> float(value), gradient
    (5.0, array([2., 4.]))
    """

    @functools.wraps(f, assigned=("__name__", "__doc__"), updated=())
    def value_and_gradient(*arguments: Any, **keywords: Any) -> Any:
        call = _Call(f, arguments, keywords, argnums)
        result, aux = call.result if has_aux else (call.result, None)
        output = _scalar(result)
        gradient = call.in_trees(call.gradients([output], [np.ones(output.shape, output.dtype)]))
        value = call.handed_out(output)
        return ((value, map_tree(call.handed_out, aux)) if has_aux else value), gradient

    return value_and_gradient


def elementwise_grad(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The slope of a function that works element by element, at each element: the gradient of the sum of its results.

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.elementwise_grad(np.sin)(np.array([0.0, np.pi])).round(6)
    array([ 1., -1.])
    """
    return grad(lambda *arguments, **keywords: np.sum(f(*arguments, **keywords)), argnums)


def vjp(f: Function, *inputs: Any) -> tuple[Any, Function]:
    """The result of f, and its pullback: `pullback(g)` is a tuple of g J, a gradient for each input.

    g has the tree and exactly the shapes of the result. The pullback can be called any number of times.

    >>> import numpy as np, tinygrad_np as tg
    >>> y, pullback = tg.vjp(np.sin, np.array([0.0, 1.0]))
    >>> pullback(np.array([1.0, 0.0]))
    (array([1., 0.]),)
    """
    call = _Call(f, inputs, {}, range(len(inputs)))
    outputs, rebuild = _outputs(call.result)

    def pullback(g: Any) -> Any:
        seeds = _fitting(flatten(g)[0], outputs, "the pullback", "result")
        return call.in_trees(call.gradients(outputs, seeds))

    return rebuild([call.handed_out(output) for output in outputs]), pullback


def jvp(f: Function, inputs: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The result of f, and its directional derivative J v along the tangents v, which have the shapes of the inputs.

    By two vjps: g -> g J is linear in g, and the vjp of that, given v, is J v.

    >>> import numpy as np, tinygrad_np as tg
    >>> y, dy = tg.jvp(np.square, (np.array([1.0, 2.0]),), (np.array([1.0, 10.0]),))
    >>> dy
    array([ 2., 40.])
    """
    call = _Call(f, tuple(inputs), {}, range(len(inputs)))
    outputs, rebuild = _outputs(call.result)
    directions = _fitting(flatten(tuple(tangents))[0], call.variables, "jvp", "input")
    with enable_grad():
        seeds = [leaf_of(np.zeros(output.shape, output.dtype), requires_grad=True) for output in outputs]
        pulled = call.gradients(outputs, seeds, recorded=True)
    along = _gradients(pulled, directions, seeds, recorded=call.is_recorded(outputs))
    return rebuild([call.handed_out(output) for output in outputs]), rebuild([call.handed_out(one) for one in along])


def hvp(f: Function, inputs: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, ...]:
    """The Hessian of a scalar function times a vector: H v for each input, at the price of a few gradients.

    The gradient of (grad f) . v, with v held constant.

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    (array([ 6., 12.]),)
    """
    call = _Call(f, tuple(inputs), {}, range(len(inputs)))
    output = _scalar(call.result)
    directions = _fitting(flatten(tuple(tangents))[0], call.variables, "hvp", "input")
    with enable_grad():
        gradients = call.gradients([output], [np.ones(output.shape, output.dtype)], recorded=True)
    recorded = call.is_recorded([output])
    products = _gradients(gradients, directions, call.variables, recorded)
    return tuple(call.in_trees(_owned(products, recorded)))


def jacobian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The derivative of every element of the result with respect to every element of an argument.

    Its shape is the result's followed by the argument's; trees give trees of blocks, the result's tree outside. It runs
    a backward pass for each element of the result.

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.jacobian(np.square)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """

    @functools.wraps(f, assigned=("__name__", "__doc__"), updated=())
    def derivative(*arguments: Any, **keywords: Any) -> Any:
        call = _Call(f, arguments, keywords, argnums)
        outputs, rebuild = _outputs(call.result)
        return rebuild([call.in_trees(_jacobian_rows(call, output)) for output in outputs])

    return derivative


def hessian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The matrix of second derivatives of a scalar function: the jacobian of its gradient.

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    return jacobian(grad(f, argnums), argnums)


class _Call:
    """One call of the function on Tensors of its own, the variables, with what leads from them to its result."""

    def __init__(self, f: Function, arguments: tuple[Any, ...], keywords: Any, argnums: int | Sequence[int]) -> None:
        self.caller_records = state.recording
        self.is_single = isinstance(argnums, int)
        self.variables: list[Tensor] = []
        self.trees: list[tuple[int, Rebuild]] = []
        self.given_tensors = False
        given = list(arguments)
        for argnum in [argnums] if isinstance(argnums, int) else argnums:
            if not -len(arguments) <= argnum < len(arguments):
                raise ShapeError(
                    f"argnums={argnum}, but the function was given {len(arguments)} arguments by position, "
                    f"{user_place()}."
                )
            leaves, rebuild = flatten(arguments[argnum])
            variables = [self._variable(leaf) for leaf in leaves]
            self.variables += variables
            self.trees.append((len(variables), rebuild))
            given[argnum] = rebuild(variables)
        with enable_grad():
            self.result = f(*given, **keywords)

    def _variable(self, leaf: Any) -> Tensor:
        """A Tensor of this call's own; connected to the one given if a gradient may flow on to it."""
        if isinstance(leaf, Tensor):
            self.given_tensors = True
            if leaf.requires_grad and self.caller_records:
                return record(identity, (leaf,))
        array = leaf if isinstance(leaf, np.ndarray) else own_array(leaf, None)
        if array.dtype.kind != "f":
            raise DTypeError(
                f"a derivative with respect to {describe(array.shape, array.dtype, getattr(leaf, 'name', None))}, "
                f"{user_place()}: only floating dtypes have one; write 1.0 instead of 1."
            )
        variable = leaf_of(array, requires_grad=True)
        # It is no leaf of the user's: a copy or a pickle of it would be cut off from this call.
        variable._noted().grad = NOT_KEPT
        return variable

    def is_recorded(self, outputs: list[Tensor]) -> bool:
        """Whether anything outside of the call can be differentiated, and the caller records."""
        return self.caller_records and any(_leads_outside(output, self.variables) for output in outputs)

    def gradients(self, outputs: list[Tensor], seeds: list[Any], recorded: bool | None = None) -> list[Any]:
        """The gradient for each variable, of the sum of outputs times seeds."""
        if recorded is None:
            recorded = self.is_recorded(outputs) or (
                self.caller_records and any(_needs_gradient(seed) for seed in seeds)
            )
        return _owned(_gradients(outputs, seeds, self.variables, recorded), recorded)

    def in_trees(self, gradients: list[Any]) -> Any:
        """The gradients in the trees of the arguments: a tuple of them, or the only one."""
        source = iter([self.handed_out(gradient) for gradient in gradients])
        trees = tuple(rebuild([next(source) for _ in range(count)]) for count, rebuild in self.trees)
        return trees[0] if self.is_single else trees

    def handed_out(self, value: Any) -> Any:
        """What the caller gets: arrays for arrays, Tensors for Tensors and wherever a gradient can flow on."""
        if not isinstance(value, Tensor):
            return make_tensor(value, None) if self.given_tensors and hasattr(value, "dtype") else value
        if self.caller_records and _leads_outside(value, self.variables):
            return value
        return value.detach() if self.given_tensors else value.numpy()


def _gradients(outputs: list[Any], seeds: list[Any], variables: list[Tensor], recorded: bool) -> list[Any]:
    """The gradient for each variable, of the sum of outputs times seeds: Tensors if recorded, else arrays."""
    totals: list[Any] = [None] * len(variables)
    places = {variable._noted(): place for place, variable in enumerate(variables)}
    before = state.recording
    state.recording = recorded
    try:
        for output, seed in zip(outputs, seeds, strict=True):
            root = output._node if isinstance(output, Tensor) else None
            nodes = between(root, list(places)) if root is not None and root.requires_grad else []
            if not nodes or root is None:
                continue
            if recorded and not isinstance(seed, Tensor):
                seed = make_tensor(seed, None)
            elif not recorded and isinstance(seed, Tensor):
                seed = seed.numpy()
            for node, upstream, _ in backward_steps(root, seed, nodes=nodes, lift=make_tensor if recorded else None):
                place = places.get(node)
                if place is not None:
                    totals[place] = upstream if totals[place] is None else totals[place] + upstream
    finally:
        state.recording = before
    return [
        np.zeros(variable.shape, variable.dtype) if total is None else total
        for variable, total in zip(variables, totals, strict=True)
    ]


def _leads_outside(output: Tensor, variables: list[Tensor]) -> bool:
    """Whether a gradient of the output can flow to something that is not one of the variables."""
    if output._node is None or not output._node.requires_grad:
        return False
    inside = set(between(output._node, [variable._node for variable in variables if variable._node is not None]))
    if output._node not in inside:
        return True
    return any(
        type(parent) is Node and parent.requires_grad and parent not in inside
        for node in inside
        for parent in node.inputs
    )


def _jacobian_rows(call: _Call, output: Tensor) -> list[Any]:
    rows: list[list[Any]] = []
    for element in range(output.size):
        seed = np.zeros(output.size, output.dtype)
        seed[element] = 1
        rows.append(call.gradients([output], [seed.reshape(output.shape)]))
    if not rows:
        return [np.zeros(output.shape + variable.shape, variable.dtype) for variable in call.variables]
    return [
        np.stack([row[place] for row in rows]).reshape(output.shape + variable.shape)
        for place, variable in enumerate(call.variables)
    ]


def _owned(gradients: list[Any], recorded: bool) -> list[Any]:
    if recorded:
        return gradients
    shared: set[int] = set()
    return [own_gradient(gradient, shared) for gradient in gradients]


def _needs_gradient(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


def _outputs(result: Any) -> tuple[list[Tensor], Rebuild]:
    leaves, rebuild = flatten(result)
    return [_floating(leaf) for leaf in leaves], rebuild


def _floating(result: Any) -> Tensor:
    output = result if isinstance(result, Tensor) else leaf_of(own_array(result, None), requires_grad=False)
    if output.dtype.kind != "f":
        raise DTypeError(
            f"the function returned {describe(output.shape, output.dtype, output.name)}, {user_place()}: "
            "only floating results can be differentiated."
        )
    return output


def _scalar(result: Any) -> Tensor:
    if isinstance(result, dict | list | tuple) or result is None:
        raise NonScalarError(
            f"the function returned a {type(result).__name__}, {user_place()}; a gradient is that of one number: "
            "return the loss alone, or (loss, the rest) with has_aux=True."
        )
    output = _floating(result)
    if output.size != 1:
        raise NonScalarError(
            f"the function returned {describe(output.shape, output.dtype, output.name)}, {user_place()}; a gradient is "
            "that of one number: reduce it, as with .sum(), or take tg.jacobian."
        )
    return output


def _fitting(values: list[Any], models: Sequence[Tensor], who: str, what: str) -> list[Any]:
    """The gradients or tangents given by the user, each in the shape and dtype of its model."""
    if len(values) != len(models):
        raise ShapeError(f"{who} was given {len(values)} arrays for {len(models)} {what}s, {user_place()}.")
    fitted = []
    for value, model in zip(values, models, strict=True):
        value = value if isinstance(value, Tensor) else own_array(value, None)
        if value.shape != model.shape:
            raise GradientShapeError(
                f"{who} was given an array of shape {value.shape}, {user_place()}, for "
                f"{describe(model.shape, model.dtype, model.name)}; it must have exactly the shape of the {what}."
            )
        fitted.append(value if value.dtype == model.dtype else value.astype(model.dtype))
    return fitted
