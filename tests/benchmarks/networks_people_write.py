"""A training step of the networks that people write: eager and compiled, beside PyTorch and steps written by hand.

    python tests/benchmarks/networks_people_write.py                       all of them
    python tests/benchmarks/networks_people_write.py --only MLP LSTM       some

CPU time on one thread, medians of rounds in which all take their turns; what the first compiled call takes stands
apart. Each network is a loss of parameters and data, in NumPy's and this library's functions; PyTorch, where that is
installed, runs the same loss as written in `torch_losses`; `BY_HAND` has gradients that somebody wrote in NumPy.
"""

import argparse
import importlib.util
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

import tinygrad_np as tg
from stopwatch import interleaved, ratio
from tables import print_table

rng = np.random.default_rng(0)
HAS_TORCH = importlib.util.find_spec("torch") is not None


def normal(*shape: int) -> Any:
    """Float32 numbers, small enough for weights."""
    return (rng.normal(size=shape) / np.sqrt(shape[0])).astype(np.float32)


def mlp(p: Any, X: Any, y: Any) -> Any:
    """784-256-128-10, relu, softmax cross-entropy."""
    h = tg.relu(tg.relu(X @ p[0] + p[1]) @ p[2] + p[3])
    return tg.cross_entropy(h @ p[4], y)


def conv_net(p: Any, X: Any, y: Any) -> Any:
    """Two convolutions with pooling, one dense layer."""
    h = tg.max_pool2d(tg.relu(tg.conv2d(X, p[0])), 2)
    h = tg.max_pool2d(tg.relu(tg.conv2d(h, p[1])), 2)
    return tg.cross_entropy(h.reshape(len(h), -1) @ p[2], y)


def rnn(p: Any, X: Any, y: Any) -> Any:
    """25 steps of tanh."""
    h = np.zeros((X.shape[1], p[1].shape[0]), np.float32)
    for x in X:
        h = np.tanh(x @ p[0] + h @ p[1] + p[2])
    return tg.cross_entropy(h @ p[3], y)


def lstm(p: Any, X: Any, y: Any) -> Any:
    """25 steps of an LSTM."""
    size = p[1].shape[0]
    h = c = np.zeros((X.shape[1], size), np.float32)
    for x in X:
        i, f, o, g = np.split(x @ p[0] + h @ p[1] + p[2], 4, axis=1)
        c = tg.sigmoid(f) * c + tg.sigmoid(i) * np.tanh(g)
        h = tg.sigmoid(o) * np.tanh(c)
    return tg.cross_entropy(h @ p[3], y)


def gru(p: Any, X: Any, y: Any) -> Any:
    """25 steps of a GRU."""
    size = p[1].shape[0]
    h = np.zeros((X.shape[1], size), np.float32)
    for x in X:
        a, b = x @ p[0], h @ p[1]
        z, r = tg.sigmoid(a[:, :size] + b[:, :size]), tg.sigmoid(a[:, size : 2 * size] + b[:, size : 2 * size])
        h = (1 - z) * np.tanh(a[:, 2 * size :] + r * b[:, 2 * size :]) + z * h
    return tg.cross_entropy(h @ p[2], y)


def attention(p: Any, X: Any) -> Any:
    """One head, with a causal mask by np.where."""
    Q, K, V = X @ p[0], X @ p[1], X @ p[2]
    scores = Q @ K.swapaxes(-1, -2) / 8
    mask = np.tril(np.ones(scores.shape[-2:], bool))
    return np.mean((tg.softmax(np.where(mask, scores, -1e9)) @ V) ** 2)


def block(p: Any, X: Any) -> Any:
    """A transformer's block: attention, gelu, norms."""
    normed = tg.layer_norm(X, X.shape[-1:])
    Q, K, V = normed @ p[0], normed @ p[1], normed @ p[2]
    X = X + tg.softmax(Q @ K.swapaxes(-1, -2) / 8) @ V
    return np.mean((X + tg.gelu(tg.layer_norm(X, X.shape[-1:]) @ p[3]) @ p[4]) ** 2)


def vae(p: Any, X: Any, noise: Any) -> Any:
    """Mean and variance of a code, and what is made of it."""
    h = np.tanh(X @ p[0])
    mean, log_variance = h @ p[1], h @ p[2]
    made = np.tanh((mean + np.exp(log_variance / 2) * noise) @ p[3]) @ p[4]
    kl = -np.mean(1 + log_variance - mean**2 - np.exp(log_variance)) / 2
    return np.mean(tg.softplus(made) - X * made) + kl


