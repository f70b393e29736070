"""The Ornstein-Uhlenbeck model as a study runs it: H and C from the config, observables against their laws."""

import numpy as np
import pytest
import xarray as xr

import langevin_sgd as lsgd
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.laws.linear_process import LinearProcess
from langevin_sgd.models.context import Context
from langevin_sgd.models.failed import PointFailed
from langevin_sgd.models.ornstein_uhlenbeck.config import OrnsteinUhlenbeckModel
from langevin_sgd.models.ornstein_uhlenbeck.run import resolve_modes, run
from langevin_sgd.observables.scanned import each_point
from langevin_sgd.study.loading import parse

H = [[0.8, 0.1, 0.0], [0.1, 0.3, 0.05], [0.0, 0.05, 0.2]]
C = [[1.0, 0.3, 0.1], [0.3, 0.5, -0.1], [0.1, -0.1, 0.4]]


def study(**model: object) -> dict:
    ou = {
        "kind": "ornstein_uhlenbeck",
        "hessian": {"kind": "full", "matrix": H},
        "noise": {"kind": "full", "matrix": C},
        "replicas": 512,
        "steps": 4000,
        **model,
    }
    return {
        "name": "ou",
        "seed": 4,
        "sgd": {"learning_rate": 0.5, "batch_size": 4},
        "models": {"ou": ou},
        "checks": ["equilibrium"],
    }


@pytest.mark.covering(strength=2)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("dynamics", ["discrete", "continuum"])
@pytest.mark.parametrize("start", ["minimum", "stationary", {"displacement": [0.5, -1.0, 2.0]}])
def test_simulation_follows_its_own_law(momentum: float, dynamics: str, start: object) -> None:
    """Every mode's variance within 4.5 standard errors, every recorded spread within 5 (64 correlated times)."""
    config = study(dynamics=dynamics, start=start) | {"checks": []}
    config["sgd"]["momentum"] = momentum
    ds = lsgd.simulate(config)["ou"]
    z = (ds.mode_variance - ds.mode_variance_predicted) / ds.mode_variance_stderr
    assert float(np.abs(z).max()) < 4.5
    assert float(np.abs(ds.mode_mean / ds.mode_mean_stderr).max()) < 4.5
    late = ds.step > 0
    z = ((ds.spread - ds.spread_predicted) / ds.spread_stderr).where(late, drop=True)
    assert float(np.abs(z).max()) < 5
    deviation = (ds.drift_squared - ds.drift_squared_predicted).where(late, drop=True)
    if isinstance(start, dict):
        assert float(np.abs(deviation / ds.drift_squared_stderr).max()) < 5
    else:
        # Without drift |mean|^2 is (spread/R) chi^2_1 at the widest: 25 times its mean has probability 6e-7 a time.
        assert float((deviation / (ds.spread / ds.sizes["replica"])).max()) < 24
    assert float(ds.drift_squared[0]) == 0.0


def test_planted_three_percent_is_seen() -> None:
    """The z-scores above would notice a temperature off by 3%: 2,048 replicas put it beyond 6 standard errors."""
    ds = lsgd.simulate(study(start="stationary", replicas=2048, steps=2000, sample_every=16) | {"checks": []})["ou"]
    z = (ds.mode_variance - 1.03 * ds.mode_variance_predicted) / ds.mode_variance_stderr
    assert float(np.abs(z).max()) > 6


def measured() -> xr.Dataset:
    k, v = np.linalg.eigh(np.array(H))
    return xr.Dataset(
        {
            "hessian_eigenvalue": ("mode", k[::-1]),
            "hessian_eigenvector": (("parameter", "mode"), v[:, ::-1]),
            "noise_covariance": (("parameter", "parameter_2"), np.array(C)),
        }
    )


def test_measured_and_given_matrices_are_the_same_model() -> None:
    given = OrnsteinUhlenbeckModel.model_validate(study()["models"]["ou"])
    taken = OrnsteinUhlenbeckModel.model_validate(
        {"kind": "ornstein_uhlenbeck", "hessian": {"from": "net"}, "noise": {"from": "net"}}
    )
    a, b = resolve_modes(given, {}), resolve_modes(taken, {"net": measured()})
    np.testing.assert_allclose(a.eigenvalues, b.eigenvalues, rtol=1e-12)
    np.testing.assert_allclose(np.abs(a.noise), np.abs(b.noise), rtol=1e-10, atol=1e-14)
    assert np.all(np.diff(a.eigenvalues) < 0)
    np.testing.assert_allclose(a.eigenvectors @ a.noise @ a.eigenvectors.T, C, atol=1e-14)


def test_isotropic_and_diagonal_noise_keep_the_trace() -> None:
    for kind in ("isotropic", "diagonal"):
        model = OrnsteinUhlenbeckModel.model_validate(
            {"kind": "ornstein_uhlenbeck", "hessian": {"from": "net"}, "noise": {"kind": kind, "from": "net"}}
        )
        noise = resolve_modes(model, {"net": measured()}).noise
        assert np.count_nonzero(noise - np.diag(np.diagonal(noise))) == 0
        assert np.trace(noise) == pytest.approx(np.trace(C), rel=1e-12)


