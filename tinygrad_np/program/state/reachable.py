"""What a function can reach and its code can name: state that may change, and would be baked into its program.

    found = Reachable(f, arguments)
    found.slots, found.namespaces, found.containers, found.arrays

The walk starts at the function, and at those of its arguments that are no arrays. Of a function it takes the closure,
the globals that the code names, the defaults; of an object, a class or a module the attributes whose names occur in the
code of any function that was met; of a container all entries; of the user's functions and methods that were found, the
same again. A library's code is not looked into, but what it was given is: the function in a `tg.grad(f)`, and all that
an object of a library keeps itself.
"""

from __future__ import annotations

import dataclasses
import functools
import gc
import io
import os
import random
import sys
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from operator import attrgetter, getitem, length_hint, methodcaller
from typing import Any, NamedTuple

import numpy as np

from ...frames import installed_package, is_our_module, is_users_file, is_users_module
from ...primitive import Primitive
from ...tensor import Tensor
from .bytecode import names_in_code
from .slots import ABSENT, NUMBERS, Slot, attribute, current, namespace_of

_PLAIN = frozenset({int, float, complex, bool, str, bytes, type(None), type(...), range, slice, types.CodeType})
_PLAIN_OF_NUMPY = (np.generic, np.dtype, np.ufunc)
_VIEWS: Any = tuple(map(type, ({}.keys(), {}.values(), {}.items())))
_CONTAINERS = (dict, types.MappingProxyType, list, tuple, deque, set, frozenset)
_RANDOM = (np.random.Generator, np.random.BitGenerator, np.random.RandomState, random.Random, io.IOBase)
"""What is read or written step by step: random numbers, files."""
_ANY_NAME = {"vars", "__dict__", "getattr", "setattr", "dir", "__getattribute__"}
_ANY_GLOBAL = {"globals", "eval", "exec"}
"""Code that names one of these may read any attribute, any global."""
_NAMESPACES = {"types", "argparse", "_thread"}
"""Modules whose objects hold nothing but what the user put there, under names of the user's."""
_BASES = {"abc", "enum", "typing", "builtins"}
"""Modules whose classes keep nothing in the objects of those that inherit from them."""
_KINDS = {"Module", "Optimizer", "LRScheduler"}
"""Classes of ours whose objects may be set to something else between calls."""
_CONSTRUCTION = {"__init__", "__new__", "__post_init__", "__init_subclass__", "__class_getitem__", "__del__"}
_ASIDE = {"__repr__", "__str__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__deepcopy__"}


class _Met(NamedTuple):
    """Something to be looked into; `is_inside` says that an object of a library keeps it."""

    value: Any
    path: str
    is_inside: bool = False


