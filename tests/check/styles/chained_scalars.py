"""A neuron as a chain of scalars, each derivative a line, as on a blackboard."""

import numpy as np


def forward(x1, x2, w1, w2, b, t):
    u = w1 * x1 + w2 * x2 + b
    a = np.tanh(u)
    s = np.exp(a) / (1 + np.exp(a))
    e = s - t
    L = e * e + 0.1 * (w1 * w1 + w2 * w2)
    return L


def backward(x1, x2, w1, w2, a, s, e):
    dL_de = 2 * e
    de_ds = 1
    ds_da = s * (1 - s)
    da_du = 1 - a**2
    dL_du = dL_de * de_ds * ds_da * da_du
    dL_dw1 = dL_du * x1 + 0.2 * w1
    dL_dw2 = dL_du * x2 + 0.2 * w2
    dL_db = dL_du
    return dL_dw1, dL_dw2, dL_db


def inputs(random):
    return {name: np.float64(random.normal()) for name in ("x1", "x2", "w1", "w2", "b", "t")}
