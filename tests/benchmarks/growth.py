"""How the time of a forward and backward pass grows with the number of parts: as the work, or faster.

    python tests/benchmarks/growth.py                    half a minute
    python tests/benchmarks/growth.py --only stack --doublings 5

The processor's milliseconds for n, 2 n, 4 n ... parts, and the exponent e of the n**e they grow by between the last
two; beside them PyTorch's, where it is installed. A sum over n parts of one array is linear if its exponent is about 1.
"""

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

import tinygrad_np as tg
from sweep import torch
from tables import print_table

KERNEL = np.ones(64)


def of_rows(x: Any) -> Any:
    """A loss of n terms, each of one row."""
    return sum((x[t] ** 2).sum() for t in range(len(x)))


ROWS: dict[str, tuple[int, Callable[[Any], Any], Callable[[Any], Any] | None]] = {
    "x[t]": (400, of_rows, of_rows),
    "for row in x": (400, lambda x: sum((row * row).sum() for row in x), lambda x: sum((row * row).sum() for row in x)),
    "np.unstack": (400, lambda x: sum(map(np.sum, np.unstack(x))), lambda x: sum(row.sum() for row in x.unbind())),
    "np.split": (400, lambda x: sum(map(np.sum, np.split(x, len(x)))), lambda x: sum(row.sum() for row in x.split(1))),
    "np.apply_along_axis": (200, lambda x: np.apply_along_axis(lambda row: row * row.sum(), 1, x).sum(), None),
    "np.stack": (400, lambda x: np.stack([*x]).sum(), lambda x: torch.stack([*x]).sum()),
    "np.concatenate": (400, lambda x: np.concatenate([*x]).sum(), lambda x: torch.cat([*x]).sum()),
    "np.pad by ramps": (4000, lambda x: np.pad(x, 2, "linear_ramp").sum(), None),
    "np.pad by means": (4000, lambda x: np.pad(x, 2, "mean").sum(), None),
    "np.convolve by 64": (4000, lambda x: np.convolve(x.reshape(-1), KERNEL).sum(), None),
    "np.sort": (4000, lambda x: np.sort(x.reshape(-1)).sum(), lambda x: torch.sort(x.reshape(-1))[0].sum()),
    "loss += term": (400, lambda x: sum((x[0] * t).sum() for t in range(len(x))), None),
}
"""From how many rows of eight elements on, and a function of them: ours, and PyTorch's."""
if not hasattr(np, "unstack"):
    del ROWS["np.unstack"]  # It came with NumPy 2.1.


def main() -> None:
    """Measure the rows, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[""], metavar="NAME", help="rows with one of these in their names")
    parser.add_argument("--doublings", type=int, default=3)
    options = parser.parse_args()
    lines = []
    for name, (start, ours, theirs) in ROWS.items():
        if any(part in name for part in options.only):
            sizes = [start * 2**doubling for doubling in range(options.doublings + 1)]
            times = [milliseconds(ours, lambda array: tg.Tensor(array, requires_grad=True), size) for size in sizes]
            peers = ["-", "-"]
            if torch is not None and theirs is not None:
                before, after = (
                    milliseconds(theirs, lambda array: torch.tensor(array, requires_grad=True), size)
                    for size in sizes[-2:]
                )
                peers = [f"{after:.1f}", f"{math.log2(after / before):.2f}"]
            exponent = math.log2(times[-1] / times[-2])
            lines.append([name, *(f"{time:.1f}" for time in times), f"{exponent:.2f}", *peers])
    header = ["ms for", *(f"{2**doubling} n" for doubling in range(options.doublings + 1)), "exponent"]
    print_table("growth", [*header, "PyTorch's last", "exponent"], lines)


def milliseconds(f: Callable[[Any], Any], given: Callable[[Any], Any], size: int) -> float:
    """The least of three measurements of a forward and backward pass over so many rows."""
    times = []
    for _ in range(3):
        x = given(np.random.default_rng(0).normal(size=(size, 8)))
        start = process_time()
        f(x).backward()
        times.append(1e3 * (process_time() - start))
    return min(times)


if __name__ == "__main__":
    main()
