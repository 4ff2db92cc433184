"""Tensor: an array and the node of the graph that it came from.

    W = Tensor([[1.0, 2.0]], requires_grad=True, name="W")
    (np.tanh(W) ** 2).sum().backward()
    W.grad

Operators, methods and NumPy's own functions (dispatch.py) all end in `record` (record.py), which runs a
primitive's forward rule on the arrays and makes a node if a gradient can flow.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from .advice import instead_of_array, instead_of_copy
from .curvature import bend
from .dispatch import array_function, array_ufunc
from .engine import backward_steps
from .errors import (
    AssignmentError,
    DTypeError,
    GradientShapeError,
    NoGradientError,
    NonScalarError,
    ShapeError,
    describe,
    described,
)
from .exposure import ALONE, ALONE_IN_SETTER, Exposure
from .frames import user_place
from .graph import NOT_KEPT, Node, arrival, let_older_go, state
from .hints import refuse
from .instructions import is_computed_with
from .operands import SMALL, learn_temporaries
from .operators import Operators
from .ops.arrays import indexing
from .reading import note_number, note_read, where_it_was_lost
from .record import Recorded, leaf_of, make_tensor, own_array, own_gradient, record, results_are
from .updates import assert_may_require, no_gradient_yet, not_recorded, only_floating


@results_are
class Tensor(Recorded, Operators):
    """An array that remembers how it was computed.

    Args:
        data: an array, a number, nested lists; copied. Floating dtypes are kept, integers and booleans travel as data.
        requires_grad: whether `backward()` leaves the gradient with respect to this tensor in `.grad`.
        name: what drawings, reports and errors call it.
        dtype: converts the data.

    Raises DTypeError for `requires_grad` on integers, for complex numbers and for what is no number at all.

    >>> from tinygrad_np import Tensor
    >>> x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4.])
    """

    __slots__ = ()
    __primitive__ = staticmethod(record)
    __bend__ = bend

    def __init__(self, data: Any, *, requires_grad: bool = False, name: str | None = None, dtype: Any = None) -> None:
        if isinstance(data, Tensor):
            data._read_off("Tensor()")
        array = own_array(data, dtype)
        if requires_grad and array.dtype.kind != "f":
            raise only_floating(describe(array.shape, array.dtype, name))
        self._data = array
        self._node = leaf_of(array, requires_grad)._node
        self._noted().name = name

    # What it is.

    @property
    def data(self) -> Any:
        """The array; assign to it, `t.data = a` or `t.data -= a`, to change the value (of the same shape)."""
        if not isinstance(self._data, np.ndarray):
            if not isinstance(self._data, np.generic):
                return self._data[...]
            self._data = np.array(self._data)
        node = self._node or self._noted()
        if state.in_call and node.requires_grad:
            note_read(node, ".data", 2)
        if node.exposure is None:
            node.exposure = Exposure()
        in_use = (
            node.saved is not None
            or (node.awaited and sys.getrefcount(self._node) > ALONE + 1)
            or sys.getrefcount(self._data) > ALONE
            or self._data.base is not None
        )
        self._data = node.exposure.hand_out(self._data, in_use)
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        node = self._noted()
        was_handed_out = node.exposure is not None and value is node.exposure.array
        if not was_handed_out:
            array = own_array(value, None)
            if array.shape != self._data.shape:
                raise ShapeError(
                    f"{described(self)} was given data of shape {array.shape}, {user_place()}; new data must have "
                    "the tensor's shape: make a new Tensor for another."
                )
            if not np.can_cast(array.dtype, self._data.dtype, "same_kind"):
                raise DTypeError(
                    f"{described(self)} was given data of dtype {array.dtype}, {user_place()}, which it can't hold; "
                    "convert the data, or make a new Tensor."
                )
            value = array.astype(self._data.dtype, copy=False)
        if node.exposure is None:
            node.exposure = Exposure()
        self._data = value
        if not node.shape:
            node.value = value[()]
        # Who else holds the array that `t.data -= a` changed in place can change it again, unseen.
        still_out = value if was_handed_out and sys.getrefcount(value) > ALONE_IN_SETTER else None
        node.exposure.replaced(still_out)

    @property
    def grad(self) -> Any:
        """The gradient that backward passes have added up here: an array, or None."""
        grad = None if self._node is None else self._node.grad
        if grad is None or grad is NOT_KEPT:
            if is_computed_with(sys._getframe(1)):
                raise no_gradient_yet(self)
            return None
        return grad

    @grad.setter
    def grad(self, value: Any) -> None:
        node = self._noted()
        if value is not None:
            value = own_array(value, None).astype(self.dtype, copy=False)
            if value.shape != self.shape:
                raise GradientShapeError(
                    f"{described(self)} was given a gradient of shape {value.shape}, {user_place()}; "
                    "a gradient has its tensor's shape, and zero_grad() forgets it."
                )
        elif node.plan is not None and node.grad is NOT_KEPT:
            return
        node.grad, node.spent = value, None

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return self._data.shape

    @shape.setter
    def shape(self, shape: Any) -> NoReturn:
        raise AssignmentError(f"{described(self)} can't change its shape, {user_place()}; write t = t.reshape(shape).")

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._data.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._data.size

    @property
    def dtype(self) -> Any:
        """The dtype of the elements."""
        return self._data.dtype

    @property
    def name(self) -> str | None:
        """What drawings, reports and errors call it, or None."""
        return None if self._node is None else self._node.name

    @name.setter
    def name(self, name: str | None) -> None:
        self._noted().name = name

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient flows to this tensor; set it on a leaf, to freeze and to thaw a parameter."""
        return self._node is not None and self._node.requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value != self.requires_grad:
            assert_may_require(self, value)
            self._noted().requires_grad = bool(value)

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this tensor."""
        return self._node is None or self._node.plan is None

    def named(self, name: str) -> Tensor:
        """Give the tensor a name, and return it: `Z1 = (X @ W1 + b1).named("Z1")`."""
        self._noted().name = name
        return self

    # The values, outside of the graph.

    def numpy(self) -> Any:
        """A copy of the array."""
        self._read_off(".numpy()")
        return np.array(self._data) if isinstance(self._data, np.generic) else self._data.copy()

    def item(self, *index: Any) -> Any:
        """The value of a one-element tensor, or of the element at an index, as a Python number."""
        self._read_off(".item()")
        if not index:
            return self._number()
        where = index[0] if len(index) == 1 else index
        return (self[where] if isinstance(where, tuple) else self.reshape(-1)[where])._number()

    def _number(self) -> Any:
        if self._data.size != 1:
            raise ShapeError(f"{described(self)} is not one number, {user_place()}; only a one-element tensor is.")
        return self._data.item()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        self._read_off(".tolist()")
        return self._data.tolist()

    def detach(self) -> Tensor:
        """The same values as a constant: no gradient flows through it."""
        self._read_off(".detach()")
        return make_tensor(self._data.copy(), None)

    def _read_off(self, how: str) -> None:
        if self._node is not None and self._node.requires_grad:
            note_read(self._node, how, 3)

    def __float__(self) -> float:
        if self._node is not None and self._node.requires_grad:
            note_number(self._node, "float()")
        return float(self._number())

    def __int__(self) -> int:
        if self._node is not None and self._node.requires_grad:
            note_number(self._node, "int()")
        return int(self._number())

    def __index__(self) -> int:
        if self._data.dtype.kind not in "iu":
            raise DTypeError(f"{described(self)} is not an integer, and can't be an index, {user_place()}.")
        return int(self._number())

    def __bool__(self) -> bool:
        if self._data.size != 1:
            raise ShapeError(
                f"{described(self)} is neither true nor false, {user_place()}; "
                "use .any() or .all() of the comparison, or np.where instead of a branch."
            )
        return bool(self._data)

    def __len__(self) -> int:
        if self._data.ndim == 0:
            raise DTypeError(f"{described(self)} is a single number and has no length, {user_place()}.")
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[index] for index in range(len(self)))

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self._data == getattr(value, "_data", value)))

    def __repr__(self) -> str:
        values = np.array2string(np.asanyarray(self._data), separator=", ", prefix="Tensor(")
        dtype = "" if self._data.dtype in (np.float64, np.int64, np.bool) else f", dtype={self._data.dtype}"
        name = f", name={self.name!r}" if self.name else ""
        return f"Tensor({values}{dtype}{', requires_grad=True' if self.requires_grad else ''}{name})"

    def __reduce__(self) -> Any:
        if self.requires_grad and (not self.is_leaf or self._noted().grad is NOT_KEPT):
            raise NoGradientError(
                f"{described(self)} can't be copied or pickled, {user_place()}: what it was computed from would be "
                f"lost; {instead_of_copy()}"
            )
        return _restored, (self._data, self.requires_grad, self.name, self.grad)

    def __format__(self, spec: str) -> str:
        return format(self._number(), spec) if spec else str(self)

    # Gradients.

    def backward(self, gradient: Any = None, *, retain_graph: bool = False, **foreign: Any) -> None:
        """Add dL/dt to `t.grad` of every leaf t that this tensor L was computed from and that requires a gradient.

        Args:
            gradient: dL/d(this tensor), of exactly its shape; may be left out for a one-element tensor, where it is 1.
            retain_graph: keep what the rules saved, so that another backward pass can go through the same graph.
            foreign: refused, with what to write here in the place of what other libraries have.

        Raises NotRecordedError if nothing that requires a gradient leads here, NonScalarError if `gradient` is needed,
        GradientShapeError if its shape is another, FreedGraphError after an earlier backward pass, ChangedValueError if
        a value that the rules read was changed. After an error every `.grad` is as it was.
        """
        refuse("backward", foreign)
        node = self._recorded("backward()")
        seed = self._seed(gradient)
        gradients = []
        for reached, upstream, _ in backward_steps(node, seed, release=not retain_graph, targets=()):
            if reached.grad is not NOT_KEPT and reached.requires_grad:
                gradients.append((reached, upstream))
            # Otherwise they would be held while the next step runs.
            del upstream, _
        if not retain_graph:
            let_older_go(node)
        shared = {id(seed)}
        with arrival:
            for leaf, upstream in gradients:
                leaf.awaited = retain_graph
                leaf.grad = own_gradient(upstream, shared) if leaf.grad is None else leaf.grad + upstream
        if not state.in_call:
            state.forget()

    def _seed(self, gradient: Any) -> Any:
        """The gradient that a backward pass from here starts with."""
        if gradient is None:
            if self._data.size != 1:
                raise NonScalarError(
                    f"backward() of {described(self)}, {user_place()}: only a scalar has a gradient by itself; "
                    "reduce it, as with .sum() or .mean(), or give backward(gradient) the upstream gradient."
                )
            return np.ones(self._data.shape, self._data.dtype) if self._data.ndim else self._data.dtype.type(1)
        if isinstance(gradient, Tensor):
            gradient = gradient._data
        gradient = own_array(gradient, None)
        if gradient.shape != self._data.shape:
            raise GradientShapeError(
                f"backward() of {described(self)} was given a gradient of shape {gradient.shape}, {user_place()}; "
                "it must have exactly the tensor's shape."
            )
        return gradient.astype(self._data.dtype)

    def _recorded(self, what: str) -> Node:
        if self._node is None or not self._node.requires_grad:
            raise not_recorded(self, what, where_it_was_lost())
        return self._node

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None

    def retain_grad(self) -> Tensor:
        """Keep the gradient of this interior tensor too; returns the tensor."""
        node = self._recorded("retain_grad()")
        if node.grad is NOT_KEPT:
            node.grad = None
        return self

    # NumPy's protocols.

    __array_ufunc__ = array_ufunc
    __array_function__ = array_function

    # NumPy's stubs know no Tensors; of arrays of objects they say Any, so that X @ W does not pass for a plain array.
    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[np.object_]:
        if self.requires_grad:
            raise NoGradientError(
                f"{described(self)} would become a plain array, {user_place()}, and its gradient would be lost "
                f"silently; {instead_of_array()}"
            )
        return np.array(self._data, dtype=dtype)

    def __getitem__(self, index: Any) -> Tensor:
        return record(indexing.getitem, (self,), {"index": indexing.plain_index(index)})

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise AssignmentError(
            f"{described(self)} was assigned to at an index, {user_place()}, which would go unrecorded; "
            "use tg.index_update(t, index, value), or change a parameter's values with t.data[index] = value."
        )

    def _noted(self) -> Node:
        """The node, made now for a constant that had none: there are things to note about it."""
        if self._node is None:
            self._node = leaf_of(self._data, requires_grad=False)._node
        return self._node


def _restored(data: Any, requires_grad: bool, name: str | None, grad: Any = None) -> Tensor:
    tensor = Tensor(data, requires_grad=requires_grad, name=name)
    tensor.grad = grad
    return tensor


learn_temporaries(Tensor(np.ones(SMALL // 8 + 1), requires_grad=True))
