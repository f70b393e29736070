"""The time of a model, measured on small pieces of it before it runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made_up_models import basins, langevin, network, ou, potential

import langevin_sgd as lsgd
from langevin_sgd.models.grid import Grid, block_shape
from langevin_sgd.study import probe
from langevin_sgd.study.loading import parse
from langevin_sgd.study.plan import tasks
from langevin_sgd.study.probe import task_of

SCAN = {"sgd.learning_rate": {"linear": [0.1, 0.4, 20]}, "sgd.batch_size": [2, 4, 8], "models.m.steps": [100, 200]}
SMALL = {
    "ornstein_uhlenbeck": ou(steps=100, replicas=8),
    "langevin": langevin(steps=100, replicas=64),
    "basins": basins(steps=400, replicas=64, laws=False),
    "network": network(steps=20, replicas=4),
    "random_potential": potential(disorders=16, half_width=100, ln_time=[0.0, 0.5]),
}


@pytest.mark.parametrize("kind", SMALL)
def test_every_kind_has_a_time(kind):
    table = lsgd.plan(SMALL[kind])
    assert list(table["note"].values) == [""]
    assert 0 < table["seconds"].item() < math.inf


@pytest.mark.validate
def test_the_time_grows_with_the_steps():
    few, many = (lsgd.plan(langevin(steps=steps, replicas=4096)).attrs["seconds"] for steps in (100, 10**9))
    assert many > 100 * few


def test_a_task_by_its_number_is_that_of_the_list():
    study = parse({**ou(steps=100), "scan": {**SCAN, "models.m.steps": [100, 150, 200]}})
    grid = Grid(study, "m")
    every = list(tasks(study, "m", block_shape(grid)))
    assert len(every) > 2
    assert [task_of(grid, number) for number in range(len(every))] == every


def test_what_cannot_be_probed_says_why_and_so_does_what_is_measured_on_it():
    softmax = {"kind": "network", "architecture": {"kind": "softmax"}, "replicas": 4, "steps": 50}
    lent = {"kind": "ornstein_uhlenbeck", "hessian": {"from": "net"}, "noise": {"from": "net"}}
    given = network()
    models = {"net": {**softmax, "gradient_tolerance": 10.0}, "ou": lent}
    table = lsgd.plan({**given, "sgd": {**given["sgd"], "weight_decay": 0.0}, "models": models})
    assert np.isnan(table["seconds"]).all()
    first, second = table["note"].values
    assert first.startswith("not probed: a small piece of it cannot be run: ")
    assert second == "not probed: net could not be, and it is measured on it"


def test_a_piece_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(probe, "PATIENCE", -1.0)
    assert (
        lsgd.plan(langevin(steps=100, replicas=64))["note"].item().startswith("not probed: a small piece of it takes")
    )


def test_a_model_has_bounded_time_to_be_probed_and_what_it_does_not_tell_is_said(monkeypatch):
    run, pieces = probe._Piece.run, []
    monkeypatch.setattr(probe, "BUDGET", -1.0)
    monkeypatch.setattr(probe._Piece, "run", lambda piece, *given: (pieces.append(given), run(piece, *given))[1])
    table = lsgd.plan(network(steps=400, replicas=4))
    assert len(pieces) == 3  # twice the smallest, and once with more steps
    assert table["note"].item().startswith("time does not count ")
    assert table["seconds"].item() > 0


def test_a_piece_that_is_given_up_counts_in_proportion_to_what_it_had_done():
    patience = probe._Patience(0.0)
    patience.began = patience.task = patience.task - 2.0
    with pytest.raises(probe._OutOfPatience) as given_up:
        patience.update(1.0, 4.0)
    assert given_up.value.seconds == pytest.approx(8.0, rel=0.05)
    with pytest.raises(probe._OutOfPatience) as given_up:
        patience.begin("steps")
    assert math.isnan(given_up.value.seconds)
