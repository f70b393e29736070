"""Studies of one model of each kind, with what a test changes of it."""

from __future__ import annotations


def study(**model) -> dict:
    sgd = {"learning_rate": 0.1, "batch_size": 4, "weight_decay": 0.1}
    return {"name": "large", "seed": 1, "sgd": sgd, "models": {"m": model}}


def ou(modes: int = 3, **changed) -> dict:
    hessian = {"kind": "diagonal", "eigenvalues": [1.0 - 0.5 * i / modes for i in range(modes)]}
    noise = {"kind": "isotropic", "scale": 0.4}
    return study(**{"kind": "ornstein_uhlenbeck", "hessian": hessian, "noise": noise, "steps": 1000, **changed})


def langevin(**changed) -> dict:
    potential = {"kind": "expression", "energy": "x**2/2", "variables": ["x"]}
    own = {"kind": "langevin", "potential": potential, "start": [0.0], "temperature": 0.5, "steps": 1000}
    return study(**{**own, **changed})


def basins(**changed) -> dict:
    return study(**{"kind": "basins", "potential": {"kind": "quartic"}, "temperature": 0.5, "steps": 1000, **changed})


def network(**changed) -> dict:
    own = {"kind": "network", "data": {"name": "digits"}, "architecture": {"kind": "softmax"}, "steps": 1000}
    return study(**{**own, **changed})


def interpolation(**changed) -> dict:
    end = {"batch_size": 4, "learning_rate": 0.1, "steps": 10}
    own = {"kind": "interpolation", "architecture": {"kind": "mlp", "hidden": [2]}, "endpoints": {"a": end, "b": end}}
    return study(**{**own, **changed})


def potential(**changed) -> dict:
    return study(**{"kind": "random_potential", "alpha": 1.0, "ln_time": [0.0, 2.0], **changed})


def scanned(config_of: dict, key: str, points: int) -> dict:
    return {**config_of, "scan": {key: {"linear": [0.1, 1.0, points]}}}
