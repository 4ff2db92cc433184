"""Function by function: forward beside NumPy's own, forward and backward beside PyTorch's where it is installed.

    python tests/benchmarks/sweep.py                                  about a minute
    python tests/benchmarks/sweep.py --only erf sort --dtype float32 --rounds 30

The processor's time of one thread; all that is compared takes turns in every round. Outliers come first. A ratio of
forward and backward above 3, or of forward above 1.5, is a slow corner, where NumPy itself is not the limit.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

import tinygrad_np as tg
from contestants import ENVIRONMENT
from stopwatch import interleaved, ratio
from tables import print_table

try:
    torch: Any = importlib.import_module("torch")
except ImportError:
    torch = None

N = 100_000
RANDOM = np.random.default_rng(0)
MASK = RANDOM.random(N) < 0.5
COLUMNS = RANDOM.integers(0, 1000, 1000)
PLACES = RANDOM.permutation(N)
ALONG = RANDOM.integers(0, 1000, (100, 1000))
KERNEL = RANDOM.normal(size=64)
IMAGES = (64, 8, 12, 12)


class Row(NamedTuple):
    """A function of Tensors, NumPy's own for arrays, and PyTorch's, by the names of what they are given."""

    ours: Callable[..., Any]
    numpy: Callable[..., Any] | None
    torch: Callable[..., Any] | None
    shapes: tuple[tuple[int, ...], ...] = ((N,),)
    plus: float = 0.0


def same(f: Callable[..., Any], torchs: Callable[..., Any] | None, *shapes: tuple[int, ...], plus: float = 0.0) -> Row:
    """A row of a function that takes arrays and Tensors alike."""
    return Row(f, f, torchs, shapes or ((N,),), plus)


def of_torch(name: str) -> Callable[..., Any]:
    """A function of torch.nn.functional."""
    return lambda *inputs, **options: getattr(torch.nn.functional, name)(*inputs, **options)


ROWS: dict[str, Row] = {
    "erf": Row(tg.erf, None, lambda x: torch.erf(x)),
    "erfc": Row(tg.erfc, None, lambda x: torch.erfc(x)),
    "gelu": Row(tg.gelu, None, of_torch("gelu")),
    "softplus": Row(tg.softplus, lambda x: np.logaddexp(x, 0), of_torch("softplus")),
    "leaky_relu": Row(tg.leaky_relu, lambda x: np.maximum(x, 0.01 * x), of_torch("leaky_relu")),
    "elu": Row(tg.elu, lambda x: np.where(x > 0, x, np.expm1(x)), of_torch("elu")),
    "selu": Row(tg.selu, lambda x: 1.05 * np.where(x > 0, x, 1.67 * np.expm1(x)), of_torch("selu")),
    "where(mask, x, 0)": same(lambda x: np.where(MASK, x, 0), lambda x: torch.where(torch.from_numpy(MASK), x, 0)),
    "where(mask, x, y)": same(
        lambda x, y: np.where(MASK, x, y), lambda x, y: torch.where(torch.from_numpy(MASK), x, y), (N,), (N,)
    ),
    "dropout": Row(lambda x: tg.dropout(x, 0.5), lambda x: x * (RANDOM.random(x.shape) > 0.5), of_torch("dropout")),
    "max_pool2d": Row(lambda x: tg.max_pool2d(x, 2), None, lambda x: of_torch("max_pool2d")(x, 2), ((64, 8, 24, 24),)),
    "max_pool1d": Row(lambda x: tg.max_pool1d(x, 2), None, lambda x: of_torch("max_pool1d")(x, 2), ((10, 10, 1000),)),
    "conv2d 3x3": Row(tg.conv2d, None, of_torch("conv2d"), (IMAGES, (16, 8, 3, 3))),
    "conv2d 5x5": Row(tg.conv2d, None, of_torch("conv2d"), (IMAGES, (16, 8, 5, 5))),
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
    "index_update": Row(lambda x: tg.index_update(x, PLACES, 1.0), None, None),
    "convolve": same(lambda a: np.convolve(a, KERNEL), None, (20_000,)),
    "correlate": same(np.correlate, None, (20_000,), (20_000,)),
    "x**3": same(lambda x: x**3, lambda x: x**3),
    "x**5": same(lambda x: x**5, lambda x: x**5),
    "unstack": same(lambda x: sum(x[t] for t in range(len(x))), lambda x: sum(x.unbind()), (500, 200)),
    "stack": same(lambda x: np.stack([x[t] for t in range(len(x))]), lambda x: torch.stack(x.unbind()), (400, 10)),
}


def main() -> None:
    """Measure the rows, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="how often each takes its turn")
    parser.add_argument("--only", nargs="+", choices=ROWS, default=ROWS, metavar="ROW", help="a choice of the rows")
    parser.add_argument("--dtype", choices=["float64", "float32"], default="float64")
    options = parser.parse_args()
    if not ENVIRONMENT.keys() <= os.environ.keys():
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ENVIRONMENT})
    if torch is not None:
        torch.set_num_threads(1)
    rows = sorted((measured(name, options.dtype, options.rounds) for name in options.only), key=lambda row: -row[0])
    header = ["function", "forward ms", "of NumPy's", "forward, backward ms", "of PyTorch's"]
    print_table(f"functions of {options.dtype}", header, [row[1] for row in rows])


def measured(name: str, dtype: str, rounds: int) -> tuple[float, list[str]]:
    """How slow a row is, and its cells."""
    row = ROWS[name]
    arrays = [(RANDOM.normal(size=shape) + row.plus).astype(dtype) / (row.plus or 1) for shape in row.shapes]
    ours = lambda: [tg.Tensor(array, requires_grad=True) for array in arrays]  # noqa: E731
    batches = {"ours": timed(ours, row.ours), "both": timed(ours, row.ours, lambda y: np.ones(y.shape, y.dtype))}
    if row.numpy is not None:
        batches["numpy"] = timed(lambda: arrays, row.numpy)
    if row.torch is not None and torch is not None:
        theirs = lambda: [torch.tensor(array, requires_grad=True) for array in arrays]  # noqa: E731
        batches["torch"] = timed(theirs, row.torch, lambda y: torch.ones_like(y))
    times = interleaved(batches, rounds)
    forward = ratio(times["ours"], times["numpy"]) if "numpy" in times else None
    both = ratio(times["both"], times["torch"]) if "torch" in times else None
    cells = [name, f"{1e3 * median(times['ours']):.3f}", shown(forward)]
    return both or forward or 0.0, [*cells, f"{1e3 * median(times['both']):.3f}", shown(both)]


def timed(inputs: Callable[[], list[Any]], f: Callable[..., Any], seed: Callable[[Any], Any] | None = None) -> Any:
    """The processor's seconds of a call, and with a seed of its backward pass; what these are given costs nothing."""

    def run() -> float:
        given = inputs()
        start = process_time()
        result = f(*given)
        seconds = process_time() - start
        if seed is not None:
            gradient = seed(result)
            start = process_time()
            result.backward(gradient)
            seconds += process_time() - start
        return seconds

    return run


def shown(value: float | None) -> str:
    """A ratio, or a dash where there is nothing to compare with."""
    return "-" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
