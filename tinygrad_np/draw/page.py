"""A picture and its table as one web page that needs nothing else."""

from __future__ import annotations

from html import escape

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
  body {{ margin: 2rem; font-family: Helvetica, Arial, sans-serif; color: #1a1a1a; background: white }}
  figure {{ margin: 0; overflow: auto; text-align: center }}
  pre {{ overflow: auto }}
</style>
</head>
<body>
<h1>{title}</h1>
<figure>
{picture}
</figure>
<details>
<summary>The same in words</summary>
<pre>{table}</pre>
</details>
</body>
</html>
"""


def to_page(svg: str, table: str) -> str:
    """An HTML page of an SVG and a table, whose first line becomes the title."""
    title, _, rows = table.partition("\n")
    return _PAGE.format(title=escape(title), picture=inline(svg), table=escape(rows.strip("\n")))


def inline(svg: str) -> str:
    """The <svg> element alone, as it stands within a page."""
    return svg[svg.index("<svg") :].strip()
