"""Write derivation.md: each document's hand-written backward pass beside the one that `tg.compile` derives.

python docs/list_derivation.py
"""

from __future__ import annotations

import ast
import copy
import inspect
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "examples"))

import circles_network as circles  # noqa: E402
import moons_network as moons  # noqa: E402
import notebook_network as notebook  # noqa: E402
import tinygrad_np as tg  # noqa: E402

PAGE = Path(__file__).parent / "derivation.md"
BOUND = 1e-14
"""What the largest difference in a row stays below, relative to the gradient's largest element; a rounding is 1e-16."""

PAGE_OPENS = """\
# The derivation, beside the hand-written one

Three documents teach backpropagation by a network each: they write the forward pass, derive its gradients on paper, and
write those down as a second function. `tg.compile` needs the forward pass alone. It runs it once on values that write
down every NumPy function they are given to, those of the gradient rules too, simplifies the list, and prints it as a
NumPy function (`.source`). Here each network's forward pass comes first, as it stands in the examples, with its line
numbers; then the backward pass by hand beside the derived one, line by line; then the whole derived function, whose
comments name the line that each of its own comes from.

Both were run, at the weights that the document starts from. The largest difference is relative to the largest element
of the gradient. This page is written by `python docs/list_derivation.py`.
"""

MOONS = """\
From the sigmoid, the two logarithms and the mean of the forward pass comes the line that the document takes from a
textbook, `A3 - Y`. The document divides by the 800 samples at the end of six lines; the derived pass does so once, at
the start, in `dZ3`, and every line below has it from there.
"""
CIRCLES = """\
Here both passes go the same way, gradient by gradient; relu's slope is asked of its result by hand, `a2 > 0`, and of
its argument by the derived pass, `z2 > 0`, which is the same question. What the rules do about rare values (an argument
of relu that is exactly 0, a loss that is no number) is kept out of it: the lines marked `# rare values` look for them,
and leave them to the second function.
"""
NOTEBOOK = """\
A sample stands in a column here, so that the transposes are on the other side of the products. The document's slope of
the sigmoid subtracts, `1 - hidden_activations`, and loses the digits in which an activation near 1 differs from 1; the
derived one multiplies and divides by what the forward pass has already, and subtracts nothing.
"""
RARE_VALUES = """
<details><summary>The function for rare values, which <code>.source</code> prints below it</summary>

```text
{others}```

</details>
"""


@dataclass(frozen=True)
class Network:
    """A document's network: its section's title, what to look for in it, what is shown and run of its example.

    What stands in backticks in `look_for` has to occur in the section, which else is not written.
    """

    title: str
    look_for: str
    example: ModuleType
    forward: Sequence[Callable[..., Any]]
    gradients: Callable[..., Any]
    given: Sequence[Any]
    parameters: Sequence[tg.Tensor]


def moons_gradients(X: Any, Y: Any, *parameters: Any) -> Any:
    """The loss of the moons' network, and its gradient with respect to each parameter."""

    def find_loss(*parameters: Any) -> Any:
        return moons.cross_entropy(Y, moons.forward(X, *parameters)[-1])

    return tg.value_and_grad(find_loss, tuple(range(len(parameters))))(*parameters)


def circles_gradients(X: Any, y: Any, *parameters: Any) -> Any:
    """The cost of the circles' network, and its gradient with respect to each parameter."""

    def find_cost(*parameters: Any) -> Any:
        return circles.cross_entropy(y, circles.forward(X, *parameters)[-1])

    return tg.value_and_grad(find_cost, tuple(range(len(parameters))))(*parameters)


def notebook_gradients(X: Any, y: Any, *weights: Any) -> Any:
    """The summed error of the notebook's network, and its gradient with respect to both weights."""

    def find_total(*weights: Any) -> Any:
        return np.sum(notebook.forward(X, y, *weights).error).named("total")

    return tg.value_and_grad(find_total, tuple(range(len(weights))))(*weights)


def networks() -> list[Network]:
    """The three documents' networks, on their data, at the weights that they start from."""
    return [
        Network(
            "Two moons: 2-5-3-1, tanh and sigmoid",
            MOONS,
            moons,
            (moons.sigmoid, moons.forward, moons.cross_entropy),
            moons_gradients,
            moons.load_data()[::2],
            moons.initial_parameters(),
        ),
        Network(
            "Two circles: 2-10-5-1, relu and sigmoid",
            CIRCLES,
            circles,
            (circles.relu, circles.sigmoid, circles.forward, circles.cross_entropy),
            circles_gradients,
            circles.load_data()[:2],
            circles.initial_parameters(4),
        ),
        Network(
            "The notebook: 4-3-1, sigmoid",
            NOTEBOOK,
            notebook,
            (notebook.sigmoid, notebook.forward),
            notebook_gradients,
            notebook.three_samples(),
            notebook.initial_weights(draw=1),
        ),
    ]


