"""Write derivation.md: a document's hand-written backward pass beside the one that `tg.compile` derives.

python docs/list_derivation.py
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "examples"))

import circles_network as circles  # noqa: E402
import tinygrad_np as tg  # noqa: E402

PAGE = Path(__file__).parent / "derivation.md"
PAGE_OPENS = """\
# The derivation, beside the hand-written one

Written by `python docs/list_derivation.py`, by running both. On the left the backward pass of the network of two
circles, 2-10-5-1, as one writes it by hand (`examples/circles_network.py`); on the right, for the same gradient, the
line of the program that `tg.compile` captured from the forward pass alone and simplified.

| gradient | by hand | derived | largest difference |
| --- | --- | --- | --- |
"""


def find_gradients(X: Any, y: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any) -> Any:
    """The cost of the network, and its gradient with respect to each parameter."""

    def cost(*parameters: Any) -> Any:
        return circles.cross_entropy(y, circles.forward(X, *parameters)[-1])

    return tg.value_and_grad(cost, tuple(range(6)))(W1, b1, W2, b2, W3, b3)


def formulas(source: str) -> dict[str, str]:
    """The formula of each name that a function assigns to."""
    tree = ast.parse(textwrap.dedent(source))
    return {
        ast.unparse(node.targets[0]): ast.unparse(node.value) for node in ast.walk(tree) if isinstance(node, ast.Assign)
    }


def values_of(source: str, given: list[Any]) -> dict[str, Any]:
    """What all names of the emitted function stand for when it is run."""
    names: dict[str, Any] = {}
    seen: dict[str, Any] = {}
    exec(source.replace("    return ", "    seen.update(locals())\n    return "), {"seen": seen}, names)
    function = next(value for value in names.values() if callable(value) and value.__name__ == "find_gradients")
    function.__globals__["np"] = np
    function(*given)
    return seen


def page() -> str:
    """The text of the page."""
    X, y, _, _ = circles.load_data()
    parameters = [parameter.numpy() for parameter in circles.initial_parameters(1)]
    given = [X, y, *parameters]
    derive = tg.compile(find_gradients)
    derive(*given)
    source = derive.source
    derived, values = formulas(source), values_of(source, given)
    W2, W3 = parameters[2], parameters[4]
    by_hand = circles.hand_written_gradients(X, y, W2, W3, values["a1"], values["a2"], values["a3"])
    written = formulas(inspect.getsource(circles.hand_written_gradients))
    rows = []
    for name, formula in written.items():
        if name.removeprefix("d") not in by_hand:
            continue
        if name in derived:
            difference = np.max(np.abs(by_hand[name.removeprefix("d")] - values[name]))
            rows.append(f"| {name} | `{formula}` | `{derived[name]}` | below 1e-15 |")
            assert difference < 1e-15
        else:
            rows.append(f"| {name} | `{formula}` | in another line | |")
    table = "\n".join(rows)
    return f"{PAGE_OPENS}{table}\n\nThe whole program, as `derive.source` prints it:\n\n```text\n{source}```\n"


if __name__ == "__main__":
    PAGE.write_text(page())
