"""A GPT as small as microgpt's: one layer, four heads, 16 numbers a letter; it learns words, and makes up new ones.

The data: the words of three letters or more in the Python language reference, which Python carries within itself for
`help()` (`pydoc_data.topics`; PSF licence). A step reads one word; the model says, at each letter, how likely each next
one is. After 1,000 steps it needs about 2.4 nats a letter, where guessing needs 3.3. The step runs as it is written, or
compiled by `tg.compile` into one NumPy program, with the same losses.

    python examples/microgpt.py
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import numpy as np

import tinygrad_np as tg
from plots import COLOURS, GREY, plt, save
from tinygrad_np import nn, optim

LETTERS = ".abcdefghijklmnopqrstuvwxyz"
"""A word ends, and begins, with the dot."""

LONGEST = 16
IGNORED = -100
"""The target of a place without a letter, which `tg.cross_entropy` leaves out."""


def load_words() -> list[str]:
    """The words, each once, shuffled."""
    words = sorted(set(re.findall(r"\b[a-z]{3,15}\b", " ".join(topics.values()))))
    np.random.default_rng(0).shuffle(words)
    return words


class GPT(nn.Module):
    """Letters in, scores of the next letter out; what GPT-2 is, with RMS norms, relu and without biases."""

    def __init__(self, width: int = 16, heads: int = 4, rng: Any = None) -> None:
        super().__init__()
        rng = np.random.default_rng(rng)
        self.letters = nn.Embedding(len(LETTERS), width, rng=rng)
        self.places = nn.Embedding(LONGEST, width, rng=rng)
        self.norms = [nn.RMSNorm(width) for _ in range(3)]
        self.attention = nn.MultiheadAttention(width, heads, bias=False, batch_first=True, rng=rng)
        self.wide = nn.Linear(width, 4 * width, bias=False, rng=rng)
        self.narrow = nn.Linear(4 * width, width, bias=False, rng=rng)
        self.scores = nn.Linear(width, len(LETTERS), bias=False, rng=rng)
        for embedding in (self.letters, self.places):
            nn.init.normal_(embedding.weight, std=0.1, rng=rng)

    def forward(self, tokens: Any) -> Any:
        """Scores of shape (batch, places, 27) for tokens of shape (batch, places)."""
        x = self.norms[0](self.letters(tokens) + self.places(np.arange(tokens.shape[1])))
        normed = self.norms[1](x)
        x = x + self.attention(normed, normed, normed, is_causal=True)[0]
        x = x + self.narrow(tg.relu(self.wide(self.norms[2](x))))
        return self.scores(x)


def encode(word: str) -> tuple[Any, Any]:
    """The letters of a word, and the next letter of each, filled up to LONGEST: so that one program fits all words."""
    letters = [LETTERS.index(letter) for letter in f".{word}."]
    tokens, targets = np.zeros(LONGEST, int), np.full(LONGEST, IGNORED)
    tokens[: len(word) + 1], targets[: len(word) + 1] = letters[:-1], letters[1:]
    return tokens[None], targets


def train(model: GPT, words: list[str], steps: int, compiled: bool = True) -> list[float]:
    """A word a step, with Adam and a rate that falls to 0; return the loss of each."""
    optimizer = optim.Adam(model.parameters(), lr=0.01, betas=(0.85, 0.99))
    schedule = optim.lr_scheduler.LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=steps)

    def step(tokens: Any, targets: Any) -> Any:
        optimizer.zero_grad()
        loss = tg.cross_entropy(model(tokens)[0], targets, ignore_index=IGNORED)
        loss.backward()
        optimizer.step()
        return loss

    run, losses = tg.compile(step) if compiled else step, []
    for number in range(steps):
        losses.append(float(run(*encode(words[number % len(words)]))))
        schedule.step()
    return losses


@tg.no_grad()
def make_up(model: GPT, rng: np.random.Generator, temperature: float = 0.6) -> str:
    """A new word, drawn letter by letter."""
    tokens = [0]
    while len(tokens) < LONGEST and (len(tokens) == 1 or tokens[-1] != 0):
        chances = tg.softmax(model(np.array([tokens]))[0, -1] / temperature).numpy()
        tokens.append(int(rng.choice(len(LETTERS), p=chances)))
    return "".join(LETTERS[token] for token in tokens).strip(".")


def main() -> None:
    words = load_words()
    print(f"{len(words):,} words: {', '.join(words[:6])} …")
    for compiled in (False, True):
        model = GPT(rng=0)
        begin = time.process_time()
        losses = train(model, words, 1000, compiled)
        seconds, last = time.process_time() - begin, np.mean(losses[-100:])
        way = "compiled" if compiled else "as written"
        print(f"1,000 steps, {way}: {seconds:.1f} s of the processor, mean loss of the last 100: {last:.3f}")
    rng = np.random.default_rng(2)
    made = [make_up(model, rng) for _ in range(20)]
    print("made up:", ", ".join(made))

    figure, axes = plt.subplots(figsize=(8.5, 4.3))
    axes.plot(losses, color="#b9d3e6", linewidth=0.7, label="each word")
    mean = np.convolve(losses, np.ones(50) / 50, mode="valid")
    axes.plot(np.arange(len(mean)) + 49, mean, color=COLOURS[0], linewidth=2, label="mean of 50 words")
    axes.axhline(np.log(len(LETTERS)), color=GREY, linestyle="--", linewidth=1, label="guessing: log 27 = 3.30")
    axes.set(title="A GPT of 4,000 numbers learns words", xlabel="step (a word each)", ylabel="loss (nats a letter)")
    axes.legend(loc="upper right", bbox_to_anchor=(1.0, 1.0))
    columns = "\n".join("   ".join(f"{word:<13}" for word in made[row::6][:2]) for row in range(6))
    axes.set_ylim(0.4, 4.4)
    axes.text(0.02, 0.03, "made up:\n" + columns, transform=axes.transAxes, family="monospace", fontsize=9)
    save(figure, Path("pictures/microgpt.png"))


if __name__ == "__main__":
    main()