def gan(p: Any, X: Any, noise: Any) -> Any:
    """The discriminator's loss of what is real and what is made."""
    made = np.tanh(noise @ p[0]) @ p[1]
    real, fake = (tg.leaky_relu(one @ p[2]) @ p[3] for one in (X, made))
    return np.mean(tg.softplus(-real)) + np.mean(tg.softplus(fake))


def embedding(p: Any, rows: Any, y: Any) -> Any:
    """512 rows of a table of 50,000."""
    return np.mean((p[0][rows] @ p[1] - y) ** 2)


def pendulum(p: Any, start: Any) -> Any:
    """200 Euler steps."""
    angle, speed = start
    for _ in range(200):
        angle, speed = angle + 0.01 * speed, speed - 0.01 * p[0] * np.sin(angle)
    return np.sum(angle**2)


def gradient_penalty(p: Any, X: Any) -> Any:
    """The slope of a critic is to be 1."""
    slopes = tg.grad(lambda X: np.sum(np.tanh(np.tanh(X @ p[0]) @ p[1]) @ p[2]))(X)
    return np.mean((np.sqrt(np.sum(slopes**2, axis=1)) - 1) ** 2)


def labels(count: int) -> Any:
    """Ten classes."""
    return rng.integers(0, 10, count)


Loss = Callable[..., Any]
NETWORKS: dict[str, tuple[Loss, list[Any], tuple[Any, ...]]] = {
    "MLP": (mlp, [normal(784, 256), normal(1, 256), normal(256, 128), normal(1, 128), normal(128, 10)],
            (normal(128, 784), labels(128))),
    "conv net": (conv_net, [normal(8, 1, 3, 3), normal(16, 8, 3, 3), normal(400, 10)],
                 (normal(32, 1, 28, 28), labels(32))),
    "RNN": (rnn, [normal(16, 64), normal(64, 64), normal(1, 64), normal(64, 10)], (normal(25, 32, 16), labels(32))),
    "LSTM": (lstm, [normal(16, 256), normal(64, 256), normal(1, 256), normal(64, 10)],
             (normal(25, 32, 16), labels(32))),
    "GRU": (gru, [normal(16, 192), normal(64, 192), normal(64, 10)], (normal(25, 32, 16), labels(32))),
    "attention": (attention, [normal(64, 64) for _ in range(3)], (normal(8, 64, 64),)),
    "transformer block": (block, [*[normal(64, 64) for _ in range(3)], normal(64, 256), normal(256, 64)],
                          (normal(8, 64, 64),)),
    "VAE": (vae, [normal(64, 128), normal(128, 8), normal(128, 8), normal(8, 128), normal(128, 64)],
            (normal(128, 64) ** 2, normal(128, 8))),
    "GAN": (gan, [normal(8, 128), normal(128, 64), normal(64, 128), normal(128, 1)],
            (normal(128, 64), normal(128, 8))),
    "embedding": (embedding, [normal(50_000, 64), normal(64, 10)], (rng.integers(0, 50_000, 512), normal(512, 10))),
    "pendulum": (pendulum, [np.float32([9.8])], (np.float32([[0.5], [0.0]]),)),
    "gradient penalty": (gradient_penalty, [normal(32, 128), normal(128, 64), normal(64, 1)], (normal(64, 32),)),
}  # fmt: skip


