"""A basins model of a single well: mean, variance and density against quadrature and the exact map; no occupancies."""

from typing import Any

import numpy as np
import pytest
import scipy
import xarray as xr

import langevin_sgd as lsgd
from langevin_sgd.landscapes import basins
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.models.basins.answers import Answers
from langevin_sgd.models.basins.moments import Halves, of_density
from langevin_sgd.models.basins.prepared import prepare
from langevin_sgd.study.loading import parse
from langevin_sgd.theory import occupancy
from langevin_sgd.theory.density import Density

ENERGY = "x**4/4 + x**2/2 - 0.3*x"
THETA, STEP = 0.5, 0.02


def study(**model: Any) -> dict[str, Any]:
    potential = {"kind": "expression", "energy": ENERGY, "variables": ["x"]}
    given = {"kind": "basins", "potential": potential, "temperature": 2 * THETA, "labels": ["well"], **model}
    own = {"steps": 1200, "burn_in": 300, "replicas": 4096, "samples": 60, **given}
    sgd = {"learning_rate": STEP, "batch_size": 1}
    return {"name": "t", "seed": 5, "sgd": sgd, "models": {"m": own}, "checks": ["occupancy"]}


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    return lsgd.simulate(study())


def quadrature(power: int) -> float:
    """Integral of x^power exp(-E/theta) by QUADPACK."""

    def weighed(x: float) -> float:
        return x**power * np.exp(-(x**4 / 4 + x**2 / 2 - 0.3 * x) / THETA)

    return float(scipy.integrate.quad(weighed, -8, 8, epsabs=1e-13, epsrel=1e-12)[0])


def test_boltzmann_is_the_integral_of_exp_minus_energy_over_theta(tree: xr.DataTree) -> None:
    """To 1e-7: mean and variance by an independent integration; the slide's are those of four times theta."""
    law = tree["m"].dataset.sel(law="boltzmann")
    norm, first, second = (quadrature(power) for power in range(3))
    assert float(law.position_mean_law[0]) == pytest.approx(first / norm, rel=1e-7)
    assert float(law.position_variance_law[0]) == pytest.approx(second / norm - (first / norm) ** 2, rel=1e-7)


def test_the_map_is_the_law_of_steps_of_sgd_and_the_continuum_is_not(tree: xr.DataTree) -> None:
    """eta = 0.02 against the chain within 4 standard errors; chain and continuum are 1.2% apart in the variance."""
    data = tree["m"].dataset
    for name in ("position_mean", "position_variance"):
        found, error = data[name][0], data[f"{name}_stderr"][0]
        assert abs(found - data[f"{name}_law"].sel(law="chain")[0]) < 4.0 * error
    ratio = data.position_variance_law.sel(law="chain") / data.position_variance_law.sel(law="boltzmann")
    assert 1.011 < float(ratio[0]) < 1.013
    assert [str(law.values) for law in data.law if bool(data.law_is_exact.sel(law=law))] == ["chain"]


def test_its_rows_are_moments_and_density_and_no_occupancy(tree: xr.DataTree) -> None:
    table = lsgd.check(tree)
    names = [str(name) for name in table.quantity.values]
    assert set(names) == {"halves_agreement[x]", "position_mean[x]", "position_variance[x]", "density"}
    assert not any(name.startswith("mean_occupancy") for name in tree["m"].dataset)
    verdicts = dict(zip(zip(names, table.law.values.tolist(), strict=True), table.verdict.values, strict=True))
    for name in ("position_mean[x]", "position_variance[x]", "density"):
        assert verdicts[name, "chain"] == "agrees"
    assert verdicts["position_variance[x]", "slide"] == "disagrees"


def test_a_wrong_temperature_is_seen(tree: xr.DataTree) -> None:
    """The law's variance 5% off is outside the tolerance of 2%."""
    from langevin_sgd.checks.occupancy.point import occupancy as rows_of

    data = tree["m"].dataset.copy(deep=True)
    data["position_variance_law"] = data.position_variance_law * 1.05
    rows = {(row.quantity, row.law): row for row in rows_of(data, model="m")}
    assert rows["position_variance[x]", "chain"].verdict == "disagrees"


def test_a_window_that_begins_at_the_start_gives_no_verdict_on_laws() -> None:
    table = lsgd.check(lsgd.simulate(study(steps=60, burn_in=10, samples=20)))
    assert set(table.verdict.values.tolist()) == {"inconclusive"}
    assert all("not equilibrated" in str(reason) for reason in table.reason.values)


