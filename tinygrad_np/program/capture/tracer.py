"""Tracer: one run of a function on traced arrays, which writes down the equations of a program."""

from __future__ import annotations

import inspect
import operator
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import ops, selected
from ...errors import CaptureError
from ...frames import is_others, is_our_module, place_of, user_place
from ...graph import state
from ...ops.arrays.indexing import getitem
from ...ops.linalg.decomposition import packed_eig
from ...ops.linalg.linear_systems import residuals
from ...record import leaf_of, make_tensor
from ...tensor import Tensor
from ...tree import Rebuild, flatten
from ..ir import Equation, Program, Variable, assume, is_written, mapped
from ..state.reachable import Reachable
from ..state.slots import Slot
from . import conversions as conversions
from . import refusals
from .arguments import changed, contents
from .constants import Constants, assert_plain_array
from .given import Anew, Draw, replaced, standing_in, strong
from .names import Binding, Names, keys_of
from .refusals import refusal, refused, settle
from .shapes import is_shaped_by, parts_of
from .tensors import WatchedTensors
from .traced import Traced, memory_of
from .watch import watched

_STATIC = {np.result_type, np.can_cast, np.min_scalar_type, np.common_type, np.iscomplexobj, np.isrealobj}
"""Functions that read no more of an array than its dtype."""
_FILLED = {np.zeros_like, np.ones_like, np.empty_like}
"""Functions that read no more of an array than its shape and dtype."""
_VARYING = {packed_eig.forward, residuals.forward}
"""Rules of ours whose result may be of another shape or dtype for other values."""
_BY_VALUES = (np.linalg.LinAlgError, FloatingPointError)
"""Errors that other values would not have raised."""
_RULES = (os.path.dirname(ops.__file__ or ""), selected.__file__ or "")
_TESTS = ("isfinite", "isinf", "isnan", "isneginf", "isposinf", "nan")
"""What the names of functions begin with that ask for NaN or infinity."""
_LITERALS: dict[Any, Any] = {int: int.__int__, float: float.__float__, str: str.__str__}
"""What makes plain values of members of an enum, which have no other literal."""
_GIVEN = object()


@dataclass
class Captured:
    """A program, what it is given after its arguments, in this order, the changes that follow its results.

    `settings` are numbers, and whether the function asked whether they are true; `draws` are random.
    `results` tells, for each leaf of the function's result, whether it is a variable ("array", "tensor") or a static
    value; `untouched` are gradients that were, and have to be, None; `tests_values` says that the function
    itself asks for NaN or infinity, which algebra may not take away then.
    """

    program: Program
    settings: list[tuple[Slot, bool | None]]
    draws: list[Draw]
    reads: list[Binding]
    updates: list[Binding]
    cleared: list[Any]
    untouched: list[Any]
    results: list[tuple[str, Any]]
    rebuild: Rebuild
    static: list[Any]
    tests_values: bool

    def arguments(self, arrays: Iterable[Any]) -> list[Any]:
        """All leaves of the arguments: these arrays, and the static ones that the program was captured for."""
        given = iter(arrays)
        return [next(given) if leaf is _GIVEN else leaf for leaf in self.static]

    def returned(self) -> list[Any]:
        """What the function returned that is not an array."""
        return [value for kind, value in self.results if kind == "static"]


