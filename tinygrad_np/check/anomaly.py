"""Find the first NaN or infinity, forward or backward: which operation made it, at which line, of what, and why.

    with tg.detect_anomaly():
        loss = network(X)
        loss.backward()

While it is on, every result and every gradient is looked at. One that is not finite is followed on: where it vanishes
again, as what `np.where` does not select or what `1 / (1 + np.exp(1000))` makes of infinity, nothing is said; where it
takes part in a gradient, or is left over at the end, the error tells of the operation that it began with.

Nothing is asked while it is off: what is watched is what Tensors call, and it is put in its place by `__enter__`.
"""

from __future__ import annotations

import functools
import math
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import ContextDecorator, contextmanager
from typing import Any

import numpy as np

from .. import call, dispatch, engine, methods, operators, tensor
from ..errors import AnomalyError, CaptureError, DTypeError
from ..frames import user_place
from ..graph import Node, state
from ..program.capture.watch import is_capturing
from ..program.compiled import Compiled
from ..record import NO_PARAMETERS, Recorded, record
from ..tensor import Tensor
from .nonfinite import Anomaly, Made, backward_anomaly

MOST = 20
"""So many single numbers that are not finite are remembered at once; arrays are, as long as they exist."""

MOST_TOLD = 3
"""So many things are told that came of the first one."""

_ASKING = ("isnan", "isfinite", "isinf")

_record, _pull, _call, _computed_from = record, engine.pull, Compiled.__call__, Recorded.__computed_from__


class detect_anomaly(ContextDecorator):
    """Raise AnomalyError for a NaN or an infinity that counts: as a `with` block or as a decorator.

    The error names the operation with which it began, the line, the operands with their ranges, why, and what to write
    instead; `error.anomaly` has the same as data. It is raised when a backward pass meets what is not finite, also in
    `tg.grad` and its like, or at the end of the block, if a result that nothing was computed from is not finite.
    What vanishes again, as in `np.where(x > 0, np.log(x), 0)`, is not an anomaly, unless `hidden` asks for it: then the
    error is raised at once by the operation that makes it. Compiled functions run as themselves, uncompiled. What plain
    NumPy computes of plain arrays is not watched, and its result is looked at when an operation on Tensors takes it.

    Args:
        hidden: whether infinities and NaN that vanish again count too.

    Raises CaptureError inside of a function that is being compiled.

    >>> import numpy as np, tinygrad_np as tg
    >>> p = tg.Tensor([0.5, 0.0], requires_grad=True, name="p")
    >>> with tg.detect_anomaly():
    ...     loss = -np.sum(np.log(p))
    ...     loss.backward()
    Traceback (most recent call last):
        ...
    tinygrad_np.errors.AnomalyError: the first infinity: np.log(p) is -inf at (1,), ...
    """

    def __init__(self, *function: Any, hidden: bool = False) -> None:
        if function:
            raise DTypeError(
                f"detect_anomaly takes nothing by position, {user_place()}: write `@tg.detect_anomaly()` above a "
                "function, with parentheses, or `with tg.detect_anomaly():`."
            )
        self.hidden = hidden
        self._before: list[tuple[_Watch | None, Any]] = []

    def __enter__(self) -> None:
        if is_capturing():
            raise CaptureError(
                f"detect_anomaly inside of a compiled function, {user_place()}: a program that is captured has no "
                "values to watch. Put it around the call: there the function runs uncompiled."
            )
        self._before.append((_here.watch, state.observer))
        _here.watch = state.observer = _Watch(self.hidden)
        _install(1)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        watch = _here.watch
        _here.watch, state.observer = self._before.pop()
        _install(-1)
        if watch is None or isinstance(error, AnomalyError):
            return
        if error is None or isinstance(error, ArithmeticError | RuntimeWarning | np.linalg.LinAlgError):
            watch.raise_first(error)

    def _recreate_cm(self) -> detect_anomaly:
        return type(self)(hidden=self.hidden)


class _Here(threading.local):
    """Who watches in this thread."""

    watch: _Watch | None = None


_here = _Here()
_lock = threading.Lock()
_installed = 0


def _install(step: int) -> None:
    """Put what watches in the place of what Tensors and the engine call, as long as anyone does; then put it back."""
    global _installed
    with _lock:
        before, _installed = _installed, _installed + step
        if bool(before) == bool(_installed):
            return
        for place, name, plain, watched in _HOOKS:
            setattr(place, name, watched if _installed else plain)


def _uncompiled(compiled: Compiled, /, *arguments: Any, **keywords: Any) -> Any:
    return _call(compiled, *arguments, **keywords) if _here.watch is None else compiled.f(*arguments, **keywords)


