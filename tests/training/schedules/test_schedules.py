"""The learning rate on its way: the time that goes by, what a function of the user's own gives, and where it stops."""

import sys
from pathlib import Path

import numpy as np
import pytest

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.study import loading as config

FILE = """
def halves(step):
    return 0.5 ** (step // 10)

def negative(step):
    return 1.0 if step < 15 else -1.0

def broken(step):
    return {}[step]
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "my_schedules.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    yield "my_schedules"
    sys.modules.pop("my_schedules", None)


def study(schedule: object, scan: dict | None = None, **more: object) -> dict:
    network = {
        "kind": "network", "data": {"name": "iris"}, "architecture": {"kind": "softmax"}, "replicas": 3, "steps": 40,
        "record_times": 8,
        "update_rule": {"kind": "sgd", "schedule": schedule}, **more,
    }  # fmt: skip
    sgd = {"learning_rate": 0.1, "batch_size": 8, "weight_decay": 0.1, "momentum": 0.5}
    return {"name": "one", "seed": 1, "sgd": sgd, "models": {"network": network}, "scan": scan or {}}


def test_the_time_is_the_sum_of_the_learning_rates(module: str, tmp_path: Path) -> None:
    """Recorded, checked again, and the same by a name and by a function of the user's own."""
    given = study({"kind": "step", "every": 10, "by": 0.5})
    found = lsgd.simulate(given, output=tmp_path / "run")["network"]
    factors = 0.5 ** (np.arange(40) // 10)
    time = 0.1 * np.concatenate([[0.0], np.cumsum(factors)])[found.step.values]
    np.testing.assert_allclose(found.time, time, rtol=1e-14)
    np.testing.assert_allclose(found.effective_time, time / 0.5, rtol=1e-14)
    np.testing.assert_allclose(found.learning_rate_factor[:-1], factors[found.step.values[:-1]])
    assert found.time.attrs["long_name"] == "time, sum of the learning rates of all steps"
    table = lsgd.check(tmp_path / "run")
    assert not [name for name in map(str, table.quantity.values) if name.startswith("stored")]
    assert (tmp_path / "run" / "report.html").exists()
    own = lsgd.simulate(study(f"{module}:halves"), output=tmp_path / "own")["network"]
    assert np.array_equal(own.energy, found.energy)
    assert np.array_equal(own.time, found.time)
    sys.modules.pop("my_schedules")
    lsgd.check(tmp_path / "own")  # which imports nothing
    assert "my_schedules" not in sys.modules
    plain = lsgd.simulate(study("constant"))["network"]
    assert "learning_rate_factor" not in plain
    assert not np.allclose(plain.energy[:, -1], found.energy[:, -1])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("negative", "schedule my_schedules:negative: gave -1.0 at step 15; a finite number >= 0 is needed"),
        ("broken", "schedule my_schedules:broken: failed at step 0: KeyError: 0 (my_schedules.py, line 9)"),
    ],
)
def test_a_broken_function_is_told_in_one_line(module: str, name: str, told: str) -> None:
    with pytest.raises(UserError) as refused:
        lsgd.simulate(study(f"{module}:{name}"))
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
    with pytest.raises(UserError, match="my_schedules has no nothing"):
        lsgd.simulate(study(f"{module}:nothing"))


def test_scanned_schedules_each_have_their_times() -> None:
    found = lsgd.simulate(study({"kind": "step", "every": 10}, {"models.network.update_rule.schedule.by": [0.5, 0.1]}))
    last = found["network"].time.isel(time=-1).values
    np.testing.assert_allclose(last, [0.1 * 10 * (1 + 0.5 + 0.25 + 0.125), 0.1 * 11.11], rtol=1e-12)


def test_after_a_warm_up_the_window_is_that_of_the_learning_rate() -> None:
    """It begins when the learning rate is reached; nothing is said of the way there."""
    warm = study({"warm_up": 30}, start="minimum", steps=400)
    found = lsgd.simulate(warm)["network"]
    assert int(found.sample_step[0]) > 30
    assert found.attrs["law"] == "discrete"
    assert "spread_predicted" not in found
    assert np.isfinite(found.mode_variance_predicted).all()
    plain = lsgd.simulate(study("constant", start="minimum", steps=400))["network"]
    np.testing.assert_allclose(found.mode_variance_predicted, plain.mode_variance_predicted)
    assert float(found.transient_deficit) > float(plain.transient_deficit)
    with pytest.raises(UserError, match=r"update_rule.schedule: .*takes one that stays"):
        config.parse(study("cosine", start="minimum"))
