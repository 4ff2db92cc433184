"""draw_graph: a picture of what tensors were computed from.

    drawing = tg.draw_graph(loss)
    drawing.save("net.svg")      # or .png, .pdf, .dot; .html is a page that steps through the backward pass
    print(drawing)               # the same as a table

A picture needs Graphviz (render.py says which); the table, the DOT text and the snapshot behind them need nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..check import compare_gradients
from ..check.passage import described
from ..check.report import Report
from ..check.steps import backward_steps, variable_names
from ..errors import DTypeError, NotRecordedError, TinygradError, UnknownFormatError, UnknownTensorError, listed
from ..frames import user_place, user_variables
from ..graph import Node
from ..program.emit.mathematics import LATEX, MATHML
from ..tensor import Tensor
from .dot import to_dot
from .facts import Flow, with_facts
from .folding import by_call, by_function, by_module, rolled
from .notebook import mimebundle
from .page import to_page
from .passes import focused, last_operations, repeated, without_constants
from .render import SlowLayoutError, render
from .snapshot import Snapshot, Taken, Verdict, collector_paused, snapshot
from .story import Hand, Story, step_data
from .table import to_table

SUFFIXES = (".svg", ".png", ".pdf", ".dot", ".html")

MOST_STEPS = 2000
"""Of more operations the steps are not kept for a page."""

MOST_UNFOLDED = 400
"""Of more boxes a page has no second picture, in which they are not folded."""

MANY = 150
"""Of more boxes than this, those are folded that can be, unless told otherwise."""

MANY_COPIES = 30
"""If inputs were drawn more often than this beside what uses them, steps of a loop are folded: they share weights."""

Fold = bool | Collection[str] | None


class Drawing:
    """A graph as it was when it was drawn: DOT text, a picture, a table, a page. A notebook shows it by itself.

    Attributes: `snapshot`, the graph as plain data; `story`, the backward pass step by step.
    """

    def __init__(self, snapshot: Snapshot, story: Story, others: Sequence[Snapshot] = ()) -> None:
        self.snapshot = snapshot
        self.story = story
        self._others = others

    @property
    def dot(self) -> str:
        """The graph in DOT, the language of Graphviz; the same graph gives the same text."""
        return to_dot(repeated(self.snapshot))

    @property
    def svg(self) -> str:
        """The picture as SVG; raises MissingDependencyError without Graphviz."""
        return self._picture("svg").decode()

    @property
    def page(self) -> str:
        """The page that steps through the backward pass; raises MissingDependencyError without Graphviz."""
        drawn = [(repeated(self.snapshot), self.svg)]
        for other in map(repeated, self._others):
            with suppress(SlowLayoutError):
                drawn.append((other, render(to_dot(other), "svg").decode()))
        pictures = []
        for place, (one, svg) in enumerate(drawn):
            is_larger = len(one.vertices) > len(drawn[place - 1][0].vertices)
            pictures.append(("Unfold" if is_larger else "Fold", svg, one))
        return to_page(pictures, self.story, str(self))

    def _picture(self, file_format: str) -> bytes:
        """The picture, folded if the layout of all takes too long."""
        try:
            return render(to_dot(repeated(self.snapshot), bitmap=file_format == "png"), file_format)
        except SlowLayoutError as error:
            fewer = last_operations(folded(self.snapshot, True), MANY)
            note = f"{error} Of {len(self.snapshot.vertices):,} boxes {len(fewer.vertices):,} are drawn."
            return render(to_dot(repeated(replace(fewer, note=note)), bitmap=file_format == "png"), file_format)

    def latex(self) -> str:
        """The forward pass and the chain rule as aligned equations in LaTeX, in the names of the values.

        Raises NotRecordedError where there is no backward pass to write.
        """
        return LATEX.display(self._formulas("latex()"))

    def mathml(self) -> str:
        """The same in MathML, for a page."""
        return MATHML.display(self._formulas("mathml()"))

    def _formulas(self, what: str) -> list[str]:
        """Forward in the order of computing, backward in the order of the pass."""
        steps = self.story.steps
        if not steps:
            raise NotRecordedError(f"{what} of this drawing, {user_place()}: {self.story.missing}")
        forward = [step["forward"] for step in reversed(steps) if " = " in step["forward"]]
        return forward + [to["formula"] for step in steps for to in step["to"]]

    def save(self, path: str | Path) -> Path:
        """Write the drawing in the format that the suffix of the path says, and return the path.

        All but .dot need Graphviz, and raise MissingDependencyError without it. Raises UnknownFormatError for a suffix
        that is none of .svg, .png, .pdf, .dot and .html.
        """
        path = Path(path)
        path.write_bytes(self._content(path))
        return path

    def _content(self, path: Path) -> bytes:
        suffix = path.suffix.lower()
        if suffix not in SUFFIXES:
            raise UnknownFormatError(
                f"a drawing can't be saved as {path.name!r}: "
                f"end the name with {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}."
            )
        if suffix == ".dot":
            return self.dot.encode()
        if suffix == ".html":
            return self.page.encode("utf-8", "backslashreplace")
        return self._picture(suffix[1:])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return mimebundle(self)

    def __repr__(self) -> str:
        return to_table(self.snapshot)


@collector_paused()
def draw_graph(
    *outputs: Tensor,
    manual: Mapping[str | Tensor, Any] | None = None,
    gradients: bool = False,
    fold: Fold = None,
    unfold: str | Collection[str] = (),
    focus: str | Tensor | None = None,
    depth: int | None = None,
    constants: bool = True,
    limit: int | None = 1000,
) -> Drawing:
    """Draw the graph of operations that tensors were computed by.

    Parameters, data, operations and named results each have a look of their own, values flow down the arrows, and where
    a backward pass has left gradients they are shown. The drawing is a snapshot: what happens to the graph later does
    not change it.

    Args:
        outputs: Tensors, such as the loss; before or after backward().
        manual: hand-written gradients, as compare_gradients takes them: the drawing marks which agree, and the first,
            in the order of the backward pass, that does not.
        gradients: run the backward pass for the drawing alone: gradients of all values, and how much flows where. No
            `.grad` is touched.
        fold: True draws the steps of a loop as one, and what a function computed as one box; names of functions or
            modules fold those; False folds nothing. By itself a drawing folds the modules of a network and the calls of
            library functions, loops whose steps share many weights, and if that leaves more than 150 boxes, all that
            can be folded, and says so.
        unfold: modules, by path or class, and library functions whose inside is to be drawn.
        focus: a tensor, or its name: draw what it was computed from, and what was computed from it.
        depth: how many operations away from the focus.
        constants: whether to draw what needs no gradient.
        limit: of more operations the last `limit` are drawn, and the drawing says what was left out; None draws all.

    Raises DTypeError if an output is not a Tensor, UnknownTensorError if the focus is not in the graph.

    >>> import numpy as np, tinygrad_np as tg
    >>> W = tg.Tensor([[1.0, 2.0]], requires_grad=True, name="W")
    >>> drawing = tg.draw_graph(np.tanh(W).sum().named("loss"))
    >>> drawing.dot.startswith("digraph")
    True
    """
    for output in outputs or (None,):
        if not isinstance(output, Tensor):
            raise DTypeError(_not_a_tensor(output))
    taken = snapshot([(output._node, output._data) for output in outputs], variable_names())
    _add_held_values(taken)
    drawn = taken.snapshot
    if focus is not None:
        drawn = focused(drawn, _centres(focus, taken), depth)
    if not constants:
        drawn = without_constants(drawn)
    whole, drawn = drawn, folded(drawn, fold, _names(unfold))
    others = [one for one in unfoldings(whole, drawn) if len(one.vertices) <= MOST_UNFOLDED]
    if limit is not None:
        drawn = last_operations(drawn, limit)
    hands = {} if manual is None else _hands(outputs[0], manual, taken)
    verdicts = {node: hand.verdict for node, hand in hands.items() if hand.verdict is not None}
    told, flow = _told(outputs, taken, hands, must=gradients)
    flow = flow if gradients else None
    return Drawing(
        with_facts(drawn, taken, flow, verdicts), told, [with_facts(one, taken, flow, verdicts) for one in others]
    )


def _add_held_values(taken: Taken) -> None:
    """Values that no gradient rule has saved, as far as variables of the user's hold them, unchanged."""
    held = {value._node: value._data for _, value in user_variables() if isinstance(value, Tensor)}
    newest = max((node.number for node in taken.nodes.values()), default=0)
    for identity, node in taken.nodes.items():
        is_changed = node.exposure is not None and node.exposure.is_stale(newest)
        if node in held and not is_changed:
            taken.values.setdefault(identity, held[node])


