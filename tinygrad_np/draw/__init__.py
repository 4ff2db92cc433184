"""Drawings of a graph: snapshot (plain data) -> passes -> DOT, picture, table, page."""

from .comparison import GraphDifference, compare_graphs
from .drawing import Drawing, draw_graph

__all__ = ["Drawing", "GraphDifference", "compare_graphs", "draw_graph"]
