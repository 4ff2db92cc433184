"""What a function can reach and its code can name: state that may change, and would be baked into its program.

    found = reachable(f, arguments)
    found.attributes, found.items, found.containers, found.arrays

The walk starts at the function, and at those of its arguments that are no arrays. Of a function it takes the closure,
the globals that the code names, the defaults; of an object, a class or a module the attributes whose names occur in the
code of any function that was met; of a container all entries; of the user's functions and methods that were found, the
same again. A library's code is not looked into, but what it was given is: the function in a `tg.grad(f)`, what an
object of a library keeps under the names that its methods use.
"""

from __future__ import annotations

import array
import dataclasses
import functools
import gc
import inspect
import io
import os
import random
import sys
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from operator import attrgetter, getitem, methodcaller
from typing import Any, NamedTuple

import numpy as np

from ...frames import installed_package, is_our_module, is_users_file, is_users_module
from ...primitive import Primitive
from ...tensor import Tensor
from .bytecode import names_in_code
from .slots import ABSENT, NUMBERS, Current, Found, Setting, Slot, namespace_of

_PLAIN = frozenset({int, float, complex, bool, str, bytes, type(None), type(...), range, slice, types.CodeType})
_PLAIN_OF_NUMPY = (np.generic, np.dtype, np.ufunc)
_CONTAINERS = frozenset({dict, list, tuple, deque, set, frozenset, np.ndarray, bytearray, types.MappingProxyType})
_BOUND_BUILTIN = (types.BuiltinFunctionType, types.MethodWrapperType)
_RANDOM = (np.random.Generator, np.random.BitGenerator, np.random.RandomState, random.Random, io.IOBase)
"""What is read or written step by step: random numbers, files."""
_ANY_NAME = {"vars", "__dict__", "getattr", "setattr", "dir"}
_ANY_GLOBAL = {"globals", "eval", "exec"}
"""Code that names one of these may read any attribute, any global."""
_NAMESPACES = {"collections", "types", "argparse", "_thread"}
"""Modules whose objects hold nothing but what the user put there."""
_CONSTRUCTION = {"__init__", "__new__", "__post_init__", "__init_subclass__", "__class_getitem__", "__del__"}
_ASIDE = {"__repr__", "__str__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__deepcopy__"}


class _Met(NamedTuple):
    """Something to be looked into; `is_inside` says that an object of a library keeps it."""

    value: Any
    path: str
    is_inside: bool = False


def reachable(f: Callable[..., Any], arguments: Iterable[Any] = (), stray: type | tuple[type, ...] = ()) -> Found:
    """All that a function can reach; `stray` are the kinds of values that it should not."""
    walk = _Walk(f, arguments, stray)
    walk.run()
    return walk.found


