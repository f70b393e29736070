"""Figures of effective temperatures and of displacements between two times show what was measured, beside laws."""

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
    times = {"kind": "two_time", "waiting": [1, 50], "separations": [10, 50]}
    return lsgd.simulate({
        "name": "temperatures", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 8, "weight_decay": 0.1},
        "models": {
            "near": {**network, "start": "minimum", "probes": [{**probe, "onsets": [50]}, times]},
            "far": {**network, "start": "shared", "probes": [{**probe, "onsets": [10, 50]}, times]},
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


@pytest.mark.parametrize(
    ("name", "beside", "label"),
    [("near", "squared_increment_predicted", "law"), ("far", "increment_drift_squared", "common drift")],
)
def test_displacements_between_two_times_stand_beside_the_law_or_their_drift(tree, name, beside, label):
    axes = figures(tree, [f"two_times_{name}"])[f"two_times_{name}"].axes[0]
    assert sorted(text.get_text() for text in axes.get_legend().get_texts()) == sorted(
        [label, "from step 1 on", "from step 50 on"]
    )
    found = next(line for line in axes.get_lines() if line.get_label() == label)
    np.testing.assert_allclose(found.get_ydata(), tree[name][beside].values[0])
    means = axes.containers[1].lines[0].get_ydata()
    np.testing.assert_allclose(means, tree[name]["squared_increment"].mean("replica").values[1])
