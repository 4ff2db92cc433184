"""Record: run a primitive's forward rule on arrays, and make a node of the graph if a gradient can flow.

    y = record(tanh, (x,))

Operators, methods and NumPy's own functions all end here.
"""

from __future__ import annotations

import sys
from typing import Any, TypeVar

import numpy as np

from .errors import FORWARD_FAILURES, CaptureError, DTypeError, NoGradientError, described, listed
from .exposure import clock, expose
from .frames import passed_over, user_frame, user_place
from .graph import NOT_KEPT, Node, state
from .operands import FIXED, fixed, keep
from .primitive import Primitive

NO_PARAMETERS: dict[str, Any] = {}
_float64 = np.dtype(np.float64)
_ndarray = np.ndarray
_NUMPY = (np.ndarray, np.generic)
_NUMBERS = frozenset({float, int, bool, np.float64, np.float32, np.int64, np.bool})


class Recorded:
    """An array and the node of the graph that it came from (None for a constant): what a Tensor is to the graph."""

    __slots__ = ("__weakref__", "_data", "_node")

    _data: Any
    _node: Node | None

    def __computed_from__(self, primitive: Primitive) -> tuple[Any, dict[str, Any]] | None:
        """The Tensor that a value was computed from by this primitive, and its parameters; None if it was not.

        Of a primitive that works element by element the result may have been moved about, as by reshape: the same is
        then done to the Tensor that is found. None, too, if the graph was freed, or if the value keeps its gradient,
        which a way around it would not add to.
        """
        node: Any = self._node
        moves: list[tuple[Primitive, dict[str, Any]]] = []
        while type(node) is Node and node.plan is not None and node.grad is NOT_KEPT and node.saved is not None:
            if node.plan.primitive is primitive:
                found = make_tensor(node.saved[1], node.inputs[0])
                for move, parameters in reversed(moves):
                    found = move(found, **parameters)
                return found, node.parameters
            if not primitive.elementwise or node.operation not in MOVES:
                return None
            moves.append((node.plan.primitive, node.parameters))
            node = node.inputs[0]
        return None


Tensors = TypeVar("Tensors", bound=Recorded)

_Tensor: type[Any] = Recorded
_new: Any = object.__new__
_frame = sys._getframe


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
    are_plain = is_exposed = False
    for value in inputs:
        if isinstance(value, Recorded):
            node = value._node
            if node is None:
                nodes.append(value._data)
                arrays.append(value._data)
            else:
                if node.requires_grad:
                    mask += bit
                node.awaited = True
                nodes.append(node)
                exposure = node.exposure
                if exposure is None or exposure.array is None:
                    arrays.append(value._data)
                else:
                    arrays.append(exposure.read(value))
                    is_exposed = True
        else:
            kind = type(value)
            if kind is _ndarray:
                are_plain = True
            elif kind not in _NUMBERS:
                value = _operand(value)
                are_plain = True
            elif not primitive.elementwise:
                # A number goes as itself where it sets no dtype, as an array where rules may ask it for a shape.
                value = np.asarray(value)
            arrays.append(value)
            nodes.append(value)
        bit += bit
    value = None
    try:
        result = primitive.run(*arrays, **parameters) if parameters else primitive.run(*arrays)
    except (*FORWARD_FAILURES, CaptureError) as error:
        if type(error) is not CaptureError and any(isinstance(value, Recorded) for value in parameters.values()):
            raise _tensor_as_option(primitive, parameters) from None
        result = primitive.failed(error, tuple(arrays), parameters, inputs)
    is_numpys = isinstance(result, _NUMPY)
    if not is_numpys:
        if isinstance(result, Recorded):
            raise _tensor_as_option(primitive, parameters)
        if not hasattr(result, "dtype"):
            result = np.asarray(result)
            is_numpys = True
    tensor = _new(_Tensor)
    tensor._data = result
    dtype = result.dtype
    if dtype is not _float64 and dtype.kind != "f":
        if dtype.kind not in "biu":
            raise _no_number(primitive, inputs, dtype)
        mask = 0
    if not mask or primitive.data or not state.recording:
        tensor._node = None
        return tensor
    # `bit` is 2 to the number of inputs: the key tells both that and which of them need a gradient.
    plan = primitive.plans.get(bit + mask) or primitive.plan(mask, len(nodes))
    if is_numpys:
        # Until the backward pass, the user may change the arrays that it will read.
        if are_plain and plan.values:
            is_exposed |= keep(arrays, nodes, plan.values, inputs)
        for option in parameters.values() if parameters else ():
            if type(option) not in FIXED:
                parameters = {name: fixed(option) for name, option in parameters.items()}
                break
    frame = _frame(2)
    if passed_over[frame.f_code.co_filename]:
        frame = user_frame(2)
    # As by Node(), whose call would take a twentieth of a small operation.
    tensor._node = node = _new(Node)
    node.plan = plan
    node.inputs = tuple(nodes)
    if is_numpys:
        node.saved = plan.pick((None, result, *arrays, *nodes)) if plan.reads else plan.nothing
    else:
        # Arrays of other libraries are lazy: saving them costs nothing, and rules may ask how they are laid out.
        node.saved = (result, *arrays)
    node.parameters = parameters
    node.shape = shape = result.shape
    node.dtype = dtype
    node.number = next(clock)
    node.requires_grad = True
    node.grad = NOT_KEPT
    node.spent = node.name = node.exposure = None
    node.awaited = False
    node.value = None if shape else result
    node._code = frame.f_code
    node._instruction = frame.f_lasti
    if is_exposed:
        expose()
    return tensor


