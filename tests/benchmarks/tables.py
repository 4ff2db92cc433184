"""Tables for a terminal, and verdicts on targets: `verdict(0.52, 0.55)` is "<= 0.55 met"."""

from collections.abc import Sequence


def verdict(value: float, target: float) -> str:
    """The target, and whether the value, to two decimals, keeps to it."""
    return f"<= {target:g} {'met' if round(value, 2) <= target else 'missed'}"


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A titled table: the first column to the left, the others to the right."""
    widths = [max(len(line[column]) for line in [header, *rows]) for column in range(len(header))]
    print(f"\n{title}")
    for line in [header, ["-" * width for width in widths], *rows]:
        first, *others = (
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        print("  ".join([first, *others]).rstrip(), flush=True)