class Tracer:
    """One run of a function: the recorder of its traced arrays, which watches Tensors and finds names."""

    def __init__(self, f: Callable[..., Any], assumes: bool = True) -> None:
        self.f = f
        self.assumes = assumes
        self.line = line_of(f)
        self.inputs: list[Variable] = []
        self.anew = Anew(self.given)
        self.thread = threading.get_ident()
        self.equations: list[Equation] = []
        self.failure: str | None = None
        self.tests_values = False
        self.warnings = np.geterr()
        self.made: dict[int, Any] = {}
        self.constants = Constants()
        self.names = Names(getattr(f, "__name__", "f"), self.line, self.constants, self.made)
        self.tensors = WatchedTensors(self.names, self.given, self.made)
        self.running_line = self.names.running_line

    def run(self, leaves: list[Any], rebuild: Rebuild, found: Reachable, settings: Iterable[Slot] = ()) -> Captured:
        """Run the function and make the program of what was recorded; `found` is what it can reach."""
        try:
            with standing_in(self.anew, found, settings) as drawings:
                return self._run(leaves, rebuild, drawings)
        finally:  # What is known of values by now would else wait for the garbage collector.
            self.made.clear()
            self.names.forget()
            self.tensors.forget()

    def _run(self, leaves: list[Any], rebuild: Rebuild, drawings: dict[int, Any]) -> Captured:
        given = [self._argument(replaced(leaf, drawings)) for leaf in leaves]
        arguments, keywords = rebuild(given)
        for name, leaf in keys_of([arguments, *keywords.values()]):
            self.names.give(name, leaf)
        arrays = [leaf._data if isinstance(leaf, Tensor) else leaf for leaf in given]
        before = contents([arguments, keywords])
        self.names.floor = sys._getframe()
        state.observer = self.names
        refused().clear()
        try:
            with watched(self.tensors):
                result = self.f(*arguments, **keywords)
                outputs, make_result = flatten(result)
                results = [self._result(output) for output in outputs]
                keyed = [(name, self._result(leaf)) for name, leaf in keys_of(result)]
        except (ValueError, TypeError) as error:
            # NumPy may have wrapped what a traced value refused.
            raise error.__cause__ if isinstance(error.__cause__, CaptureError) else error from None
        finally:
            state.observer = None
        if refused():  # The function caught it, and went on as it would not with values.
            raise refused()[0][1]
        self._assert_unchanged(before, given, arrays)
        self.tensors.assert_settled()
        if self.failure:
            raise refusal(refusals.FAILED, failure=self.failure)
        static = [_GIVEN if is_array(leaf) else leaf for leaf in leaves]
        names = [(name, variable) for name, (kind, variable) in keyed if kind != "static"]
        return self._captured(results, make_result, static, names)

    def _assert_unchanged(self, before: list[tuple[Any, list[Any]]], given: list[Any], arrays: list[Any]) -> None:
        """Raise CaptureError if the function changed something that it was given."""
        container = changed(before)
        kind = None if container is None else type(container).__name__
        for leaf, array in zip(given, arrays, strict=True):
            if isinstance(leaf, Tensor) and (leaf._data is not array or self.tensors.is_changed("_data", leaf)):
                kind = "Tensor"
            elif isinstance(array, Traced) and array.memory.changes:
                kind = "array"
        if kind is not None:
            raise refusal(refusals.CHANGED_ARGUMENT, line=self.line, kind=kind)

    def _argument(self, leaf: Any) -> Any:
        if isinstance(leaf, Tensor):
            traced = self.given(leaf._data, leaf.name)
            self.inputs.append(traced.variable)
            stand_in = make_tensor(traced, leaf_of(traced, leaf.requires_grad)._node)
            self.tensors.stand_in(stand_in)
            return stand_in
        if not is_array(leaf):
            return leaf
        traced = self.given(leaf, None)
        self.inputs.append(traced.variable)
        return traced

    def given(self, array: Any, name: str | None) -> Traced:
        """An array, or a number, as an input of the program."""
        is_weak = type(array) is float
        array = np.float64(array) if is_weak else array
        assert_plain_array(array)
        variable = Variable(array.shape, array.dtype, self.names.unused(name), isinstance(array, np.ndarray))
        return Traced(self, variable, array, is_weak=is_weak)

    def _result(self, leaf: Any) -> tuple[str, Any]:
        if isinstance(leaf, Tensor):
            return ("recorded" if leaf.requires_grad else "tensor", self._variable(leaf._data))
        if isinstance(leaf, Traced | np.ndarray):
            if isinstance(leaf, Traced) and leaf.is_weak:
                raise refusal(refusals.RETURNS_NUMBER, line=self.line)
            return ("array", self._variable(leaf))
        kept = [*getattr(leaf, "__dict__", {}).values(), *(leaf if isinstance(leaf, set | frozenset) else ())]
        if isinstance(leaf, Iterator) or any(isinstance(part, Traced) or self.tensors.is_made(part) for part in kept):
            raise refusal(refusals.RETURNS_RUN, line=self.line, kind=type(leaf).__name__)
        return ("static", leaf)

    def _captured(
        self, results: list[tuple[str, Any]], make_result: Rebuild, static: list[Any], names: list[tuple[str, Variable]]
    ) -> Captured:
        updates, cleared = self.tensors.changes(self._variable)
        outputs = [value for kind, value in results if kind != "static"] + [binding.variable for binding in updates]
        self.names.finish(updates, names)
        reads, untouched = self.tensors.reads(), self.tensors.untouched()
        program = Program(
            (*self.inputs, *self.anew.variables, *[read.variable for read in reads]),
            self.constants.arrays(),
            tuple(self.equations),
            tuple(outputs),
            self.names.function if self.names.function.isidentifier() else "f",
            self.line,
        )
        changes = updates, cleared, untouched, results, make_result, static, self.tests_values
        return Captured(program, self.anew.settings, self.anew.draws, reads, *changes)

    # What NumPy's functions and the rules do (a traced.Recorder).

    def apply(self, name: str, function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Run one of NumPy's functions on the values, and write it down."""
        if threading.get_ident() != self.thread:
            raise refusal(refusals.OTHER_THREAD, line=user_place())
        boxes: list[Traced] = []
        values, options = _values((arguments, keywords), boxes)
        is_weak = any(box.is_weak for box in boxes)
        if is_weak:
            arguments, is_weak = strong(name, function, arguments, keywords)
            boxes.clear()
            values, options = _values((arguments, keywords), boxes)
        errors = np.geterr()
        self.tests_values = self.tests_values or (name.startswith(_TESTS) and not is_rules(name))
        if errors != self.warnings and "raise" in errors.values():
            raise refusal(refusals.ERRSTATE, line=user_place())
        try:
            result = function(*values, **options)
        except (*_BY_VALUES, IndexError, ValueError) as error:
            if isinstance(error, _BY_VALUES) or name == "getitem" or name.startswith("whole."):
                self.failure = f"{name} failed for these values, {user_place()}"
            raise
        if function in _STATIC or function in _FILLED:
            return result
        if function is np.full_like and not isinstance(arguments[1], Traced):
            return result
        if isinstance(function, np.ufunc):
            arguments = _weak(values, arguments, result)
        line = self.running_line()
        unpacks = isinstance(result, tuple | list)
        parts = result if unpacks else (result,)
        parts = [part if hasattr(part, "dtype") else np.asarray(part)[()] for part in parts]
        outputs = tuple([Variable(part.shape, part.dtype, None, isinstance(part, np.ndarray)) for part in parts])
        arguments, keywords = mapped((arguments, keywords), self._operand)
        ignores = errors != self.warnings
        self.equations.append(Equation(name, function, arguments, keywords, outputs, line, ignores, unpacks))
        traced = [
            Traced(self, variable, part, memory_of(part, boxes), is_weak)
            for variable, part in zip(outputs, parts, strict=True)
        ]
        if not unpacks:
            return traced[0]
        return type(result)(*traced) if hasattr(result, "_fields") else type(result)(traced)

    def assume(self, condition: Traced) -> bool:
        """Whether a condition holds everywhere, as it will have to in the program; where it fails, another runs."""
        if not self.assumes or not np.all(condition.value):
            return False
        self.equations.append(Equation("assume", assume, (condition.variable,), {}, ()))
        return True

    def assume_finite(self, values: Traced) -> bool:
        """Whether values are finite, as seen from their sum; the function does not ask, and algebra may go on."""
        before = self.tests_values
        is_finite = self.assume(np.isfinite(np.sum(values)))
        self.tests_values = before
        return is_finite

    def choose(self, condition: Traced, a: Any, b: Any) -> Any:
        """What a rule's np.where comes to if its condition holds everywhere, or nowhere; None in all other cases.

        Rules guard against rare values in this way: ties, infinities, sums of no weights.
        """
        if not self.assumes or not condition.size:
            return None
        holds, fails = bool(np.all(condition.value)), not np.any(condition.value)
        if not (holds or fails):
            return None
        result = np.where(*_values((condition, a, b), []))
        self.assume(condition if holds else self.apply("logical_not", np.logical_not, (condition,), {}))
        chosen = a if holds else b
        if not isinstance(chosen, Traced):
            return np.broadcast_to(chosen, result.shape).astype(result.dtype)
        chosen = chosen.astype(result.dtype)
        same = chosen.shape == result.shape
        return chosen if same else self.apply("broadcast_to", np.broadcast_to, (chosen, result.shape), {})

    def pick(self, x: Any, index: Any) -> Any:
        """x[index]: what the index picks may depend on values, how many elements may not."""
        for part, is_bound in parts_of(index):
            if is_bound or part.dtype == bool:
                getattr(part, "_data", part)._refuse(*(refusals.BOUND if is_bound else refusals.MASK))
        index = mapped(index, lambda part: int(part) if issubclass(type(part), np.integer) else part)
        return self.apply("getitem", operator.getitem, (x, index), {})

    def apply_whole(self, error: CaptureError, function: Any, arguments: Any, keywords: Any, of: str = "") -> Any:
        """Write a rule down as one equation, where it can't be taken apart: where it looks at values, or writes."""
        leaves = flatten((arguments, keywords))[0]
        if any(isinstance(leaf, Tensor) for leaf in leaves) or not any(isinstance(leaf, Traced) for leaf in leaves):
            raise error
        if is_shaped_by(keywords):
            raise error
        if function is getitem.forward:
            # An array that is not part of the program, at an index that is.
            settle(error)
            return self.pick(*arguments, **keywords)
        name = getattr(function, "__name__", "").strip("_") or f"gradient_of_{of}"
        result = self.apply(f"whole.{name}", function, arguments, keywords)
        settle(error)
        if function in _VARYING or not is_our_module(function.__module__):
            # Its shape and dtype might be others for other values, which the program will notice.
            return self.apply("whole.of_one_kind", of_one_kind, (result, result.shape, result.dtype), {})
        return result

    def _operand(self, value: Any) -> Any:
        """What stands for a value in an equation."""
        if type(value) is Traced:
            return value.variable
        if isinstance(value, np.ndarray | Tensor):
            return self._variable(value._data if isinstance(value, Tensor) else value)
        if not is_written(value):
            raise refusal(refusals.NOT_WRITTEN, value=value, line=user_place())
        kind = next((kind for kind in _LITERALS if issubclass(type(value), kind)), None)
        return _LITERALS[kind](value) if kind and not isinstance(value, bool | np.generic) else value

    def _variable(self, value: Any) -> Variable:
        """The variable of a traced array, or of a constant."""
        return value.variable if isinstance(value, Traced) else self.constants.variable(value)


def line_of(f: Any) -> str:
    """File and line of a function's definition, as a sentence says it."""
    code = getattr(inspect.unwrap(f), "__code__", None)
    return place_of(code.co_filename, code.co_firstlineno) if code else repr(f)


def is_array(value: Any) -> bool:
    """Whether a leaf of the arguments is given to the program, and not a part of it."""
    return isinstance(value, Tensor | np.ndarray | np.generic)


def of_one_kind(x: Any, shape: Any, dtype: Any) -> Any:
    """x, or an error if it is not of the shape and dtype that a program was made for."""
    if np.shape(x) != shape or np.result_type(x) != dtype:
        is_now, was = f"{np.shape(x)} {np.result_type(x)}", f"{shape} {np.dtype(dtype)}"
        raise ValueError(f"a result is {is_now} for these values, and was {was} for those that the program was made of")
    return x


def _values(value: Any, boxes: list[Traced]) -> Any:
    """The structure with values instead of traced arrays, which are added to the boxes."""

    def known(leaf: Any) -> Any:
        leaf = leaf._data if issubclass(type(leaf), Tensor) else leaf
        if type(leaf) is not Traced:
            return leaf
        leaf.variable  # noqa: B018  (an array that was changed in place refuses)
        boxes.append(leaf)
        return leaf.value

    return mapped(value, known)


def _weak(values: Any, arguments: Any, result: Any) -> Any:
    """The arguments of a ufunc with Python's numbers for NumPy's, where that makes no difference to the dtype."""
    if not any(isinstance(argument, np.generic) for argument in arguments):
        return arguments
    weak = tuple(argument.item() if isinstance(argument, np.generic) else argument for argument in arguments)
    others = [value for value, argument in zip(values, weak, strict=True) if not isinstance(argument, float | int)]
    same = len({np.dtype(other.dtype) for other in others} | {result.dtype}) == 1 if hasattr(result, "dtype") else False
    return weak if same and result.dtype.kind == "f" else arguments


def is_rules(name: str) -> bool:
    """Whether a rule of ours runs a function of NumPy for its own ends, and not the user the primitive of that name."""
    frame = sys._getframe(2)
    while frame.f_back is not None and not is_others(frame.f_code):
        if frame.f_code.co_filename.startswith(_RULES):
            return frame.f_code.co_name != name
        frame = frame.f_back
    return False
