"""What a function can reach and its code can name: state that may change, and would be baked into its program.

    found = Reachable(f, arguments)
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
import io
import random
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter, methodcaller
from typing import Any, NamedTuple

import numpy as np

from ..errors import CaptureError
from ..primitive import Primitive
from ..tensor import Tensor
from .bytecode import is_users_file, is_users_module, names_in_code
from .traced import Traced

ABSENT: Any = object()
"""The value of a variable or slot that has none."""

_PLAIN = frozenset(
    {int, float, complex, bool, str, bytes, type(None), type(...), range, slice, types.CodeType}
)
_PLAIN_OF_NUMPY = (np.generic, np.dtype, np.ufunc)
_CONTAINERS = frozenset(
    {dict, list, tuple, deque, set, frozenset, np.ndarray, bytearray, types.MappingProxyType}
)
_RANDOM = (np.random.Generator, np.random.BitGenerator, np.random.RandomState, random.Random)
_ANY_NAME = {"vars", "__dict__", "getattr", "setattr", "dir"}
"""Code that names one of these may read any attribute."""
_CONSTRUCTION = {"__init__", "__new__", "__post_init__", "__init_subclass__", "__class_getitem__", "__del__"}
_ASIDE = {
    "__repr__",
    "__str__",
    "__reduce__",
    "__reduce_ex__",
    "__getstate__",
    "__setstate__",
    "__deepcopy__",
}


class Place(NamedTuple):
    """Where a value stands, `holder.name` or `holder[name]`, and what the user calls that."""

    holder: Any
    name: Any
    value: Any
    path: str


class _Met(NamedTuple):
    """Something to be looked into; `is_inside` says that an object of a library keeps it."""

    value: Any
    path: str
    is_inside: bool = False


class Reachable:
    """All that a function can reach, in flat lists.

    `attributes` and `items` are places where another value may be put; `absent` are globals that do not exist;
    `namespaces` are the attributes of objects, of which there may become more; `containers` and `arrays` have contents;
    `randoms` are generators; `traced` the paths of values that a capture left behind; `codes` what was looked into.
    """

    def __init__(self, f: Callable[..., Any], arguments: Iterable[Any] = ()) -> None:
        self.attributes: list[Place] = []
        self.items: list[Place] = []
        self.absent: list[tuple[dict[str, Any], str]] = []
        self.namespaces: list[tuple[dict[str, Any], str]] = []
        self.containers: list[tuple[Any, str]] = []
        self.arrays: list[tuple[Any, str]] = []
        self.randoms: list[tuple[Any, str]] = []
        self.traced: list[str] = []
        self.codes: list[types.CodeType] = []
        self._names = {"__call__"}
        self._names_any = False
        self._seen: dict[int, Any] = {}
        self._places: set[tuple[int, Any]] = set()
        self._owners: list[_Met] = []
        self._classes: dict[type, bool] = {}
        self._slots: dict[type, list[str]] = {}
        self._waiting = deque([_Met(f, "self"), *[_Met(argument, "an argument") for argument in arguments]])
        self._walk()

    def _walk(self) -> None:
        """Look into what waits, then for the names that were met in all objects, until there is nothing new."""
        known = -1
        while known != (known := len(self._seen) + len(self._names) + self._names_any):
            while self._waiting:
                self._meet(self._waiting.popleft())
            for owner in self._owners:
                self._named_attributes(owner)
            for kind, is_users in list(self._classes.items()):
                self._named_in_class(kind, is_users)

    def _later(self, value: Any, path: str, is_inside: bool = False) -> None:
        if type(value) not in _PLAIN:
            self._waiting.append(_Met(value, path, is_inside))

    def _attribute(self, owner: Any, name: str, value: Any, path: str, is_inside: bool = False) -> None:
        if (id(owner), name) not in self._places:
            self._places.add((id(owner), name))
            self.attributes.append(Place(owner, name, value, path))
            self._later(value, path, is_inside)

    def _item(self, owner: Any, mapping: Any, key: Any, path: str) -> None:
        if (id(owner), key) not in self._places:
            self._places.add((id(owner), key))
            self.items.append(Place(mapping, key, mapping[key], path))
            self._later(mapping[key], path)

    def _meet(self, met: _Met) -> None:
        value, path, is_inside = met
        if id(value) in self._seen or isinstance(value, _PLAIN_OF_NUMPY):
            return
        self._seen[id(value)] = value
        if isinstance(value, Traced) or (isinstance(value, Tensor) and isinstance(value._data, Traced)):
            self.traced.append(path)
        elif isinstance(value, types.FunctionType):
            self._function(met)
        elif isinstance(value, types.MethodType):
            self._later(value.__self__, path)
            self._later(value.__func__, path)
        elif isinstance(value, types.BuiltinFunctionType):
            if not isinstance(value.__self__, types.ModuleType):
                self._later(value.__self__, path)
        elif isinstance(value, type):
            self._class(value, _ASIDE)
        elif isinstance(value, types.ModuleType):
            self._owners.append(met)
        elif isinstance(value, _RANDOM):
            self.randoms.append((value, path))
        elif isinstance(value, Iterator) and not is_inside and _advances_unseen(value):
            raise CaptureError(
                f"the function can reach {path}, an iterator ({type(value).__name__}), whose next value would be read "
                "once and used for ever: call next() outside, and give the value as an argument."
            )
        else:
            self._entries(met)
            self._object(met)

    def _function(self, met: _Met) -> None:
        f = met.value
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            if name != "__class__":  # `super` looks the class up; what it finds there is named.
                owner = _Cell(cell) if _is_empty(cell) else cell
                self._attribute(owner, "cell_contents", owner.cell_contents, name)
        for name in ("__defaults__", "__kwdefaults__"):
            if getattr(f, name) is not None:
                self._attribute(f, name, getattr(f, name), f"{f.__name__}.{name}")
        self._later(getattr(f, "__wrapped__", None), met.path)
        if not is_users_file(f.__code__.co_filename):
            return
        self._owners.append(met)
        self._attribute(f, "__code__", f.__code__, f.__name__)
        self.codes.append(f.__code__)
        names = names_in_code(f.__code__)
        self._names.update(names.attributes)
        self._names_any = self._names_any or not _ANY_NAME.isdisjoint(names.globals + names.attributes)
        for name in names.globals:
            if name in f.__globals__:
                self._item(f.__globals__, f.__globals__, name, name)
            elif (id(f.__globals__), name) not in self._places:
                self._places.add((id(f.__globals__), name))
                self.absent.append((f.__globals__, name))
        package = f.__globals__.get("__package__")
        for name in names.modules:
            for module in (sys.modules.get(name), sys.modules.get(f"{package}.{name}")):
                self._later(module, name)

    def _entries(self, met: _Met) -> None:
        """What is in a container."""
        value, path, is_inside = met
        if isinstance(value, dict | types.MappingProxyType):
            self.containers.append((value, path))
            for key, entry in list(value.items()):
                if type(entry) not in _PLAIN or type(key) not in _PLAIN:
                    self._later(key, path, is_inside)
                    self._later(entry, f"{path}[{key!r}]" if type(key) in _PLAIN else path, is_inside)
        elif isinstance(value, list | tuple | deque | set | frozenset):
            if not isinstance(value, tuple | frozenset):
                self.containers.append((value, path))
            for number, entry in enumerate(list(value)):
                if type(entry) not in _PLAIN:
                    self._later(entry, f"{path}[{number}]", is_inside)
        elif isinstance(value, np.ndarray | bytearray | array.array):
            self.arrays.append((value, path))
            if isinstance(value, np.ndarray) and value.dtype.hasobject:
                for entry in value.ravel().tolist():
                    self._later(entry, path, is_inside)

    def _object(self, met: _Met) -> None:
        """What an object is made of, whatever its code does."""
        value, path, is_inside = met
        if type(value) in _CONTAINERS:
            return
        if isinstance(value, functools.partial):
            parts: tuple[Any, ...] = (value.func, value.args, value.keywords)
        elif isinstance(value, property):
            parts = (value.fget, value.fset)
        elif isinstance(value, staticmethod | classmethod):
            parts = (value.__func__,)
        elif isinstance(value, Primitive) and is_users_file(value.forward.__code__.co_filename):
            parts = (value.forward, value.rules, value.selections, value.rule_for_each)
        else:
            parts = (getattr(value, "__wrapped__", None),)
        for part in parts:
            self._later(part, path)
        self._names_any = self._names_any or isinstance(value, attrgetter | methodcaller)
        is_users = is_users_module(type(value).__module__)
        if is_users or not (is_inside or _is_ours(type(value).__module__)):
            self._class(type(value), _ASIDE | _CONSTRUCTION)
            self._owners.append(met)
        elif isinstance(value, Tensor):
            self._owners.append(met)

    def _class(self, kind: type, skipped: set[str]) -> None:
        """The methods of a class that Python's syntax calls; those that are called by name come with the names."""
        for one in kind.__mro__[:-1]:
            if _is_ours(one.__module__):
                continue
            is_users = self._classes.setdefault(one, is_users_module(one.__module__))
            for name, value in list(vars(one).items()):
                if name.startswith("__") and name not in skipped and isinstance(value, types.FunctionType):
                    self._method(value, one.__name__, is_users)

    def _method(self, method: Any, path: str, is_users: bool) -> None:
        """Look into a user's method; of a library's, only the names of what it reads of its object matter."""
        if is_users:
            self._later(method, path)
            return
        for f in (method, getattr(method, "__func__", None), getattr(method, "fget", None)):
            if isinstance(f, types.FunctionType):
                self._names.update(names_in_code(f.__code__).attributes)

    def _named_in_class(self, kind: type, is_users: bool) -> None:
        for name, value in list(vars(kind).items()):
            path = f"{kind.__name__}.{name}"
            if name not in self._names or isinstance(value, types.MemberDescriptorType):
                continue
            if not is_users:
                self._method(value, path, is_users)
            elif isinstance(value, types.FunctionType | property) or not hasattr(type(value), "__get__"):
                self._attribute(kind, name, value, path)
            else:
                self._item(kind, vars(kind), name, path)

    def _named_attributes(self, owner: _Met) -> None:
        value, path, _ = owner
        if isinstance(value, types.ModuleType):
            self._named_in_module(value, path)
            return
        if isinstance(value, Tensor) and "name" in self._names:
            self._attribute(value, "name", value.name, f"{path}.name")
        is_users = isinstance(value, types.FunctionType) or is_users_module(type(value).__module__)
        takes_any = is_users and (self._names_any or dataclasses.is_dataclass(value))
        namespace = getattr(value, "__dict__", None)
        for name in [*(namespace or ()), *self._slots_of(type(value))]:
            if takes_any or name in self._names:
                self._attribute(value, name, getattr(value, name, ABSENT), f"{path}.{name}", not is_users)
        if is_users and namespace is not None and id(namespace) not in self._seen:
            self._seen[id(namespace)] = namespace
            self.namespaces.append((namespace, path))

    def _slots_of(self, kind: type) -> list[str]:
        if kind not in self._slots:
            classes = [one for one in kind.__mro__ if one in self._classes]
            members = {name: value for one in classes for name, value in vars(one).items()}
            self._slots[kind] = [
                name for name in members if isinstance(members[name], types.MemberDescriptorType)
            ]
        return self._slots[kind]

    def _named_in_module(self, module: types.ModuleType, path: str) -> None:
        """The attributes of a module; of a library's, those that hold what may change."""
        is_users = is_users_module(module.__name__)
        if _is_ours(module.__name__):
            return
        for name in [name for name in list(vars(module)) if name in self._names]:
            value = vars(module)[name]
            if is_users:
                self._item(vars(module), vars(module), name, f"{path}.{name}")
            elif isinstance(value, types.ModuleType | types.MethodType | types.BuiltinFunctionType):
                self._later(value, f"{path}.{name}")
            elif not callable(value) and module.__name__.partition(".")[0] not in ("numpy", "math"):
                self._item(vars(module), vars(module), name, f"{path}.{name}")


class _Cell:
    """An empty cell of a closure, which reads as ABSENT until somebody fills it."""

    def __init__(self, cell: types.CellType) -> None:
        self.cell = cell

    @property
    def cell_contents(self) -> Any:
        return ABSENT if _is_empty(self.cell) else self.cell.cell_contents

    @cell_contents.deleter
    def cell_contents(self) -> None:
        del self.cell.cell_contents


def _is_empty(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is ABSENT
    except ValueError:
        return True


def _advances_unseen(iterator: Any) -> bool:
    """Whether the next value is kept where nobody can see it: in C, or in a generator's frame."""
    is_written_in_python = isinstance(getattr(type(iterator), "__next__", None), types.FunctionType)
    return not is_written_in_python and not isinstance(iterator, io.IOBase)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == __name__.partition(".")[0] and not is_users_module(module)
