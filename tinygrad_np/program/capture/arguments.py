"""What a function is given and hands back: trees that its program takes apart, and puts together anew.

before = contents(arguments)
changed(before)              the dict, list or dataclass among them that is not as it was
is_plain(result, again)      whether a leaf of a result is a value that each call may return
"""

from __future__ import annotations

import dataclasses
import operator
from typing import Any

import numpy as np


def contents(tree: Any) -> list[tuple[Any, list[Any]]]:
    """All containers of a tree that may change, each with what is in it now."""
    found, waiting = [], [tree]
    for container in waiting:
        entries = _entries(container)
        waiting += entries or []
        if entries is not None and not isinstance(container, tuple):
            found.append((container, entries))
    return found


def changed(before: list[tuple[Any, list[Any]]]) -> Any:
    """The first container that has other entries by now, or None."""
    for container, entries in before:
        now = _entries(container) or []
        if len(now) != len(entries) or any(map(operator.is_not, now, entries)):
            return container
    return None


def _entries(container: Any) -> list[Any] | None:
    if isinstance(container, dict):
        return [*container, *container.values()]
    if isinstance(container, list | tuple):
        return list(container)
    if dataclasses.is_dataclass(container) and not isinstance(container, type):
        fields = [field.name for field in dataclasses.fields(container)]
        kept = getattr(container, "__dict__", {})
        return [*kept, *kept.values(), *[getattr(container, name, None) for name in fields]]
    return None


def is_plain(result: Any, again: Any) -> bool:
    """Whether a static leaf of a result may be returned by every call: a value, or what was there before.

    `again` is what a second run returned in its place. An object that each run makes anew may be changed by whoever
    gets it, and may hold values of its run.
    """
    if result is again or isinstance(result, int | float | complex | str | bytes | np.generic):
        return True
    try:
        return hash(result) == hash(again) and bool(result == again)
    except Exception:  # A set can't be hashed, an object of a library may not be comparable.
        return False
