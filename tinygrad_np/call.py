"""One call of a function on Tensors of its own, and the gradients of its result: what every transform is made of.

    call = Call(f, arguments, {}, argnums=0)
    call.gradients([call.result], [seed])

The function runs on the call's variables, a Tensor for each leaf of the arguments; one that stands for a Tensor of the
caller that requires a gradient is connected to it. Gradients are those of the variables. They are recorded if anything
outside of the call can be differentiated; when the call is closed, nothing leads to it any more.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .engine import backward_steps
from .errors import DTypeError, GradientShapeError, NonScalarError, ShapeError, TinygradError, describe, described
from .frames import arose_in_ours, user_place
from .graph import NOT_KEPT, Node, between, enable_grad, state
from .ops.arrays.shape import identity
from .reading import reads_within, warn_of_lost
from .record import leaf_of, make_tensor, own_array, own_gradient, record
from .sentences import failure
from .tensor import Tensor
from .tree import Rebuild, flatten, flatten_numbers, leaf_paths

Function = Callable[..., Any]


class Call:
    """One call of the function on Tensors of its own, the variables, with what leads from them to its result."""

    def __init__(self, f: Function, arguments: tuple[Any, ...], keywords: Any, argnums: int | Sequence[int]) -> None:
        assert_function(f)
        self.caller_records = state.recording
        self.is_single = not isinstance(argnums, Sequence)
        self.variables: list[Tensor] = []
        self.names: list[str] = []
        self.trees: list[tuple[int, Rebuild]] = []
        self.given_tensors = False
        given = list(arguments)
        for argnum in _indices(argnums, len(arguments)):
            name = _name_of(f, argnum)
            leaves, rebuild, indices = flatten_numbers(arguments[argnum])
            paths = leaf_paths(arguments[argnum], name)
            if paths and not leaves:
                raise DTypeError(
                    f"a derivative with respect to {name}, {user_place()}: there is no floating number in it."
                )
            names = [paths[index] for index in indices]
            variables = [self._variable(leaf, path) for leaf, path in zip(leaves, names, strict=True)]
            self.variables += variables
            self.names += names
            self.trees.append((len(variables), rebuild))
            given[argnum] = rebuild(variables)
        with enable_grad(), reads_within(self.variables) as self.reads:
            self.result = _run(f, given, keywords)

    def _variable(self, leaf: Any, name: str) -> Tensor:
        """A Tensor of this call's own; connected to the one given if a gradient may flow on to it."""
        if isinstance(leaf, Tensor):
            self.given_tensors = True
            if leaf.requires_grad and self.caller_records:
                return record(identity, (leaf,))
        # A copy: the caller may change the array before the derivative is taken.
        array = own_array(leaf, None)
        if array.dtype.kind != "f":
            what = describe(array.shape, array.dtype, getattr(leaf, "name", None) or name)
            raise DTypeError(
                f"a derivative with respect to {what}, {user_place()}: only floating dtypes have one; write 1.0 "
                "instead of 1, or keep it out of the argument."
            )
        variable = leaf_of(array, requires_grad=True)
        # It is no leaf of the user's: a copy or a pickle of it would be cut off from this call.
        variable._noted().grad = NOT_KEPT
        return variable

    def warn_of_lost(self, outputs: Sequence[Tensor]) -> None:
        """Warn of a variable to which nothing leads from the outputs, and whose value was read off on the way."""
        if self.reads:
            warn_of_lost(self.reads, outputs, [*zip(self.names, self.variables, strict=True)])
            self.reads.clear()

    def close(self, more: Sequence[Tensor] = ()) -> None:
        """Make constants of the variables that are this call's alone: what is handed out leads nowhere through them."""
        for variable in (*self.variables, *more):
            if variable.is_leaf:
                variable._noted().requires_grad = False

    def paths(self, outputs: list[Tensor]) -> list[list[Node]]:
        """For each output the nodes through which a gradient flows to the variables."""
        return [_path(output, self.variables) for output in outputs]

    def is_recorded(self, values: Sequence[Any]) -> bool:
        """Whether anything outside of the call that led to the values can be differentiated, and the caller records."""
        return self.caller_records and any(_leads_outside(value, self.variables) for value in values)

    def gradients(
        self,
        outputs: list[Tensor],
        seeds: list[Any],
        recorded: bool | None = None,
        paths: list[list[Node]] | None = None,
    ) -> list[Any]:
        """The gradient for each variable, of the sum of outputs times seeds."""
        if recorded is None:
            recorded = self.is_recorded([*outputs, *seeds])
        return owned(gradients_of(outputs, seeds, self.variables, recorded, paths), recorded)

    def in_trees(self, gradients: list[Any]) -> Any:
        """The gradients in the trees of the arguments: a tuple of them, or the only one."""
        source = iter([self.handed_out(gradient) for gradient in gradients])
        trees = tuple(rebuild([next(source) for _ in range(count)]) for count, rebuild in self.trees)
        return trees[0] if self.is_single else trees

    def handed_out(self, value: Any) -> Any:
        """What the caller gets: arrays for arrays, Tensors for Tensors and wherever a gradient can flow on."""
        if not isinstance(value, Tensor):
            return make_tensor(value, None) if self.given_tensors and hasattr(value, "dtype") else value
        if self.is_recorded([value]):
            return value
        return value.detach() if self.given_tensors else value.numpy()


