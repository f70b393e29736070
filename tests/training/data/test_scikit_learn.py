"""The data sets that scikit-learn comes with: as large as they say, and the numbers themselves."""

import numpy as np
import pytest
from sklearn import datasets

from langevin_sgd.training.data import DATA, loading
from langevin_sgd.training.data.dataset import checked

TABLES = ["breast_cancer", "wine", "iris", "diabetes"]


@pytest.mark.parametrize("name", ["digits", *TABLES])
def test_the_size_is_known_before_it_is_loaded(name: str) -> None:
    section = DATA[name](name=name)
    loaded, shape = checked(section.load(), name), section.shape()
    assert loaded.train_inputs.shape == (shape.samples, shape.inputs)
    assert (loaded.classes, loaded.targets, loaded.outputs) == (shape.classes, shape.targets, shape.outputs)
    assert loaded.test_inputs is None


@pytest.mark.parametrize("name", TABLES)
def test_the_numbers_are_those_of_scikit_learn(name: str) -> None:
    raw = {"scaled": False} if name == "diabetes" else {}
    inputs, targets = getattr(datasets, f"load_{name}")(return_X_y=True, **raw)
    loaded = DATA[name](name=name).load()
    assert np.array_equal(loaded.train_inputs, inputs)
    assert np.array_equal(loaded.train_labels, targets)


@pytest.mark.parametrize("name", TABLES)
def test_measurements_are_standardised_unless_told_otherwise(name: str) -> None:
    kind = DATA[name]
    found = loading.load(kind(name=name), 1)
    np.testing.assert_allclose(found.train_inputs.mean(0), 0.0, atol=1e-12)
    np.testing.assert_allclose(found.train_inputs.var(0), 1.0, rtol=1e-12)
    raw = loading.load(kind(name=name, standardise=False), 1)
    assert raw.train_inputs.var(0).max() > 3.0 * raw.train_inputs.var(0).min()
    white = loading.load(kind(name=name, whiten=True), 1)
    np.testing.assert_allclose(np.cov(white.train_inputs.T, bias=True), np.eye(raw.train_inputs.shape[1]), atol=1e-6)
    assert not list(kind(name=name, whiten=True).problems("n", data=(), batch_size=1, batch_size_at=()))


def test_targets_of_diabetes_are_standardised_unless_told_otherwise() -> None:
    found = loading.load(DATA["diabetes"](name="diabetes"), 1)
    assert found.train_labels.mean() == pytest.approx(0.0, abs=1e-12)
    assert found.train_labels.var() == pytest.approx(1.0, rel=1e-12)
    raw = loading.load(DATA["diabetes"](name="diabetes", standardise_targets=False), 1)
    assert raw.train_labels.max() == 346.0


@pytest.mark.parametrize("name", TABLES)
def test_they_read_no_folder(name: str) -> None:
    assert "reads no folder" in DATA[name](name=name, folder="here").folder_problem()


@pytest.mark.parametrize("key", ["standardise", "whiten"])
def test_no_sample_need_be_kept_for_testing(key: str) -> None:
    found = loading.load(DATA["diabetes"](name="diabetes", test_fraction=0.0, **{key: True}), 1)
    assert found.train_inputs.shape == (442, 10)
    assert found.test_inputs.shape == (0, 10)
