"""tg.compile: a function that runs as the NumPy program of what it does.

step = tg.compile(f)
step(X, y)              captures f for arguments of these shapes and dtypes, and runs the program
step(X, y)              runs the program
print(step.source)      the program as a NumPy function
"""

from __future__ import annotations

import dataclasses
import functools
import threading
import types
import warnings
from collections.abc import Callable
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Any, overload

import numpy as np

from ..errors import CaptureWarning, DifferenceError
from ..frames import user_level, user_place
from ..graph import state
from ..tensor import Tensor
from ..tree import flatten
from .capture.refusals import MORE_ATTRIBUTES, NOT_CALLABLE, NOTHING_YET, refusal
from .capture.tracer import line_of
from .capture.watch import is_capturing
from .emit.code import Code
from .emit.readable import ReadableProgram
from .entry import MISSED
from .ir import Program
from .passes.cleaning import named
from .state.slots import NUMBERS, Slot
from .variant import Variant
from .verify import Schedule

MOST = 64
"""Kinds of arguments for which programs are kept."""

_EXACT = (int, bool, str, bytes, range, type(None), type(...))


class Compiled:
    """A function that is captured once for each kind of arguments, and then runs as NumPy code; see tg.compile."""

    def __init__(self, f: Callable[..., Any], verify: str | bool = "doubling", exact: bool = False) -> None:
        if not callable(f):
            raise refusal(NOT_CALLABLE, value=f)
        Schedule(verify)
        self.verify = verify
        self.exact = exact
        functools.update_wrapper(self, f)
        self.f = f
        self.variants: dict[Any, list[Variant]] = {}
        self.latest: Variant | None = None
        self.key: Any = None
        self.again = 0
        self.fixed: set[Any] = set()
        self.lock = threading.RLock()

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """What f returns, and what f changes."""
        if is_capturing():
            return self.f(*arguments, **keywords)
        latest = self.latest
        is_likely = latest is not None and latest.is_plain and latest.records is state.recording and not keywords
        if latest is not None and is_likely and len(arguments) == latest.count:
            result = latest(arguments)
            if result is not MISSED:
                return result
        leaves: list[Any] = []
        key = (state.recording, _kind((arguments, keywords), leaves))
        for variant in self.variants.get(key, ()):
            result = variant(leaves)
            if result is not MISSED:
                self.latest = variant
                return result
        with self.lock:
            self._notice(key)
            all_leaves, rebuild = flatten((arguments, keywords))
            moving = self._moving(self.variants.get(key, [])[:1])
            variant = Variant(self.f, all_leaves, rebuild, self.verify, self.exact, True, moving)
            self._keep(key, variant, moving)
        try:
            return variant(leaves)
        except DifferenceError:
            if variant.schedule.calls or not variant.captured.settings:
                raise
        with self.lock:  # What the function asks of a number that it is given, such as its type, nobody can watch.
            self.variants[key].remove(variant)
            given = [setting for setting, _ in variant.captured.settings]
            variant = Variant(self.f, all_leaves, rebuild, self.verify, self.exact, True, None)
            self._keep(key, variant, given)
        return variant(leaves)

    def _keep(self, key: Any, variant: Variant, moving: list[Slot]) -> None:
        """Keep a program, and which of the numbers that change it could not be given."""
        self.latest = variant
        self.fixed |= {setting.key for setting in moving} - {setting.key for setting, _ in variant.captured.settings}
        self.variants.setdefault(key, []).insert(0, variant)
        del self.variants[key][8:]
        if len(self.variants) > MOST:
            del self.variants[next(iter(self.variants))]

    def _moving(self, known: list[Variant]) -> list[Slot]:
        """The numbers in reach that have changed before, or now, but for those that a program can't be given."""
        moving = [setting for variant in known for setting, _ in variant.captured.settings]
        moving += [setting for variant in known if variant.state for setting in variant.state.moving()]
        return [setting for setting in moving if setting.key not in self.fixed and type(setting.value()) in NUMBERS]

    def _notice(self, key: Any) -> None:
        """Warn once of a function that is captured anew again and again for arrays of the same shapes."""
        before, known = self.latest, self.variants.get(key)
        path = known[0].state.changed() if known and known[0].state else None
        what = known[0].state.described(path) + " has changed" if known and known[0].state and path else None
        what, self.key = what or _changed(self.key, key), key
        self.again += before is not None and what is not None
        if self.again == 3 and what is not None:
            self.again += 1
            name = getattr(self.f, "__name__", self.f)
            warnings.warn(
                f"the compiled {name} was captured anew for the third time, {user_place()}, and a capture takes as "
                f"long as hundreds of calls: {what}. Give a number that changes as np.float64(x), all else that "
                "changes as arrays among the arguments, or make it a Tensor's data.",
                CaptureWarning,
                stacklevel=user_level(),
            )

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """As a method's, the first argument is the instance."""
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self) -> str:
        line = f", {line_of(self.f)}" if hasattr(self.f, "__code__") else ""
        count = sum(map(len, self.variants.values()))
        return f"<compiled {getattr(self.f, '__name__', self.f)}{line}: {count} program{'s' if count != 1 else ''}>"

    def __reduce__(self) -> Any:
        return (Compiled, (self.f, self.verify, self.exact))

    def _captured(self) -> Variant:
        if self.latest is None:
            raise refusal(NOTHING_YET)
        return self.latest

    @property
    def calls(self) -> list[int]:
        """How often each of the programs has run, in the order in which they were captured."""
        variants = sorted(chain(*self.variants.values()), key=attrgetter("number"))
        return [variant.schedule.calls for variant in variants]

    @property
    def program(self) -> ReadableProgram:
        """The program of the latest call, after all passes; `latex()` and `mathml()` say it in formulas."""
        return self._captured().program

    @property
    def captured(self) -> Program:
        """The program of the latest call as it was captured, before the passes."""
        return named(self._captured().captured.program)

    @property
    def source(self) -> Code:
        """The program of the latest call as a NumPy function to be read: a formula a line."""
        return Code(self._captured().source)

    @property
    def fast_source(self) -> Code:
        """The program of the latest call as the NumPy function that runs, with buffers."""
        return Code(self._captured().fast_source)

    @property
    def constants(self) -> list[Any]:
        """The arrays that the source is given after the inputs: constants too long to be written out in it."""
        return self._captured().shown.constants

    def save(self, path: str | Path) -> None:
        """Write the readable source to a file."""
        Path(path).write_text(self.source)


