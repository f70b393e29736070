"""The disorder that a run keeps to look at."""

import numpy as np
import pytest

import langevin_sgd as lsgd
from langevin_sgd.integrators.flooding import flood
from langevin_sgd.models.random_potential.methods.walker_history import walker_history

MODEL = {"kind": "random_potential", "alpha": 1.0, "disorders": 24, "half_width": 900, "ln_time": [0.0, 14.0]}


@pytest.mark.parametrize("method", ["master_equation", "flooding"])
def test_a_run_keeps_the_first_disorder_with_its_walk(method: str) -> None:
    model = {**MODEL, "method": method, "thermal_energy": 0.5}
    run = lsgd.simulate({"name": "s", "seed": 4, "models": {"walk": model}, "checks": []})["walk"].dataset
    potential = lsgd.Line(1.0, half_width=900).potential(int(run.attrs.get("seed", 4)), [0])
    path = flood(potential).displacement(0.5 * run.ln_time.values)[0, :, 0]
    np.testing.assert_array_equal(run.example_bottom, path)
    sites = run.example_position.values.astype(int) + 900
    np.testing.assert_array_equal(run.example_potential, potential[0, sites])
    if method == "master_equation":
        assert run.example_draw.values[-1] == run.position_draw.values[0, 0]
        assert run.example_draw.values.min() >= run.example_position.values.min()
    else:
        assert np.isnan(run.example_draw).all()


def test_valleys_and_barriers_survive_the_thinning() -> None:
    """Of 400,001 sites, 800 are kept, among them the lowest and the highest that the walker saw."""
    rng = np.random.default_rng(2)
    potential = np.cumsum(rng.normal(size=400_001))
    bottom = flood(potential[None]).displacement([150.0])[0, 0, 0]
    kept = walker_history(potential, np.array([bottom]), np.array([150.0]), spacing=0.5)
    assert kept["example_position"].shape == kept["example_potential"].shape == (800,)
    x = kept["example_position"]
    low, high = (round(end / 0.5) + 200_000 for end in (x.min(), x.max()))
    inside = potential[low : high + 1]
    assert kept["example_potential"].min() == inside.min()
    assert kept["example_potential"].max() == inside.max()
    assert x.min() <= 0.5 * bottom <= x.max()
    assert kept["example_bottom"] == pytest.approx(0.5 * bottom)
