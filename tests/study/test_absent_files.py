"""Files that a config names are looked for before anything runs or is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from langevin_sgd import cli

STUDY = """
name: absent
seed: 1
sgd: {learning_rate: 0.1, batch_size: 2}
models:
  network:
    kind: network
    architecture: {kind: softmax}
    replicas: 2
    steps: 2
    data:
      DATA
"""


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (
            "{name: csv, path: no.csv, labels: kind}",
            "models.network.data.path: there is no file no.csv; relative paths",
        ),
        ("{name: npz, path: no.npz}", "models.network.data.path: there is no file no.npz"),
        ("{name: mnist, folder: nowhere}", "models.network.data.folder: nowhere is no folder; mnist is read from one"),
    ],
)
@pytest.mark.parametrize("option", [[], ["--dry-run"]])
def test_an_absent_file_is_told_with_its_line_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data, told, option
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("study.yaml").write_text(STUDY.replace("DATA", data), encoding="utf-8")
    assert cli.main(["simulate", "study.yaml", *option]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"study.yaml:12: {told}")
    assert [each.name for each in tmp_path.iterdir()] == ["study.yaml"]
