"""What is written beside the results reads back as the same study; the schema for editors says the same."""

import random
from pathlib import Path

import pytest
from made_up_configs import GIVEN, NETWORK, study
from ruamel.yaml import YAML

from langevin_sgd.study import loading as config

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_resolved_examples_load_back_equal(path: Path, tmp_path: Path) -> None:
    parsed = config.load(path)
    resolved = tmp_path / "resolved.yaml"
    resolved.write_text(config.resolved_yaml(parsed), encoding="utf-8")
    again = config.load(resolved)
    assert again == parsed
    assert config.resolved_yaml(again) == config.resolved_yaml(parsed)


def test_resolved_yaml_has_numbers_that_readers_of_yaml_1_1_know() -> None:
    parsed = config.parse(study(sgd={"learning_rate": 2e-7, "batch_size": 4}))
    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 1)
    read = reader.load(config.resolved_yaml(parsed))
    assert read["sgd"]["learning_rate"] == 2e-7
    assert read["models"]["network"]["gradient_tolerance"] == 1e-6
    assert config.parse(read) == parsed


def test_resolved_yaml_states_every_default() -> None:
    text = config.resolved_yaml(config.parse(study()))
    for expected in (
        "momentum: 0.0",
        "gradient_tolerance: 1.0e-06",
        "burn_in: null",
        "energy_bound: 0.05",
        "measure_curvature: true",
        "displacement: [1.0, 2.0]",
        "- [2.0, 0.5]",
    ):
        assert expected in text


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "1e3",
        "null",
        "a: b",
        "# x",
        "- a",
        "two\nlines\n\n  indented\n",
        "é λ",
        "'q\"",
        " ",
        "~",
        "2024-01-01",
        "<<",
    ],
)
def test_any_text_survives_the_resolved_config(text: str, tmp_path: Path) -> None:
    arguments = {"text": text, "deep": {"list": [1, 2.5, None, True, [text]]}}
    network = {**NETWORK, "architecture": {"kind": "module", "factory": "a.b:c", "arguments": arguments}}
    parsed = config.parse(study(description=text, models={"network": network}))
    path = tmp_path / "resolved.yaml"
    path.write_text(config.resolved_yaml(parsed), encoding="utf-8")
    assert config.load(path) == parsed


def test_any_number_survives_the_resolved_config(tmp_path: Path) -> None:
    random_numbers = random.Random(1)
    path = tmp_path / "resolved.yaml"
    eigenvalues = [10.0 ** random_numbers.uniform(-12, 12) for _ in range(500)]
    given = {**GIVEN, "hessian": {"kind": "diagonal", "eigenvalues": eigenvalues}, "start": "stationary"}
    given.update(noise={"kind": "isotropic", "scale": 1e-300}, dynamics="continuum")
    parsed = config.parse(study(seed=2**64 - 1, models={"given": given}))
    path.write_text(config.resolved_yaml(parsed), encoding="utf-8")
    assert config.load(path) == parsed


def test_schema_accepts_the_examples_and_refuses_a_typo() -> None:
    validator_class = pytest.importorskip("jsonschema").Draft202012Validator
    schema = config.json_schema()
    validator_class.check_schema(schema)
    validator = validator_class(schema)
    for path in CONFIGS:
        written = config.yaml_source.read(path).data
        assert list(validator.iter_errors(written)) == []
    assert validator.is_valid(study())
    assert not validator.is_valid(study(sgd={"learning_rte": 0.1, "batch_size": 1}))
    assert not validator.is_valid(study(checks=["equilibriun"]))
    assert schema["properties"]["seed"]["description"].startswith("Seed of all randomness")
