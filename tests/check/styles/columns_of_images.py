"""Convolution by im2col, ReLU and max pooling by argmax, then a fully connected layer."""

import numpy as np


def im2col(x, k):
    N, C, H, W = x.shape
    rows, columns = H - k + 1, W - k + 1
    patches = [x[:, :, i : i + rows, j : j + columns] for i in range(k) for j in range(k)]
    return np.stack(patches, axis=2).reshape(N, C * k * k, rows * columns)


def col2im(dcol, shape, k):
    N, C, H, W = shape
    rows, columns = H - k + 1, W - k + 1
    dcol = dcol.reshape(N, C, k, k, rows, columns)
    dx = np.zeros(shape)
    for i in range(k):
        for j in range(k):
            dx[:, :, i : i + rows, j : j + columns] += dcol[:, :, i, j]
    return dx


def forward(x, w, b, fc, y):
    F, C, k, _ = w.shape
    N, _, H, W = x.shape
    out_h, out_w = H - k + 1, W - k + 1
    col = im2col(x, k)
    conv = (w.reshape(F, -1) @ col + b[:, None]).reshape(N, F, out_h, out_w)
    act = np.where(conv > 0, conv, 0)
    windows = act.reshape(N, F, out_h // 2, 2, out_w // 2, 2).transpose(0, 1, 2, 4, 3, 5)
    windows = windows.reshape(N, F, out_h // 2, out_w // 2, 4)
    pooled = windows.max(axis=-1)
    flat = pooled.reshape(N, -1)
    logits = flat @ fc
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs = e / e.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(probs[np.arange(N), y]))
    return loss, {"col": col, "conv": conv, "windows": windows, "pooled": pooled, "flat": flat, "probs": probs}


def backward(x, w, b, fc, y, cache):
    N = x.shape[0]
    F, C, k, _ = w.shape
    onehot = np.eye(fc.shape[1])[y]
    dlogits = (cache["probs"] - onehot) / N
    dfc = cache["flat"].T @ dlogits
    dflat = dlogits @ fc.T
    dpooled = dflat.reshape(cache["pooled"].shape)
    winners = cache["windows"].argmax(axis=-1)
    dwindows = np.zeros_like(cache["windows"])
    np.put_along_axis(dwindows, winners[..., None], dpooled[..., None], axis=-1)
    h2, w2 = dpooled.shape[2:]
    dact = dwindows.reshape(N, F, h2, w2, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(N, F, 2 * h2, 2 * w2)
    dconv = dact * (cache["conv"] > 0)
    dconv_flat = dconv.reshape(N, F, -1)
    dw = np.einsum("nfp,ncp->fc", dconv_flat, cache["col"]).reshape(w.shape)
    db = dconv_flat.sum(axis=(0, 2))
    dcol = w.reshape(F, -1).T @ dconv_flat
    dx = col2im(dcol, x.shape, k)
    return dx, dw, db, dfc


def inputs(random):
    return {
        "x": random.normal(size=(2, 2, 5, 5)),
        "w": random.normal(size=(3, 2, 2, 2)),
        "b": 0.3 * random.normal(size=3),
        "fc": random.normal(size=(12, 3)),
        "y": random.integers(0, 3, 2),
    }
