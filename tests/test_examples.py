"""The documents' examples: their published data is complete, their first figures come out, and a wrong one is reported.

The whole reproduction is `python examples/documents.py`; here are its quick parts, and proofs that it can fail.
"""

import doctest
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import tinygrad_np as tg
from tinygrad_np import Tensor

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

import circles_network as circles
import figures
import moons_network as moons
import notebook_moons
import notebook_network as notebook
import reproduction


class TestFigures:
    def test_a_number_that_rounds_to_the_printed_one_agrees_in_all_digits(self) -> None:
        printed = figures.printed("0.71257368 -2.5e-03 0.25", decimals=8)
        assert printed.digits.tolist() == [8, 9, 8]
        assert figures.agreeing_digits(printed, [0.712573684, -2.500000004e-3, 0.250000004]).tolist() == [8, 9, 8]

    @pytest.mark.parametrize(
        ("reproduced", "digits"), [(3.14159, 6), (3.14162, 5), (3.1414, 4), (3.1, 2), (2.0, 0), (np.nan, 0)]
    )
    def test_digits_are_counted_from_the_first(self, reproduced: float, digits: int) -> None:
        assert figures.agreeing_digits(figures.printed("3.14159"), [reproduced]).tolist() == [digits]

    def test_zeros_that_numpy_does_not_print_count(self) -> None:
        printed = figures.printed("0.25", decimals=8)
        assert not figures.compare_figures("w", printed, [0.25000004]).right

    def test_too_few_numbers_are_no_agreement(self) -> None:
        with pytest.raises(ValueError, match="3 figures"):
            figures.agreeing_digits(figures.printed("1.0 2.0 3.0"), [1.0, 2.0])

    def test_a_row_asks_for_all_digits_unless_told_how_many(self) -> None:
        printed = figures.printed("1.7162788190920542")
        assert not figures.compare_figures("cost", printed, [1.7162788190921]).right
        assert figures.compare_figures("cost", printed, [1.7162788190921], digits=12).right

    def test_two_runs_have_to_agree_in_each_of_their_numbers(self) -> None:
        run = np.linspace(0.7, 0.1, 100)
        again = run * (1 + 1e-13)
        assert figures.compare_runs("losses", run, again).right
        again[50] *= 1 + 1e-8
        row = figures.compare_runs("losses", run, again)
        assert row.right is False
        assert row.agreement == "8 of 16 digits or more"


