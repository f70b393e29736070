"""`lsgd.scan`: a study over some keys, from a path, a mapping or a Study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import xarray as xr

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.study.loading import parse, resolved_yaml

STUDY: dict[str, Any] = {
    "name": "scanned",
    "seed": 1,
    "sgd": {"learning_rate": 0.1, "batch_size": 4},
    "models": {
        "ou": {
            "kind": "ornstein_uhlenbeck", "hessian": {"kind": "diagonal", "eigenvalues": [1.0]},
            "noise": {"kind": "isotropic", "scale": 1.0}, "steps": 40, "replicas": 4, "record_times": 3,
        }
    },
}  # fmt: skip
OVER = {"sgd.learning_rate": [0.1, 0.2], "sgd.batch_size": [2, 4]}


def test_a_study_of_any_form_is_scanned_as_its_config_would_be(tmp_path: Path) -> None:
    expected = lsgd.simulate({**STUDY, "scan": OVER})["ou"].dataset
    file = tmp_path / "study.yaml"
    file.write_text(resolved_yaml(parse(STUDY)), encoding="utf-8")
    for study in (STUDY, parse(STUDY), file):
        found = lsgd.scan(study, OVER)["ou"].dataset
        xr.testing.assert_identical(found, expected)
    assert expected["mode_variance"].sel(learning_rate=0.2, batch_size=2).dims == ("mode",)


def test_keys_are_added_to_those_that_the_study_scans() -> None:
    found = lsgd.scan({**STUDY, "scan": {"sgd.batch_size": [2, 4]}}, {"sgd.learning_rate": [0.1, 0.2]})
    assert found["ou"].dataset["mode_variance"].dims[:2] == ("batch_size", "learning_rate")
    with pytest.raises(UserError, match="overrides go with the path of a config"):
        lsgd.scan(STUDY, OVER, overrides=["seed=2"])
