"""The data sets that scikit-learn comes with: as large as they say, and the numbers themselves."""

import numpy as np
import pytest
from sklearn import datasets

from langevin_sgd.training.data import DATA
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
def test_they_read_no_folder(name: str) -> None:
    assert "reads no folder" in DATA[name](name=name, folder="here").folder_problem()