def function_in(source: str, name: str) -> tuple[ast.FunctionDef, str, str]:
    """A function of a source: as a tree, as text from the top to its end, and the text that follows it."""
    nodes = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == name]
    lines = source.splitlines(keepends=True)
    return nodes[0], "".join(lines[: nodes[0].end_lineno]), "".join(lines[nodes[0].end_lineno :]).lstrip("\n")


def assignments(function: ast.FunctionDef, source: str) -> dict[str, str]:
    """Each assignment to a single name in a function, as it is written, by that name; in their order."""
    return {
        node.targets[0].id: str(ast.get_source_segment(source, node))
        for node in function.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def handed_back(function: ast.FunctionDef) -> dict[str, tuple[str, str]]:
    """For the first name in each expression of a function's dicts: the key there, and the expression."""
    found = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                names = [part.id for part in ast.walk(value) if isinstance(part, ast.Name)]
                if isinstance(key, ast.Constant):
                    found[names[0]] = str(key.value), ast.unparse(value)
    return found


def values_in(function: ast.FunctionDef, source: str, given: Sequence[Any]) -> dict[str, Any]:
    """What every name of a function of a source stands for when it is run with what is given."""
    shown = copy.copy(function)
    shown.body = [*function.body[:-1], *ast.parse("return locals()").body]
    names: dict[str, Any] = {}
    exec(source, names)
    exec(compile(ast.fix_missing_locations(ast.Module([shown], [])), "<derived>", "exec"), names)
    return dict(names[function.name](*given))


def rows(network: Network, source: str, given: Sequence[Any]) -> list[str]:
    """The hand-written lines beside the derived ones; what has no other beside it stands above the line it is for."""
    text = inspect.getsource(network.example.hand_written_gradients)
    by_hand, _, _ = function_in(text, "hand_written_gradients")
    derived, _, _ = function_in(source, network.gradients.__name__)
    keys, lines, values = handed_back(by_hand), assignments(derived, source), values_in(derived, source, given)
    _, expected = network.example.compared(*network.given, network.parameters)
    alone = {name: line for name, line in lines.items() if re.search(rf"{re.escape(line)} +# gradient of", source)}
    for key, _ in keys.values():
        alone.pop(f"d{key}", None)
    table = []
    for name, line in assignments(by_hand, text).items():
        if name not in keys:
            continue
        key, expression = keys[name]
        left = f"`{line}`" if expression == name else f"`{line}`, handed back as `{expression}`"
        right = lines.get(f"d{key}")
        if right is None:
            table.append(f"| {left} | no line of its own | |")
            continue
        for used in [used for used in alone if re.search(rf"\b{used}\b", right)]:
            table.append(f"| | `{alone.pop(used)}` | |")
        difference = np.abs(expected[key] - values[f"d{key}"]).max() / np.abs(expected[key]).max()
        if not difference < BOUND:
            raise AssertionError(f"{network.title}: {line} and {right} are {difference} apart")
        table.append(f"| {left} | `{right}` | below {BOUND:.0e} |")
    return table


def with_line_numbers(functions: Sequence[Callable[..., Any]]) -> str:
    """The source of functions, with the numbers that the lines have in their file."""
    parts = []
    for function in functions:
        lines, first = inspect.getsourcelines(function)
        parts.append("".join(f"{number:3}  {line}".rstrip() + "\n" for number, line in enumerate(lines, first)))
    return "\n".join(parts)


def section(network: Network) -> str:
    """The part of the page about one network."""
    given = [*network.given, *(parameter.numpy() for parameter in network.parameters)]
    derive = tg.compile(network.gradients)
    derive(*given)
    _, derived, others = function_in(derive.source, network.gradients.__name__)
    table = "\n".join(rows(network, derive.source, given))
    for code in re.findall(r"`([^`]+)`", network.look_for):
        if code not in table + derived:
            raise AssertionError(f"{network.title}: the text speaks of {code}, which the section does not show")
    file = Path(str(network.example.__file__)).name
    text = (
        f"\n## {network.title}\n\nThe forward pass, in `examples/{file}`:\n\n"
        f"```text\n{with_line_numbers(network.forward)}```\n\n{network.look_for}\n"
        f"| by hand | derived | largest difference |\n| --- | --- | --- |\n{table}\n\n"
        f"The whole of it, as `.source` prints it:\n\n```text\n{derived}```\n"
    )
    return text + (RARE_VALUES.format(others=others) if others else "")


def page() -> str:
    """The text of the page."""
    return PAGE_OPENS + "".join(section(network) for network in networks())


if __name__ == "__main__":
    PAGE.write_text(page())
