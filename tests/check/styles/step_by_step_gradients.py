"""A transformer's block: layer norm, GELU, residual connections; names such as grad_h and dL_dW1."""

import numpy as np


def gelu(u):
    return 0.5 * u * (1 + np.tanh(0.7978845608 * (u + 0.044715 * u**3)))


def forward(x, g, b, W1, W2, target):
    mean = x.mean(-1, keepdims=True)
    centred = x - mean
    inv_std = 1 / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    xhat = centred * inv_std
    ln = g * xhat + b
    u = ln @ W1
    h = gelu(u)
    ff = h @ W2
    out = x + ff
    loss = 0.5 * ((out - target) ** 2).sum()
    return loss


def backward(x, g, b, W1, W2, target, centred, inv_std, xhat, ln, u, h, out):
    grad_out = out - target
    grad_ff = grad_out
    dL_dW2 = np.einsum("bti,btj->ij", h, grad_ff)
    grad_h = grad_ff @ W2.T
    inner = 0.7978845608 * (u + 0.044715 * u**3)
    th = np.tanh(inner)
    slope = 0.5 * (1 + th) + 0.5 * u * (1 - th**2) * 0.7978845608 * (1 + 3 * 0.044715 * u**2)
    grad_u = grad_h * slope
    dL_dW1 = np.einsum("bti,btj->ij", ln, grad_u)
    grad_ln = grad_u @ W1.T
    dL_dg = (grad_ln * xhat).sum((0, 1))
    dL_db = grad_ln.sum((0, 1))
    grad_xhat = grad_ln * g
    C = x.shape[-1]
    grad_inv_std = (grad_xhat * centred).sum(-1, keepdims=True)
    grad_var = grad_inv_std * -0.5 * inv_std**3
    grad_centred = grad_xhat * inv_std + grad_var * 2 * centred / C
    dL_dx = grad_out + grad_centred - grad_centred.mean(-1, keepdims=True)
    return {"x": dL_dx, "g": dL_dg, "b": dL_db, "W1": dL_dW1, "W2": dL_dW2}


def inputs(random):
    return {
        "x": random.normal(size=(2, 3, 4)),
        "g": random.normal(size=4),
        "b": 0.3 * random.normal(size=4),
        "W1": 0.7 * random.normal(size=(4, 6)),
        "W2": 0.7 * random.normal(size=(6, 4)),
        "target": random.normal(size=(2, 3, 4)),
    }
