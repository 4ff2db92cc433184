"""The command that checks the backward function of a file.

    python -m tinygrad_np check FILE.py [--json]

FILE.py has `forward`, `backward` and `inputs`, a dict of arrays by name or a function that returns one; other names,
and a file of the teacher's for the inputs and the forward pass, can be given. The exit code is 0 if all gradients are
right, 1 if one is wrong, 2 if the file could not be checked.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from . import exercise_command
from .colour import coloured, on_terminal
from .grading import Grade, Limits, Names, graded


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments, those of the process if none are given; the exit code is returned."""
    chosen = _parser().parse_args(arguments)
    if hasattr(chosen, "run"):
        return int(chosen.run(chosen))
    names = Names(
        chosen.forward, chosen.backward, chosen.inputs, tuple(chosen.gradients.split(",")) if chosen.gradients else ()
    )
    limits = Limits(chosen.seconds, chosen.megabytes)
    grade = graded(chosen.file, names, limits, teacher=chosen.teacher, inherited=chosen.inherited)
    if chosen.gradescope is not None:
        Path(chosen.gradescope).write_text(json.dumps(gradescope(grade, chosen.points), indent=2))
    text = coloured(grade.text) if on_terminal() else grade.text
    print(json.dumps(grade.to_dict(), indent=2) if chosen.json else text)
    return grade.exit_code


def gradescope(grade: Grade, points: float) -> dict[str, object]:
    """What Gradescope reads from results.json: the score, and a test for each gradient with its reason.

    The format is that of https://gradescope-autograders.readthedocs.io/en/latest/specs.
    """
    share = points / max(len(grade.gradients), 1)
    tests = [
        {
            "name": f"gradient of {name}",
            "score": round(share * float(str(one["credit"])), 6),
            "max_score": round(share, 6),
            "output": str(one.get("diagnosis") or one["verdict"]),
            "visibility": "visible",
        }
        for name, one in grade.gradients.items()
    ]
    return {
        "score": round(points * grade.score, 6),
        "max_score": points,
        "output": grade.text,
        "output_format": "text",
        "visibility": "visible",
        "tests": tests,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tinygrad_np", description="Check hand-written backward passes.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser(
        "check",
        help="check the backward function of a file",
        description="Check the backward function of a file, line by line, against autograd of its forward function. "
        "The exit code is 0 if all gradients are right, 1 if one is wrong, 2 if the file could not be checked.",
    )
    check.add_argument("file", metavar="FILE.py", type=Path)
    check.add_argument("--json", action="store_true", help="print the result as JSON")
    check.add_argument("--forward", default="forward", metavar="NAME", help="the function that returns the loss")
    check.add_argument("--backward", default="backward", metavar="NAME", help="the function that returns gradients")
    check.add_argument("--inputs", default="inputs", metavar="NAME", help="a dict of arrays, or a function's name")
    check.add_argument(
        "--teacher",
        type=Path,
        metavar="FILE.py",
        help="the file that has the inputs, and the forward pass if it has one",
    )
    check.add_argument("--gradients", default="", metavar="W1,b1", help="the gradients that have to be returned")
    check.add_argument("--inherited", action="store_true", help="credit for what only inherits an earlier mistake")
    check.add_argument("--gradescope", metavar="results.json", help="write Gradescope's file of results")
    check.add_argument("--points", type=float, default=100.0, help="the points of that file (100)")
    check.add_argument("--seconds", type=float, default=10.0, help="the limit of time (10)")
    check.add_argument("--megabytes", type=int, default=4000, help="the limit of memory (4000)")
    exercise_command.add_to(commands)
    return parser