def torch_losses() -> dict[str, Loss]:
    """The same losses in PyTorch."""
    import torch
    import torch.nn.functional as F

    def recurrent(kind: Any) -> Loss:
        layer = kind(16, 64)

        def loss(p: Any, X: Any, y: Any) -> Any:
            # The layer's own weights stand in for those of the loops, which have the same shapes.
            return F.cross_entropy(layer(X)[0][-1] @ p[-1], y) + 0 * sum(one.sum() for one in p[:-1])

        loss.extra = list(layer.parameters())  # type: ignore[attr-defined]
        return loss

    def pooled(X: Any, kernel: Any) -> Any:
        return F.max_pool2d(F.relu(F.conv2d(X, kernel)), 2)

    def attended(X: Any, p: Any, masked: bool) -> Any:
        scores = (X @ p[0]) @ (X @ p[1]).mT / 8
        if masked:
            scores = torch.where(torch.tril(torch.ones(scores.shape[-2:], dtype=torch.bool)), scores, -1e9)
        return torch.softmax(scores, -1) @ (X @ p[2])

    def block(p: Any, X: Any) -> Any:
        X = X + attended(F.layer_norm(X, X.shape[-1:]), p, False)
        return torch.mean((X + F.gelu(F.layer_norm(X, X.shape[-1:]) @ p[3]) @ p[4]) ** 2)

    def vae(p: Any, X: Any, noise: Any) -> Any:
        h = torch.tanh(X @ p[0])
        mean, log_variance = h @ p[1], h @ p[2]
        made = torch.tanh((mean + torch.exp(log_variance / 2) * noise) @ p[3]) @ p[4]
        kl = -torch.mean(1 + log_variance - mean**2 - torch.exp(log_variance)) / 2
        return torch.mean(F.softplus(made) - X * made) + kl

    def gan(p: Any, X: Any, noise: Any) -> Any:
        real, fake = (F.leaky_relu(one @ p[2]) @ p[3] for one in (X, torch.tanh(noise @ p[0]) @ p[1]))
        return torch.mean(F.softplus(-real)) + torch.mean(F.softplus(fake))

    def pendulum(p: Any, start: Any) -> Any:
        angle, speed = start
        for _ in range(200):
            angle, speed = angle + 0.01 * speed, speed - 0.01 * p[0] * torch.sin(angle)
        return torch.sum(angle**2)

    def gradient_penalty(p: Any, X: Any) -> Any:
        X = X.clone().requires_grad_()
        score = torch.sum(torch.tanh(torch.tanh(X @ p[0]) @ p[1]) @ p[2])
        (slopes,) = torch.autograd.grad(score, X, create_graph=True)
        return torch.mean((torch.sqrt(torch.sum(slopes**2, 1)) - 1) ** 2)

    return {
        "VAE": vae,
        "GAN": gan,
        "pendulum": pendulum,
        "gradient penalty": gradient_penalty,
        "MLP": lambda p, X, y: F.cross_entropy(F.relu(F.relu(X @ p[0] + p[1]) @ p[2] + p[3]) @ p[4], y),
        "conv net": lambda p, X, y: F.cross_entropy(pooled(pooled(X, p[0]), p[1]).flatten(1) @ p[2], y),
        "RNN": recurrent(torch.nn.RNN),
        "LSTM": recurrent(torch.nn.LSTM),
        "GRU": recurrent(torch.nn.GRU),
        "attention": lambda p, X: torch.mean(attended(X, p, True) ** 2),
        "transformer block": block,
        "embedding": lambda p, rows, y: torch.mean((p[0][rows] @ p[1] - y) ** 2),
    }


def mlp_by_hand(p: Any, X: Any, y: Any) -> Any:
    """The gradients of `mlp`, as one writes them."""
    A1 = np.maximum(X @ p[0] + p[1], 0)
    A2 = np.maximum(A1 @ p[2] + p[3], 0)
    scores = A2 @ p[4]
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    dscores = weights / weights.sum(axis=1, keepdims=True)
    dscores[np.arange(len(y)), y] -= 1
    dscores /= np.float32(len(y))
    dZ2 = dscores @ p[4].T * (A2 > 0)
    dZ1 = dZ2 @ p[2].T * (A1 > 0)
    biases = [dZ.sum(axis=0, keepdims=True) for dZ in (dZ1, dZ2)]
    return [X.T @ dZ1, biases[0], A1.T @ dZ2, biases[1], A2.T @ dscores]


def rnn_by_hand(p: Any, X: Any, y: Any) -> Any:
    """The gradients of `rnn`: through time."""
    states = [np.zeros((X.shape[1], p[1].shape[0]), np.float32)]
    for x in X:
        states.append(np.tanh(x @ p[0] + states[-1] @ p[1] + p[2]))
    scores = states[-1] @ p[3]
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    dscores = weights / weights.sum(axis=1, keepdims=True)
    dscores[np.arange(len(y)), y] -= 1
    dscores /= np.float32(len(y))
    dp = [np.zeros_like(one) for one in p[:3]]
    dh = dscores @ p[3].T
    for t in reversed(range(len(X))):
        dz = dh * (1 - states[t + 1] ** 2)
        dp[0] += X[t].T @ dz
        dp[1] += states[t].T @ dz
        dp[2] += dz.sum(axis=0, keepdims=True)
        dh = dz @ p[1].T
    return [*dp, states[-1].T @ dscores]


def embedding_by_hand(p: Any, rows: Any, y: Any) -> Any:
    """The gradients of `embedding`, with the whole table's."""
    picked = p[0][rows]
    error = 2 * (picked @ p[1] - y) / np.float32(y.size)
    table = np.zeros_like(p[0])
    np.add.at(table, rows, error @ p[1].T)
    return [table, picked.T @ error]


