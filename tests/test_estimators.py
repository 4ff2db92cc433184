"""scikit-learn's own judgement, whole, and what its users do: pipelines, searches, pickles, weights, labels of text."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_iris, make_moons
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from tinygrad_np import nn
from tinygrad_np.errors import ParameterError
from tinygrad_np.estimators import NetworkClassifier, NetworkRegressor

CHECKS = {NetworkClassifier: 67 if sklearn.__version__ >= "1.8" else 66, NetworkRegressor: 60}
"""How many checks scikit-learn 1.9 runs on its own MLPClassifier and MLPRegressor."""

SKIPPED = {"check_array_api_input", "check_classifiers_multilabel_output_format_decision_function"}
"""What it skips there too: without SCIPY_ARRAY_API, and without a decision_function."""


@pytest.mark.parametrize("kind", CHECKS)
def test_all_checks_of_scikit_learn_pass(kind: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(kind(), on_skip=None, on_fail=None)
    assert [(each["check_name"], each["exception"]) for each in results if each["status"] in ("failed", "xfail")] == []
    assert {each["check_name"] for each in results if each["status"] != "passed"} <= SKIPPED
    assert len(results) >= CHECKS[kind]


def moons() -> tuple[Any, Any]:
    X, y = make_moons(200, noise=0.2, random_state=0)
    return X, np.array(["inner", "outer"], dtype=object)[y]


def test_labels_of_text_and_probabilities() -> None:
    X, y = moons()
    model = NetworkClassifier(random_state=0).fit(X, y)
    assert model.score(X, y) > 0.9
    assert list(model.classes_) == ["inner", "outer"]
    proba = model.predict_proba(X)
    assert np.allclose(proba.sum(axis=1), 1)
    assert (model.classes_[proba.argmax(axis=1)] == model.predict(X)).all()
    assert not hasattr(NetworkRegressor(), "predict_proba")


def test_the_same_seed_is_the_same_network_and_clones_and_pickles_predict_the_same() -> None:
    X, y = moons()
    model = NetworkClassifier(random_state=3, batch_size=32, epochs=5).fit(X, y)
    expected = model.predict_proba(X)
    assert np.array_equal(clone(model).fit(X, y).predict_proba(X), expected)
    restored = pickle.loads(pickle.dumps(model))
    assert np.array_equal(restored.predict_proba(X), expected)
    assert np.array_equal(restored.partial_fit(X, y).predict_proba(X), model.partial_fit(X, y).predict_proba(X))


def test_a_pipeline_and_a_search_in_two_processes() -> None:
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), NetworkClassifier(epochs=30, random_state=0)),
        {"networkclassifier__lr": [1e-5, 0.02], "networkclassifier__hidden": [(5,), (10, 10)]},
        n_jobs=2,
        cv=3,
    )
    search.fit(X, y)
    assert search.best_params_["networkclassifier__lr"] == 0.02
    assert search.best_score_ > 0.9


class Own(nn.Module):
    def __init__(self, inputs: int, outputs: int, rng: np.random.Generator) -> None:
        super().__init__()
        self.layers = [
            nn.Linear(inputs, 16, rng=rng),
            nn.ReLU(),
            nn.Dropout(0.1, rng=rng),
            nn.Linear(16, outputs, rng=rng),
        ]

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x


def test_a_module_of_ones_own_by_a_factory() -> None:
    X, y = moons()
    model = NetworkClassifier(Own, optimizer="RMSprop", lr=0.01, weight_decay=1e-4, random_state=0)
    assert cross_val_score(model, X, y, cv=3).mean() > 0.85
    model.fit(X, y)
    assert isinstance(model.module_, Own)
    assert np.array_equal(model.predict_proba(X), model.predict_proba(X))


def test_weights_count_rows_and_zero_leaves_them_out() -> None:
    X, y = moons()
    weights = np.random.default_rng(0).integers(0, 4, len(X))
    weighted = NetworkClassifier(epochs=20, batch_size=1000, random_state=0).fit(X, y, weights)
    repeated = clone(weighted).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    assert np.allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-8)
    spoilt = X.copy()
    spoilt[weights == 0] = 1e6
    assert np.array_equal(clone(weighted).fit(spoilt, y, weights).predict(X), weighted.predict(X))


def test_partial_fit_learns_classes_that_come_later() -> None:
    X, y = moons()
    model = NetworkClassifier(random_state=0)
    with pytest.raises(ParameterError, match="needs classes="):
        model.partial_fit(X, y)
    order = np.argsort(y.astype(str))
    model.partial_fit(X[order[:50]], y[order[:50]], classes=["inner", "outer"])
    for _ in range(60):
        model.partial_fit(X, y)
    assert (model.n_iter_, len(model.loss_curve_)) == (61, 61)
    assert model.score(X, y) > 0.9
    with pytest.raises(ParameterError, match="classes .'middle'., which are not among"):
        model.partial_fit(X[:1], np.array(["middle"], dtype=object))


def test_several_outputs_and_several_labels() -> None:
    X = np.linspace(-1, 1, 60).reshape(-1, 1)
    y = np.hstack([np.sin(3 * X), X**2])
    model = NetworkRegressor(random_state=0).fit(X, y)
    assert model.predict(X).shape == (60, 2)
    assert model.score(X, y) > 0.9
    labels = (y > 0.3).astype(int)
    classifier = NetworkClassifier(random_state=0).fit(X, labels)
    assert set(np.unique(classifier.predict(X))) == {0, 1}
    assert (classifier.predict(X) == labels).mean() > 0.9


def test_single_precision_stays_single_and_large_data_comes_in_batches() -> None:
    X, y = moons()
    model = NetworkClassifier(epochs=2, batch_size=64, random_state=0).fit(X.astype(np.float32), y)
    assert {p.dtype for p in model.module_.parameters()} == {np.dtype(np.float32)}
    assert model.predict_proba(X.astype(np.float32)).dtype == np.float32
    assert {int(state["step"]) for state in model.optimizer_.state.values()} == {8}


def test_what_is_wrong_is_a_sentence() -> None:
    X, y = moons()
    with pytest.raises(NotFittedError):
        NetworkClassifier().predict(X)
    with pytest.raises(ParameterError, match="epochs=0"):
        NetworkClassifier(epochs=0).fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(ParameterError, match="optimizer='Lion' is not the name"):
        NetworkClassifier(optimizer="Lion").fit(X, y)
