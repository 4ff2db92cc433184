"""fit: train a model on batches, with validation, early stopping and checkpoints that go on to the same bits.

    history = tg.fit(model, nn.MSELoss(), optimizer, (X, y), epochs=20, validation=(X_test, y_test), patience=3)
    history["loss"], history.best_epoch

The loop itself is short, and is the one that you would write: zero_grad, forward, backward, step.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import FrameType
from typing import Any

import numpy as np

from .batches import batches
from .errors import DivergedError, MissingDependencyError, ParameterError, StateError
from .frames import user_place
from .graph import no_grad
from .nn.utils import clip_grad_norm_
from .optim import Optimizer
from .saving import load, save
from .sentences import in_a_sentence, whole_number
from .tensor import Tensor

Loss = Callable[[Any, Any], Any]


class History:
    """What happened: `history["loss"]` is a list with a number for each epoch, as is "validation_loss" and "lr".

    Attributes: `rows`, a dict for each epoch; `stopped`, why the run ended: "epochs", "patience", "callback" or
    "interrupted"; `best_epoch`, the epoch (from 1) of the smallest loss, of the validation where there is one.
    """

    def __init__(self, rows: Iterable[dict[str, Any]] = ()) -> None:
        self.rows = list(rows)
        self.stopped = ""

    def __getitem__(self, name: str) -> list[Any]:
        if self.rows and name not in self.rows[0]:
            raise ParameterError(f"the history has {sorted(self.rows[0])}, {user_place()}, not {name!r}.")
        return [row[name] for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def to_dict(self) -> dict[str, Any]:
        """The history as plain data, such as json.dumps takes."""
        return {"rows": [dict(row) for row in self.rows], "stopped": self.stopped}

    def __repr__(self) -> str:
        last = "".join(f", {name} {value:.4g}" for name, value in (self.rows[-1] if self.rows else {}).items())
        return f"History({len(self)} epochs, stopped by {self.stopped or 'nothing yet'}{last})"

    @property
    def best_epoch(self) -> int | None:
        """The epoch of the smallest loss, counted from 1; None before the first."""
        losses = [row.get("validation_loss", row["loss"]) for row in self.rows]
        return losses.index(min(losses)) + 1 if losses else None

    def plot(self, axes: Any = None) -> Any:
        """Draw the losses over the epochs; returns matplotlib's axes."""
        try:
            from matplotlib import pyplot
        except ImportError:
            raise MissingDependencyError("history.plot() needs matplotlib: pip install matplotlib.") from None
        axes = pyplot.subplots()[1] if axes is None else axes
        for name in ("loss", "validation_loss"):
            if self.rows and name in self.rows[0]:
                axes.plot(range(1, len(self) + 1), self[name], label=name.replace("_", " "))
        axes.set_xlabel("epoch")
        axes.legend()
        return axes


