"""The command that makes an exercise of a forward pass.

    python -m tinygrad_np exercise FILE.py --output homework.py
    python -m tinygrad_np check homework.py

FILE.py has `forward` and `inputs`, as for the command check. What is written is the file with the backward function,
blank, in the place of its own if it has one.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import sys
from pathlib import Path
from typing import Any

from ..errors import ExerciseError
from .exercise import BLANKS, exercise


def add_to(commands: Any) -> None:
    """Add the command to a parser's commands."""
    parser = commands.add_parser(
        "exercise",
        help="write the backward function of a forward pass, to be filled in",
        description="Write a file with the backward function of its forward function, right-hand sides left blank. "
        "Filled in, it is checked by the command check.",
    )
    parser.add_argument("file", metavar="FILE.py", type=Path)
    parser.add_argument("--output", metavar="FILE.py", type=Path, help="the file to write, instead of printing it")
    parser.add_argument("--blanks", choices=BLANKS, default="all", help="which right-hand sides are left blank (all)")
    parser.add_argument("--solution", action="store_true", help="leave nothing blank")
    parser.add_argument("--gradients", default="", metavar="W1,b1", help="the inputs whose gradients are asked for")
    parser.add_argument("--forward", default="forward", metavar="NAME", help="the function that returns the loss")
    parser.add_argument("--backward", default="backward", metavar="NAME", help="what the written function is called")
    parser.add_argument("--inputs", default="inputs", metavar="NAME", help="a dict of arrays, or a function's name")
    parser.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> int:
    if not chosen.file.is_file():
        print(f"{chosen.file} is not a file.", file=sys.stderr)
        return 2
    text = chosen.file.read_text()
    try:
        made = _made(chosen)
    except ExerciseError as error:
        print(error, file=sys.stderr)
        return 2
    written = _together(text, str(made.solution if chosen.solution else made.source), chosen.backward)
    if chosen.output is None:
        print(written, end="")
    else:
        chosen.output.write_text(written)
    return 0


def _made(chosen: argparse.Namespace) -> Any:
    """The exercise of the functions in a file."""
    spec = importlib.util.spec_from_file_location("forward_pass", chosen.file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(chosen.file.resolve().parent))
    spec.loader.exec_module(module)
    missing = [name for name in (chosen.forward, chosen.inputs) if not hasattr(module, name)]
    if missing:
        raise ExerciseError(f"{chosen.file.name} has no {' and no '.join(map(repr, missing))}.")
    inputs = getattr(module, chosen.inputs)
    return exercise(
        getattr(module, chosen.forward),
        inputs() if callable(inputs) else inputs,
        blanks=chosen.blanks,
        gradients=chosen.gradients.split(",") if chosen.gradients else None,
        name=chosen.backward,
    )


def _together(text: str, source: str, name: str) -> str:
    """A file's text with this function in the place of its own of that name, or at its end."""
    tree = ast.parse(text)
    lines = text.splitlines()
    for node in reversed(tree.body):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            start = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            del lines[start - 1 : node.end_lineno]
    imports, _, functions = source.partition("\n\n\n")
    there = {ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)}
    lacking = [one for one in imports.splitlines() if one not in there]
    body = "\n".join(lines).strip("\n")
    return "\n".join([*lacking, body, "", "", functions.strip("\n")]) + "\n"
