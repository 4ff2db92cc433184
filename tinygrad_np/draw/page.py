"""The page: the picture, the backward pass step by step, and the same in words, in one file that asks for nothing.

What the user called things is data in it, never markup: the page's own script sets it as text. A policy in its head
forbids every request, and every script and style but the two that it carries.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any

from .snapshot import Snapshot
from .story import Story

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; script-src {script_hash}; style-src {style_hash}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<div id="app"></div>
{pictures}
<details id="words">
<summary>The same in words</summary>
<pre tabindex="0" aria-label="The same in words">{words}</pre>
</details>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def to_page(pictures: Sequence[tuple[str, str, Snapshot]], story: Story, table: str) -> str:
    """An HTML page of pictures, each a title, an SVG and its snapshot, of the steps, and of a table.

    The first line of the table becomes the title.
    """
    title, _, rows = table.partition("\n")
    script, style = _asset("bundle.js"), _asset("page.css")
    return _PAGE.format(
        title=escape(title),
        script=script,
        style=style,
        script_hash=_hash(script),
        style_hash=_hash(style),
        pictures="\n".join(
            f'<template class="picture" title="{escape(name)}">{inline(svg)}</template>' for name, svg, _ in pictures
        ),
        words=escape("\n\n".join(part for part in (in_words(story), rows.strip("\n")) if part)),
        data=_json(
            {
                "title": title,
                "steps": story.steps,
                "missing": story.missing,
                "homes": [homes(snapshot) for _, _, snapshot in pictures],
            }
        ),
    )


def homes(snapshot: Snapshot) -> dict[int, list[str]]:
    """For the id of a value that is drawn within other boxes, or beside each of its uses, those boxes."""
    found: dict[int, list[str]] = {}
    for vertex in snapshot.vertices:
        for member in vertex.members:
            found.setdefault(member, []).append(f"n{vertex.id}")
    return found


def in_words(story: Story) -> str:
    """The steps as numbered sentences."""
    lines = []
    for number, step in enumerate(story.steps, start=1):
        lines.append(f"{number}. {step['name']} ({step['place']}): {step['forward']}")
        lines += [f"   {to['sentence']}" for to in step["to"]]
        if not step["to"]:
            lines.append("   its gradient is complete")
        if step["hand"] and step["hand"]["verdict"]:
            lines.append(f"   the hand-written gradient: {step['hand']['verdict']}")
    return "\n".join(lines) or story.missing


def inline(svg: str) -> str:
    """The <svg> element alone, as it stands within a page."""
    return svg[svg.index("<svg") :].strip()


def _json(data: Any) -> str:
    """Plain data that no name in it can end early."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _asset(name: str) -> str:
    return (files("tinygrad_np.draw") / "web" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