def _watched_record(primitive: Any, inputs: tuple[Any, ...], parameters: dict[str, Any] = NO_PARAMETERS) -> Any:
    watch = _here.watch
    if watch is None:
        return _record(primitive, inputs, parameters)
    try:
        result = _record(primitive, inputs, parameters)
    except RuntimeWarning:  # Where NumPy's warnings are errors, the report says more.
        with _silence():
            result = _record(primitive, inputs, parameters)
    if not is_finite(result._data):
        watch.met(primitive, inputs, parameters, result)
    elif watch.open:
        watch.vanished(primitive, inputs, result)
    return result


def _watched_pull(node: Node, upstream: Any, *arguments: Any) -> Any:
    watch = _here.watch
    if watch is None:
        return _pull(node, upstream, *arguments)
    if node.number in watch.of_node:
        watch.reached(node, upstream)
    saved, before = node.saved, watch.latest
    try:
        contributions = _pull(node, upstream, *arguments)
    except RuntimeWarning:
        with _silence():
            contributions = _pull(node, upstream, *arguments)
    for index, contribution in contributions:
        if not is_finite(contribution):
            watch.met_gradient(node, upstream, saved or (), index, contribution, before)
    return contributions


@contextmanager
def _silence() -> Iterator[None]:
    """No warnings of NumPy's, be it of its arithmetic or of an empty slice."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def _watched_computed_from(value: Recorded, primitive: Any) -> Any:
    found = _computed_from(value, primitive)
    if found is not None and _here.watch is not None:
        _here.watch.consume((value,))
    return found


_HOOKS: tuple[tuple[Any, str, Any, Any], ...] = (
    *((module, "record", _record, _watched_record) for module in (call, dispatch, methods, operators, tensor)),
    (Tensor, "__primitive__", staticmethod(_record), staticmethod(_watched_record)),
    (Recorded, "__computed_from__", _computed_from, _watched_computed_from),
    (engine, "pull", _pull, _watched_pull),
    (Compiled, "__call__", _call, _uncompiled),
)
"""What Tensors, the engine and compiled functions call: whose attribute, its name, what it is and what watches."""


def is_finite(value: Any) -> bool:
    """Whether all elements are finite; what is not NumPy's, or not floating, is taken to be."""
    value = getattr(value, "_data", value)
    kind = type(value)
    if kind is np.float64 or kind is float:
        return math.isfinite(value)
    if kind is np.ndarray:
        if value.dtype.kind != "f":
            return True
        flags = value.flags
        if flags.forc:
            # Faster than to look at each: only if the sum of the squares is not finite, an element may be.
            flat = value if flags.c_contiguous else value.T
            if math.isfinite(np.vdot(flat, flat)):
                return True
        return bool(np.isfinite(value).all())
    return not isinstance(value, np.floating) or bool(np.isfinite(value))


class _Origin:
    """With what a value that is not finite began: told, `anomaly`, only if it is asked for, as most vanish again.

    `tellers` make the anomalies, the first one and those that came of it; `number` is the place in their order.
    """

    __slots__ = ("number", "tellers")

    def __init__(self, number: int, tellers: tuple[Callable[[], Anomaly], ...]) -> None:
        self.number = number
        self.tellers = tellers

    def became(self, tell: Callable[[], Anomaly]) -> _Origin:
        """The same, with what came of it."""
        return _Origin(self.number, (*self.tellers[:MOST_TOLD], tell))

    def anomaly(self) -> Anomaly:
        """What is to be told."""
        first, *others = (tell() for tell in self.tellers)
        for other in others:
            first = first.became(other)
        return first


