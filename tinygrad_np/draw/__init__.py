"""Drawings of a graph: snapshot (plain data) -> passes -> DOT, picture, table, page."""

from .drawing import Drawing, draw_graph

__all__ = ["Drawing", "draw_graph"]
