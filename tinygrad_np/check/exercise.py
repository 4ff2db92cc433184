"""Exercises: the backward function of a forward pass, with right-hand sides left blank, ready to be filled in.

    print(tg.exercise(forward, inputs))

The lines are those of the compiled derivative (program/), in the names of the forward pass: what `forward` computed
becomes an argument, and of the rest only what the gradients need is kept. The solution has been checked against the
forward pass before it is handed out.
"""

from __future__ import annotations

import ast
import linecache
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from ..errors import CaptureError, ExerciseError, listed
from ..formula import text as as_text
from ..frames import user_place
from ..program import compile as compiled
from ..program.emit.code import Code
from ..transforms import grad
from ..tree import flatten
from .backward import _Forward, check_backward
from .gradcheck import called
from .recording import recorded

BLANKS = ("all", "some", "signature")
DATA = {"x", "y", "t", "xb", "yb", "eps", "noise", "inputs", "target", "targets", "labels", "data"}
"""What data is called, whose gradients are not asked for unless `gradients` names them."""

_number = count(1)


@dataclass(frozen=True)
class Exercise:
    """A backward function to be filled in: `source`; its `solution`; and the `blanks`, the names to be filled in."""

    source: Code
    solution: Code
    blanks: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The exercise as plain data."""
        return {"source": str(self.source), "solution": str(self.solution), "blanks": list(self.blanks)}

    def __str__(self) -> str:
        return str(self.source)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return self.source._repr_html_()


class _Line(NamedTuple):
    """A statement of the derivative: what it assigns, its text, what it reads, whether it is of the backward pass, the
    line of the forward pass that it comes from, and the shape of what it gives.
    """

    target: str
    text: str
    reads: frozenset[str]
    is_gradient: bool
    origin: str
    shape: tuple[int, ...] | None


def exercise(
    forward: Callable[..., Any],
    inputs: Mapping[str, Any] | Sequence[Any],
    *,
    blanks: str = "all",
    gradients: Sequence[str] | None = None,
    name: str = "backward",
) -> Exercise:
    """The backward function of a forward pass, with right-hand sides left blank: `dZ1 = ...`.

    Filled in, it is checked by `tg.check_backward(forward, backward, inputs)`, which tells what is still blank. It
    takes what it needs of the inputs and of the variables of `forward`, by their names.

    Args:
        forward: returns the loss, or a tuple of the loss and more.
        inputs: its arguments, by name or by position, as for `check_backward`.
        blanks: "all" right-hand sides; "some", every other one; or "signature", the arguments and the results alone.
        gradients: the names of the inputs whose gradients it returns; all floating ones if left out, without data
            such as X and Y.
        name: what the function is called.

    Raises ExerciseError if `forward` can't be compiled, or for a name that is not a floating input.

    >>> import numpy as np, tinygrad_np as tg
    >>> def forward(X, Y, W):
    ...     A = np.tanh(X @ W)
    ...     return np.mean((A - Y) ** 2)
    >>> print(tg.exercise(forward, {"X": np.ones((4, 2)), "Y": np.zeros((4, 1)), "W": np.full((2, 1), 0.5)}))
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def backward(X, Y, A):
        \"\"\"The gradients of forward's loss: returns dW.\"\"\"
        dA = ...  # (4, 1)
        dW = ...  # (2, 1), by A = np.tanh(X @ W)
        return dW
    <BLANKLINE>
    """
    if blanks not in BLANKS:
        raise ExerciseError(
            f"exercise takes blanks={', '.join(map(repr, BLANKS))}, and not {blanks!r}, {user_place()}."
        )
    passed = _Forward(forward, inputs)
    wanted = _wanted(passed.inputs, gradients)
    for exact in (False, True):
        try:
            derivation = _Derivation(forward, passed, wanted, name, exact)
        except CaptureError as error:
            raise ExerciseError(f"no exercise can be made of {called(forward)}, {user_place()}: {error}") from None
        if derivation.is_right():
            return derivation.exercise(blanks)
    raise ExerciseError(
        f"the backward function derived for {called(forward)} does not reproduce its gradients, {user_place()}: inputs "
        "at kinks or ties, where the slope is a matter of choice, can't be exercises; take random ones."
    )


def _wanted(inputs: Mapping[str, Any], gradients: Sequence[str] | None) -> list[str]:
    floating = [name for name, value in inputs.items() if any(_is_floating(leaf) for leaf in flatten(value)[0])]
    if gradients is None:
        return [name for name in floating if name.lower() not in DATA] or floating
    unknown = [name for name in gradients if name not in floating]
    if unknown:
        raise ExerciseError(
            f"exercise was asked for the gradient of {listed(unknown)}, {user_place()}; the floating inputs are "
            f"{listed(floating)}."
        )
    return list(gradients)


class _Derivation:
    """The derivative of a forward pass as a program, and what of it makes a backward function."""

    def __init__(
        self, forward: Callable[..., Any], passed: _Forward, wanted: list[str], name: str, exact: bool
    ) -> None:
        self.forward, self.passed, self.name = forward, passed, name
        # A Python float would be written into the program as a number.
        values = {key: np.float64(one) if isinstance(one, float) else one for key, one in passed.inputs.items()}

        def derivative(values: dict[str, Any]) -> Any:
            def loss(chosen: dict[str, Any]) -> Any:
                result = forward(**{**values, **chosen})
                return result[0] if isinstance(result, tuple) else result

            return grad(loss)({key: values[key] for key in wanted})

        derive = compiled(derivative, verify=False, exact=exact)
        derive(values)
        tree = ast.parse(derive.source)
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        self.main = functions[0]
        self.helpers = {one.name: one for one in functions[1:] if not one.name.startswith(f"{self.main.name}_for_")}
        self.imports = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        parameters = [argument.arg for argument in self.main.args.args]
        paths = [path for key, one in values.items() for path in _array_paths(key, one)]
        self.inputs = dict(zip(parameters, [path for path, _ in paths], strict=False))
        given = [*(leaf for _, leaf in paths), *derive.constants]
        self.constants = dict(zip(parameters[len(paths) :], derive.constants, strict=True))
        self.results = _results(self.main)
        self.lines = list(self._lines(derive.source, given))
        # Variables of a helper are not the forward pass's own.
        own = getattr(getattr(forward, "__code__", None), "co_varnames", passed.variables)
        self.held = {key: _plain(one) for key, one in passed.variables.items() if key in own}

    def _lines(self, source: str, given: list[Any]) -> Iterator[_Line]:
        """The assignments of the program, each with the shape that it gives."""
        namespace: dict[str, Any] = {}
        exec(source, namespace)
        run = recorded(namespace[self.main.name], tuple(given), {})
        self.values = {one.name: one.value for one in run.assignments}
        physical = source.splitlines()
        for node in self.main.body:
            if not isinstance(node, ast.Assign):
                continue
            targets = [one.id for one in ast.walk(node.targets[0]) if isinstance(one, ast.Name)]
            comment = physical[node.lineno - 1].rpartition("# ")[2]
            first = physical[node.lineno - 1].strip()
            text = first.partition("  #")[0].rstrip() if node.lineno == node.end_lineno else ast.unparse(node)
            reads = {one.id for one in ast.walk(node.value) if isinstance(one, ast.Name)}
            shape = np.shape(self.values.get(targets[0], 0.0))
            for target in targets:
                yield _Line(target, text, frozenset(reads), "gradient of" in comment, self._origin(comment), shape)

    def _origin(self, comment: str) -> str:
        """The statement of the forward pass that a comment names."""
        match = re.search(r"(?:^|of )line (\d+)$", comment)
        code = getattr(self.forward, "__code__", None)
        text = linecache.getline(code.co_filename, int(match[1])).strip() if match and code is not None else ""
        return "" if text.startswith("return") else text

    def is_held(self, name: str) -> bool:
        """Whether a variable of the forward pass has the value that the program computes under this name."""
        value = self.values.get(name)
        return name in self.held and _same(value, self.held[name])

    def needed(self, asked: Sequence[str], given: frozenset[str] = frozenset()) -> tuple[list[_Line], list[str]]:
        """The lines that compute these names, as far as they are not given, and the arguments that the lines need."""
        wanted, kept = set(asked), []
        for line in reversed(self.lines):
            if (
                line.target in wanted
                and line.target not in given
                and not (self.is_held(line.target) and not line.is_gradient)
            ):
                kept.append(line)
                wanted |= line.reads
        kept.reverse()
        made = {line.target for line in kept}
        return kept, [name for name in (*self.inputs, *self.constants, *self.held) if name in wanted - made - given]

    @property
    def asked(self) -> list[str]:
        """The names that an exercise asks for: the gradients of the forward pass's variables, and those returned."""
        lines, _ = self.needed(self.results)
        known = {*self.held, *self.inputs}
        named = [one.target for one in lines if one.is_gradient]
        return [one for one in dict.fromkeys(named) if one in self.results or one.removeprefix("d") in known]

    def exercise(self, blanks: str) -> Exercise:
        """The exercise, with these blanks."""
        whole, arguments = self.needed(self.results)
        solution = self._text(arguments, [line.text for line in _once(whole)], whole)
        asked = self.asked
        told = {line.target: line for line in whole}
        if blanks == "signature":
            body = [f"{' = '.join(self.results)} = ..."]
            return Exercise(self._text(arguments, body, []), solution, tuple(self.results))
        left = asked if blanks == "all" else asked[::2]
        given, _ = self.needed([one for one in asked if one not in left], frozenset(left))
        lines = [line for line in _once(whole) if line.target in left or line in given]
        body = [_blank(told[line.target]) if line.target in left else line.text for line in lines]
        return Exercise(self._text(arguments, body, given), solution, tuple(left))

    def _text(self, arguments: list[str], body: list[str], lines: Sequence[_Line]) -> Code:
        """The source of a function with these arguments and this body."""
        roots = dict.fromkeys(self.inputs.get(name, name).partition("[")[0] for name in arguments)
        parameters = [name for name in roots if name not in self.constants]
        unpacked = [f"{name} = {self.inputs[name]}" for name in arguments if self.inputs.get(name, name) != name]
        unpacked += [f"{name} = {as_text(self.constants[name])}" for name in arguments if name in self.constants]
        doc = f'"""The gradients of {called(self.forward)}\'s loss: returns {", ".join(self.results)}."""'
        rows = [f"def {self.name}({', '.join(parameters)}):", *(f"    {one}" for one in [doc, *unpacked, *body])]
        rows.append(f"    return {', '.join(self.results)}")
        helpers = self._helpers({name for line in lines for name in line.reads})
        imports = [one for one in self.imports if one != "import math" or any("math." in text for text in helpers)]
        return Code("\n\n\n".join(["\n".join(imports), "\n".join(rows), *helpers]) + "\n")

    def _helpers(self, names: set[str]) -> list[str]:
        """The functions that these names call, and those that they call."""
        found: dict[str, str] = {}
        waiting = sorted(names & self.helpers.keys())
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = ast.unparse(self.helpers[name])
                inner = {one.id for one in ast.walk(self.helpers[name]) if isinstance(one, ast.Name)}
                waiting += sorted(inner & self.helpers.keys())
        return list(found.values())

    def is_right(self) -> bool:
        """Whether the solution gives the gradients of the forward pass."""
        function = function_of(self.exercise("all").solution, self.name)
        return bool(check_backward(self.forward, function, self.passed.inputs))


