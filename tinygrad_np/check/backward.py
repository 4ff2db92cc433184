"""Check a hand-written backward pass line by line: which line is wrong, and what it should be.

    report = tg.check_backward(forward, backward, {"X": X, "Y": Y, "W1": W1, "b1": b1})
    print(report)

Both are functions as they stand in a tutorial. `forward` runs on Tensors, `backward` on plain arrays; what every line
of `backward` assigns is recorded (recording.py), compared with autograd, and where a line is wrong, small edits of it
are tried until one makes the gradients right (culprit.py).
"""

from __future__ import annotations

import inspect
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from ..errors import DTypeError, NonScalarError, ShapeError, UnknownTensorError, listed
from ..frames import user_place
from ..tensor import Tensor
from ..tree import flatten
from .comparison import ALIGNMENT, COLUMNS, compare_gradients
from .culprit import Culprit, find_culprits
from .expected import Expected
from .gradcheck import called
from .history import History
from .recording import RETURNED, Assignment, Recording, recorded
from .report import UNCHECKED, Report, Row
from .rerun import Rerun
from .values import entries, is_as_before, is_object, kept, mapped
from .variables import keys_of, names_of_results, plain_name, variable_of

_UPSTREAM = {"dout", "dloss", "dL", "dJ", "upstream", "grad_output", "dy_loss"}


