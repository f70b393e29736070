"""The basins model as a study runs it: occupancy, escape and circulation against exact laws, laws that do not apply."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from made_up_launch import launched

import langevin_sgd as lsgd
from langevin_sgd.study.loading import parse
from langevin_sgd.theory.escape import mean_first_passage_time_1d

WELL = {"kind": "sharp_flat", "depth_difference": 0.5, "curvature_ratio": 4.0, "barrier": 1.0}
LINE = {"kind": "expression", "energy": "(x**2 - 1)**2 + t*x", "variables": ["x"], "parameters": {"t": 0.3}}
TURNING = {
    "kind": "expression",
    "energy": "(x**2 - 1)**2/4 + y**2/2",
    "variables": ["x", "y"],
    "parameters": {"turn": 0.5},
    "force": ["-turn*y", "turn*x"],
}


def study(potential: dict[str, Any], **model: Any) -> dict[str, Any]:
    given = {"kind": "basins", "potential": potential, "steps": 2000, "replicas": 2000, "samples": 50, **model}
    return {"name": "t", "seed": 5, "sgd": {"learning_rate": 0.02, "batch_size": 1}, "models": {"m": given}}


def simulated(config: dict[str, Any]) -> xr.Dataset:
    return lsgd.simulate(config)["m"].dataset


def deviation(ds: xr.Dataset, law: str) -> np.ndarray:
    """Occupancy of the first basin by start less that of a law, in standard errors."""
    predicted = ds.mean_occupancy_law.sel(law=law)[..., 0]
    return ((ds.mean_occupancy[..., 0] - predicted) / ds.mean_occupancy_stderr[..., 0]).values


@pytest.fixture(scope="module")
def scanned() -> xr.Dataset:
    config = study(WELL, temperature=2.0, time_step=0.002, steps=10_000)
    config["scan"] = {"models.m.temperature": [2.0, 4.0]}
    return simulated(config)


def test_occupancy_from_both_starts_in_one_launch(scanned: xr.Dataset) -> None:
    """Within 4.5 standard errors of the chain, at both temperatures and from both starts."""
    assert scanned.start_basin.values.tolist() == ["sharp", "flat"]
    assert scanned.occupancy_from.isel(time=0, temperature=0).values.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    np.testing.assert_allclose(scanned.mean_occupancy.sum("basin"), 1.0)
    assert np.abs(deviation(scanned, "chain")).max() < 4.5
    assert (deviation(scanned, "slide") > 6).all()


def test_with_a_time_step_the_continuum_is_exact_and_so_is_the_chain(scanned: xr.Dataset) -> None:
    exact = dict(zip(scanned.law.values, scanned.law_is_exact.values[0], strict=True))
    assert [law for law, claimed in exact.items() if claimed] == ["fokker_planck", "chain"]
    ratio = scanned.mean_occupancy_law.sel(law="laplace")
    odds = (ratio[:, 0] / ratio[:, 1]).values
    np.testing.assert_allclose(odds, 4.0**-0.5 * np.exp(2 * 0.5 / scanned.temperature.values), rtol=1e-8)


def test_at_the_step_of_sgd_only_the_chain_is_exact() -> None:
    """eta = 0.04, curvatures about 20 and 5: the chain within 4.5 standard errors, the continuum beyond 10."""
    config = study(WELL, temperature=2.0, steps=6000, replicas=4000, sgd={"learning_rate": 0.04})
    ds = simulated(config)
    assert ds.law.values[ds.law_is_exact.values].tolist() == ["chain"]
    assert np.abs(deviation(ds, "chain")).max() < 4.5
    assert np.abs(deviation(ds, "fokker_planck")).min() > 10


def test_position_dependent_noise_on_a_line() -> None:
    """Ito: the exact density within 4.5 standard errors; Boltzmann's law is refused."""
    noise = {"kind": "formula", "variances": ["60*(1 + 0.5*x**2)"]}
    config = study(LINE, noise=noise, time_step=0.002, steps=10_000)
    config["models"]["m"]["basins"] = {"left": "x < 0", "right": "x >= 0"}
    ds = simulated(config)
    assert np.abs(deviation(ds, "chain")).max() < 4.5
    boltzmann = ds.sel(law="boltzmann")
    assert np.isnan(boltzmann.mean_occupancy_law).all()
    assert "depends on the position" in str(boltzmann.law_note.values)


def test_hopping_rates_between_cores() -> None:
    """Barrier 2 theta, 10,000 hops: within 4.5 standard errors and 12%: hops back between two looks are missed."""
    config = study(LINE, temperature=1.0, time_step=0.005, steps=20_000, samples=1000)
    ds = simulated(config)
    assert ds.transitions.values[0, 1] > 3000
    for one, other in ((0, 1), (1, 0)):
        rate, error, predicted = (
            float(ds[name][one, other]) for name in ("hopping_rate", "hopping_rate_stderr", "hopping_rate_predicted")
        )
        assert error < 0.03 * rate
        assert abs(rate - predicted) < 4.5 * error + 0.12 * predicted


