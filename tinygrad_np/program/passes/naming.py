"""Names for what the user gave none."""

from __future__ import annotations

from ..ir import Program


def named(program: Program) -> Program:
    """Numbers the nameless: inputs x1, constants c1, the rest t1, t2 and so on, around the names that are taken."""
    made = [output for equation in program.equations for output in equation.outputs]
    groups = {"x": list(program.inputs), "c": list(program.constants), "t": made}
    taken = {variable.name for group in groups.values() for variable in group}
    for prefix, group in groups.items():
        number = 0
        for variable in group:
            while variable.name is None:
                number += 1
                if f"{prefix}{number}" not in taken:
                    variable.name, variable.is_numbered = f"{prefix}{number}", True
    return program
