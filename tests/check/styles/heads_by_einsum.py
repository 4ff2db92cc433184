"""Attention of several heads, causal, by einsum, reshape and transpose; gradients named g_q, g_scores."""

import numpy as np


def forward(x, Wqkv, Wo, target, heads):
    B, T, C = x.shape
    D = C // heads
    qkv = x @ Wqkv
    q, k, v = (qkv[..., j * C : (j + 1) * C].reshape(B, T, heads, D).transpose(0, 2, 1, 3) for j in range(3))
    scores = np.einsum("bhid,bhjd->bhij", q, k) / np.sqrt(D)
    mask = np.triu(np.ones((T, T), bool), 1)
    masked = np.where(mask, -1e9, scores)
    weights = np.exp(masked - masked.max(axis=-1, keepdims=True))
    p = weights / weights.sum(axis=-1, keepdims=True)
    y = np.einsum("bhij,bhjd->bhid", p, v)
    merged = y.transpose(0, 2, 1, 3).reshape(B, T, C)
    out = merged @ Wo
    loss = ((out - target) ** 2).mean()
    return loss, (q, k, v, p, merged, out)


def backward(x, Wqkv, Wo, target, heads, cache):
    q, k, v, p, merged, out = cache
    B, T, C = x.shape
    D = C // heads
    g_out = 2.0 / out.size * (out - target)
    g_Wo = np.einsum("btc,bto->co", merged, g_out)
    g_merged = g_out @ Wo.T
    g_y = g_merged.reshape(B, T, heads, D).transpose(0, 2, 1, 3)
    g_v = np.einsum("bhij,bhid->bhjd", p, g_y)
    g_p = np.einsum("bhid,bhjd->bhij", g_y, v)
    g_scores = p * (g_p - (g_p * p).sum(-1, keepdims=True))
    g_scores = g_scores / np.sqrt(D)
    g_q = g_scores @ k
    g_k = g_scores.transpose(0, 1, 3, 2) @ q
    g_qkv = np.concatenate([g.transpose(0, 2, 1, 3).reshape(B, T, C) for g in (g_q, g_k, g_v)], axis=-1)
    g_Wqkv = np.tensordot(x, g_qkv, axes=([0, 1], [0, 1]))
    g_x = g_qkv @ Wqkv.T
    return {"x": g_x, "Wqkv": g_Wqkv, "Wo": g_Wo}


def inputs(random):
    return {
        "x": random.normal(size=(2, 3, 4)),
        "Wqkv": 0.7 * random.normal(size=(4, 12)),
        "Wo": 0.7 * random.normal(size=(4, 4)),
        "target": random.normal(size=(2, 3, 4)),
        "heads": 2,
    }
