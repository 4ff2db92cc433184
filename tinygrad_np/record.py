"""Record: run a primitive's forward rule on arrays, and make a node of the graph if a gradient can flow.

    y = record(tanh, (x,))

Operators, methods and NumPy's own functions all end here.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from .errors import FORWARD_FAILURES, CaptureError, DTypeError, NoGradientError, described, forward_failure, listed
from .frames import user_frame, user_place
from .graph import NOT_KEPT, Node, clock, state
from .primitive import Primitive

NO_PARAMETERS: dict[str, Any] = {}
_float64 = np.dtype(np.float64)
_NUMPY = (np.ndarray, np.generic)
_PLAIN = frozenset({np.ndarray, float, int, bool, np.float64, np.float32, np.int64, np.bool})


class Recorded:
    """An array and the node of the graph that it came from (None for a constant): what a Tensor is to the graph."""

    __slots__ = ("__weakref__", "_data", "_node")

    _data: Any
    _node: Node | None


Tensors = TypeVar("Tensors", bound=Recorded)

_Tensor: type[Any] = Recorded
_new = object.__new__


def results_are(tensors: type[Tensors]) -> type[Tensors]:
    """Say, as a decorator of the class Tensor, which class the results of operations are of."""
    global _Tensor
    _Tensor = tensors
    return tensors


def record(primitive: Primitive, inputs: tuple[Any, ...], parameters: dict[str, Any] = NO_PARAMETERS) -> Any:
    """Run a primitive's forward rule on the arrays of its inputs, and record it if a gradient can flow.

    Raises a TinygradError that names the operation, its inputs and the line, if NumPy refuses the forward pass.
    """
    arrays = []
    nodes: list[Any] = []
    mask, bit = 0, 1
    for value in inputs:
        if isinstance(value, Recorded):
            data = value._data
            node = value._node
            if node is None:
                nodes.append(data)
            else:
                if node.requires_grad:
                    mask += bit
                node.awaited = True
                if node.exposure is not None and node.exposure.array is not None:
                    data = node.exposure.read(next(clock))
                nodes.append(node)
            arrays.append(data)
        else:
            if type(value) not in _PLAIN:
                value = _operand(value)
            elif not primitive.elementwise:
                # A number goes as itself where it sets no dtype, as an array where rules may ask it for a shape.
                value = np.asarray(value)
            arrays.append(value)
            nodes.append(value)
        bit += bit
    try:
        result = primitive.forward(*arrays, **parameters) if parameters else primitive.forward(*arrays)
    except (*FORWARD_FAILURES, CaptureError) as error:
        # NumPy may have wrapped what a traced value refused.
        refused = error if isinstance(error, CaptureError) else error.__cause__
        if not isinstance(refused, CaptureError):
            if any(isinstance(value, Recorded) for value in parameters.values()):
                raise _tensor_as_option(primitive, parameters) from None
            raise forward_failure(error, primitive.name, _descriptions(inputs), user_place()) from None
        result = refused.apply_whole(primitive.forward, tuple(arrays), parameters)
    if isinstance(result, Recorded):
        raise _tensor_as_option(primitive, parameters)
    try:
        dtype = result.dtype
    except AttributeError:
        result = np.asarray(result)
        dtype = result.dtype
    tensor = _new(_Tensor)
    tensor._data = result
    tensor._node = None
    if dtype is not _float64 and dtype.kind != "f":
        if dtype.kind not in "biu":
            raise _no_number(primitive, inputs, dtype)
    elif mask and primitive.differentiable and state.recording:
        # `bit` is 2 to the number of inputs: the key tells both that and which of them need a gradient.
        plan = primitive.plans.get(bit + mask) or primitive.plan(mask, len(nodes))
        if plan is None:
            raise _no_rule(primitive, inputs)
        tensor._node = node = Node(plan, tuple(nodes), parameters, result.shape, dtype, user_frame(2), True, NOT_KEPT)
        if not node.shape:
            node.value = result
        if type(result) in _PLAIN or isinstance(result, _NUMPY):
            node.saved = plan.pick((None, result, *arrays, *nodes)) if plan.reads else plan.nothing
        else:
            # Arrays of other libraries are lazy: saving them costs nothing, and rules may ask how they are laid out.
            node.saved = (result, *arrays)
    return tensor


def _tensor_as_option(primitive: Primitive, parameters: dict[str, Any]) -> NoGradientError:
    tensors = [f"{name}=" for name, value in parameters.items() if isinstance(value, Recorded)]
    return NoGradientError(
        f"{primitive.name} was given a Tensor for {listed(tensors) or 'one of its options'}, {user_place()}, in which "
        "it has no gradient: give a number, such as t.item()."
    )


def _no_number(primitive: Primitive, inputs: tuple[Any, ...], dtype: Any) -> DTypeError:
    return DTypeError(
        f"{primitive.name} of {listed(_descriptions(inputs))} gave {dtype}, {user_place()}: "
        "tensors are of floating, integer or boolean dtype."
    )


def _no_rule(primitive: Primitive, inputs: tuple[Any, ...]) -> NoGradientError:
    return NoGradientError(
        f"{primitive.name} of {listed(_descriptions(inputs))}, {user_place()}, has no gradient with respect to one of "
        "them that requires one; detach() it, or give the primitive a rule."
    )


def make_tensor(data: Any, node: Node | None) -> Any:
    """A Tensor of this array and node, without copying."""
    tensor = _new(_Tensor)
    tensor._data = data
    tensor._node = node
    return tensor


def leaf_of(array: Any, requires_grad: bool) -> Any:
    """A leaf of this array, without copying."""
    node = Node(None, (), NO_PARAMETERS, array.shape, array.dtype, user_frame(), requires_grad, None)
    if not node.shape:
        node.value = array[()]
    return make_tensor(array, node)


def own_gradient(gradient: Any, shared: set[int]) -> Any:
    """The gradient as an array that no other gradient, view or user shares: a copy only where that is needed."""
    if isinstance(gradient, np.generic):
        return np.array(gradient)
    is_shared = id(gradient) in shared or getattr(gradient, "base", None) is not None
    shared.add(id(gradient))
    return gradient.copy() if is_shared else gradient


def own_array(data: Any, dtype: Any) -> Any:
    """A copy of the data as an array of numbers that tensors can hold."""
    if isinstance(data, Recorded):
        data = data._data
    if isinstance(data, np.ma.MaskedArray):
        raise DTypeError(f"a Tensor has no mask; give data.filled() of the masked array, {user_place()}.")
    if hasattr(data, "__array_function__") and not isinstance(data, np.ndarray):
        array = data if dtype is None else data.astype(dtype)
    else:
        try:
            array = np.array(data, dtype=dtype)
        except (ValueError, TypeError) as error:
            if isinstance(error, NoGradientError):
                raise
            raise DTypeError(f"a Tensor can't be made of {type(data).__name__}, {user_place()}: {error}.") from None
    if array.dtype.kind not in "fbiu":
        raise DTypeError(
            f"a Tensor can't hold {array.dtype}, {user_place()}: its elements are floating, integer or boolean numbers."
        )
    return array


def _operand(value: Any) -> Any:
    """What an operation runs on in place of a value that is neither a Tensor nor a plain array or number."""
    if isinstance(value, np.matrix | np.ma.MaskedArray):
        raise DTypeError(f"a {type(value).__name__} met a Tensor, {user_place()}: its operators mean something else.")
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "__array_function__"):
        return value
    if hasattr(value, "toarray"):
        raise DTypeError(
            f"a sparse {type(value).__name__} met a Tensor, {user_place()}: Tensors are dense; give its .toarray()."
        )
    # A Series or a DataFrame of pandas gives its values.
    return own_array(value, None) if isinstance(value, list | tuple) or hasattr(value, "__array__") else value


def _descriptions(inputs: tuple[Any, ...]) -> list[str]:
    return [described(value) for value in inputs]
