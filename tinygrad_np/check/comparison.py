"""Compare gradients that were written by hand with those of autograd, and say which one is wrong, where and why.

    report = tg.compare_gradients(loss, {"W1": dW1, "b1": db1, "Z1": dZ1})
    print(report)

The comparison drains the stream of the backward pass without releasing anything: no `.grad` is touched, nothing needs
`retain_grad()`, and `loss.backward()` can be called afterwards as if nothing had been.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import (
    DTypeError,
    NonScalarError,
    NotRecordedError,
    ShapeError,
    UnknownTensorError,
    describe,
    listed,
)
from ..frames import user_place
from ..graph import Node, ancestors
from ..tensor import Tensor
from .choosing import choice_for
from .diagnosis import diagnose
from .kinks import Choice
from .noise import rounding_noise
from .passage import Compared, Passage, described
from .report import AT_KINK, RIGHT, UNCHECKED, UNPROVED, WRONG, Report, Row
from .tolerance import ROUNDINGS
from .unproved import ADVICE, is_unproved, reasons
from .values import entries
from .variables import plain_name, variable_of

COLUMNS, ALIGNMENT = ("gradient of", "shape", "difference", "relative error", "at", "verdict"), "<<>><<"


def compare_gradients(
    loss: Tensor, manual: Mapping[str | Tensor, Any] | None = None, *, names: Mapping[str, Any] | None = None
) -> Report:
    """Compare hand-written gradients of `loss` with autograd's; the report is true if all are right.

    Args:
        loss: a scalar Tensor, before its graph is freed.
        manual: maps a tensor, leaf or interior, or its name, to the hand-written dL/d(tensor), an array of its shape.
        names: variables by name, as `locals()`: an array dW1, or W1_grad, or `grads["W1"]`, is taken for the gradient
            of the tensor that the variable W1 holds.

    An element is right if half of its digits agree, or if rounding explains the difference (see tolerance.py and
    noise.py); a gradient of another shape is wrong, even if it broadcasts to equal values. At kinks and ties what any
    slope between those of both sides gives is right (see kinks.py), whatever autograd chose. A gradient that is exactly
    0 proves nothing, and a report in which nothing was proved is false.

    Raises FreedGraphError after an earlier backward pass, UnknownTensorError for what is not in the graph of the loss,
    DTypeError for a gradient that is not an array of numbers, NonScalarError and NotRecordedError as `backward()` does.

    >>> import numpy as np, tinygrad_np as tg
    >>> W = tg.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name="W")
    >>> loss = np.mean(W**2)
    >>> bool(tg.compare_gradients(loss, {"W": W.numpy() / 2}))
    True
    >>> report = tg.compare_gradients(loss, {"W": W.numpy()})
    >>> report.wrong
    ['W']
    """
    root = _root(loss)
    given = [*(_given(root, manual) if manual is not None else []), *(_found(root, names) if names is not None else [])]
    if not given:
        what = "; no variable is named after one in the graph of the loss, as dW1 is after W1" if names else ""
        raise ShapeError(f"compare_gradients was given no gradient to compare, {user_place()}{what}.")
    manual = manual or {}
    passage = Passage(root, np.ones(loss.shape, loss.dtype))
    passage.values.update((key._node, key.numpy()) for key in manual if isinstance(key, Tensor) and key._node)
    compared = [Compared(name, node, array, passage.gradient(node)) for name, node, array in given]
    compared.sort(key=lambda one: passage.order(one.node))
    compared = _with_noise(passage, compared)
    rows = _rows(passage, compared)
    notes = [ADVICE] if all(row.verdict == UNPROVED for row in rows) else []
    return Report(f"Gradients of {root.name or 'the loss'} by hand, against autograd", rows, COLUMNS, ALIGNMENT, notes)


def _rows(passage: Passage, compared: list[Compared]) -> list[Row]:
    """What is said of each gradient: against autograd's, and if some differ, against those of other slopes at kinks."""
    at_kink: dict[str, str] = {}
    choice = choice_for(passage, compared) if any(one.is_wrong for one in compared) else None
    if choice is not None:
        other = Passage(passage.root, passage.seed, choice)
        other.values.update(passage.values)
        chosen = _with_noise(other, [replace(one, gradient=other.gradient(one.node), noise=0.0) for one in compared])
        at_kink = {
            theirs.name: _at_kink(other, theirs, choice)
            for ours, theirs in zip(compared, chosen, strict=True)
            if ours.is_wrong and not theirs.is_wrong
        }
        compared = [theirs if ours.is_wrong else ours for ours, theirs in zip(compared, chosen, strict=True)]
        passage = other if at_kink else passage
    unproved = reasons(passage, [one for one in compared if one.name not in at_kink and is_unproved(one)])
    rows = []
    for one, finding in zip(compared, diagnose(passage, compared), strict=True):
        if _is_beyond_autograd(one):
            rows.append(_row(one, UNCHECKED, _not_a_number(one)))
        elif one.is_wrong:
            rows.append(_row(one, WRONG, *finding))
        elif one.name in at_kink:
            rows.append(_row(one, AT_KINK, at_kink[one.name]))
        else:
            rows.append(_row(one, UNPROVED if one.name in unproved else RIGHT, unproved.get(one.name, "")))
    return rows


