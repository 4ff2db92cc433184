"""NumPy's warnings of a NaN or an infinity name the user's line, not that of a gradient rule.

    np.log(W)     train.py:12: RuntimeWarning: invalid value encountered in log

NumPy warns at the Python code that called it: a rule of this package, or NumPy's own that the rule calls. Told of such
a warning, `warnings` gives it out again at the user's line, under the filters that hold there. An error state of our
own for every operation would cost a third of a small one. This is the one place that reaches into Python's library.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

from .frames import NUMPY, is_ours, user_frame

_show: Any = getattr(warnings, "_showwarnmsg", None)


def _show_at_the_users_line(message: Any) -> None:
    """Show a warning that no filter held back."""
    frame: Any = sys._getframe(1)
    file = message.filename
    while file.startswith(NUMPY) and frame.f_back is not None:
        frame, file = frame.f_back, frame.f_back.f_code.co_filename
    if not (issubclass(message.category, RuntimeWarning) and is_ours(file)):
        return _show(message)
    # What is shown once for each line is so for each line of the user's: ours is to be asked again.
    sys._getframe(1).f_globals.get("__warningregistry__", {}).clear()
    user = user_frame(1)
    line = user.f_code.co_filename, user.f_lineno, user.f_globals.get("__name__", "__main__")
    if is_ours(line[0]):
        return _show(message)
    registry = user.f_globals.setdefault("__warningregistry__", {})
    return warnings.warn_explicit(message.message, message.category, *line, registry)


if _show is not None and _show.__name__ != _show_at_the_users_line.__name__:
    warnings._showwarnmsg = _show_at_the_users_line  # type: ignore[attr-defined]
