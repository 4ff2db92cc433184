"""Reports: what a check found, true when all is right, and pleasant to print."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any

from ..errors import WrongGradientError, listed
from .colour import Shown

RIGHT, WRONG, UNCHECKED = "right", "wrong", "can't be checked"
AT_KINK, UNPROVED = "right, at a kink", "proves nothing here"


@dataclass(frozen=True)
class Row:
    """What is said of one gradient.

    `where` is the place of the largest relative error as an index, None if there is no difference or the shape is
    wrong; `verdict` is "right", "right, at a kink", "wrong", "can't be checked" or "proves nothing here"; `diagnosis`
    says in words what is wrong and where, which slopes were taken at a kink, or why nothing is proved.
    """

    name: str
    shape: tuple[int, ...]
    largest_absolute_difference: float
    largest_relative_error: float
    where: tuple[int, ...] | None
    verdict: str
    diagnosis: str = ""
    follows_from: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as the printed table has it."""
        verdict = self.verdict.upper() if self.verdict == WRONG and not self.follows_from else self.verdict
        if self.follows_from:
            verdict += f", from {listed(list(self.follows_from))}"
        return (
            self.name,
            *(self.shown or (str(self.shape),)),
            number(self.largest_absolute_difference),
            number(self.largest_relative_error),
            "" if self.where is None else str(self.where),
            verdict,
        )


@dataclass(frozen=True, repr=False)
class Report(Shown):
    """The rows of a check, to be printed. True if no gradient is wrong, and not all of them prove nothing.

    `wrong` lists those that are wrong or can't be checked, `unproved` those that prove nothing here, since they are
    exactly 0; `assert_ok()` raises an error unless the report is true.
    """

    title: str
    rows: list[Row]
    columns: tuple[str, ...]
    alignment: str
    notes: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return not self.wrong and not (self.rows and len(self.unproved) == len(self.rows))

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __getitem__(self, name: str) -> Row:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"{name!r} is not in the report; it has {listed([row.name for row in self.rows])}")

    @property
    def wrong(self) -> list[str]:
        """The names of the gradients that are wrong or can't be checked, in the order of the backward pass."""
        return [row.name for row in self.rows if row.verdict in (WRONG, UNCHECKED)]

    @property
    def unproved(self) -> list[str]:
        """The names of the gradients that prove nothing here, in the order of the backward pass."""
        return [row.name for row in self.rows if row.verdict == UNPROVED]

    def assert_ok(self) -> None:
        """Raise WrongGradientError, an AssertionError, with the printed report, unless all is right."""
        __tracebackhide__ = True
        if not self:
            raise WrongGradientError(f"\n{self}")

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data, ready for `json.dumps`: whether it is true, and a dict for each gradient."""
        rows = [{name: plain(value) for name, value in asdict(row).items() if name != "shown"} for row in self.rows]
        return {"title": self.title, "right": bool(self), "gradients": rows, "notes": list(self.notes)}

    def _repr_html_(self) -> str:
        """What a notebook shows: the table, and the sentences below it."""
        _, *rest = self._text().split("\n\n")
        below = rest[1 if self.rows else 0 :]
        return html_table(f"{self.title}: {self._summary()}", self.columns, [row.cells for row in self.rows], below)

    def _text(self) -> str:
        lines = [f"{self.title}: {self._summary()}", ""]
        lines += table(self.columns, self.alignment, [row.cells for row in self.rows])
        for text in dict.fromkeys([*(row.diagnosis for row in self.rows), *self.notes]):
            lines += ["", *wrapped(text)] if text else []
        return "\n".join(lines)

    def _summary(self) -> str:
        count = len(self.rows)
        wrong = sum(row.verdict == WRONG for row in self.rows)
        unchecked = sum(row.verdict == UNCHECKED for row in self.rows)
        unproved = len(self.unproved)
        if count <= 1:
            return self.rows[0].verdict if self.rows else "nothing to compare"
        if not wrong and not unchecked and not unproved:
            at_kink = sum(row.verdict == AT_KINK for row in self.rows)
            return f"all {count} are right{f', {at_kink} of them at a kink' if at_kink else ''}"
        parts = [f"{wrong} of {count} {'is' if wrong == 1 else 'are'} wrong"] if wrong else []
        parts += [f"{unchecked} of {count} can't be checked"] if unchecked else []
        parts += [f"{unproved} of {count} prove{'s' if unproved == 1 else ''} nothing here"] if unproved else []
        return listed(parts)


def plain(value: Any) -> Any:
    """A value as JSON has it: infinity and NaN as text, tuples as lists."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    return [int(one) if isinstance(one, int) else one for one in value] if isinstance(value, tuple) else value


def number(value: float) -> str:
    """A difference or an error, in two digits.

    >>> number(0.0), number(2.2e-16), number(0.5), number(799.0)
    ('0', '2.2e-16', '0.5', '8e+02')
    """
    return f"{value:.2g}"


def table(columns: Sequence[str], alignment: str, rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of cells, each column to the left (<) or to the right (>).

    >>> table(["name", "error"], "<>", [["W1", "2e-16"], ["b", "0.5"]])
    ['name  error', 'W1    2e-16', 'b       0.5']
    """
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    return [
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(cells, alignment, widths, strict=True)).rstrip()
        for cells in [columns, *rows]
    ]


def html_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], below: Sequence[str] = ()) -> str:
    """What a notebook shows: a title, a table, and texts below it.

    >>> html_table("1 < 2", ["name"], [["W1"]])
    '<div><p>1 &lt; 2</p><table><thead><tr><th>name</th></tr></thead><tbody><tr><td>W1</td></tr></tbody></table></div>'
    """
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>" for cells in rows)
    after = "".join(f"<pre>{escape(text)}</pre>" for text in below)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if rows else ""
    return f"<div><p>{escape(title)}</p>{table}{after}</div>"


def wrapped(text: str, width: int = 110) -> list[str]:
    """A text in lines; its first one begins at the margin, the others two spaces in."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("  " + word)
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return lines
