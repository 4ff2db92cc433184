"""The pictures of a classifier in the plane: its data, its loss while it learns, its boundary, its computation graph.

Each function writes one picture. Colours tell the classes apart for colour-blind eyes too, and so do the marks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt

from tinygrad_np import Tensor, draw_graph

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

Array = npt.NDArray[Any]

COLOURS = ("#0072b2", "#d55e00")
MARKS = ("o", "^")
LIGHT = ("#cfe3f1", "#f9dcc8")
GREY = "#4d4d4d"
RING: dict[str, Any] = {"markerfacecolor": "none", "markeredgecolor": "black", "zorder": 3}

plt.rcParams.update(
    {
        "figure.figsize": (7.6, 5.4),
        "figure.constrained_layout.use": True,
        "savefig.dpi": 130,
        "savefig.bbox": "tight",
        "savefig.pad_inches": 0.15,
        "font.size": 11.5,
        "axes.titlesize": 13.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlepad": 12,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.labelcolor": GREY,
        "xtick.color": GREY,
        "ytick.color": GREY,
        "legend.frameon": False,
    }
)


def save_data(path: Path, X: Array, y: Array, title: str) -> None:
    """Scatter the samples `X`, of shape (m, 2), a colour and a mark for each of the classes 0 and 1 in `y`."""
    figure, axes = plt.subplots()
    _scatter(axes, X, y)
    _plane(axes, title)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), markerscale=2)
    save(figure, path)


def save_losses(
    path: Path,
    losses: Sequence[float],
    title: str,
    *,
    ylabel: str,
    xlabel: str = "iteration",
    label: str = "this run",
    published: tuple[Sequence[int], Sequence[float]] | None = None,
    others: Sequence[Sequence[float]] = (),
    others_label: str = "",
    parting: int | None = None,
    zoom: tuple[int, int] | None = None,
) -> None:
    """Draw a loss over the iterations; `published` pairs of iteration and loss are rings on the curve.

    `others` are further runs, drawn thinly. From the iteration `parting` on, rounding decides where a run goes: that
    part is shaded. `zoom` names the first and the last iteration of a part that is drawn again, enlarged.
    """
    figure, axes = plt.subplots()
    for number, other in enumerate(others):
        axes.plot(other, color=COLOURS[1], linewidth=0.7, alpha=0.7, label=None if number else others_label)
    parts = [axes]
    if zoom is not None:
        part = axes.inset_axes((0.45, 0.36, 0.52, 0.46))
        values = [*losses[zoom[0] : zoom[1]], *(published[1] if published else ())]
        part.set(xlim=zoom, ylim=(0.9 * min(values), 1.1 * max(values)))
        part.set_title("the last part, enlarged", fontsize=10.5, fontweight="normal", pad=6)
        axes.indicate_inset_zoom(part, edgecolor=GREY)
        parts.append(part)
    for part in parts:
        part.plot(losses, color=COLOURS[0], linewidth=1.6, label=label)
        if published is not None:
            printed = f"printed in the document ({len(published[0])})"
            part.plot(*published, linestyle="none", marker="o", markersize=8, label=printed, **RING, clip_on=False)
        part.xaxis.set_major_formatter("{x:,.0f}")
        part.grid(axis="y", color="#e3e3e3", linewidth=0.8)
        part.set_axisbelow(True)
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel, xlim=(-0.015 * len(losses), 1.015 * len(losses)))
    axes.set_ylim(bottom=0)
    if parting is not None:
        axes.axvspan(parting, 1.015 * len(losses), color="#eeeeee", zorder=0)
        axes.text(
            parting + 0.015 * len(losses),
            0.98,
            f"from epoch {parting:,} on\nrounding decides",
            va="top",
            color=GREY,
            transform=axes.get_xaxis_transform(),
        )
    if published is not None or others:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    save(figure, path)


def save_boundary(
    path: Path,
    X: Array,
    y: Array,
    probability: Callable[[Array], Array],
    title: str,
    *,
    xlabel: str = "x1",
    ylabel: str = "x2",
    margin: float = 0.12,
    steps: int = 300,
) -> None:
    """Colour the plane by the class that is predicted there, and scatter the samples over it.

    `probability` takes points of shape (n, 2) and gives for each the probability of class 1; the line is where it is
    one half. Samples on the wrong side are ringed.
    """
    low, high = X.min(axis=0), X.max(axis=0)
    low, high = low - margin * (high - low), high + margin * (high - low)
    first, second = np.meshgrid(*(np.linspace(low[i], high[i], steps) for i in (0, 1)))
    plane = probability(np.column_stack([first.ravel(), second.ravel()])).reshape(first.shape)
    missed = (probability(X).ravel() > 0.5) != (y.ravel() > 0.5)

    figure, axes = plt.subplots()
    axes.contourf(first, second, plane, levels=[-1.0, 0.5, 2.0], colors=LIGHT)
    if plane.min() < 0.5 < plane.max():
        axes.contour(first, second, plane, levels=[0.5], colors="black", linewidths=1.6)
    _scatter(axes, X, y)
    few = np.count_nonzero(missed) < 100
    size, width = (10.0, 1.2) if few else (6.0, 0.5)
    axes.plot(*X[missed].T, linestyle="none", marker="o", markersize=size, markeredgewidth=width, **RING)
    _plane(axes, title, xlabel, ylabel)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    boundary = Line2D([], [], color="black", linewidth=1.6, label="boundary:\nprobability ½")
    ring = Line2D([], [], linestyle="none", marker="o", markersize=size, markeredgewidth=width, **RING)
    ring.set_label(f"on the wrong side:\n{int(missed.sum())} of {len(X):,}")
    classes, _ = axes.get_legend_handles_labels()
    axes.legend(handles=[*classes, boundary, ring], loc="upper left", bbox_to_anchor=(1.0, 1.0), markerscale=1.4)
    save(figure, path)


def save_graph(path: Path, output: Tensor) -> None:
    """Draw the computation graph of `output` twice: as `path` with .svg, and with .png."""
    drawing = draw_graph(output)
    for suffix in (".svg", ".png"):
        drawing.save(path.with_suffix(suffix))


def save(figure: Figure, path: Path) -> None:
    """Write a picture, make its folder if it is not there, and close it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    plt.close(figure)


def _scatter(axes: Axes, X: Array, y: Array) -> None:
    for label in (0, 1):
        points = X[y.ravel() == label]
        axes.scatter(
            points[:, 0],
            points[:, 1],
            label=f"class {label} ({len(points)})",
            s=17,
            marker=MARKS[label],
            color=COLOURS[label],
            edgecolors="white",
            linewidths=0.3,
        )


def _plane(axes: Axes, title: str, xlabel: str = "x1", ylabel: str = "x2") -> None:
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    axes.set_aspect("equal")