def assert_function(f: Any) -> None:
    """Raise DTypeError for what can't be called, and so not be differentiated."""
    if not callable(f):
        raise DTypeError(
            f"a derivative of a {type(f).__name__}, {user_place()}: give the function itself, as in tg.grad(f)(x), "
            "and not what it returned."
        )


def _run(f: Function, given: list[Any], keywords: Any) -> Any:
    """What f returns; where NumPy hid the sentence that a Tensor refused it with, that sentence."""
    try:
        return f(*given, **keywords)
    except (ValueError, TypeError) as error:
        refused = error.__cause__
        if isinstance(error, TinygradError):
            raise
        if isinstance(refused, TinygradError):
            raise refused.with_traceback(error.__traceback__) from None
        if arose_in_ours(error):
            # It could not even be called with these arguments.
            raise failure(error, getattr(f, "__name__", repr(f)), tuple(given), keywords) from None
        raise


def _name_of(f: Function, argnum: int) -> str:
    """What f calls an argument."""
    code = getattr(f, "__code__", None)
    named = code is not None and argnum < code.co_argcount and not hasattr(f, "__self__")
    return code.co_varnames[argnum] if code is not None and named else f"argument {argnum}"


def _indices(argnums: int | Sequence[int], count: int) -> list[int]:
    """The arguments that are meant, each by its index from the front."""
    try:
        given = [operator.index(argnum) for argnum in (argnums if isinstance(argnums, Sequence) else [argnums])]
    except TypeError:
        raise DTypeError(f"argnums={argnums!r} is neither a whole number nor several, {user_place()}.") from None
    for argnum in given:
        if not -count <= argnum < count:
            raise ShapeError(
                f"argnums={argnum}, but the function was given {count} arguments by position, {user_place()}."
            )
    indices = [argnum % count for argnum in given]
    if len(set(indices)) < len(indices):
        raise ShapeError(f"argnums={argnums} names an argument twice, {user_place()}.")
    return indices


def together(values: Sequence[Any], what: str) -> tuple[Any, ...]:
    """The inputs, or the tangents, of a function: a tuple with one for each argument."""
    if not isinstance(values, list | tuple):
        raise DTypeError(
            f"the {what} are to be a tuple with one for each argument, {user_place()}, and not a "
            f"{type(values).__name__}; of a single argument, (x,)."
        )
    return tuple(values)


def _path(output: Any, variables: list[Tensor]) -> list[Node]:
    """The nodes through which a gradient flows from an output to the variables."""
    root = output._node if isinstance(output, Tensor) else None
    return between(root, [variable._noted() for variable in variables]) if root and root.requires_grad else []


