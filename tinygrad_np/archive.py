"""Named arrays in a file, read without trust: .npz and .safetensors.

A file is checked before anything as large as it claims to be is allocated. What is wrong with it is raised in words
that name the key, as a ValueError where this file finds it; saving.py makes a sentence of it.
"""

from __future__ import annotations

import json
import math
import os
import zipfile
from typing import Any

import numpy as np

from .errors import MissingDependencyError

LONGEST_HEADER = 100_000_000
"""Bytes of a header of .safetensors, the limit of its own library."""

PIECE = 1 << 20
"""Bytes that are read at once, so that an array is never in memory twice."""

_WIDTH = {"BOOL": 1} | {
    f"{kind}{bits}": bits // 8 for kind in "UIF" for bits in (8, 16, 32, 64) if kind + str(bits) != "F8"
}
"""The bytes of an element of each dtype of .safetensors that NumPy has."""


def write_npz(file: Any, arrays: dict[str, Any], tree: str, structure: str) -> None:
    """Write arrays as NumPy's savez does, uncompressed and without a time, so that the same state is the same file."""
    members = {**arrays, tree: np.frombuffer(structure.encode(), np.uint8)}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in members.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def read_npz(file: Any, tree: str) -> tuple[dict[str, Any], str | None]:
    """The arrays by their names, and the structure if there is one."""
    size = file.seek(0, os.SEEK_END)
    arrays: dict[str, Any] = {}
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        claimed = sum(member.file_size for member in members)
        if claimed > 2 * size:
            raise ValueError(
                f"its arrays claim {claimed:,} bytes and the file has {size:,}; if it is compressed and you trust it, "
                "read it with np.load"
            )
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name in arrays:
                raise ValueError(f"it holds {name!r} twice")
            if not member.filename.endswith(".npy") or name.startswith("/") or {"..", ""} & set(name.split("/")):
                raise ValueError(f"{member.filename!r} is not the name of an array")
            try:
                arrays[name] = _read_member(archive, member)
            except Exception as error:
                raise ValueError(f"{name!r}: {error}") from None
    structure = arrays.pop(tree, None)
    return arrays, None if structure is None else structure.astype(np.uint8, casting="safe").tobytes().decode()


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Any:
    stream: Any
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in readers:
            raise ValueError(f"version {version} of NumPy's format is not known")
        shape, is_fortran, dtype = readers[version](stream)
        if dtype.kind not in "biufcU":
            raise ValueError(f"{dtype} is not a dtype of plain numbers or strings; Python objects are never loaded")
        _check_whole("its shape", shape)
        if math.prod(shape) * dtype.itemsize != member.file_size - stream.tell():
            raise ValueError(f"its shape {shape} {dtype} does not fit its {member.file_size - stream.tell():,} bytes")
        array = np.empty(shape, dtype, order="F" if is_fortran else "C")
        read, room = 0, memoryview(bytearray())
        if array.nbytes:
            room = memoryview((array.T if is_fortran else array).reshape(-1).view(np.uint8))  # type: ignore[arg-type]
        while piece := stream.readinto(room[read : read + PIECE]):
            read += piece
        if read != array.nbytes:
            raise ValueError("its data ends too early")
        if stream.read(1):
            raise ValueError("its data goes on after its end")
        return _checked("it", array)


def write_safetensors(file: Any, arrays: dict[str, Any], tree: str, structure: str) -> None:
    """Write arrays by the library `safetensors`, the structure as its metadata."""
    plain = {}
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            raise ValueError(f"{name!r} is {array.dtype}, which .safetensors has no word for; save as .npz")
        plain[name] = np.array(array, array.dtype.newbyteorder("="), order="C")
    file.write(_safetensors().save(plain, metadata={tree: structure}))


def read_safetensors(file: Any, tree: str) -> tuple[dict[str, Any], str | None]:
    """The arrays by their names, and the structure if there is one."""
    library = _safetensors()
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(size - 8, LONGEST_HEADER):
        raise ValueError(f"its header claims {length:,} bytes and the file has {size:,}")
    header = plain_json(file.read(length))
    metadata = header.pop("__metadata__", {})
    for name, entry in header.items():
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise ValueError(f"{name!r} does not have dtype, shape and data_offsets")
        if entry["dtype"] not in _WIDTH:
            raise ValueError(f"{name!r} is {entry['dtype']!r}, which NumPy has no dtype for; save it as float32")
        _check_whole(name, entry["shape"])
        _check_whole(name, entry["data_offsets"])
    end = 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        start, stop = entry["data_offsets"]
        if start != end or stop - start != math.prod(entry["shape"]) * _WIDTH[entry["dtype"]]:
            raise ValueError(f"{name!r} claims the bytes {start} to {stop}, and has {entry['shape']} from {end} on")
        end = stop
    if end != size - 8 - length:
        raise ValueError(f"its arrays claim {end:,} bytes and it has {size - 8 - length:,}")
    arrays = {name: _checked(name, array) for name, array in library.load_file(file.name).items()}
    return arrays, metadata.get(tree)


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise MissingDependencyError("a .safetensors file needs: pip install 'tinygrad_np[safetensors]'.") from None
    return safetensors.numpy


def plain_json(text: str | bytes) -> Any:
    """What JSON says, if it says no key twice and no NaN."""
    return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)


def _check_whole(name: str, numbers: Any) -> None:
    if not isinstance(numbers, list | tuple) or any(type(number) is not int or number < 0 for number in numbers):
        raise ValueError(f"{name!r} has {numbers!r} where whole numbers should be")


def _checked(name: str, array: Any) -> Any:
    if array.dtype.kind == "b" and (array.view(np.uint8) > 1).any():
        raise ValueError(f"{name!r} holds a truth value that is neither 0 nor 1")
    return array


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"it holds {next(name for name in names if names.count(name) > 1)!r} twice")
    return table


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")
