"""Inputs and targets by the moments of the training set."""

import numpy as np

from langevin_sgd.training.data import loading as data
from langevin_sgd.training.data.breast_cancer import BreastCancerData
from langevin_sgd.training.data.diabetes import DiabetesData
from langevin_sgd.training.data.digits import DigitsData


def test_standardised_inputs_have_mean_0_and_variance_1_and_the_test_set_goes_along():
    raw, found = (data.load(DigitsData(standardise=on), 1) for on in (False, True))
    varies = raw.train_inputs.std(0) > 0
    assert 50 < varies.sum() < 64
    assert np.abs(found.train_inputs.mean(0)).max() < 1e-12
    np.testing.assert_allclose(found.train_inputs.std(0), varies, atol=1e-12)
    expected = (raw.test_inputs - raw.train_inputs.mean(0))[:, varies] / raw.train_inputs.std(0)[varies]
    np.testing.assert_allclose(found.test_inputs[:, varies], expected, rtol=1e-12)
    assert np.array_equal(found.train_labels, raw.train_labels)


def test_inputs_in_very_different_units_are_all_standardised():
    found = data.load(BreastCancerData(name="breast_cancer", standardise=True), 1)
    np.testing.assert_allclose(found.train_inputs.std(0), 1, rtol=1e-10)


def test_whitened_inputs_have_covariance_1_where_there_is_any():
    raw, found = (data.load(DigitsData(whiten=on), 1) for on in (False, True))
    covariance = np.cov(found.train_inputs.T, bias=True)
    values = np.linalg.eigvalsh(covariance)
    rank = np.linalg.matrix_rank(raw.train_inputs - raw.train_inputs.mean(0))
    np.testing.assert_allclose(values[-rank:], 1, rtol=1e-8)
    assert np.abs(values[:-rank]).max() < 1e-10
    assert np.allclose(covariance, covariance @ covariance)  # a projection: it only shifts and scales what it found
    few = data.load(DiabetesData(name="diabetes", whiten=True), 1)
    np.testing.assert_allclose(np.cov(few.train_inputs.T, bias=True), np.eye(10), atol=1e-9)


def test_real_targets_are_standardised_after_their_noise():
    keys = {"name": "diabetes", "noise": 50.0}
    raw, found = (data.load(DiabetesData(**keys, standardise_targets=on), 1) for on in (False, True))
    np.testing.assert_allclose(
        found.train_labels, (raw.train_labels - raw.train_labels.mean()) / raw.train_labels.std()
    )
    np.testing.assert_allclose(found.test_labels, (raw.test_labels - raw.train_labels.mean()) / raw.train_labels.std())