def test_escape_against_the_chain() -> None:
    """Mean first passage at barrier 2 theta within 4.5 standard errors of the chain's, nothing censored."""
    config = study(
        {"kind": "quartic"}, temperature=1.0, time_step=0.01, steps=20_000,
        escape={"from": "left", "to": "right", "core": 0.1},
    )  # fmt: skip
    ds = simulated(config)
    assert ds.start_basin.values.tolist() == ["left"]
    assert ds.law.values.tolist() == ["fokker_planck", "chain", "eyring_kramers"]
    assert "mean_occupancy" not in ds
    times = ds.escape_time.values
    assert np.isfinite(times).all()
    exact = float(ds.escape_time_law.sel(law="chain"))
    assert abs(times.mean() - exact) < 4.5 * times.std() / times.size**0.5
    by_hand = mean_first_passage_time_1d(lambda x: 4 * x * (x**2 - 1), 0.5, start=-1.0, target=0.8, reflecting=-2.5)
    assert float(ds.escape_time_law.sel(law="fokker_planck")) == pytest.approx(by_hand, rel=1e-6)
    assert by_hand == pytest.approx(exact, rel=0.05)


def test_circulation_and_density_with_a_current() -> None:
    """Rotation: circulation within 4.5 standard errors and 2% of the plane's equation, density within 6% (L1)."""
    config = study(TURNING, temperature=1.0, time_step=0.01, steps=3000, replicas=4000, cells=20)
    ds = simulated(config)
    law = ds.sel(law="fokker_planck")
    measured, error = float(ds.circulation), float(ds.circulation_stderr)
    assert error < 0.02 * measured
    assert abs(measured - float(law.circulation_law)) < 4.5 * error + 0.02 * measured
    volume = np.diff(ds.x_edge)[:, None] * np.diff(ds.y_edge)
    assert float((np.abs(ds.density.values - law.density_law.values) * volume).sum()) < 0.06
    assert np.corrcoef(ds.current.values.ravel(), law.current_law.values.ravel())[0, 1] > 0.95
    assert np.isnan(ds.mean_occupancy_law.sel(law="boltzmann")).all()
    assert "has a probability current" in str(ds.law_note.sel(law="boltzmann").values)


@pytest.mark.validate
def test_ten_dimensions_are_integrated_out() -> None:
    config = study({**WELL, "dimension": 10, "curvature_ratio": 1.5}, temperature=2.0, time_step=0.005, steps=3000)
    ds = simulated(config)
    exact = ds.mean_occupancy_law.sel(law="fokker_planck", basin="sharp")
    assert abs(float(ds.mean_occupancy[..., 0].mean() - exact)) < 0.02
    np.testing.assert_allclose(exact, ds.mean_occupancy_law.sel(law="boltzmann", basin="sharp"))
    assert "density" not in ds


def _run(config: dict[str, Any], checkpoint: object) -> xr.Dataset:
    return launched(parse(config), "m", checkpoint=checkpoint)


@pytest.mark.by_default("escape1")  # one without an escape is among the kinds of test_interruptions
@pytest.mark.parametrize("escape", [None, {"from": "left", "to": "right"}])
def test_an_interrupted_run_goes_on_with_the_same_bits(
    escape: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch, stop_after_save: Callable[[int], Any]
) -> None:
    monkeypatch.setattr("langevin_sgd.storage.keeper.SECONDS_A_SEGMENT", 0.0)  # a step a segment, after the first
    config = study(LINE, temperature=1.5, steps=24, replicas=20, samples=6, escape=escape, laws=False)
    config["scan"] = {"models.m.temperature": [1.5, 3.0]}
    whole = _run(config, stop_after_save(10**9))
    checkpoint = stop_after_save(16)
    with pytest.raises(KeyboardInterrupt):
        _run(config, checkpoint)
    checkpoint.left = 10**9
    xr.testing.assert_identical(_run(config, checkpoint), whole)


def test_where_segments_end_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """They end where time has passed, so sums of floats must not depend on it: current and circulation did."""
    config = study(TURNING, temperature=1.0, time_step=0.01, steps=300, replicas=32, samples=80, laws=False)
    whole = simulated(config)
    monkeypatch.setattr("langevin_sgd.models.basins.run._MOST_NUMBERS", 32 * 2 * 7)  # seven looks a segment
    xr.testing.assert_identical(simulated(config), whole)


def test_a_landscape_without_the_basins_says_so() -> None:
    config = study({"kind": "expression", "energy": "x**2", "variables": ["x"]}, temperature=1.0)
    with pytest.warns(RuntimeWarning, match="m: failed"):
        tree = lsgd.simulate(config)
    assert "1 minimum in the box" in tree["m"].attrs["error"]
