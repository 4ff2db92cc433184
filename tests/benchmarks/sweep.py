"""Function by function: forward beside NumPy's own; forward and backward beside PyTorch's and JAX's, where installed.

    python tests/benchmarks/sweep.py                                  a few minutes
    python tests/benchmarks/sweep.py --only erf sort --dtype float32 --size 2000000 --rounds 30

There is a row for each row of tests/cases.py that takes any shape, and for functions that need shapes of their own
those written below. The processor's time of one thread; all that is compared takes turns in every round. Outliers come
first. A ratio of forward and backward above 3, or of forward above 1.5, is a slow corner, where NumPy itself is not the
limit. The last line has the geometric mean of each column.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from statistics import geometric_mean, median
from time import process_time
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

import tinygrad_np as tg
from contestants import ENVIRONMENT
from stopwatch import interleaved, ratio
from tables import print_table
from tests.cases import CASES, Case


def installed(name: str) -> Any:
    """A module, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


torch, jax = installed("torch"), installed("jax")

N = 100_000
RANDOM = np.random.default_rng(0)
MASK = RANDOM.random(N) < 0.5
COLUMNS = RANDOM.integers(0, 1000, 1000)
PLACES = RANDOM.permutation(N)
ALONG = RANDOM.integers(0, 1000, (100, 1000))
KERNEL = RANDOM.normal(size=64)
IMAGES = (64, 8, 12, 12)


class Row(NamedTuple):
    """A function of Tensors, NumPy's own for arrays, PyTorch's and JAX's; and what draws inputs of a size."""

    ours: Callable[..., Any]
    numpy: Callable[..., Any] | None
    torch: Callable[..., Any] | None
    inputs: Callable[[int], list[Any]]
    jax: Callable[..., Any] | None = None


def normal(*shapes: tuple[int, ...], plus: float = 0.0) -> Callable[[int], list[Any]]:
    """Draws normal numbers of these shapes, whatever the size, or numbers near 1."""
    return lambda size: [(RANDOM.normal(size=shape) + plus) / (plus or 1) for shape in shapes or ((N,),)]


def row(
    ours: Callable[..., Any],
    numpy: Callable[..., Any] | None,
    torchs: Callable[..., Any] | None,
    *shapes: tuple[int, ...],
    plus: float = 0.0,
) -> Row:
    """A row of inputs of these shapes."""
    return Row(ours, numpy, torchs, normal(*shapes, plus=plus))


def same(f: Callable[..., Any], torchs: Callable[..., Any] | None, *shapes: tuple[int, ...], plus: float = 0.0) -> Row:
    """A row of a function that takes arrays and Tensors alike."""
    return row(f, f, torchs, *shapes, plus=plus)


def of_torch(name: str) -> Callable[..., Any]:
    """A function of torch.nn.functional."""
    return lambda *inputs, **options: getattr(torch.nn.functional, name)(*inputs, **options)


