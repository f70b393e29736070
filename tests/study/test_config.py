"""What a study says of its models, and what it refuses as a whole."""

import subprocess
import sys

import pytest
from made_up_configs import GIVEN, NETWORK, fault, study

from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.models.ornstein_uhlenbeck.config import OrnsteinUhlenbeckModel
from langevin_sgd.study import loading as config
from langevin_sgd.study.config import Study
from langevin_sgd.training.architectures.mlp import MultilayerPerceptron
from langevin_sgd.training.architectures.module import Module
from langevin_sgd.training.data.section import train_size


def test_defaults_are_those_of_the_documentation() -> None:
    parsed = config.parse(study())
    network = parsed.models["network"]
    assert isinstance(network, NetworkModel)
    assert parsed.sgd.momentum == 0.0
    assert parsed.sgd.sampling == "with_replacement"
    assert (network.replicas, network.record_times, network.precision) == (64, 64, "float32")
    assert network.data.name == "digits"
    assert network.measure_curvature is True
    assert network.parameters() == 650
    ou = parsed.models["ou"]
    assert isinstance(ou, OrnsteinUhlenbeckModel)
    assert (ou.replicas, ou.start, ou.dynamics) == (256, "minimum", "discrete")
    assert parsed.checks[0].tolerance == 0.05
    assert parsed.run_directory == "runs/test"


def test_curvature_is_measured_by_default_only_at_the_minimum() -> None:
    for start, expected in (("minimum", True), ("shared", False), ("independent", False)):
        parsed = config.parse(study(models={"network": {**NETWORK, "start": start}}, checks=[]))
        assert parsed.models["network"].measure_curvature is expected


def test_a_study_is_immutable_and_parses_to_itself() -> None:
    parsed = config.parse(study())
    assert config.parse(parsed) is parsed
    with pytest.raises(ValueError, match="frozen"):
        parsed.seed = 2  # type: ignore[misc]


def test_an_inconsistent_study_cannot_be_built_directly_either() -> None:
    parsed = config.parse(study())
    with pytest.raises(ValueError, match="inconsistent"):
        Study(**{**dict(parsed), "sgd": parsed.sgd.model_copy(update={"batch_size": 1500})})


@pytest.mark.parametrize("eta", [0.1, 1.0, 1.9, 2.0])
def test_stability_limit_of_given_eigenvalues(eta: float) -> None:
    given = {**GIVEN, "hessian": {"kind": "diagonal", "eigenvalues": [0.5, 1.0]}}
    mapping = study(sgd={"learning_rate": eta, "batch_size": 1}, models={"given": given})
    if eta < 2:
        config.parse(mapping)
        return
    assert "stability limit" in fault(mapping)
    mapping["models"]["given"]["dynamics"] = "continuum"
    config.parse(mapping)
    mapping["models"]["given"].update(dynamics="discrete", sgd={"momentum": 0.01})
    config.parse(mapping)


def test_flat_and_unstable_modes_are_allowed_only_without_noise() -> None:
    flat = {"kind": "diagonal", "eigenvalues": [1.0, 0.0]}
    quiet = {"kind": "diagonal", "variances": [1.0, 0.0]}
    config.parse(study(models={"given": {**GIVEN, "hessian": flat, "noise": quiet}}))
    assert "not positive" in fault(study(models={"given": {**GIVEN, "hessian": flat}}))
    rotated = {"kind": "full", "matrix": [[0.5, 0.5], [0.5, 0.5]]}
    along = {"kind": "full", "matrix": [[1.0, 1.0], [1.0, 1.0]]}
    across = {"kind": "full", "matrix": [[1.0, -1.0], [-1.0, 1.0]]}
    config.parse(study(models={"given": {**GIVEN, "hessian": rotated, "noise": along}}))
    assert "not positive" in fault(study(models={"given": {**GIVEN, "hessian": rotated, "noise": across}}))


def test_checks_cover_models_with_a_stationary_window() -> None:
    far = {**NETWORK, "start": "shared"}
    parsed = config.parse(study(models={"far": far, "given": GIVEN}))
    assert parsed.checks[0].covered(parsed) == ("given",)
    named = config.parse(study(checks=[{"kind": "equilibrium", "models": ["ou"]}]))
    assert named.checks[0].covered(named) == ("ou",)


def test_split_and_parameter_count() -> None:
    assert train_size(1797, 0.2) == 1797 - 359
    assert train_size(100, 0.0) == 100
    mlp = MultilayerPerceptron(kind="mlp", hidden=(32,))
    assert mlp.parameters((64,), 10) == 64 * 32 + 32 + 32 * 10 + 10
    assert Module(kind="module", factory="a:b").parameters((64,), 10) is None


def test_import_is_light() -> None:
    heavy = ("numpy", "scipy", "torch", "xarray")
    code = f"import sys, langevin_sgd.study.config; print([m for m in {heavy} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_a_network_that_others_are_measured_on_starts_at_its_minimum_unless_told_otherwise() -> None:
    network = {"kind": "network", "architecture": {"kind": "softmax"}, "steps": 1000}
    alone = {"name": "s", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 16}, "models": {"network": network}}
    assert config.parse(alone).models["network"].start == "shared"
    ou = {"kind": "ornstein_uhlenbeck", "hessian": {"from": "network"}, "noise": {"from": "network"}}
    both = config.parse({**alone, "models": {"network": network, "ou": ou}}).models["network"]
    assert (both.start, both.measure_curvature) == ("minimum", True)