def test_diagonal_matrices_are_sorted_together() -> None:
    model = OrnsteinUhlenbeckModel.model_validate(
        {
            "kind": "ornstein_uhlenbeck",
            "hessian": {"kind": "diagonal", "eigenvalues": [0.1, 1.0, 0.5]},
            "noise": {"kind": "diagonal", "variances": [1.0, 2.0, 3.0]},
        }
    )
    modes = resolve_modes(model, {})
    assert modes.eigenvalues.tolist() == [1.0, 0.5, 0.1]
    assert np.diagonal(modes.noise).tolist() == [2.0, 3.0, 1.0]


def test_laws_state_the_temperature_and_the_isotropic_variance() -> None:
    k, c = np.array([0.5, 0.1]), np.array([[2.0, 0.5], [0.5, 1.0]])
    laws = LinearProcess(k, c, Sgd(learning_rate=0.2, batch_size=8), "discrete")
    assert laws.temperature() == pytest.approx(0.2 * 1.5 / 8)
    np.testing.assert_allclose(np.diagonal(laws.covariance("isotropic")), laws.temperature() / 2 / k)
    # <E> = tr(HS)/2 = d T/4 for the isotropic law, and the continuum law with the measured C has the same mean energy
    assert laws.energy_weights("isotropic").sum() == pytest.approx(2 * laws.temperature() / 4)
    assert laws.energy_weights("continuum").sum() == pytest.approx(2 * laws.temperature() / 4)


def test_continuum_above_the_stability_limit_of_sgd_has_no_discrete_law() -> None:
    config = study(dynamics="continuum", steps=200)
    config["sgd"]["learning_rate"] = 3.0
    ds = lsgd.simulate(config)["ou"]
    assert ds.law.values.tolist() == ["continuum", "isotropic"]


def test_transient_deficit_is_that_of_the_law() -> None:
    laws = LinearProcess(np.array([0.1]), np.array([[1.0]]), Sgd(learning_rate=0.1, batch_size=1), "discrete")
    steps = np.arange(100, 200)
    assert laws.transient_deficit(steps) == pytest.approx(np.mean(0.99 ** (2.0 * steps)), rel=1e-10)


def test_noise_that_vanishes_is_refused_before_anything_is_compared() -> None:
    """Epochs of one minibatch are full-batch descent."""
    laws = LinearProcess(
        np.array([1.0]), np.array([[1.0]]), Sgd(learning_rate=0.1, batch_size=20, sampling="epoch"), "epoch", 20
    )
    with pytest.raises(UserError, match="whole training set"):
        laws.refuse_unstable()


def test_a_start_displaced_along_a_mode_without_noise_refutes_nothing() -> None:
    """The mean still relaxes in the window, far longer than any noisy mode: inconclusive, not a deviation."""
    config = study(
        hessian={"kind": "diagonal", "eigenvalues": [1.0, 0.002]},
        noise={"kind": "diagonal", "variances": [1.0, 0.0]},
        start={"displacement": [1.0, 1.0]},
    )
    table = lsgd.simulate(config)["checks"]
    stationary = ~table.quantity.isin(["spread", "drift"])
    assert set(table.verdict.values[stationary.values & (table.role == "law").values]) == {"inconclusive"}
    assert "not equilibrated" in str(table.reason.values[0])


SCANS = [
    {"sgd.learning_rate": [0.02, 1.1, 2.2], "models.ou.noise.matrix.0.0": [1.0, 1.5]},
    {"sgd.momentum": [0.0, 0.5, 0.9]},
]


@pytest.mark.parametrize("scan", SCANS)
def test_points_of_one_launch_are_the_same_bits_as_alone(scan: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their windows have other lengths, and without momentum the state is another."""
    config = study(replicas=37, steps=90, record_times=9) | {"scan": scan, "checks": []}
    together = lsgd.simulate(config)["ou"].to_dataset()
    monkeypatch.setattr(OrnsteinUhlenbeckModel, "points_at_once", lambda self, study, name: 1)
    xr.testing.assert_identical(together, lsgd.simulate(config)["ou"].to_dataset())
    assert "sample_count" in together


def test_a_point_of_a_launch_that_grows_without_bound_fails_alone() -> None:
    """A mode without noise and of negative curvature, which is known to move only when the replicas do."""
    config = study(
        hessian={"kind": "diagonal", "eigenvalues": [1.0, 0.5]}, noise={"kind": "diagonal", "variances": [1.0, 0.0]},
        start={"displacement": [1.0, 1.0]}, replicas=8, steps=600, dynamics="continuum",
    ) | {"checks": [], "scan": {"models.ou.hessian.eigenvalues.1": [0.5, 0.7]}}  # fmt: skip
    model = OrnsteinUhlenbeckModel.model_validate(config["models"]["ou"])
    parsed = parse(config)
    growing = model.model_copy(update={"hessian": model.hessian.model_copy(update={"eigenvalues": (1.0, -50.0)})})
    sgd = Sgd(learning_rate=0.5, batch_size=4)
    context = Context(parsed, "ou", numbers=(0, 1, 2))
    found = run([(model, sgd), (growing, sgd), (model, sgd)], context)
    assert isinstance(found, list)
    assert isinstance(found[1], PointFailed)
    assert isinstance(found[1].error, Diverged)
    alone = run([(model, sgd)], Context(parsed, "ou", numbers=(2,)))
    xr.testing.assert_identical(found[2], each_point(alone)[0])
