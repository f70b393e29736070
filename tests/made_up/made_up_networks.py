"""Networks on data of a second or less: three blobs of points in four dimensions, and modules that configs name."""

from __future__ import annotations

import sys
import types
from collections.abc import Sequence

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.laws.evaluate import evaluated, known, with_answers
from langevin_sgd.models.finished import configured, law_points
from langevin_sgd.models.network import run as network
from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.study.loading import parse
from langevin_sgd.training.data.dataset import DataSet

SGD = {"learning_rate": 0.1, "batch_size": 8, "weight_decay": 0.05}


@pytest.fixture
def own_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data and networks that the configs name."""
    made = types.ModuleType("made_up")

    def blobs() -> DataSet:
        rng = np.random.default_rng(0)
        labels = rng.integers(0, 3, 260)
        inputs = 0.7 * rng.normal(size=(3, 4))[labels] + rng.normal(size=(260, 4))
        return DataSet(inputs, labels, classes=3, name="blobs")

    def far_apart() -> DataSet:
        labels = np.arange(60) % 2
        return DataSet(np.where(labels, 1.0, -1.0)[:, None] * np.ones(2), labels, classes=2)

    made.blobs, made.far_apart = blobs, far_apart
    made.normed = lambda inputs, classes: nn.Sequential(nn.Linear(inputs, classes), nn.BatchNorm1d(classes))
    monkeypatch.setitem(sys.modules, "made_up", made)


def trained(*, sgd: dict | None = None, seed: int = 1, checkpoint=None, progress=None, **model: object) -> xr.Dataset:
    """Six replicas of softmax regression on the blobs over 300 steps, or what is asked for in their place."""
    config = {
        "kind": "network",
        "data": {"name": "made_up:blobs"},
        "architecture": {"kind": "softmax"},
        "replicas": 6,
        "steps": 300,
        "record_times": 12,
        **model,
    }
    chosen, own = NetworkModel.model_validate(config), Sgd(**(SGD | (sgd or {})))
    found = network.run(chosen, own, name="network", seed=seed, checkpoint=checkpoint, progress=progress)
    if "mode_variance" not in found:
        return found
    study = parse({"name": "blobs", "seed": seed, "sgd": own.model_dump(), "models": {"network": config}})
    (point,) = law_points(study, "network", [found], {}, configured(study, "network"))
    return with_answers(found, evaluated(point, known()))


def perceptron(inputs: int, classes: int, start: int) -> nn.Module:
    """64-32-10 on digits, tanh, as torch starts it, from a point that `start` names: whatever the seed of the noise."""
    module = nn.Sequential(nn.Linear(inputs, 32), nn.Tanh(), nn.Linear(32, classes))
    rng = np.random.default_rng(start)
    with torch.no_grad():
        for layer in (module[0], module[2]):
            for values in (layer.weight, layer.bias):
                bound = layer.in_features**-0.5
                values.copy_(torch.from_numpy(rng.uniform(-bound, bound, tuple(values.shape))))
    return module


def line_through_nothing(inputs: int, classes: int) -> nn.Module:
    """A linear map without bias, whose weights are 0 at the start."""
    module = nn.Linear(inputs, classes, bias=False)
    nn.init.zeros_(module.weight)
    return module


def beside_linear_response(
    seed: int, batches: list[int], *, probes: Sequence[dict] = (), learning_rate: float = 0.1, **network: object
) -> dict:
    """A study of digits at several batch sizes with the check `diffusion`, and linear response beside it."""
    model = {
        "kind": "network", "data": {"name": "digits"}, "record_times": 12,
        "probes": [{"kind": "tangent", "looks": 3}, *probes], **network,
    }  # fmt: skip
    return {
        "name": "one", "seed": seed, "sgd": {"learning_rate": learning_rate, "batch_size": batches[0]},
        "models": {"network": model}, "checks": ["diffusion"], "scan": {"sgd.batch_size": batches},
    }  # fmt: skip
