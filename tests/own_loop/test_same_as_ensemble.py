"""Eight runs of a plain loop, merged, say what the built-in ensemble says of the same training."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from made_up_loops import BATCH, DATA, DECAY, drawn, sgd, train
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import langevin_sgd as lsgd

SEEDS, STEPS, BURN_IN, EVERY, RATE = range(8), 160, 30, 2, 1.0
K = 4.5
"""Standard errors: with 7 degrees of freedom a row is beyond them by chance in one of 360, and the seeds are fixed."""


def _built_in(sampling: str, rate: float = RATE) -> pd.DataFrame:
    """The check table of the ensemble of this package."""
    network = {
        "kind": "network",
        "data": {"name": "made_up_loops:made_up_data", "test_fraction": 0.0},
        "architecture": {"kind": "softmax"},
        "start": "minimum",
        "steps": STEPS,
        "burn_in": BURN_IN,
        "sample_every": EVERY,
        "record_times": 8,
        "replicas": 32,
    }
    sgd = {"learning_rate": rate, "batch_size": BATCH, "weight_decay": DECAY, "sampling": sampling}
    study = {"name": "built_in", "seed": 1, "sgd": sgd, "models": {"network": network}, "checks": ["equilibrium"]}
    return _table(lsgd.simulate(study))


def _table(tree: Any) -> pd.DataFrame:
    frame = lsgd.check(tree).to_dataframe()
    return frame.set_index(["quantity", "law"])


def _epochs(loader: DataLoader, steps: int) -> Any:
    while True:
        for _, place in loader:
            yield place
            steps -= 1
            if steps == 0:
                return


def _merged(folder: Path, sampling: Any, at_minimum: nn.Module) -> pd.DataFrame:
    """That of the loop, with hand-made minibatches or with a DataLoader."""
    places = torch.arange(len(DATA[0]))
    for seed in SEEDS:
        generator = torch.Generator().manual_seed(seed)
        module = copy.deepcopy(at_minimum)
        optimizer = sgd(module, lr=RATE)
        told: dict[str, Any] = {"batch_size": BATCH, "sampling": sampling}
        batches: Any = drawn(generator, STEPS)
        if sampling == "epoch":
            numbered = TensorDataset(DATA[0], places)
            told = {"loader": DataLoader(numbered, batch_size=BATCH, shuffle=True, drop_last=True, generator=generator)}
            batches = _epochs(told["loader"], STEPS)
        told |= {"optimizer": optimizer, "start": "minimum", "record_times": 8}
        told |= {"burn_in": BURN_IN, "sample_every": EVERY}
        with lsgd.watch(
            module, "cross_entropy", DATA, output=folder / str(seed), seed=seed, steps=STEPS, **told
        ) as watch:
            train(module, optimizer, batches, watch.step)
    lsgd.merge([folder / str(seed) for seed in SEEDS], folder / "all")
    return _table(lsgd.open_run(folder / "all"))


def _deviations(one: pd.DataFrame, other: pd.DataFrame) -> pd.Series:
    """Of what was measured, in standard errors. Modes without noise are left out: rounding alone moves them."""
    error = np.hypot(one.standard_error, other.standard_error)
    return ((one.measured - other.measured).abs() / error).drop("noise_free_modes", level="quantity").dropna()


WAYS = ["with_replacement", pytest.param("epoch", marks=pytest.mark.validate)]


@pytest.fixture(scope="module")
def table(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, at_minimum: nn.Module) -> Any:
    """That of the loop, with its sampling."""
    return request.param, _merged(tmp_path_factory.mktemp("runs"), request.param, at_minimum)


@pytest.mark.parametrize("table", WAYS, indirect=True)
def test_the_check_table_is_that_of_the_built_in_ensemble_and_not_of_another_rate(table: Any) -> None:
    sampling, own = table
    built_in, other = _built_in(sampling), _built_in(sampling, 1.5 * RATE)
    assert {*own.index} == {*built_in.index}
    own = own.loc[built_in.index]
    exact = own.index.get_level_values("quantity").str.contains("variance|temperature|energy")
    np.testing.assert_allclose(own.predicted[exact], built_in.predicted[exact], rtol=1e-6)
    assert (own.role == built_in.role).all()
    deviations = _deviations(own, built_in)
    assert len(deviations) > 8
    assert deviations.max() < K, deviations
    both = own.index.intersection(other.index)
    assert _deviations(own.loc[both], other.loc[both]).max() > K
