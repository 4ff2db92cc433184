"""How good check_backward is: slips planted in right backward passes, and how many it catches, finds and repairs.

    python -m tests.check.score [part of a pair's name] [--every N]

prints a table. A slip counts if it changes a result by more than 1e-6, or makes the function fail.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

import tinygrad_np as tg
from tinygrad_np.check.backward import _Forward, _unbound
from tinygrad_np.tree import flatten

from .corpus import Pair
from .corpus_more import PAIRS
from .mutants import Mutant, mutants, mutants_of_file
from .styles import STYLES


class Outcome(NamedTuple):
    """What check_backward said of one slip."""

    pair: str
    mutant: Mutant
    caught: bool
    located: bool
    repaired: bool
    said: Any


def outcomes(pairs: Sequence[Pair], every: int = 1, offset: int = 0, each: int = 10**9) -> Iterator[Outcome]:
    """What check_backward says of every so manieth slip of these pairs, at most so many of each kind."""
    for pair in pairs:
        inputs = pair.inputs(np.random.default_rng(1))
        for mutant in _that_matter(pair, inputs, every, offset, each):
            report = tg.check_backward(mutant.forward or pair.forward, mutant.function, inputs)
            first = report.first_wrong
            located = first is not None and first.line == mutant.line
            repaired = located and first is not None and first.proposal is not None
            yield Outcome(pair.name, mutant, not report, located, repaired, first)


def _that_matter(pair: Pair, inputs: dict[str, Any], every: int, offset: int, each: int) -> Iterator[Mutant]:
    """Every so manieth of the slips, each text once, if it changes what the function returns."""
    right = _results(pair.forward, pair.backward, inputs)
    seen = set()
    kinds: Counter[str] = Counter()
    module = sys.modules.get(f"{__package__}.styles.{pair.name}")
    found = mutants(pair.backward, every, offset) if module is None else mutants_of_file(module, inputs, every, offset)
    for mutant in found:
        key = (mutant.line, mutant.text)
        if key in seen:
            continue
        seen.add(key)
        if kinds[mutant.kind] >= each:
            continue
        results = _results(mutant.forward or pair.forward, mutant.function, inputs)
        if results is None and mutant.kind in ("another variable", "transpose", "axis"):
            continue  # One of another shape, which nobody takes for the right one.
        if results is None or not _same(results, right):
            kinds[mutant.kind] += 1
            yield mutant


def _results(forward: Any, backward: Any, inputs: dict[str, Any]) -> Any:
    forward_pass = _Forward(forward, inputs)
    with np.errstate(all="ignore"):
        try:
            return flatten(_unbound(backward)[0](**forward_pass.arguments_of(backward)))[0]
        except Exception:
            return None


def _same(found: Any, right: Any) -> bool:
    return len(found) == len(right) and all(
        np.shape(one) == np.shape(other) and np.allclose(one, other, rtol=1e-6, atol=1e-6)
        for one, other in zip(found, right, strict=True)
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", default="", help="part of the name of the pairs")
    parser.add_argument("--every", type=int, default=1, help="only every so manieth slip")
    parser.add_argument("--missed", action="store_true", help="show what was not found or not repaired")
    parser.add_argument("--offset", type=int, default=0, help="and these others of them")
    parser.add_argument("--each", type=int, default=10**9, help="at most so many slips of each kind in each pass")
    parser.add_argument("--styles", action="store_true", help="the passes in the styles of many hands")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    pairs = [pair for pair in (STYLES if chosen.styles else PAIRS) if chosen.name in pair.name]
    found = []
    for one in outcomes(pairs, chosen.every, chosen.offset, chosen.each):
        found.append(one)
        if chosen.missed and not one.repaired:
            print(
                f"{one.pair}: {one.mutant.kind}, line {one.mutant.line}: {one.mutant.text}\n    {one.said}", flush=True
            )
    print(f"{'backward pass':<28}{'slips':>7}{'caught':>8}{'line':>7}{'repair':>8}")
    for name in [*dict.fromkeys(one.pair for one in found), "all"]:
        own = [one for one in found if name in (one.pair, "all")]
        caught, located, repaired = (
            sum(getattr(one, each) for one in own) for each in ("caught", "located", "repaired")
        )
        print(f"{name:<28}{len(own):>7}{caught:>8}{located:>7}{repaired:>8}")


if __name__ == "__main__":
    main()
