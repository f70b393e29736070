"""A network whose size only its data or its own code tell is refused before its weights are copied for replicas."""

import sys
import types

import numpy as np
import pytest
from torch import nn

import langevin_sgd as lsgd
from langevin_sgd import machine_memory


class _Quiet:
    def __init__(self) -> None:
        self.told: list[str] = []

    def begin(self, *given: object, **named: object) -> None: ...

    def update(self, *given: object) -> None: ...

    def message(self, text: str) -> None:
        self.told.append(text)

    def notice(self, text: str) -> None: ...

    def beside(self, text: str) -> None: ...

    def close(self) -> None: ...


@pytest.fixture(autouse=True)
def _own(monkeypatch):
    made = types.ModuleType("own_sizes")
    labels = np.arange(40) % 3
    made.data = lambda: lsgd.DataSet(np.random.default_rng(0).normal(size=(40, 4)), labels, classes=3)
    made.network = lambda: nn.Linear(4, 3)
    monkeypatch.setitem(sys.modules, "own_sizes", made)
    monkeypatch.setattr(machine_memory, "available", lambda: 2_000_000_000)


OWN = {"kind": "module", "factory": "own_sizes:network"}


@pytest.mark.parametrize(
    ("model", "key"),
    [
        (
            {"architecture": {"kind": "mlp", "hidden": [10**9]}},
            "models.large.architecture: .*; reduce it$",
        ),
        ({"architecture": {"kind": "softmax"}, "replicas": 10**7}, r"models.large.replicas: .*; give at most [\d,]+$"),
        ({"architecture": OWN, "replicas": 10**9, "start": "independent"}, "models.large.replicas: .*; "),
    ],
)
def test_it_is_refused_with_the_key_and_the_mend(model, key):
    small = {"kind": "network", "data": {"name": "own_sizes:data"}, "steps": 2, "replicas": 2, "record_times": 2}
    study = {
        "name": "sizes",
        "seed": 1,
        "sgd": {"learning_rate": 0.1, "batch_size": 4},
        "models": {"large": {**small, **model}, "small": {**small, "architecture": OWN}},
        "checks": [],
    }
    with pytest.raises(lsgd.ConfigError, match=key) as refused:
        lsgd.simulate(study, device="cpu", progress=_Quiet())
    assert "\n" not in str(refused.value)
    del study["models"]["large"]
    assert lsgd.simulate(study, device="cpu", progress=_Quiet())["small"].attrs["status"] == "done"


LINE = {"kind": "interpolation", "data": {"name": "own_sizes:data"}, "replicas": 4, "points": 51}
ENDS = {name: {"batch_size": 4, "learning_rate": 0.1, "steps": 2} for name in ("small", "large")}


@pytest.mark.parametrize(
    ("model", "key"),
    [
        (
            {"architecture": {"kind": "mlp", "hidden": [10**8]}},
            "models.line.architecture: .* for the activations of the network",
        ),
        ({"architecture": {"kind": "module", "factory": "own_sizes:wide"}}, r"models.line.architecture: .*, [\d,]+ w"),
        (
            {"architecture": {"kind": "softmax"}, "data": {"name": "own_sizes:many"}, "points": 4001},
            r"models.line.points: line needs about 2.1 GB .*; give at most [\d,]+$",
        ),
    ],
)
def test_so_does_a_line_between_minima_before_anything_is_trained(model, key, monkeypatch):
    made = sys.modules["own_sizes"]
    made.wide = lambda inputs, classes: nn.Sequential(nn.Linear(inputs, 700_000), nn.Linear(700_000, classes))
    made.many = lambda: lsgd.DataSet(np.zeros((20_000, 4)), np.arange(20_000) % 3, classes=3)
    trained: list[object] = []
    monkeypatch.setattr("langevin_sgd.models.interpolation.run.endpoint", lambda *given, **named: trained.append(given))
    study = {
        "name": "sizes",
        "seed": 1,
        "sgd": {"learning_rate": 0.1, "batch_size": 4},
        "models": {"line": {**LINE, "endpoints": ENDS, **model}},
        "checks": [],
    }
    with pytest.raises(lsgd.ConfigError, match=key):
        lsgd.simulate(study, device="cpu", progress=_Quiet())
    assert not trained