@pytest.mark.parametrize("module", [figures, circles])
def test_what_the_docstrings_show(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


class TestPublishedData:
    def test_circles(self) -> None:
        assert circles.PRINTED_COSTS.values.shape == (25,)
        assert len(circles.PRINTED_ACCURACIES) == 25
        shapes = {name: printed.values.shape for name, printed in circles.PRINTED_PARAMETERS.items()}
        assert shapes == {"W1": (2, 10), "b1": (1, 10), "W2": (10, 5), "b2": (1, 5), "W3": (5, 1), "b3": (1, 1)}
        assert [parameter.shape for parameter in circles.initial_parameters(4)] == list(shapes.values())

    def test_moons(self) -> None:
        shapes = [printed.values.shape for printed in moons.INITIAL_WEIGHTS.values()]
        assert shapes == [(2, 5), (5, 3), (3, 1)]
        assert list(moons.PRINTED_LOSSES) == list(range(4000, 5000, 100))

    def test_notebook(self) -> None:
        assert len(notebook.PRINTED_STEP) == 12
        assert sum(printed.values.size for printed in notebook.PRINTED_STEP.values()) == 81
        assert notebook.PRINTED_ERRORS.values.shape == (10,)
        assert sum(printed.values.size for printed in notebook.PRINTED_TRAINED.values()) == 18
        assert notebook_moons.PRINTED_ERRORS.values.shape == (10,)
        assert notebook_moons.PRINTED_OUTPUT.values.shape == (5,)


@pytest.fixture(scope="module")
def training() -> circles.Training:
    X, y, _, _ = circles.load_data()
    return circles.train(circles.initial_parameters(seed=4), X, y, iterations=1001)


class TestCircles:
    def test_the_first_costs_and_accuracies(self, training: circles.Training) -> None:
        printed = figures.Figures(circles.PRINTED_COSTS.values[:2], circles.PRINTED_COSTS.last_place[:2])
        assert figures.compare_figures("costs", printed, training.printed_costs, digits=12).right
        assert training.accuracies == circles.PRINTED_ACCURACIES[:2]

    def test_the_gradients(self, training: circles.Training) -> None:
        assert training.gradients.iterations == [0, 1, 1000]
        assert set(training.gradients.largest) == {"W1", "b1", "W2", "b2", "W3", "b3", "z1", "a1", "z2", "a2", "z3"}
        assert all(row.right for row in training.gradients.rows(circles.GRADIENTS))

    def test_a_planted_wrong_figure_disagrees(self, training: circles.Training) -> None:
        planted = figures.Figures(np.array([1.7162788190920542, 0.6935455839889666]), np.array([1e-16, 1e-16]))
        row = figures.compare_figures("costs", planted, training.printed_costs, digits=12)
        assert row.right is False
        assert row.agreement == "8 of 16 digits at place 1"

    def test_the_class_learns_predicts_and_plots(self, tmp_path: Path) -> None:
        X, y, X_test, y_test = circles.load_data()
        network = circles.CirclesNetwork(learning_rate=0.5, iterations=500).fit(X, y)
        assert set(np.unique(network.predict(X_test))) == {0.0, 1.0}
        assert network.accuracy(X_test, y_test) > 0.9
        network.plot_loss(tmp_path / "loss.png")
        assert (tmp_path / "loss.png").stat().st_size > 10_000


class TestMoons:
    def test_the_loss_falls_as_with_gradients_by_hand(self) -> None:
        X, _, y, _ = moons.load_data()
        training = moons.train(moons.initial_parameters(), X, y, epochs=101)
        by_hand = moons.train_by_hand(moons.initial_parameters(), X, y, epochs=101)
        np.testing.assert_allclose(training.losses, by_hand, rtol=1e-12)
        assert training.losses[-1] < 0.6 * training.losses[0]
        assert all(row.right for row in training.gradients.rows(moons.GRADIENTS))

    def test_the_test_part_is_told_apart_after_a_part_of_the_training(self) -> None:
        X, X_test, y, y_test = moons.load_data()
        parameters = moons.initial_parameters()
        assert moons.accuracy(parameters, X_test, y_test) < 0.8
        moons.train(parameters, X, y, epochs=1500)
        assert moons.accuracy(parameters, X_test, y_test) >= 0.97

    def test_a_gradient_that_lacks_the_mean_is_wrong(self) -> None:
        X, _, y, _ = moons.load_data()
        parameters = moons.initial_parameters()
        A1, A2, A3 = moons.forward(X, *parameters)
        loss = moons.cross_entropy(y, A3)
        needed = (parameters[2], parameters[4], A1, A2, A3)
        by_hand = moons.hand_written_gradients(X, y, *(tensor.data for tensor in needed))
        gradients = figures.GradientErrors()
        by_hand["Z3"] *= len(X)
        gradients.add(0, tg.compare_gradients(loss, by_hand), by_hand)
        rights = {row.what.partition(",")[0]: row.right for row in gradients.rows(moons.GRADIENTS)}
        assert rights == {"gradients": True, "interior gradients": False}
        assert gradients.wrong == ["Z3"]


class TestNotebook:
    def test_every_figure_of_the_step(self, tmp_path: Path) -> None:
        sections = list(notebook.reproduce_step(tmp_path))
        assert [len(section.rows) for section in sections] == [16, 13]
        assert [row.what for section in sections for row in section.rows if not row.right] == []
        assert (tmp_path / "notebook_graph.svg").stat().st_size > 1000

    def test_the_misprint_is_one(self) -> None:
        activations = notebook.PRINTED_STEP["hidden activations"]
        derivatives = notebook.PRINTED_STEP["d hidden / d linear"]
        worked_out = activations.values * (1 - activations.values)
        np.testing.assert_allclose(derivatives.values, worked_out, atol=1.5e-8)
        assert abs(float(notebook.MISPRINT) - worked_out[1, 2]) > 5e-7

    def test_the_thousand_epochs(self, tmp_path: Path) -> None:
        sections = list(notebook.reproduce_training(tmp_path))
        assert [section.setting for section in sections] == ["1,000 epochs", "the same, compiled"]
        assert [row.what for section in sections for row in section.rows if not row.right] == []

    def test_the_moons_start_as_printed(self) -> None:
        X, y = notebook_moons.as_columns(*notebook_moons.two_moons())
        errors = notebook.train(notebook.initial_weights(draw=3), X, y, epochs=1001).errors
        printed = notebook_moons.PRINTED_ERRORS
        first = figures.Figures(printed.values[:2], printed.last_place[:2])
        assert figures.compare_figures("errors", first, errors[::1000]).right
        np.testing.assert_allclose(errors, notebook_moons.reordered_twin(X, y, 1001, number=0), rtol=1e-11)

    def test_rounding_excuses_only_what_comes_after_the_twins_part(self) -> None:
        errors = np.repeat(notebook_moons.PRINTED_ERRORS.values, 1000)
        errors[7000:] = 0.0073
        twin = errors.copy()
        twin[6500:] *= 1.1
        parting = notebook_moons.parting_epoch(errors.tolist(), [twin.tolist()])
        assert parting == 6500
        rows = notebook_moons.error_rows(errors.tolist(), [twin.tolist()], parting)
        assert [row.right for row in rows] == [True, None, None, None]

        together = notebook_moons.parting_epoch(errors.tolist(), [errors.tolist()])
        rows = notebook_moons.error_rows(errors.tolist(), [errors.tolist()], together)
        assert [row.right for row in rows] == [True, False, False, False]


def train_circles(compiled: bool) -> tuple[list[float], list[Tensor]]:
    X, y, _, _ = circles.load_data()
    parameters = circles.initial_parameters(seed=4)
    return circles.train(parameters, X, y, 40, compiled=compiled).costs, parameters


def train_the_class(compiled: bool) -> tuple[list[float], list[Tensor]]:
    X, y, _, _ = circles.load_data()
    network = circles.CirclesNetwork(iterations=40, learning_rate=0.5, compiled=compiled).fit(X, y)
    return network.training.costs, network.parameters


def train_moons(compiled: bool) -> tuple[list[float], list[Tensor]]:
    X, _, y, _ = moons.load_data()
    parameters = moons.initial_parameters()
    return moons.train(parameters, X, y, 40, compiled=compiled).losses, parameters


def train_notebook(compiled: bool) -> tuple[list[float], list[Tensor]]:
    weights = notebook.initial_weights(draw=2)
    return notebook.train(weights, *notebook.three_samples(), 200, compiled=compiled).errors, weights


def train_notebook_moons(compiled: bool) -> tuple[list[float], list[Tensor]]:
    X, y = notebook_moons.as_columns(*notebook_moons.two_moons())
    weights = notebook.initial_weights(draw=3)
    return notebook.train(weights, X, y, 40, compiled=compiled).errors, weights


@pytest.mark.parametrize("train", [train_circles, train_the_class, train_moons, train_notebook, train_notebook_moons])
def test_a_compiled_training_is_the_same_training(
    train: Callable[[bool], tuple[list[float], list[Tensor]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    programs: list[Any] = []
    compile = tg.compile
    monkeypatch.setattr(tg, "compile", lambda step: programs.append(compile(step)) or programs[-1])
    losses, parameters = train(False)
    assert programs == []
    compiled_losses, compiled_parameters = train(True)
    assert [len(program.program.equations) > 0 for program in programs] == [True]
    assert losses[-1] != losses[0]
    np.testing.assert_allclose(compiled_losses, losses, rtol=1e-12)
    for compiled, eager in zip(compiled_parameters, parameters, strict=True):
        np.testing.assert_allclose(compiled.data, eager.data, rtol=1e-10, atol=1e-13)


class TestTheTable:
    section = reproduction.Section(
        "CIRCLES", "seed 4", [figures.compare_figures("final b3", circles.PRINTED_PARAMETERS["b3"], [[1.409170780]])]
    )

    def main(self, section: reproduction.Section, folder: Path) -> int:
        return reproduction.main(
            "A document.", lambda pictures, track: iter([section]), arguments=["--out", str(folder)]
        )

    def test_the_exit_status_tells_whether_all_is_right(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.main(self.section, tmp_path) == 0
        assert "All 1 rows" in capsys.readouterr().out
        wrong = figures.compare_figures("final b3", circles.PRINTED_PARAMETERS["b3"], [[1.409170880]])
        assert self.main(replace(self.section, rows=[*self.section.rows, wrong]), tmp_path) == 1
        assert "1 of 2 rows are wrong: final b3" in capsys.readouterr().out

    def test_it_reads_well_in_a_file(self, tmp_path: Path) -> None:
        with (tmp_path / "table.txt").open("w") as file:
            reproduction.show([self.section], Console(file=file, width=reproduction.WIDTH))
        text = (tmp_path / "table.txt").read_text()
        assert "\x1b" not in text
        assert max(map(len, text.splitlines())) <= 110
        assert "1.40917078" in text
