"""Helper functions for each kind of layer, forward and backward, that hand tuples of a cache from one to the other."""

import numpy as np


def affine_forward(x, w, b):
    out = x.reshape(x.shape[0], -1) @ w + b
    return out, (x, w, b)


def affine_backward(dout, cache):
    x, w, b = cache
    dx = np.dot(dout, w.T).reshape(x.shape)
    dw = np.dot(x.reshape(x.shape[0], -1).T, dout)
    db = np.sum(dout, axis=0)
    return dx, dw, db


def relu_forward(x):
    out = np.maximum(0, x)
    return out, x


def relu_backward(dout, cache):
    x = cache
    dx = dout * (x > 0)
    return dx


def batchnorm_forward(x, gamma, beta, eps=1e-5):
    mu = x.mean(axis=0)
    var = x.var(axis=0)
    std = np.sqrt(var + eps)
    x_hat = (x - mu) / std
    out = gamma * x_hat + beta
    return out, (x_hat, gamma, std)


def batchnorm_backward(dout, cache):
    x_hat, gamma, std = cache
    N = dout.shape[0]
    dbeta = dout.sum(axis=0)
    dgamma = np.sum(dout * x_hat, axis=0)
    dx_hat = dout * gamma
    dx = (dx_hat - dx_hat.mean(axis=0) - x_hat * np.mean(dx_hat * x_hat, axis=0)) / std
    return dx, dgamma, dbeta


def softmax_loss(x, y):
    shifted = x - np.max(x, axis=1, keepdims=True)
    Z = np.sum(np.exp(shifted), axis=1, keepdims=True)
    log_probs = shifted - np.log(Z)
    N = x.shape[0]
    return -np.sum(log_probs[np.arange(N), y]) / N, (log_probs, y)


def softmax_backward(cache):
    log_probs, y = cache
    N = log_probs.shape[0]
    dx = np.exp(log_probs)
    dx[np.arange(N), y] -= 1
    dx /= N
    return dx


def forward(X, y, W1, b1, gamma1, beta1, W2, b2, reg):
    a1, fc1_cache = affine_forward(X, W1, b1)
    n1, bn1_cache = batchnorm_forward(a1, gamma1, beta1)
    h1, relu1_cache = relu_forward(n1)
    scores, fc2_cache = affine_forward(h1, W2, b2)
    data_loss, loss_cache = softmax_loss(scores, y)
    reg_loss = 0.5 * reg * (np.sum(W1**2) + np.sum(W2**2))
    return data_loss + reg_loss, (fc1_cache, bn1_cache, relu1_cache, fc2_cache, loss_cache)


def backward(caches, W1, W2, reg):
    fc1_cache, bn1_cache, relu1_cache, fc2_cache, loss_cache = caches
    grads = {}
    dscores = softmax_backward(loss_cache)
    dh1, grads["W2"], grads["b2"] = affine_backward(dscores, fc2_cache)
    dn1 = relu_backward(dh1, relu1_cache)
    da1, grads["gamma1"], grads["beta1"] = batchnorm_backward(dn1, bn1_cache)
    dX, grads["W1"], grads["b1"] = affine_backward(da1, fc1_cache)
    grads["W1"] += reg * W1
    grads["W2"] += reg * W2
    return grads


def inputs(random):
    return {
        "X": random.normal(size=(6, 2, 2)),
        "y": random.integers(0, 3, 6),
        "W1": random.normal(size=(4, 5)),
        "b1": 0.3 * random.normal(size=5),
        "gamma1": random.normal(size=5),
        "beta1": random.normal(size=5),
        "W2": random.normal(size=(5, 3)),
        "b2": 0.3 * random.normal(size=3),
        "reg": 0.1,
    }
