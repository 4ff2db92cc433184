"""Assumptions: what rules do about rare values is left out of a program, which checks that none of them occur.

Ties of a maximum, infinities under a logsumexp, elements that `where` left out: where they do not occur, a rule comes
to something simpler. The program is made for that, and another one, for all values, runs where the check fails.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from ...ops.elementwise.selection import where

_CHOICES = {where.forward.__code__}


class AssumptionError(Exception):
    """Values for which the program was not made: that of another capture has to run."""


def assume(condition: Any) -> None:
    """Raise AssumptionError unless the condition holds everywhere."""
    if not condition.all():
        raise AssumptionError


def is_users_choice() -> bool:
    """Whether np.where runs as the primitive of that name, which a user asked for."""
    frame: FrameType | None = sys._getframe(3)
    return frame is not None and frame.f_code in _CHOICES
