"""What to write instead: the end of a sentence that refuses a function, a method or an attribute.

    f"np.roots of W has no gradient rule, step.py line 3; {instead_of(np.roots)}"

`instead_of` advises on NumPy's functions, `ATTRIBUTES` on what arrays have and Tensors do not, `instead_of_array` on
whoever asked a Tensor to become a plain array: an array's method, or a library that the Tensor was given to.
"""

from __future__ import annotations

import sys
from types import FrameType, ModuleType
from typing import Any

import numpy as np

from .frames import is_ours, user_frame
from .instructions import called_at

WRITING: set[Any] = {np.copyto, np.fill_diagonal, np.place, np.put, np.put_along_axis, np.putmask}
"""NumPy's functions that write into an array."""

SAVING: set[Any] = {np.save, np.savez, np.savez_compressed, np.savetxt}
"""NumPy's functions that write values into a file: a leaf's too."""

_ALONE = "give it t.numpy() if no gradient is wanted."
COMPOSE = f"compose it of functions that have one, make it a primitive of your own with @tg.primitive, or {_ALONE}"
LEAVE_OUT = f"leave it out, or {_ALONE}"

_INSTEAD: dict[Any, str] = {
    **dict.fromkeys(WRITING, "it writes into an array; make a new one with np.where, tg.index_update or tg.index_add."),
    **dict.fromkeys(SAVING, "save the leaves that it was computed from, or give it t.numpy()."),
    np.polyval: "use Horner's scheme (y = 0, then y = y * x + c for each coefficient c), or np.vander(x, len(c)) @ c.",
    np.polyfit: "solve np.linalg.lstsq(np.vander(x, degree + 1), y).",
    np.polymul: "write np.convolve(a, b).",
    np.polyadd: "fill the shorter up with zeros in front (np.concatenate), and write a + b.",
    np.polysub: "fill the shorter up with zeros in front (np.concatenate), and write a - b.",
    np.polyder: "write c[:-1] * np.arange(len(c) - 1, 0, -1).",
    np.polyint: "write c / np.arange(len(c), 0, -1), and append the constant.",
    np.poly: "multiply the factors, c = np.convolve(c, np.stack([1, -root])) for each root.",
    **dict.fromkeys(
        (np.histogram, np.histogram2d, np.histogramdd, np.histogram_bin_edges),
        f"counts are steps, whose slope is 0 wherever there is one; {_ALONE}",
    ),
}


def instead_of(function: Any) -> str:
    """What to write instead of one of NumPy's or SciPy's functions that has no gradient rule."""
    if function in _INSTEAD:
        return _INSTEAD[function]
    counterpart = counterpart_of(function.__name__) if full_name(function).startswith("scipy") else None
    return f"write {counterpart}, or {_ALONE}" if counterpart else COMPOSE


_HOMES = {"numpy": "np", "numpy._core.umath": "np", "numpy.strings": "np.strings", "scipy.special": "scipy.special"}
"""The modules in which a ufunc is looked for, which does not know where it comes from."""


def full_name(function: Any) -> str:
    """How a user calls a function, from the library's name on."""
    name = function.__name__
    if not isinstance(function, np.ufunc):
        return f"{getattr(function, '__module__', None) or 'numpy'}.{name}".replace("numpy", "np", 1)
    homes = (shown for home, shown in _HOMES.items() if getattr(sys.modules.get(home), name, None) is function)
    home = next(homes, None)
    return f"{home}.{name}" if home else name


_COUNTERPARTS = {
    "expit": "tg.sigmoid(x)",
    "log_expit": "-tg.softplus(-x)",
    "logit": "np.log(p) - np.log1p(-p)",
    "softplus": "tg.softplus(x)",
    **{name: f"tg.{name}(x)" for name in ("erf", "erfc")},
    **{name: f"tg.{name}(x, axis=...)" for name in ("softmax", "log_softmax", "logsumexp")},
    "ndtr": "0.5 * tg.erfc(-x / np.sqrt(2))",
    "xlogy": "x * np.log(y), with np.where for the zeros of x",
    "xlog1py": "x * np.log1p(y), with np.where for the zeros of x",
    "entr": "-x * np.log(x), with np.where for the zeros of x",
    "rel_entr": "x * np.log(x / y), with np.where for the zeros of x",
    "kl_div": "x * np.log(x / y) - x + y, with np.where for the zeros of x",
    "huber": "np.where(np.abs(r) <= delta, r**2 / 2, delta * (np.abs(r) - delta / 2))",
    "pseudo_huber": "delta**2 * (np.sqrt(1 + (r / delta)**2) - 1)",
    "boxcox": "(x**power - 1) / power",
    "exp10": "10.0**x",
    "exprel": "np.expm1(x) / x",
    "cosm1": "-2 * np.sin(x / 2)**2",
    "powm1": "x**y - 1",
    **{f"{name}dg": f"np.{name}(np.radians(x))" for name in ("sin", "cos", "tan")},
}
"""What of SciPy's is called otherwise here."""


def counterpart_of(name: str) -> str | None:
    """What has a gradient and is SciPy's function of this name, or None."""
    function = function_named(name)
    return _COUNTERPARTS.get(name) or (function and f"{function}(...)")


def function_named(name: str) -> str | None:
    """NumPy's function of arrays of this name, in np, np.linalg or np.fft, as a user writes it; None without one."""
    for home, module in (("np", np), ("np.linalg", np.linalg), ("np.fft", np.fft)):
        # Asked of the module itself, which would import np.testing and np.f2py on being asked for them.
        function = vars(module).get(name) if name in module.__all__ else None
        if isinstance(function, np.ufunc) or type(function).__name__ == "_ArrayFunctionDispatcher":
            return f"{home}.{name}"
    return None


