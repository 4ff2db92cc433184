"""Draw the README's network: the picture beside its text, and the page that steps through its backward pass.

python docs/draw_network.py
"""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import tinygrad_np as tg

HERE = Path(__file__).parent
README = HERE.parent / "README.md"


def names_of_the_readme() -> dict[str, Any]:
    """What the README's first two pieces of code compute: the network, and its gradients by hand."""
    text = README.read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": "README"}
    for match in list(re.finditer(r"```python\n(.*?)```", text, re.DOTALL))[:2]:
        code = compile("\n" * text[: match.start(1)].count("\n") + match.group(1), str(README), "exec")
        with contextlib.redirect_stdout(io.StringIO()):
            exec(code, names)
    return names


if __name__ == "__main__":
    names = names_of_the_readme()
    tg.draw_graph(names["loss"], manual=names["manual"], gradients=True).save(HERE / "network.html")
    names["loss"].backward(retain_graph=True)
    tg.draw_graph(names["loss"]).save(HERE / "network.svg")
