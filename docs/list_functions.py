"""Write functions.md: every name that Tensors take, from the table of primitives, with the formulas of their rules.

python docs/list_functions.py
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_np as tg
from tinygrad_np import ops
from tinygrad_np.dispatch import DATA
from tinygrad_np.formula import formula
from tinygrad_np.primitive import NUMPY, Primitive

PAGE = Path(__file__).parent / "functions.md"
VERSION = np.__version__.rpartition(".")[0]
MODULES = {"np": np, "np.linalg": np.linalg, "np.fft": np.fft}
INTRODUCTION = """\
# Functions

Every function that Tensors take, under NumPy {version}, written by `python docs/list_functions.py` from the table of
primitives; the formulas are read off the rules that run. `g` is the upstream gradient, `y` the result. Where a rule is
longer than a line, look into its file: it stands below the forward rule.
"""


def public_functions() -> dict[str, Any]:
    """NumPy's public functions by their full names."""
    found = {}
    for prefix, module in MODULES.items():
        for name in sorted(dir(module)):
            function = getattr(module, name)
            if not name.startswith("_") and callable(function) and not inspect.isclass(function):
                found[f"{prefix}.{name}"] = function
    return found


def first_sentence(function: Any) -> str:
    """What a function's docstring opens with, on one line."""
    paragraph = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
    return paragraph.replace("|", "\\|")


def gradients(primitive: Primitive) -> str:
    """The formulas of the primitive's rules, an input at a time."""
    if not primitive.differentiable:
        return "none: the result is data"
    if primitive.inputs is None:
        return "for each input its part"
    names = list(primitive.signature.parameters)
    shown = []
    for index in range(primitive.inputs):
        text = formula(primitive, index)
        if primitive.rule(index) is not None:
            shown.append(f"{names[index]}: `{text}`" if text and len(text) < 90 else f"{names[index]}: in the file")
    return "<br>".join(shown).replace("|", "\\|")


def names_of(ours: Any, functions: dict[str, Any]) -> str:
    """The names of NumPy's functions that this one stands for."""
    names = [f"`{name}`" for name, function in functions.items() if _stands_for(function) is ours]
    return ", ".join(names)


def _stands_for(function: Any) -> Any:
    try:
        return NUMPY.get(function)
    except TypeError:
        return None


def primitive_tables(functions: dict[str, Any]) -> Iterator[str]:
    """A chapter for each of NumPy's, and in it a table for each file of primitives."""
    for chapter in ops.CHAPTERS:
        yield f"\n## {title(chapter)}\n\n{first_sentence(chapter)}"
        for file in chapter.FILES:
            members = [member for member in vars(file).values() if isinstance(member, Primitive)]
            members = [member for member in members if member.__module__ == file.__name__]
            if not members:
                continue
            yield f"\n### {title(file)}\n\n{first_sentence(file)}\n"
            yield "| primitive | NumPy's names | what it is | gradient |\n| --- | --- | --- | --- |"
            for member in members:
                names = names_of(member, functions)
                yield f"| `{member.name}` | {names} | {first_sentence(member)} | {gradients(member)} |"


TITLES = {"linalg": "Linear algebra", "signal": "Signals and images"}


def title(module: Any) -> str:
    """The heading of a chapter or a file."""
    name = module.__name__.rsplit(".", 1)[1]
    return TITLES.get(name, name.replace("_", " ").capitalize())


def contents(parts: list[str]) -> Iterator[str]:
    """The table of contents: a link to each heading."""
    for line in "\n".join(parts).splitlines():
        if line.startswith("##"):
            level, heading = line.split(" ", 1)
            anchor = "".join(sign for sign in heading.lower() if sign.isalnum() or sign in " -").replace(" ", "-")
            yield f"{'  ' * (len(level) - 2)}- [{heading}](#{anchor})"


def composed(functions: dict[str, Any]) -> Iterator[str]:
    """The functions composed of primitives, and so differentiable to any order."""
    yield "\n## Composed of primitives\n\n| NumPy's name | what it is |\n| --- | --- |"
    for name, function in functions.items():
        ours = _stands_for(function)
        if ours is not None and not isinstance(ours, Primitive):
            yield f"| `{name}` | {first_sentence(ours)} |"


def own_names() -> Iterator[str]:
    """What NumPy has no name for."""
    yield "\n## What NumPy has no name for\n\n| name | what it is |\n| --- | --- |"
    for name in sorted(tg.__all__):
        member = getattr(tg, name)
        if isinstance(member, Primitive) or getattr(member, "__module__", "").startswith("tinygrad_np.ops"):
            yield f"| `tg.{name}` | {first_sentence(member)} |"


def is_data(function: Any) -> bool:
    """Whether the function's result never carries a gradient."""
    try:
        return function in DATA
    except TypeError:
        return False


def page() -> str:
    """The whole page."""
    functions = public_functions()
    refused = [
        f"`{name}`" for name, function in functions.items() if not is_data(function) and not _stands_for(function)
    ]
    parts = [
        *own_names(),
        *primitive_tables(functions),
        *composed(functions),
        "\n## Results that are data\n\nThey work as on arrays, and carry no gradient.\n",
        ", ".join(f"`{name}`" for name, function in functions.items() if is_data(function)) + ".",
        "\n## Without a gradient\n\nA Tensor is refused with a sentence, where the function takes arrays at all.\n",
        ", ".join(refused) + ".",
    ]
    return "\n".join([INTRODUCTION.format(version=VERSION), *contents(parts), *parts]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
