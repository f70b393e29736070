"""The README: its commands and snippets are run, its links lead somewhere."""

import re
from pathlib import Path

import pytest

import langevin_sgd as lsgd
from langevin_sgd import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


STUDY = '"configs/ornstein_uhlenbeck.yaml"'
FEWER = [f"models.{name}.replicas=256" for name in ("discrete", "continuum", "momentum")]


@pytest.mark.parametrize("overrides", [FEWER, pytest.param([], marks=pytest.mark.validate)], ids=["fewer", "whole"])
def test_python_snippets_run_in_order(overrides: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As they stand under validate; by default with fewer replicas of the first study."""
    monkeypatch.chdir(ROOT)
    assert SNIPPETS[0].count(STUDY) == 1
    names: dict = {}
    for snippet in SNIPPETS:
        text = snippet.replace(STUDY, f"{STUDY}, overrides={overrides!r}") if overrides else snippet
        exec(compile(text, "README.md", "exec"), names)
    ratio = names["tree"]["discrete"].mode_variance / names["tree"]["discrete"].mode_variance_predicted
    assert float(abs(ratio - 1).max()) < 0.05
    assert set(names["table"].model.values) == {"discrete", "continuum", "momentum"}
    occupancy = names["run"].data.occupancy.sel(basin="right")
    assert occupancy.sizes == {"tilt": 3, "time": 3}
    assert float(occupancy.sel(tilt=0.2)[-1]) < float(occupancy.sel(tilt=0.0)[-1])


def test_commands_named_exist(capsys: pytest.CaptureFixture[str]) -> None:
    commands = set(re.findall(r"^(?:\.venv/bin/)?langevin-sgd (\w+)", README, re.MULTILINE))
    assert commands >= {"new", "simulate", "check", "report", "schema"}
    for command in commands:
        assert cli.main([command, "--help"]) == 0
    capsys.readouterr()


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_public_name_is_there() -> None:
    for name in lsgd.__all__:
        assert getattr(lsgd, name) is not None
    with pytest.raises(AttributeError, match="simulat"):
        lsgd.simulat  # noqa: B018
