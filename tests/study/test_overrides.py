"""Overrides of keys, by `--set` and from Python."""

import json
from pathlib import Path

import pytest
from made_up_configs import fault, study

from langevin_sgd.config.errors import ConfigError
from langevin_sgd.study import loading as config


def test_overrides_replace_add_and_reach_into_lists() -> None:
    parsed = config.parse(
        study(checks=[{"kind": "equilibrium"}]),
        [
            "sgd.learning_rate=1e-2",
            "models.network.sgd.batch_size=8",
            "models.given.start.displacement.1=5",
            "checks.0.tolerance=0.1",
            "models.extra={kind: network, architecture: {kind: mlp}, steps: 3}",
            "sgd.learning_rate=0.02",
        ],
    )
    assert parsed.sgd.learning_rate == 0.02
    assert parsed.models["network"].sgd.batch_size == 8
    assert parsed.models["given"].start.displacement == (1.0, 5.0)
    assert parsed.checks[0].tolerance == 0.1
    assert parsed.models["extra"].steps == 3


def test_an_override_of_a_study_is_checked_again() -> None:
    parsed = config.parse(study())
    assert config.parse(parsed, ["sgd.momentum=0.5"]).sgd.momentum == 0.5
    assert "training samples" in fault(parsed, ("sgd.batch_size=1500",))


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("sgd.learning_rate", "--set sgd.learning_rate: must be KEY=VALUE"),
        ("=1", "--set =1: must be KEY=VALUE"),
        ("sgd.learning_rate=-1", "--set sgd.learning_rate=-1: must be > 0, got -1"),
        ("sgd={learning_rate: -1, batch_size: 2}", "batch_size: 2}: sgd.learning_rate: must be > 0"),
        ("sgd.momntum=0.9", '--set sgd.momntum=0.9: unknown key; did you mean "momentum"?'),
        ("sdg.momentum=0.9", '--set sdg.momentum=0.9: sdg: unknown key; did you mean "sgd"?'),
        ("models.netwrk.steps=9", '--set models.netwrk.steps=9: no model named "netwrk"; did you mean "network"?'),
        ("models.network.steps.x=9", "models.network.steps is 1000, which has no keys inside"),
        ("checks.4=equilibrium", "checks is a list; its positions are 0 to 0"),
        ("checks.0.tolerance=0.1", 'checks.0 is "equilibrium", which has no keys inside'),
        ("checks=[", "--set checks=[: malformed YAML"),
        ("models.ou.noise.from=given", 'models.ou.noise.from=given: "given" is an ornstein_uhlenbeck model'),
        ("sgd.batch_size=5000", "--set sgd.batch_size=5000: 5000 is more than the 1438 training samples of network"),
    ],
)
def test_a_wrong_override_is_named_in_place_of_the_line(tmp_path: Path, override: str, expected: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(json.dumps(study()))
    with pytest.raises(ConfigError) as caught:
        config.load(path, [override])
    (line,) = caught.value.lines()
    assert expected in line
    assert line.startswith(f"--set {override}")


def test_a_file_fault_beside_a_good_override_still_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(json.dumps(study(seed=-1), indent=1))
    with pytest.raises(ConfigError, match=r"study\.yaml:3: seed: must be >= 0"):
        config.load(path, ["sgd.momentum=0.5"])
