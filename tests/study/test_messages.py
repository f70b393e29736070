"""Faults of a config are lines that name file, line and key, and nothing but a ConfigError."""

import pickle
from pathlib import Path

import pytest
from made_up_configs import GIVEN, MEASURED, NETWORK, fault, study

from langevin_sgd.config.errors import ConfigError
from langevin_sgd.errors import UserError
from langevin_sgd.study import loading as config


def test_several_faults_are_told_in_the_order_of_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(
        "name: a\nseed: -1\nsgd:\n  learning_rate: 0\n  batch_size: x\nmodels:\n  network:\n    kind: network\n"
        "    architecture: {kind: softmax}\n    steps: 0\nextra: 1\n"
    )
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    lines = caught.value.lines()
    assert [line.removeprefix(f"{path}:").split(": ")[:2] for line in lines] == [
        ["2", "seed"],
        ["4", "sgd.learning_rate"],
        ["5", "sgd.batch_size"],
        ["10", "models.network.steps"],
        ["11", "extra"],
    ]
    assert caught.value.render() == "\n".join(lines)


FULL = {"kind": "full", "full": [], "matrix": [[2.0, 0.5], [0.5, 1.0]]}
CSV = {**NETWORK, "loss": "mse", "data": {"name": "csv", "path": "table.csv"}}
WELL = {
    "kind": "langevin",
    "potential": {"kind": "expression", "energy": "x**2", "variables": ["x"]},
    "temperature": 1.0,
    "steps": 10,
}
FROM_PYTHON = {
    "no column of labels": (
        study(models={"network": CSV}, checks=[]),
        "models.network.data.labels: missing; expected the name of a column, or a list of names",
    ),
    "a number for columns": (
        study(models={"network": {**CSV, "data": {**CSV["data"], "labels": "y", "inputs": 3}}}, checks=[]),
        "models.network.data.inputs: must be the name of a column, or a list of names, got 3",
    ),
    "no list of numbers": (
        study(models={"well": WELL}, checks=[]),
        "models.well.start: missing; expected a list of numbers",
    ),
    "a boolean": (study(seed=True), "seed: must be a whole number, got true"),
    "a key that is no text": (study(models={"network": NETWORK, 3: MEASURED}), "models: keys must be text, got 3"),
    "a list": ([1, 2], "must be a mapping"),
    "nothing": (None, "the config is empty"),
    "a key like its kind": (
        study(models={"network": {**NETWORK, "network": 1}}, checks=[]),
        "models.network.network: unknown key",
    ),
    "a key like an inner kind": (
        study(models={"full": {**GIVEN, "hessian": FULL}}),
        "models.full.hessian.full: unknown key",
    ),
    "a kind where there is one alone": (
        study(sgd={"learning_rate": 0.1, "batch_size": 1, "kind": "full"}),
        "sgd.kind: unknown key",
    ),
}


@pytest.mark.parametrize("case", FROM_PYTHON)
def test_from_python_the_key_is_named_without_a_line_and_without_tags_of_unions(case: str) -> None:
    given, expected = FROM_PYTHON[case]
    assert fault(given).startswith(f"<config>: {expected}")


def test_errors_are_user_errors_and_survive_a_process_boundary() -> None:
    with pytest.raises(UserError) as caught:
        config.parse(study(seed=-1))
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
