"""The config: what it accepts, fills in and writes out, and that nothing but ConfigError comes out of it."""

import copy
import json
import math
import pickle
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from langevin_sgd.config.errors import ConfigError
from langevin_sgd.errors import UserError
from langevin_sgd.models.network.config import Module, MultilayerPerceptron, NetworkModel, parameter_count, train_size
from langevin_sgd.models.ornstein_uhlenbeck.config import OrnsteinUhlenbeckModel
from langevin_sgd.study import loading as config
from langevin_sgd.study.config import Study

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))

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


# Reading


def test_defaults_are_those_of_the_documentation() -> None:
    parsed = config.parse(study())
    network = parsed.models["network"]
    assert isinstance(network, NetworkModel)
    assert parsed.sgd.momentum == 0.0
    assert parsed.sgd.sampling == "with_replacement"
    assert (network.replicas, network.record_times, network.precision) == (64, 64, "float32")
    assert network.data.name == "digits"
    assert network.measure_curvature is True
    assert network.parameters() == 650
    ou = parsed.models["ou"]
    assert isinstance(ou, OrnsteinUhlenbeckModel)
    assert (ou.replicas, ou.start, ou.dynamics) == (256, "minimum", "discrete")
    assert parsed.checks[0].tolerance == 0.05
    assert parsed.run_directory == "runs/test"


def test_curvature_is_measured_by_default_only_at_the_minimum() -> None:
    for start, expected in (("minimum", True), ("shared", False), ("independent", False)):
        parsed = config.parse(study(models={"network": {**NETWORK, "start": start}}, checks=[]))
        assert parsed.models["network"].measure_curvature is expected


def test_whole_numbers_pass_as_numbers_and_yaml_1_2_floats_are_numbers(tmp_path: Path) -> None:
    text = "name: a\nseed: 0\nsgd: {learning_rate: 1e-3, batch_size: 1_6, weight_decay: 0}\nmodels:\n  ou:\n"
    text += "    kind: ornstein_uhlenbeck\n    hessian: {kind: diagonal, eigenvalues: [1, 2]}\n"
    text += "    noise: {kind: isotropic, scale: 1}\n    steps: 10\ndescription: no\n"
    path = tmp_path / "a.yaml"
    path.write_text(text)
    parsed = config.load(path)
    assert parsed.sgd.learning_rate == 0.001
    assert parsed.sgd.batch_size == 16
    assert parsed.description == "no"


def test_arrays_tuples_and_paths_may_stand_for_lists_and_text() -> None:
    given = {**GIVEN, "hessian": {"kind": "full", "matrix": np.diag([2.0, 1.0])}, "steps": np.int64(500)}
    parsed = config.parse(study(models={"given": given}, output=Path("runs") / "here"))
    assert parsed.models["given"].hessian.matrix == ((2.0, 0.0), (0.0, 1.0))
    assert parsed.models["given"].steps == 500
    assert parsed.run_directory == "runs/here"


def test_the_input_is_left_as_it_was() -> None:
    mapping = study()
    before = copy.deepcopy(mapping)
    config.parse(mapping, ["models.network.sgd.learning_rate=0.2", "checks=[]"])
    assert mapping == before


def test_a_study_is_immutable_and_parses_to_itself() -> None:
    parsed = config.parse(study())
    assert config.parse(parsed) is parsed
    with pytest.raises(ValueError, match="frozen"):
        parsed.seed = 2  # type: ignore[misc]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_examples_load_and_open_with_a_question(path: Path) -> None:
    assert config.load(path).name == path.stem
    opening = path.read_text().split("\n#\n")[0]
    assert opening.startswith("# ")
    assert opening.endswith("?")


# Overrides


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


# Errors


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


