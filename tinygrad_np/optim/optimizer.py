"""Optimizer: what all optimisers share: parameters in groups, a state for each, the step, what is saved.

    class SignSGD(Optimizer):
        def change(self, p, g, state, lr=0.01):
            return lr * np.sign(g)

    optimizer = SignSGD(model.parameters(), lr=0.1)

An optimiser is what it takes away from a parameter p of gradient g: `change`, whose further arguments are its
hyperparameters. It is a formula in NumPy that never writes into an array: what `state_dict()` returned stays as it was.
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

import numpy as np

from ..errors import ParameterError, StateError, TrainingWarning, describe, listed
from ..frames import user_level, user_place
from ..graph import enable_grad
from ..graph import state as recording
from ..options import bind
from ..program.capture.watch import is_capturing
from ..reading import where_it_was_lost
from ..record import make_tensor
from ..sentences import in_a_sentence
from ..tensor import Tensor

Params = Iterable[Any]
"""Tensors, pairs of a name and a Tensor, or groups: dicts with `params` and their own hyperparameters."""

_AT_MOST = {"betas": math.nextafter(1.0, 0.0), "rho": 1.0}
"""The largest value of those hyperparameters that have one; none may be negative."""

_NEWER = frozenset({"maximize", "decoupled_weight_decay"})
"""Hyperparameters that states of PyTorch's of some years ago do not have."""


