"""Gradients that prove nothing: where the right one is exactly 0, every multiple of it is the same 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import listed
from ..graph import Node
from .passage import Compared, Passage, described

ADVICE = (
    "Nothing was proved at this point. Other data, or other weights, random ones for example, may give gradients that "
    "are not 0; compare there."
)


def is_unproved(one: Compared) -> bool:
    """Whether a right gradient is exactly 0 everywhere, so that a wrong factor would not show."""
    return bool(one.manual.size and not one.manual.any() and not np.any(one.gradient))


def reasons(passage: Passage, compared: Sequence[Compared]) -> dict[str, str]:
    """For each of these gradients in words why it is 0, those of the same reason together."""
    groups: dict[str, list[str]] = {}
    for one in compared:
        groups.setdefault(why_zero(passage, one.node), []).append(one.name)
    texts = {}
    for reason, names in groups.items():
        several = len(names) > 1
        proves, its = ("prove", "their") if several else ("proves", "its")
        text = (
            f"{listed(names)} {proves} nothing here: {its} right gradient is exactly 0, and any factor times 0 is the "
            f"same{reason}."
        )
        texts.update(dict.fromkeys(names, text))
    return texts


def why_zero(passage: Passage, node: Node) -> str:
    """The end of a sentence that says that a gradient is 0: where it became so on its way to this node."""
    origins: dict[Node, Node] = {}
    seen, waiting = {node}, [node]
    while waiting:
        value = waiting.pop()
        uses = passage.uses.get(value, [])
        if any(np.any(contribution) for _, contribution in uses):
            return f"; the contributions to {described(value)} cancel"
        for user, _ in uses:
            if np.any(passage.gradient(user)):
                origins[user] = value
            elif user not in seen:
                seen.add(user)
                waiting.append(user)
    if not origins or len(origins) > 3:
        return ""
    return "; " + listed([_origin(passage, user, value) for user, value in origins.items()])


_DEAD = ("relu", "maximum", "minimum", "where", "clip", "hardtanh")
"""What is flat for a part of its inputs."""


def _origin(passage: Passage, user: Node, value: Node) -> str:
    """What an operation does to the gradient that arrives there, and which of the values that it reads is 0."""
    made = f"{user.operation} ({user.place}) makes 0 of the gradient that arrives there"
    if user.operation in _DEAD:
        return f"{made}, as every element of {described(value)} is where it is flat: no unit is active"
    for place, source in enumerate(user.inputs):
        array = passage.values.get(source) if type(source) is Node else source
        if user.saved is not None and array is None and place + 1 < len(user.saved):
            array = user.saved[place + 1]
        if isinstance(array, np.ndarray | np.generic | int | float) and np.size(array) and not np.any(array):
            what = described(source) if type(source) is Node else _constant(array)
            return f"{made}, as {what} is 0"
    return made


def _constant(array: Any) -> str:
    return f"its operand of shape {np.shape(array)}"
