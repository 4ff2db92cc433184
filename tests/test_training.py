"""Batches, fit, and the run that is taken up again to the same bits, wherever it was stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tests import training_run
from tests.test_saving import same
from tinygrad_np import Tensor, nn, optim
from tinygrad_np.errors import DivergedError, ParameterError, ShapeError, StateError, UnknownFormatError
from tinygrad_np.training import History

# Batches.


def test_batches_are_rows_that_belong_together() -> None:
    X, y = np.arange(14).reshape(7, 2), np.arange(7)
    data = tg.batches(X, y, batch_size=3, shuffle=True, seed=0)
    assert len(data) == 3
    epochs = [list(data) for _ in range(3)]
    for epoch in epochs:
        assert [len(targets) for _, targets in epoch] == [3, 3, 1]
        assert sorted(np.concatenate([targets for _, targets in epoch])) == list(range(7))
        assert all((rows[:, 0] == 2 * targets).all() for rows, targets in epoch)
    assert len({str(epoch) for epoch in epochs}) == 3
    again = tg.batches(X, y, batch_size=3, shuffle=True, seed=0)
    assert [str(list(again)) for _ in range(3)] == [str(epoch) for epoch in epochs]


def test_batches_of_one_array_of_tensors_and_of_lists() -> None:
    assert [list(rows) for rows in tg.batches([1, 2, 3], batch_size=2)] == [[1, 2], [3]]
    assert [len(rows) for rows in tg.batches(np.zeros(7), batch_size=3, drop_last=True)] == [3, 3]
    (batch,) = tg.batches(Tensor([1.0, 2.0]), [3, 4])
    assert type(batch[0]) is np.ndarray


@pytest.mark.parametrize("stop", range(10))
def test_batches_go_on_in_the_middle_of_an_epoch(stop: int, tmp_path: Path) -> None:
    made = [tg.batches(np.arange(9), batch_size=2, shuffle=True, seed=3) for _ in range(2)]
    seen: list[Any] = []
    for _ in range(2):
        for batch in made[0]:
            if len(seen) == stop:
                break
            seen.append(batch)
            tg.save(made[0].state_dict(), tmp_path / "x.npz")
        if len(seen) == stop:
            break
    whole = [str(batch) for _ in range(4) for batch in made[1]]
    if stop:
        other = tg.batches(np.arange(9), batch_size=2, shuffle=True, seed=99)
        other.load_state_dict(tg.load(tmp_path / "x.npz"))
        rest = [str(batch) for _ in range(4) for batch in other]
        assert whole == ([str(batch) for batch in seen] + rest)[:20]


@pytest.mark.parametrize(
    ("arguments", "options", "sentence"),
    [
        ((np.zeros(3), np.zeros((4, 2))), {}, r"shapes \(3,\) and \(4, 2\).*equally many rows"),
        ((), {}, "given nothing"),
        ((3.0,), {}, "arrays with rows"),
        ((np.zeros(0),), {}, "0 rows make no batch"),
        ((np.zeros(3),), {"batch_size": 0}, "batch_size=0"),
        ((np.zeros(3),), {"batch_size": 4, "drop_last": True}, "3 rows make no batch of 4"),
    ],
)
def test_batches_that_can_not_be_made_are_a_sentence(arguments: Any, options: Any, sentence: str) -> None:
    with pytest.raises((ParameterError, ShapeError), match=sentence) as caught:
        tg.batches(*arguments, **options)
    assert "test_training.py line" in str(caught.value)


def test_a_state_of_other_batches_is_refused() -> None:
    with pytest.raises(StateError, match="4 rows.*not of 3"):
        tg.batches(np.zeros(3)).load_state_dict(tg.batches(np.zeros(4)).state_dict())
    state = tg.batches(np.zeros(3), seed=np.random.Generator(np.random.MT19937(0))).state_dict()
    with pytest.raises(StateError, match="does not fit the generator"):
        tg.batches(np.zeros(3)).load_state_dict(state)


# fit.


def mean_square(result: Any, target: Any) -> Any:
    return ((result - target) ** 2).mean()


def line() -> tuple[Any, Any]:
    X = np.linspace(-1, 1, 20).reshape(-1, 1)
    return X, 3 * X - 1


def learner(lr: float = 0.3) -> tuple[nn.Module, optim.Optimizer]:
    model = nn.Linear(1, 1, rng=0)
    return model, optim.SGD(model.parameters(), lr=lr)


def test_fit_is_the_loop_that_one_would_write() -> None:
    model, optimizer = learner()
    history = tg.fit(model, mean_square, optimizer, line(), epochs=3, batch_size=6, seed=1, validation=line())
    other, by_hand = learner()
    losses = []
    data = tg.batches(*line(), batch_size=6, shuffle=True, seed=1)
    for _ in range(3):
        total = 0.0
        for X, y in data:
            by_hand.zero_grad()
            loss = mean_square(other(X), y)
            loss.backward()
            by_hand.step()
            total += loss.item() * len(X)
        losses.append(total / 20)
    assert history["loss"] == losses
    assert same(model.state_dict(), other.state_dict())
    assert history["validation_loss"][-1] == pytest.approx(mean_square(other(line()[0]), line()[1]).item())
    assert history["lr"] == [0.3] * 3
    assert len(history) == 3
    assert (history.stopped, history.best_epoch) == ("epochs", 3)
    assert "3 epochs" in repr(history)


def test_the_model_trains_in_train_and_is_left_in_eval() -> None:
    seen = []

    class Watched(nn.Linear):
        def forward(self, input: Any) -> Any:
            seen.append(self.training)
            return super().forward(input)

    model = Watched(1, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    tg.fit(model, mean_square, optimizer, line(), epochs=2, batch_size=20, validation=line())
    assert seen == [True, False] * 2
    assert not model.training


def test_an_optimiser_of_another_model_is_refused() -> None:
    model, other = nn.Linear(2, 1, rng=0), nn.Linear(2, 1, rng=0)
    optimizer = optim.SGD(other.parameters(), lr=0.1)
    data = tg.batches(np.ones((4, 2)), np.ones((4, 1)), batch_size=2)
    with pytest.raises(ParameterError, match=r"no parameter of the optimiser .* give SGD this"):
        tg.fit(model, tg.mse_loss, optimizer, data, epochs=1)


def test_several_inputs_lists_of_batches_and_plain_functions_will_do() -> None:
    w = Tensor([0.0], requires_grad=True)
    batches = [(np.ones(2), np.ones(2), np.full(2, 4.0))] * 3
    tg.fit(lambda a, b: w * (a + b), mean_square, optim.SGD([w], lr=0.1), batches, epochs=20)
    assert w.data == pytest.approx(2)


def test_early_stopping_goes_back_to_the_best() -> None:
    model, optimizer = learner(0.1)
    states = []

    def spoil(history: History) -> None:
        states.append(model.state_dict())
        if len(history) == 4:
            optimizer.param_groups[0]["lr"] = -0.5

    history = tg.fit(
        model,
        mean_square,
        optimizer,
        line(),
        epochs=50,
        batch_size=20,
        validation=line(),
        patience=2,
        callbacks=[spoil],
    )
    assert (history.stopped, history.best_epoch, len(history)) == ("patience", 4, 7)
    assert same(model.state_dict(), states[3])


def test_a_callback_can_end_the_run() -> None:
    history = tg.fit(*with_loss(learner()), line(), epochs=9, callbacks=[lambda history: len(history) == 2])
    assert (len(history), history.stopped) == (2, "callback")


def with_loss(pair: tuple[Any, Any]) -> tuple[Any, Any, Any]:
    return pair[0], mean_square, pair[1]


def test_a_loss_that_is_not_finite_does_not_reach_the_model() -> None:
    model, optimizer = learner(1e200)
    with np.errstate(all="ignore"), pytest.raises(DivergedError, match="loss became .* in epoch .*, batch") as caught:
        tg.fit(model, mean_square, optimizer, line(), epochs=50, batch_size=5)
    assert "test_training.py line" in str(caught.value)
    assert np.isfinite(model.weight.data).all()


def test_data_that_can_be_gone_through_once_is_refused() -> None:
    with pytest.raises(ParameterError, match="given a generator as data"):
        tg.fit(*with_loss(learner()), (batch for batch in [line()]), epochs=2)
    with pytest.raises(ParameterError, match="needs data with a state_dict"):
        tg.fit(*with_loss(learner()), [line()], epochs=2, checkpoint="x.npz", checkpoint_every=1)


def test_misuse_is_a_sentence(tmp_path: Path) -> None:
    X, y = line()
    model, optimizer = learner()
    w = Tensor([0.0], requires_grad=True)
    with pytest.raises(ParameterError, match=r"a batch of ndarray.*\(inputs, target\)"):
        tg.fit(model, mean_square, optimizer, tg.batches(X), epochs=1)
    with pytest.raises(ParameterError, match="the loss is a float64"):
        tg.fit(model, lambda result, target: np.float64(3), optimizer, (X, y), epochs=1)
    for option in ({"checkpoint": tmp_path / "x.npz"}, {"patience": 0}):
        with pytest.raises(ParameterError, match=r"function has no state_dict"):
            tg.fit(lambda x: w * x, mean_square, optim.SGD([w]), (X, y), epochs=1, **option)
    with pytest.raises(UnknownFormatError, match=r"use \.npz"):
        tg.fit(model, mean_square, optimizer, (X, y), epochs=1, checkpoint=tmp_path / "x.pkl")


def test_logs_stay_silent_and_a_bar_is_shown_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    tg.fit(*with_loss(learner()), line(), epochs=2)
    assert capsys.readouterr() == ("", "")
    tg.fit(*with_loss(learner()), line(), epochs=2, progress=True)
    assert "2/2" in capsys.readouterr().err


def test_the_history_is_drawn_and_names_what_it_has() -> None:
    import matplotlib

    matplotlib.use("agg")
    history = tg.fit(*with_loss(learner()), line(), epochs=3, validation=line())
    axes = history.plot()
    assert [len(drawn.get_xdata()) for drawn in axes.get_lines()] == [3, 3]
    with pytest.raises(ParameterError, match="'loss', 'lr', 'validation_loss'.*not 'accuracy'"):
        history["accuracy"]
    assert History().best_epoch is None


# The run that is taken up again.


class Stop(BaseException):
    pass


class Alarm:
    """Raises at one call; None counts alone."""

    def __init__(self, at: int | None = None, error: type[BaseException] = Stop) -> None:
        self.calls, self.at, self.error = 0, at, error

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            raise self.error


@pytest.mark.parametrize("schedule", ["cosine", "plateau", "one cycle"])
def test_a_run_that_is_stopped_anywhere_goes_on_to_the_same_bits(schedule: str, tmp_path: Path) -> None:
    counted = Alarm()
    whole = training_run.run(None, counted, schedule)
    assert len(whole["history"]) > 2
    for at in range(1, counted.calls + 1, 1 if schedule == "cosine" else 5):
        checkpoint = tmp_path / f"{at}.npz"
        with pytest.raises(Stop):
            training_run.run(checkpoint, Alarm(at), schedule, checkpoint_every=at % 3 or None)
        assert same(training_run.run(checkpoint, Alarm(), schedule), whole)


def test_a_run_that_is_killed_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.training_run", str(tmp_path / "run.npz"), str(tmp_path / "end.npz")]
    for steps in (4, 7, 9):
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        for _ in range(steps):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert same(tg.load(tmp_path / "end.npz"), training_run.run(None, Alarm()))


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_ends_the_run_after_the_batch_and_the_next_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    whole = training_run.run(None, Alarm())
    for at in (1, 6, 10):
        calls = Alarm()

        def watch(calls: Alarm = calls, at: int = at) -> None:
            calls()
            if calls.calls == at:
                interrupt()

        before = signal.getsignal(signal.SIGINT)
        checkpoint = tmp_path / f"{at}.npz"
        stopped = training_run.run(checkpoint, watch)
        assert stopped["stopped"] == "interrupted"
        assert signal.getsignal(signal.SIGINT) is before
        assert calls.calls in (at, at + 1)
        assert same(training_run.run(checkpoint, Alarm()), whole)


def test_a_second_ctrl_c_comes_at_once_and_leaves_a_usable_model(tmp_path: Path) -> None:
    model, optimizer = learner()

    def loss(result: Any, target: Any) -> Any:
        interrupt()
        interrupt()
        raise AssertionError

    history = tg.fit(model, loss, optimizer, line(), epochs=3)
    assert history.stopped == "interrupted"
    assert not model.training
    assert np.isfinite(model(line()[0]).numpy()).all()


def test_fit_works_in_a_thread() -> None:
    results = []
    thread = threading.Thread(target=lambda: results.append(tg.fit(*with_loss(learner()), line(), epochs=2)))
    thread.start()
    thread.join()
    assert len(results[0]) == 2


def test_a_checkpoint_that_is_there_is_not_overwritten_unasked(tmp_path: Path) -> None:
    tg.fit(*with_loss(learner()), line(), epochs=2, checkpoint=tmp_path / "x.npz")
    before = (tmp_path / "x.npz").read_bytes()
    with pytest.raises(ParameterError, match="is there already.*resume=True"):
        tg.fit(*with_loss(learner()), line(), epochs=2, checkpoint=tmp_path / "x.npz")
    assert (tmp_path / "x.npz").read_bytes() == before
    longer = tg.fit(*with_loss(learner()), line(), epochs=5, checkpoint=tmp_path / "x.npz", resume=True)
    assert len(longer) == 5


def test_a_checkpoint_of_another_run_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    tg.fit(*with_loss(learner()), line(), epochs=1, checkpoint=tmp_path / "x.npz")
    wider = nn.Linear(1, 2, rng=0)
    scheduled, other_kind = learner(), nn.Linear(1, 1, rng=5)
    others: list[tuple[Any, Any, Any]] = [
        (wider, optim.SGD(wider.parameters()), {}),
        (*scheduled, {"schedule": optim.lr_scheduler.StepLR(scheduled[1], 3)}),
        (other_kind, optim.AdamW(other_kind.parameters(), lr=0.1), {}),
    ]
    for model, optimizer, options in others:
        before = model.state_dict()
        with pytest.raises(StateError):
            tg.fit(
                model, mean_square, optimizer, line(), epochs=2, checkpoint=tmp_path / "x.npz", resume=True, **options
            )
        assert same(model.state_dict(), before)
    tg.save({"w": 1}, tmp_path / "y.npz")
    with pytest.raises(StateError, match=r"one of \['w'\]"):
        tg.fit(*with_loss(learner()), line(), epochs=2, checkpoint=tmp_path / "y.npz", resume=True)


def test_the_heavy_libraries_are_imported_only_where_they_are_used() -> None:
    script = (
        "import sys, tinygrad_np; "
        "print(sorted({'sklearn', 'scipy', 'tqdm', 'safetensors', 'matplotlib'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
    assert isinstance(tg, types.ModuleType)
