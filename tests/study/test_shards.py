"""Shards: several processes that share a run leave the files of a single one, in whatever order and however killed."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import time
from pathlib import Path

import pytest
import yaml
from made_up_scans import ANHARMONIC

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.progress import QuietProgress
from langevin_sgd.study import run_state
from langevin_sgd.study.engines import engine
from langevin_sgd.study.loading import parse
from langevin_sgd.study.plan import Task
from langevin_sgd.study.shards.shares import Shares, shard

OU = {
    "kind": "ornstein_uhlenbeck",
    "hessian": {"kind": "diagonal", "eigenvalues": [1.0, 0.5]},
    "noise": {"kind": "isotropic", "scale": 0.4},
    "steps": 60,
    "replicas": 4,
    "record_times": 4,
}
ALONE = {
    "name": "alone",
    "seed": 1,
    "sgd": {"learning_rate": 0.1, "batch_size": 4},
    # of the rates, which are of one launch, the last diverges; each momentum is a launch of its own
    "models": {"anharmonic": ANHARMONIC, "still": {**OU, "sgd": {"learning_rate": 0.2, "momentum": 0.1}}},
    "scan": {"sgd.learning_rate": [0.05, 0.1, 50.0], "sgd.momentum": [0.0, 0.2, 0.4, 0.6, 0.7]},
    "checks": [],
}
NETWORK = {
    "kind": "network",
    "data": {"name": "made_up:blobs"},
    "architecture": {"kind": "softmax"},
    "replicas": 2,
    "start": "minimum",
    "steps": 40,
    "record_times": 4,
}
OF_NETWORK = {
    "kind": "ornstein_uhlenbeck",
    "hessian": {"from": "network"},
    "noise": {"from": "network"},
    "replicas": 4,
    "record_times": 4,
}
MEASURED = {
    "name": "measured",
    "seed": 1,
    "sgd": {"learning_rate": 0.1, "batch_size": 4, "weight_decay": 0.1},
    "models": {"network": NETWORK, "ou": OF_NETWORK},
    "scan": {"sgd.learning_rate": [0.05, 50.0], "sgd.batch_size": [4, 8]},
}
OF_ONE = {**MEASURED, "models": {"network": NETWORK, "ou": {**OF_NETWORK, "steps": 30}}}
OF_ONE["scan"] = {"models.ou.steps": [20, 30, 40]}


def files(run: Path) -> dict[str, str]:
    """The checksum of every file of the models of a run."""
    data = run / "data.zarr"
    found = {file.relative_to(data).as_posix(): file for file in data.rglob("*") if file.is_file()}
    # the root has the provenance, with the time at which the run was started
    return {path: hashlib.sha256(file.read_bytes()).hexdigest() for path, file in found.items() if "/" in path}


def simulated(study: dict, run: Path, **options: object):
    return lsgd.simulate(study, output=run, progress=QuietProgress(), **options)


def of_one_process(study: dict, run: Path) -> dict[str, str]:
    simulated(study, run)
    return files(run)


def left(run: Path) -> list[str]:
    """What a finished run keeps beside its results."""
    return sorted(child.name for child in (run / run_state.STATE).iterdir())


@pytest.fixture(autouse=True)
def _no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langevin_sgd.simulation._report", lambda run, progress: None)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files of the study that one process made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("langevin_sgd.simulation._report", lambda run, progress: None)
        return of_one_process(ALONE, tmp_path_factory.mktemp("alone") / "run")


def test_shards_one_after_the_other_make_the_files_of_one_process(alone, tmp_path):
    run = tmp_path / "run"
    assert simulated(ALONE, run, shard="2/3").attrs["unfinished"] == (
        "shard 2/3 is done; not run yet: anharmonic: 2 launches of shard 1/3, 1 launch of shard 3/3; still: shard 1/3"
    )
    for _ in "12":  # the second time there is nothing to do
        said = simulated(ALONE, run, shard=(1, 3)).attrs["unfinished"]
        assert said == "shard 1/3 is done; not run yet: anharmonic: 1 launch of shard 3/3"
    tree = simulated(ALONE, run, shard="3/3")
    assert tree.attrs.get("unfinished") is None
    assert files(run) == alone
    assert lsgd.open_run(run).attrs["status"] == "finished"
    assert not {"fragments", "shards", "claims"} & set(left(run))
    root = (run / "data.zarr" / "zarr.json").read_bytes()
    again = simulated(ALONE, run, shard="1/3")
    assert {*again.children} == {*tree.children}
    assert (run / "data.zarr" / "zarr.json").read_bytes() == root  # it is finished once


@pytest.mark.usefixtures("own_modules")
@pytest.mark.by_default("at every point")
@pytest.mark.parametrize("study", [MEASURED, OF_ONE], ids=["at every point", "on one that is not scanned"])
def test_a_model_is_measured_on_what_its_shard_has_computed(tmp_path, study):
    run = tmp_path / "run"
    for number in (2, 1):
        simulated(study, run, shard=(number, 2))
    assert files(run) == of_one_process(study, tmp_path / "whole")


def test_a_task_belongs_to_the_shard_of_what_it_is_measured_on():
    study = parse({**MEASURED, "scan": {**MEASURED["scan"], "models.ou.steps": [20, 30]}})
    shares = Shares(study, shard("1/3"), {"network": (2, 1), "ou": (1, 1, 1)})
    assert [shares.owner(task) for task in shares.tasks("network")] == [1, 2]
    for task in shares.tasks("ou"):
        assert shares.owner(task) == task.start[1] + 1
    assert len(list(shares.tasks("ou"))) == 8
    assert shares.task_at("network", (1, 1)) == Task("network", (0, 1), (2, 2))


@pytest.mark.skipif(os.name != "posix", reason="forks")
@pytest.mark.usefixtures("own_modules")
def test_shards_at_once_of_which_some_are_killed_make_the_files_of_one_process(commands, alone):
    """All three are started together twice; the first time each is killed at an instant of its own."""
    config, run = commands.folder / "alone.yaml", commands.folder / "run"
    config.write_text(yaml.safe_dump(ALONE))

    def started() -> list[tuple[int, Path]]:
        begun = []
        for number in (1, 2, 3):
            flags = ("--output", run, "--quiet", "--shard", f"{number}/3")
            begun.append(commands.begin(commands.command("simulate", config, *flags)))
            while not begun[-1][1].exists():  # by how many there are the next one is called
                time.sleep(0.01)
        return begun

    for process, _ in started():
        time.sleep(0.3)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    ended = [commands.end(*each) for each in started()]
    codes = [code for code, _ in ended]
    assert 1 in codes, ended  # the last one has seen that points failed
    assert {*codes} <= {0, 1}, ended
    assert all(("is done; not run yet" in said) == (code == 0) for code, said in ended), ended
    found = files(run)
    assert {path: each for path, each in found.items() if path.startswith("anharmonic")} == {
        path: each for path, each in alone.items() if path.startswith("anharmonic")
    }
    assert not {"fragments", "shards", "claims"} & set(left(run))


def test_a_shard_is_of_its_config_run_once_at_a_time_and_its_run_not_overwritten(tmp_path):
    run = tmp_path / "run"
    simulated(ALONE, run, shard="1/3")
    with pytest.raises(UserError, match="cannot resume with another config: seed was 1 and is 2 now"):
        simulated({**ALONE, "seed": 2}, run, shard="2/3")
    lock = run_state.take_shard(run, "2/3")
    try:
        with pytest.raises(UserError, match="another process is shard 2/3 of this run; wait for it or stop it"):
            simulated(ALONE, run, shard="2/3")
        with pytest.raises(UserError, match="shard 2/3 of this run is being computed; wait for it or stop it"):
            simulated(ALONE, run, overwrite=True)
    finally:
        lock.release()
    assert "shard 2/3 is done" in simulated(ALONE, run, shard="2/3").attrs["unfinished"]


def test_what_shards_have_kept_is_used_by_a_process_that_resumes_alone(alone, tmp_path, monkeypatch):
    run = tmp_path / "run"
    simulated(ALONE, run, shard="2/3")
    simulated(ALONE, run, shard="3/3")
    ran, run_task = [], engine.run_task

    def noted(study, task, around):
        ran.append(task.start[-1])
        return run_task(study, task, around)

    monkeypatch.setattr(engine, "run_task", noted)
    simulated(ALONE, run, resume=True)
    assert ran == [0, 3]
    assert files(run) == alone


@pytest.mark.usefixtures("own_modules")
def test_what_another_shard_computes_is_waited_for(tmp_path):
    """The network, which is not scanned, is another's until that ends without a result."""
    run, said = tmp_path / "run", []
    simulated(OF_ONE, run, shard="9/9")  # has nothing to do
    lock = run_state.take_claim(run_state.claim(run, "network.whole"))

    class Told(QuietProgress):
        def message(self, text: str) -> None:
            said.append(text)
            lock.release()

    lsgd.simulate(OF_ONE, output=run, shard="3/9", progress=Told())
    assert said == ["network: another shard computes it; waiting for that"]
    fragments = run / run_state.STATE / "fragments"
    assert sorted(file.relative_to(fragments).as_posix() for file in fragments.rglob("*.npz")) == ["ou/2-3.npz"]
    assert lsgd.open_run(run)["network"].attrs["status"] == "done"


@pytest.mark.parametrize("given", ["3", "0/3", "4/3", "1/0", "-1/3", "a/b", "1/3/5", "", (1, 2, 3), (True, 2), 3, 1.5])
def test_a_shard_that_is_none_is_refused_in_one_line(tmp_path, given):
    with pytest.raises(UserError, match=re.escape(f"such as 2/3 for the second of three, got {given!r}")) as told:
        simulated(ALONE, tmp_path / "run", shard=given)
    assert len(str(told.value).splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_shards_need_a_place_and_replace_nothing(tmp_path):
    with pytest.raises(UserError, match="shard needs an output directory"):
        lsgd.simulate(ALONE, shard="1/2")
    with pytest.raises(UserError, match="shard and overwrite exclude each other"):
        simulated(ALONE, tmp_path / "run", shard="1/2", overwrite=True)