class _Walk:
    """A walk through what a function can reach; `found` is what it has found so far."""

    def __init__(self, f: Callable[..., Any], arguments: Iterable[Any], stray: type | tuple[type, ...]) -> None:
        self.found = Found()
        self._stray = stray
        self._home: tuple[str, ...] = ()
        self._names = {"__call__"}
        self._names_in_libraries: set[str] = set()
        self._names_any = False
        self._objects: list[_Met] = []
        self._classes: dict[type, list[str]] = {}
        path = f.__name__ if isinstance(f, types.FunctionType) else "self"
        self._waiting = deque([_Met(f, path), *[_Met(argument, "an argument") for argument in arguments]])

    def run(self) -> None:
        """Look into what waits, then for the names met so far in all objects, until there is nothing new."""
        known, names, start = -1, 0, 0
        while known != (known := len(self.found) + names):
            while self._waiting:
                self._meet(self._waiting.popleft())
            # Where no name is new, the objects that were looked into need no second look.
            before, names = names, len(self._names) + len(self._names_in_libraries) + self._names_any
            start = start if names == before else 0
            for met in self._objects[start:]:
                self._find_names(met)
            start = len(self._objects)
            for kind in list(self._classes):
                self._find_names_in_class(kind)

    def _later(self, value: Any, path: str, is_inside: bool = False) -> None:
        if type(value) not in _PLAIN:
            self._waiting.append(_Met(value, path, is_inside))

    def _is_users(self, module: str) -> bool:
        return is_users_module(module, self._home)

    def _meet(self, met: _Met) -> None:
        value, path, is_inside = met
        if isinstance(value, _PLAIN_OF_NUMPY) and not isinstance(value, np.void):
            return
        if not self.found.is_new(value, is_inside):
            return
        if isinstance(value._data if isinstance(value, Tensor) else value, self._stray):
            self.found.strays.append(path)
        elif isinstance(value, types.FunctionType):
            self._function(met)
        elif isinstance(value, functools._lru_cache_wrapper):
            self.found.caches.append(value)
            self._object(met)
            self._cached(met)
        elif isinstance(value, types.MethodType):
            self._later(value.__self__, path)
            self._later(value.__func__, path)
        elif isinstance(value, _BOUND_BUILTIN):
            if not isinstance(value.__self__, types.ModuleType):
                self._later(value.__self__, path)
        elif isinstance(value, type):
            if self._is_users(value.__module__):
                self._class(value, _ASIDE)
        elif isinstance(value, types.ModuleType):
            self._objects.append(met)
        elif isinstance(value, ContextVar):
            self._later(self.found.attribute(Current(value), "value", path), path)
        elif isinstance(value, _RANDOM):
            self.found.randoms.append((value, path))
        elif isinstance(value, Iterator) and not is_inside and _advances_unseen(value):
            self.found.iterators.append((value, path))
        else:
            self._entries(met)
            if type(value) not in _CONTAINERS:
                self._object(met)

    # Functions.

    def _function(self, met: _Met) -> None:
        f = met.value
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            if name != "__class__":  # `super` looks the class up; what it finds there is named.
                self._later(self.found.attribute(cell, "cell_contents", name), name)
        for name in ("__defaults__", "__kwdefaults__"):
            if getattr(f, name) is not None:
                self._later(self.found.attribute(f, name, f"{f.__name__}.{name}"), f"{f.__name__}.{name}")
        self._later(f.__dict__.get("__wrapped__"), met.path)
        self._home = self._home or installed_package(f.__code__.co_filename)
        if is_users_file(f.__code__.co_filename, self._home):
            self.found.attribute(f, "__code__", f.__name__)
            self.found.codes.append(f.__code__)
            self._objects.append(met)
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
            if name in scope:
                self._later(self.found.item(scope, scope, name, name), name)
            elif self.found.is_new(scope, name):
                self.found.absent.append(Slot(scope, name, ABSENT, name))
        package = (scope.get("__package__") or "").split(".")
        for name in names.modules:
            for length in range(len(package) + 1):  # From no package at all, and from each that this one is in.
                self._later(sys.modules.get(".".join([*package[:length], name]).strip(".")), name)

    # Containers and objects.

    def _entries(self, met: _Met) -> None:
        value, path, is_inside = met
        if isinstance(value, dict | types.MappingProxyType):
            self.found.containers.append((value, path))
            for key, entry in list(value.items()):
                if type(entry) not in _PLAIN or type(key) not in _PLAIN:
                    self._later(key, path, is_inside)
                    self._later(entry, _path_of_entry(path, key), is_inside)
        elif isinstance(value, list | tuple | deque | set | frozenset):
            if not isinstance(value, tuple | frozenset):
                self.found.containers.append((value, path))
            for number, entry in enumerate(list(value)):
                if type(entry) not in _PLAIN:
                    self._later(entry, _path_of_entry(path, number), is_inside)
        elif isinstance(value, np.ndarray | np.void | bytearray | memoryview | array.array):
            self.found.arrays.append((value, path))
            if isinstance(value, np.ndarray) and value.dtype.hasobject:
                for entry in value.ravel().tolist():
                    self._later(entry, path, is_inside)

    def _object(self, met: _Met) -> None:
        value, path, is_inside = met
        for part in _given_to(value):
            self._later(part, path)
        self._names_any = self._names_any or isinstance(value, attrgetter | methodcaller)
        module = type(value).__module__
        if _is_of_a_network(type(value)):
            self._settings(met)
        if module.partition(".")[0] == "pandas" and hasattr(value, "_mgr"):
            self._frame(met)
        if self._is_users(module) or not (is_inside or is_our_module(module)):
            self._class(type(value), _ASIDE | _CONSTRUCTION)
            self._objects.append(met)
        elif isinstance(value, Tensor):
            self._objects.append(met)

    def _cached(self, met: _Met) -> None:
        """What a cache of functools holds, as the one instance of a class that `settings()` makes."""
        for part in gc.get_referents(met.value):
            is_filled = type(part) is dict and part is not met.value.__dict__
            for kept in part.values() if is_filled else [part]:
                if not isinstance(kept, type):
                    self._later(kept, f"{met.path}()")

    def _frame(self, met: _Met) -> None:
        """The arrays of an object of pandas, and its labels."""
        manager = self.found.attribute(met.value, "_mgr", met.path)
        self._later(self.found.attribute(manager, "axes", met.path), met.path, True)
        for block in self.found.attribute(manager, "blocks", met.path) or ():
            self._later(self.found.attribute(block, "values", met.path), met.path, True)

    def _settings(self, met: _Met) -> None:
        """What a module or an optimiser of ours is set to, such as `training` or the `lr` of its groups."""
        for name, kept in list(vars(met.value).items()):
            if not (name.startswith("_") or isinstance(kept, Tensor | np.ndarray)):
                self._later(self.found.attribute(met.value, name, f"{met.path}.{name}"), f"{met.path}.{name}")
        for group in getattr(met.value, "param_groups", ()):
            if type(group.get("lr")) in NUMBERS:
                self.found.settings.append(Setting(getitem, group, "lr"))

    def _class(self, kind: type, skipped: set[str]) -> None:
        """The methods of a class that Python's syntax calls; those that are called by name are found with the names."""
        for base in kind.__mro__[:-1]:
            if is_our_module(base.__module__):
                continue
            members = list(vars(base).items())
            if base not in self._classes:
                self._classes[base] = [name for name, value in members if isinstance(value, types.MemberDescriptorType)]
                self.found.growing += [(base, base.__name__)] if self._is_users(base.__module__) else []
                if self._is_users(type(base).__module__):
                    self._class(type(base), skipped)
            for name, value in members:
                if name.startswith("__") and name not in skipped and isinstance(value, types.FunctionType):
                    self._method(value, base)

    def _method(self, method: Any, kind: type) -> None:
        """Look into a user's method; of a library's, only the names of what it reads of its object matter."""
        if self._is_users(kind.__module__):
            self._later(method, kind.__name__)
            return
        for f in (method, getattr(method, "__func__", None), getattr(method, "fget", None)):
            if isinstance(f, types.FunctionType):
                self._names_in_libraries.update(names_in_code(inspect.unwrap(f).__code__).attributes)

    # The attributes that are named anywhere.

    def _find_names(self, met: _Met) -> None:
        value, path, _ = met
        if isinstance(value, types.ModuleType):
            self._find_names_in_module(value, path)
            return
        for name in ("name", "requires_grad") if isinstance(value, Tensor) else ():
            if name in self._names:
                self.found.attribute(value, name, f"{path}.{name}")
        is_function = isinstance(value, types.FunctionType)
        is_users = is_function or self._is_users(type(value).__module__)
        is_open = is_users or type(value).__module__ in _NAMESPACES or is_our_module(type(value).__module__)
        takes_all = is_open and (self._names_any or dataclasses.is_dataclass(value))
        if is_users and not is_function:
            self.found.attribute(value, "__class__", path)
        namespace = namespace_of(value)
        slots = [name for kind in type(value).__mro__ for name in self._classes.get(kind, ())]
        for name in [*(namespace or ()), *slots]:
            if takes_all or name in self._names or name in self._names_in_libraries:
                is_inside = not (is_open or name in self._names)
                self._later(self.found.attribute(value, name, f"{path}.{name}"), f"{path}.{name}", is_inside)
        if is_users and namespace is not None and self.found.is_new(value, "__dict__"):
            self.found.growing.append((value, path))

    def _find_names_in_class(self, kind: type) -> None:
        for name, value in list(vars(kind).items()):
            path = f"{kind.__name__}.{name}"
            if name not in self._names and name not in self._names_in_libraries:
                continue
            if isinstance(value, types.MemberDescriptorType):
                continue
            if not self._is_users(kind.__module__):
                self._method(value, kind)
            elif isinstance(value, types.FunctionType | property) or not hasattr(type(value), "__get__"):
                self._later(self.found.attribute(kind, name, path), path)
            else:
                self._later(self.found.item(kind, vars(kind), name, path), path)

    def _find_names_in_module(self, module: types.ModuleType, path: str) -> None:
        """Of a library's module, what holds something that may change."""
        if is_our_module(module.__name__):
            return
        scope, is_users = vars(module), self._is_users(module.__name__)
        takes_all = is_users and self._names_any
        for name in [name for name in list(scope) if name in self._names or (takes_all and name[:2] != "__")]:
            if is_users:
                self._later(self.found.item(scope, scope, name, f"{path}.{name}"), f"{path}.{name}")
            elif isinstance(scope[name], types.ModuleType | types.MethodType | types.BuiltinFunctionType):
                self._later(scope[name], f"{path}.{name}")
            elif not callable(scope[name]) and module not in (np, sys.modules.get("math")):
                self._later(self.found.item(scope, scope, name, f"{path}.{name}"), f"{path}.{name}")


def _is_of_a_network(kind: type) -> bool:
    """Whether objects of this class are modules or optimisers, which may be set to something else between calls."""
    return any(is_our_module(base.__module__) and base.__name__ in ("Module", "Optimizer") for base in kind.__mro__)


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


def _path_of_entry(path: str, key: Any) -> str:
    return f"{path}[{key!r}]" if type(key) in _PLAIN and len(path) < 100 else path


def _advances_unseen(iterator: Any) -> bool:
    """Whether the next value is known where nobody can look: in C, or in a generator's frame."""
    is_pythons = not isinstance(getattr(type(iterator), "__next__", None), types.FunctionType)
    return is_pythons and not isinstance(iterator, io.IOBase)