def _is_beyond_autograd(one: Compared) -> bool:
    """Whether a gradient differs only where autograd's own is not a number."""
    if one.judgement is None or not one.is_wrong:
        return False
    differing = one.judgement.wrong
    return bool((np.isnan(one.gradient) & np.isfinite(one.manual))[differing].all())


def _not_a_number(one: Compared) -> str:
    where = np.argwhere(np.isnan(one.gradient) & np.isfinite(one.manual))[0]
    at = f" at {tuple(int(i) for i in where)}" if len(where) else ""
    return (
        f"{one.name} can't be checked: autograd's own gradient is nan{at}, as numbers on the way overflowed or were "
        "divided by 0. Smaller inputs, or formulas that do not overflow, can be checked."
    )


def _at_kink(passage: Passage, one: Compared, choice: Choice) -> str:
    """Which slopes a gradient was computed with."""
    above, waiting = set(), [one.node]
    while waiting:
        for user, _ in passage.uses.get(waiting.pop(), []):
            if user not in above:
                above.add(user)
                waiting.append(user)
    told = choice.told({node: passage.gradient(node) for node in above})
    return f"At a kink every slope between those of both sides is right. This is the gradient with {told}."


def _root(loss: Any) -> Node:
    if not isinstance(loss, Tensor):
        raise DTypeError(
            f"compare_gradients of a {type(loss).__name__}, {user_place()}: the loss is to be the Tensor itself, not "
            "its value."
        )
    node = loss._node
    what = describe(loss.shape, loss.dtype, loss.name)
    if node is None or not node.requires_grad:
        raise NotRecordedError(
            f"compare_gradients of {what}, {user_place()}: nothing that requires a gradient leads to it; make the "
            "parameters with requires_grad=True, and compute outside of no_grad()."
        )
    if loss.size != 1:
        raise NonScalarError(
            f"compare_gradients of {what}, {user_place()}: only a scalar has a gradient by itself; reduce it, as with "
            ".sum() or .mean()."
        )
    return node


def _given(root: Node, manual: Any) -> list[tuple[str, Node, Any]]:
    """The name, the node and the array of each hand-written gradient."""
    if not isinstance(manual, Mapping):
        raise DTypeError(
            f"compare_gradients was given a {type(manual).__name__} of gradients, {user_place()}; it takes a dict that "
            'maps names or tensors to arrays, such as {"W1": dW1}.'
        )
    nodes = ancestors(root)
    named: dict[str, list[Node]] = {}
    for node in nodes:
        if node.name is not None:
            named.setdefault(node.name, []).append(node)
    reached = set(nodes)
    given: list[tuple[str, Node, Any]] = []
    for key, value in manual.items():
        node = _by_name(key, named) if isinstance(key, str) else _by_tensor(key, reached, named)
        if any(node is other for _, other, _ in given):
            raise UnknownTensorError(
                f"two gradients were given for {described(node)}, {user_place()}: by its name and by the tensor; give "
                "one."
            )
        name = key if isinstance(key, str) else described(node)
        given.append((name, node, _array(name, value)))
    return given


