"""What kinds of model say of themselves: the observables that they promise are there once they have run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import langevin_sgd as lsgd
from langevin_sgd.models import MODELS as FAMILY
from langevin_sgd.study import loading as config

MODELS_THERE_ARE = tuple(FAMILY)
SGD: dict[str, Any] = {"learning_rate": 0.1, "batch_size": 8, "weight_decay": 0.1}
NETWORK: dict[str, Any] = {"kind": "network", "architecture": {"kind": "mlp", "hidden": [2]}, "replicas": 2}
WELL: dict[str, Any] = {"kind": "quartic", "barrier": 0.5}
BASINS: dict[str, Any] = {"kind": "basins", "potential": WELL, "temperature": 1.0, "steps": 600, "replicas": 8}
MODELS: dict[str, dict[str, Any]] = {
    "wandering": {**NETWORK, "steps": 20, "probes": ["sharpness"]},
    "structures": {**NETWORK, "steps": 20, "probes": [{"kind": "inherent_structures", "snapshots": 2}]},
    "ou": {
        "kind": "ornstein_uhlenbeck",
        "hessian": {"kind": "diagonal", "eigenvalues": [1.0, 2.0]},
        "noise": {"kind": "isotropic", "scale": 1.0},
        "replicas": 4,
        "steps": 200,
    },
    "basins": BASINS,
    "escape": {**BASINS, "laws": False, "escape": {"from": "left", "to": "right"}},
    "walker": {"kind": "random_potential", "alpha": 1.0, "disorders": 4, "half_width": 200, "ln_time": [0.0, 4.0]},
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_what_it_says_it_emits(name: str) -> None:
    study = config.parse({"name": "one", "seed": 1, "sgd": SGD, "models": {"model": MODELS[name]}})
    promised = study.models["model"].emits()
    assert promised
    assert promised <= set(lsgd.simulate(study)["model"].data_vars)


def test_of_a_check_that_names_no_model_those_are_covered_that_emit_what_it_requires() -> None:
    study = config.parse({"name": "all", "seed": 1, "sgd": SGD, "models": MODELS, "checks": ["occupancy", "diffusion"]})
    covered = {check.kind: check.covered(study) for check in study.checks}
    assert covered == {"occupancy": ("basins", "escape"), "diffusion": ("walker",)}


def test_study_and_what_all_models_share_name_no_kind() -> None:
    package = Path(config.__file__).parents[1]
    files = [*(package / "study").glob("*.py"), *(package / "models").glob("*.py"), *(package / "config").glob("*.py")]
    tables = [package / "models" / "__init__.py"]  # of the family: a line a kind
    for file in sorted(set(files) - set(tables)):
        named = [kind for kind in MODELS_THERE_ARE if f'"{kind}"' in file.read_text(encoding="utf-8")]
        assert not named, file
