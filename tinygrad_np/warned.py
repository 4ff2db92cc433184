"""NumPy's warnings of a NaN or an infinity name the user's line, not that of a gradient rule.

    np.log(W)     train.py:12: RuntimeWarning: invalid value encountered in log

NumPy warns at the Python code that called it, a rule of this package or what it calls of NumPy's. Told of such a warning, `warnings` gives
it out again at the user's line, under the filters that hold there. An error state of our own for every operation would
say so too, and cost a third of a small operation. This is the one place that reaches into Python's own library.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

from .frames import NUMPY, is_ours, user_frame

_show: Any = getattr(warnings, "_showwarnmsg", None)


def _show_at_the_users_line(message: Any) -> None:
    """Show a warning that no filter held back."""
    if not (issubclass(message.category, RuntimeWarning) and _is_made_by_us(message.filename, sys._getframe(1))):
        return _show(message)
    # What is shown once for each line is so for each line of the user's: ours is to be asked again.
    sys._getframe(1).f_globals.get("__warningregistry__", {}).clear()
    frame = user_frame(1)
    line = frame.f_code.co_filename, frame.f_lineno, frame.f_globals.get("__name__", "__main__")
    if is_ours(line[0]):
        return _show(message)
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    return warnings.warn_explicit(message.message, message.category, *line, registry)


def _is_made_by_us(file: str, frame: Any) -> bool:
    """Whether a warning at a line of this file is of ours, or of a function of NumPy's that we called."""
    while file.startswith(NUMPY) and frame is not None and frame.f_code.co_filename.startswith(NUMPY):
        frame = frame.f_back
    return is_ours(file) or (file.startswith(NUMPY) and frame is not None and is_ours(frame.f_code.co_filename))


if _show is not None and _show.__name__ != _show_at_the_users_line.__name__:
    warnings._showwarnmsg = _show_at_the_users_line  # type: ignore[attr-defined]