def _told(
    outputs: tuple[Tensor, ...], taken: Taken, hands: Mapping[Node, Hand], must: bool
) -> tuple[Story, Flow | None]:
    """The backward pass as far as there is one; what prevents it is an error only if it `must` be."""
    if len(taken.nodes) > MOST_STEPS and not must:
        return Story(missing=f"Of more than {MOST_STEPS:,} operations the steps are not told."), None
    is_lazy = not all(isinstance(output._data, np.ndarray | np.generic) for output in outputs)
    if is_lazy and not must:
        return Story(missing="The values are lazy: a page would have to compute them."), None
    ids = {node: identity for identity, node in taken.nodes.items()}
    told, flow = Story(), Flow()
    steps = (step for output in outputs if output.requires_grad for step in backward_steps(output))
    try:
        # What a rule has to say of infinities it has said, or will say, in the user's own pass.
        with np.errstate(all="ignore"):
            for step in steps:
                flow.watch(step)
                if len(taken.nodes) <= MOST_STEPS and not is_lazy:
                    told.steps.append(step_data(step, taken, ids, hands))
    except TinygradError as error:
        if must:
            raise
        return Story(missing=f"The backward pass can't be shown: {error}"), None
    if not told.steps:
        told.missing = "There is no backward pass to show: nothing here requires a gradient."
    return told, flow


