"""Walkers that leave the domain of a formula fail their model with one line; the others run."""

from __future__ import annotations

import numpy as np
import pytest

import langevin_sgd as lsgd

RUN = {"temperature": 1.0, "time_step": 0.05, "steps": 40, "replicas": 200, "backend": "batched"}
HALF_LINE = {"kind": "expression", "energy": "x**2/2 - log(x)", "variables": ["x"]}
WELL = {"kind": "expression", "energy": "x**2/2", "variables": ["x"]}


@pytest.mark.parametrize(
    ("model", "what"),
    [
        ({"kind": "langevin", "potential": HALF_LINE, "start": [1.0]}, "energy"),
        (
            {"kind": "langevin", "potential": WELL, "start": [1.0], "basins": {"a": "log(x) > 0", "b": "x <= 1"}},
            "what the condition of the basin 'a' compares",
        ),
        (
            {"kind": "langevin", "potential": WELL, "start": [1.0], "first_passage": "sqrt(x) > 2"},
            "what the first-passage condition compares",
        ),
        (
            {"kind": "basins", "potential": HALF_LINE, "basins": {"low": "x < 1", "high": "x >= 1"},
             "start": {"low": [0.9], "high": [1.1]}, "samples": 8, "laws": False},
            "energy",
        ),
    ],
)  # fmt: skip
def test_the_model_fails_with_one_line_and_the_others_run(model, what):
    study = {
        "name": "domain",
        "seed": 1,
        "sgd": {"learning_rate": 0.05, "batch_size": 1},
        "models": {"out": RUN | model, "fine": {"kind": "langevin", "potential": WELL, "start": [1.0]} | RUN},
    }
    with pytest.warns(RuntimeWarning, match="out: failed"):
        tree = lsgd.simulate(study)
    error = tree["out"].attrs["error"]
    assert error.startswith("out diverged at step ")
    assert f": {what} is not finite in " in error
    assert " of 200 trajectories (" in error
    assert "\n" not in error
    assert tree["fine"].attrs["status"] == "done"
    assert np.isfinite(tree["fine"]["energy"].values).all()
