"""Where a gradient came from, path by path; or where the path was cut, if none came.

    print(tg.explain(loss, W1))

A path begins at each use of x; if x, and what was computed from it, is used once only, at each use of the first value
that is used several times. The backward pass is linear, so that x's gradient is the sum of what the paths bring.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DTypeError, FreedGraphError, describe
from ..formula import index_text
from ..frames import passed_over, place_of, user_place
from ..graph import LET_GO, Node, ancestors, between
from ..instructions import is_discarded
from ..tensor import Tensor
from .colour import Shown, coloured, on_terminal
from .cut import Cut, cuts
from .passage import Passage
from .report import html_table, number, plain, table, wrapped
from .steps import forward_formula, gradient_name, symbols_of, variable_names, vjp_formula
from .unproved import why_zero

MOST = 20
"""So many paths, and so many steps of a way, are printed."""


@dataclass(frozen=True)
class Path:
    """What one path brings to a gradient.

    Attributes: `formula` of its contribution to the value at which the paths part; `operation`, `line` and `file` of
    what used that value; `value`, what the path brings to x; `norm` of it; `share`, the part of x's gradient that it
    makes up (its projection: shares add up to 1), None if that gradient is 0.
    """

    formula: str
    operation: str
    line: int | None
    file: str
    value: Any
    norm: float
    share: float | None

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as the printed table has it."""
        share = "" if self.share is None else f"{self.share:.1%}"
        return self.formula, place_of(self.file, self.line), number(self.norm), share