class Reachable:
    """All that a function can reach, each slot once.

    `stray` are the kinds of values that it should not reach, `given` slots that are left out: who reads them at each
    call need not watch them.

    `namespaces` are the owners of attributes, of which a new one would hide what their class has by that name;
    `rates` the slots in which optimisers have their learning rates.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        arguments: Iterable[Any] = (),
        stray: type | tuple[type, ...] = (),
        given: Iterable[Slot] = (),
    ) -> None:
        self.slots: list[Slot] = []
        self.rates: list[Slot] = []
        self.namespaces: list[tuple[Any, str]] = []
        self.containers: list[tuple[Any, str]] = []
        self.arrays: list[tuple[Any, str]] = []
        self.randoms: list[tuple[Any, str]] = []
        self.iterators: list[tuple[Any, str]] = []
        self.caches: list[Any] = []
        self.strays: list[str] = []
        self.codes: list[types.CodeType] = []
        self._stray = stray
        self._given = {slot.key[:2] for slot in given}
        self._holders = {holder for holder, _ in self._given}
        self._known: dict[tuple[int, Any], Any] = {}
        self._home: tuple[str, ...] = ()
        self._names = {"__call__", "__getattr__"}
        self._names_any = False
        self._objects: list[_Met] = []
        self._classes: list[type] = []
        path = f.__name__ if isinstance(f, types.FunctionType) else "self"
        self._waiting = deque([_Met(f, path), *[_Met(argument, "an argument") for argument in arguments]])
        self._walk()

    def _walk(self) -> None:
        """Look into what waits, then for the names met so far in all objects, until there is nothing new."""
        known, names, start = -1, 0, 0
        while known != (known := len(self._known) + names):
            while self._waiting:
                self._meet(self._waiting.popleft())
            # Where no name is new, the objects that were looked into need no second look.
            before, names = names, len(self._names) + self._names_any
            start = start if names == before else 0
            for met in self._objects[start:]:
                self._find_names(met)
            start = len(self._objects)
            for kind in list(self._classes):
                self._find_names_in_class(kind)

    def _later(self, value: Any, path: str, is_inside: bool = False) -> None:
        if type(value) not in _PLAIN and value is not ABSENT:
            self._waiting.append(_Met(value, path, is_inside))

    def _slot(self, read: Callable[[Any, Any], Any], owner: Any, name: Any, path: str, is_inside: bool = False) -> None:
        """Take a slot in, and what stands there."""
        holder = vars(owner) if read is getitem and isinstance(owner, type | types.ModuleType) else owner
        slot = Slot(read, holder, name, path)
        value = slot.value()
        if self._is_new(owner, name):
            if value is ABSENT and read is getattr:
                slot = slot._replace(read=attribute)
            if not self._given or slot.key[:2] not in self._given:
                self.slots.append(slot)
        self._later(value, path, is_inside)

    def _is_new(self, owner: Any, name: Any) -> bool:
        """Whether this is asked for the first time."""
        if (id(owner), name) in self._known:
            return False
        self._known[id(owner), name] = owner
        return True

    def _is_users(self, module: str) -> bool:
        return is_users_module(module, self._home)

    def _meet(self, met: _Met) -> None:
        value, path, is_inside = met
        if isinstance(value, _PLAIN_OF_NUMPY) and not isinstance(value, np.void):
            return
        if not self._is_new(value, is_inside):
            return
        if isinstance(value._data if isinstance(value, Tensor) else value, self._stray):
            self.strays.append(path)
        elif isinstance(value, types.FunctionType):
            self._function(value, path)
        elif isinstance(value, types.MethodType):
            self._later(value.__self__, path)
            self._later(value.__func__, path)
        elif isinstance(value, types.BuiltinFunctionType | types.MethodWrapperType):
            if not isinstance(value.__self__, types.ModuleType):
                self._later(value.__self__, path)
        elif isinstance(value, type):
            self._class(value, _ASIDE)
        elif isinstance(value, types.ModuleType):
            self._objects.append(met)
        elif isinstance(value, ContextVar):
            self._slot(current, value, "value", path)
        elif isinstance(value, _VIEWS):
            self._later(value.mapping, path)
        elif isinstance(value, _RANDOM):
            self.randoms.append((value, path))
        elif isinstance(value, Iterator) and not is_inside and _advances_unseen(value):
            self.iterators.append((value, path))
        else:
            if isinstance(value, _CONTAINERS):
                self._entries(met)
            elif _has_bytes(value):
                self.arrays.append((value, path))
                if isinstance(value, np.ndarray) and value.dtype.hasobject:
                    for part in value.ravel().tolist():
                        self._later(part, path, is_inside)
            if type(value) not in (*_CONTAINERS, np.ndarray):
                self._object(met)

    # Functions.

    def _function(self, f: types.FunctionType, path: str) -> None:
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            if name != "__class__":  # `super` looks the class up; what it finds there is named.
                self._slot(getattr, cell, "cell_contents", name)
        for name in ("__defaults__", "__kwdefaults__"):
            if getattr(f, name) is not None:
                self._slot(getattr, f, name, f"{f.__name__}.{name}")
        self._later(f.__dict__.get("__wrapped__"), path)
        self._home = self._home or installed_package(f.__code__.co_filename)
        if is_users_file(f.__code__.co_filename, self._home):
            self._slot(getattr, f, "__code__", f.__name__)
            self.codes.append(f.__code__)
            self._objects.append(_Met(f, path))
            self._read(f.__code__, f.__globals__)

    def _read(self, code: types.CodeType, scope: dict[str, Any]) -> None:
        """Take in what the user's code names."""
        names = names_in_code(code)
        self._names.update(names.attributes)
        self._names_any = self._names_any or not _ANY_NAME.isdisjoint(names.globals + names.attributes)
        takes_all = not _ANY_GLOBAL.isdisjoint(names.globals)
        if "getenv" in names.globals + names.attributes:
            self._later(os.environ, "os.environ")
        for name in [name for name in scope if name[:2] != "__"] if takes_all else names.globals:
            self._slot(getitem if name in scope else dict.get, scope, name, name)
        package = (scope.get("__package__") or "").split(".")
        for name in names.modules:
            for length in range(len(package) + 1):  # From no package at all, and from each that this one is in.
                self._later(sys.modules.get(".".join([*package[:length], name]).strip(".")), name)

    # Containers and objects.

    def _entries(self, met: _Met) -> None:
        value, path, is_inside = met
        is_mapping = isinstance(value, dict | types.MappingProxyType)
        entries = list(value.items() if is_mapping else enumerate(value))
        if id(value) in self._holders:
            kept = [name for name, _ in entries if (id(value), name) not in self._given]
            self.slots += [Slot(getitem, value, name, f"{path}[{name!r}]") for name in kept]
            self.slots += [] if is_mapping else [Slot(length_hint, value, 0, path)]
            self.containers += [(value.keys(), path)] if is_mapping else []
        elif not isinstance(value, tuple | frozenset):
            self.containers.append((value, path))
        for name, part in entries:
            if is_mapping:
                self._later(name, path, is_inside)
            if type(part) not in _PLAIN:
                part_path = f"{path}[{name!r}]" if type(name) in _PLAIN and len(path) < 100 else path
                self._later(part, part_path, is_inside)

    def _object(self, met: _Met) -> None:
        value, path, is_inside = met
        for part in _given_to(value):
            self._later(part, path)
        self._names_any = self._names_any or isinstance(value, attrgetter | methodcaller)
        module = type(value).__module__
        if isinstance(value, functools._lru_cache_wrapper):
            self._cached(value, path)
            return
        if module.partition(".")[0] == "pandas" and hasattr(value, "_mgr"):
            self._frame(value, path)
            return
        for group in getattr(value, "param_groups", ()) if _is_of_a_network(type(value)) else ():
            if type(group.get("lr")) in NUMBERS:
                self.rates.append(Slot(getitem, group, "lr", f"{path}.lr"))
        if self._is_users(module) or _is_of_a_network(type(value)) or not (is_inside or is_our_module(module)):
            self._class(type(value), _ASIDE | _CONSTRUCTION)
            self._objects.append(met)
        elif isinstance(value, Tensor):
            self._objects.append(met)

    def _cached(self, cache: Any, path: str) -> None:
        """What a cache of functools has kept, as the one instance of a class that `settings()` makes."""
        self.caches.append(cache)
        for part in gc.get_referents(cache):
            if type(part) is dict and part is not cache.__dict__:
                for key in list(part):
                    self._slot(dict.__getitem__, part, key, f"{path}()")  # With no way to put another there.
            elif not isinstance(part, type | dict):
                self._later(part, path if part is cache.__wrapped__ else f"{path}()")

    def _frame(self, frame: Any, path: str) -> None:
        """The arrays of an object of pandas, and its labels."""
        self._slot(getattr, frame, "_mgr", path, True)
        self._slot(getattr, frame._mgr, "axes", path, True)
        self._slot(getattr, frame._mgr, "blocks", path)
        for block in getattr(frame._mgr, "blocks", ()):
            self._slot(getattr, block, "values", path, True)

    def _class(self, kind: type, skipped: set[str]) -> None:
        """The methods of a class that Python's syntax calls; those that are called by name are found with the names."""
        for base in kind.__mro__[:-1]:
            if not self._is_users(base.__module__):
                continue
            if base not in self._classes:
                self._classes.append(base)
                self.namespaces.append((base, base.__name__))
                self._class(type(base), skipped)
            for name, member in list(vars(base).items()):
                method = getattr(member, "__func__", member)
                if name.startswith("__") and name not in skipped and isinstance(method, types.FunctionType):
                    self._later(method, base.__name__)

    # The attributes that are named anywhere.

    def _find_names(self, met: _Met) -> None:
        value, path, _ = met
        kind, module = type(value), type(value).__module__
        if isinstance(value, types.ModuleType):
            self._find_names_in_module(value, path)
            return
        if isinstance(value, Tensor):
            for name in {"name", "requires_grad"} & self._names:
                self._slot(getattr, value, name, f"{path}.{name}")
            return
        namespace = namespace_of(value)
        is_of_a_network, is_function = _is_of_a_network(kind), isinstance(value, types.FunctionType)
        is_users = is_function or self._is_users(module)
        is_open = is_users or is_of_a_network or module in _NAMESPACES
        takes_all = self._names_any or dataclasses.is_dataclass(value) or not (is_open and self._keeps_by_name(kind))
        for name in [*(namespace or ()), *_slots_of(kind)]:
            if takes_all or name in self._names or (is_of_a_network and name[0] != "_"):
                is_inside = not (is_open or module == "collections" or name in self._names)
                self._slot(getattr, value, name, f"{path}.{name}", is_inside)
        if self._is_new(value, "__dict__"):
            self.slots += [Slot(getattr, value, "__class__", path)] if is_users and not is_function else []
            self.namespaces += [] if namespace is None else [(value, path)]

    def _keeps_by_name(self, kind: type) -> bool:
        """Whether no class of a library keeps something in the objects of a class, under names of its own."""
        others = [base.__module__ for base in kind.__mro__ if not self._is_users(base.__module__)]
        return all(module in _BASES | _NAMESPACES or is_our_module(module) for module in others)

    def _find_names_in_class(self, kind: type) -> None:
        names = self._names | ({"forward", "change", "rate"} if _is_of_a_network(kind) else set())  # Which we call.
        for name, value in list(vars(kind).items()):
            if name in names and not isinstance(value, types.MemberDescriptorType):
                is_plain = isinstance(value, types.FunctionType | property) or not hasattr(type(value), "__get__")
                self._slot(getattr if is_plain else getitem, kind, name, f"{kind.__name__}.{name}")

    def _find_names_in_module(self, module: types.ModuleType, path: str) -> None:
        """Of a library's module, what holds something that may change."""
        if is_our_module(module.__name__):
            return
        scope, is_users = vars(module), self._is_users(module.__name__)
        takes_all = is_users and self._names_any
        for name in [name for name in list(scope) if name in self._names or (takes_all and name[:2] != "__")]:
            if is_users:
                self._slot(getitem, scope, name, f"{path}.{name}")
            elif isinstance(scope[name], types.ModuleType | types.MethodType | types.BuiltinFunctionType):
                self._later(scope[name], f"{path}.{name}")
            elif not callable(scope[name]) and module not in (np, sys.modules.get("math")):
                self._slot(getitem, scope, name, f"{path}.{name}")


