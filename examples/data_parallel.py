"""Data-parallel training on a Dask cluster: each worker makes its shards of the data, and computes their gradients.

The gradients are added in the order of the shards, wherever they come from. So the model is the same to the last bit
with one worker, with two, and where one was killed halfway. The closing table says where it pays.

    python examples/data_parallel.py
"""

import os
import signal
import time
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
from dask.distributed import Client, LocalCluster

import tinygrad_np as tg
from plots import plt, save
from tinygrad_np import nn, optim

SHARDS, SIZES = 4, (100, 1000, 5000, 20_000)


def make_model():
    return nn.Sequential(nn.Linear(20, 128, rng=0), nn.Tanh(), nn.Linear(128, 1, rng=1))


@lru_cache(maxsize=SHARDS)
def shard(number, rows):
    """The rows of one shard: made where they are used, from their number, and kept there."""
    X = np.random.default_rng(number).normal(size=(rows, 20))
    return X, np.sin(X[:, :1] * X[:, 1:2]) + 0.5 * X[:, 2:3]


def gradients(state, number, rows):
    """What a worker does in a step: the loss on its shard and the gradient of each parameter."""
    model, (X, y) = make_model(), shard(number, rows)
    model.load_state_dict(state)
    loss = tg.mse_loss(model(X), y) / SHARDS
    loss.backward()
    return [loss.item(), *(parameter.grad for parameter in model.parameters())]


def train(client, steps, rows, kill_at=None):
    """Adam on all shards, in this process if there is no cluster; before the step `kill_at` a worker is killed."""
    model, seconds = make_model(), []
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    for step in range(steps):
        if step == kill_at:
            os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)
        begin, state, jobs = time.perf_counter(), model.state_dict(), range(SHARDS)
        if client is None:
            results = [gradients(state, number, rows) for number in jobs]
        else:
            results = client.gather([client.submit(gradients, state, number, rows, pure=False) for number in jobs])
        loss, *sums = (sum(parts[1:], parts[0]) for parts in zip(*results, strict=True))
        for parameter, total in zip(model.parameters(), sums, strict=True):
            parameter.grad = total
        optimizer.step()
        seconds.append(time.perf_counter() - begin)
    return b"".join(array.tobytes() for array in model.state_dict().values()), loss, float(np.median(seconds[1:]))


@contextmanager
def cluster(workers, **options):
    """A cluster of processes on this machine, each of one thread."""
    options = {"threads_per_worker": 1, "dashboard_address": ":0", "silence_logs": 50, **options}
    with LocalCluster(n_workers=workers, **options) as processes, Client(processes) as client:
        yield client


def main():
    with cluster(1) as one:
        expected, loss, _ = train(one, 20, 500)
    with cluster(2) as two:
        print(f"loss after 20 steps: {loss:.3f}; the same bits with 2 workers:", train(two, 20, 500)[0] == expected)
        times = [[train(client, 6, rows)[2] for rows in SIZES] for client in (None, two)]
        print("the same bits where one was killed:", train(two, 20, 500, kill_at=10)[0] == expected)
    print("rows a shard   one process, a shard   one process, a step   two workers, a step   two workers are")
    for rows, alone, shared in zip(SIZES, *times, strict=True):
        verdict = f"{alone / shared:.1f} times as fast" + " (does not pay)" * (shared >= alone)
        print(f"{rows:12,}{alone / SHARDS * 1000:20.1f} ms{alone * 1000:19.1f} ms{shared * 1000:19.1f} ms   {verdict}")
    figure, axes = plt.subplots(figsize=(8, 4.2))
    for measured, mark, name in zip(times, "o^", ("one process", "two workers"), strict=True):
        axes.loglog(SIZES, measured, marker=mark, label=name)
    axes.set(title="A cluster pays where a shard is work enough", xlabel="rows a shard", ylabel="seconds a step")
    axes.legend()
    save(figure, Path("pictures/data_parallel.png"))


if __name__ == "__main__":
    main()