def _tensor_as_option(primitive: Primitive, parameters: dict[str, Any]) -> NoGradientError:
    tensors = [f"{name}=" for name, value in parameters.items() if isinstance(value, Recorded)]
    return NoGradientError(
        f"{primitive.name} was given a Tensor for {listed(tensors) or 'one of its options'}, {user_place()}, in which "
        "it has no gradient: give a number, such as t.item()."
    )


def _no_number(primitive: Primitive, inputs: tuple[Any, ...], dtype: Any) -> DTypeError:
    return DTypeError(
        f"{primitive.name} of {listed(list(map(described, inputs)))} gave {dtype}, {user_place()}: "
        "tensors are of floating, integer or boolean dtype."
    )


def make_tensor(data: Any, node: Node | None) -> Any:
    """A Tensor of this array and node, without copying."""
    tensor = _new(_Tensor)
    tensor._data = data
    tensor._node = node
    return tensor


MOVES = frozenset({"copy", "reshape", "squeeze", "expand_dims", "transpose", "swapaxes", "getitem"})
"""Primitives that only move elements about: what is done element by element can as well be done before or after."""


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
    data = data._data if isinstance(data, Recorded) else data
    if _is_masked(data):
        raise DTypeError(f"a Tensor has no mask; give data.filled() of the masked array, {user_place()}.")
    if hasattr(data, "__array_function__") and not isinstance(data, np.ndarray):
        array = data if dtype is None else data.astype(dtype)
    else:
        try:
            # What an object's __array__ gives may be its own memory, although a copy was asked for.
            array = np.array(np.asarray(data) if hasattr(data, "__array__") else data, dtype=dtype)
        except (ValueError, TypeError) as error:
            if isinstance(error, NoGradientError):
                raise
            reason = str(error).rstrip(".")
            raise DTypeError(f"a Tensor can't be made of a {type(data).__name__}, {user_place()}: {reason}.") from None
    if array.dtype.kind not in "fbiu":
        what = f"{array.dtype}{f', made of a {type(data).__name__}' if array.dtype.kind == 'O' else ''}"
        raise DTypeError(
            f"a Tensor can't hold {what}, {user_place()}: its elements are floating, integer or boolean numbers."
        )
    return array


def _is_masked(value: Any) -> bool:
    """Whether this is a masked array: if np.ma was imported, which takes as long as much of this package, by anyone."""
    return "numpy.ma" in sys.modules and isinstance(value, np.ma.MaskedArray)


def _operand(value: Any) -> Any:
    """What an operation runs on in place of a value that is neither a Tensor nor a plain array or number."""
    if isinstance(value, np.matrix) or _is_masked(value):
        raise DTypeError(f"a {type(value).__name__} met a Tensor, {user_place()}: its operators mean something else.")
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "__array_function__"):
        return value
    if hasattr(value, "toarray"):
        raise DTypeError(
            f"a sparse {type(value).__name__} met a Tensor, {user_place()}: Tensors are dense; give its .toarray()."
        )
    # A Series or a DataFrame of pandas gives its values.
    return own_array(value, None) if isinstance(value, list | tuple) or hasattr(value, "__array__") else value