def test_from_python_the_key_is_named_and_no_line() -> None:
    line = fault(study(seed=True))
    assert line == "<config>: seed: must be a whole number, got true"
    assert fault(study(models={"network": NETWORK, 3: MEASURED})) == "<config>: models: keys must be text, got 3"
    assert fault([1, 2]).startswith("<config>: must be a mapping")
    assert fault(None).startswith("<config>: the config is empty")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "side_by_side.yaml").write_text("name: a\n")
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    for name, expected in (
        ("side_by_sid.yaml", f'no such file; did you mean "{tmp_path / "side_by_side.yaml"}"?'),
        ("latin.yaml", "is not a text file in UTF-8"),
        (".", "is a directory"),
        ("missing/a.yaml", "no such file, and no such folder"),
    ):
        with pytest.raises(ConfigError) as caught:
            config.load(tmp_path / name)
        assert str(caught.value).startswith(f"{tmp_path / name}: {expected}")
    with pytest.raises(ConfigError, match=r"sidereal\.yaml: no such file$"):  # the ending alone makes no likeness
        config.load(tmp_path / "sidereal.yaml")


def test_union_tags_never_show_in_the_key() -> None:
    network = {**NETWORK, "network": 1}
    assert fault(study(models={"network": network}, checks=[])).startswith("<config>: models.network.network: unknown")
    full = {**GIVEN, "hessian": {"kind": "full", "full": [], "matrix": [[2.0, 0.5], [0.5, 1.0]]}}
    assert fault(study(models={"full": full})).startswith("<config>: models.full.hessian.full: unknown key")
    assert fault(study(sgd={"learning_rate": 0.1, "batch_size": 1, "kind": "full"})).startswith("<config>: sgd.kind:")


def test_errors_are_user_errors_and_survive_a_process_boundary() -> None:
    with pytest.raises(UserError) as caught:
        config.parse(study(seed=-1))
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_an_inconsistent_study_cannot_be_built_directly_either() -> None:
    parsed = config.parse(study())
    with pytest.raises(ValueError, match="inconsistent"):
        Study(**{**dict(parsed), "sgd": parsed.sgd.model_copy(update={"batch_size": 1500})})


@pytest.mark.parametrize("eta", [0.1, 1.0, 1.9, 2.0])
def test_stability_limit_of_given_eigenvalues(eta: float) -> None:
    given = {**GIVEN, "hessian": {"kind": "diagonal", "eigenvalues": [0.5, 1.0]}}
    mapping = study(sgd={"learning_rate": eta, "batch_size": 1}, models={"given": given})
    if eta < 2:
        config.parse(mapping)
        return
    assert "stability limit" in fault(mapping)
    mapping["models"]["given"]["dynamics"] = "continuum"
    config.parse(mapping)
    mapping["models"]["given"].update(dynamics="discrete", sgd={"momentum": 0.01})
    config.parse(mapping)


def test_flat_and_unstable_modes_are_allowed_only_without_noise() -> None:
    flat = {"kind": "diagonal", "eigenvalues": [1.0, 0.0]}
    quiet = {"kind": "diagonal", "variances": [1.0, 0.0]}
    config.parse(study(models={"given": {**GIVEN, "hessian": flat, "noise": quiet}}))
    assert "not positive" in fault(study(models={"given": {**GIVEN, "hessian": flat}}))
    rotated = {"kind": "full", "matrix": [[0.5, 0.5], [0.5, 0.5]]}
    along = {"kind": "full", "matrix": [[1.0, 1.0], [1.0, 1.0]]}
    across = {"kind": "full", "matrix": [[1.0, -1.0], [-1.0, 1.0]]}
    config.parse(study(models={"given": {**GIVEN, "hessian": rotated, "noise": along}}))
    assert "not positive" in fault(study(models={"given": {**GIVEN, "hessian": rotated, "noise": across}}))


# What a study says about its models


def test_order_puts_each_model_after_what_it_is_measured_on() -> None:
    parsed = config.parse(study(models={"ou": MEASURED, "given": GIVEN, "network": NETWORK}))
    assert parsed.order() == ("network", "ou", "given")
    assert parsed.dependencies() == {"ou": ("network",), "given": (), "network": ()}


