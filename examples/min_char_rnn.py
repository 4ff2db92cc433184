"""A recurrent network that reads a text letter by letter, and then writes: min-char-rnn.

The text is this library's own guide, all pages of docs/ (MIT licence). An LSTM guesses each next letter; after half
a minute it has picked up short words and the look of Markdown. What it writes, it draws letter by letter.

Source: A. Karpathy, The Unreasonable Effectiveness of Recurrent Neural Networks, 2015.

    python examples/min_char_rnn.py
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_np as tg
from plots import COLOURS, GREY, plt, save
from tinygrad_np import nn, optim

PAGES = Path(__file__).parents[1] / "docs"


def load_text() -> str:
    """All pages of the guide, one after the other."""
    return "\n".join(page.read_text(encoding="utf-8") for page in sorted(PAGES.glob("*.md")))


class CharRNN(nn.Module):
    """Letters in, the scores of each next letter out; `state` is what it remembers."""

    def __init__(self, letters: int, hidden: int = 64, rng: Any = None) -> None:
        super().__init__()
        rng = np.random.default_rng(rng)
        self.embedding = nn.Embedding(letters, 24, dtype=np.float32, rng=rng)
        self.lstm = nn.LSTM(24, hidden, batch_first=True, dtype=np.float32, rng=rng)
        self.scores = nn.Linear(hidden, letters, dtype=np.float32, rng=rng)

    def forward(self, tokens: Any, state: Any = None) -> tuple[Any, Any]:
        """Scores of shape (batch, places, letters), and the state after the last place."""
        hidden, state = self.lstm(self.embedding(tokens), state)
        return self.scores(hidden), state


def train(model: CharRNN, tokens: Any, steps: int, batch: int = 16, places: int = 24) -> list[float]:
    """Read the text at `batch` places at once; the state is carried on, its gradient is not. Returns the losses."""
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    rows = tokens[: len(tokens) // batch * batch].reshape(batch, -1)
    windows = (rows.shape[1] - 1) // places
    losses, state = [], None
    for step in range(steps):
        begin = step % windows * places
        if begin == 0:
            state = None
        inputs, targets = rows[:, begin : begin + places], rows[:, begin + 1 : begin + places + 1]
        optimizer.zero_grad()
        scores, state = model(inputs, state)
        loss = tg.cross_entropy(scores.reshape(-1, scores.shape[-1]), targets.ravel())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        state = tuple(part.detach() for part in state)
        losses.append(loss.item())
    return losses


@tg.no_grad()
def write(model: CharRNN, letters: str, count: int, seed: int = 0, temperature: float = 0.6) -> str:
    """Draw so many letters, each from the network's guess of what comes next."""
    rng, state, token, written = np.random.default_rng(seed), None, letters.index("\n"), []
    for _ in range(count):
        scores, state = model(np.array([[token]]), state)
        chances = tg.softmax(scores[0, 0] / temperature).numpy().astype(np.float64)
        token = int(rng.choice(len(letters), p=chances / chances.sum()))
        written.append(letters[token])
    return "".join(written)


def main() -> None:
    text = load_text()
    letters = "".join(sorted(set(text)))
    tokens = np.array([letters.index(letter) for letter in text])
    print(f"{len(text):,} letters, {len(letters)} of them different")
    model = CharRNN(len(letters), rng=0)
    losses = train(model, tokens, steps=500)
    print(f"loss: {losses[0]:.2f} at first, {np.mean(losses[-100:]):.2f} in the last 100 steps (nats a letter)")
    sample = write(model, letters, 400)
    print(sample)

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.3), width_ratios=[1, 1])
    left.plot(losses, color=COLOURS[0], linewidth=1)
    left.axhline(np.log(len(letters)), color=GREY, linestyle="--", linewidth=1)
    left.text(len(losses), np.log(len(letters)) + 0.08, f"guessing: log {len(letters)}", ha="right", color=GREY)
    left.set(title="An LSTM reads the guide", xlabel="step", ylabel="loss (nats a letter)", ylim=(0, 5.2))
    right.set_axis_off()
    right.set_title("… and writes")
    lines = [part for line in sample.splitlines() for part in textwrap.wrap(line, 52)][:14]
    right.text(0, 0.98, "\n".join(lines).replace("$", r"\$"), va="top", family="monospace", fontsize=9)
    save(figure, Path("pictures/min_char_rnn.png"))


if __name__ == "__main__":
    main()
