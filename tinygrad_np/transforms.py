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

from .call import Call, assert_function, fitting, floating_outputs, gradients_of, owned, scalar, together
from .graph import enable_grad, state
from .record import leaf_of
from .tensor import Tensor
from .tree import map_tree

Function = Callable[..., Any]


def grad(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The gradient of a scalar function with respect to one argument, or a tuple of gradients for several.

    The arguments are arrays, Tensors, Python floats or trees of them (dict, list, tuple, dataclass); a gradient has the
    shape, the dtype and the tree of its argument; what the result does not depend on has a gradient of zeros. Text,
    integers, truths and functions in a tree are left alone: they stand in the tree of gradients as they are.
    Raises NonScalarError if f returns more than one element, DTypeError if its result or an array of the argument is
    not floating. Warns (LostGradientWarning) of a gradient that is 0 because a value was read off on the way.

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
        call = Call(f, arguments, keywords, argnums)
        result, aux = call.result if has_aux else (call.result, None)
        output = scalar(result)
        if state.observer is not None:
            state.observer.returned(f, output)
        call.warn_of_lost([output])
        gradient = call.in_trees(call.gradients([output], [np.ones(output.shape, output.dtype)]))
        value = call.handed_out(output)
        call.close()
        return ((value, map_tree(call.handed_out, aux)) if has_aux else value), gradient

    return value_and_gradient


def elementwise_grad(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The slope of a function that works element by element, at each element: the gradient of the sum of its results.

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.elementwise_grad(np.sin)(np.array([0.0, np.pi])).round(6)
    array([ 1., -1.])
    """
    assert_function(f)
    return grad(lambda *arguments, **keywords: np.sum(f(*arguments, **keywords)), argnums)


def vjp(f: Function, *inputs: Any) -> tuple[Any, Function]:
    """The result of f, and its pullback: `pullback(g)` is a tuple of g J, a gradient for each input.

    g has the tree and exactly the shapes of the result. The pullback can be called any number of times.

    >>> import numpy as np, tinygrad_np as tg
    >>> y, pullback = tg.vjp(np.sin, np.array([0.0, 1.0]))
    >>> pullback(np.array([1.0, 0.0]))
    (array([1., 0.]),)
    """
    call = Call(f, inputs, {}, range(len(inputs)))
    outputs, rebuild = floating_outputs(call.result)
    paths = call.paths(outputs)
    call.warn_of_lost(outputs)
    call.close()

    def pullback(g: Any) -> Any:
        seeds = fitting(g, outputs, "the pullback", "result")
        return call.in_trees(call.gradients(outputs, seeds, paths=paths))

    return rebuild([call.handed_out(output) for output in outputs]), pullback


def jvp(f: Function, inputs: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The result of f, and its directional derivative J v along the tangents v, which have the shapes of the inputs.

    By two vjps: g -> g J is linear in g, and the vjp of that, given v, is J v.

    >>> import numpy as np, tinygrad_np as tg
    >>> y, dy = tg.jvp(np.square, (np.array([1.0, 2.0]),), (np.array([1.0, 10.0]),))
    >>> dy
    array([ 2., 40.])
    """
    call = Call(f, together(inputs, "inputs"), {}, range(len(inputs)))
    outputs, rebuild = floating_outputs(call.result)
    call.warn_of_lost(outputs)
    directions = fitting(together(tangents, "tangents"), call.variables, "jvp", "input")
    with enable_grad():
        seeds = [leaf_of(np.zeros(output.shape, output.dtype), requires_grad=True) for output in outputs]
        pulled = call.gradients(outputs, seeds, recorded=True)
    recorded = call.is_recorded([*outputs, *directions])
    along = owned(gradients_of(pulled, directions, seeds, recorded), recorded)
    call.close(seeds)
    return rebuild([call.handed_out(output) for output in outputs]), rebuild(
        [call.handed_out(tangent) for tangent in along]
    )


def hvp(f: Function, inputs: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, ...]:
    """The Hessian of a scalar function times a vector: H v for each input, at the price of a few gradients.

    The gradient of (grad f) . v, with v held constant.

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    (array([ 6., 12.]),)
    """
    call = Call(f, together(inputs, "inputs"), {}, range(len(inputs)))
    output = scalar(call.result)
    call.warn_of_lost([output])
    directions = fitting(together(tangents, "tangents"), call.variables, "hvp", "input")
    with enable_grad():
        gradients = call.gradients([output], [np.ones(output.shape, output.dtype)], recorded=True)
    recorded = call.is_recorded([output, *directions])
    products = gradients_of(gradients, directions, call.variables, recorded)
    call.close()
    return tuple(call.in_trees(owned(products, recorded)))


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
        call = Call(f, arguments, keywords, argnums)
        outputs, rebuild = floating_outputs(call.result)
        call.warn_of_lost(outputs)
        rows = [_jacobian_rows(call, output) for output in outputs]
        call.close()
        return rebuild([call.in_trees(blocks) for blocks in rows])

    return derivative


def hessian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The matrix of second derivatives of a scalar function: the jacobian of its gradient.

    >>> import numpy as np, tinygrad_np as tg
    >>> tg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    return jacobian(grad(f, argnums), argnums)


def _jacobian_rows(call: Call, output: Tensor) -> list[Any]:
    rows: list[list[Any]] = []
    recorded, paths = call.is_recorded([output]), call.paths([output])
    for element in range(output.size):
        seed = np.zeros(output.size, output.dtype)
        seed[element] = 1
        rows.append(call.gradients([output], [seed.reshape(output.shape)], recorded, paths))
    if not rows:
        return [np.zeros(output.shape + variable.shape, variable.dtype) for variable in call.variables]
    return [
        np.stack([row[index] for row in rows]).reshape(output.shape + variable.shape)
        for index, variable in enumerate(call.variables)
    ]
