"""More right backward passes, with every step spelt out: a character model's, padded convolution, word vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from .corpus import PAIRS, Pair

# Every step of a character model with batch norm, one line a step.


def characters_forward(Xb, Yb, C, W1, b1, W2, b2, bngain, bnbias):
    n = Xb.shape[0]
    emb = C[Xb]
    embcat = emb.reshape(n, -1)
    hprebn = embcat @ W1 + b1
    bnmeani = 1 / n * hprebn.sum(0, keepdims=True)
    bndiff = hprebn - bnmeani
    bndiff2 = bndiff**2
    bnvar = 1 / (n - 1) * bndiff2.sum(0, keepdims=True)
    bnvar_inv = (bnvar + 1e-5) ** -0.5
    bnraw = bndiff * bnvar_inv
    hpreact = bngain * bnraw + bnbias
    h = np.tanh(hpreact)
    logits = h @ W2 + b2
    logit_maxes = logits.max(1, keepdims=True)
    norm_logits = logits - logit_maxes
    counts = np.exp(norm_logits)
    counts_sum = counts.sum(1, keepdims=True)
    counts_sum_inv = counts_sum**-1
    probs = counts * counts_sum_inv
    logprobs = np.log(probs)
    return -logprobs[np.arange(n), Yb].mean()


def characters_backward(
    Xb,
    Yb,
    C,
    W1,
    W2,
    bngain,
    emb,
    embcat,
    hprebn,
    bndiff,
    bndiff2,
    bnvar,
    bnvar_inv,
    bnraw,
    hpreact,
    h,
    logits,
    norm_logits,
    counts,
    counts_sum,
    counts_sum_inv,
    probs,
    logprobs,
):
    n = Xb.shape[0]
    dlogprobs = np.zeros_like(logprobs)
    dlogprobs[np.arange(n), Yb] = -1.0 / n
    dprobs = (1.0 / probs) * dlogprobs
    dcounts_sum_inv = (counts * dprobs).sum(1, keepdims=True)
    dcounts = counts_sum_inv * dprobs
    dcounts_sum = (-(counts_sum**-2)) * dcounts_sum_inv
    dcounts += np.ones_like(counts) * dcounts_sum
    dnorm_logits = counts * dcounts
    dlogits = dnorm_logits.copy()
    dlogit_maxes = (-dnorm_logits).sum(1, keepdims=True)
    dlogits += (logits == logits.max(1, keepdims=True)) * dlogit_maxes
    dh = dlogits @ W2.T
    dW2 = h.T @ dlogits
    db2 = dlogits.sum(0)
    dhpreact = (1.0 - h**2) * dh
    dbngain = (bnraw * dhpreact).sum(0, keepdims=True)
    dbnraw = bngain * dhpreact
    dbnbias = dhpreact.sum(0, keepdims=True)
    dbndiff = bnvar_inv * dbnraw
    dbnvar_inv = (bndiff * dbnraw).sum(0, keepdims=True)
    dbnvar = (-0.5 * (bnvar + 1e-5) ** -1.5) * dbnvar_inv
    dbndiff2 = (1.0 / (n - 1)) * np.ones_like(bndiff2) * dbnvar
    dbndiff += (2 * bndiff) * dbndiff2
    dhprebn = dbndiff.copy()
    dbnmeani = (-dbndiff).sum(0, keepdims=True)
    dhprebn += 1.0 / n * (np.ones_like(hprebn) * dbnmeani)
    dembcat = dhprebn @ W1.T
    dW1 = embcat.T @ dhprebn
    db1 = dhprebn.sum(0)
    demb = dembcat.reshape(emb.shape)
    dC = np.zeros_like(C)
    for k in range(Xb.shape[0]):
        for j in range(Xb.shape[1]):
            ix = Xb[k, j]
            dC[ix] += demb[k, j]
    return dC, dW1, db1, dW2, db2, dbngain, dbnbias


def names(random: np.random.Generator) -> dict[str, Any]:
    return {
        "Xb": random.integers(0, 5, (7, 3)),
        "Yb": random.integers(0, 5, 7),
        "C": random.normal(size=(5, 2)),
        "W1": random.normal(size=(6, 4)),
        "b1": 0.1 * random.normal(size=4),
        "W2": 0.5 * random.normal(size=(4, 5)),
        "b2": 0.1 * random.normal(size=5),
        "bngain": 1 + 0.1 * random.normal(size=(1, 4)),
        "bnbias": 0.1 * random.normal(size=(1, 4)),
    }


PAIRS.append(Pair("character model, step by step", characters_forward, characters_backward, names))


def padded_forward(x, w, b, target, pad):
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    HH, WW = w.shape[2], w.shape[3]
    rows = []
    for i in range(padded.shape[2] - HH + 1):
        row = []
        for j in range(padded.shape[3] - WW + 1):
            window = padded[:, :, i : i + HH, j : j + WW]
            row.append(np.tensordot(window, w, axes=((1, 2, 3), (1, 2, 3))) + b)
        rows.append(np.stack(row, axis=-1))
    out = np.stack(rows, axis=-2)
    return np.sum((out - target) ** 2), padded, out


def padded_backward(x, w, target, pad, padded, out):
    HH, WW = w.shape[2], w.shape[3]
    dout = 2 * (out - target)
    dpadded = np.zeros_like(padded)
    dw = np.zeros_like(w)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            window = padded[:, :, i : i + HH, j : j + WW]
            dw += np.tensordot(dout[:, :, i, j], window, axes=(0, 0))
            dpadded[:, :, i : i + HH, j : j + WW] += np.tensordot(dout[:, :, i, j], w, axes=(1, 0))
    dx = dpadded[:, :, pad:-pad, pad:-pad]
    db = dout.sum(axis=(0, 2, 3))
    return dx, dw, db


PAIRS.append(
    Pair(
        "convolution with padding",
        padded_forward,
        padded_backward,
        lambda random: {
            "x": random.normal(size=(2, 2, 3, 3)),
            "w": random.normal(size=(2, 2, 3, 3)),
            "b": random.normal(size=2),
            "target": random.normal(size=(2, 2, 3, 3)),
            "pad": 1,
        },
    )
)


def softmax_vectors_forward(centre, outside, V, U):
    v = V[centre]
    scores = U @ v
    e = np.exp(scores - np.max(scores))
    yhat = e / np.sum(e)
    return -np.log(yhat[outside])


def softmax_vectors_backward(centre, outside, V, U, v, yhat):
    delta = yhat.copy()
    delta[outside] -= 1
    dU = np.outer(delta, v)
    dV = np.zeros_like(V)
    dV[centre] = U.T @ delta
    return dV, dU


PAIRS.append(
    Pair(
        "word2vec, softmax",
        softmax_vectors_forward,
        softmax_vectors_backward,
        lambda random: {"centre": 2, "outside": 4, "V": random.normal(size=(6, 3)), "U": random.normal(size=(6, 3))},
    )
)