_OF_VALUES = """
    base ctypes device flags strides tobytes tofile dumps dump byteswap getfield newbyteorder tostring
    __array_namespace__ __dlpack__ __dlpack_device__
"""

ATTRIBUTES: dict[str, str] = {
    **{name: f"take it of the values, t.numpy().{name}" for name in _OF_VALUES.split()},
    **dict.fromkeys(
        ("put", "itemset", "setfield"),
        "write tg.index_update(t, index, value), or change a parameter's values with t.data[index] = value",
    ),
    "flat": "write t.ravel(), or t.reshape(-1)[i] for one element",
    "view": "write t.reshape(shape) for another shape, t.astype(dtype) for another dtype",
    "resize": "write t.reshape(shape), or np.resize(t, shape)",
    "sort": "write np.sort(t), which returns the sorted elements",
    "partition": "write np.partition(t, kth), which returns the elements in another order",
    "fill": "write np.full_like(t, value), or change a parameter's values with t.data[...] = value",
    "setflags": "a Tensor can't be written to; of its array, t.data, flags can be set",
    "to_device": "its array stays where it is",
}
"""What arrays have and a Tensor does not, with what to write instead."""

_LIBRARIES = {
    "matplotlib": "plot t.numpy()",
    "seaborn": "plot t.numpy()",
    "pandas": "take the values out of the pandas object first, as in df.to_numpy() @ t, or give pandas t.numpy()",
    "scipy.sparse": "write a.toarray() @ t, or give it t.numpy() if no gradient is wanted",
    "scipy": "write it with NumPy's functions, or give it t.numpy() if no gradient is wanted",
    "sklearn": "give it t.numpy(): scikit-learn's functions have no gradients",
    "torch": "give it t.numpy()",
    "jax": "give it t.numpy()",
}
"""Libraries that make plain arrays of what they are given, with what to give them."""

_CALLED = {
    "dot": "write a @ t or np.dot(a, t): an array's own method knows no Tensor.",
    "select": "give the default as the last choice, np.select([..., np.ones(shape, bool)], [..., t]).",
    "put": "make a new one with tg.index_update(a, index, t).",
    "full": "write t * np.ones(shape).",
    "arange": "write start + step * np.arange(n).",
    "normal": "draw from the standard distribution, and write mean + scale * rng.normal(size=shape).",
    "uniform": "draw from the standard distribution, and write low + (high - low) * rng.uniform(size=shape).",
    "choice": "choose places, and write t[rng.choice(len(t), size)].",
    "permutation": "write t[rng.permutation(len(t))].",
    "shuffle": "write t[rng.permutation(len(t))].",
}
"""What to write instead of calling a method or a function of this name."""


def instead_of_array() -> str:
    """What to write where a Tensor was asked to become a plain array, as whoever asked for it suggests."""
    frame, library, names = _asked_by()
    if library:
        return instead_in_library(library, names)
    if any(name.startswith("_vectorize_call") for name in names):
        return "np.vectorize collects plain numbers; give the function the whole array, or np.stack([f(x) for x in a])."
    called, is_method = _called(frame)
    if called in _CALLED and (is_method or called != "dot"):
        return _CALLED[called]
    if _is_numpys(called):
        return (
            _ON_ARRAYS.format(called) if is_method else f"join the tensors first: np.{called}(np.stack(tensors), ...)."
        )
    return "join tensors with np.stack or np.concatenate, or take t.numpy() where no gradient is wanted."


def instead_of_writing() -> str:
    """What to write where a Tensor should have been written into an array, by an operator or a method of its own."""
    called, is_method = _called(_asked_by()[0])
    if is_method and _is_numpys(called):
        return _ON_ARRAYS.format(called)
    return "leave out= out, and write a = a + t instead of a += t."


_ON_ARRAYS = "write np.{}(a, ...): an array's own method knows no Tensor."


def _called(frame: FrameType) -> tuple[str, bool]:
    """The last name of what the running instruction of a frame calls, and whether that is a method of a value."""
    path = called_at(frame.f_code, frame.f_lasti)
    owner, _, name = path.rpartition(".")
    first = owner.partition(".")[0]
    found = frame.f_locals.get(first, frame.f_globals.get(first))
    return name, name != path and not isinstance(found, ModuleType)


def _is_numpys(name: str) -> bool:
    """Whether a method of arrays is one of NumPy's functions too."""
    return hasattr(np.ndarray, name) and function_named(name) is not None


def instead_of_copy() -> str:
    """What to write where a Tensor was asked to be copied or pickled."""
    _, library, names = _asked_by()
    return instead_in_library(library, names) if library else "copy its leaves, or t.detach()."


def instead_in_library(library: str, names: list[str]) -> str:
    """What to write instead of giving a Tensor to a library, in which functions of these names were called in turn."""
    counterparts = map(counterpart_of, names if library == "scipy" else ())
    counterpart = next(filter(None, counterparts), None)
    return f"write {counterpart}, or {_ALONE}" if counterpart else f"{_LIBRARIES[library]}."


def _asked_by() -> tuple[FrameType, str, list[str]]:
    """The user's frame, the library that it called ("" if none) and the functions that were called on the way."""
    frame, user = sys._getframe(1), user_frame(1)
    library, names = "", list[str]()
    while frame is not user and frame.f_back is not None:
        module = frame.f_globals.get("__name__", "")
        library = next((name for name in _LIBRARIES if f"{module}.".startswith(f"{name}.")), library)
        if not is_ours(frame.f_code.co_filename):
            names.insert(0, frame.f_code.co_name)
        frame = frame.f_back
    return user, library, names
