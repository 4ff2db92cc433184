"""Numbers in sentences: few digits, but enough of them that what differs looks different."""

from __future__ import annotations

from typing import Any


def short(value: Any) -> str:
    """A number in six digits.

    >>> short(0.1 + 0.2), short(-0.0)
    ('0.3', '0')
    """
    return f"{float(value) + 0.0:.6g}"


def apart(value: Any, other: Any) -> tuple[str, str]:
    """Two numbers in six digits, or in as many as it takes to tell them apart.

    >>> apart(1.0, 2.0), apart(1.0, 1.0000000001)
    (('1', '2'), ('1', '1.0000000001'))
    """
    value, other = float(value) + 0.0, float(other) + 0.0
    for digits in range(6, 18):
        shown = f"{value:.{digits}g}", f"{other:.{digits}g}"
        if shown[0] != shown[1]:
            break
    return shown
