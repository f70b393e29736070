"""Coordinates and parameters called as an output would be are refused where they are written, with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from langevin_sgd.config.errors import ConfigError
from langevin_sgd.integrators.emitted_names import RESERVED
from langevin_sgd.models.langevin.config import RESERVED as OF_THE_MODEL
from langevin_sgd.study.loading import load

CONFIG = """\
name: x
seed: 1
models:
  m:
    kind: {kind}
    potential:
      kind: expression
      energy: "({p}*{v})**2 + y**2"
      variables:
        - y
        - {v}
      parameters:
        {p}: 1.0
    temperature: 0.5
    time_step: 0.01
    steps: 100
"""
DERIVED = ["start_y", "y_histogram", "y_outside", "y_bin", "y_mean", "y_stderr"]


def told(tmp_path: Path, text: str) -> list[str]:
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "x.yaml")
    return list(caught.value.lines())


@pytest.mark.parametrize(
    ("kind", "name"),
    [*(("langevin", name) for name in (*RESERVED, *OF_THE_MODEL, "variance_1", *DERIVED)), ("basins", "time")],
)
def test_names_of_outputs_are_refused_in_configs(tmp_path, name, kind):
    text = CONFIG + ("    start: [1.0, 1.0]\n" if kind == "langevin" else "")
    (line,) = told(tmp_path, text.format(v=name, p="a", kind=kind))
    assert line.startswith(f"{tmp_path / 'x.yaml'}:11: models.m.potential.variables.1: {name} is a name that the ")
    assert line.endswith("choose another")
    (line,) = told(tmp_path, text.format(v="x", p=name, kind=kind))
    assert line.startswith(f"{tmp_path / 'x.yaml'}:13: models.m.potential.parameters.{name}: is a name that the ")


def test_all_bad_names_are_told_at_once(tmp_path):
    lines = told(tmp_path, CONFIG.format(v="time", p="side", kind="langevin") + "    start: [1.0, 1.0]\n")
    assert [line.split(":")[1] for line in lines] == ["11", "13"]


def test_other_names_are_free(tmp_path):
    text = CONFIG.format(v="times", p="energy_0", kind="langevin") + "    start: [1.0, 1.0]\n"
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    assert load(tmp_path / "x.yaml").models["m"].potential.variables == ("y", "times")
