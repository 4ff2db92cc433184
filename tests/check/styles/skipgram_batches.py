"""word2vec with negative sampling over a batch: np.add.at for embeddings that are used again."""

import numpy as np


def log_sigmoid(s):
    return -np.log1p(np.exp(-s))


def forward(centers, contexts, negatives, W_in, W_out):
    v = W_in[centers]
    u_pos = W_out[contexts]
    u_neg = W_out[negatives]
    pos = np.sum(v * u_pos, axis=1)
    neg = np.einsum("bd,bkd->bk", v, u_neg)
    loss = -(log_sigmoid(pos).sum() + log_sigmoid(-neg).sum()) / len(centers)
    return loss, v, u_pos, u_neg, pos, neg


def backward(centers, contexts, negatives, W_in, W_out, v, u_pos, u_neg, pos, neg):
    B = len(centers)
    grad_pos = (1 / (1 + np.exp(-pos)) - 1) / B
    grad_neg = 1 / (1 + np.exp(-neg)) / B
    grad_v = grad_pos[:, None] * u_pos + np.sum(grad_neg[:, :, None] * u_neg, axis=1)
    grad_u_pos = grad_pos[:, None] * v
    grad_u_neg = grad_neg[:, :, None] * v[:, None, :]
    W_in_grad = np.zeros_like(W_in)
    np.add.at(W_in_grad, centers, grad_v)
    W_out_grad = np.zeros_like(W_out)
    np.add.at(W_out_grad, contexts, grad_u_pos)
    np.add.at(W_out_grad, negatives, grad_u_neg)
    return W_in_grad, W_out_grad


def inputs(random):
    return {
        "centers": np.array([0, 2, 2, 4]),
        "contexts": np.array([1, 3, 1, 0]),
        "negatives": random.integers(0, 6, (4, 3)),
        "W_in": random.normal(size=(6, 3)),
        "W_out": random.normal(size=(6, 3)),
    }
