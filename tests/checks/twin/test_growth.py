"""How far isotropic and frozen noise carry a training from its start, beside SGD: on a quadratic, in closed form."""

import numpy as np
import pytest

import langevin_sgd as lsgd
from langevin_sgd.study.loading import parse
from langevin_sgd.training.data import loading

ETA, BATCH, STEPS, SUBSTEPS = 0.05, 2, 60, 2
STUDY = {
    "name": "growth",
    "seed": 5,
    "sgd": {"learning_rate": ETA, "batch_size": BATCH},
    "models": {
        "net": {
            "kind": "network", "data": {"name": "linear_regression", "samples": 40, "inputs": 4, "noise": 0.5},
            "architecture": {"kind": "module", "factory": "made_up_networks:line_through_nothing"},
            "loss": "mse", "replicas": 256, "steps": STEPS, "record_times": 6,
        },
        **{
            noise: {
                "kind": "langevin_twin", "of": "net", "noise": noise, "replicas": 256,
                "time_step_fraction": 1 / SUBSTEPS,
            }
            for noise in ("isotropic", "frozen")
        },
    },
    "checks": ["twin"],
}  # fmt: skip


@pytest.fixture(scope="module")
def tree():
    return lsgd.simulate(STUDY)


def closed_form(noise: str) -> tuple[float, float]:
    """Spread f eta^2/B sum_j tr(M^j C M^j), j < n/f, and squared drift |(1 - M^(n/f)) w*|^2, with M = 1 - f eta H."""
    data = loading.load(parse(STUDY).models["net"].data, STUDY["seed"])
    x, y = np.asarray(data.train_inputs, dtype=np.float64), np.asarray(data.train_labels, dtype=np.float64).reshape(-1)
    hessian = x.T @ x / len(x)
    gradients = -y[:, None] * x  # at the start, where all weights are 0
    c = np.cov(gradients.T, bias=True)
    if noise == "isotropic":
        c = np.eye(len(c)) * np.trace(c) / len(c)
    step = ETA / SUBSTEPS
    m, count = np.eye(len(c)) - step * hessian, STEPS * SUBSTEPS
    powers = [np.linalg.matrix_power(m, j) for j in range(count)]
    spread = step * ETA / BATCH * sum(np.trace(p @ c @ p) for p in powers)
    end = np.linalg.solve(hessian, -gradients.mean(0))
    drift = end - np.linalg.matrix_power(m, count) @ end
    return spread, drift @ drift


@pytest.mark.parametrize("noise", ["isotropic", "frozen"])
def test_distances_from_the_start_are_those_of_a_closed_form(tree, noise):
    """Spread and squared displacement at the end within 4 standard errors, of under a tenth and a twentieth."""
    spread, drift = closed_form(noise)
    found = tree[noise].to_dataset().isel(time=-1)
    assert abs(float(found["spread"]) - spread) < 4 * float(found["spread_stderr"])
    assert float(found["spread_stderr"]) < 0.1 * spread
    squares = found["squared_displacement"].values
    error = squares.std(ddof=1) / squares.size**0.5
    assert abs(squares.mean() - spread - drift) < 4 * error
    assert error < 0.05 * (spread + drift)


def test_the_check_holds_sgd_against_both_as_contrasts(tree):
    """SGD over each, in how far it goes and spreads: frozen and isotropic noise have the same trace, not the spread."""
    table = lsgd.check(tree).to_dataframe().set_index(["law", "quantity"])
    for noise in ("isotropic", "frozen"):
        own = tree[noise].to_dataset().isel(time=-1)
        for quantity in ("spread", "squared_displacement"):
            row = table.loc[f"twin:{noise}", f"{quantity}[{STEPS}]"]
            assert row.role == "contrast"
            assert row.predicted == pytest.approx(float(own[quantity].mean()), rel=1e-6)
            assert row.measured == pytest.approx(float(tree["net"][quantity].isel(time=-1).mean()), rel=1e-6)
    assert abs(closed_form("isotropic")[0] / closed_form("frozen")[0] - 1.0) > 0.05
