"""The gallery's examples in a small form: each keeps its promise, is listed, and has its picture.

The whole of each is `python examples/NAME.py`.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_np as tg

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

import circles_network
import custom_module
import data_parallel
import digits
import documents_in_ten_lines as documents
import gradient_penalty
import microgpt
import min_char_rnn
import vae_moons

ROOT = Path(__file__).parents[1]
GALLERY = [
    documents,
    digits,
    min_char_rnn,
    microgpt,
    vae_moons,
    gradient_penalty,
    custom_module,
    data_parallel,
]


@pytest.mark.parametrize("example", GALLERY, ids=lambda example: example.__name__)
def test_an_example_is_listed_with_a_small_picture(example) -> None:
    listed = (ROOT / "examples" / "README.md").read_text()
    picture = ROOT / "docs" / "pictures" / f"{example.__name__}.png"
    assert f"({example.__name__}.py)" in listed
    assert f"../docs/pictures/{picture.name}" in listed
    assert picture.stat().st_size < 60_000
    assert f"python examples/{example.__name__}.py" in (example.__doc__ or "")


class TestTheDocumentsInTenLines:
    @pytest.mark.parametrize("network", [documents.moons, documents.circles, documents.notebook])
    def test_each_has_at_most_ten_lines(self, network) -> None:
        tree = ast.parse(Path(documents.__file__).read_text())
        (function,) = (part for part in tree.body if getattr(part, "name", "") == network.__name__)
        assert function.body[-1].end_lineno - function.body[0].end_lineno <= 10

    def test_the_printed_figures_come_out_again(self) -> None:
        circles = documents.circles(1001)[3]
        assert np.allclose(circles[::1000], circles_network.PRINTED_COSTS.values[:2], rtol=1e-12)
        notebook = documents.notebook(901)[3]
        assert [round(notebook[epoch], 5) for epoch in (0, 500, 900)] == [0.11553, 0.06396, 0.0119]

    def test_the_moons_are_learned(self) -> None:
        model, X, Y, losses = documents.moons(600)
        assert losses[-1] < 0.3 * losses[0]
        assert np.mean((model(X).numpy() > 0.5) == Y) > 0.85


def test_digits_are_read_after_a_short_training() -> None:
    X_train, X_test, y_train, y_test = digits.load_data()
    model = digits.make_model()
    history = digits.train(model, X_train[:600], y_train[:600], epochs=3)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert np.mean(digits.predict(model, X_test) == y_test) > 0.85


def test_the_recurrent_network_learns_to_write_what_it_has_read() -> None:
    model = min_char_rnn.CharRNN(3, hidden=12, rng=0)
    losses = min_char_rnn.train(model, np.arange(400) % 3, steps=40, batch=4, places=6)
    assert np.isclose(losses[0], np.log(3), atol=0.2)
    assert losses[-1] < 0.3
    assert min_char_rnn.write(model, "a\nb", 9, temperature=0.1) == "ba\n" * 3
    assert len(min_char_rnn.load_text()) > 50_000


class TestMicrogpt:
    def test_a_letter_does_not_see_those_to_its_right(self) -> None:
        model, tokens = microgpt.GPT(rng=0), np.array([[0, 5, 6, 7]])
        changed = np.where([False, False, True, True], 9, tokens)
        difference = np.abs(model(tokens).numpy() - model(changed).numpy()).max(axis=(0, 2))
        assert np.array_equal(difference > 0, [False, False, True, True])

    def test_what_fills_a_word_up_does_not_count(self) -> None:
        model, (tokens, targets) = microgpt.GPT(rng=0), microgpt.encode("abc")
        assert tokens.tolist() == [[0, 1, 2, 3] + [0] * 12]
        alone = tg.cross_entropy(model(tokens[:, :4])[0], np.array([1, 2, 3, 0]))
        filled_up = tg.cross_entropy(model(tokens)[0], targets, ignore_index=microgpt.IGNORED)
        assert np.isclose(alone.item(), filled_up.item(), rtol=1e-12)

    def test_it_learns_words_and_makes_some_up(self) -> None:
        words, model = microgpt.load_words(), microgpt.GPT(rng=0)
        losses = microgpt.train(model, words, steps=150)
        assert np.mean(losses[-50:]) < 2.85 < losses[0]  # The words are those of the Python that runs.
        assert set(microgpt.make_up(model, np.random.default_rng(0))) <= set(microgpt.LETTERS)

    def test_compiled_it_learns_the_same(self) -> None:
        words, models = microgpt.load_words(), [microgpt.GPT(rng=0) for _ in range(2)]
        compiled, written = (
            microgpt.train(model, words, 20, way) for model, way in zip(models, (True, False), strict=True)
        )
        assert np.allclose(compiled, written, rtol=1e-12)


def test_what_the_autoencoder_makes_up_comes_closer_to_the_moons() -> None:
    X, _ = vae_moons.load_data(400)
    model = vae_moons.VAE(hidden=24, rng=0)
    before = vae_moons.distance(vae_moons.make_points(model, 200), X)
    history = vae_moons.train(model, X, epochs=40)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert vae_moons.distance(vae_moons.make_points(model, 200), X) < 0.7 * before


class TestTheGradientPenalty:
    def test_its_gradient_is_the_numeric_one(self) -> None:
        points = np.random.default_rng(0).normal(size=(5, 2))

        def penalty(weight: tg.Tensor) -> tg.Tensor:
            return ((gradient_penalty.slope(lambda x: np.tanh(x @ weight), points) - 1) ** 2).mean()

        assert tg.gradcheck(penalty, np.array([[0.5], [-0.7]]))

    def test_it_keeps_the_critic_at_the_distance(self) -> None:
        _, kept = gradient_penalty.train(120, penalty=10.0)
        _, left = gradient_penalty.train(120, penalty=0.0)
        assert 2.0 < np.mean(kept[-40:]) < 2.5
        assert left[-1] > 10


class TestACustomModule:
    def test_its_operation_has_the_right_gradients_of_both_orders(self) -> None:
        x, a = np.linspace(-2, 2, 6).reshape(2, 3), np.array([0.5, 1.0, 2.0])
        assert tg.gradcheck(custom_module.snake, x, a)
        assert tg.gradcheck(tg.grad(lambda x, a: custom_module.snake(x, a).sum(), argnums=(0, 1)), x, a)

    def test_it_goes_on_beyond_the_data(self) -> None:
        model = custom_module.train(custom_module.Snake(32), 400)
        assert "1.frequency" in dict(model.named_parameters())
        assert np.ptp(dict(model.named_parameters())["1.frequency"].numpy()) > 0
        assert custom_module.error_beyond(model) < 0.5


class TestTheCluster:
    def test_the_gradients_of_the_shards_are_that_of_the_whole(self) -> None:
        model = data_parallel.make_model()
        parts = [data_parallel.gradients(model.state_dict(), number, 30) for number in range(data_parallel.SHARDS)]
        X, y = (np.concatenate(rows) for rows in zip(*(data_parallel.shard(n, 30) for n in range(4)), strict=True))
        tg.mse_loss(model(X), y).backward()
        for parameter, *shares in zip(model.parameters(), *(part[1:] for part in parts), strict=True):
            assert np.allclose(parameter.grad, sum(shares), rtol=1e-10, atol=1e-14)

    @pytest.mark.filterwarnings("default")
    def test_one_and_two_workers_give_the_same_bits(self, pytestconfig: pytest.Config) -> None:
        processes = pytestconfig.getoption("--cluster")
        alone = data_parallel.train(None, 4, 50)[0]
        with data_parallel.cluster(1, processes=processes) as one:
            assert data_parallel.train(one, 4, 50)[0] == alone
        with data_parallel.cluster(2, processes=processes) as two:
            assert data_parallel.train(two, 4, 50)[0] == alone
            if processes:
                assert data_parallel.train(two, 4, 50, kill_at=2)[0] == alone