def _hands(loss: Tensor, manual: Mapping[str | Tensor, Any], taken: Taken) -> dict[Node, Hand]:
    """The hand-written gradients by their nodes, with the verdicts of compare_gradients."""
    report = compare_gradients(loss, manual)
    by_name = {node.name: node for node in taken.nodes.values() if node.name is not None and node.requires_grad}
    given: dict[str, tuple[Node, Any]] = {}
    for key, gradient in manual.items():
        node: Any = by_name[key] if isinstance(key, str) else key._node
        given[key if isinstance(key, str) else described(node)] = node, gradient
    hands = {}
    for row in report:
        node, gradient = given[row.name]
        array = gradient.numpy() if isinstance(gradient, Tensor) else np.asarray(gradient)
        hands[node] = Hand(array, _verdict(row.name, report), row.diagnosis)
    return hands


def _verdict(name: str, report: Report) -> Verdict | None:
    if name in report.wrong:
        return "first to differ" if name == report.wrong[0] else "differs"
    return None if name in report.unproved else "agrees"


def _centres(focus: str | Tensor, taken: Taken) -> list[int]:
    """The ids of the values that a focus means."""
    vertices = taken.snapshot.vertices
    if isinstance(focus, str):
        found = [vertex.id for vertex in vertices if vertex.name == focus]
    else:
        held = getattr(focus, "_node", None)
        found = [identity for identity, node in taken.nodes.items() if node is held]
    if found:
        return found
    what = repr(focus) if isinstance(focus, str) else "the tensor that was given"
    names = list(dict.fromkeys(vertex.name for vertex in vertices if vertex.name))
    there = f"it has {listed(names)}" if names else "nothing in it has a name"
    raise UnknownTensorError(f"draw_graph can't focus on {what}, {user_place()}: it is not in the graph; {there}.")


def folded(snapshot: Snapshot, fold: Fold, opened: Collection[str] = ()) -> Snapshot:
    """Folded as draw_graph's arguments say, with a note of how much that is."""
    many = len(snapshot.vertices)
    if fold is False:
        return snapshot
    named = () if fold is None or fold is True else _names(fold)
    fewer = by_call(by_module(snapshot, opened, named), opened)
    is_small = len(fewer.vertices) <= MANY
    if fold is None and is_small and len(repeated(fewer).vertices) - len(fewer.vertices) <= MANY_COPIES:
        return fewer
    if named:
        fewer = by_function(fewer, named)
    else:
        fewer = rolled(fewer)
        if fold is True or len(fewer.vertices) > MANY:
            fewer = rolled(by_function(fewer))
    if len(fewer.vertices) == many:
        return snapshot
    note = f"{many:,} values are drawn as {len(fewer.vertices):,}: loops and functions are folded"
    return replace(fewer, note=f"{note}; fold=False draws all" if fold is None else note)


def unfoldings(whole: Snapshot, drawn: Snapshot) -> list[Snapshot]:
    """What a page unfolds a drawing to, from one depth of modules to the next, and at last all; or folds it to."""
    if drawn is whole:
        fewer = folded(whole, True)
        return [fewer] if len(fewer.vertices) < len(whole.vertices) else []
    deepest = max((len(vertex.modules) for vertex in whole.vertices), default=0)
    steps = [drawn]
    for deeper in (*(by_call(by_module(whole, depth=depth)) for depth in range(2, deepest + 1)), whole):
        if len(deeper.vertices) > len(steps[-1].vertices):
            steps.append(deeper)
    return steps[1:]


def _names(given: str | Collection[str]) -> Collection[str]:
    return {given} if isinstance(given, str) else given


def _not_a_tensor(output: Any) -> str:
    advice = (
        "call it, and draw the Tensor that it returns"
        if callable(output)
        else "give them one by one, as in draw_graph(*outputs)"
        if isinstance(output, list | tuple) and output
        else "give one of them, such as the loss"
        if isinstance(output, dict) and output
        else "give the Tensor that was computed, such as the loss"
    )
    return f"draw_graph draws the graph of a Tensor, and was given {type(output).__name__}, {user_place()}; {advice}."