def _is_of_a_network(kind: type) -> bool:
    """Whether this is a class of modules, optimisers or schedules."""
    return any(is_our_module(base.__module__) and base.__name__ in _KINDS for base in kind.__mro__)


def _slots_of(kind: type) -> list[str]:
    """The names in the __slots__ of a class."""
    members = [pair for base in kind.__mro__ if "__slots__" in vars(base) for pair in vars(base).items()]
    return [name for name, member in members if isinstance(member, types.MemberDescriptorType)]


def _given_to(value: Any) -> tuple[Any, ...]:
    """The functions and values that an object was made of, whatever it calls them."""
    if isinstance(value, functools.partial):
        return (value.func, value.args, value.keywords)
    if isinstance(value, property):
        return (value.fget, value.fset)
    if isinstance(value, staticmethod | classmethod):
        return (value.__func__,)
    if isinstance(value, weakref.ref):
        return (value(),)
    if isinstance(value, Primitive) and not is_our_module(value.__module__):
        return (value.forward, value.rules, value.selections, value.rule_for_each)
    return ((namespace_of(value) or {}).get("__wrapped__"),)


def _has_bytes(value: Any) -> bool:
    """Whether this is an array of NumPy's, or something else that shows its memory."""
    try:
        return isinstance(value, np.ndarray | np.void) or memoryview(value) is not None
    except Exception:
        return False


def _advances_unseen(iterator: Any) -> bool:
    """Whether the next value is known where nobody can look: in C, or in a generator's frame."""
    is_pythons = not isinstance(getattr(type(iterator), "__next__", None), types.FunctionType)
    return is_pythons and not isinstance(iterator, io.IOBase)