def test_effective_sgd_takes_the_network_then_its_own() -> None:
    network = {**NETWORK, "sgd": {"learning_rate": 0.5, "sampling": "epoch"}}
    ou = {**MEASURED, "sgd": {"batch_size": 8}}
    parsed = config.parse(study(models={"network": network, "ou": ou, "given": GIVEN}))
    assert parsed.effective_sgd("network").model_dump() == {
        "learning_rate": 0.5,
        "batch_size": 16,
        "momentum": 0.0,
        "weight_decay": 0.0,
        "sampling": "epoch",
    }
    own = parsed.effective_sgd("ou")
    assert (own.learning_rate, own.batch_size, own.sampling) == (0.5, 8, "with_replacement")
    assert parsed.effective_sgd("given").learning_rate == 0.1
    assert parsed.sgd_origin("ou", "learning_rate") == ("models", "network", "sgd", "learning_rate")
    assert parsed.sgd_origin("ou", "batch_size") == ("models", "ou", "sgd", "batch_size")
    assert parsed.sgd_origin("ou", "momentum") == ("sgd", "momentum")


def test_effective_steps_are_the_networks_unless_given() -> None:
    parsed = config.parse(study())
    assert parsed.effective_steps("ou") == 1000
    assert parsed.effective_steps("given") == 500


def test_checks_cover_models_with_a_stationary_window() -> None:
    far = {**NETWORK, "start": "shared"}
    parsed = config.parse(study(models={"far": far, "given": GIVEN}))
    assert parsed.checked_models(parsed.checks[0]) == ("given",)
    named = config.parse(study(checks=[{"kind": "equilibrium", "models": ["ou"]}]))
    assert named.checked_models(named.checks[0]) == ("ou",)


def test_split_and_parameter_count() -> None:
    assert train_size(1797, 0.2) == 1797 - 359
    assert train_size(100, 0.0) == 100
    mlp = MultilayerPerceptron(kind="mlp", hidden=(32,))
    assert parameter_count(mlp, 64, 10) == 64 * 32 + 32 + 32 * 10 + 10
    assert parameter_count(Module(kind="module", factory="a:b"), 64, 10) is None


# Writing


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


# Robustness

JUNK = [
    None, True, False, -1, 0, 1, 10**400, 1e308, -1e308, 1e-320, math.nan, math.inf, "", " ", "network", "ou", "from",
    "\x00", "\n", "\ud800", "é" * 300, [], {}, [[]], [1, "a"], [[1, 2], [3]], [[1e308] * 2] * 2, {"from": "ou"},
    {"kind": "full"}, {"kind": None}, {"kind": []}, {"kind": "diagonal", "from": {}}, {"displacement": [0]}, b"x",
    {1.0}, object(), 1j,
]  # fmt: skip


def _places(value: object, path: tuple = ()) -> list[tuple]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in inner for place in _places(child, (*path, key)))]


def _mutate(mapping: dict, source: random.Random) -> object:
    for _ in range(source.choice([1, 1, 1, 2, 4])):
        place = source.choice(_places(mapping))
        if not place:
            continue
        holder = mapping
        for key in place[:-1]:
            holder = holder[key]
        action = source.random()
        if action < 0.2:
            del holder[place[-1]]
        elif action < 0.3 and isinstance(holder, dict):
            holder[source.choice(["kind", "from", "x", "", "sgd", "network", 3])] = holder.pop(place[-1])
        elif action < 0.4:
            other = mapping
            for key in source.choice(_places(mapping)):
                other = other[key]
            holder[place[-1]] = copy.deepcopy(other)
        else:
            holder[place[-1]] = copy.deepcopy(source.choice(JUNK))
    return mapping


def _assert_lines(error: ConfigError) -> None:
    assert error.lines()
    for line in error.lines():
        assert line.isprintable()
        assert not line.endswith(": ")