def of_table(case: Case) -> Row:
    """A row of the table of primitives; the others' functions are found by the name of ours."""
    name = getattr(case.f, "__name__", "")
    names = getattr(getattr(case.f, "__code__", None), "co_names", ())
    is_numpys = "tg" not in names and not getattr(case.f, "__module__", "").startswith("tinygrad_np")
    peers = [torch, getattr(getattr(torch, "nn", None), "functional", None)]
    jaxs = [getattr(jax, "numpy", None), getattr(jax, "nn", None)]
    return Row(
        case.f,
        case.f if is_numpys else None,
        next((getattr(peer, name) for peer in peers if hasattr(peer, name)), None),
        lambda size: [domain.draw((size // 1000, 1000), RANDOM) for domain in case.inputs],
        next((getattr(peer, name) for peer in jaxs if hasattr(peer, name)), None),
    )


ROWS: dict[str, Row] = {
    "where(mask, x, 0)": same(lambda x: np.where(MASK, x, 0), lambda x: torch.where(torch.from_numpy(MASK), x, 0)),
    "where(mask, x, y)": same(
        lambda x, y: np.where(MASK, x, y), lambda x, y: torch.where(torch.from_numpy(MASK), x, y), (N,), (N,)
    ),
    "dropout": row(lambda x: tg.dropout(x, 0.5), lambda x: x * (RANDOM.random(x.shape) > 0.5), of_torch("dropout")),
    "conv2d depthwise": row(
        lambda x, w: tg.conv2d(x, w, groups=8),
        None,
        lambda x, w: of_torch("conv2d")(x, w, groups=8),
        IMAGES,
        (8, 1, 3, 3),
    ),
    "avg_pool2d": row(lambda x: tg.avg_pool2d(x, 2), None, lambda x: of_torch("avg_pool2d")(x, 2), (64, 8, 24, 24)),
    "max_pool2d": row(lambda x: tg.max_pool2d(x, 2), None, lambda x: of_torch("max_pool2d")(x, 2), (64, 8, 24, 24)),
    "max_pool1d": row(lambda x: tg.max_pool1d(x, 2), None, lambda x: of_torch("max_pool1d")(x, 2), (10, 10, 1000)),
    "conv2d 3x3": row(tg.conv2d, None, of_torch("conv2d"), IMAGES, (16, 8, 3, 3)),
    "conv2d 5x5": row(tg.conv2d, None, of_torch("conv2d"), IMAGES, (16, 8, 5, 5)),
    "einsum ij,jk": same(
        lambda a, b: np.einsum("ij,jk->ik", a, b), lambda a, b: torch.einsum("ij,jk->ik", a, b), (200, 200), (200, 200)
    ),
    "einsum of three": same(
        lambda *abc: np.einsum("ij,jk,kl->il", *abc), lambda *abc: torch.einsum("ij,jk,kl->il", *abc), *3 * [(40, 40)]
    ),
    "stack @ matrix": same(lambda a, b: a @ b, lambda a, b: a @ b, (1000, 1, 64), (64, 64)),
    "x[:, index]": same(lambda x: x[:, COLUMNS], lambda x: x[:, torch.from_numpy(COLUMNS)], (100, 1000)),
    "x[permutation]": same(lambda x: x[PLACES], lambda x: x[torch.from_numpy(PLACES)]),
    "take_along_axis": same(
        lambda x: np.take_along_axis(x, ALONG, 1), lambda x: x.gather(1, torch.from_numpy(ALONG)), (100, 1000)
    ),
    "pad reflect": same(lambda x: np.pad(x, 5, "reflect"), None, (100, 1000)),
    "pad linear_ramp": same(lambda x: np.pad(x, 5, "linear_ramp"), None, (2000,)),
    "sort": same(np.sort, lambda x: torch.sort(x)[0]),
    "sort of rows": same(np.sort, lambda x: torch.sort(x)[0], (1000, 100)),
    "median": same(np.median, lambda x: torch.median(x)),
    "quantile": same(lambda x: np.quantile(x, 0.3), lambda x: torch.quantile(x, 0.3)),
    "cumprod": same(np.cumprod, lambda x: torch.cumprod(x, 0), (2000,), plus=5.0),
    "prod": same(lambda x: np.prod(x), lambda x: torch.prod(x), (200,), plus=5.0),
    "det": same(np.linalg.det, lambda a: torch.linalg.det(a), (1000, 3, 3)),
    "solve": same(np.linalg.solve, lambda a, b: torch.linalg.solve(a, b), (200, 200), (200, 200)),
    "index_update": row(lambda x: tg.index_update(x, PLACES, 1.0), None, None),
    "convolve": same(lambda a: np.convolve(a, KERNEL), None, (20_000,)),
    "correlate": same(np.correlate, None, (20_000,), (20_000,)),
    "x**3": same(lambda x: x**3, lambda x: x**3),
    "x**5": same(lambda x: x**5, lambda x: x**5),
    "unstack": same(lambda x: sum(x[t] for t in range(len(x))), lambda x: sum(x.unbind()), (500, 200)),
    "stack": same(lambda x: np.stack([x[t] for t in range(len(x))]), lambda x: torch.stack(x.unbind()), (400, 10)),
}


def of_matrix(
    ours: Callable[..., Any],
    numpy: Callable[..., Any] | None,
    torchs: Callable[..., Any] | None,
    columns: int = 1000,
    others: int = 0,
) -> Row:
    """A row of a matrix of so many columns, whose elements are as many as asked for, and of vectors of its columns."""
    shapes = lambda size: [(size // columns, columns), *others * [(columns,)]]  # noqa: E731
    return Row(ours, numpy, torchs, lambda size: [RANDOM.normal(size=shape) for shape in shapes(size)])


@cache
def labels(rows: int, classes: int) -> Any:
    """A class for each row."""
    return np.random.default_rng(0).integers(0, classes, rows)


@cache
def targets(rows: int, columns: int, dtype: str) -> Any:
    """A number from 0 to 1 for each element."""
    return np.random.default_rng(0).random((rows, columns)).astype(dtype)


def to_targets(name: str) -> Row:
    """A row of a loss that takes targets."""
    return of_matrix(
        lambda x: getattr(tg, name)(x, targets(*x.shape, str(x.dtype))),
        None,
        lambda x: of_torch(name)(x, torch.from_numpy(targets(*x.shape, str(x.dtype).removeprefix("torch.")))),
    )


def by_softmax(x: Any) -> Any:
    """The softmax in NumPy."""
    weights = np.exp(x - x.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def by_layer_norm(x: Any, weight: Any, bias: Any) -> Any:
    """The layer's norm in NumPy."""
    apart = x - x.mean(axis=-1, keepdims=True)
    return apart / np.sqrt((apart * apart).mean(axis=-1, keepdims=True) + 1e-5) * weight + bias


def attended(f: Callable[..., Any], mask: Any = None) -> Callable[..., Any]:
    """Attention of one library's functions, with a mask or without."""
    return lambda q, k, v: f(q, k, v, attn_mask=mask)


CAUSAL = np.tri(64, dtype=bool)
QKV = 3 * [(8, 4, 64, 16)]
ROWS |= {
    f"{name} of {columns} columns": made
    for columns in (10, 1000)
    for name, made in {
        "softmax": of_matrix(tg.softmax, by_softmax, lambda x: torch.softmax(x, -1), columns),
        "log_softmax": of_matrix(tg.log_softmax, None, lambda x: torch.log_softmax(x, -1), columns),
        "cross_entropy": of_matrix(
            lambda x: tg.cross_entropy(x, labels(*x.shape)),
            None,
            lambda x: of_torch("cross_entropy")(x, torch.from_numpy(labels(*x.shape))),
            columns,
        ),
        "layer_norm": of_matrix(
            lambda x, w, b: tg.layer_norm(x, x.shape[-1], w, b),
            by_layer_norm,
            lambda x, w, b: of_torch("layer_norm")(x, x.shape[-1:], w, b),
            columns,
            others=2,
        ),
        "batch_norm": of_matrix(
            lambda x, w, b: tg.batch_norm(x, None, None, w, b, training=True),
            None,
            lambda x, w, b: of_torch("batch_norm")(x, None, None, w, b, training=True),
            columns,
            others=2,
        ),
        "rows": of_matrix(
            lambda x: x[labels(len(x), len(x))],
            lambda x: x[labels(len(x), len(x))],
            lambda x: x[torch.from_numpy(labels(len(x), len(x)))],
            columns,
        ),
        "cumprod": of_matrix(lambda x: np.cumprod(x, 0), lambda x: np.cumprod(x, 0), lambda x: x.cumprod(0), columns),
        "max": of_matrix(lambda x: np.max(x, 1), lambda x: np.max(x, 1), lambda x: x.amax(1), columns),
        "nanmax": of_matrix(lambda x: np.nanmax(x, 1), lambda x: np.nanmax(x, 1), None, columns),
    }.items()
}
ROWS |= {name: to_targets(name) for name in ("binary_cross_entropy_with_logits", "mse_loss", "smooth_l1_loss")}
ROWS |= {
    f"activation {name}": of_matrix(getattr(tg, name), None, of_torch(name))
    for name in (
        "celu",
        "hardtanh",
        "relu6",
        "hardswish",
        "hardshrink",
        "softshrink",
        "logsigmoid",
        "gelu",
        "elu",
        "selu",
    )
}
ROWS |= {
    "gelu by tanh": of_matrix(
        lambda x: tg.gelu(x, approximate="tanh"), None, lambda x: of_torch("gelu")(x, approximate="tanh")
    ),
    "norm of all": of_matrix(np.linalg.norm, np.linalg.norm, lambda x: torch.linalg.norm(x)),
    "cross": same(np.cross, lambda a, b: torch.linalg.cross(a, b), (N // 3, 3), (N // 3, 3)),
    "embedding": row(
        lambda table: tg.embedding(table, labels(512, 5000)),
        lambda table: table[labels(512, 5000)],
        lambda table: of_torch("embedding")(torch.from_numpy(labels(512, 5000)), table),
        (5000, 64),
    ),
    "attention": row(
        attended(tg.scaled_dot_product_attention), None, attended(of_torch("scaled_dot_product_attention")), *QKV
    ),
    "masked attention": row(
        attended(tg.scaled_dot_product_attention, CAUSAL),
        None,
        lambda *qkv: attended(of_torch("scaled_dot_product_attention"), torch.from_numpy(CAUSAL))(*qkv),
        *QKV,
    ),
}


ROWS |= {f"{number} {case.label}": of_table(case) for number, case in enumerate(CASES) if not case.is_shaped}


def main() -> None:
    """Measure the rows, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each takes its turn")
    parser.add_argument("--only", nargs="+", default=[""], metavar="NAME", help="rows with one of these in their names")
    parser.add_argument("--dtype", choices=["float64", "float32"], default="float64")
    parser.add_argument("--size", type=int, default=N, help="elements of an input, where a row takes any shape")
    options = parser.parse_args()
    if not ENVIRONMENT.keys() <= os.environ.keys():
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ENVIRONMENT})
    if torch is not None:
        torch.set_num_threads(1)
    if jax is not None:
        jax.config.update("jax_enable_x64", True)
    names = [name for name in ROWS if any(part in name for part in options.only)]
    measured = {name: ratios(ROWS[name], options.dtype, options.size, options.rounds) for name in names}
    columns = ["of NumPy's", "of PyTorch's", "of JAX's"]
    rows = sorted(measured.items(), key=lambda row: -max(row[1].get(column, 0) for column in columns))
    header = ["function", "forward ms", "of NumPy's", "with backward ms", "of PyTorch's", "of JAX's"]
    lines = [[name, *(f"{row[key]:.2f}" if key in row else "-" for key in header[1:])] for name, row in rows]
    every = [[row[column] for _, row in rows if column in row] for column in header[1:]]
    means = [f"{geometric_mean(numbers):.2f}" if numbers else "-" for numbers in every]
    print_table(f"functions of {options.dtype}", header, [*lines, ["geometric mean", *means]])


def ratios(row: Row, dtype: str, size: int, rounds: int) -> dict[str, float]:
    """The cells of a row, by the titles of their columns."""
    arrays = [array.astype(dtype) if array.dtype.kind == "f" else array for array in row.inputs(size)]
    ours = [tg.Tensor(array, requires_grad=array.dtype.kind == "f") for array in arrays]
    result = row.ours(*ours)
    batches = {"ours": lambda: timed(row.ours, ours)}
    if row.numpy is not None:
        batches["numpy"] = lambda: timed(row.numpy, arrays)
    if isinstance(result, tg.Tensor) and result.requires_grad:
        seed = np.ones(result.shape, result.dtype)
        batches["both"] = lambda: timed(lambda *given: row.ours(*given).backward(seed), ours)
        if torch is not None and row.torch is not None:
            theirs = [torch.tensor(array, requires_grad=array.dtype.kind == "f") for array in arrays]
            gradient = torch.tensor(seed)
            batches["torch"] = lambda: timed(lambda *given: row.torch(*given).backward(gradient), theirs)
        if jax is not None and row.jax is not None:
            step = jax.jit(lambda seed, *given: (pulled := jax.vjp(row.jax, *given), pulled[1](seed))[0][0])
            batches["jax"] = lambda: timed(lambda *given: jax.block_until_ready(step(seed, *given)), arrays)
    try:
        times = interleaved(batches, rounds)
    except (TypeError, ValueError, RuntimeError):  # A peer's function of the same name takes something else.
        for peer in {"torch", "jax"} & batches.keys():
            del batches[peer]
        times = interleaved(batches, rounds)
    cells = {"forward ms": 1e3 * median(times["ours"])}
    if "numpy" in times:
        cells["of NumPy's"] = ratio(times["ours"], times["numpy"])
    if "both" in times:
        cells["with backward ms"] = 1e3 * median(times["both"])
        for peer, title in (("torch", "of PyTorch's"), ("jax", "of JAX's")):
            if peer in times:
                cells[title] = ratio(times["both"], times[peer])
    return cells


def timed(f: Callable[..., Any], given: list[Any]) -> float:
    """The processor's seconds of a call."""
    for value in given:
        if hasattr(value, "grad"):
            value.grad = None
    start = process_time()
    f(*given)
    return process_time() - start


if __name__ == "__main__":
    main()
