"""Data-parallel training on a Dask cluster: each worker makes its shards of the data, and computes their gradients.

The gradients are added in the order of the shards, wherever they come from. So the model is the same to the last bit
with one worker, with two, and where one was killed halfway. The closing table says where it pays.

    python examples/data_parallel.py
"""

from __future__ import annotations

import os
import signal
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from dask.distributed import Client, LocalCluster

import tinygrad_np as tg
from plots import COLOURS, plt, save
from tinygrad_np import nn, optim

SHARDS = 4


def make_model(seed: int = 0) -> nn.Sequential:
    """Twenty numbers in, one out."""
    rng = np.random.default_rng(seed)
    return nn.Sequential(nn.Linear(20, 128, rng=rng), nn.Tanh(), nn.Linear(128, 1, rng=rng))


@lru_cache(maxsize=SHARDS)
def shard(number: int, rows: int) -> tuple[Any, Any]:
    """The rows of one shard: made where they are used, from their number, and kept there."""
    X = np.random.default_rng(number).normal(size=(rows, 20))
    return X, np.sin(X[:, :1] * X[:, 1:2]) + 0.5 * X[:, 2:3]


def gradients(state: dict[str, Any], number: int, rows: int) -> list[Any]:
    """What a worker does in a step: the loss on its shard and the gradient of each parameter."""
    model, (X, y) = make_model(), shard(number, rows)
    model.load_state_dict(state)
    loss = tg.mse_loss(model(X), y) / SHARDS
    loss.backward()
    return [loss.item(), *(parameter.grad for parameter in model.parameters())]


def train(client: Client | None, steps: int, rows: int, kill_at: int | None = None) -> tuple[dict[str, Any], list[Any]]:
    """Adam on all shards, here if there is no cluster; a worker dies before the step `kill_at`."""
    model, losses = make_model(), []
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    for step in range(steps):
        if step == kill_at and client is not None:
            os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)
        state, numbers = model.state_dict(), range(SHARDS)
        if client is None:
            results = [gradients(state, number, rows) for number in numbers]
        else:
            results = client.gather([client.submit(gradients, state, n, rows, pure=False) for n in numbers])
        loss, *sums = (sum(parts[1:], parts[0]) for parts in zip(*results, strict=True))
        for parameter, total in zip(model.parameters(), sums, strict=True):
            parameter.grad = total
        optimizer.step()
        losses.append(loss)
    return model.state_dict(), losses


def cluster(workers: int) -> Client:
    """A cluster of processes on this machine, each of one thread."""
    return Client(LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=50))


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(np.array_equal(one[key], other[key]) for key in one)


def seconds(client: Client | None, rows: int, steps: int = 5) -> float:
    """What a step takes; the first, in which workers make their data, is left out."""
    train(client, 2, rows)
    begin = time.perf_counter()
    train(client, steps, rows)
    return (time.perf_counter() - begin) / steps


def main() -> None:
    sizes, times = (100, 1000, 4000, 16_000), {}
    with cluster(1) as one:
        alone, losses = train(one, 20, 500)
        times["one worker"] = [seconds(one, rows) for rows in sizes]
    with cluster(2) as two:
        together, _ = train(two, 20, 500)
        times["two workers"] = [seconds(two, rows) for rows in sizes]
        survived, _ = train(two, 20, 500, kill_at=10)
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}; 2 workers, the same bits: {same(alone, together)}; ", end="")
    print(f"one killed at step 10, the same bits: {same(alone, survived)}")
    times["no cluster"] = [seconds(None, rows) for rows in sizes]
    print("rows a shard   no cluster   one worker   two workers   two workers are")
    for row, size in enumerate(sizes):
        here, one_worker, two_workers = (times[n][row] for n in ("no cluster", "one worker", "two workers"))
        verdict = f"{here / two_workers:.1f} times as fast" + (" (does not pay)" if two_workers > here else "")
        print(f"{size:12,} {here:10.4f} s {one_worker:10.4f} s {two_workers:11.4f} s   {verdict}")

    figure, axes = plt.subplots(figsize=(8, 4.2))
    for (name, measured), colour, mark in zip(times.items(), (*COLOURS, "black"), "o^s", strict=True):
        axes.loglog(sizes, measured, marker=mark, color=colour, label=name)
    axes.set(title="A cluster pays where a shard is work enough", xlabel="rows a shard", ylabel="seconds a step")
    axes.legend()
    save(figure, Path("pictures/data_parallel.png"))


if __name__ == "__main__":
    main()
