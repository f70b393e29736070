"""What is wrong with files of data and with the user's own code is told with its line, before anything is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import langevin_sgd as lsgd
from langevin_sgd import cli
from langevin_sgd.config.errors import FaultAtKey

STUDY = """
name: tried
seed: 1
sgd: {learning_rate: 0.01, batch_size: 4}
models:
  network:
    kind: network
    architecture: {kind: linear}
    data: {name: diabetes}
    loss: mse
    replicas: 2
    steps: 20
"""
LINES = {"sgd": 4, "network": 6, "architecture": 8, "data": 9, "loss": 10, "more": 13}

OWN = """
import numpy as np
import torch
from torch import nn
from langevin_sgd import DataSet
from langevin_sgd.training import Loss, LossSection, Probe, ProbeSection, UpdateRule, UpdateRuleSection

def fail(*arguments, **options):
    raise OSError("no such luck")  # line 9

def nan():
    return DataSet(np.array([[1.0], [np.nan]]), np.zeros(2))

class Calls(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(10, 1))

    def forward(self, x):
        fail()

class Builds(nn.Module):
    def __init__(self):
        fail()

class Rule(UpdateRuleSection):
    RULE = "MODULE:RuleOf"

class RuleOf(UpdateRule):
    def __init__(self, section, sgd):
        pass

    def update(self, replicas):
        fail()

class Watching(ProbeSection):
    PROBE = "MODULE:WatchingOf"

class WatchingOf(Probe):
    steps = np.array([0, 20])

    def __init__(self, section, watched):
        pass

    def observe(self, view):
        fail()
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    (tmp_path / f"own_{tmp_path.name}.py").write_text(OWN.replace("MODULE", f"own_{tmp_path.name}"), encoding="utf-8")
    (tmp_path / f"broken_{tmp_path.name}.py").write_text("\n\n1 / 0\n", encoding="utf-8")
    return tmp_path


def written(home: Path, **sections: str) -> Path:
    """The study with other sections, or with `more` of them at its end; OWN and BROKEN name the modules."""
    text = STUDY
    for name, section in sections.items():
        if name == "more":
            text += f"    {section}\n"
        else:
            old = next(line for line in STUDY.splitlines() if line.startswith(f"    {name}:"))
            text = text.replace(old, f"    {name}: {section}")
    text = text.replace("OWN", f"own_{home.name}").replace("BROKEN", f"broken_{home.name}")
    path = home / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """The one line with which a study is refused, with exit code 2 and nothing written."""
    before = {each: each.read_bytes() for each in Path.cwd().rglob("*") if each.is_file() and each.suffix != ".pyc"}
    assert cli.main(["simulate", "study.yaml", *options]) == 2
    output = capsys.readouterr()
    after = {each: each.read_bytes() for each in Path.cwd().rglob("*") if each.is_file() and each.suffix != ".pyc"}
    assert after == before
    assert output.out == ""
    (line,) = output.err.splitlines()
    return line


@pytest.mark.parametrize(
    ("section", "text", "key", "told"),
    [
        ("data", "{name: 'OWN:fail'}", "data", "OWN:fail() failed: OSError: no such luck (OWN.py, line 9)"),
        ("data", "{name: 'OWN:nan'}", "data", "OWN:nan: training set: inputs must be finite; 1 of 2 fail this"),
        ("data", "{name: 'BROKEN:f'}", "data.name", "importing BROKEN failed: ZeroDivisionError"),
        ("architecture", "{kind: module, factory: 'OWN:Builds'}", "architecture", "no such luck (OWN.py, line 9)"),
        ("architecture", "{kind: module, factory: 'OWN:Calls'}", "architecture", "on inputs of shape (4, 10): OSError"),
        ("architecture", "{kind: module, factory: 'BROKEN:f'}", "architecture.factory", "(BROKEN.py, line 3)"),
        ("loss", "{kind: function, function: 'OWN:fail'}", "loss", "OSError: no such luck (OWN.py, line 9)"),
        ("loss", "{kind: function, function: 'BROKEN:f'}", "loss.function", "(BROKEN.py, line 3)"),
        ("more", "update_rule: {kind: 'OWN:Rule'}", "update_rule", "no such luck (OWN.py, line 9)"),
        ("more", "update_rule: {kind: sgd, schedule: 'OWN:fail'}", "update_rule", "failed at step 0: OSError"),
        ("more", "probes: [{kind: 'OWN:Watching'}]", "probes.0", "observing step 0 failed: OSError: no such luck"),
    ],
)
@pytest.mark.parametrize("option", [[], ["--dry-run"]])
def test_own_code_that_fails_at_once_leaves_nothing(home, capsys, section, text, key, told, option) -> None:
    written(home, **{section: text})
    line = refused(capsys, *option).replace(f"own_{home.name}", "OWN").replace(f"broken_{home.name}", "BROKEN")
    assert line.startswith(f"study.yaml:{LINES[section]}: models.network.{key}: "), line
    assert told in line


