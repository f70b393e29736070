"""The README: its commands and snippets are run, its links lead somewhere."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import langevin_sgd as lsgd
from langevin_sgd import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


STUDY = '"configs/ornstein_uhlenbeck.yaml"'
FEWER = [f"models.{name}.replicas=256" for name in ("discrete", "continuum", "momentum")]


@pytest.mark.parametrize("overrides", [FEWER, pytest.param([], marks=pytest.mark.validate)], ids=["fewer", "whole"])
def test_python_snippets_run_in_order(overrides: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As they stand under validate; by default with fewer replicas of the first study."""
    monkeypatch.chdir(ROOT)
    assert SNIPPETS[0].count(STUDY) == 1
    names: dict = {}
    for snippet in SNIPPETS:
        text = snippet.replace(STUDY, f"{STUDY}, overrides={overrides!r}") if overrides else snippet
        text = text.replace('"runs/', f'"{tmp_path}/')
        exec(compile(text, "README.md", "exec"), names)
    ratio = names["tree"]["discrete"].mode_variance / names["tree"]["discrete"].mode_variance_predicted
    assert float(abs(ratio - 1).max()) < 0.05
    assert set(names["table"].model.values) == {"discrete", "continuum", "momentum"}
    assert names["merged"]["network"].sizes["replica"] == 2
    assert "checks" in names["merged"].children
    occupancy = names["run"].data.occupancy.sel(basin="right")
    assert occupancy.sizes == {"tilt": 3, "time": 3}
    assert float(occupancy.sel(tilt=0.2)[-1]) < float(occupancy.sel(tilt=0.0)[-1])
    modes = names["fluctuations"]["mode"].mode_variance
    assert modes.sizes == {"learning_rate": 4, "batch_size": 2, "mode": 1}
    rows = names["rows"][names["rows"].law == "discrete"]
    assert {*rows.learning_rate} == {0.1, 0.2, 0.3, 0.4}
    assert {*rows.batch_size} == {8, 32}


def test_the_scan_shown_fits_a_study_of_a_network_and_a_model_measured_on_it() -> None:
    (text,) = re.findall(r"```yaml\n(scan:\n.*?)```", README, re.DOTALL)
    network = {"kind": "network", "architecture": {"kind": "softmax"}, "start": "minimum", "steps": 100}
    measured = {"kind": "ornstein_uhlenbeck", "hessian": {"from": "network"}, "noise": {"from": "network"}}
    study = {
        "name": "shown",
        "seed": 1,
        "sgd": {"learning_rate": 0.1, "batch_size": 16},
        "models": {"network": network, "measured": measured},
        **YAML(typ="safe").load(text),
    }
    assert {axis.name: len(axis) for axis in lsgd.parse(study).axes()} == {
        "learning_rate": 6,
        "batch_size": 4,
        "sampling": 2,
        "spoilt": 16,
    }


def test_commands_named_exist(capsys: pytest.CaptureFixture[str]) -> None:
    commands = set(re.findall(r"^(?:\.venv/bin/)?langevin-sgd (\w+)", README, re.MULTILINE))
    assert commands >= {"new", "simulate", "check", "report", "schema"}
    for command in commands:
        assert cli.main([command, "--help"]) == 0
    capsys.readouterr()


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        place, _, heading = target.partition("#")
        assert (ROOT / place).exists(), target
        assert not heading or re.search(rf"^## {heading}$", README, re.MULTILINE | re.IGNORECASE), target


def test_every_public_name_is_there() -> None:
    for name in lsgd.__all__:
        assert getattr(lsgd, name) is not None
    with pytest.raises(AttributeError, match="simulat"):
        lsgd.simulat  # noqa: B018
