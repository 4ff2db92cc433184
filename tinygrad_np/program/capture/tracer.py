"""Capture: run a function once on traced arrays, and keep what it did as a program.

    captured = capture(f, args, keywords)
    captured.program, captured.tensors, captured.updates

The function runs as it always does: forward, backward pass, transforms, updates. Its arrays are Traced, so that every
function of NumPy that the rules call becomes an equation. Whatever is no Traced array is a constant. The function is
run a second time, and what then differs (a random number, a counter, the time) is an error that names the line.
"""

from __future__ import annotations

import inspect
import operator
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import CaptureError
from ...frames import user_place
from ...graph import NOT_KEPT, Node, state
from ...ops.arrays.indexing import getitem
from ...ops.linalg.decomposition import packed_eig
from ...ops.linalg.linear_systems import residuals
from ...record import leaf_of, make_tensor
from ...tensor import Tensor
from ...tree import Rebuild, flatten
from ..ir import Equation, Program, Variable, is_written
from ..state.remembered import Runs
from .arguments import Containers, is_plain
from .assumptions import assume, is_users_choice
from .names import Held
from .refusals import BOUND, MASK, is_shaped_by, parts_of
from .tensors import Changes
from .traced import Traced, memory_of
from .twice import assert_repeated, is_same
from .watch import watched

_STATIC = {np.result_type, np.can_cast, np.min_scalar_type, np.common_type, np.iscomplexobj, np.isrealobj}
"""Functions that read no more of an array than its dtype."""
_FILLED = {np.zeros_like, np.ones_like, np.empty_like}
"""Functions that read no more of an array than its shape and dtype."""


@dataclass
class Captured:
    """A program, the closed-over values that follow its arguments, the changes that follow its results.

    `results` tells, for each leaf of the function's result, whether it is a variable ("array", "tensor") or a static
    value; `untouched` are gradients that were, and have to be, None.
    """

    program: Program
    reads: list[Held]
    updates: list[Held]
    cleared: list[Any]
    untouched: list[Any]
    results: list[tuple[str, Any]]
    rebuild: Rebuild
    static: list[Any]


_GIVEN = object()

_BY_VALUES = (np.linalg.LinAlgError, FloatingPointError)
"""Errors that other values would not have raised."""


def capture(f: Callable[..., Any], leaves: list[Any], rebuild: Rebuild, assumes: bool = True) -> Captured:
    """The program of f on these leaves of its arguments.

    With `assumes`, what rules do about rare values that do not occur now (ties, infinities) becomes a check.
    """
    with Runs(f, [leaf for leaf in leaves if not isinstance(leaf, Tensor | np.ndarray | np.generic)]) as runs:
        first = runs.first(lambda: Tracer(assumes).run(f, leaves, rebuild))
        second = runs.second(lambda: Tracer(assumes).run(f, leaves, rebuild))
        static = [[value for kind, value in one.results if kind == "static"] for one in (first, second)]
        assert_repeated(first.program, second.program, (static[0], static[1]), line_of(f))
        for result, again in zip(*static, strict=True):
            if not is_plain(result, again):
                raise CaptureError(
                    f"{line_of(f)}: a compiled function returns a {type(result).__name__} that it makes, the same "
                    "one in every call; it takes and returns arrays, Tensors, numbers, and trees of them."
                )
    return first