@dataclass(frozen=True, repr=False)
class BackwardReport(Report):
    """The rows of the gradients, and the lines of the backward function that are wrong, in the order in which they ran.

    `first_wrong` is the first of them, None if all is right; `wrong_lines` are all that were found;
    `is_whole` says whether the function came to its end and returned a gradient of an input; `returned` has the names
    of the rows that it returned, `entered` those of the packages whose functions it ran, `blank` those of variables
    that are still to be filled in, as an exercise leaves them: `dW1 = ...`; `is_seen` says whether it left the
    recording on.
    """

    wrong_lines: tuple[Culprit, ...] = ()
    is_whole: bool = True
    returned: frozenset[str] = frozenset()
    entered: frozenset[str] = frozenset()
    is_seen: bool = True
    blank: tuple[str, ...] = ()

    @property
    def first_wrong(self) -> Culprit | None:
        """The first line that is wrong: `.line`, `.source`, `.name`, `.iteration`, `.verdict`, `.proposal`."""
        return self.wrong_lines[0] if self.wrong_lines else None

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data, with the wrong lines."""
        return {**Report.to_dict(self), "wrong_lines": [asdict(one) for one in self.wrong_lines]}

    def __bool__(self) -> bool:
        return self.is_whole and not self.wrong_lines and not self.blank and Report.__bool__(self)

    def _text(self) -> str:
        paragraphs = ["\n".join(culprit.lines()) for culprit in self.wrong_lines]
        return "\n\n".join([Report._text(self), *paragraphs])


def check_backward(
    forward: Callable[..., Any], backward: Callable[..., Any], inputs: Mapping[str, Any] | Sequence[Any]
) -> BackwardReport:
    """Check a hand-written backward function, line by line, against autograd of its forward function.

    Args:
        forward: returns the loss, or a tuple of the loss and more, such as a cache. It is called with Tensors.
        backward: returns gradients: a dict by name, or variables such as dW1, W1_grad or grad_W1. It is called with
            plain arrays; its arguments are found by name among the inputs and the variables of `forward`, or are what
            `forward` returned besides the loss.
        inputs: the arguments of `forward`, by name or by position; arrays of floating dtype get a gradient.

    The report is true if all returned gradients are right. Otherwise `report.first_wrong` is the first wrong line, with
    a proposal that was run and makes its gradients right, if one was found.

    Raises NonScalarError if `forward` returns no scalar Tensor, UnknownTensorError for an argument or a result of
    `backward` that belongs to nothing in `forward`; what `forward` raises is passed on.

    >>> import numpy as np, tinygrad_np as tg
    >>> def forward(X, Y, W):
    ...     A = np.tanh(X @ W)
    ...     return np.mean((A - Y) ** 2)
    >>> def backward(X, Y, A):
    ...     dA = 2 * (A - Y) / A.size
    ...     dZ = dA * (1 - A**2)
    ...     dW = X.T @ dZ
    ...     return {"W": dW}
    >>> random = np.random.default_rng(0)
    >>> inputs = {"X": random.normal(size=(8, 2)), "Y": random.normal(size=(8, 1)), "W": random.normal(size=(2, 1))}
    >>> bool(tg.check_backward(forward, backward, inputs))
    True
    """
    return checked(forward, backward, inputs)


def checked(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: Mapping[str, Any] | Sequence[Any],
    *,
    is_located: bool = True,
) -> BackwardReport:
    """The same; without looking for the wrong lines, which takes the most of the time, if they are not wanted."""
    for name, function in (("forward", forward), ("backward", backward)):
        if not callable(function):
            raise DTypeError(
                f"check_backward was given an object of type {type(function).__name__} for the {name} function, "
                f"{user_place()}; call it as check_backward(forward, backward, inputs), with the functions themselves."
            )
    forward_pass = _Forward(forward, inputs)
    arguments = forward_pass.arguments_of(backward)
    before = kept(arguments)
    run = recorded(_unbound(backward)[0], (), arguments)
    expected = Expected(forward_pass.loss, forward_pass.tensors)
    rerun = Rerun(_unbound(backward)[0], before, run, expected, forward_pass.matched)
    if forward_pass.plain:
        # Python's own numbers are settings, unless a gradient is returned for them.
        numbers = {name: np.float64(value) for name, value in forward_pass.plain.items()}
        return checked(forward, backward, {**_named(forward, inputs), **numbers}, is_located=is_located)
    results, whole = rerun.results, list(forward_pass.whole)
    blank = tuple(dict.fromkeys(one.name for one in run.assignments if one.value is ...))
    notes = [*_notes(backward, run), *_changes(backward, arguments, before)]
    if blank:
        notes.insert(0, f"Still to be filled in: {listed(list(blank))}.")
    culprits: list[Culprit] = []
    interior: dict[Tensor, Any] = {}
    notes += [f"Whole numbers get no gradient, as those of {listed(whole)}: write astype(float)."] if whole else []
    unexplained = rerun.wrong_of(results) - ({forward_pass.loss} if blank or whole else set())
    if (run.error is not None and not blank) or unexplained:
        rerun.expected = expected.settled({**rerun.seen, **results})
        wrong = rerun.wrong_of(results)
        if is_located and (run.error is not None or wrong):
            lines = find_culprits(rerun, wrong)
            culprits = [culprit for culprit, _ in lines]
            interior = _interior(History(rerun, run), *(lines[0] if lines else (None, None)))
    if not any(tensor.is_leaf for tensor in results) and run.error is None:
        notes.append(f"{called(backward)} returns no gradient of an input of {called(forward)}: nothing is proved.")
    compared: dict[str | Tensor, Any] = dict([*interior.items(), *results.items()])
    report = compare_gradients(forward_pass.loss, compared) if compared else Report("", [], COLUMNS, ALIGNMENT)
    plain = {field.name: getattr(report, field.name) for field in fields(Report)}
    plain["title"] = f"{called(backward)} by hand, against autograd of {called(forward)}"
    plain["notes"] = [*report.notes, *notes]
    named = names_of_results(rerun.returned, run.result)
    unfilled = [
        found[0]
        for name, value in named
        if value is ... and (found := variable_of(name or "", forward_pass.tensors, is_result=True))
    ]
    plain["rows"] = report.rows + [Row(one.name or "", one.shape, np.inf, np.inf, None, UNCHECKED) for one in unfilled]
    is_whole = run.error is None and any(tensor.is_leaf for tensor in results)
    returned = frozenset(tensor.name or "" for tensor in [*results, *unfilled])
    return BackwardReport(
        **plain,
        wrong_lines=tuple(culprits),
        is_whole=is_whole,
        returned=returned,
        entered=frozenset(run.entered),
        is_seen=run.is_seen,
        blank=blank,
    )


def _interior(history: History, first: Culprit | None, repaired: History | None) -> dict[Tensor, Any]:
    """The gradients of interior quantities that are right, and the first wrong one: they help the diagnosis."""
    expected, found = history.rerun.expected, {}

    def gradients(of: History) -> Iterator[tuple[Assignment, Tensor, bool]]:
        for one in (of.all[index] for index in of.final):
            held = variable_of(one.name, expected.tensors) or []
            is_one = len(held) == len(expected.nodes(one.name)) == 1
            if is_one and held[0] is not expected.loss and np.shape(one.value) == held[0].shape:
                yield one, held[0], expected.is_gradient(one.value, held[0]._node)  # type: ignore[arg-type]

    if first is not None and repaired is not None:
        # Only what the repaired line makes right was meant to be this gradient: l1_delta may be that of what l1 is of.
        meant = {tensor for one, tensor, is_right in gradients(repaired) if is_right and one.name == first.name}
    else:
        meant = set()
    for one, tensor, is_right in gradients(history):
        if is_right or (first is not None and tensor in meant and (one.line, one.name) == (first.line, first.name)):
            found[tensor] = np.asarray(one.value)
    return found


class _Forward:
    """The forward pass, run once: its loss, its inputs as Tensors, and the Tensors that its variables held."""

    def __init__(self, forward: Callable[..., Any], inputs: Mapping[str, Any] | Sequence[Any]) -> None:
        function, owner = _unbound(forward)
        self.owner = list(owner.values())
        self.inputs = {**owner, **_named(forward, inputs)}
        run, self.leaves = self._run(function, self.inputs)
        if run.error is not None and owner:
            # An object that writes into its own arrays keeps them.
            run, self.leaves = self._run(function, {**self.inputs, **kept(owner)}, list(owner))
        if run.error is not None:
            raise run.error
        self.result = run.result
        self.loss = self._loss(forward)
        integers = [key for key, one in self.inputs.items() if isinstance(one, np.ndarray) and one.dtype.kind in "iu"]
        self.whole, self.integers = dict[Any, None](), {key: [key] for key in integers}
        self.plain, self.numbers = (
            dict[str, float](),
            {key: (key, one) for key, one in self.inputs.items() if isinstance(one, float) and type(one) is float},
        )
        self.tensors: dict[str, list[Tensor]] = {}
        self.variables: dict[str, Any] = {}
        self.keys = {value: keys_of(name) for name, value in entries(self.leaves) if isinstance(value, Tensor)}
        names = Counter(plain_name(name) for name, value in entries(self.leaves) if isinstance(value, Tensor))
        seen = [(name, value) for _, name, value in run.given] + [(one.name, one.value) for one in run.assignments]
        for name, value in seen:
            if name == RETURNED:
                continue
            self.variables[name] = value
            plain = plain_name(name)
            for tensor in [value] if isinstance(value, Tensor) else []:
                found = self.tensors.setdefault(plain, [])
                if not any(tensor is other for other in found):
                    found.append(tensor)
                if tensor.name is None and tensor is not self.loss:
                    tensor.named(name if names[plain] > 1 else plain)

    def _run(self, function: Callable[..., Any], inputs: dict[str, Any], left: Sequence[str] = ()) -> Any:
        """The recording of the forward pass, and its inputs as Tensors, but for those that are left alone."""
        leaves = {name: value if name in left else mapped(_tensor, value) for name, value in inputs.items()}
        return recorded(function, (), leaves), leaves

    def _loss(self, forward: Callable[..., Any]) -> Tensor:
        leaves = flatten(self.result)[0]
        for leaf in leaves:
            if isinstance(leaf, Tensor) and leaf.requires_grad and leaf.size == 1:
                return leaf if leaf.name else leaf.named("loss")
        shown = listed([str(getattr(leaf, "shape", type(leaf).__name__)) for leaf in leaves]) or "nothing"
        raise NonScalarError(
            f"{called(forward)} returned {shown}, {user_place()}, and no scalar Tensor that depends on its inputs: "
            "return the loss, or the loss and more."
        )

    def arguments_of(self, backward: Callable[..., Any]) -> dict[str, Any]:
        """The arguments for the backward function, by name."""
        extras = list(self.result) if isinstance(self.result, tuple) else []
        extras = [extra for extra in extras if extra is not self.loss]
        variables = {**self.variables, **(self.result if isinstance(self.result, dict) else {})}
        function, owner = _unbound(backward)
        memo: dict[int, Any] = {}
        arguments: dict[str, Any] = {}
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            if name in owner:
                # Of the object whose forward pass ran, as that has left it.
                is_same = any(owner[name] is one for one in self.owner)
                own = next(iter(self.leaves.values())) if is_same else owner[name]
                arguments[name] = mapped(_plain, own, memo)
            elif name in self.inputs:
                arguments[name] = mapped(_plain, self.inputs[name], memo)
            elif name in variables:
                arguments[name] = mapped(_plain, variables[name], memo)
            elif name in _UPSTREAM and parameter.default is parameter.empty:
                arguments[name] = np.ones(self.loss.shape)[()]
            elif parameter.default is parameter.empty and extras:
                arguments[name] = mapped(_plain, extras.pop(0), memo)
            elif parameter.default is parameter.empty:
                there = listed(sorted(filter(str.isidentifier, self.variables)))
                raise UnknownTensorError(
                    f"{called(backward)} takes {name}, {user_place()}, which is neither an input nor a variable of the "
                    f"forward pass nor returned by it; those are {there}."
                )
        return arguments

    def matched(self, results: Sequence[tuple[str | None, Any]], *, are_results: bool = True) -> dict[Tensor, Any]:
        """The Tensor that each result is the gradient of; or each variable, which says so by its name alone."""
        results = [(name, value) for name, value in results if value is not ...]
        found: dict[Tensor, Any] = {}
        rest = []
        for name, array in results:
            named = [] if name is None else variable_of(name, self.tensors, is_result=are_results) or []
            free = [tensor for tensor in named if tensor not in found]
            if free:
                found[max(free, key=lambda tensor: self._likeness(tensor, keys_of(name or ""), array))] = array
            elif whole := variable_of(name or "", self.integers, is_result=are_results):
                self.whole |= dict.fromkeys(whole)
            elif are_results and (number := variable_of(name or "", self.numbers, is_result=True)):
                self.plain |= [number]
            elif are_results:
                rest.append((name, array))
        # What is called grads["dA0"] was not meant for an input, if others are called as the inputs are.
        rest = [(name, array) for name, array in rest if not found or name is None or not name.endswith("']")]
        for _, array in rest:
            free = [leaf for leaf in self.keys if leaf.requires_grad and leaf not in found]
            free = [leaf for leaf in free if leaf.shape == np.shape(array)]
            if free:
                found[free[0]] = array
        return {tensor: array for tensor, array in found.items() if tensor.requires_grad}

    def _likeness(self, tensor: Tensor, keys: list[str], array: Any) -> tuple[int, bool]:
        """How well a result fits a Tensor of its name: by the keys that lead to both, and by the shape."""
        pairs = zip(reversed(self.keys.get(tensor, [])), reversed(keys), strict=False)
        alike = itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)
        return sum(1 for _ in alike), tensor.shape == np.shape(array)


def _unbound(function: Callable[..., Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
    """A method, or an object that can be called, as a function and the object as its first argument."""
    called, owner = getattr(function, "__func__", function), getattr(function, "__self__", None)
    if is_object(function):
        called, owner = type(function).__call__, function
    if not is_object(owner):
        return function, {}
    return called, {next(iter(inspect.signature(called).parameters)): owner}


def _named(forward: Callable[..., Any], inputs: Mapping[str, Any] | Sequence[Any]) -> dict[str, Any]:
    function, owner = _unbound(forward)
    taken = {
        name: parameter
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        and name not in owner
    }
    names = list(taken)
    if isinstance(inputs, Mapping):
        unknown = [str(name) for name in inputs if name not in names]
        if unknown:
            raise UnknownTensorError(
                f"{called(forward)} takes no {listed(unknown)}, {user_place()}; its arguments are {listed(names)}."
            )
        return _complete(forward, taken, dict(inputs))
    if not isinstance(inputs, list | tuple):
        raise DTypeError(
            f"check_backward was given a {type(inputs).__name__} of inputs, {user_place()}; it takes a dict that maps "
            'the names of arguments to arrays, such as {"X": X, "W1": W1}, or a list of them in their order.'
        )
    if len(inputs) > len(names):
        raise ShapeError(f"{called(forward)} takes {len(names)} arguments and was given {len(inputs)}, {user_place()}.")
    return _complete(forward, taken, dict(zip(names, inputs, strict=False)))


def _complete(
    forward: Callable[..., Any], taken: Mapping[str, inspect.Parameter], inputs: dict[str, Any]
) -> dict[str, Any]:
    """The inputs, if the function lacks none that it takes."""
    lacking = [name for name, one in taken.items() if name not in inputs and one.default is one.empty]
    if lacking:
        raise UnknownTensorError(
            f"{called(forward)} takes {listed(lacking)}, {user_place()}, and the inputs give "
            f"{listed(list(inputs)) or 'nothing'}: give a value for each of its arguments."
        )
    return inputs


def _tensor(array: Any) -> Any:
    """A Tensor that requires a gradient, of what is floating."""
    array = array.numpy() if isinstance(array, Tensor) else array
    is_floating = isinstance(array, np.ndarray | np.floating) and np.asarray(array).dtype.kind == "f"
    return Tensor(array, requires_grad=True) if is_floating else array


def _plain(value: Any) -> Any:
    return value.numpy()[()] if isinstance(value, Tensor) else kept(value)


def _notes(backward: Callable[..., Any], run: Recording) -> Iterator[str]:
    if run.error is not None:
        kind, words = type(run.error).__name__, " ".join(str(run.error).split())
        what, why = ("called exit()", "") if isinstance(run.error, SystemExit) else (f"raised {kind}", f": {words}")
        yield f"{called(backward)} {what} at line {run.error_line}{why}. What it had computed before that was checked."
    if run.printed:
        count = len(run.printed.splitlines())
        what = "a line, which is" if count == 1 else f"{count} lines, which are"
        yield f"{called(backward)} printed {what} not shown."


def _changes(backward: Callable[..., Any], arguments: dict[str, Any], before: dict[str, Any]) -> Iterator[str]:
    # An object may well keep the gradients that it computes.
    data = {
        name: value for name, value in arguments.items() if not any(is_object(one) for _, one in entries({"": value}))
    }
    changed = [name for name, value in data.items() if not is_as_before(value, before[name])]
    if changed:
        yield (
            f"{called(backward)} changes its argument{'s' if len(changed) > 1 else ''} {listed(changed)} in place: "
            "whoever calls it twice gets other gradients the second time. Work on a copy."
        )
