"""A network whose curvature is measured in its sharpest modes alone."""

from typing import Any

import numpy as np
import pytest
from made_up_networks import trained

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.estimators.stationary import jackknife_stderr, leave_one_out_variance

pytestmark = pytest.mark.usefixtures("own_modules")

MODES = {"start": "minimum", "curvature": {"modes": 5}}


def study(network: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    own = {"kind": "network", "data": {"name": "made_up:blobs"}, "architecture": {"kind": "softmax"}, "steps": 300}
    sgd = {"learning_rate": 0.1, "batch_size": 8, "weight_decay": 0.05}
    models = {"network": {**own, **MODES, **(network or {})}, **more.pop("models", {})}
    return {"name": "modes", "seed": 1, "sgd": sgd, "models": models, **more}


def test_the_modes_are_the_sharpest_of_all_and_the_training_is_the_same() -> None:
    """Eigenvalues, noise and every moment along them are those of the run that measures H and C in full."""
    some, whole = trained(**MODES), trained(start="minimum")
    assert some.sizes["mode"] == 5
    assert not {"hessian", "noise_covariance", "parameter_2", "stationary_energy", "alignment"} & set(some.variables)
    # the minimum of all modes is found more exactly, by Newton steps after the search
    np.testing.assert_allclose(some.energy, whole.energy, rtol=1e-5)
    np.testing.assert_allclose(some.hessian_eigenvalue, whole.hessian_eigenvalue[:5], rtol=1e-5)
    for name in ("noise_in_mode", "mode_variance", "mode_variance_predicted", "autocorrelation_time"):
        np.testing.assert_allclose(some[name], whole[name][:5], rtol=1e-4, err_msg=name)
    for name in ("noise_scale", "temperature"):  # sigma^2 = tr C/d is that of all directions
        assert float(some[name]) == pytest.approx(float(whole[name]), rel=1e-5)
    laws = (found.mode_variance_law.sel(law="isotropic").values[:5] for found in (some, whole))
    np.testing.assert_allclose(*laws, rtol=1e-5)
    share = np.trace(some.noise_in_modes.values) / np.trace(whole.noise_covariance.values)
    assert float(some.noise_share) == pytest.approx(share, rel=1e-5)
    assert 0.3 < share < 1.0


def test_variance_and_energy_along_the_modes_follow_their_law() -> None:
    """Total variance and energy within 4 standard errors and 3%; half the law, or B - 1, is far outside."""
    found = trained(**MODES, replicas=64, steps=3000, sgd={"learning_rate": 0.05})
    total = float(found.mode_variance.sum())
    moments = found.mode_moment_1.values, found.mode_moment_2.values
    stderr = float(jackknife_stderr(leave_one_out_variance(*moments).sum(1)))
    law = float(found.mode_variance_predicted.sum())
    assert abs(total - law) < 4 * stderr + 0.03 * law  # 3% for the anharmonicity, of order T
    for wrong in (law / 2, law * 8 / 7):
        assert abs(total - wrong) > 4 * stderr + 0.03 * wrong
    weights = found.energy_law_weight.sel(law="discrete").sum()
    np.testing.assert_allclose(float(found.mode_energy.mean()), weights, rtol=0.04)
    energy = found.mode_moment_2.values @ found.hessian_eigenvalue.values / 2
    np.testing.assert_allclose(found.mode_energy.mean("sample"), energy, rtol=1e-9)


def test_the_check_says_what_the_modes_cover() -> None:
    table = lsgd.check(lsgd.simulate(study({"steps": 3000, "replicas": 16}, checks=["equilibrium"])))
    rows = table.isel(comparison=table["quantity"].values == "total_variance")
    assert all("5 modes with" in reason and "% of tr C" in reason for reason in rows["reason"].values)
    assert "spread" not in table["quantity"].values  # the law of the displacement takes all modes


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"curvature": {"modes": 0}}, r"curvature\.modes: 0 must be greater than or equal to 1|curvature\.modes.*0"),
        ({"curvature": {"modes": "many"}}, r"curvature\.modes"),
        ({"curvature": {"mode": 3}}, r"curvature\.mode\b"),
        ({"start": "shared"}, r"curvature.*is measured at the minimum, but start is shared; give start: minimum"),
        ({"measure_curvature": False}, r"curvature.*but measure_curvature is false"),
        ({"data": {"name": "digits"}, "curvature": {"modes": 650}}, r"curvature\.modes: 650 of a network of 650"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told) as caught:
        lsgd.simulate(study(changed))
    assert "\n" not in str(caught.value).strip()


def test_more_modes_than_weights_are_told_once_the_network_is_there() -> None:
    with pytest.raises(UserError, match="15 modes of 15 weights; give fewer"):
        trained(start="minimum", curvature={"modes": 15})


def test_who_takes_h_and_c_needs_them_in_full() -> None:
    ou = {"kind": "ornstein_uhlenbeck", "hessian": {"from": "network"}, "noise": {"from": "network"}}
    with pytest.raises(UserError, match=r"curvature.*leaves H and C unknown beyond its modes, but ou takes them"):
        lsgd.simulate(study(models={"ou": ou}))