class _Watch:
    """What one `detect_anomaly` has met: the values that are not finite, each with where it began.

    `known` are those that still exist, by identity, each with the number of its node; `open` those from which nothing
    has been computed; `of_node` the same as `known` by the numbers of nodes; `dead` is the first of those that are gone
    and nothing had been computed from; `latest` counts.
    """

    def __init__(self, hidden: bool) -> None:
        self.hidden = hidden
        self.known: dict[int, tuple[Any, _Origin, int | None]] = {}
        self.open: dict[int, _Origin] = {}
        self.of_node: dict[int, tuple[Any, _Origin]] = {}
        self.dead: _Origin | None = None
        self.numbers: list[int] = []
        self.latest = 0

    # Forward.

    def met(self, primitive: Any, inputs: tuple[Any, ...], parameters: dict[str, Any], result: Tensor) -> None:
        """A result is not finite: of finite inputs, of known ones, or of what came so from outside."""
        bad = [value for value in inputs if not is_finite(value)]
        is_new_nan = bool(np.isnan(result._data).any()) and not any(np.isnan(_array(value)).any() for value in bad)
        origin = self._first(bad)
        if origin is None or is_new_nan:
            made = Made(primitive, inputs, parameters)
            tell = functools.partial(made.given, bad[0]) if bad and not is_new_nan else made.told
            self.latest += 1
            origin = _Origin(self.latest, (tell,)) if origin is None else origin.became(tell)
        if self.hidden and (is_new_nan or not bad):
            anomaly = origin.anomaly()
            raise AnomalyError(str(anomaly), anomaly)
        self.consume(inputs)
        self._remember(result, origin)

    def vanished(self, primitive: Any, inputs: tuple[Any, ...], result: Any) -> None:
        """A finite result was computed of what may not be finite; a comparison or an index does not end it."""
        if result._data.dtype.kind == "f" or primitive.name in _ASKING:
            self.consume(inputs)

    def consume(self, inputs: tuple[Any, ...]) -> None:
        """Something was computed of these."""
        for value in inputs:
            self.open.pop(id(getattr(value, "_data", value)), None)

    def _first(self, values: Sequence[Any]) -> _Origin | None:
        found = [self.known[id(data)][1] for data in map(_array, values) if id(data) in self.known]
        return min(found, key=lambda one: one.number, default=None)

    def _remember(self, result: Any, origin: _Origin) -> None:
        data, key = result._data, id(result._data)
        number = None if result._node is None else result._node.number
        # A number of NumPy's can't be referred to weakly; the latest few are kept.
        held = weakref.ref(data, lambda _: self._died(key)) if type(data) is np.ndarray else data
        self.known[key] = held, origin, number
        self.open[key] = origin
        if number is not None:
            self.of_node[number] = held, origin
        if type(data) is not np.ndarray:
            self.numbers.append(key)
            if len(self.numbers) > MOST:
                self._died(self.numbers.pop(0))

    def _died(self, key: int) -> None:
        """An array has gone; if nothing had been computed from it, what it told may have been read off."""
        _, origin, number = self.known.pop(key, (None, None, None))
        self.of_node.pop(number or 0, None)
        if self.open.pop(key, None) is not None and self.dead is None:
            self.dead = origin

    # Backward.

    def reached(self, node: Node, upstream: Any) -> None:
        """A gradient goes through a value that is not finite: it counts, unless it is 0 where that is."""
        held, origin = self.of_node[node.number]
        data = held() if isinstance(held, weakref.ref) else held
        if data is not None and np.any(_array(upstream)[~np.isfinite(data)] != 0):
            self._raise(origin, node)

    def met_gradient(
        self, node: Node, upstream: Any, saved: Sequence[Any], index: int, contribution: Any, before: int
    ) -> None:
        """A gradient rule made what is not finite; `before` is the latest origin that was there when it started."""
        anomaly = backward_anomaly(node, upstream, saved, index, contribution)
        earlier = self._first([value for value in (*saved, upstream, contribution) if not is_finite(value)])
        is_own = earlier is None or earlier.number > before
        self._raise(None if is_own else earlier, node, anomaly)

    def arrived(self, node: Node, upstream: Any) -> None:
        """As an observer of backward passes: what arrives at a leaf may have become infinite by addition."""
        if node.plan is None and not is_finite(upstream):
            self._raise(None, node, backward_anomaly(node, upstream, (), None, upstream))

    def returned(self, function: Any, value: Any) -> None:
        """As an observer: nothing to be done."""

    def _raise(self, origin: _Origin | None, node: Node, anomaly: Anomaly | None = None) -> None:
        """The error of an origin, of what a gradient rule made, or of both."""
        self.open.clear()
        self.dead = None
        earlier = self._before(node)
        if earlier is not None and (origin is None or earlier.number < origin.number):
            origin = earlier if origin is None else earlier.became(origin.tellers[0])
        if origin is not None:
            first = origin.anomaly()
            anomaly = first if anomaly is None else first.became(anomaly)
        raise AnomalyError(str(anomaly), anomaly)

    def _before(self, node: Node) -> _Origin | None:
        """The first of what was not finite in the values that a node was computed from, but for what where left out."""
        first, seen, waiting = None, {node}, [node]
        while waiting:
            one = waiting.pop()
            origin = self.of_node[one.number][1] if one.number in self.of_node else None
            if origin is not None and (first is None or origin.number < first.number):
                first = origin
            parents = {parent for parent in one.inputs if type(parent) is Node} if one.operation != "where" else set()
            waiting += parents - seen
            seen |= parents
        return first

    def raise_first(self, error: BaseException | None) -> None:
        """At the end: an error for the first of all that nothing was computed from."""
        left = [*self.open.values(), *([] if self.dead is None else [self.dead])]
        first = min(left, key=lambda one: one.number, default=None)
        if first is not None:
            anomaly = first.anomaly()
            raise AnomalyError(str(anomaly), anomaly) from error


def _array(value: Any) -> Any:
    return getattr(value, "_data", value)
