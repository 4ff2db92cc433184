"""Module: what a network is made of. It holds parameters and other modules, and says how to compute its result.

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = nn.Linear(2, 8)
            self.out = nn.Linear(8, 1)

        def forward(self, x):
            return self.out(np.tanh(self.hidden(x)))

Nothing is registered: parameters and modules are found where they are, in attributes and in plain lists, tuples and
dicts, at the moment they are asked for. Their names are paths, `hidden.weight`, `layers.0.bias`.
"""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..errors import FORWARD_FAILURES, DTypeError, ModuleError, StateError, TinygradError, listed
from ..exposure import clock
from ..frames import is_our_module, user_place
from ..graph import state
from ..options import SIZES, bind
from ..sentences import in_a_sentence, whole_number
from ..tensor import Tensor
from .parameter import is_parameter, not_learned
from .running import note_scope, running, told

Self = TypeVar("Self", bound="Module")


class Keys(NamedTuple):
    """The keys of a state that a module did not find, and those that it has no place for."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module:
    """The base of all layers and networks: write `__init__`, which begins with `super().__init__()`, and `forward`.

    Options that are given to `Module.__init__` become attributes, and `repr` shows them; arrays among them are buffers.

    Raises ModuleError where `super().__init__()` was forgotten, where an attribute would hide a method, or where a
    parameter stands in a place in which it would not be found.

    >>> import numpy as np
    >>> from tinygrad_np import nn
    >>> class Scale(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factors = [nn.Parameter([2.0, 3.0])]
    ...     def forward(self, x):
    ...         return x * self.factors[0]
    >>> scale = Scale()
    >>> scale(np.ones(2)).sum().backward()
    >>> [(name, parameter.grad) for name, parameter in scale.named_parameters()]
    [('factors.0', array([1., 1.]))]
    """

    training: bool
    _buffers: dict[str, bool]

    def __new__(cls: type[Self], *arguments: Any, **options: Any) -> Self:
        """Check the arguments of a layer; copies and pickles are made without any."""
        if arguments or options:
            bind(cls, inspect.signature(cls), arguments, options)
        return super().__new__(cls)

    def __init__(self, **options: Any) -> None:
        vars(self).update(training=True, _buffers={})
        for name, value in options.items():
            if name in SIZES:
                value = whole_number(f"{type(self).__name__}'s {name}", value, SIZES[name])
            if isinstance(value, np.generic):
                value = value.item()
            if isinstance(value, list) or hasattr(value, "dtype"):
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if is_our_module(cls.__module__):  # Before Python 3.11 a signature is that of an inherited __new__.
            cls.__init__ = in_a_sentence(cls.__init__)  # type: ignore[method-assign]

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """The result for these inputs; subclasses write it."""
        raise ModuleError(f"{type(self).__name__} has no forward(), {user_place()}: write `def forward(self, x): ...`.")

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Run `forward`."""
        running.modules.append(self)
        first = next(clock)
        try:
            result = self.forward(*inputs, **named)
            if state.recording:
                note_scope(result, first)
            if running.watcher is not None:
                running.watcher(self, result)
            return result
        except (TinygradError, *FORWARD_FAILURES) as error:
            sentence = told(error, inputs)
            if sentence is error:
                raise
            raise sentence from None
        finally:
            running.modules.pop()

    # What it holds.

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """All modules by their paths, each once: itself, named "", and those within it."""
        seen = set()
        for path, module, _ in _walk(self):
            if id(module) not in seen:
                seen.add(id(module))
                yield path, module

    def modules(self) -> Iterator[Module]:
        """All modules, each once: itself and those within it."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules that this one holds itself, by the paths of their places in it."""
        return ((name, value) for name, value in next(_walk(self))[2] if isinstance(value, Module))

    def children(self) -> Iterator[Module]:
        """The modules that this one holds itself."""
        return (module for _, module in self.named_children())

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """All parameters by their paths; one that is shared has the first of its names, and comes once."""
        found: dict[int, tuple[str, Tensor]] = {}
        hidden: list[Leaf] = []
        modules = set()
        for path, module, leaves in _walk(self):
            modules.add(id(module))
            for name, value in _parameters(module, leaves):
                found.setdefault(id(value), (_joined(path, name), value))
            hidden += [(_joined(path, inner), one) for name, leaf in leaves for inner, one in _hidden(name, leaf)]
        for path, one in hidden:
            if id(one) not in found and id(one) not in modules:
                raise ModuleError(
                    f"{path} of {type(self).__name__}, {user_place()}, would not be trained: it is where it is not "
                    "looked for; keep it in an attribute, a list, a tuple or a dict, or in an nn.Module."
                )
        return iter(found.values())

    def parameters(self) -> Iterator[Tensor]:
        """All parameters, each once."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """All buffers by their paths."""
        return self._tensors(_buffers)

    def buffers(self) -> Iterator[Tensor]:
        """All buffers: what belongs to the state and is not learned."""
        return (buffer for _, buffer in self.named_buffers())

    @in_a_sentence
    def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
        """Keep an array as the attribute `name`, as a part of the state unless it is not `persistent`."""
        self._buffers[name] = persistent
        setattr(self, name, tensor)

    @in_a_sentence
    def register_parameter(self, name: str, parameter: Tensor | None) -> None:
        """Keep a parameter as the attribute `name`, or say with None that there is none."""
        setattr(self, name, parameter)

    @in_a_sentence
    def add_module(self, name: str, module: Module | None) -> None:
        """Keep a module as the attribute `name`."""
        setattr(self, name, module)

    def _tensors(
        self, of: Callable[[Module, list[Leaf]], Iterator[tuple[str, Tensor]]]
    ) -> Iterator[tuple[str, Tensor]]:
        """The tensors of each module by their paths, as often as they have a name."""
        walk = _walk(self)
        return ((_joined(path, name), value) for path, module, leaves in walk for name, value in of(module, leaves))

    # What is done to all of it.

    def train(self: Self, mode: bool = True) -> Self:
        """Behave as in training (dropout drops, batch norm learns its statistics), or not."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: Self) -> Self:
        """Behave as in use, not as in training."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Let all parameters require a gradient, or freeze them."""
        for parameter in list(self.parameters()):
            parameter._noted().requires_grad = requires_grad
        return self

    @in_a_sentence
    def apply(self: Self, function: Callable[[Module], Any]) -> Self:
        """Call `function` with each module within this one, and then with this one."""
        for module in reversed(list(self.modules())):
            function(module)
        return self

    # Its state.

    def state_dict(self) -> dict[str, Any]:
        """The arrays of all parameters and buffers, by their paths: copies, which later training does not change."""
        return {path: tensor.numpy() for path, tensor in self._state().items()}

    @in_a_sentence
    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> Keys:
        """Take over the values of a state, all of them or, if something does not fit, none.

        Args:
            state_dict: an array, a Tensor, or a tensor of PyTorch for each key of `self.state_dict()`.
            strict: whether missing and unexpected keys are an error. Shapes must fit either way.

        Raises StateError, which names all keys that are missing, unexpected or misshaped.
        """
        if not isinstance(state_dict, Mapping):
            raise StateError(f"a state is a dict of arrays, {user_place()}, not a {type(state_dict).__name__}.")
        own = self._state()
        missing = [key for key in own if key not in state_dict]
        unexpected = [key for key in state_dict if key not in own]
        faults = [f"{listed(missing)} missing"] * bool(strict and missing)
        faults += [f"{listed(unexpected)} unexpected"] * bool(strict and unexpected)
        arrays = {}
        for key, tensor in own.items():
            if key not in state_dict:
                continue
            try:
                array = Tensor(state_dict[key]).numpy()
            except DTypeError:
                faults.append(f"{key} is not an array of numbers")
                continue
            if array.shape != tensor.shape:
                faults.append(f"{key} has the shape {array.shape} instead of {tensor.shape}")
            elif not np.can_cast(array.dtype, tensor.dtype, "same_kind"):
                faults.append(f"{key} is {array.dtype} instead of {tensor.dtype}")
            arrays[key] = array
        if faults:
            raise StateError(
                f"the state does not fit {type(self).__name__}, {user_place()}, which stays as it was: "
                f"{'; '.join(faults)}."
            )
        for key, array in arrays.items():
            own[key].data = array
        return Keys(missing, unexpected)

    def _state(self) -> dict[str, Tensor]:
        list(self.named_parameters())
        state: dict[str, Tensor] = {}
        for path, tensor in self._tensors(_state):
            if path in state:
                raise ModuleError(f"two tensors of {type(self).__name__} have the path {path}, {user_place()}.")
            state[path] = tensor
        return state

    # Attributes.

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _METHODS and name != "forward":
            raise ModuleError(
                f"{type(self).__name__}.{name} can't be assigned, {user_place()}: it would hide the method {name}() "
                "that every module has; choose another name."
            )
        if isinstance(value, Module | Tensor) and "_buffers" not in vars(self):
            raise _not_initialized(self)
        if value is not None and name in vars(self).get("_buffers", ()) and not isinstance(value, Tensor):
            value = Tensor(value, name=name)
        if is_parameter(vars(self).get(name)) and isinstance(value, Tensor) and not is_parameter(value):
            raise not_learned(f"{type(self).__name__}.{name}", name)
        for path, leaf in _leaves({name: value}):
            named = leaf.named_parameters() if isinstance(leaf, Module) else [("", leaf)] * is_parameter(leaf)
            for inner, parameter in named:
                # What was named by its path within a module that is now a part of this one has a longer path here.
                if parameter.name in (None, inner):
                    parameter.name = _joined(path, inner)
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        if name in ("training", "_buffers"):
            raise _not_initialized(self)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def extra_repr(self) -> str:
        """What `repr` says between the parentheses: the options, those that are the default left out."""
        shown = []
        for option in inspect.signature(type(self)).parameters.values():
            value = vars(self).get(option.name)
            if isinstance(value, int | float | str | tuple) and value != option.default:
                shown.append(f"{option.name}={value!r}")
        return ", ".join(shown)

    def __repr__(self) -> str:
        own = [f"{name} {value.shape}" for name, value in _state(self, next(_walk(self))[2])]
        inside = [f"({name}): {module!r}".replace("\n", "\n  ") for name, module in self.named_children()]
        count = sum(parameter.size for parameter in self.parameters())
        lines = "".join(f"\n  {line}" for line in inside) + "\n" * bool(inside)
        shapes = f" with {', '.join(own)}" if own else ""
        parameters = f": {count:,} parameter{'s' * (count != 1)}" if count else ""
        return f"{type(self).__name__}({self.extra_repr()}{lines}){shapes}{parameters}"


_METHODS = {name for name, value in vars(Module).items() if callable(value) and not name.startswith("__")}


_CONTAINERS = (dict, list, tuple)
_FOUND = (Module, Tensor)
_PLAIN = (int, float, str, type(None), type, ModuleType, FunctionType)

Leaf = tuple[str, Any]
"""What a module holds, and its path."""


def _leaves(attributes: Mapping[str, Any]) -> Iterator[Leaf]:
    """What is in attributes, and in lists, tuples and dicts in them; a container that holds itself is read once."""
    waiting, seen = list(attributes.items())[::-1], set()
    while waiting:
        path, one = waiting.pop()
        if not isinstance(one, _CONTAINERS):
            if not isinstance(one, _PLAIN):
                yield path, one
        elif id(one) not in seen:
            seen.add(id(one))
            parts = one.items() if isinstance(one, dict) else enumerate(one)
            waiting += [(f"{path}.{key}", part) for key, part in reversed(list(parts))]


def _hidden(path: str, leaf: Any) -> Iterator[Leaf]:
    """The parameters and modules in a leaf that is neither of both, where they would not be found."""
    inside: dict[str, Any] = {}
    if isinstance(leaf, _FOUND):
        return iter(())
    if isinstance(leaf, np.ndarray):
        inside = {path: leaf.ravel().tolist()} if leaf.dtype == object else {}
    elif type(leaf).__module__ in ("builtins", "collections", "functools"):
        inside = {path: gc.get_referents(leaf)}  # a set, a deque, a view of a dict, a method, a partial
    else:
        slots = [name for kind in type(leaf).__mro__ for name in vars(kind).get("__slots__", ())]
        values = {name: getattr(leaf, name, None) for name in slots} | getattr(leaf, "__dict__", {})
        inside = {f"{path}.{name}": value for name, value in values.items()}
    return ((inner, one) for inner, one in _leaves(inside) if isinstance(one, Module) or is_parameter(one))


def _walk(root: Module) -> Iterator[tuple[str, Module, list[Leaf]]]:
    """A module and all within it by their paths, as often as they have one, outer ones first; and what each holds."""
    waiting: list[tuple[str, Module, frozenset[int]]] = [("", root, frozenset())]
    while waiting:
        path, module, around = waiting.pop()
        if "_buffers" not in vars(module):
            raise _not_initialized(module)
        leaves = list(_leaves(vars(module)))
        yield path, module, leaves
        around = around | {id(module)}
        children = [(_joined(path, name), child, around) for name, child in leaves if isinstance(child, Module)]
        waiting += [child for child in reversed(children) if id(child[1]) not in around]


def _parameters(module: Module, leaves: list[Leaf]) -> Iterator[tuple[str, Tensor]]:
    return ((name, value) for name, value in leaves if is_parameter(value) and name not in module._buffers)


def _buffers(module: Module, leaves: list[Leaf]) -> Iterator[tuple[str, Tensor]]:
    return ((name, vars(module)[name]) for name in module._buffers if vars(module).get(name) is not None)


def _state(module: Module, leaves: list[Leaf]) -> Iterator[tuple[str, Tensor]]:
    yield from _parameters(module, leaves)
    yield from ((name, buffer) for name, buffer in _buffers(module, leaves) if module._buffers[name])


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name


def _not_initialized(module: Module) -> ModuleError:
    return ModuleError(
        f"{type(module).__name__}.__init__ did not call super().__init__(), {user_place()}: make that its first line."
    )