@dataclass(frozen=True)
class Stage:
    """A value on the way from the loss: its `formula` in the forward pass, its line, the `norm` of its gradient."""

    name: str
    formula: str
    line: int | None
    file: str
    norm: float

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as the printed table has it."""
        return f"d{self.name}" if self.name.isidentifier() else f"d({self.name})", self.formula, number(self.norm)


@dataclass(frozen=True, repr=False)
class Explanation(Shown):
    """Where the gradient of a tensor came from; true if one came, and is not 0.

    Attributes: `name` of the tensor; `norm` of its gradient; `paths`; `way`, the values that a gradient passes from the
    loss to it, in the order of the backward pass; `cuts`, where the path was cut, if no gradient came; `reason` in
    words, if none came or if it is 0.
    """

    name: str
    norm: float
    paths: tuple[Path, ...]
    way: tuple[Stage, ...]
    cuts: tuple[Cut, ...]
    reason: str

    def __bool__(self) -> bool:
        return self.norm > 0

    def to_dict(self) -> dict[str, Any]:
        """The explanation as plain data, ready for `json.dumps`; arrays are left out."""
        paths = [{name: plain(value) for name, value in vars(path).items() if name != "value"} for path in self.paths]
        way = [{name: plain(value) for name, value in vars(stage).items()} for stage in self.way]
        found = {"name": self.name, "norm": plain(self.norm), "paths": paths, "way": way}
        return {**found, "cuts": [cut.to_dict() for cut in self.cuts], "reason": self.reason}

    def _text(self) -> str:
        lines = [self._title()]
        if self.paths:
            lines += ["", *table(*_PATHS, [path.cells for path in _some(self.paths)])]
            lines += [f"… and {len(self.paths) - MOST} more"] if len(self.paths) > MOST else []
        if len(self.way) > 1:
            lines += ["", *table(*_WAY, [stage.cells for stage in _some(self.way)])]
            lines += [f"… and {len(self.way) - MOST} more"] if len(self.way) > MOST else []
        for text in [self.reason, *map(str, self.cuts)]:
            lines += ["", *(line for part in text.split("\n") for line in wrapped(part))] if text else []
        return "\n".join(lines)

    def _title(self) -> str:
        if not self.paths:
            return f"No gradient came to {self.name}."
        if not self.norm:
            return f"The gradient of {self.name} is 0:"
        count = "1 path" if len(self.paths) == 1 else f"{len(self.paths)} paths"
        return f"The gradient of {self.name}, of norm {number(self.norm)}, came along {count}:"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        below = [self.reason] if self.reason else []
        paths = html_table(self._title(), _PATHS[0], [path.cells for path in _some(self.paths)])
        way = html_table("", _WAY[0], [stage.cells for stage in _some(self.way)]) if len(self.way) > 1 else ""
        return paths + way + html_table("", (), (), [*below, *map(str, self.cuts)])


_PATHS = ("contribution", "where", "norm", "share"), "<<>>"
_WAY = ("on the way", "computed as", "norm"), "<<>"


def explain(loss: Tensor, x: Tensor) -> Explanation:
    """Where the gradient of a loss with respect to a tensor comes from: a line for each path's contribution.

    Each has its formula in your names, its norm and its share. If no gradient comes, the lines at which the path was
    cut: by `.detach()`, `.numpy()`, `float()`, `no_grad()`, whole numbers; if it is 0, the operation that makes it so,
    such as a relu all of whose inputs are negative. A call that is a statement by itself prints what it found.

    Args:
        loss: a scalar Tensor; if a gradient comes from it, before `backward()` has freed the graph.
        x: the Tensor, a leaf or an interior one. Neither `.grad` nor the graph is changed.

    Raises DTypeError for what is not a Tensor, FreedGraphError if the graph was freed.

    >>> import numpy as np, tinygrad_np as tg
    >>> w = tg.Tensor([3.0, 4.0], requires_grad=True, name="w")
    >>> loss = np.sum(w * np.array([1.0, 2.0])) + 0.5 * np.sum(w**2)
    >>> found = tg.explain(loss, w)
    >>> [(path.operation, round(path.share, 2)) for path in found.paths]
    [('power', 0.69), ('multiply', 0.31)]
    >>> tg.explain(np.sum(w.detach() ** 2 + 1), w).cuts[0].how
    'detach'
    """
    found = _explained(loss, x)
    frame = sys._getframe(1)
    if not passed_over[frame.f_code.co_filename] and is_discarded(frame):
        print(coloured(str(found)) if on_terminal() else found)
    return found


def _explained(loss: Tensor, x: Tensor) -> Explanation:
    for value, what in ((loss, "the loss"), (x, "the tensor whose gradient is asked for")):
        if not isinstance(value, Tensor):
            raise DTypeError(
                f"explain was given {type(value).__name__} for {what}, {user_place()}; give the Tensor: what was read "
                "off it as a number or an array has no gradient."
            )
    variables = variable_names(interior=True)
    name = x.name or variables.get(id(x._node)) or variables.get(id(x._data)) or "the tensor"
    if x._node is None or not x._node.requires_grad:
        why = "is not of floating dtype, and only those have" if x.dtype.kind != "f" else "is a constant that needs no"
        how = "" if x.dtype.kind != "f" else "; make it with requires_grad=True, before it is used"
        return Explanation(name, 0.0, (), (), (), f"{describe(x.shape, x.dtype, name)} {why} gradient{how}.")
    node, root = x._node, loss._node
    if root is not None and root.inputs is LET_GO:
        raise FreedGraphError(
            f"the graph behind {describe(loss.shape, loss.dtype, loss.name)} ({root.place}) was let go after its "
            "backward pass; explain it before, or compute the loss anew."
        )
    if root is None or not root.requires_grad or node not in ancestors(root):
        return Explanation(name, 0.0, (), (), tuple(cuts(x, loss)), _none_came(loss, x, name))
    return _came(Passage(root, loss._seed(None)), node, name, variables)


def _came(passage: Passage, node: Node, name: str, variables: dict[int, str]) -> Explanation:
    """Where a gradient came from."""
    symbols = symbols_of(passage.root, variables)
    total = passage.gradient(node)
    square = float(np.sum(np.square(total, dtype=np.float64)))
    joint = node
    while len(passage.uses.get(joint, [])) == 1 and passage.uses[joint][0][0] is not passage.root:
        joint = passage.uses[joint][0][0]
    if len(passage.uses.get(joint, [])) < 2:
        joint = node
    paths: list[Path] = []
    seen = set()
    for user, contribution in passage.uses.get(joint, []):
        index = next(place for place, one in enumerate(user.inputs) if one is joint and (user, place) not in seen)
        seen.add((user, index))
        value = contribution if joint is node else passage.implied_errors(joint, contribution).get(node, 0.0 * total)
        value = np.asarray(value, np.float64)
        sign = "+=" if paths else "="
        left, right = gradient_name(symbols[joint]), vjp_formula(user, index, symbols)
        if user.operation == "getitem":
            left, right = f"{left}[{index_text(user.parameters['index'])}]", gradient_name(symbols[user])
        paths.append(
            Path(
                f"{left} {sign} {right or f'the gradient rule of {user.operation}'}",
                user.operation,
                user.line,
                user.file,
                value,
                float(np.sqrt(np.sum(value * value))),
                float(np.sum(value * total)) / square if square > 0 else None,
            )
        )
    way = tuple(
        Stage(
            str(symbols[one]),
            forward_formula(one, symbols),
            one.line,
            one.file,
            float(np.sqrt(np.sum(np.square(passage.gradient(one), dtype=np.float64)))),
        )
        for one in reversed(between(passage.root, [node]))
    )
    reason = "" if square > 0 else f"The gradient of {name} is exactly 0{why_zero(passage, node)}."
    return Explanation(name, float(np.sqrt(square)), tuple(paths), way, (), reason)


def _none_came(loss: Tensor, x: Tensor, name: str) -> str:
    """That nothing leads from a tensor to the loss, in words."""
    if not loss.requires_grad:
        return "Nothing that requires a gradient leads to the loss at all: it is a constant."
    assert loss._node is not None
    node = x._node
    assert node is not None
    if node.plan is None and not node.awaited:
        return f"No operation has read {name}: is it left out of the forward pass, or has another taken its place?"
    return f"Operations have read {name}, and none of their results leads to the loss as a tensor."


def _some(rows: Any) -> Any:
    return rows[:MOST]