def _kind(value: Any, leaves: list[Any]) -> Any:
    """What a program depends on: the tree, shapes, dtypes and static values; the arrays are put into `leaves`."""
    if type(value) is np.ndarray:
        leaves.append(value)
        return (value.shape, value.dtype)
    if isinstance(value, Tensor):
        leaves.append(value)
        return ("tensor", value._data.shape, value._data.dtype, value.requires_grad, value.name)
    if isinstance(value, np.ndarray | np.generic):
        leaves.append(value)
        return (type(value), value.shape, value.dtype)
    if isinstance(value, list | tuple):
        return (type(value), *[_kind(part, leaves) for part in value])
    if isinstance(value, dict):
        return (type(value), *[(type(key), key, _kind(part, leaves)) for key, part in value.items()])
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [field.name for field in dataclasses.fields(value) if field.init]
        if vars(value).keys() - set(fields) if hasattr(value, "__dict__") else False:
            raise refusal(MORE_ATTRIBUTES, kind=type(value).__name__)
        return (type(value), *[_kind(getattr(value, name), leaves) for name in fields])
    if type(value) in (float, complex, slice):
        return (type(value), repr(value))
    # Equal things may differ in what is read of them; who is in a key is kept alive by the program.
    return (type(value), value) if type(value) in _EXACT else ("another", type(value), id(value))


def _changed(before: Any, now: Any) -> str | None:
    """The first static value in which two kinds of arguments differ, if they differ in no shape or dtype."""
    if before == now or type(before) is not tuple or type(now) is not tuple or len(before) != len(now):
        return None
    if before[0] is now[0] and before[0] in (*_EXACT, float, complex):
        was, value = before[1], now[1]
        return f"an argument of Python's {before[0].__name__} was {was}, and is {value}"
    if before[0] == now[0] == "another" and before[1] is now[1]:
        return f"an argument is another {before[1].__name__}"
    return next(filter(None, map(_changed, before, now)), None)


@overload
def compile(f: Callable[..., Any], *, verify: str | bool = ..., exact: bool = ...) -> Compiled: ...
@overload
def compile(*, verify: str | bool = ..., exact: bool = ...) -> Callable[[Callable[..., Any]], Compiled]: ...
def compile(f: Any = MISSED, *, verify: str | bool = "doubling", exact: bool = False) -> Any:
    """The same function as a NumPy program, derived once and then run without Tensors or a graph.

    The first call for each set of shapes, dtypes and static values (Python's numbers, strings) runs f on values that
    write down every function of NumPy, those of the gradient rules too. f takes and returns arrays, Tensors or trees of
    them; it may use `tg.value_and_grad` and its like, `loss.backward()`, and change Tensors that it closes over
    (`p.data -= lr * p.grad`), which then hold the new values after each call. Arrays of whole numbers among the
    arguments may be indices; masks may not, for they make shapes of values: choose with np.where.

    All else that f can reach is a constant of the program, and watched: variables that it closes over, globals,
    defaults, attributes and entries of containers, also those that its methods and helper functions read; arrays by
    their contents. Where anything differs at a later call, f runs anew for that state; when it changes back, the
    earlier program does. A Python float that has changed is given to the program from then on, the `lr` of an optimizer
    from the beginning; so is, in each call, what is drawn from a numpy.random.Generator in reach. What else changes in
    every call is better an argument or a Tensor, and so are arrays that take long to compare; among the arguments a
    number is given as np.float64(rate), for each Python number is another program. Not seen is what code of other
    packages reads by itself: files, the clock.

    What escapes that watch is caught by a net: beside the 2nd, 4th, 8th … call of each program (`verify`: "doubling";
    or "always", or False) f itself runs on the same arguments and Tensors, and a difference in what it returns or
    changes is a DifferenceError. Algebra may change last digits, the signs of zeros, and NaN and infinity in terms that
    cancel; `exact=True` leaves it out. `@tg.compile(verify=False)` decorates, too.

    Raises CaptureError, with the line, where f reads a value (float(t), a branch, print), does not do the same thing
    twice (the time, np.random), or in every call changes something but Tensors, or keeps a value outside: its program
    would not. What was changed by then is put back, but for np.random and random.

    >>> import numpy as np, tinygrad_np as tg
    >>> slope = tg.compile(tg.grad(lambda x: np.sum(np.tanh(x) ** 2)))
    >>> slope(np.array([0.5, -1.0])).round(4)
    array([ 0.7269, -0.6397])
    """
    if f is MISSED:
        return functools.partial(compile, verify=verify, exact=exact)
    return Compiled(f, verify, exact)
