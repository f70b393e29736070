"""A loop with an adaptive optimizer leaves the record of the built-in rule on the same minibatches."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from made_up_loops import BATCH, DATA, DECAY, SAMPLES
from torch import nn

import langevin_sgd as lsgd
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.study.config import Study
from langevin_sgd.study.loading import parse
from langevin_sgd.training.data import loading
from langevin_sgd.training.minibatches import Minibatches

STEPS, RATE = 120, 0.01
WINDOW = {"burn_in": 20, "sample_every": 4, "record_times": 8}
OPTIMIZERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "adam": (torch.optim.Adam, {"weight_decay": DECAY}),
    "rmsprop": (torch.optim.RMSprop, {"weight_decay": DECAY, "centered": True}),
    "adagrad": (torch.optim.Adagrad, {"weight_decay": DECAY, "initial_accumulator_value": 0.1}),
}
RULES: dict[str, dict[str, Any]] = {
    "adam": {"kind": "adam"},
    "rmsprop": {"kind": "rmsprop", "centered": True},
    "adagrad": {"kind": "adagrad", "initial": 0.1},
}


def _study(name: str) -> Study:
    network = {
        "kind": "network",
        "data": {"name": "made_up_loops:made_up_data", "test_fraction": 0.0},
        "architecture": {"kind": "softmax"},
        "update_rule": RULES[name],
        "start": "minimum",
        "precision": "float64",
        "steps": STEPS,
        "replicas": 2,
        **WINDOW,
    }
    sgd = {"learning_rate": RATE, "batch_size": BATCH, "weight_decay": DECAY}
    return parse({"name": "built_in", "seed": 1, "sgd": sgd, "models": {"network": network}})


def _loop(
    name: str, module: nn.Module, data: tuple[torch.Tensor, torch.Tensor], replica: int, output: Path
) -> xr.Dataset:
    """One replica of the same training, in a plain loop."""
    kind, options = OPTIMIZERS[name]
    own = copy.deepcopy(module)
    optimizer = kind(own.parameters(), lr=RATE, **options)
    drawn = Minibatches.of(Sgd(learning_rate=RATE, batch_size=BATCH), seed=1, replicas=2, samples=SAMPLES)
    inputs, labels = data[0].double(), data[1]
    told: Any = {"optimizer": optimizer, "batch_size": BATCH, "sampling": "with_replacement", "start": "minimum"}
    with lsgd.watch(own, "cross_entropy", data, output=output, seed=replica, steps=STEPS, **told, **WINDOW) as watch:
        for step in range(STEPS):
            index = torch.from_numpy(drawn.block(step, 1)[0, replica].copy())
            optimizer.zero_grad()
            nn.functional.cross_entropy(own(inputs[index]), labels[index]).backward()
            optimizer.step()
            watch.step()
    return watch.close()["network"].dataset


@pytest.mark.by_default("adam")
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_record_and_its_law_are_those_of_the_built_in_rule(
    name: str, tmp_path: Path, at_minimum: nn.Module
) -> None:
    study = _study(name)
    expected = lsgd.simulate(study)["network"].dataset
    loaded = loading.load(study.models["network"].data, seed=study.seed)  # in the order in which it was split
    data = torch.from_numpy(loaded.train_inputs), torch.from_numpy(loaded.train_labels)
    module = copy.deepcopy(at_minimum).double()
    lsgd.to_minimum(module, "cross_entropy", data, weight_decay=DECAY)
    for replica in range(2):
        _loop(name, module, data, replica, tmp_path / str(replica))
    lsgd.merge([tmp_path / "0", tmp_path / "1"], tmp_path / "both")
    found = lsgd.open_run(tmp_path / "both")["network"].dataset
    noisy = expected.noisy.values  # the others have one eigenvalue, and any eigenvectors
    for observable in ("train_loss", "squared_displacement"):
        np.testing.assert_allclose(found[observable], expected[observable], rtol=1e-6, atol=1e-20)
    np.testing.assert_allclose(found.mode_variance[noisy], expected.mode_variance[noisy], rtol=1e-6)
    assert ("preconditioner" in found) == (name != "adagrad")
    laws = [set(map(str, each["law"].values)) if "law" in each.coords else set() for each in (found, expected)]
    assert laws[0] == laws[1]
    assert ("frozen_preconditioner" in laws[0]) == (name != "adagrad")
    if name != "adagrad":
        np.testing.assert_allclose(found.preconditioner, expected.preconditioner, rtol=1e-6)
        predicted = [each.mode_variance_law.sel(law="frozen_preconditioner")[noisy] for each in (found, expected)]
        np.testing.assert_allclose(*predicted, rtol=1e-5)


def test_what_cannot_be_told_of_an_optimizer_is_recorded_without_a_law(tmp_path: Path, at_minimum: nn.Module) -> None:
    module = copy.deepcopy(at_minimum)
    optimizer = torch.optim.Adam(module.parameters(), lr=RATE, amsgrad=True, weight_decay=DECAY)
    told: Any = {"optimizer": optimizer, "batch_size": BATCH, "sampling": "with_replacement"}
    with lsgd.watch(module, "cross_entropy", DATA, output=tmp_path / "run", seed=1, steps=3, **told) as watch:
        for _ in range(3):
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(DATA[0][:BATCH]), DATA[1][:BATCH]).backward()
            optimizer.step()
            watch.step()
    assert lsgd.load(tmp_path / "run" / "config.yaml").models["network"].model_dump()["rule"] is None
    assert "law" not in watch.close()["network"].coords
