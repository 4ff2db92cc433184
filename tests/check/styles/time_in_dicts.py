"""A GRU over a batch, time step by time step, gradients added up in a dict, names with _grad."""

import numpy as np


def sig(a):
    return 1 / (1 + np.exp(-a))


def forward(xs, targets, p):
    h = np.zeros((xs.shape[1], p["Uz"].shape[0]))
    loss = 0.0
    states = []
    for t, x in enumerate(xs):
        z = sig(x @ p["Wz"] + h @ p["Uz"] + p["bz"])
        r = sig(x @ p["Wr"] + h @ p["Ur"] + p["br"])
        n = np.tanh(x @ p["Wn"] + (r * h) @ p["Un"] + p["bn"])
        h_new = (1 - z) * h + z * n
        y = h_new @ p["Wy"]
        loss = loss + 0.5 * np.sum((y - targets[t]) ** 2)
        states.append({"x": x, "h": h, "z": z, "r": r, "n": n, "h_new": h_new, "y": y})
        h = h_new
    return loss, states


def backward(targets, p, states):
    grads = {name: np.zeros_like(value) for name, value in p.items()}
    h_grad = np.zeros_like(states[0]["h_new"])
    for t in range(len(states) - 1, -1, -1):
        s = states[t]
        y_grad = s["y"] - targets[t]
        grads["Wy"] += s["h_new"].T @ y_grad
        h_grad = h_grad + y_grad @ p["Wy"].T
        n_grad = h_grad * s["z"] * (1 - s["n"] ** 2)
        z_grad = h_grad * (s["n"] - s["h"]) * s["z"] * (1 - s["z"])
        rh_grad = n_grad @ p["Un"].T
        r_grad = rh_grad * s["h"] * s["r"] * (1 - s["r"])
        grads["Wn"] += s["x"].T @ n_grad
        grads["Un"] += (s["r"] * s["h"]).T @ n_grad
        grads["bn"] += n_grad.sum(axis=0)
        for gate, grad in (("z", z_grad), ("r", r_grad)):
            grads["W" + gate] += s["x"].T @ grad
            grads["U" + gate] += s["h"].T @ grad
            grads["b" + gate] += grad.sum(axis=0)
        h_grad = h_grad * (1 - s["z"]) + rh_grad * s["r"] + z_grad @ p["Uz"].T + r_grad @ p["Ur"].T
    return grads


def inputs(random):
    p = {}
    for gate in "zrn":
        p["W" + gate] = 0.7 * random.normal(size=(2, 4))
        p["U" + gate] = 0.7 * random.normal(size=(4, 4))
        p["b" + gate] = 0.3 * random.normal(size=4)
    p["Wy"] = 0.7 * random.normal(size=(4, 2))
    return {"xs": random.normal(size=(3, 2, 2)), "targets": random.normal(size=(3, 2, 2)), "p": p}
