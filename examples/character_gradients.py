"""Twenty-six gradients by hand, checked in one call: a character model with batch norm, differentiated step by step.

A. Karpathy's lecture "Becoming a Backprop Ninja" (makemore, part 4, 2022) goes back through such a model by hand, one
intermediate result at a time, and compares each with PyTorch's. Here the network and its backward pass stand in their
own words, and `tg.compare_gradients(loss, names=...)` finds all 26 pairs by the names of the variables, in the order of
the backward pass. With a mistake in one line it names the first gradient that is wrong, and what only follows from it.

    python examples/character_gradients.py
"""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_np as tg

WORDS = [
    "gradient",
    "tensor",
    "matrix",
    "vector",
    "scalar",
    "chain",
    "loss",
    "batch",
    "norm",
    "layer",
    "weight",
    "slope",
]
CONTEXT, WIDTH, HIDDEN = 3, 5, 12


def examples() -> tuple[Any, Any, int]:
    """Three letters each, as numbers, with the one that follows; 0 stands before and after a word."""
    letters = {letter: number for number, letter in enumerate(sorted(set("".join(WORDS))), start=1)}
    contexts, following = [], []
    for word in WORDS:
        numbers = [0] * CONTEXT + [letters[letter] for letter in word] + [0]
        for place in range(CONTEXT, len(numbers)):
            contexts.append(numbers[place - CONTEXT : place])
            following.append(numbers[place])
    return np.array(contexts), np.array(following), len(letters) + 1


def parameters(kinds: int, seed: int = 0) -> dict[str, tg.Tensor]:
    """The parameters, none of which is 0 where that could hide a mistake."""
    random = np.random.default_rng(seed)
    shapes = {
        "table": (kinds, WIDTH),
        "W1": (CONTEXT * WIDTH, HIDDEN),
        "b1": (HIDDEN,),
        "gain": (1, HIDDEN),
        "shift": (1, HIDDEN),
        "W2": (HIDDEN, kinds),
        "b2": (kinds,),
    }
    return {
        name: tg.Tensor(0.4 * random.normal(size=shape), requires_grad=True, name=name)
        for name, shape in shapes.items()
    }


def forward(contexts: Any, following: Any, p: dict[str, tg.Tensor]) -> dict[str, Any]:
    """Every step of the model, by name; the last one is the loss."""
    n = len(contexts)
    table, W1, b1, gain, shift, W2, b2 = p.values()
    embedded = table[contexts]
    joined = embedded.reshape(n, -1)
    before_norm = joined @ W1 + b1
    mean = before_norm.sum(axis=0, keepdims=True) / n
    centred = before_norm - mean
    squares = centred**2
    variance = squares.sum(axis=0, keepdims=True) / (n - 1)
    inverse_std = (variance + 1e-5) ** -0.5
    normalised = centred * inverse_std
    before_tanh = gain * normalised + shift
    hidden = np.tanh(before_tanh)
    scores = hidden @ W2 + b2
    largest = scores.max(axis=1, keepdims=True)
    shifted = scores - largest
    powers = np.exp(shifted)
    total = powers.sum(axis=1, keepdims=True)
    inverse_total = total**-1
    probabilities = powers * inverse_total
    log_probabilities = np.log(probabilities)
    loss = -log_probabilities[np.arange(n), following].mean()
    steps = {name: value for name, value in locals().items() if isinstance(value, tg.Tensor)}
    return {name: value.named(name) for name, value in steps.items()}


def backward(contexts: Any, following: Any, value: dict[str, Any]) -> dict[str, Any]:
    """The gradient of each step, by hand, from the values of the forward pass."""
    n = len(contexts)
    dlog_probabilities = np.zeros_like(value["log_probabilities"])
    dlog_probabilities[np.arange(n), following] = -1 / n
    dprobabilities = dlog_probabilities / value["probabilities"]
    dinverse_total = (dprobabilities * value["powers"]).sum(axis=1, keepdims=True)
    dtotal = -dinverse_total / value["total"] ** 2
    dpowers = dprobabilities * value["inverse_total"] + dtotal
    dshifted = dpowers * value["powers"]
    dlargest = -dshifted.sum(axis=1, keepdims=True)
    dscores = dshifted.copy()
    dscores[np.arange(n), value["scores"].argmax(axis=1)] += dlargest[:, 0]
    dhidden = dscores @ value["W2"].T
    dW2 = value["hidden"].T @ dscores
    db2 = dscores.sum(axis=0)
    dbefore_tanh = dhidden * (1 - value["hidden"] ** 2)
    dgain = (dbefore_tanh * value["normalised"]).sum(axis=0, keepdims=True)
    dshift = dbefore_tanh.sum(axis=0, keepdims=True)
    dnormalised = dbefore_tanh * value["gain"]
    dinverse_std = (dnormalised * value["centred"]).sum(axis=0, keepdims=True)
    dvariance = -0.5 * dinverse_std * value["inverse_std"] ** 3
    dsquares = np.ones_like(value["squares"]) * dvariance / (n - 1)
    dcentred = dnormalised * value["inverse_std"] + 2 * value["centred"] * dsquares
    dmean = -dcentred.sum(axis=0, keepdims=True)
    dbefore_norm = dcentred + dmean / n
    djoined = dbefore_norm @ value["W1"].T
    dW1 = value["joined"].T @ dbefore_norm
    db1 = dbefore_norm.sum(axis=0)
    dembedded = djoined.reshape(value["embedded"].shape)
    dtable = np.zeros_like(value["table"])
    np.add.at(dtable, contexts, dembedded)
    return {name: gradient for name, gradient in locals().items() if name.startswith("d")}


def main() -> None:
    """Check the gradients, then once more with a mistake in one line."""
    contexts, following, kinds = examples()
    steps = forward(contexts, following, parameters(kinds))
    value = {name: tensor.numpy() for name, tensor in steps.items()}
    by_hand = backward(contexts, following, value)
    print(tg.compare_gradients(steps["loss"], names={**steps, **by_hand}))

    wrong = {**value, "hidden": np.tanh(value["hidden"])}
    by_hand = backward(contexts, following, wrong)
    report = tg.compare_gradients(steps["loss"], names={**steps, **by_hand})
    first = next(row for row in report if row.verdict == "wrong")
    print(f"\nWith tanh taken twice: {first.name} is the first one that is wrong. {first.diagnosis}")


if __name__ == "__main__":
    main()
