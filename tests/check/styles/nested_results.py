"""Parameters and gradients in nested dicts, a lambda for each derivative, a function within the function."""

import numpy as np

relu_grad = lambda z: (z > 0).astype(float)  # noqa: E731
tanh_grad = lambda a: 1 - a**2  # noqa: E731


def forward(X, Y, params):
    z1 = X @ params["encoder"]["W"] + params["encoder"]["b"]
    a1 = np.maximum(z1, 0)
    z2 = a1 @ params["decoder"]["W"] + params["decoder"]["b"]
    a2 = np.tanh(z2)
    loss = 0.5 * np.mean(np.sum((a2 - Y) ** 2, axis=1))
    return loss, dict(z1=z1, a1=a1, a2=a2)


def backward(X, Y, params, cache):
    N = len(X)

    def layer(grad_z, inputs):
        return {"W": inputs.T @ grad_z, "b": grad_z.sum(0)}

    grad_a2 = (cache["a2"] - Y) / N
    grad_z2 = grad_a2 * tanh_grad(cache["a2"])
    grad_a1 = grad_z2 @ params["decoder"]["W"].T
    grad_z1 = grad_a1 * relu_grad(cache["z1"])
    return {"encoder": layer(grad_z1, X), "decoder": layer(grad_z2, cache["a1"])}


def inputs(random):
    return {
        "X": random.normal(size=(6, 3)),
        "Y": random.uniform(-1, 1, size=(6, 3)),
        "params": {
            "encoder": {"W": random.normal(size=(3, 3)), "b": 0.3 * random.normal(size=3)},
            "decoder": {"W": random.normal(size=(3, 3)), "b": 0.3 * random.normal(size=3)},
        },
    }
