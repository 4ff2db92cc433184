"""Every public function of np, np.linalg and np.fft, given Tensors that need gradients: it is right, or it refuses.

Each function is called in all the ways of ARGUMENTS that NumPy itself accepts, and with each keyword of OPTIONS that it
takes; every floating array among them is a Tensor that needs a gradient. Right is: NumPy's value, shape and dtype, and
the slope along a direction, to second order. What would have no gradient must not depend on them, or be refused.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor
from tinygrad_np.primitive import NUMPY

# Settings, files, printing; what makes arrays of shapes alone; uninitialised memory.
NO_FUNCTIONS_OF_ARRAYS = {
    "test", "info", "show_config", "show_runtime", "get_include", "printoptions", "set_printoptions",
    "get_printoptions", "getbufsize", "setbufsize", "geterr", "seterr", "geterrcall", "seterrcall", "load",
    "loadtxt", "genfromtxt", "fromfile", "fromregex", "save", "savez", "savez_compressed", "savetxt",
    "nested_iters", "array_str", "array_repr", "array2string", "empty", "empty_like", "zeros", "ones", "tri",
    "indices", "bmat", "typename",
}  # fmt: skip
# They read single numbers through float(), which can't refuse, or ask for memory, which raises Python's own errors.
BELOW_THE_PROTOCOLS = {"arange", "fromiter", "frombuffer", "from_dlpack", "fromstring", "isfortran"}
if np.lib.NumpyVersion(np.__version__) < "2.2.0":
    BELOW_THE_PROTOCOLS.add("trim_zeros")  # Ours is that of NumPy 2.2, for arrays of any number of axes.


def public_functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    for prefix, module in (("np", np), ("np.linalg", np.linalg), ("np.fft", np.fft)):
        for name in sorted(dir(module)):
            function = getattr(module, name)
            if name.startswith("_") or not callable(function) or inspect.isclass(function):
                continue
            if name not in NO_FUNCTIONS_OF_ARRAYS | BELOW_THE_PROTOCOLS:
                yield f"{prefix}.{name}", function


FUNCTIONS = dict(public_functions())


def spread(*shape: int, low: float = 0.35, high: float = 2.0) -> Any:
    """Values of which no two are close, and none is close to where functions have kinks or steps."""
    size = int(np.prod(shape))
    random = np.random.default_rng(size)
    steps = (np.arange(size) + random.uniform(0.2, 0.8, size)) / size
    return random.permutation(low + (high - low) * steps).reshape(shape)


A, B, v, w, z = spread(2, 3), spread(3, 2).T + 0.11, spread(3), spread(4)[1:] + 0.2, np.array(0.7)
square = spread(3, 3) + 3 * np.eye(3)
mask, places = np.array([True, False, True]), np.array([0, 2, 1])

ARGUMENTS: list[tuple[Any, ...]] = [
    (A,), (v,), (z,), (spread(2, 3, 2),), (spread(2, 3, low=-2, high=-0.3),), (spread(4, low=-0.9, high=0.9),),
    (square,), (square @ square.T + 0.1 * square,), (spread(3, 3, 3, 3),), (np.zeros((0, 3)),),
    (A.astype(np.float32),), (np.sort(v),), (A, B), (A, v), (v, w), (v, z), (z, v), (square, v), (square, square.T),
    (A, B.T), ([1.0, 2.0, 3.0], v), (v, [3, 1, 2]), (A, 0), (A, 1), (v, 2), (2, v), (A, (1, 0)), (A, (3, 2)),
    (A, 0.6), (0.6, A), (spread(2, 3, 2), 0, 1), (A, [0, 1]), (v, [1, 2]), ([v, w],), ((A, B),), ([A, B], 1),
    ([A, A @ square],), ([[A, B], [B, A]],), ([v, 1.5 * w, z],), ([A, square, v],), (v, w, 2 * v), (A, 0.7, 1.4),
    (A, z, z + 0.6), (A, 1, v[:2]), (A, 1, z), (v, [0, 2], w[:2]), (v, places), (places, v), (places, [v, w, z]),
    (mask, v, w), (mask, v), ([mask, ~mask], [v, w]), (A, [[0], [1]], 1), (v, np.sort(w), spread(3)), (z, z + 1, 4),
    (np.sum, 1, A), (np.cumsum, 0, A), (np.sum, A, [0]), ((3,), z), ((2, 3), v), ("ij,kj->ik", A, B), ("i,i", v, w),
    (A, [0, 1], v, [1]), (A, [(1, 1), (2, 0)]), (v, 2, "edge"), (A, 1, "mean"), (v, None, 1.0),
]  # fmt: skip

ARGUMENTS_OF: dict[Any, list[tuple[Any, ...]]] = {
    np.piecewise: [(v, [v > 1], [np.square, 2.0]), (v, [mask], [z, z + 1])]
}

OPTIONS: dict[str, list[Any]] = {
    "axis": [0, -1, None, (0, 1)], "keepdims": [True], "dtype": [np.float32, bool], "initial": [z, 2.0],
    "where": [mask, True], "ddof": [1, z], "correction": [1], "mean": [z, 1.1], "weights": [v, A, [1, 2, 3]],
    "returned": [True], "out": [np.zeros(3)], "order": ["C", "F"],
    "mode": ["same", "valid", "wrap", "clip", "reflect", "linear_ramp", "complete", "r"], "copy": [True, False],
    "prepend": [z, 1.0], "append": [z], "to_begin": [z], "to_end": [v], "k": [1, -1], "n": [2, 4], "offset": [1],
    "num": [3], "endpoint": [False], "retstep": [True], "base": [2.0, z], "left": [z], "right": [z],
    "period": [5, z + 4], "min": [z], "max": [z], "a_min": [z], "a_max": [z], "decimals": [1], "nan": [z],
    "return_index": [True], "return_counts": [True], "rcond": [1e-9], "hermitian": [True],
    "ord": [1, 2, -2, 3, np.inf, "fro", "nuc", z + 2], "p": [1, -2, "fro"], "UPLO": ["U"], "upper": [True],
    "full_matrices": [False], "compute_uv": [False], "norm": ["ortho", "forward"], "s": [(4, 4)],
    "axes": [(1, 0), 1], "method": ["lower", "hazen", "median_unbiased"], "rowvar": [False], "bias": [True],
    "fweights": [[1, 2, 1]], "aweights": [v], "y": [v, A], "edge_order": [2], "deg": [True], "increasing": [True],
    "dx": [z], "x": [np.sort(v)], "shift": [1], "sparse": [True], "indexing": ["ij"], "assume_unique": [True],
    "optimize": [True], "shape": [(2, 2)], "default": [z], "constant_values": [z], "end_values": [z],
    "stat_length": [1], "reflect_type": ["odd"], "include_initial": [True], "tol": [0.1], "casting": ["unsafe"],
    "like": [v], "fill_value": [z], "density": [True], "minlength": [5], "interpolation": ["lower"],
    "side": ["right"],
}  # fmt: skip


def is_floating(part: Any) -> bool:
    return isinstance(part, np.ndarray) and part.dtype.kind == "f"


def parts(tree: Any) -> list[Any]:
    """The leaves of nested lists, tuples and dicts."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    return [part for branch in tree for part in parts(branch)] if isinstance(tree, list | tuple) else [tree]


