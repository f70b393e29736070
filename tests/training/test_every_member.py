"""Every loss, update rule and architecture: killed at any moment it ends with the same bits, as a replica among more.

The tables of the families are walked, so that a new member is covered by itself.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.reporting import html as html_report
from langevin_sgd.storage import keeper
from langevin_sgd.storage.checkpoint import Checkpoint
from langevin_sgd.study import run_state
from langevin_sgd.training.architectures import ARCHITECTURES
from langevin_sgd.training.losses import LOSSES
from langevin_sgd.training.update_rules import UPDATE_RULES

pytestmark = [
    pytest.mark.validate,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes"),
]

STEPS, KILLS = 600, 3
MODULE = """\
from torch import nn

from langevin_sgd.training import one_hot


def squares(outputs, targets):
    return (outputs - one_hot(targets, outputs)).square().sum(1)


def network(inputs, classes):
    return nn.Sequential(nn.Linear(inputs, 3), nn.Tanh(), nn.Linear(3, classes))
"""
GIVEN: dict[str, dict[str, Any]] = {
    "function": {"function": "my_members:squares"},
    "module": {"factory": "my_members:network"},
    "mlp": {"hidden": [4]},
    "cnn": {"channels": [2], "dense": [4]},
    "residual_cnn": {"channels": [2]},
    "planted_barriers": {"hidden": [4], "lines": 4},
    "random_features": {"features": 6},
    "image_generator": {"channels": [2]},
}
"""What a member cannot do without, or is small by."""
DATA: dict[str, dict[str, Any]] = {
    "linear": {"name": "diabetes"},
    "mse_of_averages": {"name": "diabetes"},
    "image_generator": {"name": "sample_image", "side": 16},
}
"""Of those that digits are no data for."""
CASES = [
    *(("loss", name) for name in LOSSES),
    *(("update_rule", name) for name in UPDATE_RULES),
    *(("architecture", name) for name in ARCHITECTURES),
]


def study(family: str, name: str, replicas: int) -> dict[str, Any]:
    network = {
        "kind": "network", "data": DATA.get(name, {"name": "digits"}), "architecture": {"kind": "softmax"},
        "replicas": replicas, "steps": STEPS, "record_times": 60, "start": "independent",
        # as many and as exact for any number of replicas: by default they follow from what the training costs
        "recording": {"precision": "float64", "evaluations": 10},
    }  # fmt: skip
    network |= {family: {"kind": name, **GIVEN.get(name, {})}}
    if name in DATA and family != "loss":
        network |= {"loss": "mse"}
    # one image, whose loss is a sum over 256 pixels
    rate, batch_size = (1e-4, 1) if name == "image_generator" else (0.01, 8)
    sgd = {"learning_rate": rate, "batch_size": batch_size, "weight_decay": 0.01}
    return {"name": "one", "seed": 2, "sgd": sgd, "models": {"network": network}, "checks": []}


@pytest.fixture(autouse=True)
def _kept_at_every_look(own_module: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the config names is there, the state is saved whenever it is told, and no page is made."""
    own_module("my_members", MODULE)
    monkeypatch.setattr(keeper, "SECONDS_A_SEGMENT", 0.0)
    monkeypatch.setitem(Checkpoint.__init__.__kwdefaults__, "seconds_between", 0.0)
    save = Checkpoint.save

    def slowly(self: Checkpoint, arrays: Any) -> None:
        save(self, arrays)
        time.sleep(0.01)  # so that small trainings, too, are killed on the way

    monkeypatch.setattr(Checkpoint, "save", slowly)
    monkeypatch.setattr(html_report, "report", lambda run, **_options: Path(run))
    return


def begun(given: dict[str, Any], run: Path, *, resume: bool = False) -> int:
    """Begin the study in a process of its own; its number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork() beside threads: zarr makes its own anew
        process = os.fork()
    if not process:
        code = 99
        try:
            lsgd.simulate(given, output=run, resume=resume)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return process


def ended(process: int, *, wait: bool = False) -> int | None:
    """The exit code of a process that has ended."""
    number, status = os.waitpid(process, 0 if wait else os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if number else None


def state(run: Path) -> Path:
    """The state of the training, while it is under way."""
    return run_state.checkpoint(run, "network").path


def trained(run: Path) -> xr.Dataset:
    found = lsgd.open_run(run, load=True)["network"].to_dataset(inherit=False)
    assert found.attrs["status"] == "done", found.attrs
    return found.drop_attrs()


def step_saved(run: Path) -> int:
    """The step that a training goes on from, or none."""
    try:
        saved = Checkpoint(state(run)).load()
    except UserError:
        pytest.fail("a kill has left a damaged state")
    return 0 if saved is None else int(saved["step"])


@pytest.mark.parametrize(("family", "name"), CASES)
def test_killed_at_any_moment_it_goes_on_to_the_same_bits(tmp_path: Path, family: str, name: str) -> None:
    rng = np.random.default_rng(zlib.crc32(f"{family} {name}".encode()))
    given = study(family, name, replicas=4)
    process, seen = begun(given, tmp_path / "whole"), []
    while (code := ended(process)) is None:
        if state(tmp_path / "whole").exists():
            seen.append(time.monotonic())
        time.sleep(0.001)
    assert code == 0
    seconds = seen[-1] - seen[0]
    whole, run, reached = trained(tmp_path / "whole"), tmp_path / "run", []
    for life in range(KILLS):
        before = state(run).stat().st_mtime_ns if state(run).exists() else None
        process = begun(given, run, resume=life > 0)
        while ended(process) is None:  # it is killed a moment after its first save, wherever that falls
            if state(run).exists() and state(run).stat().st_mtime_ns != before:
                time.sleep(rng.uniform(0.0, seconds / KILLS))
                os.kill(process, signal.SIGKILL)
                ended(process, wait=True)
                break
            time.sleep(0.001)
        reached.append(step_saved(run))
    assert ended(begun(given, run, resume=True), wait=True) == 0
    assert any(0 < step < STEPS for step in reached), reached
    xr.testing.assert_identical(trained(run), whole)


@pytest.mark.parametrize(("family", "name"), CASES)
def test_the_eighth_of_64_replicas_is_the_eighth_of_eight(tmp_path: Path, family: str, name: str) -> None:
    many, few = (
        lsgd.simulate(study(family, name, replicas))["network"].to_dataset(inherit=False) for replicas in (64, 8)
    )
    own = [variable for variable in few.data_vars if few[variable].dims[:1] == ("replica",)]
    assert {"energy", "squared_displacement"} <= set(own)
    for variable in own:
        assert np.array_equal(many[variable][7], few[variable][7], equal_nan=True), variable
    assert not np.array_equal(few["energy"][7], few["energy"][6])
