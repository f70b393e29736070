"""A small config of every part that the tests of configs change."""

import copy

import pytest

from langevin_sgd.config.errors import ConfigError
from langevin_sgd.study import loading as config

NETWORK = {"kind": "network", "architecture": {"kind": "softmax"}, "start": "minimum", "steps": 1000}
MEASURED = {"kind": "ornstein_uhlenbeck", "hessian": {"from": "network"}, "noise": {"from": "network"}}
GIVEN = {
    "kind": "ornstein_uhlenbeck",
    "hessian": {"kind": "full", "matrix": [[2.0, 0.5], [0.5, 1.0]]},
    "noise": {"kind": "diagonal", "variances": [1.0, 2.0]},
    "steps": 500,
    "start": {"displacement": [1, 2]},
}


def study(**changes: object) -> dict:
    base = {
        "name": "test",
        "seed": 1,
        "sgd": {"learning_rate": 0.1, "batch_size": 16},
        "models": {"network": NETWORK, "ou": MEASURED, "given": GIVEN},
        "checks": ["equilibrium"],
    }
    return copy.deepcopy({**base, **changes})


def fault(mapping: object, overrides: tuple[str, ...] = ()) -> str:
    with pytest.raises(ConfigError) as caught:
        config.parse(mapping, overrides)
    (line,) = caught.value.lines()
    return line
