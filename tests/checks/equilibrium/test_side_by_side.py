"""A network beside what is simulated of it: the ratio of known variances, its error, and when it is a law."""

from __future__ import annotations

import math

import pytest

from langevin_sgd.checks.equilibrium.side_by_side import network_against_simulation, same_process
from langevin_sgd.checks.verdicts.statistics import Verdict


def row_of(network, simulation, *, same_noise=True, tolerance=0.1):
    (row,) = network_against_simulation(
        network, simulation, model="network", simulation_name="ou", same_noise=same_noise, tolerance=tolerance,
        confidence=0.95,
    )  # fmt: skip
    return row


def sides(make_stationary, *, of_network=None, of_simulation=None):
    network = make_stationary(seed=1, **{"replicas": 256, "samples": 200, **(of_network or {})})
    return network, make_stationary(seed=2, **{"replicas": 256, "samples": 200, **(of_simulation or {})})


def test_the_same_process_twice_agrees(make_stationary):
    network, simulation = sides(make_stationary)
    row = row_of(network, simulation)
    assert (row.verdict, row.role, row.law, row.quantity) == (
        Verdict.AGREES, "law", "simulation:ou", "total_variance"
    )  # fmt: skip
    assert row.measured == pytest.approx(float(network.mode_variance.sum()))
    assert row.predicted == pytest.approx(float(simulation.mode_variance.sum()))
    assert row.ratio_low < 1.0 < row.ratio_high


@pytest.mark.parametrize("planted", [0.75, 1.25])
def test_a_network_of_another_temperature_disagrees(make_stationary, planted):
    """The ratio is the planted one within 4 of its standard errors, and far from 1."""
    row = row_of(*sides(make_stationary, of_network={"scale": planted}))
    stderr = row.standard_error / row.predicted
    assert abs(row.ratio - planted) < 4 * stderr < abs(1 - planted)
    assert row.verdict is Verdict.DISAGREES


def test_errors_of_both_sides_add_in_quadrature(make_stationary):
    """Against itself each side is off by the same relative error, so the ratio by sqrt 2 of it; a side of a quarter of
    the replicas brings about twice the error, sqrt 5 together."""
    network, simulation = sides(make_stationary)
    error_alone = row_of(network, network).standard_error / math.sqrt(2.0)
    few = make_stationary(seed=3, replicas=64, samples=200)
    assert row_of(network, few).standard_error == pytest.approx(math.sqrt(5.0) * error_alone, rel=0.35)
    assert row_of(network, simulation).standard_error == pytest.approx(math.sqrt(2.0) * error_alone, rel=0.1)


def test_without_a_window_on_both_sides_there_is_no_row(make_stationary):
    network, simulation = sides(make_stationary)
    criteria = {"model": "a", "simulation_name": "b", "same_noise": True, "tolerance": 0.1, "confidence": 0.95}
    bare = network.drop_vars("mode_moment_1")
    assert network_against_simulation(bare, simulation, **criteria) == []
    assert network_against_simulation(network, bare, **criteria) == []


def test_two_replicas_have_no_verdict(make_stationary):
    row = row_of(*sides(make_stationary, of_simulation={"replicas": 2}))
    assert row.verdict is Verdict.INCONCLUSIVE
    assert "replicas" in row.reason


def test_a_side_that_is_not_equilibrated_spoils_the_verdict(make_stationary):
    row = row_of(*sides(make_stationary, of_simulation={"transient_deficit": 0.5}))
    assert row.verdict is Verdict.INCONCLUSIVE


CHANGED = {
    "another learning rate": lambda data: data.assign(learning_rate=data.learning_rate * 1.01),
    "another batch size": lambda data: data.assign(batch_size=data.batch_size + 1),
    "another momentum": lambda data: data.assign(momentum=0.5),
    "no momentum said": lambda data: data.drop_vars("momentum"),
    "the continuum equation": lambda data: data.assign_attrs(law="continuum"),
}


@pytest.mark.parametrize("case", CHANGED)
def test_of_another_process_nothing_is_claimed(make_stationary, case):
    network, simulation = sides(make_stationary, of_network={"samples": 20}, of_simulation={"samples": 20})
    assert same_process(network, simulation)
    other = CHANGED[case](simulation)
    assert not same_process(network, other)
    assert not same_process(other, network)
    assert row_of(network, other).role == "contrast"
    assert row_of(network, simulation, same_noise=False).role == "contrast"
