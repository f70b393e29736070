"""What is measured beside a training is scanned like the training: all of it at once, over learning rate and batch."""

import numpy as np
import pytest

import langevin_sgd as lsgd
from langevin_sgd.training.ensemble import Ensemble
from langevin_sgd.training.probes import PROBES

RATES, BATCHES = [0.05, 0.1], [8, 16]
SCANNED = ("learning_rate", "batch_size")
AT_MINIMUM = [
    {"kind": "averages", "frames": 2}, "frozen_noise", {"kind": "stationarity", "windows": 2}, "mode_growth",
    {"kind": "response", "onsets": [60], "delays": [1, 20], "origins": 2},
]  # fmt: skip
OF_DESCENT = [
    {"kind": "tangent", "looks": 2}, {"kind": "segments", "looks": 1, "pairs": 2, "points": 3},
    {"kind": "roughness", "points": 8}, {"kind": "two_time", "waiting": [20], "separations": [10, 50]},
]  # fmt: skip


def _config(**changed):
    network = {
        "kind": "network", "data": {"name": "iris"}, "architecture": {"kind": "softmax"}, "replicas": 4, "steps": 100,
        "record_times": 4,
    }  # fmt: skip
    network |= changed
    return {
        "name": "beside", "seed": 3, "sgd": {"learning_rate": 0.1, "batch_size": 8, "weight_decay": 0.1},
        "models": {
            "valley": {**network, "start": "minimum", "burn_in": 30, "probes": AT_MINIMUM},
            "descent": {**network, "start": "shared", "probes": OF_DESCENT},
        },
        "scan": {"sgd.learning_rate": RATES, "sgd.batch_size": BATCHES},
    }  # fmt: skip


@pytest.fixture(scope="module")
def scanned():
    return lsgd.simulate(_config())


def test_every_probe_is_there_at_every_point(scanned):
    for name, probes in (("valley", AT_MINIMUM), ("descent", OF_DESCENT)):
        found = scanned[name].to_dataset()
        assert (found["status"] == 1).all()
        for probe in probes:
            kind = probe if isinstance(probe, str) else probe["kind"]
            measured = [each for each in PROBES[kind].DECLARES if each in found.data_vars]
            assert measured, kind
            at_points = [each for each in measured if set(SCANNED) <= set(found[each].dims)]
            assert at_points, kind
            numbers = [each for each in at_points if np.issubdtype(found[each].dtype, np.floating)]
            seen = [np.isfinite(found[each]).any([d for d in found[each].dims if d not in SCANNED]) for each in numbers]
            assert np.all([each.all() for each in seen if each.any()]), kind
            assert any(each.all() for each in seen), kind


@pytest.mark.validate
def test_interrupted_anywhere_it_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    """Stopped after 3, 10, 31 and 60 advances of any ensemble, of a twin's too, and gone on with."""
    config = _config()
    config["models"]["twin"] = {
        "kind": "langevin_twin", "of": "valley", "replicas": 3, "steps": 60, "time_step_fraction": 0.5,
    }  # fmt: skip
    scanned = lsgd.simulate(config)
    assert np.isfinite(scanned["twin"]["mode_variance"]).all()
    original = Ensemble.advance
    for stop, resume in ((3, False), (10, True), (31, True), (60, True)):
        made = 0

        def stopping(self, *told, stop=stop, **named):
            nonlocal made
            made += 1
            if made > stop:
                raise KeyboardInterrupt
            return original(self, *told, **named)

        monkeypatch.setattr(Ensemble, "advance", stopping)
        with pytest.raises(KeyboardInterrupt):
            lsgd.simulate(config, output=tmp_path / "parts", resume=resume)
    monkeypatch.setattr(Ensemble, "advance", original)
    parts = lsgd.simulate(config, output=tmp_path / "parts", resume=True)
    for name in ("valley", "descent", "twin"):
        for variable, values in scanned[name].to_dataset().items():
            np.testing.assert_array_equal(parts[name][variable].values, values.values, err_msg=str(variable))
