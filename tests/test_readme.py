"""The README: its commands and its snippet are run, its links lead somewhere."""

import re
from pathlib import Path

import pytest

import langevin_sgd as lsgd
from langevin_sgd import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
(SNIPPET,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


STUDY = '"configs/ornstein_uhlenbeck.yaml"'
FEWER = [f"models.{name}.replicas=256" for name in ("discrete", "continuum", "momentum")]


@pytest.mark.parametrize("overrides", [FEWER, pytest.param([], marks=pytest.mark.validate)], ids=["fewer", "whole"])
def test_the_python_snippet_runs(overrides: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands under validate; by default with fewer replicas."""
    monkeypatch.chdir(ROOT)
    assert SNIPPET.count(STUDY) == 1
    names: dict = {}
    text = SNIPPET.replace(STUDY, f"{STUDY}, overrides={overrides!r}") if overrides else SNIPPET
    exec(compile(text, "README.md", "exec"), names)
    ratio = names["tree"]["discrete"].mode_variance / names["tree"]["discrete"].mode_variance_predicted
    assert float(abs(ratio - 1).max()) < 0.05
    assert set(names["table"].model.values) == {"discrete", "continuum", "momentum"}


def test_commands_named_exist(capsys: pytest.CaptureFixture[str]) -> None:
    commands = set(re.findall(r"(?:`|bin/)langevin-sgd (\w+)", README))
    assert commands >= {"new", "simulate"}
    for command in commands:
        assert cli.main([command, "--help"]) == 0
    capsys.readouterr()


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        place, _, heading = target.partition("#")
        assert (ROOT / place).exists(), target
        if heading:
            text = (ROOT / place).read_text(encoding="utf-8")
            assert heading in (line.strip("# ").lower().replace(" ", "-") for line in text.splitlines()), target


def test_every_public_name_is_there() -> None:
    for name in lsgd.__all__:
        assert getattr(lsgd, name) is not None
    with pytest.raises(AttributeError, match="simulat"):
        lsgd.simulat  # noqa: B018
