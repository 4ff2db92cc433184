"""Updates of parameters: `W -= 0.1 * W.grad`, and what is said where one would do nothing.

with tg.no_grad():
    W -= 0.1 * W.grad      changes W itself, as W.data -= ... does
loss += penalty            while operations are recorded: a new Tensor
W -= 0.1 * W.grad          while operations are recorded: AssignmentError, for W itself would stay as it is
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import (
    FORWARD_FAILURES,
    AssignmentError,
    DTypeError,
    NoGradientError,
    NotRecordedError,
    described,
)
from .frames import user_place
from .graph import NOT_KEPT, state
from .record import Recorded
from .sentences import failure


def updated(tensor: Any, sign: str, operate: Callable[[Any, Any], Any], other: Any) -> Any:
    """`tensor -= other` and its like, of which `operate` is the operator on arrays.

    The tensor itself where nothing is recorded, in the dtype that it has; NotImplemented where a new one is to be made.
    Raises AssignmentError for a leaf that requires a gradient while operations are recorded, ShapeError where the
    result would be larger than the tensor, DTypeError where its dtype can't hold it.
    """
    if state.recording:
        node = tensor._node
        if node is not None and node.requires_grad and node.plan is None and node.grad is not NOT_KEPT:
            name = tensor.name or "t"
            raise AssignmentError(
                f"{described(tensor)} is a leaf that requires a gradient, {user_place()}: {name} {sign} ... would "
                "make a new tensor and leave the parameter as it was. To change its values write "
                f"`with tg.no_grad(): {name} {sign} ...` or `{name}.data {sign} ...`; for a new tensor write "
                f"y = {name} {sign[:-1]} ..."
            )
        return NotImplemented
    value = other._data if isinstance(other, Recorded) else other
    try:
        tensor.data = operate(tensor.data, value)
    except FORWARD_FAILURES as error:
        raise failure(error, f"the update {sign}", (tensor, other)) from None
    return tensor


def assert_may_require(tensor: Any, value: bool) -> None:
    """Raise an error where a tensor can't be frozen, or thawed, by setting `requires_grad` to this value."""
    if not tensor.is_leaf:
        raise NotRecordedError(
            f"{described(tensor)} can't be frozen, {user_place()}: it is not a leaf, it was computed from tensors "
            "that require a gradient; freeze those, or go on with t.detach()."
        )
    if value and tensor.dtype.kind != "f":
        raise only_floating(described(tensor))


def only_floating(described: str) -> DTypeError:
    """The error of asking a gradient of integers."""
    return DTypeError(
        f"{described} can't require a gradient, {user_place()}: only floating dtypes have one; write its values as 1.0 "
        "instead of 1, or give dtype=float."
    )


def not_recorded(tensor: Any, what: str, lost: str) -> NotRecordedError:
    """The error of differentiating a constant; `lost` may tell where a value was read off."""
    return NotRecordedError(
        f"{what} of {described(tensor)}, {user_place()}: nothing that requires a gradient leads to it; make the "
        "parameters with requires_grad=True, and compute outside of no_grad(); `W = W - ...` inside no_grad() makes a "
        f"constant of W, `W -= ...` does not.{lost}"
    )


def no_gradient_yet(tensor: Any) -> NoGradientError:
    """The error of computing with a `.grad` that is None, which says why it is."""
    name = tensor.name or "t"
    if not tensor.is_leaf:
        why = (
            f"it is not a leaf (any more): {tensor._node.operation}, {tensor._node.place}, computed it, and only "
            f"leaves keep their gradient. If it is meant to be a parameter, `{name} = {name} - ...` has put another "
            f"tensor in its place: write `with tg.no_grad(): {name} -= ...` or `{name}.data -= ...`; of anything else, "
            "retain_grad() before backward() keeps the gradient"
        )
    elif not tensor.requires_grad:
        why = (
            "it does not require a gradient: make it with requires_grad=True. If it is meant to be a parameter, "
            f"`{name} = {name} - ...` inside no_grad() has put a constant in its place: write `{name} -= ...` there"
        )
    else:
        why = "no backward() has reached it since it was made, or since zero_grad()"
    return NoGradientError(f".grad of {described(tensor)} is None, {user_place()}: {why}.")