def function_of(source: str, name: str) -> Callable[..., Any]:
    """The function of this name in a source, which tracebacks and checks can read."""
    file = f"<exercise {next(_number)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {}
    exec(compile(source, file, "exec"), namespace)
    function = namespace[name]
    assert isinstance(function, types.FunctionType)
    return function


def _results(main: ast.FunctionDef) -> list[str]:
    """The names that a function returns."""
    last = main.body[-1]
    assert isinstance(last, ast.Return)
    return [one.id for one in ast.walk(last) if isinstance(one, ast.Name)]


def _array_paths(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The arrays in a tree, each with the expression that reads it."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _array_paths(f"{name}[{key!r}]", one)
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            yield from _array_paths(f"{name}[{index}]", one)
    elif isinstance(value, np.ndarray | np.generic):
        yield name, value


def _once(lines: Sequence[_Line]) -> list[_Line]:
    """The lines without those that assign several names told once more."""
    return list({line.text: line for line in lines}.values())


def _blank(line: _Line) -> str:
    origin = f", by {line.origin}" if line.origin else ""
    return f"{line.target} = ...  # {line.shape}{origin}"


def _is_floating(leaf: Any) -> bool:
    return isinstance(leaf, np.ndarray | np.floating) and leaf.dtype.kind == "f"


def _plain(value: Any) -> Any:
    return getattr(value, "_data", value)


def _same(one: Any, other: Any) -> bool:
    try:
        return np.shape(one) == np.shape(other) and bool(np.allclose(one, other, rtol=1e-9, atol=0, equal_nan=True))
    except (TypeError, ValueError):
        return False
