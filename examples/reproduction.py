"""Run a document's network from the command line: a bar while it trains, one table of what came out.

A network's file offers a function that trains it, first as it stands and then compiled, and yields a `Section` for each
training; `main` runs such functions, prints the table and returns the exit status: 0 if every figure agrees and every
gradient is right, else 1.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Protocol

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from figures import Row

WIDTH = 110
SIGNS = {True: "[green]yes[/]", False: "[bold red]NO[/]", None: "[dim]-[/]"}


class Track(Protocol):
    """Goes through the iterations of a training and shows how far it is, as `rich.progress.track` does."""

    def __call__(self, iterations: range, /, *, description: str) -> Iterable[int]:
        """Yield the iterations, one by one."""


def silently(iterations: range, /, *, description: str) -> Iterable[int]:
    """Go through the iterations and show nothing."""
    return iterations


@dataclass
class Section:
    """What one training gave: the network, the setting, its rows of the table, and texts to print before it."""

    title: str
    setting: str
    rows: list[Row]
    texts: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def right(self) -> bool:
        """Whether no figure disagrees and no gradient is wrong."""
        return all(row.right is not False for row in self.rows)


Reproduce = Callable[[Path, Track], Iterator[Section]]


def main(description: str, *networks: Reproduce, arguments: list[str] | None = None) -> int:
    """Reproduce each network's document, write its pictures, print one table; 0 if all is right, else 1."""
    parser = argparse.ArgumentParser(description=description)
    where = "where the pictures go (default: %(default)s)"
    parser.add_argument("--out", type=Path, default=Path("pictures"), metavar="FOLDER", help=where)
    pictures = parser.parse_args(arguments).out
    pictures.mkdir(parents=True, exist_ok=True)

    sections = []
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    ) as progress:
        for network in networks:
            start = perf_counter()
            for section in network(pictures, progress.track):
                section.seconds = perf_counter() - start
                sections.append(section)
                start = perf_counter()

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    show(sections, console)
    console.print(f"Pictures and computation graphs are in {escape(str(pictures))}.", soft_wrap=True)
    return 0 if all(section.right for section in sections) else 1


def show(sections: list[Section], console: Console) -> None:
    """Print the sections' texts, and then one table of all rows with a verdict below it."""
    for section in sections:
        for text in section.texts:
            console.print(escape(text), end="\n\n")

    table = Table(box=box.SIMPLE_HEAD, width=min(console.width, WIDTH), pad_edge=False)
    table.add_column("what", ratio=27)
    table.add_column("published", ratio=28)
    table.add_column("reproduced", ratio=28)
    table.add_column("agreement", ratio=21)
    table.add_column("right", width=5)
    for section in sections:
        heading = (escape(section.title), escape(section.setting), "", f"{section.seconds:.1f} s", "")
        table.add_row(*heading, style="bold")
        for row in section.rows:
            cells = (escape(text) for text in (row.what, row.published, row.reproduced, row.agreement))
            table.add_row(*cells, SIGNS[row.right])
        table.add_section()
    console.print(table)

    rows = [row for section in sections for row in section.rows]
    wrong = [row.what for row in rows if row.right is False]
    seconds = sum(section.seconds for section in sections)
    if wrong:
        console.print(f"[bold red]{len(wrong)} of {len(rows)} rows are wrong[/]: {escape('; '.join(wrong))}")
    else:
        checked = sum(row.right is not None for row in rows)
        console.print(f"All {checked} rows that can be checked are right, {seconds:.0f} seconds in all.")
