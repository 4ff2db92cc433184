"""How many arrays a piece of work makes: every block of memory that NumPy takes for the elements of one.

    (loss, parameters), tally = counted(lambda: next(training))
    results, others = tally.split([loss, *parameters])      what was made, these arrays and those besides

NumPy lets a program put an allocator of its own in place of the C library's (NEP 49). This one hands everything on
to the C library, and counts. So nothing escapes it: not an array that was freed at once, nor the 0-d array that NumPy
makes of a Python number. What NumPy's loops take for themselves, to convert a piece of an operand, is no array and
goes uncounted; the peak memory has it.
"""

import ctypes
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

Result = TypeVar("Result")

# What the functions are given besides: first the allocator's context, which is unused.
_MALLOC = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_CALLOC = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t)
_REALLOC = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_FREE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_SET_HANDLER = 304  # PyDataMem_SetHandler in the table of NumPy's C functions, where it stays


class _Handler(ctypes.Structure):
    """NumPy's PyDataMem_Handler."""

    _fields_ = [
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("context", ctypes.c_void_p),
        ("malloc", _MALLOC),
        ("calloc", _CALLOC),
        ("realloc", _REALLOC),
        ("free", _FREE),
    ]


_handlers: list[Any] = []  # never dropped: an array is freed by the handler that made it, however late


@dataclass(frozen=True)
class Allocations:
    """A number of arrays, and their bytes together."""

    count: int
    bytes: int


@dataclass
class Tally:
    """The arrays that were made, and those of them that are alive, by the address of their elements."""

    count: int = 0
    bytes: int = 0
    alive: dict[int, int] = field(default_factory=dict)

    def add(self, address: int, size: int) -> int:
        """Count an array; the address comes back."""
        self.count += 1
        self.bytes += size
        self.alive[address] = size
        return address

    def split(self, results: Iterable[Any]) -> tuple[Allocations, Allocations]:
        """What was made: those of these arrays that are new, and everything besides."""
        addresses = {one.__array_interface__["data"][0] for one in results if isinstance(one, np.ndarray)}
        sizes = [size for address, size in self.alive.items() if address in addresses]
        new = Allocations(len(sizes), sum(sizes))
        return new, Allocations(self.count - new.count, self.bytes - new.bytes)


def counted(work: Callable[[], Result]) -> tuple[Result, Tally]:
    """What the work returns, and a tally of the arrays that it made."""
    tally = Tally()
    handler = _counting(tally)
    python = ctypes.pythonapi
    python.PyCapsule_New.restype = ctypes.py_object
    python.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    python.PyCapsule_GetPointer.restype = ctypes.c_void_p
    python.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    table = python.PyCapsule_GetPointer(np._core._multiarray_umath._ARRAY_API, None)  # type: ignore[attr-defined]
    address = ctypes.cast(table, ctypes.POINTER(ctypes.c_void_p))[_SET_HANDLER]
    set_handler = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(address)
    name = b"mem_handler"
    before = set_handler(python.PyCapsule_New(ctypes.addressof(handler), name, None))
    try:
        return work(), tally
    finally:
        set_handler(before)


def _counting(tally: Tally) -> _Handler:
    """The C library's allocator with a tally."""
    library = ctypes.CDLL(None)
    for function in (library.malloc, library.calloc, library.realloc):
        function.restype = ctypes.c_void_p
    size_t, pointer = ctypes.c_size_t, ctypes.c_void_p

    def malloc(_: int, size: int) -> int:
        return tally.add(library.malloc(size_t(size)), size)

    def calloc(_: int, count: int, size: int) -> int:
        return tally.add(library.calloc(size_t(count), size_t(size)), count * size)

    def realloc(_: int, old: int, size: int) -> int:
        tally.alive.pop(old, None)
        return tally.add(library.realloc(pointer(old), size_t(size)), size)

    def free(_: int, address: int, size: int) -> None:
        tally.alive.pop(address, None)
        library.free(pointer(address))

    handler = _Handler(b"counting", 1, None, _MALLOC(malloc), _CALLOC(calloc), _REALLOC(realloc), _FREE(free))
    _handlers.append(handler)
    return handler
