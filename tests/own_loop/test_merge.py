"""Runs of one script become the replicas of one run, and only runs that differ in the seed alone do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_up_loops import SAMPLES, watched
from torch import nn

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.estimators.drift_and_spread import displacement_summary
from langevin_sgd.estimators.stationary import stationary_summary
from langevin_sgd.models.watched import merging


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, at_minimum: nn.Module) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    places = {seed: folder / f"seed_{seed}" for seed in (4, 7, 2)}
    for seed, place in places.items():
        watched(place, seed=seed, module=at_minimum, start="minimum")
    return [*places.values()]


@pytest.fixture(scope="module")
def merged(runs: list[Path]) -> Any:
    lsgd.merge(runs, runs[0].parent / "all")
    return lsgd.open_run(runs[0].parent / "all")


def test_runs_are_the_replicas_and_what_is_pooled_is_pooled_over_them(runs: list[Path], merged: Any) -> None:
    found, each = merged["network"], [lsgd.open_run(run)["network"] for run in runs]
    assert found.sizes["replica"] == 3
    for name in ("energy", "train_loss", "mode_moment_1", "mode_moment_2", "stationary_energy"):
        np.testing.assert_array_equal(found[name], np.concatenate([one[name] for one in each]), err_msg=name)
    for name in ("minimum", "hessian", "step", "sample_step"):
        np.testing.assert_array_equal(found[name], each[0][name], err_msg=name)
    summary = stationary_summary(found.mode_moment_1.values, found.mode_moment_2.values)
    np.testing.assert_array_equal(found.mode_variance, summary.variance.value)
    np.testing.assert_array_equal(found.mode_variance_stderr, summary.variance.stderr)
    visited = np.concatenate([one.visited_weights for one in each]).astype(float)
    spread = displacement_summary((visited - visited[:, :1]).swapaxes(0, 1)).spread
    np.testing.assert_allclose(found.spread, spread, rtol=1e-12)
    assert found.spread[-1] > 0
    assert "visited_weights" not in found
    assert found.attrs["law"] == "discrete"
    assert np.isfinite(found.mode_variance_predicted).all()


def test_the_run_is_one_like_any_other(runs: list[Path], merged: Any) -> None:
    run = runs[0].parent / "all"
    study = lsgd.load(run / "config.yaml")
    assert study.models["network"].model_dump()["seeds"] == (4, 7, 2)
    assert [check.kind for check in study.checks] == ["equilibrium"]
    assert (run / "report.html").exists()
    table = lsgd.check(run)
    assert set(table.law.values) >= {"discrete", "continuum", "isotropic"}
    assert not json.loads(table.attrs["summary"])["not_compared"]
    assert not [name for name in table.quantity.values if str(name).startswith("stored")]


def test_an_altered_number_of_a_merged_run_is_seen(merged: Any) -> None:
    altered = merged.copy()
    altered["network"] = altered["network"].to_dataset().assign(mode_variance=2.0 * merged["network"].mode_variance)
    assert "stored[mode_variance]" in lsgd.check(altered).quantity.values


def test_starts_of_their_own_make_independent_replicas(tmp_path: Path) -> None:
    for seed in (0, 1, 2):
        module = nn.Linear(3, 3)
        if seed != 1:
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
        watched(tmp_path / str(seed), seed=seed, steps=5, module=module)
    shared = lsgd.merge(
        [tmp_path / "0", tmp_path / "2"], tmp_path / "shared", checks=[{"kind": "diffusion", "models": ["network"]}]
    )
    assert shared["network"].attrs["start"] == "shared"
    assert "checks" in shared.children
    independent = lsgd.merge([tmp_path / "0", tmp_path / "1"], tmp_path / "independent")
    assert independent["network"].attrs["start"] == "independent"
    assert "checks" not in independent.children
    with pytest.raises(UserError, match=r"is merged of 2 runs already; merge those themselves, all at once"):
        lsgd.merge([tmp_path / "0", tmp_path / "shared"], tmp_path / "again")
    with pytest.raises(UserError, match=r"0: is given twice; leave out one"):
        lsgd.merge([tmp_path / "0", tmp_path / "1", tmp_path / "shared" / ".." / "0"], tmp_path / "again")
    with pytest.raises(UserError, match=r"1: is one of the runs to be merged, which stay as they are"):
        lsgd.merge([tmp_path / "0", tmp_path / "1"], tmp_path / "1", overwrite=True)
    with pytest.raises(
        UserError, match=r"shared: holds a run already; choose another output, or replace .* overwrite=True$"
    ):
        lsgd.merge([tmp_path / "0", tmp_path / "1"], tmp_path / "shared")


DIFFERENT: dict[str, tuple[dict[str, Any], str]] = {
    "the seed": ({"seed": 4}, r"other: has the seed 4 of .*seed_4: the same numbers again; leave out one"),
    "steps": ({"steps": 30}, r"other: models.network.steps is 30, and is 40 in .*seed_4; only the seeds may differ"),
    "batch size": ({"batch_size": 4}, r"other: sgd.batch_size is 4, and is 8 in .*seed_4; only the seeds may differ"),
    "start": ({"start": "here"}, r"other: models.network.start is shared, and is minimum in .*seed_4"),
}


@pytest.mark.parametrize(("options", "said"), [*DIFFERENT.values()], ids=[*DIFFERENT])
def test_what_runs_differ_in_is_named(
    options: dict[str, Any], said: str, tmp_path: Path, runs: list[Path], at_minimum: nn.Module
) -> None:
    watched(tmp_path / "other", **{"seed": 9, "start": "minimum", "module": at_minimum, **options})
    with pytest.raises(UserError, match=said):
        lsgd.merge([*runs, tmp_path / "other"], tmp_path / "all")
    assert not (tmp_path / "all").exists()


def test_runs_about_other_minima_and_runs_that_are_none_are_refused(tmp_path: Path, runs: list[Path]) -> None:
    with pytest.raises(UserError, match="two runs or more make one, got 1"):
        lsgd.merge(runs[:1], tmp_path / "all")
    with pytest.raises(UserError, match="is one run; give a list of two or more"):
        lsgd.merge(str(runs[0]), tmp_path / "all")
    with pytest.raises(UserError, match="nowhere"):
        lsgd.merge([*runs, tmp_path / "nowhere"], tmp_path / "all")
    lsgd.simulate(_STUDY, output=tmp_path / "study")
    with pytest.raises(UserError, match=r"study: is of kind ornstein_uhlenbeck; runs of langevin_sgd.watch can be"):
        lsgd.merge([runs[0], tmp_path / "study"], tmp_path / "all")
    other = nn.Linear(3, 3)
    inputs = np.random.default_rng(8).normal(size=(SAMPLES, 3)).astype(np.float32)
    data = lsgd.DataSet(inputs, (inputs[:, 0] > 0).astype(int), 3)
    lsgd.to_minimum(other, "cross_entropy", data, weight_decay=0.1)
    optimizer = torch.optim.SGD(other.parameters(), lr=0.2, weight_decay=0.1)
    told: Any = {"optimizer": optimizer, "batch_size": 8, "sampling": "with_replacement", "start": "minimum"}
    with lsgd.watch(other, "cross_entropy", data, output=tmp_path / "other", seed=9, steps=40, **told) as watch:
        for _ in range(40):
            watch.step()
    with pytest.raises(UserError, match=r"other: models.network.data_digest is \w+, and is \w+ in .*seed_4"):
        lsgd.merge([runs[0], tmp_path / "other"], tmp_path / "all")
    model: Any = lsgd.load(runs[0] / "config.yaml").models["network"]
    with pytest.raises(UserError, match=r"other: its minimum is another than in first; let all runs start from"):
        merging.merged_data(model, {"first": _data(runs[0]), "other": _data(tmp_path / "other")})


def _data(run: Path) -> Any:
    return lsgd.open_run(run, load=True)["network"].to_dataset()


_STUDY = {
    "name": "other",
    "seed": 1,
    "sgd": {"learning_rate": 0.1, "batch_size": 4},
    "models": {
        "ou": {
            "kind": "ornstein_uhlenbeck",
            "hessian": {"kind": "diagonal", "eigenvalues": [1.0]},
            "noise": {"kind": "isotropic", "scale": 0.4},
            "steps": 10,
            "replicas": 2,
        }
    },
}