def pendulum_by_hand(p: Any, start: Any) -> Any:
    """The gradient of `pendulum`: back along the path."""
    angle, speed = start
    angles = []
    for _ in range(200):
        angles.append(angle)
        angle, speed = angle + 0.01 * speed, speed - 0.01 * p[0] * np.sin(angle)
    dangle, dspeed, dp = 2 * angle, 0 * speed, 0 * p[0]
    for angle in reversed(angles):
        dp = dp - 0.01 * np.sin(angle) * dspeed
        dangle, dspeed = dangle - 0.01 * p[0] * np.cos(angle) * dspeed, dspeed + 0.01 * dangle
    return [dp]


BY_HAND = {"MLP": mlp_by_hand, "RNN": rnn_by_hand, "embedding": embedding_by_hand, "pendulum": pendulum_by_hand}


def hand_written_step(
    gradients: Callable[..., Any], parameters: list[Any], data: tuple[Any, ...]
) -> Callable[[], None]:
    """The step with these gradients."""
    arrays = [one.copy() for one in parameters]

    def step() -> None:
        for array, gradient in zip(arrays, gradients(arrays, *data), strict=True):
            array -= np.float32(0.01) * gradient

    return step


def training_step(loss: Loss, parameters: list[Any], tensors: list[Any]) -> Callable[..., Any]:
    """A step of gradient descent that changes Tensors."""

    def step(*data: Any) -> Any:
        value = loss(tensors, *data)
        value.backward()
        for tensor in tensors:
            tensor.data -= 0.01 * tensor.grad
            tensor.zero_grad()
        return value

    return step


def timed(step: Callable[[], Any], at_least: float = 0.02) -> Callable[[], float]:
    """Seconds of CPU time that one step takes, over as many as take `at_least` together."""

    def run(count: int) -> float:
        start = process_time()
        for _ in range(count):
            step()
        return (process_time() - start) / count

    run(2)
    return partial(run, max(1, round(at_least / max(run(2), 1e-6))))


def torch_step(loss: Loss, parameters: list[Any], data: tuple[Any, ...]) -> Callable[[], None]:
    """The step in PyTorch, on one thread."""
    import torch

    torch.set_num_threads(1)
    tensors = [torch.tensor(one, requires_grad=True) for one in parameters] + getattr(loss, "extra", [])
    given = [torch.tensor(one) for one in data]

    def step() -> None:
        loss(tensors[: len(parameters)], *given).backward()
        with torch.no_grad():
            for tensor in tensors:
                tensor -= 0.01 * tensor.grad
                tensor.grad = None

    return step


def main() -> None:
    """Measure the networks that are asked for, and print a row each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=[*NETWORKS], metavar="NETWORK")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    in_torch = torch_losses() if HAS_TORCH else {}
    rows = []
    for name in options.only:
        loss, parameters, data = NETWORKS[name]
        eager, compiled = (
            training_step(loss, parameters, [tg.Tensor(one, requires_grad=True) for one in parameters]) for _ in "12"
        )
        program = tg.compile(compiled, verify=False)
        start = process_time()
        program(*data)
        first = process_time() - start
        steps = {"eager": timed(partial(eager, *data)), "compiled": timed(partial(program, *data))}
        if name in in_torch:
            steps["torch"] = timed(torch_step(in_torch[name], parameters, data))
        if name in BY_HAND:
            steps["hand"] = timed(hand_written_step(BY_HAND[name], parameters, data))
        times = interleaved(steps, options.rounds)
        row = [name, *[f"{1e3 * np.median(times[one]):.2f}" for one in ("eager", "compiled")]]
        row.append(f"{ratio(times['compiled'], times['eager']):.2f}")
        for peer in ("torch", "hand"):
            row += [f"{ratio(times[one], times[peer]):.2f}" if peer in times else "" for one in ("eager", "compiled")]
        rows.append([*row, f"{first:.2f}", str(len(program.program.equations))])
        print(*rows[-1], sep="  ", flush=True)
    header = "a training step/eager ms/compiled ms/ratio/eager to torch/compiled to torch"
    header += "/eager to hand/compiled to hand/first call s/operations"
    print_table("networks people write", header.split("/"), rows)
    measure_hessian()


def measure_hessian() -> None:
    """The Hessian of 100 parameters, which is no training step."""
    matrix, x = rng.normal(size=(100, 100)), rng.normal(size=100)
    eager = tg.hessian(lambda x: np.sum(np.tanh(matrix @ x) ** 2))
    program = tg.compile(eager, verify=False)
    program(x)
    times = interleaved({"eager": timed(partial(eager, x)), "compiled": timed(partial(program, x))}, 5)
    print(*[f"Hessian, {name}: {1e3 * np.median(one):.2f} ms" for name, one in times.items()], sep="; ")


if __name__ == "__main__":
    main()
