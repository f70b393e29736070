"""Code of the user's own that fails in the middle of a run: one line that says how to go on, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
import xarray as xr

import langevin_sgd as lsgd
from langevin_sgd import cli
from langevin_sgd.reporting import html as html_report

OWN = """
from pathlib import Path
import numpy as np
from langevin_sgd.models import ModelSection
from langevin_sgd.observables.variable import Variable
from langevin_sgd.training import Probe, ProbeSection, UpdateRule, UpdateRuleSection

def fail(what):
    if Path(what).exists():
        raise OSError("no such luck")  # line 10

class Rule(UpdateRuleSection):
    RULE = "MODULE:RuleOf"

class RuleOf(UpdateRule):
    def __init__(self, section, sgd):
        pass

    def update(self, replicas):
        if replicas.step == 30:
            fail("rule")
        replicas.weights.sub_(replicas.learning_rate * replicas.gradient())

class Watching(ProbeSection):
    PROBE = "MODULE:WatchingOf"
    DECLARES = {"largest": Variable((), "largest weight that was seen")}

class WatchingOf(Probe):
    steps = np.array([0, 20, 40])

    def __init__(self, section, watched):
        self.largest = 0.0

    def observe(self, view):
        if view.step == 20:
            fail("probe")
        self.largest = max(self.largest, float(view.weights.abs().max()))

    def finish(self, view):
        fail("finish")
        return {"largest": self.largest}

    def state(self):
        return {"largest": np.array(self.largest)}

    def restore(self, state):
        self.largest = float(state["largest"])
"""

STUDY = """
name: midway
seed: 1
sgd: {learning_rate: 0.01, batch_size: 4}
models:
  before:
    kind: ornstein_uhlenbeck
    hessian: {kind: diagonal, eigenvalues: [1.0]}
    noise: {kind: isotropic, scale: 1.0}
    replicas: 4
    steps: 50
  network:
    kind: network
    architecture: {kind: linear}
    data: {name: diabetes}
    loss: mse
    replicas: 2
    steps: 40
    update_rule: 'OWN:Rule'
    probes: ['OWN:Watching']
"""


def written(folder: Path) -> None:
    name = f"own_{folder.name}"
    (folder / "study.yaml").write_text(STUDY.replace("OWN", name), encoding="utf-8")
    (folder / f"{name}.py").write_text(OWN.replace("MODULE", name), encoding="utf-8")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """The network of the study, of which nothing failed."""
    folder = tmp_path_factory.mktemp("whole_of_midway")
    written(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return lsgd.simulate("study.yaml")["network"].to_dataset()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    written(tmp_path)
    monkeypatch.setattr(html_report, "report", lambda run, **_options: Path(run))
    return tmp_path


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("rule", "Rule: step 30 failed: OSError: no such luck (OWN.py, line 10)"),
        ("probe", "Watching: observing step 20 failed: OSError: no such luck (OWN.py, line 10)"),
        ("finish", "Watching: measuring at the end failed: OSError: no such luck (OWN.py, line 10)"),
    ],
)
def test_it_says_how_to_go_on_and_goes_on_to_the_same_bits(whole, home, capsys, what, told) -> None:
    Path(what).touch()
    assert cli.main(["simulate", "study.yaml", "--quiet"]) == 1
    output = capsys.readouterr()
    (failed,) = [line for line in output.out.splitlines() if "✗" in line]
    assert told in failed.replace(f"own_{home.name}", "OWN")
    (again,) = output.err.splitlines()
    assert again.startswith("network: what was recorded is kept in runs/midway; mend that code, then go on with: ")
    tree = lsgd.open_run("runs/midway")
    assert (tree["before"].attrs["status"], tree["network"].attrs["status"]) == ("done", "failed")
    assert Path("runs/midway/.state/network.npz").exists()
    Path(what).unlink()
    made = Path("runs/midway/data.zarr/before/zarr.json").stat().st_mtime_ns
    assert cli.main(again.partition("go on with: langevin-sgd ")[2].split()) == 0
    assert Path("runs/midway/data.zarr/before/zarr.json").stat().st_mtime_ns == made
    gone_on = lsgd.open_run("runs/midway", load=True)["network"].to_dataset()
    assert "resumable" not in gone_on.attrs
    xr.testing.assert_equal(gone_on, whole)
    assert capsys.readouterr().err == ""


def test_what_is_made_of_the_training_before_is_not_made_again(home, capsys, monkeypatch) -> None:
    """It goes on from the last state, and not from the beginning."""
    from langevin_sgd.models.network.launch import Launch

    begun: list[int] = []
    restore = Launch._restore

    def told(self: Launch, saved: dict) -> int:
        begun.append(restore(self, saved))
        return begun[-1]

    monkeypatch.setattr(Launch, "_restore", told)
    Path("finish").touch()
    with pytest.warns(RuntimeWarning, match=r"no such luck.*; mend that, then go on with resume=True"):
        lsgd.simulate("study.yaml", output="run")
    Path("finish").unlink()
    lsgd.simulate("study.yaml", output="run", resume=True)
    assert begun == [40]