@in_a_sentence
def fit(
    model: Any,
    loss: Loss,
    optimizer: Optimizer,
    data: Any,
    *,
    epochs: int,
    validation: Any = None,
    batch_size: int = 32,
    seed: np.random.Generator | int | None = None,
    schedule: Any = None,
    clip_norm: float | None = None,
    patience: int | None = None,
    callbacks: Sequence[Callable[[History], Any]] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> History:
    """Train a model, and leave it in `eval()`, ready for use.

    Args:
        model: called with all arrays of a batch but the last.
        loss: of the model's result and the last array of the batch, a mean over the rows; a scalar Tensor.
        optimizer: of the model's parameters.
        data: `tg.batches(...)`, anything else that can be iterated over again, or a tuple of arrays, which is shuffled.
        epochs: how often to go through the data, what a resumed run has done counted in.
        validation: data in the same forms, whose loss is computed after each epoch, in `eval()`.
        batch_size: of the batches that are made where arrays are given.
        seed: of their order.
        schedule: of the learning rate; stepped once an epoch (OneCycleLR: once a batch).
        clip_norm: the largest norm of all gradients together.
        patience: stop when the (validation) loss has not improved for more than so many epochs; go back to the best.
        callbacks: called with the history after each epoch; the run ends if one returns True.
        checkpoint: a file (.npz, .safetensors) that holds the run after each epoch: model, optimizer, schedule, the
            order of the batches, the random generators that the model's modules have as attributes, NumPy's global one.
        checkpoint_every: write it after so many batches of an epoch, too.
        resume: go on from that file, to the same bits, if it is there.
        progress: show a bar; None shows one on a terminal where tqdm is installed.

    Ctrl-C ends the run after the batch at hand, and leaves the model and the checkpoint as they then are.

    Raises DivergedError at a loss that is not finite, before it reaches the model; ParameterError for data that can be
    iterated over only once, and for a checkpoint that is there already without `resume`.

    >>> import numpy as np, tinygrad_np as tg
    >>> from tinygrad_np import nn, optim
    >>> X = np.linspace(-1, 1, 20).reshape(-1, 1)
    >>> model = nn.Linear(1, 1, rng=0)
    >>> loss = lambda y, target: ((y - target) ** 2).mean()
    >>> optimizer = optim.SGD(model.parameters(), lr=0.1)
    >>> history = tg.fit(model, loss, optimizer, (X, 2 * X), epochs=50, batch_size=5, seed=0)
    >>> history["loss"][-1] < 1e-6
    True
    """
    epochs = whole_number("epochs", epochs, least=0)
    patience = None if patience is None else whole_number("patience", patience, least=0)
    if checkpoint_every is not None:
        checkpoint_every = whole_number("checkpoint_every", checkpoint_every)
    if not isinstance(optimizer, Optimizer) and not hasattr(optimizer, "param_groups"):
        raise ParameterError(
            f"fit was given a {type(optimizer).__name__} as its optimizer, {user_place()}: give it one of "
            "tinygrad_np.optim, made with model.parameters()."
        )
    for name, function in (("model", model), ("loss", loss)):
        if not callable(function):
            raise ParameterError(f"fit's {name} is a {type(function).__name__}, {user_place()}, which can't be called.")
    data = _iterable(data, batch_size, seed, True)
    validation = None if validation is None else _iterable(validation, batch_size, None, False)
    if checkpoint_every is not None and not hasattr(data, "state_dict"):
        raise ParameterError(f"checkpoint_every needs data with a state_dict(), {user_place()}: use tg.batches.")
    if (checkpoint or patience) is not None and not hasattr(model, "state_dict"):
        raise ParameterError(
            f"a {type(model).__name__} has no state_dict(), {user_place()}, and so nothing to keep or to go back to: "
            "checkpoint and patience need an nn.Module."
        )
    run = _Run(model, optimizer, schedule, data, patience is not None)
    if checkpoint is not None and os.path.exists(checkpoint):
        if not resume:
            raise ParameterError(
                f"the checkpoint {os.fspath(checkpoint)} is there already, {user_place()}: resume=True goes on "
                "from it; delete it to begin anew."
            )
        run.load_state_dict(load(checkpoint))

    def keep() -> None:
        if checkpoint is not None:
            save(run.state_dict(), checkpoint)

    history = run.history
    keep()
    with _interruptible() as interrupted, _bar(progress, epochs, len(history)) as bar:
        try:
            while len(history) < epochs and not interrupted() and not run.is_over(patience):
                _mode(model, True)
                for batch in data:
                    run.step(loss, batch, clip_norm)
                    if checkpoint_every and run.batches % checkpoint_every == 0:
                        keep()
                    if interrupted():
                        break
                if interrupted():
                    if hasattr(data, "state_dict"):
                        keep()
                    break
                run.finish_epoch(_mean_loss(model, loss, validation) if validation is not None else None)
                bar(history.rows[-1])
                keep()
                answers = [callback(history) for callback in callbacks]
                if any(answer is True for answer in answers):
                    history.stopped = "callback"
                    break
        except KeyboardInterrupt:
            history.stopped = "interrupted"
    if interrupted():
        history.stopped = "interrupted"
    history.stopped = history.stopped or ("epochs" if len(history) >= epochs else "patience")
    if patience is not None and run.best is not None:
        model.load_state_dict(run.best)
    _mode(model, False)
    return history


class _Run:
    """All that a run consists of, so that it can be kept and taken up again."""

    def __init__(self, model: Any, optimizer: Optimizer, schedule: Any, data: Any, keeps_best: bool) -> None:
        self.model, self.optimizer, self.schedule, self.data = model, optimizer, schedule, data
        self.keeps_best = keeps_best and hasattr(model, "state_dict")
        self.history = History()
        self.best: Any = None
        self.total, self.rows, self.batches = 0.0, 0, 0

    def step(self, loss: Loss, batch: Any, clip_norm: float | None) -> None:
        """One batch: zero_grad, forward, backward, step."""
        inputs, target = _taken_apart(batch)
        self.optimizer.zero_grad()
        value = loss(self.model(*inputs), target)
        if not isinstance(value, Tensor):
            raise ParameterError(
                f"the loss is a {type(value).__name__}, {user_place()}, from which no gradient flows: compute it from "
                "the model's result, a Tensor."
            )
        if not math.isfinite(value.item()):
            raise DivergedError(
                f"the loss became {value.item()} in epoch {len(self.history) + 1}, batch {self.batches + 1}, "
                f"{user_place()}; the model is as the batch before left it. A smaller lr or clip_norm may help; "
                "tg.detect_anomaly() finds the operation that made it."
            )
        value.backward()
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        if all(p.grad is None for p in parameters):
            raise ParameterError(
                f"fit() reached no parameter of the optimiser from the loss, {user_place()}, and would learn nothing: "
                f"give {type(self.optimizer).__name__} this model's own parameters, model.parameters()."
            )
        if clip_norm is not None:
            clip_grad_norm_(parameters, clip_norm)
        self.optimizer.step()
        if self.schedule is not None and self.schedule.per_batch:
            self.schedule.step()
        self.total += value.item() * len(target)
        self.rows += len(target)
        self.batches += 1

    def finish_epoch(self, validation_loss: float | None) -> None:
        """Note the epoch, keep the best model, and step the schedule."""
        row = {"loss": self.total / self.rows if self.rows else math.nan, "lr": self.optimizer.param_groups[0]["lr"]}
        if validation_loss is not None:
            row["validation_loss"] = validation_loss
        self.history.rows.append(row)
        self.total, self.rows, self.batches = 0.0, 0, 0
        if self.keeps_best and self.history.best_epoch == len(self.history):
            self.best = self.model.state_dict()
        if self.schedule is not None and not self.schedule.per_batch:
            watches = hasattr(self.schedule, "patience")
            self.schedule.step(*[row.get("validation_loss", row["loss"])] * watches)

    def is_over(self, patience: int | None) -> bool:
        """Whether the best epoch is more than `patience` epochs ago."""
        best = self.history.best_epoch
        return patience is not None and best is not None and len(self.history) - best > patience

    def state_dict(self) -> dict[str, Any]:
        """The run, between two batches."""
        return {
            **{name: part.state_dict() for name, part in self._parts().items()},
            "history": self.history.rows,
            "best": self.best,
            "epoch so far": [self.total, self.rows, self.batches],
            "generators": {name: generator.bit_generator.state for name, generator in self._generators().items()},
            "numpy.random": np.random.get_state(legacy=False),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take a run up again. Raises StateError where it is one of other parts."""
        parts, generators = self._parts(), self._generators()
        wanted = {*parts, "history", "best", "epoch so far", "generators", "numpy.random"}
        if not isinstance(state, dict) or set(state) != wanted or set(state["generators"]) != set(generators):
            raise StateError(
                f"the checkpoint is one of {sorted(state) if isinstance(state, dict) else type(state).__name__}, "
                f"{user_place()}, and this run consists of {sorted(wanted)}, with generators {sorted(generators)}."
            )
        before = []
        try:
            for name, part in parts.items():
                before.append((part, part.state_dict()))
                part.load_state_dict(state[name])
        except StateError:
            for part, own in before:
                part.load_state_dict(own)
            raise
        self.history.rows[:], self.best = state["history"], state["best"]
        self.total, self.rows, self.batches = state["epoch so far"]
        for name, generator in generators.items():
            generator.bit_generator.state = state["generators"][name]
        np.random.set_state(state["numpy.random"])

    def _parts(self) -> dict[str, Any]:
        parts = {"model": self.model, "optimizer": self.optimizer, "schedule": self.schedule, "data": self.data}
        return {name: part for name, part in parts.items() if hasattr(part, "state_dict")}

    def _generators(self) -> dict[str, np.random.Generator]:
        """The random generators of the model's modules, such as those of dropout, by their paths."""
        return {
            f"{path}.{name}": value
            for path, module in (self.model.named_modules() if hasattr(self.model, "named_modules") else ())
            for name, value in vars(module).items()
            if isinstance(value, np.random.Generator)
        }


def _mean_loss(model: Any, loss: Loss, data: Any) -> float:
    """The mean of the loss over the rows of the data, as the model is used."""
    _mode(model, False)
    total, rows = 0.0, 0
    with no_grad():
        for batch in data:
            inputs, target = _taken_apart(batch)
            total += loss(model(*inputs), target).item() * len(target)
            rows += len(target)
    return total / rows if rows else math.nan


def _taken_apart(batch: Any) -> tuple[Sequence[Any], Any]:
    """The inputs and the target of a batch."""
    if not isinstance(batch, list | tuple) or len(batch) < 2:
        raise ParameterError(
            f"fit was given a batch of {type(batch).__name__}, {user_place()}: a batch is (inputs, target), or "
            "(input, another, target); tg.batches(X, X) is for a model that reconstructs X."
        )
    return batch[:-1], batch[-1]


def _mode(model: Any, training: bool) -> None:
    if hasattr(model, "train"):
        model.train(training)


def _iterable(data: Any, batch_size: int, seed: Any, shuffle: bool) -> Any:
    if isinstance(data, tuple):
        return batches(*data, batch_size=batch_size, seed=seed, shuffle=shuffle)
    if not hasattr(data, "__iter__") or iter(data) is data:
        raise ParameterError(
            f"fit was given a {type(data).__name__} as data, {user_place()}, which can't be gone through once for each "
            "epoch: give arrays (X, y), tg.batches(X, y), or a list of batches."
        )
    return data


@contextlib.contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C be asked for, so that it comes between two batches; the second one comes at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    signal.signal(signal.SIGINT, note)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _bar(progress: bool | None, epochs: int, done: int) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Show each epoch on a bar of tqdm, or nothing."""
    shows = sys.stderr.isatty() if progress is None else progress
    try:
        from tqdm.auto import tqdm
    except ImportError:
        if progress:
            raise MissingDependencyError("progress=True needs tqdm: pip install 'tinygrad_np[train]'.") from None
        shows = False
    if not shows:
        yield lambda row: None
        return
    with tqdm(total=epochs, initial=done, unit="epoch") as bar:

        def show(row: dict[str, Any]) -> None:
            bar.set_postfix({name: f"{value:.4g}" for name, value in row.items()}, refresh=False)
            bar.update()

        yield show