def test_halves_are_judged_where_no_relaxation_time_is_known(tree: xr.DataTree) -> None:
    """With one they are a contrast; halves that differ, or without one cannot tell, leave no verdict on a law."""
    from langevin_sgd.checks.occupancy.point import occupancy as rows_of

    def rows(**changed: float) -> dict[tuple[str, str], tuple[str, str]]:
        data = tree["m"].dataset.copy(deep=True)
        for name, value in changed.items():
            data[name] = data[name] * value
        return {(row.quantity, row.law): (row.role, str(row.verdict)) for row in rows_of(data, model="m")}

    halves, variance = ("halves_agreement[x]", "other half"), ("position_variance[x]", "chain")
    assert rows()[halves][0] == "contrast"
    assert rows(position_variance_change_stderr=9.0)[variance] == ("law", "agrees")
    assert rows(position_variance_change=1.2)[variance] == ("law", "inconclusive")
    blind = rows(position_variance_change_stderr=9.0, relaxation_time=np.nan)
    assert (blind[halves], blind[variance]) == (("law", "inconclusive"), ("law", "inconclusive"))


def test_a_single_well_is_asked_for_by_its_name() -> None:
    landscape = Expression(ENERGY, ["x"], {})
    with pytest.raises(basins.NoBasins, match=r"labels: \[NAME\]"):
        basins.find(landscape, regions={}, box=[(-5.0, 5.0)])
    found = basins.find(landscape, regions={}, labels=["well"], box=[(-5.0, 5.0)])
    assert found.labels == ("well",)
    assert found.membership(np.array([[-3.0, 0.0, 3.0]])).tolist() == [0, 0, 0]
    double = Expression("(x**2 - 1)**2", ["x"], {})
    with pytest.raises(basins.NoBasins, match="2 minima and 1 label;"):
        basins.find(double, regions={}, labels=["well"], box=[(-5.0, 5.0)])


def test_in_the_plane_gaussian_moments_are_those_of_theta_over_the_hessian() -> None:
    """To 1e-6, by the quadrature on cells and by the paraboloid."""
    potential = {"kind": "expression", "energy": "x**2 + y**2 + x*y - y", "variables": ["x", "y"]}
    read = parse(study(potential=potential))
    one = prepare(read.models["m"], read.sgd, "euler_maruyama")
    hessian = np.array([[2.0, 1.0], [1.0, 2.0]])
    for law in ("boltzmann", "laplace"):
        mean, variance = Answers(one.process, (), None).staying(law)
        np.testing.assert_allclose(mean, np.linalg.solve(hessian, [0.0, 1.0]), atol=1e-6)
        np.testing.assert_allclose(variance, THETA * np.diag(np.linalg.inv(hessian)), rtol=1e-6)


def test_moments_of_a_density_on_cells() -> None:
    """A Gaussian on cells of 0.6 standard deviations, to 1e-6: without Sheppard's correction 3% off."""
    law = occupancy.quadrature(lambda x: (x[0] - 0.2) ** 2 / 2, 1.0, [(-9.0, 9.0)], 30)
    assert isinstance(law, Density)
    np.testing.assert_allclose(of_density(law).ravel(), [0.2, 1.0], rtol=1e-6)


def test_sums_of_the_halves_do_not_depend_on_segments() -> None:
    halves = Halves(np.array([0.5]), 5)
    looks = np.random.default_rng(0).normal(size=(1, 7, 5))
    whole = halves.add(halves.empty(7), looks, 0)
    parts = halves.add(halves.add(halves.empty(7), looks[..., :3], 0), looks[..., 3:], 3)
    np.testing.assert_array_equal(whole, parts)
    found = halves.measured(whole)
    assert found["position_mean"][0] == pytest.approx(looks.mean())
    assert found["position_mean_change"][0] == pytest.approx(looks[..., 2:].mean() - looks[..., :2].mean())


HESSIAN, NOISE = np.diag([2.0, 0.5]), np.array([[1.0, 0.8], [0.8, 1.0]])


@pytest.fixture(scope="module")
def turning() -> xr.DataTree:
    """SGD's own steps of 0.4 in a quadratic well with noise that does not commute with its Hessian."""
    config = study(
        potential={"kind": "expression", "energy": "x**2 + (y - 1)**2/4", "variables": ["x", "y"]},
        noise={"kind": "full", "matrix": NOISE.tolist()},
        steps=160, burn_in=60, samples=50, replicas=8192, cells=12,
    )  # fmt: skip
    del config["models"]["m"]["temperature"]
    config["sgd"]["learning_rate"] = 0.4
    return lsgd.simulate(config)


