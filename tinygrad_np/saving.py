"""Save a tree of arrays, Tensors, numbers and strings in a file, and load it again, to the bit.

    tg.save({"model": model.state_dict(), "epoch": 3}, "run.npz")
    model.load_state_dict(tg.load("run.npz")["model"])

The ending of the name says the format: `.npz` is NumPy's (never a pickle), `.safetensors` the one that PyTorch users
share. Arrays stand in the file under their paths, such as `model.0.weight`, for everybody to read; the tree itself, its
numbers and strings are JSON. Loading runs no code, and a file that lies costs no more memory than twice its size.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .archive import plain_json, read_npz, read_safetensors, write_npz, write_safetensors
from .errors import (
    FileError,
    ForbiddenFileError,
    MissingDependencyError,
    MissingFileError,
    StateError,
    UnknownFormatError,
    described,
)
from .frames import user_place
from .sentences import in_a_sentence
from .tensor import Tensor

Arrays = dict[str, Any]

TREE = "__tree__"
"""The name under which the file keeps the tree."""


@in_a_sentence
def save(tree: Any, path: str | os.PathLike[str]) -> None:
    """Write a tree in a file: whole, or not at all, so that a crash leaves the file that was there before.

    Args:
        tree: arrays, Tensors, numbers, strings, booleans and None in dicts (of strings and whole numbers), lists and
            tuples. A module or an optimiser is saved by its `state_dict()`.
        path: ends in `.npz` or `.safetensors` (which needs the library of that name).

    Raises StateError, which names the key, for what can't be saved; UnknownFormatError for another ending; FileError
    (MissingFileError, ForbiddenFileError), which are OSErrors, where the file can't be written.

    >>> import numpy as np, tempfile, tinygrad_np as tg
    >>> folder = tempfile.TemporaryDirectory()
    >>> tg.save({"w": np.ones(2), "epoch": 3}, folder.name + "/run.npz")
    >>> tg.load(folder.name + "/run.npz")
    {'w': array([1., 1.]), 'epoch': 3}
    >>> folder.cleanup()
    """
    target = os.path.realpath(os.fspath(path))
    write = _by_ending(path, {".npz": write_npz, ".safetensors": write_safetensors})
    arrays: Arrays = {}
    try:
        structure = json.dumps(_taken_apart(tree, "", arrays), allow_nan=False, separators=(",", ":"))
        with _replacing(target) as file:
            write(file, arrays, TREE, structure)
    except RecursionError:
        raise StateError(
            f"the tree can't be saved, {user_place()}: it contains itself, or is nested too deep."
        ) from None
    except ValueError as error:
        if isinstance(error, StateError):
            raise
        raise StateError(f"{os.fspath(path)} can't be saved, {user_place()}: {error}.") from None
    except OSError as error:
        raise _refused(path, "saved", error) from None


@in_a_sentence
def load(path: str | os.PathLike[str]) -> Any:
    """The tree that `save` wrote; of a file that something else wrote, its arrays in a dict by their names.

    Raises StateError, one sentence with the file and the key, for a file that is damaged or lies; MissingFileError,
    which is a FileNotFoundError, for one that is not there.
    """
    read = _by_ending(path, {".npz": read_npz, ".safetensors": read_safetensors})
    with _opened(path) as file:
        try:
            arrays, structure = read(file, TREE)
            if structure is None:
                return arrays
            used: set[str] = set()
            tree = _put_together(plain_json(structure), arrays, used)
            if len(used) != len(arrays):
                raise ValueError(f"its tree has no place for {min(set(arrays) - used)!r}")
            return tree
        except MissingDependencyError:
            raise
        except Exception as error:
            # A file that lies can make any part of a parser fail.
            reason = " ".join(str(error).split()) or type(error).__name__
            raise StateError(f"{os.fspath(path)} can't be loaded, {user_place()}: {reason.rstrip('.')}.") from None


def _opened(path: str | os.PathLike[str]) -> Any:
    try:
        return open(path, "rb")
    except OSError as error:
        raise _refused(path, "loaded", error) from None


def _refused(path: str | os.PathLike[str], done: str, error: OSError) -> FileError:
    """The error of a file that can't be opened or written, named as the user named it."""
    kinds = {FileNotFoundError: MissingFileError, PermissionError: ForbiddenFileError}
    kind = kinds.get(type(error), FileError)
    told: FileError = kind(f"{os.fspath(path)} can't be {done}, {user_place()}: {error.strerror or error}.")
    told.errno = error.errno
    return told


