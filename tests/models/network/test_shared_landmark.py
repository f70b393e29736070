"""Networks of a study with the same minimum: it is found, and H and C are measured there, once."""

from pathlib import Path

import numpy as np
import pytest

import langevin_sgd as lsgd
from langevin_sgd.models.network.landmarks import forget
from langevin_sgd.training import curvature, minimum
from langevin_sgd.training.ensemble import Ensemble

SHARED = ("minimum", "hessian", "noise_covariance", "hessian_eigenvalue", "hessian_eigenvector", "energy_at_minimum")


def study(*changes: dict) -> dict:
    network = {
        "kind": "network", "data": {"name": "iris"}, "architecture": {"kind": "softmax"}, "start": "minimum",
        "replicas": 2, "steps": 60, "burn_in": 20, "record_times": 4, "gradient_tolerance": 1e-3,
    }  # fmt: skip
    models = {f"n{place}": {**network, **change} for place, change in enumerate(changes)}
    sgd = {"learning_rate": 0.1, "batch_size": 8, "weight_decay": 0.1}
    return {"name": "shared", "seed": 1, "sgd": sgd, "models": models}


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often a minimum was searched and its curvature measured."""
    counts = {"find": 0, "measure": 0}

    def counting(name: str, function: object) -> object:
        def call(*args: object, **kwargs: object) -> object:
            counts[name] += 1
            return function(*args, **kwargs)  # type: ignore[operator]

        return call

    monkeypatch.setattr(minimum, "find", counting("find", minimum.find))
    monkeypatch.setattr(curvature, "measure", counting("measure", curvature.measure))
    return counts


LARGER = {"sgd": {"batch_size": 16}, "replicas": 3}


def test_it_is_measured_once_to_the_same_bits_whoever_asks_first(counted: dict[str, int]) -> None:
    both = lsgd.simulate(study({}, LARGER))
    assert counted == {"find": 1, "measure": 1}
    alone = lsgd.simulate(study(LARGER))["n0"]
    for name in alone.data_vars:
        np.testing.assert_array_equal(both["n1"][name], alone[name], err_msg=name)
    for name in SHARED:
        assert np.array_equal(both["n0"][name], both["n1"][name]), name


@pytest.mark.parametrize("change", [{"sgd": {"weight_decay": 0.2}}, {"data": {"name": "iris", "label_noise": 0.1}}])
def test_another_minimum_is_another(counted: dict[str, int], change: dict) -> None:
    tree = lsgd.simulate(study({}, change))
    assert counted == {"find": 2, "measure": 2}
    assert not np.allclose(tree["n0"].minimum, tree["n1"].minimum, rtol=1e-3)


def test_it_is_shared_after_an_interruption_too(
    counted: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = lsgd.simulate(study({}, LARGER))
    advance = Ensemble.advance

    def stopped(self: Ensemble, *args: object) -> None:
        if len(self.weights) == 3:
            raise KeyboardInterrupt
        advance(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Ensemble, "advance", stopped)
    with pytest.raises(KeyboardInterrupt):
        lsgd.simulate(study({}, LARGER), output=tmp_path / "run")
    monkeypatch.setattr(Ensemble, "advance", advance)
    counted.update(find=0, measure=0)
    forget()
    resumed = lsgd.simulate(study({}, LARGER), output=tmp_path / "run", resume=True)
    assert counted == {"find": 0, "measure": 0}
    for name in whole["n1"].data_vars:
        np.testing.assert_array_equal(whole["n1"][name], resumed["n1"][name], err_msg=name)
