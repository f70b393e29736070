"""The figure of effective temperatures shows what was measured, the bath of each mode, and the one temperature."""

import numpy as np
import pytest

import langevin_sgd as lsgd
from langevin_sgd.reporting.plots.drawn import figures


@pytest.fixture(scope="module")
def tree():
    network = {
        "kind": "network", "data": {"name": "iris"}, "architecture": {"kind": "softmax"}, "replicas": 8, "steps": 100,
    }  # fmt: skip
    probe = {"kind": "response", "delays": [1, 20], "origins": 2}
    return lsgd.simulate({
        "name": "temperatures", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 8, "weight_decay": 0.1},
        "models": {
            "near": {**network, "start": "minimum", "probes": [{**probe, "onsets": [50]}]},
            "far": {**network, "start": "shared", "probes": [{**probe, "onsets": [10, 50]}]},
        },
    })  # fmt: skip


def test_lines_are_the_baths_and_the_one_temperature(tree):
    drawn = figures(tree, ["effective_temperature"])
    assert set(drawn) == {"effective_temperature_near", "effective_temperature_far"}
    near, far = (drawn[f"effective_temperature_{name}"].axes[0] for name in ("near", "far"))
    labels = [text.get_text() for text in near.get_legend().get_texts()]
    assert labels == ["bath, η c/(2B)", "one temperature, T/2", "θ from step 50 on"]
    one = next(line for line in near.get_lines() if line.get_label() == "one temperature, T/2")
    np.testing.assert_allclose(one.get_ydata(), float(tree["near"]["thermal_energy"]))
    single = near.get_lines()[0]
    theta = tree["near"]["mode_thermal_energy"].values[0, -1]
    assert set(single.get_ydata()) <= set(theta)
    assert len(single.get_ydata()) >= 8
    assert [text.get_text() for text in far.get_legend().get_texts()] == [
        "bath, η c/(2B)", "θ from step 10 on", "θ from step 50 on",
    ]  # fmt: skip