class Tracer(Changes):
    """One run of a function on traced arrays."""

    def __init__(self, assumes: bool = True) -> None:
        self.assumes = assumes
        self.inputs: list[Variable] = []
        self.equations: list[Equation] = []
        self.contents: dict[Variable, Any] = {}
        self.failed: str | None = None
        super().__init__()

    def run(self, f: Callable[..., Any], leaves: list[Any], rebuild: Rebuild) -> Captured:
        """Run the function and make the program of what was recorded."""
        self.warnings, self.place = np.geterr(), line_of(f)
        self.name = getattr(f, "__name__", "f")
        self.static = [_GIVEN if isinstance(leaf, Tensor | np.ndarray | np.generic) else leaf for leaf in leaves]
        given = [self._argument(leaf) for leaf in leaves]
        arguments, keywords = rebuild(given)
        arrays = [leaf._data if isinstance(leaf, Tensor) else leaf for leaf in given]
        before = Containers([arguments, keywords])
        self.floor = sys._getframe()
        state.observer = self
        try:
            with watched(self):
                result = f(*arguments, **keywords)
                outputs, make_result = flatten(result)
                results = [self._result(output) for output in outputs]
        except (ValueError, TypeError) as error:
            # NumPy may have wrapped what a traced value refused.
            raise error.__cause__ if isinstance(error.__cause__, CaptureError) else error from None
        finally:
            state.observer = None
        self._assert_unchanged(before, given, arrays)
        self.assert_settled()
        if self.failed:
            raise CaptureError(
                f"{self.failed}, and the function went on in another way, which its program would do for all values; "
                "give it values for which nothing fails, or look at what it returns outside."
            )
        return self._captured(results, make_result)

    def _assert_unchanged(self, before: Containers, given: list[Any], arrays: list[Any]) -> None:
        """Raise CaptureError if the function changed something that it was given."""
        container = before.changed()
        what = None if container is None else type(container).__name__
        for leaf, array in zip(given, arrays, strict=True):
            if isinstance(leaf, Tensor) and (leaf._data is not array or self._is_changed("_data", leaf)):
                what = "Tensor"
            elif isinstance(array, Traced) and array.memory.changes:
                what = "array"
        if what is not None:
            raise CaptureError(
                f"{self.place}: the function changes an argument ({what}), which its program would leave as it is: "
                "return new values in its place (`a = a + b`, a new dict), or close over a Tensor, and change that."
            )

    def _argument(self, leaf: Any) -> Any:
        if isinstance(leaf, Tensor):
            traced = self.given(leaf._data, leaf.name)
            stand_in = make_tensor(traced, leaf_of(traced, leaf.requires_grad)._node)
            self.new[id(stand_in)] = stand_in
            self.stand_ins[id(stand_in._node)] = stand_in._node
            return stand_in
        if isinstance(leaf, np.ndarray | np.generic):
            return self.given(leaf, None)
        return leaf

    def given(self, array: Any, name: str | None) -> Traced:
        """An array as an input of the program."""
        _assert_plain_array(array)
        variable = Variable(array.shape, array.dtype, self._unused(name), isinstance(array, np.ndarray))
        self.inputs.append(variable)
        return Traced(self, variable, array)

    def _result(self, leaf: Any) -> tuple[str, Any]:
        if isinstance(leaf, Tensor):
            data = leaf._data
            return ("recorded" if leaf.requires_grad else "tensor", self._variable(data))
        if isinstance(leaf, Traced):
            return ("array", leaf.variable)
        if isinstance(leaf, np.ndarray):
            return ("array", self._variable(leaf))
        held = [*getattr(leaf, "__dict__", {}).values(), *(leaf if isinstance(leaf, set | frozenset) else ())]
        if isinstance(leaf, Iterator) or any(isinstance(one, Traced) or id(one) in self.new for one in held):
            raise CaptureError(
                f"{self.place}: a compiled function returns a {type(leaf).__name__} with values of its run in it; it "
                "takes and returns arrays, Tensors, numbers, and lists, tuples and dicts of them."
            )
        return ("static", leaf)

    def _captured(self, results: list[tuple[str, Any]], make_result: Rebuild) -> Captured:
        updates, cleared = [], []
        for (slot, _), (owner, value) in self.written.items():
            if slot == "exposure":
                continue
            if value is None:
                cleared.append(owner)
            elif value is not NOT_KEPT:
                updates.append(Held(owner, slot, self._variable(value), self.in_place.get(id(owner), False)))
        reads = [held for held, _ in self.reads.values() if held.variable is not None]
        untouched = [held.tensor for held, value in self.reads.values() if value is None]
        outputs = [value for kind, value in results if kind != "static"] + [held.variable for held in updates]
        self._name_all(updates)
        program = Program(
            tuple(self.inputs),
            self._constants(),
            tuple(self.equations),
            tuple(outputs),
            self.name if self.name.isidentifier() else "f",
            self.place,
        )
        untouched_nodes = [node for node in untouched if isinstance(node, Node)]
        return Captured(program, reads, updates, cleared, untouched_nodes, results, make_result, self.static)

    # What NumPy's functions and the rules do.

    def apply(self, name: str, function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Run one of NumPy's functions on the values, and write it down."""
        values, options = _values((arguments, keywords))
        if np.geterr() != self.warnings and "raise" in np.geterr().values():
            raise CaptureError(
                f"np.errstate lets NumPy raise errors, {user_place()}, which a program does not do: compile the "
                "function without it, and call it within."
            )
        try:
            result = function(*values, **options)
        except (*_BY_VALUES, IndexError, ValueError) as error:
            if isinstance(error, _BY_VALUES) or name == "getitem" or name.startswith("whole."):
                self.failed = f"{name} failed for these values, {user_place()}"
            raise
        if function in _STATIC or function in _FILLED:
            return result
        if function is np.full_like and not isinstance(arguments[1], Traced):
            return result
        if isinstance(function, np.ufunc):
            arguments = _weak(values, arguments, result)
        place = self.name_locals()
        ignores = np.geterr() != self.warnings
        parts = result if isinstance(result, tuple | list) else (result,)
        outputs = tuple(
            Variable(np.shape(part), np.asarray(part).dtype, None, isinstance(part, np.ndarray)) for part in parts
        )
        boxes = [box for box in flatten((arguments, keywords))[0] if isinstance(box, Traced)]
        arguments, keywords = self._variables((arguments, keywords))
        self.equations.append(Equation(name, function, arguments, keywords, outputs, place, ignores))
        traced = [
            Traced(self, variable, part if hasattr(part, "dtype") else np.asarray(part)[()], memory_of(part, boxes))
            for variable, part in zip(outputs, parts, strict=True)
        ]
        if not isinstance(result, tuple | list):
            return traced[0]
        return type(result)(*traced) if hasattr(result, "_fields") else type(result)(traced)

    def assume(self, condition: Traced) -> bool:
        """Whether a condition holds everywhere, as it will have to in the program; where it fails, another runs."""
        if not self.assumes or not np.all(condition.value):
            return False
        self.equations.append(Equation("assume", assume, (condition.variable,), {}, ()))
        return True

    def choose(self, condition: Traced, a: Any, b: Any) -> Any:
        """What a rule's np.where comes to if its condition holds everywhere, or nowhere; None in all other cases.

        Rules guard against rare values in this way: ties, infinities, sums of no weights. What a user chooses stays.
        """
        if is_users_choice() or not condition.size:
            return None
        holds, fails = bool(np.all(condition.value)), not np.any(condition.value)
        if not self.assumes or not (holds or fails):
            return None
        values = _values((condition, a, b))
        result = np.where(*values)
        self.assume(condition if holds else self._negated(condition))
        chosen = a if holds else b
        if not isinstance(chosen, Traced):
            return np.broadcast_to(chosen, result.shape).astype(result.dtype)
        chosen = chosen.astype(result.dtype)
        same = chosen.shape == result.shape
        return chosen if same else self.apply("broadcast_to", np.broadcast_to, (chosen, result.shape), {})

    def _negated(self, condition: Traced) -> Traced:
        return self.apply("logical_not", np.logical_not, (condition,), {})

    def pick(self, x: Any, index: Any) -> Any:
        """x[index]: what the index picks may depend on values, how many elements may not."""
        for part, is_bound in parts_of(index):
            if is_bound or part.dtype == bool:
                getattr(part, "_data", part)._refuse(*(BOUND if is_bound else MASK))
        return self.apply("getitem", operator.getitem, (x, index), {})

    def apply_whole(self, error: CaptureError, function: Any, arguments: Any, keywords: Any, of: str = "") -> Any:
        """Write a rule down as one equation, where it can't be taken apart: where it looks at values, or writes."""
        leaves = flatten((arguments, keywords))[0]
        if any(isinstance(leaf, Tensor) for leaf in leaves) or not any(isinstance(leaf, Traced) for leaf in leaves):
            raise error
        if is_shaped_by(keywords):
            raise error
        if function is getitem.forward:
            # An array that is no part of the program, at an index that is.
            return self.pick(*arguments, **keywords)
        name = getattr(function, "__name__", "").strip("_") or f"gradient_of_{of}"
        result = self.apply(f"whole.{name}", function, arguments, keywords)
        if function in _VARYING or not function.__module__.startswith(_PACKAGE):
            return self.of_one_kind(result)
        return result

    def of_one_kind(self, x: Any) -> Any:
        """x, whose shape and dtype might be others for other values, which the program will notice."""
        return self.apply("whole.of_one_kind", of_one_kind, (x, x.shape, x.dtype), {})

    def _variables(self, value: Any) -> Any:
        if isinstance(value, Traced):
            return value.variable
        if isinstance(value, np.ndarray):
            return self._variable(value)
        if isinstance(value, Tensor):
            return self._variable(value._data)
        if isinstance(value, list):
            return [self._variables(part) for part in value]
        if isinstance(value, tuple):
            return tuple(self._variables(part) for part in value)
        if isinstance(value, dict):
            return {key: self._variables(part) for key, part in value.items()}
        if not is_written(value):
            raise CaptureError(
                f"{value!r} was given to a function, {user_place()}, and can't be written out in a program: that takes "
                "arrays, numbers, strings and dtypes."
            )
        return value

    def _variable(self, value: Any) -> Variable:
        """The variable of a traced array, or of a constant."""
        if isinstance(value, Traced):
            return value.variable
        array, variable = self.constants.get(id(value), (None, None))
        if variable is None or not is_same(self.contents[variable], array):
            if np.asarray(value).dtype == object:
                raise CaptureError(
                    f"an array of objects met a compiled function, {user_place()}: a program has arrays of numbers; "
                    "join values with np.stack or np.concatenate."
                )
            _assert_plain_array(value)
            variable = Variable(np.shape(value), np.asarray(value).dtype, None, isinstance(value, np.ndarray))
            self.constants[id(value)] = (value, variable)
            self.contents[variable] = value.copy()
        return variable

    def _constants(self) -> dict[Variable, Any]:
        """The arrays that are no captured values, as they were when they were read: the function may fill them anew."""
        arrays = {variable: array for array, variable in self.constants.values()}
        return {
            variable: arrays[variable] if is_same(contents, arrays.get(variable)) else contents
            for variable, contents in self.contents.items()
        }


def line_of(f: Any) -> str:
    """File and line of a function's definition, as a sentence says it."""
    code = getattr(inspect.unwrap(f), "__code__", None)
    return f"{code.co_filename.rpartition('/')[2]} line {code.co_firstlineno}" if code else repr(f)


def of_one_kind(x: Any, shape: Any, dtype: Any) -> Any:
    """x, or an error if it is not of the shape and dtype that a program was made for."""
    if np.shape(x) != shape or np.result_type(x) != dtype:
        is_now, was = f"{np.shape(x)} {np.result_type(x)}", f"{shape} {np.dtype(dtype)}"
        raise ValueError(f"a result is {is_now} for these values, and was {was} for those that the program was made of")
    return x


def _assert_plain_array(array: Any) -> None:
    if isinstance(array, np.ndarray) and type(array) not in (np.ndarray, np.memmap):
        raise CaptureError(
            f"a {type(array).__name__} met a compiled function, {user_place()}: its operators may mean something else; "
            "give np.asarray of it, or .filled() of a masked array."
        )


_PACKAGE = __name__.partition(".")[0]
_VARYING = {packed_eig.forward, residuals.forward}
"""Rules of ours whose result may be of another shape or dtype for other values."""


def _values(value: Any) -> Any:
    """The structure with values in the place of traced arrays."""
    if isinstance(value, Traced):
        value.variable  # noqa: B018  (an array that was changed in place refuses)
        return value.value
    if isinstance(value, list | tuple):
        parts = [_values(part) for part in value]
        return parts if isinstance(value, list) else tuple(parts)
    if isinstance(value, dict):
        return {key: _values(part) for key, part in value.items()}
    if isinstance(value, Tensor):
        return _values(value._data)
    return value


def _weak(values: Any, arguments: Any, result: Any) -> Any:
    """The arguments of a ufunc with Python's numbers for NumPy's, where that makes no difference to the dtype."""
    if not any(isinstance(argument, np.generic) for argument in arguments):
        return arguments
    weak = tuple(argument.item() if isinstance(argument, np.generic) else argument for argument in arguments)
    others = [value for value, argument in zip(values, weak, strict=True) if not isinstance(argument, float | int)]
    same = len({np.dtype(other.dtype) for other in others} | {result.dtype}) == 1 if hasattr(result, "dtype") else False
    return weak if same and result.dtype.kind == "f" else arguments