def test_linear_steps_in_the_plane_turn_as_the_discrete_lyapunov_equation_says(turning: xr.DataTree) -> None:
    """S_ij = eta C_ij/(k_i + k_j - eta k_i k_j) and circulation (k_x - k_y) S_xy by hand, to 1e-12.

    Measured within 4.5 standard errors of it; the continuum, a sixth less, beyond 10.
    """
    data, k, eta = turning["m"].dataset, np.diag(HESSIAN), 0.4
    covariance = eta * NOISE / (k[:, None] + k - eta * np.outer(k, k))
    chain, smooth = (data.circulation_law.sel(law=law) for law in ("chain", "fokker_planck"))
    assert float(chain) == pytest.approx((k[0] - k[1]) * covariance[0, 1], rel=1e-12)
    assert abs(float(data.circulation - chain)) < 4.5 * float(data.circulation_stderr)
    assert abs(float(data.circulation - smooth)) > 10 * float(data.circulation_stderr)
    one = data.sel(law="chain")
    np.testing.assert_allclose(one.position_mean_law, [0.0, 1.0], atol=1e-12)
    np.testing.assert_allclose(one.position_variance_law, np.diag(covariance), rtol=1e-12)
    volume = np.diff(data.x_edge)[:, None] * np.diff(data.y_edge)
    assert float((one.density_law * volume).sum()) == pytest.approx(1.0, abs=1e-4)


def test_circulation_has_a_row_of_the_steps_beside_that_of_the_continuum(turning: xr.DataTree) -> None:
    table = lsgd.check(turning)
    columns = [table[name].values for name in ("quantity", "law", "role", "verdict")]
    rows = {(str(q), str(law)): (str(role), str(said)) for q, law, role, said in zip(*columns, strict=True)}
    assert rows["circulation", "chain"] == ("law", "agrees")
    assert rows["circulation", "fokker_planck"] == ("contrast", "disagrees")


def test_the_law_of_a_wrong_step_is_seen(turning: xr.DataTree, monkeypatch: pytest.MonkeyPatch) -> None:
    """The discrete law at half the step, 10% less in the circulation, disagrees where that of the step agrees."""
    from langevin_sgd.checks.occupancy.point import occupancy as rows_of
    from langevin_sgd.theory import nonequilibrium_well

    data = turning["m"].dataset.copy(deep=True)
    place = data.law.values.tolist().index("chain")
    wrong = nonequilibrium_well.linear_steps(HESSIAN, 0.4 * NOISE / 2.0, 0.2)  # D of the run, half of its step
    data["circulation_law"][place] = wrong.circulation
    rows = {(row.quantity, row.law): row for row in rows_of(data, model="m")}
    assert rows["circulation", "chain"].verdict == "disagrees"


VARYING = {"kind": "formula", "variances": ["3*(1 + 1/(1 + x**2))"]}


@pytest.mark.parametrize(
    "given",
    [
        {"temperature": 2 * THETA},
        pytest.param({"temperature": None, "noise": VARYING}, marks=pytest.mark.validate),
    ],
    ids=["constant", "of_the_position"],
)
def test_with_momentum_the_chain_is_that_of_position_and_velocity(given: dict[str, Any]) -> None:
    """eta = 0.3, mu = 0.5: mean and variance within 4.5 standard errors of it, the continuum's variance beyond 10."""
    potential = {"kind": "expression", "energy": "x**2/4 + sqrt(1 + 4*x**2)/2 - 0.3*x", "variables": ["x"]}
    config = study(potential=potential, steps=300, burn_in=100, samples=50, **given)
    config["models"]["m"] = {key: value for key, value in config["models"]["m"].items() if value is not None}
    config["sgd"] = {"learning_rate": 0.3, "batch_size": 1, "momentum": 0.5}
    data = lsgd.simulate(config)["m"].dataset
    off = {
        law: [
            abs(float(data[name][0] - data[f"{name}_law"].sel(law=law)[0])) / float(data[f"{name}_stderr"][0])
            for name in ("position_mean", "position_variance")
        ]
        for law in ("chain", "fokker_planck")
    }
    assert max(off["chain"]) < 4.5
    assert off["fokker_planck"][1] > 10
    assert bool(data.law_is_exact.sel(law="chain"))
    assert "by two grids" in str(data.law_note.sel(law="chain").values)


@pytest.mark.validate
def test_with_momentum_two_wells_are_occupied_as_the_chain_says() -> None:
    """eta = 0.04, mu = 0.8: 0.3 standard errors from the chain at this seed, 4.5 allowed, and Boltzmann's law 5 off."""
    potential = {"kind": "expression", "energy": "(x**2 - 1)**2 + 0.2*x", "variables": ["x"]}
    config = study(
        potential=potential, labels=["left", "right"], temperature=0.4, steps=6000, burn_in=3000, samples=100
    )
    config["sgd"] = {"learning_rate": 0.04, "batch_size": 1, "momentum": 0.8}
    rows = lsgd.check(lsgd.simulate(config))
    chosen = (rows.quantity == "occupancy[left]") & (rows.law == "chain")
    (row,) = np.flatnonzero(chosen)
    assert abs(float(rows.ratio[row])) < 4.5 * float(rows.standard_error[row])
    assert str(rows.role[row].values) == "law"
