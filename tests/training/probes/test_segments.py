"""Barriers between replicas and the structure function of the loss, on losses whose answer is known."""

import numpy as np
import pytest

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.estimators.path_roughness import path_roughness, stretches
from langevin_sgd.study import loading
from langevin_sgd.training.probes.looks import spread_over

PROBES = [{"kind": "segments", "looks": 3, "pairs": 3}, {"kind": "roughness", "points": 16}]


def study(**network) -> dict:
    network = {
        "kind": "network", "data": {"name": "iris"}, "architecture": {"kind": "softmax"}, "replicas": 6, "steps": 60,
        "record_times": 24, "precision": "float64", "probes": PROBES, **network,
    }  # fmt: skip
    return {"name": "one", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 24}, "models": {"network": network}}


@pytest.fixture(scope="module")
def convex():
    return lsgd.simulate(study())["network"]


def test_a_convex_loss_has_no_barriers_and_differs_by_the_trapezoid(convex):
    assert convex.segment_step.values[-1] == 60
    assert (convex.segment_distance > 0).all()
    np.testing.assert_array_equal(convex.segment_barrier, 0.0)
    np.testing.assert_allclose(convex.segment_over_null, 1.0, atol=0.02)


def test_the_loss_along_trajectories_is_that_of_the_descent_and_random_directions_show_the_slope(convex):
    assert abs(float(convex.trajectory_alpha - convex.control_alpha)) < 0.1
    assert abs(float(convex.trajectory_alpha_by_length - convex.control_alpha_by_length)) < 0.1
    assert abs(float(convex.control_alpha_by_length - convex.control_alpha)) > 1e-3
    assert convex.trajectory_alpha_stderr > 0
    assert convex.trajectory_alpha_by_length_stderr > 0
    np.testing.assert_allclose(convex.direction_over_null[0], 1.0, atol=0.4)  # 32 directions: 1 + 1/8 within 3 errors


def test_planted_barriers_are_found():
    planted = {"kind": "planted_barriers", "hidden": [4], "lines": 6, "amplitude": 0.5, "shortest": 0.5}
    rough = {"architecture": planted, "loss": "cross_entropy_plus_energy", "replicas": 12, "steps": 100}
    noisy = study(**rough, probes=[{"kind": "segments", "looks": 2}])
    noisy["sgd"]["batch_size"] = 4  # or the noise of the first steps leaves all of them on one side of the hill tops
    found = lsgd.simulate(noisy)["network"]
    assert found.segment_barrier.dims == ("segment_look", "pair")
    assert found.segment_barrier[-1].max() > 0.05


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(UserError, match="fewer than two pairs"):
        loading.parse(study(replicas=3))
    with pytest.raises(UserError, match="needs 0 < SHORTEST < LONGEST"):
        loading.parse(study(probes=[{"kind": "roughness", "distances": [2.0, 1.0]}]))


def test_looks_are_spread_and_end_with_the_record():
    record = np.array([0, 1, 2, 4, 8, 16, 32, 64])
    assert spread_over(record, 3).tolist() == [2, 16, 64]
    assert spread_over(record, 100).tolist() == record[1:].tolist()


def test_the_exponent_of_paths_is_that_of_their_energy():
    """E = s^(1/2) along straight lines has E (Delta E)^2 ~ r^1 for r much longer than the start of the fit."""
    s = np.geomspace(0.001, 100.0, 120)
    rng = np.random.default_rng(4)
    directions = rng.normal(size=(8, 1, 5))
    paths = s[None, :, None] * directions / np.linalg.norm(directions, axis=2, keepdims=True)
    found = path_roughness(paths, np.tile(np.sqrt(s), (8, 1)), low=5.0, high=90.0)
    assert found.alpha == pytest.approx(1.0, abs=0.15)
    assert found.alpha_stderr < 1e-12
    assert found.amplitude_stderr < 1e-12
    assert np.isnan(path_roughness(paths[:1], np.tile(np.sqrt(s), (1, 1)), low=5.0, high=90.0).alpha_stderr)
    assert np.isnan(path_roughness(paths, np.tile(np.sqrt(s), (8, 1)), low=500.0, high=900.0).alpha)


def test_weighted_by_length_the_structure_function_is_that_of_the_places_whatever_the_clock():
    """E = s^2 along a straight line of length L: with M = L - r the mean over places is r^2 (4 M^2/3 + 2 M r + r^2), of
    which a bin has the average with weight M. Counted once, pairs of a clock that is not uniform give another alpha.
    """
    length, low, high = 10.0, 1.0, 8.0
    r = np.polynomial.Polynomial([0.0, 1.0])
    rest = length - r
    square = rest * r**2 * (4.0 * rest**2 / 3.0 + 2.0 * rest * r + r**2)
    edges = np.geomspace(low, high, 13)
    exact = np.diff(square.integ()(edges)) / np.diff(rest.integ()(edges))
    clocks = {
        "uniform": np.linspace(0.0, length, 400),
        "square": length * np.linspace(0.0, 1.0, 400) ** 2,
        "logarithmic": np.append(0.0, np.geomspace(0.01, length, 400)),
    }
    assert stretches([[0.0], [1.0], [3.0], [7.0]]).tolist() == [0.5, 1.5, 3.0, 2.0]
    by_length, once = {}, {}
    for name, s in clocks.items():
        path = s[:, None] * np.array([0.6, 0.8])
        assert stretches(path).sum() == pytest.approx(length)
        at = (path[None], (s**2)[None])
        found = path_roughness(*at, low=low, high=high, weights=stretches(path))
        np.testing.assert_allclose(found.value, exact, rtol=0.03)
        by_length[name], once[name] = found.alpha, path_roughness(*at, low=low, high=high).alpha
    assert np.ptp(list(by_length.values())) < 0.01
    assert once["uniform"] == pytest.approx(by_length["uniform"], abs=0.01)
    assert once["square"] > by_length["square"] + 0.3
    assert once["logarithmic"] > by_length["logarithmic"] + 0.3


def test_places_where_the_path_stands_still_count_for_nothing():
    """A path that rests at its end for nine tenths of the points, with energies of its own there."""
    s = np.linspace(0.0, 10.0, 60)
    path = np.append(s, np.full(540, 10.0))[:, None]
    energies = np.append(s**2, 100.0 + np.random.default_rng(6).normal(size=540))
    moving = path_roughness(s[None, :, None], (s**2)[None], low=1.0, high=8.0, weights=stretches(s[:, None]))
    whole = path_roughness(path[None], energies[None], low=1.0, high=8.0, weights=stretches(path))
    np.testing.assert_allclose(whole.value, moving.value, rtol=1e-12)
    still = path_roughness(np.zeros((2, 5, 1)), np.ones((2, 5)), low=1.0, high=8.0, weights=stretches(np.zeros((5, 1))))
    assert np.isnan(still.alpha)
    assert np.isnan(still.alpha_stderr)


def test_the_errors_of_the_fit_are_those_of_the_paths():
    """Over 40 sets of 8 random walks on E = x: the errors by the jackknife against the scatter of the sets."""
    rng = np.random.default_rng(5)
    walks = rng.normal(size=(40, 8, 60, 1)).cumsum(axis=2)
    found = [path_roughness(each, each[..., 0] + rng.normal(size=(8, 60)), low=1.0, high=8.0) for each in walks]
    for value, error in (("alpha", "alpha_stderr"), ("amplitude", "amplitude_stderr")):
        scatter = np.std([getattr(each, value) for each in found], ddof=1)
        assert np.median([getattr(each, error) for each in found]) == pytest.approx(scatter, rel=0.4)