def filled(tree: Any, values: Iterator[Any]) -> Any:
    """The tree with the next of the values in the place of each floating array."""
    if isinstance(tree, dict):
        return {name: filled(part, values) for name, part in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)([filled(part, values) for part in tree])
    return next(values) if is_floating(tree) else tree


def problem(function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]) -> str | None:
    """What is wrong with this call on Tensors; None if it is right, refused, or not taken by NumPy either."""
    inputs = [part for part in parts([arguments, keywords]) if is_floating(part)]

    def call(values: list[Any]) -> list[Any]:
        given = iter(values)
        return parts([function(*filled(arguments, given), **filled(keywords, given))])

    try:
        expected = [np.asarray(result) for result in call([value.copy() for value in inputs])]
    except Exception:
        return None
    tensors = [Tensor(value, requires_grad=True) for value in inputs]
    try:
        results = call(tensors)
    except tg.TinygradError:
        return None
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if any(not np.array_equal(tensor.numpy(), value) for tensor, value in zip(tensors, inputs, strict=True)):
        return "an input was changed"
    if len(results) != len(expected):
        return f"{len(results)} results instead of {len(expected)}"
    for number, (result, reference) in enumerate(zip(results, expected, strict=True)):
        array = result.numpy() if isinstance(result, Tensor) else np.asarray(result)
        if reference.dtype.kind == "c" and not reference.imag.any():
            reference = reference.real  # NumPy 2.5 gives real eigenvalues as complex numbers.
        if array.shape != reference.shape or array.dtype.kind != reference.dtype.kind:
            return f"{array.shape} {array.dtype} instead of {reference.shape} {reference.dtype}"
        if array.dtype.kind not in "fbiu":
            continue
        tolerance = 1e-9 if reference.dtype == np.float64 and array.dtype == np.float64 else 1e-2
        finite = np.isfinite(reference)
        # Of a division by zero, rounding alone may make infinity or NaN.
        array, reference = np.where(finite, array, np.isfinite(array)), np.where(finite, reference, False)
        if not np.allclose(array, reference, tolerance, tolerance):
            return f"the value {array.ravel()[:3]} instead of {reference.ravel()[:3]}"
        is_precise = tolerance < 1e-2 and all(value.dtype == np.float64 for value in inputs)
        has_slope = array.dtype.kind == "f" and array.size > 0 and finite.all()
        if is_precise and has_slope and (wrong := wrong_slope(call, number, inputs, result)):
            return wrong
    return None


