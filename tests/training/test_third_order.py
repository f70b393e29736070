"""Third-order tensors of a network against differences of its Hessian and noise, and moments of its gradients."""

import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.training import curvature
from langevin_sgd.training.gaussian_averages import Surroundings
from langevin_sgd.training.third_order import third_order
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.view import Instruments

CHOSEN, STEP = np.array([0, 2, 3]), 1e-4


@pytest.fixture
def measured(make_network, samples):
    network = make_network(nn.Linear(9, 3), nn.Tanh(), nn.Linear(3, 4))
    instruments = Instruments(network, samples, None, weight_decay=0.01, workers=Workers(1))
    origin = network.weights().numpy().copy()
    basis = curvature.eigenbasis(curvature.hessian(instruments.energy, origin))[1][:, :20]
    about = Surroundings(origin, basis, np.ones(20))
    return instruments, about, third_order(instruments, about, CHOSEN, np.full(3, 0.01))


def along(function, about, coordinate):
    """The central difference of a matrix (d, d) along a coordinate, in coordinates."""
    up, down = (function(about.origin + sign * STEP * about.basis[:, coordinate]) for sign in (1.0, -1.0))
    return about.basis.T @ (up - down) @ about.basis / (2.0 * STEP)


def test_tensors_are_derivatives_of_the_hessian_and_of_the_noise(measured):
    instruments, about, found = measured
    for place, coordinate in enumerate(CHOSEN):
        hessian = along(lambda w: curvature.hessian(instruments.loss, w), about, coordinate)
        np.testing.assert_allclose(found.energy[place], hessian[CHOSEN], rtol=1e-4, atol=1e-4 * np.abs(hessian).max())
        noise = along(lambda w: curvature.noise_covariance(instruments.loss, w), about, coordinate)
        np.testing.assert_allclose(found.noise_along[place], noise[CHOSEN], atol=1e-6 * np.abs(noise).max())
        np.testing.assert_allclose(
            found.noise[:, :, coordinate], noise[np.ix_(CHOSEN, CHOSEN)], atol=1e-6 * np.abs(noise).max()
        )


def test_the_third_cumulant_is_that_of_the_samples_gradients(measured):
    instruments, about, found = measured
    rows: list[torch.Tensor] = []
    instruments.loss.sample_gradients(about.origin, lambda block: rows.append(block.clone()))
    slopes = torch.cat(rows).numpy() @ about.basis
    centred = slopes - slopes.mean(axis=0)
    few = centred[:, CHOSEN]
    expected = np.einsum("na,nb,ni->abi", few, few, centred) / len(slopes)
    np.testing.assert_allclose(found.cumulant, expected, atol=1e-12 * np.abs(expected).max() + 1e-14)