def _found(root: Node, names: Mapping[str, Any]) -> list[tuple[str, Node, Any]]:
    """The name, the node and the array of each variable that is named after one in the graph."""
    reached = set(ancestors(root)) - {root}
    tensors: dict[str, Node] = {}
    arrays: list[tuple[str, Any]] = []
    for name, value in entries(dict(names)):
        node = value._node if isinstance(value, Tensor) else None
        if node is not None and node in reached:
            tensors.setdefault(plain_name(name), node)
        elif isinstance(value, np.ndarray | np.number | float) and np.asarray(value).dtype.kind in "fiub":
            arrays.append((name, np.asarray(value)))
    found: dict[Node, tuple[str, Node, Any]] = {}
    for name, array in arrays:
        node = variable_of(name, tensors)
        if node is not None:
            found.setdefault(node, (node.name or next(key for key in tensors if tensors[key] is node), node, array))
    return list(found.values())


def _by_name(name: str, named: dict[str, list[Node]]) -> Node:
    found = named.get(name, [])
    if len(found) == 1:
        return found[0]
    if found:
        which = listed([f"{node.operation} ({node.place})" for node in found])
        raise UnknownTensorError(
            f"{len(found)} tensors in the graph of the loss are named {name!r}, {user_place()}: {which}; "
            "give the tensor itself in place of the name."
        )
    close = difflib.get_close_matches(name, named, n=1, cutoff=0.5) or [
        other for other in named if other.lower() == name.lower().removeprefix("d")
    ]
    raise UnknownTensorError(
        f"no tensor named {name!r} is in the graph of the loss, {user_place()}"
        f"{f'; did you mean {close[0]!r}?' if close else '.'} {_what_is_there(named)}"
    )


def _by_tensor(tensor: Any, reached: set[Node], named: dict[str, list[Node]]) -> Node:
    if not isinstance(tensor, Tensor):
        raise DTypeError(f"a gradient was given for {tensor!r:.40}, {user_place()}: the keys are names or Tensors.")
    node = tensor._node
    if node is None or node not in reached:
        why = (
            "the loss does not depend on it"
            if tensor.requires_grad
            else "it requires no gradient: make it with requires_grad=True"
        )
        raise UnknownTensorError(
            f"{describe(tensor.shape, tensor.dtype, tensor.name)} is not in the graph of the loss, {user_place()}: "
            f"{why}. {_what_is_there(named)}"
        )
    return node


def _what_is_there(named: dict[str, list[Node]]) -> str:
    if not named:
        return 'Nothing there has a name: give one, as in Tensor(…, name="W1") or (X @ W1).named("Z1"), or the tensor.'
    return f"A gradient flows to {listed(list(named))}."


def _array(name: str, value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.numpy()
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        why = str(error).rstrip(".")
        raise DTypeError(f"the gradient given for {name} is not an array of numbers, {user_place()}: {why}.") from None
    if array.dtype.kind not in "fiub":
        what = f"of type {type(value).__name__}" if array.dtype.kind == "O" else f"an array of {array.dtype}"
        raise DTypeError(f"the gradient given for {name} is {what}, {user_place()}; a gradient is an array of numbers.")
    return array


def _with_noise(passage: Passage, compared: list[Compared]) -> list[Compared]:
    """How noisy the gradients are is found out only if some differ by more than a few roundings."""
    if not any(one.is_wrong or one.is_beyond(ROUNDINGS * one.eps) for one in compared):
        return compared
    noise = rounding_noise(passage.root, passage.seed, {one.node for one in compared}, passage.revise)
    compared = [replace(one, noise=noise.get(one.node, 0.0)) for one in compared]
    # What is computed from a gradient that is wrong for being too large is noisier by as much.
    growth = max((one.growth for one in compared if one.is_wrong), default=1.0)
    return [one.noisier(growth) for one in compared] if growth > 1 else compared


def _row(one: Compared, verdict: str, diagnosis: str = "", follows_from: tuple[str, ...] = ()) -> Row:
    judgement = one.judgement
    if judgement is None:
        shown = f"{one.manual.shape}, not {one.node.shape}"
        return Row(one.name, one.node.shape, np.inf, np.inf, None, verdict, diagnosis, follows_from, shown=(shown,))
    return Row(
        one.name,
        one.node.shape,
        judgement.largest_difference,
        judgement.largest_relative,
        judgement.where,
        verdict,
        diagnosis,
        follows_from,
    )