def _by_ending(path: str | os.PathLike[str], ways: dict[str, Callable[..., Any]]) -> Callable[..., Any]:
    ending = os.path.splitext(os.fspath(path))[1]
    if ending not in ways:
        raise UnknownFormatError(
            f"{os.fspath(path)!r} does not say a format by its ending, {user_place()}: use .npz or .safetensors."
        )
    return ways[ending]


@contextlib.contextmanager
def _replacing(target: str) -> Iterator[Any]:
    """A new file that takes the place of the old one when all of it is on the disk."""
    beside = f"{target}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    try:
        with open(beside, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(beside)
        raise
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(os.path.dirname(target), os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _taken_apart(tree: Any, path: str, arrays: Arrays) -> Any:
    """The tree as JSON, in which an array is its name in the file; the arrays are noted under these names."""
    if tree is None or type(tree) in (bool, int, str):
        return tree
    if type(tree) is float:
        return tree if math.isfinite(tree) else {"float": repr(tree)}
    if type(tree) in (list, tuple):
        return {type(tree).__name__: [_taken_apart(part, f"{path}.{index}", arrays) for index, part in enumerate(tree)]}
    if isinstance(tree, dict):
        for key in tree:
            if type(key) not in (str, int):
                raise StateError(
                    f"{path[1:] or 'the tree'} can't be saved, {user_place()}: its key {key!r} is neither a string "
                    "nor a whole number."
                )
        return {"dict": [[key, _taken_apart(part, f"{path}.{key}", arrays)] for key, part in tree.items()]}
    if isinstance(tree, Tensor):
        name = _noted(tree.numpy(), path, arrays)
        return {"tensor": name, "requires_grad": tree.requires_grad and tree.is_leaf, "name": tree.name}
    if isinstance(tree, np.ndarray | np.generic) and not isinstance(tree, np.ma.MaskedArray | np.matrix):
        return {"array" if isinstance(tree, np.ndarray) else "number": _noted(np.asarray(tree), path, arrays)}
    hint = "; save its state_dict()" if hasattr(tree, "state_dict") else ""
    raise StateError(
        f"{path[1:] or 'the tree'} can't be saved, {user_place()}: {type(tree).__name__} is not an array, a Tensor, a "
        f"number, a string, or a plain dict, list or tuple of these{hint}."
    )


def _noted(array: Any, path: str, arrays: Arrays) -> str:
    if array.dtype.kind not in "biufcU":
        raise StateError(
            f"{path[1:] or 'the array'} can't be saved, {user_place()}: {described(array)} holds no plain numbers or "
            "strings."
        )
    name = plain = re.sub(r"[^\w.-]", "_", path[1:]).strip(".") or "array"
    count = 1
    while name in arrays or name == TREE:
        count += 1
        name = f"{plain}_{count}"
    arrays[name] = array
    return name


def _put_together(node: Any, arrays: Arrays, used: set[str]) -> Any:
    """The tree of its JSON. Raises ValueError where that is not a tree that `_taken_apart` makes."""
    if node is None or type(node) in (bool, int, float, str):
        return node
    kind, content = next(iter(node.items())) if isinstance(node, dict) and node else ("", None)
    if kind in ("list", "tuple") and isinstance(content, list):
        parts = [_put_together(part, arrays, used) for part in content]
        return parts if kind == "list" else tuple(parts)
    if kind == "dict" and isinstance(content, list):
        tree = {}
        for key, part in content:
            if type(key) not in (str, int) or key in tree:
                raise ValueError(f"its tree has the key {key!r} twice, or as none")
            tree[key] = _put_together(part, arrays, used)
        return tree
    if kind == "float" and content in ("nan", "inf", "-inf"):
        return float(content)
    if kind in ("array", "number", "tensor") and isinstance(content, str):
        if content not in arrays or content in used:
            raise ValueError(f"its tree names {content!r}, which is {'there once' if content in used else 'missing'}")
        used.add(content)
        array = arrays[content]
        if kind == "tensor":
            name = node.get("name") if isinstance(node.get("name"), str) else None
            return Tensor(array, requires_grad=node.get("requires_grad") is True, name=name)
        return array if kind == "array" else array[()]
    raise ValueError("its tree is not one that tg.save writes")
