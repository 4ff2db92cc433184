"""Right backward passes as people write them by hand, each with its forward pass and inputs: `PAIRS`.

The networks are those that tutorials and courses derive: the three documents', the two-layer net with its losses,
normalisations, convolution and pooling, recurrent networks, attention, word2vec, a variational autoencoder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Pair(NamedTuple):
    """A forward pass, its hand-written backward pass, and a function that makes inputs for both."""

    name: str
    forward: Callable[..., Any]
    backward: Callable[..., Any]
    inputs: Callable[[np.random.Generator], dict[str, Any]]


PAIRS: list[Pair] = []


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


# Networks of two and three layers.


def moons_forward(X, Y, W1, b1, W2, b2):
    Z1 = np.dot(X, W1) + b1
    A1 = np.tanh(Z1)
    Z2 = np.dot(A1, W2) + b2
    A2 = sigmoid(Z2)
    loss = -np.mean(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))
    return loss, (Z1, A1, Z2, A2)


def moons_backward(X, Y, W1, b1, W2, b2, cache):
    Z1, A1, Z2, A2 = cache
    m = X.shape[0]
    dZ2 = A2 - Y
    dW2 = np.dot(A1.T, dZ2) / m
    db2 = np.sum(dZ2, axis=0, keepdims=True) / m
    dA1 = np.dot(dZ2, W2.T)
    dZ1 = dA1 * (1 - A1**2)
    dW1 = np.dot(X.T, dZ1) / m
    db1 = np.sum(dZ1, axis=0, keepdims=True) / m
    return dW1, db1, dW2, db2


def two_layers(random: np.random.Generator, n: int = 7, d: int = 2, h: int = 4, c: int = 1) -> dict[str, Any]:
    return {
        "X": random.normal(size=(n, d)),
        "Y": random.integers(0, 2, (n, c)).astype(float),
        "W1": random.normal(size=(d, h)),
        "b1": 0.3 * random.normal(size=(1, h)),
        "W2": random.normal(size=(h, c)),
        "b2": 0.3 * random.normal(size=(1, c)),
    }


PAIRS.append(Pair("moons", moons_forward, moons_backward, two_layers))


def circles_forward(X, Y, W1, b1, W2, b2, W3, b3):
    Z1 = W1 @ X + b1
    A1 = np.maximum(0, Z1)
    Z2 = W2 @ A1 + b2
    A2 = np.maximum(0, Z2)
    Z3 = W3 @ A2 + b3
    A3 = sigmoid(Z3)
    cost = -np.sum(Y * np.log(A3) + (1 - Y) * np.log(1 - A3)) / X.shape[1]
    return cost, A3


def circles_backward(X, Y, W2, W3, Z1, A1, Z2, A2, A3):
    m = X.shape[1]
    grads = {}
    dA3 = -(np.divide(Y, A3) - np.divide(1 - Y, 1 - A3))
    dZ3 = dA3 * A3 * (1 - A3)
    grads["dW3"] = 1 / m * dZ3 @ A2.T
    grads["db3"] = 1 / m * np.sum(dZ3, axis=1, keepdims=True)
    dA2 = W3.T @ dZ3
    dZ2 = np.array(dA2, copy=True)
    dZ2[Z2 <= 0] = 0
    grads["dW2"] = 1 / m * dZ2 @ A1.T
    grads["db2"] = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
    dA1 = W2.T @ dZ2
    dZ1 = dA1 * (Z1 > 0)
    grads["dW1"] = 1 / m * dZ1 @ X.T
    grads["db1"] = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
    return grads


def three_layers(random: np.random.Generator) -> dict[str, Any]:
    return {
        "X": random.normal(size=(3, 6)),
        "Y": random.integers(0, 2, (1, 6)).astype(float),
        "W1": random.normal(size=(4, 3)),
        "b1": 0.3 * random.normal(size=(4, 1)),
        "W2": random.normal(size=(5, 4)),
        "b2": 0.3 * random.normal(size=(5, 1)),
        "W3": random.normal(size=(1, 5)),
        "b3": 0.3 * random.normal(size=(1, 1)),
    }


PAIRS.append(Pair("circles", circles_forward, circles_backward, three_layers))


def notebook_forward(X, y, weights1, weights2):
    layer1 = sigmoid(np.dot(X, weights1))
    output = sigmoid(np.dot(layer1, weights2))
    return np.sum((y - output) ** 2)


def notebook_backward(X, y, weights1, weights2, layer1, output):
    delta2 = -2 * (y - output) * output * (1 - output)
    d_weights2 = np.dot(layer1.T, delta2)
    delta1 = np.dot(delta2, weights2.T) * layer1 * (1 - layer1)
    d_weights1 = np.dot(X.T, delta1)
    return d_weights1, d_weights2


PAIRS.append(
    Pair(
        "notebook",
        notebook_forward,
        notebook_backward,
        lambda random: {
            "X": random.normal(size=(5, 3)),
            "y": random.uniform(size=(5, 1)),
            "weights1": random.normal(size=(3, 4)),
            "weights2": random.normal(size=(4, 1)),
        },
    )
)


def softmax_net_forward(X, y, W1, b1, W2, b2, reg):
    N = X.shape[0]
    hidden = np.maximum(0, X @ W1 + b1)
    scores = hidden @ W2 + b2
    shifted = scores - np.max(scores, axis=1, keepdims=True)
    logprobs = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    data_loss = -np.sum(logprobs[np.arange(N), y]) / N
    return data_loss + reg * (np.sum(W1 * W1) + np.sum(W2 * W2))


def softmax_net_backward(X, y, W1, b1, W2, b2, reg, hidden, scores):
    N = X.shape[0]
    probs = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    probs /= np.sum(probs, axis=1, keepdims=True)
    dscores = probs.copy()
    dscores[np.arange(N), y] -= 1
    dscores /= N
    grads = {}
    grads["W2"] = hidden.T @ dscores + 2 * reg * W2
    grads["b2"] = np.sum(dscores, axis=0)
    dhidden = dscores @ W2.T
    dhidden[hidden <= 0] = 0
    grads["W1"] = X.T @ dhidden + 2 * reg * W1
    grads["b1"] = np.sum(dhidden, axis=0)
    return grads


def classes(random: np.random.Generator) -> dict[str, Any]:
    return {
        "X": random.normal(size=(6, 4)),
        "y": random.integers(0, 3, 6),
        "W1": random.normal(size=(4, 5)),
        "b1": 0.3 * random.normal(size=5),
        "W2": random.normal(size=(5, 3)),
        "b2": 0.3 * random.normal(size=3),
        "reg": 0.05,
    }


PAIRS.append(Pair("two-layer net of a course", softmax_net_forward, softmax_net_backward, classes))


def svm_forward(X, y, W, reg):
    N = X.shape[0]
    scores = X @ W
    correct = scores[np.arange(N), y].reshape((-1, 1))
    margins = np.maximum(0, scores - correct + 1)
    return (np.sum(margins) - N) / N + reg * np.sum(W * W)


def svm_backward(X, y, W, reg, scores, correct):
    N = X.shape[0]
    binary = (scores - correct + 1 > 0).astype(float)
    binary[np.arange(N), y] = 0
    row_sum = np.sum(binary, axis=1)
    binary[np.arange(N), y] = -row_sum
    dW = X.T @ binary / N
    dW += 2 * reg * W
    return dW


PAIRS.append(
    Pair(
        "support vector machine",
        svm_forward,
        svm_backward,
        lambda random: {
            "X": random.normal(size=(6, 4)),
            "y": random.integers(0, 3, 6),
            "W": 0.3 * random.normal(size=(4, 3)),
            "reg": 0.05,
        },
    )
)


# Normalisations.


def batch_norm_forward(x, gamma, beta, target):
    mean = np.mean(x, axis=0)
    centred = x - mean
    var = np.mean(centred**2, axis=0)
    std = np.sqrt(var + 1e-5)
    xhat = centred / std
    out = gamma * xhat + beta
    loss = np.sum((out - target) ** 2) / 2
    return loss, (xhat, centred, std, out)


def batch_norm_backward(gamma, target, cache):
    xhat, centred, std, out = cache
    N = out.shape[0]
    dout = out - target
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * xhat, axis=0)
    dxhat = dout * gamma
    dvar = np.sum(dxhat * centred * -0.5 * std**-3, axis=0)
    dmean = np.sum(-dxhat / std, axis=0) + dvar * np.mean(-2 * centred, axis=0)
    dx = dxhat / std + dvar * 2 * centred / N + dmean / N
    return dx, dgamma, dbeta


def normalised(random: np.random.Generator) -> dict[str, Any]:
    return {
        "x": random.normal(size=(6, 4)),
        "gamma": random.normal(size=4),
        "beta": random.normal(size=4),
        "target": random.normal(size=(6, 4)),
    }


PAIRS.append(Pair("batch norm", batch_norm_forward, batch_norm_backward, normalised))


def short_batch_norm_backward(gamma, target, cache):
    xhat, centred, std, out = cache
    N = out.shape[0]
    dout = out - target
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xhat).sum(axis=0)
    dxhat = dout * gamma
    dx = (N * dxhat - dxhat.sum(axis=0) - xhat * (dxhat * xhat).sum(axis=0)) / (N * std)
    return dx, dgamma, dbeta


def exact_batch_norm_forward(x, gamma, beta, target):
    mean = np.mean(x, axis=0)
    centred = x - mean
    std = np.sqrt(np.mean(centred**2, axis=0))
    xhat = centred / std
    out = gamma * xhat + beta
    loss = np.sum((out - target) ** 2) / 2
    return loss, (xhat, centred, std, out)


PAIRS.append(Pair("batch norm in one line", exact_batch_norm_forward, short_batch_norm_backward, normalised))


def layer_norm_backward(x, gamma, target, mean, rstd, norm, out):
    dout = 2 * (out - target) / out.size
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * norm, axis=0)
    dnorm = dout * gamma
    dx = dnorm - np.mean(dnorm, axis=1, keepdims=True) - norm * np.mean(dnorm * norm, axis=1, keepdims=True)
    dx = rstd * dx
    return dx, dgamma, dbeta


def layer_norm_forward(x, gamma, beta, target):
    mean = np.mean(x, axis=1, keepdims=True)
    var = np.mean((x - mean) ** 2, axis=1, keepdims=True)
    rstd = var**-0.5
    norm = (x - mean) * rstd
    out = norm * gamma + beta
    return np.mean((out - target) ** 2)


PAIRS.append(Pair("layer norm", layer_norm_forward, layer_norm_backward, normalised))


# Images, by loops.


def conv_forward(x, w, b, target):
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    out = np.stack(
        [
            np.stack(
                [
                    np.sum(x[:, None, :, i : i + HH, j : j + WW] * w[None], axis=(2, 3, 4)) + b
                    for j in range(W - WW + 1)
                ],
                axis=-1,
            )
            for i in range(H - HH + 1)
        ],
        axis=-2,
    )
    return np.sum((out - target) ** 2) / 2, out


def conv_backward(x, w, b, target, out):
    F, C, HH, WW = w.shape
    dout = out - target
    dx = np.zeros_like(x)
    dw = np.zeros_like(w)
    for n in range(x.shape[0]):
        for f in range(F):
            for i in range(dout.shape[2]):
                for j in range(dout.shape[3]):
                    dw[f] += x[n, :, i : i + HH, j : j + WW] * dout[n, f, i, j]
                    dx[n, :, i : i + HH, j : j + WW] += w[f] * dout[n, f, i, j]
    db = np.sum(dout, axis=(0, 2, 3))
    return dx, dw, db


PAIRS.append(
    Pair(
        "convolution",
        conv_forward,
        conv_backward,
        lambda random: {
            "x": random.normal(size=(2, 2, 4, 4)),
            "w": random.normal(size=(2, 2, 2, 2)),
            "b": random.normal(size=2),
            "target": random.normal(size=(2, 2, 3, 3)),
        },
    )
)


def pool_forward(x, target):
    N, C, H, W = x.shape
    out = x.reshape(N, C, H // 2, 2, W // 2, 2).max(axis=(3, 5))
    return np.sum((out - target) ** 2) / 2, out


def pool_backward(x, target, out):
    dout = out - target
    dx = np.zeros_like(x)
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            window = x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            mask = window == out[:, :, i : i + 1, j : j + 1]
            dx[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = mask * dout[:, :, i : i + 1, j : j + 1]
    return dx


PAIRS.append(
    Pair(
        "max pooling",
        pool_forward,
        pool_backward,
        lambda random: {"x": random.normal(size=(2, 2, 4, 4)), "target": random.normal(size=(2, 2, 2, 2))},
    )
)


# Recurrent networks.


def rnn_forward(inputs, targets, Wxh, Whh, Why, bh, by, h0):
    hs, ps = {-1: h0}, {}
    loss = 0
    for t in range(len(inputs)):
        hs[t] = np.tanh(np.dot(Wxh, inputs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        y = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(y) / np.sum(np.exp(y))
        loss = loss - np.log(ps[t][targets[t], 0])
    return loss, hs, ps


def rnn_backward(inputs, targets, Wxh, Whh, Why, bh, by, hs, ps):
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += np.dot(dy, hs[t].T)
        dby += dy
        dh = np.dot(Why.T, dy) + dhnext
        dhraw = (1 - hs[t] * hs[t]) * dh
        dbh += dhraw
        dWxh += np.dot(dhraw, inputs[t].T)
        dWhh += np.dot(dhraw, hs[t - 1].T)
        dhnext = np.dot(Whh.T, dhraw)
    return dWxh, dWhh, dWhy, dbh, dby


def characters(random: np.random.Generator) -> dict[str, Any]:
    return {
        "inputs": random.normal(size=(4, 3, 1)),
        "targets": random.integers(0, 3, 4),
        "Wxh": 0.7 * random.normal(size=(5, 3)),
        "Whh": 0.7 * random.normal(size=(5, 5)),
        "Why": 0.7 * random.normal(size=(3, 5)),
        "bh": 0.3 * random.normal(size=(5, 1)),
        "by": 0.3 * random.normal(size=(3, 1)),
        "h0": 0.3 * random.normal(size=(5, 1)),
    }


PAIRS.append(Pair("recurrent network", rnn_forward, rnn_backward, characters))


def lstm_forward(x, target, Wf, Wi, Wc, Wo, h0, c0):
    h, c = h0, c0
    cache = []
    for t in range(len(x)):
        z = np.concatenate([h, x[t]])
        f = sigmoid(Wf @ z)
        i = sigmoid(Wi @ z)
        g = np.tanh(Wc @ z)
        o = sigmoid(Wo @ z)
        c_prev = c
        c = f * c_prev + i * g
        h = o * np.tanh(c)
        cache.append((z, f, i, g, o, c_prev, c))
    loss = np.sum((h - target) ** 2) / 2
    return loss, cache, h


def lstm_backward(target, Wf, Wi, Wc, Wo, cache, h):
    dWf, dWi, dWc, dWo = (np.zeros_like(W) for W in (Wf, Wi, Wc, Wo))
    dh = h - target
    dc = np.zeros_like(h)
    for z, f, i, g, o, c_prev, c in reversed(cache):
        do = dh * np.tanh(c)
        dc = dc + dh * o * (1 - np.tanh(c) ** 2)
        df = dc * c_prev
        di = dc * g
        dg = dc * i
        daf = df * f * (1 - f)
        dai = di * i * (1 - i)
        dag = dg * (1 - g**2)
        dao = do * o * (1 - o)
        dWf += np.outer(daf, z)
        dWi += np.outer(dai, z)
        dWc += np.outer(dag, z)
        dWo += np.outer(dao, z)
        dz = Wf.T @ daf + Wi.T @ dai + Wc.T @ dag + Wo.T @ dao
        dh = dz[: len(h)]
        dc = dc * f
    return dWf, dWi, dWc, dWo


def gated(random: np.random.Generator) -> dict[str, Any]:
    return {
        "x": random.normal(size=(3, 2)),
        "target": random.normal(size=4),
        **{name: 0.6 * random.normal(size=(4, 6)) for name in ("Wf", "Wi", "Wc", "Wo")},
        "h0": 0.5 * random.normal(size=4),
        "c0": 0.5 * random.normal(size=4),
    }


PAIRS.append(Pair("LSTM", lstm_forward, lstm_backward, gated))


def gru_forward(x, target, Wz, Wr, Wh, Uz, Ur, Uh, h0):
    h = h0
    cache = []
    for t in range(len(x)):
        z = sigmoid(Wz @ x[t] + Uz @ h)
        r = sigmoid(Wr @ x[t] + Ur @ h)
        s = r * h
        n = np.tanh(Wh @ x[t] + Uh @ s)
        h_prev = h
        h = (1 - z) * n + z * h_prev
        cache.append((x[t], z, r, s, n, h_prev))
    return np.sum((h - target) ** 2) / 2, cache, h


def gru_backward(target, Wz, Wr, Wh, Uz, Ur, Uh, cache, h):
    grads = dict.fromkeys(("Wz", "Wr", "Wh", "Uz", "Ur", "Uh"), 0)
    dh = h - target
    for xt, z, r, s, n, h_prev in reversed(cache):
        dn = dh * (1 - z)
        dz = dh * (h_prev - n)
        dan = dn * (1 - n**2)
        daz = dz * z * (1 - z)
        ds = Uh.T @ dan
        dr = ds * h_prev
        dar = dr * r * (1 - r)
        grads["Wh"] = grads["Wh"] + np.outer(dan, xt)
        grads["Uh"] = grads["Uh"] + np.outer(dan, s)
        grads["Wz"] = grads["Wz"] + np.outer(daz, xt)
        grads["Uz"] = grads["Uz"] + np.outer(daz, h_prev)
        grads["Wr"] = grads["Wr"] + np.outer(dar, xt)
        grads["Ur"] = grads["Ur"] + np.outer(dar, h_prev)
        dh = dh * z + ds * r + Uz.T @ daz + Ur.T @ dar
    return grads


PAIRS.append(
    Pair(
        "GRU",
        gru_forward,
        gru_backward,
        lambda random: {
            "x": random.normal(size=(3, 2)),
            "target": random.normal(size=4),
            **{name: 0.7 * random.normal(size=(4, 2)) for name in ("Wz", "Wr", "Wh")},
            **{name: 0.7 * random.normal(size=(4, 4)) for name in ("Uz", "Ur", "Uh")},
            "h0": random.normal(size=4),
        },
    )
)


# Attention, word vectors, an autoencoder.


def attention_forward(x, Wq, Wk, Wv, target):
    q, k, v = x @ Wq, x @ Wk, x @ Wv
    scores = q @ k.T / np.sqrt(k.shape[1])
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    out = p @ v
    return np.sum((out - target) ** 2) / 2


def attention_backward(x, Wq, Wk, Wv, target, q, k, v, p, out):
    dout = out - target
    dv = p.T @ dout
    dp = dout @ v.T
    dscores = p * (dp - np.sum(dp * p, axis=1, keepdims=True))
    dscores = dscores / np.sqrt(k.shape[1])
    dq = dscores @ k
    dk = dscores.T @ q
    dWq = x.T @ dq
    dWk = x.T @ dk
    dWv = x.T @ dv
    dx = dq @ Wq.T + dk @ Wk.T + dv @ Wv.T
    return dx, dWq, dWk, dWv


PAIRS.append(
    Pair(
        "attention",
        attention_forward,
        attention_backward,
        lambda random: {
            "x": random.normal(size=(5, 3)),
            **{name: 0.7 * random.normal(size=(3, 3)) for name in ("Wq", "Wk", "Wv")},
            "target": random.normal(size=(5, 3)),
        },
    )
)


def word_vectors_forward(centre, outside, negatives, V, U):
    v = V[centre]
    u = U[outside]
    w = U[negatives]
    good = sigmoid(np.dot(u, v))
    bad = sigmoid(-np.dot(w, v))
    return -np.log(good) - np.sum(np.log(bad))


def word_vectors_backward(centre, outside, negatives, V, U, v, u, w, good, bad):
    dV, dU = np.zeros_like(V), np.zeros_like(U)
    dV[centre] = (good - 1) * u + np.dot(1 - bad, w)
    dU[outside] += (good - 1) * v
    for n in range(len(negatives)):
        dU[negatives[n]] += (1 - bad[n]) * v
    return dV, dU


PAIRS.append(
    Pair(
        "word2vec",
        word_vectors_forward,
        word_vectors_backward,
        lambda random: {
            "centre": 2,
            "outside": 4,
            "negatives": np.array([1, 3, 1, 0]),
            "V": random.normal(size=(6, 3)),
            "U": random.normal(size=(6, 3)),
        },
    )
)


def autoencoder_forward(x, eps, W1, Wmu, Wlv, W2):
    h = np.tanh(x @ W1)
    mu = h @ Wmu
    logvar = h @ Wlv
    std = np.exp(logvar / 2)
    z = mu + std * eps
    recon = sigmoid(z @ W2)
    reconstruction = np.sum((recon - x) ** 2)
    divergence = -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar))
    return reconstruction + divergence


def autoencoder_backward(x, eps, W1, Wmu, Wlv, W2, h, mu, logvar, std, z, recon):
    drecon = 2 * (recon - x)
    da = drecon * recon * (1 - recon)
    dW2 = z.T @ da
    dz = da @ W2.T
    dmu = dz + mu
    dstd = dz * eps
    dlogvar = dstd * std * 0.5 + 0.5 * (np.exp(logvar) - 1)
    dWmu = h.T @ dmu
    dWlv = h.T @ dlogvar
    dh = dmu @ Wmu.T + dlogvar @ Wlv.T
    dpre = dh * (1 - h**2)
    dW1 = x.T @ dpre
    return dW1, dWmu, dWlv, dW2


PAIRS.append(
    Pair(
        "variational autoencoder",
        autoencoder_forward,
        autoencoder_backward,
        lambda random: {
            "x": random.uniform(size=(5, 4)),
            "eps": random.normal(size=(5, 2)),
            "W1": random.normal(size=(4, 3)),
            "Wmu": random.normal(size=(3, 2)),
            "Wlv": 0.5 * random.normal(size=(3, 2)),
            "W2": random.normal(size=(2, 4)),
        },
    )
)