def gradients_of(
    outputs: list[Any],
    seeds: list[Any],
    variables: list[Tensor],
    recorded: bool,
    paths: list[list[Node]] | None = None,
) -> list[Any]:
    """The gradient for each variable, of the sum of outputs times seeds: Tensors if recorded, else arrays."""
    totals: list[Any] = [None] * len(variables)
    indices = {variable._noted(): index for index, variable in enumerate(variables)}
    before = state.recording
    state.recording = recorded
    try:
        for number, (output, seed) in enumerate(zip(outputs, seeds, strict=True)):
            nodes = paths[number] if paths is not None else _path(output, variables)
            if not nodes:
                continue
            if recorded and not isinstance(seed, Tensor):
                seed = make_tensor(seed, None)
            elif not recorded and isinstance(seed, Tensor):
                seed = seed.numpy()
            lift = make_tensor if recorded else None
            targets = None if recorded else indices
            for node, upstream, _ in backward_steps(output._node, seed, nodes=nodes, lift=lift, targets=targets):
                index = indices.get(node)
                if index is not None:
                    totals[index] = upstream if totals[index] is None else totals[index] + upstream
    finally:
        state.recording = before
    return [
        np.zeros(variable.shape, variable.dtype) if total is None else total
        for variable, total in zip(variables, totals, strict=True)
    ]


def _leads_outside(value: Any, variables: list[Tensor]) -> bool:
    """Whether a gradient of the value can flow to a leaf that is not one of the variables."""
    if not _needs_gradient(value):
        return False
    seen = {variable._node for variable in variables if variable.is_leaf}
    waiting = [value._node]
    while waiting:
        node = waiting.pop()
        if node not in seen:
            if node.plan is None:
                return True
            seen.add(node)
            waiting += [parent for parent in node.inputs if type(parent) is Node and parent.requires_grad]
    return False


def owned(gradients: list[Any], recorded: bool) -> list[Any]:
    """Arrays that share no memory; what is recorded does not change."""
    if recorded:
        return gradients
    shared: set[int] = set()
    return [own_gradient(gradient, shared) for gradient in gradients]


def _needs_gradient(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


def floating_outputs(result: Any) -> tuple[list[Tensor], Rebuild]:
    """The Tensors in the tree that the function returned; DTypeError if one is not floating."""
    leaves, rebuild, _ = flatten_numbers(result)
    return [_floating(leaf) for leaf in leaves], rebuild


def _floating(result: Any) -> Tensor:
    output = result if isinstance(result, Tensor) else leaf_of(own_array(result, None), requires_grad=False)
    if output.dtype.kind != "f":
        raise DTypeError(
            f"the function returned {described(output)}, {user_place()}: only floating results can be differentiated."
        )
    return output


def scalar(result: Any) -> Tensor:
    """The one Tensor of one floating element that the function returned; NonScalarError if it is not."""
    if isinstance(result, dict | list | tuple) or result is None:
        raise NonScalarError(
            f"the function returned a {type(result).__name__}, {user_place()}; a gradient is that of one number: "
            "return the loss alone, or (loss, the rest) with has_aux=True."
        )
    output = _floating(result)
    if output.size != 1:
        raise NonScalarError(
            f"the function returned {described(output)}, {user_place()}; a gradient is "
            "that of one number: reduce it, as with .sum(), or take tg.jacobian."
        )
    return output


def fitting(tree: Any, models: Sequence[Tensor], who: str, what: str) -> list[Any]:
    """The gradients or tangents in a tree given by the user, each in the shape and dtype of its model."""
    values = flatten(tree)[0]
    if len(values) != len(models):
        values = flatten_numbers(tree)[0]
    if len(values) != len(models):
        raise ShapeError(f"{who} was given {len(values)} arrays for {len(models)} {what}s, {user_place()}.")
    fitted = []
    for value, model in zip(values, models, strict=True):
        value = value if isinstance(value, Tensor) else own_array(value, None)
        if value.shape != model.shape:
            raise GradientShapeError(
                f"{who} was given an array of shape {value.shape}, {user_place()}, for "
                f"{described(model)}; it must have exactly the shape of the {what}."
            )
        fitted.append(value if value.dtype == model.dtype else value.astype(model.dtype))
    return fitted
