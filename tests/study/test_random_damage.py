"""Damage at random, to values and to text: a study or a ConfigError of readable lines, and nothing else."""

import copy
import math
import random
from pathlib import Path

import pytest
from made_up_configs import MEASURED, NETWORK, study

from langevin_sgd.config.errors import ConfigError
from langevin_sgd.study import loading as config

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
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
