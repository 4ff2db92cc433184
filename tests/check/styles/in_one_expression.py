"""Logistic regression with few lines and long formulas, tuples assigned at once, annotated variables."""

import numpy as np


def forward(x, y, w, b, lam):
    p = 1 / (1 + np.exp(-(x @ w + b)))
    nll = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    return nll + lam / 2 * (w @ w), p


def backward(x, y, w, b, lam, p):
    err: np.ndarray = (p - y) / len(y)
    grad_w, grad_b = x.T @ err + lam * w, err.sum()
    return grad_w, grad_b


def inputs(random):
    return {
        "x": random.normal(size=(8, 3)),
        "y": random.integers(0, 2, 8).astype(float),
        "w": random.normal(size=3),
        "b": random.normal(size=()),
        "lam": 0.1,
    }