def _csv(text: str) -> str:
    Path("table.csv").write_text(text, encoding="utf-8")
    return "{name: csv, path: table.csv, labels: y, targets: real, test_fraction: 0}"


def _npz(keep: float = 1.0, path: str = "arrays.npz", **arrays: np.ndarray) -> str:
    np.savez(path, **{"inputs": np.eye(9), "labels": np.arange(9.0), **arrays})
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[: int(keep * len(whole))])
    return f"{{name: npz, path: {path}, targets: real, test_fraction: 0}}"


def _idx(magic: bytes = b"\0\0\x08\x03", labels: bytes = b"\0\1", cut: int = 0) -> str:
    images = magic + b"".join(n.to_bytes(4, "big") for n in (2, 2, 2)) + bytes(8)
    Path("idx").mkdir()
    for part in ("train", "t10k"):
        Path(f"idx/{part}-images-idx3-ubyte").write_bytes(images[: len(images) - cut])
        Path(f"idx/{part}-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + (2).to_bytes(4, "big") + labels)
    return "{name: mnist, folder: idx}"


@pytest.mark.parametrize(
    ("make", "key", "told"),
    [
        (lambda: _csv("x,y\n1,2\n3,\n"), "path", 'table.csv:3: y is "", no number'),
        (lambda: _csv("x,y\n1,2\n3,4\n5\n"), "path", "table.csv:4: holds 1 values, and the first line names 2 columns"),
        (lambda: _csv("x,y\n1,2\nnan,4\n"), "path", "table.csv: training set: inputs must be finite; 1 of 2 fail this"),
        (lambda: _npz(keep=0.6), "path", "arrays.npz: is no"),
        (lambda: _npz(inputs=np.eye(8)), "path", "inputs of shape (8, 8) and labels of shape (9,) do not fit"),
        (lambda: _npz(labels=np.full(9, np.inf)), "path", "labels must be finite; 9 of 9 fail this"),
        (lambda: _idx(magic=b"\0\0\x0d\x03"), "folder", "begins with 00000d03, and an IDX file of images"),
        (lambda: _idx(cut=3), "folder", "it is cut off or another file"),
        (lambda: _idx(labels=b"\0\x0b"), "folder", "labels of mnist go up to 11; it has 10 classes"),
    ],
)
def test_a_broken_file_is_told_with_its_key_and_leaves_nothing(home, capsys, make, key, told) -> None:
    data = make()
    written(home, data=data, **({"loss": "cross_entropy"} if "mnist" in data else {}))
    line = refused(capsys)
    assert line.startswith(f"study.yaml:9: models.network.data.{key}: "), line
    assert told in line


def test_a_minibatch_larger_than_the_file_is_told_at_the_key_of_its_size(home, capsys) -> None:
    written(home, data=_csv("x,y\n1,2\n3,4\n"))
    assert refused(capsys).startswith("study.yaml:4: sgd.batch_size: 4 is more than the 2 training samples of csv")


def test_an_old_run_is_not_overwritten_by_one_that_cannot_begin(home, capsys) -> None:
    assert cli.main(["simulate", "study.yaml", "--quiet"]) == 0
    capsys.readouterr()
    written(home, data="{name: 'OWN:fail'}")
    assert "no such luck" in refused(capsys, "--overwrite")
    assert lsgd.open_run("runs/tried")["network"].attrs["status"] == "done"


def test_python_gets_the_same_as_an_error_with_its_key(home) -> None:
    with pytest.raises(FaultAtKey, match=r"^<config>: models\.network\.data: .*no such luck"):
        lsgd.simulate(lsgd.parse(_dict(data={"name": f"own_{home.name}:fail"})), output="run")
    assert not Path("run").exists()


def _dict(**model) -> dict:
    given = {"kind": "network", "architecture": {"kind": "linear"}, "loss": "mse", "data": {"name": "diabetes"}}
    given |= {"replicas": 2, "steps": 20, **model}
    return {"name": "t", "seed": 1, "sgd": {"learning_rate": 0.01, "batch_size": 4}, "models": {"network": given}}


def test_every_file_of_a_scan_is_tried(home, capsys) -> None:
    for number, keep in enumerate((1.0, 1.0, 0.5)):
        _npz(keep=keep, path=f"{number}.npz")
    written(home, data="{name: npz, path: 0.npz, targets: real}")
    with (home / "study.yaml").open("a", encoding="utf-8") as file:
        file.write("scan: {models.network.data.path: [0.npz, 1.npz, 2.npz], sgd.learning_rate: [0.01, 0.02]}\n")
    assert "2.npz: is no" in refused(capsys)


def test_a_number_of_the_scan_that_does_not_do_is_the_fault_of_its_point_alone(home, capsys) -> None:
    written(home, data=_csv("x,y\n1,2\n3,4\n2,5\n"))
    with (home / "study.yaml").open("a", encoding="utf-8") as file:
        file.write("scan: {sgd.batch_size: SIZES}\n")
    text = (home / "study.yaml").read_text(encoding="utf-8")
    for sizes, status in (([4, 2], [2, 1]), ([2, 4], [1, 2])):
        (home / "study.yaml").write_text(text.replace("SIZES", str(sizes)), encoding="utf-8")
        assert cli.main(["simulate", "study.yaml", "--quiet", "--output", str(sizes[0])]) == 1
        assert lsgd.open_run(str(sizes[0]))["network"].status.values.tolist() == status
    capsys.readouterr()
    (home / "study.yaml").write_text(text.replace("SIZES", "[4, 5]"), encoding="utf-8")
    assert "sgd.batch_size: 4 is more than the 3 training samples" in refused(capsys)


@pytest.mark.parametrize(
    ("schedule", "key", "told"),
    [
        ("{kind: step, every: 20}", "every", "20 steps, and the training has 20, so that nothing ever falls"),
        ("{kind: cosine, warm_up: 20}", "warm_up", "of 20 steps does not end within the training of 20"),
        ("{kind: step, every: 5, warm_up: 30}", "warm_up", "of 30 steps does not end within the training of 20"),
    ],
)
def test_a_schedule_that_the_training_never_reaches_is_told(home, capsys, schedule, key, told) -> None:
    written(home, more=f"update_rule: {{kind: sgd, schedule: {schedule}}}")
    line = refused(capsys)
    assert line.startswith(f"study.yaml:13: models.network.update_rule.schedule.{key}: {told}"), line


def test_an_interpolation_is_tried_too(home, capsys) -> None:
    for data, told in (("{name: 'OWN:fail'}", "no such luck"), (_npz(keep=0.6), "arrays.npz: is no")):
        text = STUDY.replace("kind: network", "kind: interpolation").replace("replicas: 2", "replicas: 4")
        endpoints = (
            "{a: {learning_rate: 0.1, batch_size: 4, steps: 5}, b: {learning_rate: 0.1, batch_size: 8, steps: 5}}"
        )
        text = text.replace("    steps: 20", f"    endpoints: {endpoints}").replace("{name: diabetes}", data)
        text = text.replace("OWN", f"own_{home.name}")
        (home / "study.yaml").write_text(text, encoding="utf-8")
        line = refused(capsys)
        assert line.startswith("study.yaml:9: models.network.data"), line
        assert told in line
