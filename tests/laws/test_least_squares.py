"""The finite-data closure as a law: claimed where it is exact, with frozen noise as a contrast; in whole runs."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import langevin_sgd as lsgd
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.laws import least_squares
from langevin_sgd.laws.least_squares import LeastSquaresProcess, at_minimum
from langevin_sgd.theory.least_squares import second_moments

FILE = """\
import numpy as np
from langevin_sgd import DataSet


def plane():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)) * [1.5, 1.0, 0.7]
    return DataSet(x, x @ [1.0, -1.0, 0.5] + rng.normal(size=60))
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "my_plane.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    yield
    sys.modules.pop("my_plane", None)


def study(steps: int = 200, sgd: dict | None = None, **more: object) -> dict:
    network = {
        "kind": "network", "architecture": {"kind": "softmax"}, "loss": "mse",
        "data": {"name": "my_plane:plane", "test_fraction": 0.0},
        "start": "minimum", "replicas": 64, "steps": steps, "record_times": 6, **more,
    }  # fmt: skip
    numbers = {"learning_rate": 0.2, "batch_size": 2, **(sgd or {})}
    return {"name": "one", "seed": 1, "sgd": numbers, "models": {"network": network}, "checks": ["equilibrium"]}


def rows(tree: object) -> dict:
    table = lsgd.check(tree).to_dataframe().set_index(["quantity", "law"])
    return {key: (row["role"], row["verdict"], row["ratio"]) for key, row in table.iterrows()}


def test_training_has_the_variance_of_the_closure_and_not_that_of_frozen_noise() -> None:
    tree = lsgd.simulate(study(12_000))
    found = rows(tree)
    assert tree["network"].attrs["law"] == "finite_data"
    role, verdict, ratio = found["total_variance", "finite_data"]
    assert (role, verdict) == ("law", "agrees")
    assert ratio == pytest.approx(1.0, abs=0.03)
    role, verdict, ratio = found["total_variance", "discrete"]
    assert (role, verdict) == ("contrast", "disagrees")
    assert ratio > 1.15
    assert found["energy_distribution", "finite_data"][0] == "contrast"  # the law is of second moments
    assert found["effective_temperature", "finite_data"][0] == "law"


def test_with_momentum_it_is_that_of_heavy_ball() -> None:
    tree = lsgd.simulate(study(12_000, {"momentum": 0.5, "learning_rate": 0.1}))
    found = rows(tree)
    assert found["total_variance", "finite_data"][:2] == ("law", "agrees")
    assert found["total_variance", "discrete"][:2] == ("contrast", "disagrees")


def test_of_many_weights_with_momentum_and_in_epochs_it_is_not_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = lsgd.simulate(study(sgd={"sampling": "epoch"}))["network"]
    assert found.attrs["law"] == "epoch"
    assert "finite_data" not in found["law"].values
    monkeypatch.setattr(least_squares, "MOST_WITH_MOMENTUM", 3)
    found = lsgd.simulate(study(sgd={"momentum": 0.5, "learning_rate": 0.05}))["network"]
    assert found.attrs["law"] == "discrete"


def test_where_the_variance_grows_a_run_says_so_before_it_begins() -> None:
    with pytest.warns(
        RuntimeWarning, match=r"diverged at step 0: the variance grows by a factor \d.* no stationary var"
    ):
        failed = lsgd.simulate(study(sgd={"learning_rate": 0.6, "batch_size": 1}))["network"]
    assert "\n" not in failed.attrs["error"]


def test_a_stored_run_gives_the_same_answers_and_tells_altered_rows(tmp_path: Path) -> None:
    lsgd.simulate(study(), output=tmp_path / "run")
    stored = lsgd.open_run(tmp_path / "run")
    whole = lsgd.check(stored)
    assert "finite_data" in whole["law"].values
    stored["network"]["curvature_root"] = 1.1 * stored["network"]["curvature_root"]
    told = [text for text in map(str, lsgd.check(stored)["reason"].values) if "follows from curvature_root" in text]
    assert told
    assert told[0].startswith("hessian")


def test_the_process_asks_the_exact_second_moments() -> None:
    rng = np.random.default_rng(0)
    roots = rng.normal(size=(30, 1, 2))
    k, basis = np.linalg.eigh(np.einsum("nop,noq->pq", roots, roots) / 30)
    roots, c = roots @ basis, np.diag([0.3, 0.5])
    sgd = Sgd(learning_rate=0.1, batch_size=2)
    process = at_minimum(k, c, sgd, samples=30, roots=roots)
    assert isinstance(process, LeastSquaresProcess)
    expected = second_moments(k, c, roots, 0.1, 2)
    assert np.array_equal(process.covariance("finite_data"), expected.covariance())
    assert np.array_equal(process.transient_variance([3, 7]), expected.transient_variance([3, 7]))
    process.refuse_unstable()
    unstable = at_minimum(k, c, Sgd(learning_rate=1.2, batch_size=1), samples=30, roots=roots)
    assert unstable.stable()
    with pytest.raises(Diverged, match="the variance grows by a factor"):
        unstable.refuse_unstable()
    assert not isinstance(at_minimum(k, c, sgd, samples=30, roots=None), LeastSquaresProcess)