class Optimizer:
    """The base of all optimisers.

    Args:
        params: leaf Tensors that require a gradient, pairs (name, Tensor), or dicts with `params` and hyperparameters.
        hyperparameters: those of `change`, and `maximize`, to go up instead of down.

    Attributes: `param_groups`, a list of dicts whose values may be changed between steps; `state`, for each parameter a
    dict of Tensors, which a compiled step may change.

    Raises ParameterError for no parameters, one given twice, a tensor that is not a leaf, a negative learning rate.
    """

    __signature__: ClassVar[inspect.Signature]

    def __init_subclass__(cls) -> None:
        kinds = inspect.Parameter
        hyperparameters = list(inspect.signature(cls.change).parameters.values())[4:]
        by_place = [one for one in hyperparameters if one.kind is not kinds.KEYWORD_ONLY]
        by_name = [one for one in hyperparameters if one.kind is kinds.KEYWORD_ONLY]
        params = kinds("params", kinds.POSITIONAL_OR_KEYWORD)
        maximize = kinds("maximize", kinds.KEYWORD_ONLY, default=False)
        cls.__signature__ = inspect.Signature([params, *by_place, maximize, *by_name])

    @in_a_sentence
    def __init__(self, params: Params, *values: Any, **hyperparameters: Any) -> None:
        bound = bind(type(self), self.__signature__, (params, *values), hyperparameters)
        bound.apply_defaults()
        self.defaults = {name: value for name, value in bound.arguments.items() if name != "params"}
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        self._discarded = False
        self._has_stepped = False
        self._passes = recording.passes
        members = self._listed(params)
        for group in members if isinstance(members[0], dict) else [{"params": members}]:
            self.add_param_group(group)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in vars(self).get("defaults", ()):
            raise ParameterError(
                f"{type(self).__name__}.{name} was set, {user_place()}, where no step would read it: a hyperparameter "
                f"is set in each group, as in optimizer.param_groups[0][{name!r}] = {value!r}."
            )
        super().__setattr__(name, value)

    def change(self, *arrays: Any, **hyperparameters: Any) -> Any:
        """What a step takes away from a parameter p of gradient g; it may set `state[...]`."""
        raise NotImplementedError(f"{type(self).__name__} has no formula: define change(self, p, g, state, lr=0.1).")

    @in_a_sentence
    def add_param_group(self, group: dict[str, Any]) -> None:
        """Add parameters with hyperparameters of their own: `{"params": [...], "lr": 0.01}`."""
        what = type(self).__name__
        if not isinstance(group, dict) or "params" not in group:
            raise ParameterError(f"{what} was given {group!r} as a group, {user_place()}; give a dict with 'params'.")
        unknown = sorted(set(group) - set(self.defaults) - {"params", "name", "initial_lr"})
        if unknown:
            raise ParameterError(
                f"{what} has no hyperparameter {listed(unknown)}, {user_place()}; it has {listed(list(self.defaults))}."
            )
        params = group["params"]
        members = self._listed([params] if isinstance(params, Tensor) else params)
        members = [member[1] if isinstance(member, tuple) and len(member) == 2 else member for member in members]
        known = {id(p) for p in self._parameters()}
        for index, p in enumerate(members):
            self._check_parameter(p, index, known)
            known.add(id(p))
        group = {**self.defaults, **group, "params": members}
        for name, value in group.items():
            example: Any = getattr(self.__signature__.parameters.get(name), "default", None)
            several = value if isinstance(value, tuple | list) and name != "params" else (value,)
            fault, numbers = "", [one for one in several if _is_number(one)]
            if type(example) in (int, float, tuple) and len(numbers) != np.size(example):
                fault = f"it takes {example!r}, say"
            elif name not in ("params", "maximize") and not all(
                0 <= one <= _AT_MOST.get(name, math.inf) for one in numbers if isinstance(one, int | float | np.number)
            ):
                fault = "it is out of range"
            if fault:
                raise ParameterError(f"{what} can't work with {name}={value!r}, {user_place()}: {fault}.")
        self.param_groups.append(group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, as each step of a training loop begins; if not `set_to_none`, make them zeros."""
        for p in self._parameters():
            if set_to_none and is_capturing():
                p.grad = None  # Whatever it was: the program holds for all of it.
            elif p.grad is not None:
                self._discarded = self._discarded or p._noted().spent is not p.grad
                p.grad = None if set_to_none else np.zeros_like(p.grad)

    @in_a_sentence
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient; returns the loss of `closure`, which computes it anew.

        Warns (TrainingWarning) of a gradient that an earlier step has used and that another was added to, and in the
        first step of a parameter that got none. A gradient of NaN is applied, as in PyTorch.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        self._notice_missing()
        self._notice_leftovers()
        for group in self.param_groups:
            hyperparameters = {name: group[name] for name in self.defaults if name != "maximize"}
            for p in group["params"]:
                g = p.grad
                if g is not None:
                    if not is_capturing():
                        p._noted().spent = g
                    state = self.state.setdefault(p, {})
                    values = _State({name: kept._data for name, kept in state.items()})
                    p.data -= self.change(p.data, -g if group["maximize"] else g, values, **hyperparameters)
                    for name, value in values.items():
                        if name in state:
                            state[name]._data = value
                        else:
                            state[name] = make_tensor(values.begun(name) if is_capturing() else value, None)
        return loss

    def state_dict(self) -> dict[str, Any]:
        """All that another optimiser needs to go on in the same way, in the form of PyTorch's."""
        number = {p: index for index, p in enumerate(self._parameters())}
        return {
            "state": {number[p]: {name: kept._data for name, kept in state.items()} for p, state in self.state.items()},
            "param_groups": [{**group, "params": [number[p] for p in group["params"]]} for group in self.param_groups],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state, of this class or of PyTorch's of the same name (its tensors as arrays): all or nothing.

        Raises StateError where groups, parameters or shapes are others.
        """
        what = f"the state for {type(self).__name__}"
        try:
            groups, states = list(state_dict["param_groups"]), dict(state_dict["state"])
            sizes = [len(group["params"]) for group in groups]
            order = [index for group in groups for index in group["params"]]
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"{what} is not an optimiser's state_dict(), {user_place()}: {error}.") from None
        if sizes != [len(group["params"]) for group in self.param_groups]:
            raise StateError(
                f"{what} has groups of {sizes} parameters, {user_place()}, but the optimiser has "
                f"{[len(group['params']) for group in self.param_groups]}; make it as the saved one was made."
            )
        missing = {name for name in self.defaults for group in groups if name not in group} - _NEWER
        if missing:
            raise StateError(f"{what} lacks {listed(sorted(missing))}, {user_place()}: it is another optimiser's.")
        loaded: dict[Tensor, dict[str, Any]] = {}
        for index, p in zip(order, self._parameters(), strict=True):
            own = states.get(index, states.get(str(index)))
            if own:
                loaded[p] = {
                    name: make_tensor(self._fitting(name, value, p, index, what), None)
                    for name, value in own.items()
                    if value is not None
                }
        for group, saved in zip(self.param_groups, groups, strict=True):
            kept = {*self.defaults, "initial_lr"} & set(saved)
            group.update({name: _plain(saved[name]) for name in kept})
        self.state = loaded
        self._has_stepped = self._has_stepped or bool(loaded)

    def __repr__(self) -> str:
        shown = [
            f"{len(group['params'])} parameters, "
            + ", ".join(f"{name}={value!r}" for name, value in group.items() if name != "params")
            for group in self.param_groups
        ]
        return f"{type(self).__name__}({'; '.join(shown)})"

    def _parameters(self) -> Iterator[Tensor]:
        return (p for group in self.param_groups for p in group["params"])

    def _listed(self, params: Any) -> list[Any]:
        what = type(self).__name__
        if isinstance(params, Tensor | np.ndarray | dict | str | set | frozenset) or not hasattr(params, "__iter__"):
            raise ParameterError(
                f"{what} was given a {type(params).__name__} as its parameters, {user_place()}; give a list of "
                "Tensors, whose order is what a saved state goes by."
            )
        members = list(params)
        if not members:
            raise ParameterError(
                f"{what} was given no parameters, {user_place()}. An iterator can be read once only: call "
                "model.parameters() again, or keep list(model.parameters())."
            )
        return members

    def _check_parameter(self, p: Any, index: int, known: set[int]) -> None:
        what = type(self).__name__
        if not isinstance(p, Tensor):
            raise ParameterError(
                f"{what} was given a {type(p).__name__} as parameter {index}, {user_place()}; it changes Tensors alone."
            )
        named = describe(p.shape, p.dtype, p.name)
        if not p.is_leaf:
            raise ParameterError(
                f"{what} was given {named}, {user_place()}, which was computed ({p._noted().operation}): a change of "
                "it would be lost. Give the leaves it was computed from, or make the Tensor with requires_grad=True."
            )
        if p.dtype.kind != "f":
            raise ParameterError(f"{what} was given {named}, {user_place()}: only floating dtypes have a gradient.")
        if id(p) in known:
            raise ParameterError(
                f"{what} was given {named} twice, {user_place()}: it would be changed twice a step. "
                "Give shared parameters once."
            )

    def _fitting(self, name: str, value: Any, p: Tensor, index: int, what: str) -> Any:
        """A value of a saved state as this parameter's: of its dtype, and of its shape or a single number."""
        array = np.asarray(value.data if isinstance(value, Tensor) else value)
        if array.dtype.kind not in "fiu" or array.shape not in ((), p.shape):
            raise StateError(
                f"{what} has for parameter {index} a {name} of shape {array.shape} {array.dtype}, {user_place()}, but "
                f"the parameter is {describe(p.shape, p.dtype, p.name)}."
            )
        return np.float64(array) if name in ("step", "mu_product") else array.astype(p.dtype)

    def _notice(self, what: str) -> None:
        sentence = f"step() of {type(self).__name__}, {user_place()}: {what}"
        warnings.warn(sentence, TrainingWarning, stacklevel=user_level())

    def _notice_missing(self) -> None:
        discarded, self._discarded = self._discarded, False
        parameters = list(self._parameters())
        if all(p.grad is None for p in parameters):
            is_read = any(p._noted().awaited for p in parameters)
            if discarded:
                self._notice(
                    "zero_grad() forgot the gradients before a step used them, and nothing is changed. The order is "
                    "zero_grad(), backward(), step()."
                )
            elif not is_read and recording.passes > self._passes and not (self._has_stepped or is_capturing()):
                self._has_stepped = True
                self._notice(
                    "a backward pass has run, but no operation has read any of its parameters, and nothing is changed: "
                    "they are another model's, or this one was made anew. Give it the parameters() of the model that "
                    "computes the loss."
                )
            if not is_read:
                return
        if self._has_stepped:
            return
        self._has_stepped = True
        for index, p in enumerate(parameters):
            if p.requires_grad and p.grad is None:
                reason = (
                    "operations have read it, but no backward pass reached it: backward() was not called, or the path "
                    "from the loss is cut by detach(), no_grad() or t.numpy(). tg.explain(loss, parameter) looks for "
                    "the cut."
                    if p._noted().awaited
                    else "no operation has read it: is it left out of the forward pass, or has another taken its place?"
                )
                named = describe(p.shape, p.dtype, p.name or f"parameter {index}")
                lost = where_it_was_lost("the loss", earlier=True)
                self._notice(f"{named} has no gradient and stays as it is: {reason}{lost}")

    def _notice_leftovers(self) -> None:
        if is_capturing():
            return  # The program holds for gradients of any value, and what a capture notes must not outlive it.
        for index, p in enumerate(self._parameters()):
            spent = p._noted().spent
            if spent is None or spent is p.grad:
                continue
            p._noted().spent = None
            if spent.any():
                named = describe(p.shape, p.dtype, p.name or f"parameter {index}")
                self._notice(
                    f"the gradient of {named} still contains the one that an earlier step has used. Call "
                    "optimizer.zero_grad() between step() and the next backward()."
                )
                return


class _State(dict[str, Any]):
    """What an optimiser keeps of a parameter, as arrays; it knows with what its formula begins."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.first: dict[str, Any] = {}

    def get(self, name: str, default: Any = None) -> Any:
        """The value, or else that of the first step."""
        self.first[name] = getattr(default, "value", default)  # Of what is captured, as it is now.
        return super().get(name, default)

    def begun(self, name: str) -> Any:
        """The array before the first step, which a program changes in each; the new value if the formula has none."""
        value, first = self[name], self.first.get(name)
        is_number = isinstance(first, int | float | np.ndarray | np.generic)
        return np.full(value.shape, first, value.dtype) if is_number else value


def _plain(value: Any) -> Any:
    """A hyperparameter as it was before it was saved: numbers of NumPy as Python's, lists as tuples."""
    if isinstance(value, list | tuple):
        return tuple(_plain(one) for one in value)
    return value.item() if isinstance(value, np.ndarray | np.generic) and value.ndim == 0 else value


def _is_number(value: Any) -> bool:
    """Whether this is a number, or an array or a Tensor of one."""
    return isinstance(value, int | float) or (
        hasattr(value, "shape") and math.prod(value.shape) == 1 and value.dtype.kind in "biuf"
    )
