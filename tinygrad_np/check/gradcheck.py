"""Check autograd against numeric slopes: whether the gradient of a function is right, element by element.

    report = tg.gradcheck(f, x, W)
    print(report)

Every element of the result is differentiated with respect to every element of every floating input, by a backward pass
and by differences of the function's values (numeric.py), and each pair is judged by itself. If any is wrong, the
operations that the function ran are checked one by one, to say whose rule it is.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, listed
from ..formula import formula
from ..frames import place_of, user_place
from ..graph import Node
from ..hints import refuse
from ..primitive import Primitive
from ..tensor import Tensor
from ..tree import flatten
from .passage import saved_values
from .report import AT_KINK, RIGHT, UNCHECKED, WRONG, Report, Row
from .tolerance import Judgement
from .trial import MANY, Trial, Verdict

COLUMNS, ALIGNMENT = ("with respect to", "shape", "difference", "relative error", "at", "verdict"), "<<>><<"

LARGE = 1000
"""Operations on arrays of more elements are not checked by themselves."""


def gradcheck(f: Callable[..., Any], *inputs: Any, **foreign: Any) -> Report:
    """Compare the gradients of f with numeric ones; the report is true if all are right.

    Args:
        f: a function of Tensors that returns a Tensor of any shape, or a tree of them; `tg.grad(g)` is one too, and to
            check it is to check second derivatives.
        inputs: arrays, Tensors, numbers, or trees of them (dict, list, tuple). Every floating one is checked; integers
            and everything else are handed to f as they are.
        foreign: what other libraries' gradcheck takes, such as eps=; refused, with a hint.

    An element is right if half of its digits agree, or if the noise of the differences or of the gradient itself
    explains what does not; at a kink every slope between those of both sides is right. Where f is not finite nearby or
    has no slope, nothing can be checked, and the report is false. float32 inputs are moved in float64 if f allows it.

    Raises DTypeError if no input or no result is floating, and whatever f or one of its gradient rules raises.

    >>> import numpy as np, tinygrad_np as tg
    >>> bool(tg.gradcheck(lambda x: np.tanh(x) ** 2, np.array([0.5, -1.0])))
    True
    >>> @tg.primitive
    ... def cube(x):
    ...     return x * x * x
    >>> @cube.vjp
    ... def _(g, y, x):
    ...     return g * 2 * x**2
    >>> tg.gradcheck(cube, np.array([0.5, -1.0])).wrong
    ['x']
    """
    refuse("gradcheck", foreign)
    _assert_one_by_one(f, inputs)
    leaves, rebuild = flatten(inputs)
    names = _names(f, inputs)
    places = [place for place, leaf in enumerate(leaves) if _is_floating(leaf)]
    if not places:
        raise DTypeError(
            f"gradcheck of {_called(f)} was given no floating input, {user_place()}; only those have a gradient: write "
            "1.0 instead of 1, or astype(float)."
        )
    with np.errstate(all="ignore"):
        trial = Trial(lambda given: flatten(f(*rebuild(given)))[0], leaves, places)
        if not trial.recording.results:
            raise DTypeError(
                f"gradcheck of {_called(f)}, {user_place()}: it returned nothing floating, so nothing has a gradient."
            )
        random = trial.what_is_random()
        if random is None:
            rows = [_row(names[place], trial, place, trial.check(place)) for place in places]
            notes = [_whose_rule(trial)] if any(row.verdict == WRONG for row in rows) else []
        else:
            rows = [Row(names[place], trial.arrays[place].shape, np.inf, np.inf, None, UNCHECKED) for place in places]
            notes = [random]
    return Report(f"Gradients of {_called(f)} against differences", rows, COLUMNS, ALIGNMENT, notes)


def _assert_one_by_one(f: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
    """DTypeError if all inputs were given as one tuple to a function that takes them one by one."""
    if len(inputs) == 1 and isinstance(inputs[0], tuple) and not _takes(f, 1) and _takes(f, len(inputs[0])):
        raise DTypeError(
            f"gradcheck of {_called(f)} was given a tuple of {len(inputs[0])} inputs, {user_place()}; write them one "
            "by one, as gradcheck(f, a, b)."
        )


def _takes(f: Callable[..., Any], count: int) -> bool:
    try:
        inspect.signature(f).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # A function in C may not tell.
        pass
    return True


def _is_floating(leaf: Any) -> bool:
    return isinstance(leaf, float) or (hasattr(leaf, "dtype") and np.dtype(leaf.dtype).kind == "f")


def _called(f: Any) -> str:
    """What a report calls the function."""
    if hasattr(f, "__wrapped__") and "<locals>" in getattr(f, "__qualname__", ""):
        return f"{f.__qualname__.partition('.')[0]} of {_called(f.__wrapped__)}"
    name = getattr(f, "__name__", type(f).__name__)
    code = getattr(f, "__code__", None)
    if name == "<lambda>" and code is not None:
        return f"the lambda of {place_of(code.co_filename, code.co_firstlineno)}"
    return str(name)


def _names(f: Any, inputs: Sequence[Any]) -> list[str]:
    """A name for each leaf of the inputs: its own, or that of the function's parameter, and its place in a tree."""
    try:
        parameters = [
            parameter.name
            for parameter in inspect.signature(f).parameters.values()
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        parameters = []
    names = []
    for place, tree in enumerate(inputs):
        names += list(_paths(tree, parameters[place] if place < len(parameters) else f"input {place}"))
    return names


def _paths(tree: Any, name: str) -> Iterator[str]:
    """A name for each leaf of a tree, in the order of `flatten`."""
    branches: list[tuple[str, Any]] = []
    if isinstance(tree, dict):
        branches = [(f"{name}[{key!r}]", branch) for key, branch in tree.items()]
    elif isinstance(tree, list | tuple):
        fields = getattr(tree, "_fields", None)
        branches = [(f"{name}.{fields[i]}" if fields else f"{name}[{i}]", branch) for i, branch in enumerate(tree)]
    elif dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        fields = [field.name for field in dataclasses.fields(tree) if field.init]
        branches = [(f"{name}.{field}", getattr(tree, field)) for field in fields]
    elif tree is not None:
        yield (tree.name if isinstance(tree, Tensor) else None) or name
    for path, branch in branches:
        yield from _paths(branch, path)


def _row(name: str, trial: Trial, place: int, verdict: Verdict) -> Row:
    judgement, shape = verdict.judgement, trial.arrays[place].shape
    wrong, unknown = verdict.wrong, verdict.unknown
    is_wrong = bool(wrong.any()) or not verdict.is_linear
    said = Judgement(np.where(unknown, 0.0, judgement.difference), np.where(unknown, 0.0, judgement.relative), wrong)
    at = said.where
    words = ""
    if wrong.any():
        words = _wrong(name, trial, place, verdict, at or ())
    elif not verdict.is_linear:
        words = (
            f"{name}: the gradient of a sum of results is not the sum of their gradients: a gradient rule is not "
            "linear in the upstream gradient g."
        )
    elif unknown.any():
        words = _unchecked(name, trial, unknown)
    elif verdict.at_kink.any():
        words = _at_kink(name, verdict.at_kink)
    right = AT_KINK if verdict.at_kink.any() else RIGHT
    return Row(
        name,
        shape,
        said.largest_difference,
        said.largest_relative,
        None if at is None else at[1:],
        WRONG if is_wrong else UNCHECKED if unknown.any() else right,
        words,
    )


def _wrong(name: str, trial: Trial, place: int, verdict: Verdict, at: tuple[int, ...]) -> str:
    """What is wrong with the gradient of one input, in words."""
    automatic, slope, wrong = verdict.automatic, verdict.slope, verdict.wrong
    where = f" at {at[1:]}" if len(at) > 1 else ""
    of = _of_result(trial, at[0])
    sentence = f"{name}:{where} the gradient{of} is {_short(automatic[at])}, but the slope is {_short(slope[at])}"
    if verdict.error[at] > 0:
        sentence += f" ± {verdict.error[at]:.0e}"
    x = trial.arrays[place]
    chosen = wrong.any(axis=0)
    factor = _factor(automatic[wrong], slope[wrong], float(np.sqrt(np.finfo(np.float64).eps)) * 100)
    how = "" if factor is None else f", {_short(factor)} times the slope"
    if chosen.all() and not automatic.any():
        return f"{sentence}. The gradient is 0 everywhere."
    if chosen.all():
        return f"{sentence}. It is wrong everywhere{how}."
    for words, sign in (("negative", x < 0), ("positive", x > 0), ("0", x == 0)):
        if sign.any() and not sign.all() and (chosen == sign).all():
            return f"{sentence}. It is wrong exactly where {name} is {words}{how}."
    return f"{sentence}. It is wrong at {int(chosen.sum())} of {chosen.size} elements{how}."


def _factor(automatic: Any, slope: Any, tolerance: float) -> float | None:
    """The number of times that the gradient is the slope, if it is the same everywhere."""
    with np.errstate(all="ignore"):
        factors = automatic / slope
    if not np.isfinite(factors).all() or np.ptp(factors) > tolerance * np.abs(factors).max():
        return None
    return float(factors.mean())


def _of_result(trial: Trial, row: int) -> str:
    """Which element of the result a row of the derivative belongs to, in words; nothing if there is only one."""
    if trial.values.size == 1:
        return ""
    if trial.values.size > MANY:
        return " along a random direction of the result"
    for number, result in enumerate(trial.recording.results):
        if row < result.size:
            of = f"result {number}" if len(trial.recording.results) > 1 else "the result"
            index = tuple(int(i) for i in np.unravel_index(row, result.shape))
            return f" of the element {index} of {of}" if index else f" of {of}"
        row -= result.size
    return ""


def _at_kink(name: str, at_kink: Any) -> str:
    """Where the slopes of both sides differ, in words."""
    if at_kink.ndim == 1:
        return f"{name} is at a kink, where every slope between those of both sides is right."
    places = np.argwhere(at_kink.any(axis=0))
    said = [str(tuple(int(i) for i in place)) for place in places[:3]]
    said += [f"{len(places) - 3} more"] if len(places) > 3 else []
    return f"{name} is at a kink at {listed(said)}, where every slope between those of both sides is right."


def _unchecked(name: str, trial: Trial, unknown: Any) -> str:
    at = tuple(int(i) for i in np.argwhere(unknown.any(axis=0))[0]) if unknown.ndim > 1 else ()
    where = f"{name} at {at}" if at else name
    if not np.isfinite(trial.values).all():
        return f"{name} can't be checked: the function gives {_first_bad(trial.values)} at these inputs."
    return (
        f"{where} can't be checked: right beside it the function is not finite, or jumps, so that there is no slope to "
        "compare with; check it at another point."
    )


def _first_bad(values: Any) -> str:
    return str(values[~np.isfinite(values)][0])


def _short(value: Any) -> str:
    return f"{float(value) + 0.0:.8g}"


def _applied(primitive: Primitive, parameters: dict[str, Any]) -> Callable[[list[Any]], list[Any]]:
    return lambda inputs: [primitive(*inputs, **parameters)]


def _whose_rule(trial: Trial) -> str:
    """Check each operation that ran by itself, and say whose gradient rule is wrong."""
    operations = trial.operations
    values: dict[Node, Any] = {
        variable._node: trial.arrays[place]
        for place, variable in trial.recording.variables.items()
        if variable._node is not None
    }
    for node in operations:
        for owner, array in saved_values(node).items():
            values.setdefault(owner, array)
    guilty: list[str] = []
    unseen = 0
    for node in operations:
        assert node.plan is not None
        primitive, parameters = node.plan.primitive, node.parameters
        inputs = [values.get(value) if type(value) is Node else value for value in node.inputs]
        if any(value is None or np.size(value) > LARGE for value in inputs):
            unseen += 1
            continue
        values.setdefault(node, np.asarray(primitive.run(*inputs, **parameters)))
        places = [index for index, _ in node.plan.rules]
        one = Trial(_applied(primitive, parameters), inputs, places)
        for place in places:
            verdict = one.check(place)
            if verdict.wrong.any() or not verdict.is_linear:
                which = "" if len(inputs) == 1 else f" for input {place}"
                rule = formula(primitive, place, node.ndim)
                guilty.append(f"{node.operation} ({node.place}){which}{f', {rule}' if rule else ''}")
    if guilty:
        return f"The gradient rule at fault: {'; '.join(dict.fromkeys(guilty))}."
    ran = listed(list(dict.fromkeys(f"{node.operation} ({node.place})" for node in operations)))
    if not operations:
        return "Nothing differentiable leads from the inputs to the result: an array was taken out of a Tensor."
    if unseen:
        return f"The function ran {ran}."
    return (
        f"The function ran {ran}; the gradient of each by itself is right, so that something between them drops or "
        "changes a gradient."
    )