@pytest.mark.parametrize("count", [600, pytest.param(3000, marks=pytest.mark.validate)])
def test_random_damage_gives_a_study_or_a_config_error(count: int) -> None:
    source = random.Random(20240501)
    base = study(checks=["equilibrium", {"kind": "equilibrium", "models": ["ou"], "tolerance": 0.1}])
    base["models"]["iso"] = {**MEASURED, "noise": {"kind": "isotropic", "from": "network"}, "sgd": {"momentum": 0.1}}
    base["models"]["mlp"] = {
        **NETWORK,
        "architecture": {"kind": "mlp", "hidden": [4, 4], "activation": "relu"},
        "burn_in": 3,
        "data": {"name": "digits", "label_noise": 0.1, "test_fraction": 0.3, "folder": None},
    }
    base["models"]["own"] = {
        **NETWORK,
        "start": "shared",
        "architecture": {"kind": "module", "factory": "a:b", "arguments": {"x": [1, {"y": 2}]}},
    }
    config.parse(base)
    outcomes = {"study": 0, "error": 0}
    for _ in range(count):
        damaged = _mutate(copy.deepcopy(base), source)
        try:
            written = config.resolved_yaml(config.parse(damaged))
            assert written.encode("utf-8")
            outcomes["study"] += 1
        except ConfigError as error:
            _assert_lines(error)
            outcomes["error"] += 1
    assert min(outcomes.values()) > count / 30


@pytest.mark.parametrize("count", [120, pytest.param(600, marks=pytest.mark.validate)])
def test_random_damage_to_the_text_gives_a_study_or_a_config_error(count: int) -> None:
    source = random.Random(20240502)
    texts = [path.read_text() for path in CONFIGS]
    marks = [*"[]{}:,-#&*!|>'\"%@`?~\n\t \\\x00\x85<=", "\n  ", "---", "...", "%YAML 1.1\n", "!!int ", "<<: *a", "&a "]
    for _ in range(count):
        text = source.choice(texts)
        for _ in range(source.choice([1, 1, 2, 5])):
            at = source.randrange(len(text))
            text = text[:at] + source.choice(["", *marks]) + text[at + source.choice([0, 1, 1, 20]) :]
        try:
            read = config.yaml_source.parse_text(text, "study.yaml")
            config._study(read.data, (), read.name, read.find)
        except ConfigError as error:
            _assert_lines(error)


def test_hostile_yaml_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "hostile.yaml"
    for text in (
        "[" * 5000,
        "a: &a [*a]\n",
        "a: " + "9" * 5000 + "\n",
        "? [a, b]\n: c\n",
        "%YAML 3.0\n---\na: 1\n",
        "%TAG ! !\n%TAG ! !\n---\na\n",
        'a: "\\xZZ"\n',
        "a: !!float x\n",
        "a: !!int ''\n",
        "a: !!bool maybe\n",
        "a: &b 1\nc: &b 2\n",
        "a: 2024-13-45\n",
        "a: !!binary x\n",
        "a: !!set {b}\n",
    ):
        path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            config.load(path)
        _assert_lines(caught.value)


def test_import_is_light() -> None:
    heavy = ("numpy", "scipy", "torch", "xarray")
    code = f"import sys, langevin_sgd.study.config; print([m for m in {heavy} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_a_network_that_others_are_measured_on_starts_at_its_minimum_unless_told_otherwise() -> None:
    network = {"kind": "network", "architecture": {"kind": "softmax"}, "steps": 1000}
    alone = {"name": "s", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 16}, "models": {"network": network}}
    assert config.parse(alone).models["network"].start == "shared"
    ou = {"kind": "ornstein_uhlenbeck", "hessian": {"from": "network"}, "noise": {"from": "network"}}
    both = config.parse({**alone, "models": {"network": network, "ou": ou}}).models["network"]
    assert (both.start, both.measure_curvature) == ("minimum", True)
