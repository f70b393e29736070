from __future__ import annotations

from itertools import product

import pytest

from langevin_sgd.models.grid import Grid, point_number, within
from langevin_sgd.study.loading import parse

NETWORK = {"kind": "network", "architecture": {"kind": "softmax"}, "start": "minimum", "replicas": 4, "steps": 100}
OU = {"kind": "ornstein_uhlenbeck", "hessian": {"from": "network"}, "noise": {"from": "network"}, "steps": 100}
WELL = {
    "kind": "langevin",
    "potential": {"kind": "expression", "energy": "a*x**2", "variables": ["x"], "parameters": {"a": 1}},
    "start": [0.0], "temperature": 0.1, "steps": 10, "replicas": 4,
}  # fmt: skip
SGD = {"learning_rate": 0.1, "batch_size": 8, "weight_decay": 0.01}


def grid(name: str, scan: dict[str, object]) -> Grid:
    models = {"network": NETWORK, "ou": OU, "well": WELL}
    return Grid(parse({"name": "grid", "seed": 1, "sgd": SGD, "models": models, "scan": scan}), name)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_numbers_tell_points_apart_and_stay_when_axes_get_longer(axes: int) -> None:
    """They are a function of the place alone, so it is enough that no two places of a large grid have one."""
    places = list(product(range(24), repeat=axes))
    numbers = [point_number(place) for place in places]
    assert len(set(numbers)) == len(places)


def test_numbers_stay_small_for_few_values_of_one_key_and_many_of_another() -> None:
    """Of 32 bits those that are left tell replicas apart: at least 512 of them here."""
    assert [point_number((place,)) for place in (0, 5, 99_999)] == [0, 5, 99_999]
    for place in [(2, 99_999), (99_999, 2), (299, 299), (1, 1, 9_999), (99, 99, 99), (999, 999)]:
        assert point_number(place) < 1 << 23


def test_a_model_is_scanned_over_what_reaches_it_through_what_it_is_measured_on() -> None:
    scan = {"sgd.learning_rate": [0.1, 0.2], "models.network.data.label_noise": [0.0, 0.1, 0.2]}
    ou = grid("ou", scan)
    assert ou.dimensions == ("learning_rate", "label_noise")
    assert ou.shape == (2, 3)
    assert [ou.flat(place) for place in ou.places((0, 1), (2, 3))] == [1, 2, 4, 5]
    study = ou.block((1, 2), (2, 3)).study(0)
    assert (study.sgd.learning_rate, study.models["network"].data.label_noise) == (0.2, 0.2)
    assert study.axes() == ()


def test_what_is_measured_on_another_has_the_same_noise_at_every_point() -> None:
    scan = {"sgd.learning_rate": [0.1, 0.2]}
    assert list(grid("ou", scan).numbers((0,), (2,))) == [0, 0]
    assert list(grid("well", scan).numbers((0,), (2,))) == [0, 1]


def test_a_dimension_that_is_called_like_something_else_has_the_whole_key() -> None:
    assert grid("well", {"models.well.temperature": [0.1, 0.2]}).dimensions == ("temperature",)
    assert grid("well", {"models.well.potential.parameters.a": [0.1, 0.2]}).dimensions == ("a",)
    potential = {**WELL["potential"], "energy": "law*x**2", "parameters": {"law": 1}}
    study = parse({
        "name": "grid", "seed": 1, "sgd": SGD, "models": {"well": {**WELL, "potential": potential}},
        "scan": {"models.well.potential.parameters.law": [1, 2]},
    })  # fmt: skip
    assert Grid(study, "well").dimensions == ("models_well_potential_parameters_law",)


def test_a_key_lies_in_the_sections_that_begin_it() -> None:
    assert within("m", "sgd.learning_rate", "sgd")
    assert within("m", "models.m.sgd.learning_rate", "sgd.learning_rate")
    assert within("m", "models.m.potential.parameters.a", "potential.parameters")
    assert not within("m", "models.other.sgd.learning_rate", "sgd.learning_rate")
    assert not within("m", "sgd.learning_rate_of", "sgd.learning_rate")
