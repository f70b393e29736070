"""Sharpness after a rescaling of layers, against the full Hessian of the rescaled network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.training import curvature
from langevin_sgd.training.network import Network
from langevin_sgd.training.probes.scale_invariance import measure
from langevin_sgd.training.probes.scale_invariance.measure import exponents

FACTORS = [1.0, 3.0, 0.5]


def study(**network) -> dict:
    network = {
        "kind": "network", "data": {"name": "iris"}, "replicas": 3, "steps": 40, "record_times": 8,
        "architecture": {"kind": "mlp", "hidden": [4, 3], "activation": "relu"}, "precision": "float64",
        "probes": [{"kind": "scale_invariance", "factors": FACTORS, "replicas": 2, "vectors": 6}], **network,
    }  # fmt: skip
    return {"name": "one", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 24}, "models": {"network": network}}


@pytest.fixture(scope="module")
def measured():
    """What the probe says, and the full Hessian of each rescaled replica with its weights."""
    exact: dict[tuple[int, int], tuple] = {}
    observe = measure.ScaleInvariance.observe

    def kept(self, view):
        for replica in range(2):
            for place, factor in enumerate(FACTORS):
                w = view.positions[replica] * factor**self._powers
                exact[place, replica] = (curvature.hessian(view.loss, w), w)
        observe(self, view)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure.ScaleInvariance, "observe", kept)
        return lsgd.simulate(study())["network"], exact


def test_they_are_those_of_the_full_hessian(measured):
    found, exact = measured
    assert found.rescaled_top.dims == ("rescaling", "rescaled_replica")
    for (place, replica), (hessian, w) in exact.items():
        assert float(found.rescaled_top[place, replica]) == pytest.approx(np.linalg.eigvalsh(hessian)[-1], rel=1e-3)
        for name, scale in (("rescaled_trace", np.ones_like(w)), ("rescaled_invariant", w)):
            scaled = scale[:, None] * hessian * scale
            error = np.sqrt(2.0 * (np.sum(scaled**2) - np.sum(np.diag(scaled) ** 2)) / 6)
            assert abs(float(found[name][place, replica]) - np.trace(scaled)) < 4.0 * error


def test_function_and_invariant_stay_and_sharpness_does_not(measured):
    found, _ = measured
    assert (found.rescaled_output_change < 1e-12).all()
    np.testing.assert_allclose(found.rescaled_invariant, found.rescaled_invariant[[0, 0, 0]].values, rtol=1e-6)
    ratio = found.rescaled_top.sel(rescaling=3.0) / found.rescaled_top.sel(rescaling=1.0)
    assert (abs(np.log(ratio)) > 0.5).all()


def test_layers_are_those_with_weights_and_a_tanh_network_tells_that_it_changed():
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.LayerNorm(3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    powers = exponents(Network.of(module, dtype=torch.float64))
    np.testing.assert_array_equal(powers, [1.0] * 9 + [0.0] * 6 + [-1.0] * 6 + [0.0] * 2)
    with pytest.raises(UserError, match="needs a network of two layers"):
        exponents(Network.of(torch.nn.Linear(2, 2), dtype=torch.float64))
    tanh = lsgd.simulate(study(architecture={"kind": "mlp", "hidden": [4]}))["network"]
    assert (tanh.rescaled_output_change.sel(rescaling=3.0) > 1e-3).all()


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"replicas": 4}, "4 is more than the 3 of the network"),
        ({"factors": [2.0, 2.0]}, "factors: one of them is there"),
    ],
)
def test_keys_that_do_not_fit(keys, told):
    with pytest.raises(lsgd.ConfigError, match=told):
        lsgd.parse(study(probes=[{"kind": "scale_invariance", **keys}]))
