"""The config of basins: families expand to formulas, labels, starts, defaults; and the same study read back."""

import pytest

from langevin_sgd.config.errors import ConfigError
from langevin_sgd.models.basins.config import BasinsModel
from langevin_sgd.models.finished import configured
from langevin_sgd.study.loading import parse, resolved_yaml

FLAT = {"kind": "sharp_flat", "depth_difference": 0.5, "curvature_ratio": 4.0, "barrier": 1.0}


def config(**model: object) -> dict:
    given = {"kind": "basins", "potential": FLAT, "temperature": 1.0, "steps": 1000, **model}
    return {"name": "t", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 4}, "models": {"m": given}}


def model(**given: object) -> BasinsModel:
    found = parse(config(**given)).models["m"]
    assert isinstance(found, BasinsModel)
    return found


def test_a_family_is_a_formula_with_regions() -> None:
    found = model()
    assert found.landscape.variables == ("x",)
    assert set(found.regions()) == {"sharp", "flat"}
    assert found.known_labels() == ("sharp", "flat")
    assert list(model(labels=["s", "f"]).regions()) == ["s", "f"]
    assert model(basins={"a": "x < 1", "b": "x > 1"}).known_labels() == ("a", "b")
    assert len(model(potential={**FLAT, "dimension": 3}).landscape.variables) == 3


def test_the_window_is_the_second_half_unless_burn_in_says_otherwise() -> None:
    assert model().first_of_window == 500
    assert model(burn_in=100).first_of_window == 100


def test_it_is_read_back_from_what_is_written() -> None:
    study = parse(config(escape={"from": "sharp", "to": "flat"}))
    assert parse(study.as_written()) == study
    assert "from: sharp" in resolved_yaml(study)


def test_family_parameters_and_sgd_are_scanned() -> None:
    data = config(noise={"kind": "isotropic", "scale": 1.0})
    del data["models"]["m"]["temperature"]
    data["scan"] = {"models.m.potential.depth_difference": [0.1, 0.5], "sgd.batch_size": [1, 2]}
    assert len(configured(parse(data), "m")) == 4
    data["scan"] = {"models.m.potential.dimension": [1, 2]}
    with pytest.raises(ConfigError, match="cannot be scanned"):
        parse(data)


def test_momentum_and_heavy_ball_are_judged_as_in_the_langevin_model() -> None:
    data = config(scheme="baoab", sgd={"momentum": 0.5})
    with pytest.raises(ConfigError, match="knows no momentum"):
        parse(data)
