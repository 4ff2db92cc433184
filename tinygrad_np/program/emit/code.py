"""Source code as text that a notebook shows as code: highlighted where pygments is installed, and not in one line."""

from __future__ import annotations

from html import escape


class Code(str):
    """Python source: a string in every respect, but for how it shows itself."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        try:
            from pygments import formatters, highlight, lexers
        except ImportError:
            return f"<pre>{escape(self)}</pre>"
        return str(highlight(self, lexers.PythonLexer(), formatters.HtmlFormatter(noclasses=True, nobackground=True)))