def wrong_slope(call: Callable[..., Any], number: int, inputs: list[Any], result: Any) -> str | None:
    """What is wrong with the slope of one of the results along a direction, or with the slope of that slope."""
    weights = np.cos(np.arange(np.size(result))).reshape(np.shape(result))
    directions = [np.sin(1 + np.arange(value.size)).reshape(value.shape) for value in inputs]
    step = 1e-6

    def moved(distance: float) -> list[Any]:
        return [value + distance * direction for value, direction in zip(inputs, directions, strict=True)]

    def scalar(*values: Any) -> Any:
        y = call(list(values))[number]
        # What picks other elements as they move has no slope, and NaN is no error.
        return np.sum(y * weights) if np.shape(y) == weights.shape else np.nan

    def along(contributions: Any) -> float:
        return float(sum(np.sum(one * two) for one, two in zip(contributions, directions, strict=True)))

    def differences(f: Callable[..., Any]) -> float:
        return float(f(*moved(step)) - f(*moved(-step))) / (2 * step)

    slope = differences(scalar)
    if not (isinstance(result, Tensor) and result.requires_grad):
        return f"no gradient, but the slope {slope}" if abs(slope) > 1e-6 else None
    gradient = tg.grad(scalar, tuple(range(len(inputs))))
    try:
        first, second = along(gradient(*inputs)), along(tg.hvp(scalar, tuple(inputs), tuple(directions)))
    except tg.TinygradError:
        return None
    if abs(first - slope) > 1e-5 * max(1, abs(slope)):
        return f"the slope {first} instead of {slope}"
    curvature = differences(lambda *values: along(gradient(*values)))
    if abs(second - curvature) > 1e-4 * max(1, abs(curvature)):
        return f"the second derivative {second} instead of {curvature}"
    return None


def names_of_options(function: Callable[..., Any]) -> list[str]:
    if isinstance(function, np.ufunc):
        return ["where", "dtype", "casting", "axis", "order"]
    try:
        return [name for name in inspect.signature(function).parameters if name in OPTIONS]
    except ValueError:
        return []


def calls(function: Callable[..., Any]) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """All the ways of ARGUMENTS; and, with each keyword, the first few ways of different shapes that NumPy takes."""
    seen = set()
    for arguments in [*ARGUMENTS, *ARGUMENTS_OF.get(function, [])]:
        yield arguments, {}
        form = tuple((type(part), np.ndim(part) if is_floating(part) else 0) for part in arguments)
        if form in seen or len(seen) > 5 or not taken(function, arguments):
            continue
        seen.add(form)
        for name in names_of_options(function):
            for value in OPTIONS[name]:
                yield arguments, {name: value}


def taken(function: Callable[..., Any], arguments: tuple[Any, ...]) -> bool:
    """Whether NumPy takes these arguments."""
    try:
        function(*filled(arguments, (part.copy() for part in parts(arguments) if is_floating(part))))
    except Exception:
        return False
    return True


def problems(function: Callable[..., Any]) -> list[tuple[Any, ...]]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = [
            (arguments, keywords, problem(function, arguments, keywords)) for arguments, keywords in calls(function)
        ]
    return [(what, arguments, keywords) for arguments, keywords, what in found if what]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_right_or_refuses(name: str) -> None:
    assert problems(FUNCTIONS[name]) == []


@pytest.mark.parametrize(
    ("function", "ours"),
    [
        (np.sinh, lambda x: np.sinh(x.numpy())),
        (np.sinh, np.cosh),
        (np.sinh, lambda x: np.sinh(x) + 0 * x.numpy() ** 0.5 if x.ndim else x.shape.missing),
        (np.sinh, lambda x: np.sinh(x.detach()) + x - x.numpy()),
        (
            np.sum,
            lambda x, axis=None, dtype=None, keepdims=False, initial=None, where=True: x.sum(axis, keepdims=keepdims),
        ),
        (
            np.average,
            lambda x, axis=None, weights=None, returned=False, *, keepdims=False: np.mean(x, axis, keepdims=keepdims),
        ),
    ],
)
def test_the_walk_finds_what_is_wrong(function: Any, ours: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NUMPY, function, ours)
    assert problems(function)
