"""The engines of a scan: the same files from all of them, and nothing lost by a worker that is."""

from __future__ import annotations

import hashlib
import os
import signal
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from made_up_scans import ANHARMONIC

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.interruption import finishing
from langevin_sgd.study.engines import pool

ALONE = {
    "name": "alone",
    "seed": 1,
    "sgd": {"learning_rate": 0.1, "batch_size": 4},
    "models": {"anharmonic": ANHARMONIC},
    # of the rates, which are of one launch, the last diverges; each momentum is a launch of its own
    "scan": {"sgd.learning_rate": [0.05, 0.1, 50.0], "sgd.momentum": [0.0, 0.2, 0.4, 0.5, 0.6, 0.7]},
}
MEASURED = {
    "name": "measured",
    "seed": 1,
    "sgd": {"learning_rate": 0.1, "batch_size": 4, "weight_decay": 0.1},
    "models": {
        "network": {
            "kind": "network",
            "data": {"name": "made_up:blobs"},
            "architecture": {"kind": "softmax"},
            "replicas": 2,
            "start": "minimum",
            "steps": 40,
            "record_times": 4,
        },
        "ou": {
            "kind": "ornstein_uhlenbeck",
            "hessian": {"from": "network"},
            "noise": {"from": "network"},
            "replicas": 4,
            "record_times": 4,
        },
    },
    "scan": {"sgd.learning_rate": [0.05, 50.0], "sgd.batch_size": [4, 8]},
}


def files(run: Path) -> dict[str, str]:
    """The checksum of every file of the models of a run."""
    store = run / "data.zarr"
    found = {file.relative_to(store).as_posix(): file for file in store.rglob("*") if file.is_file()}
    # the root has the provenance, with the time at which the run was started
    return {path: hashlib.sha256(file.read_bytes()).hexdigest() for path, file in found.items() if "/" in path}


def simulated(study: dict, run: Path, **options: object) -> dict[str, str]:
    with pytest.warns(RuntimeWarning, match="points failed"):
        lsgd.simulate(study, output=run, **options)
    return files(run)


@pytest.fixture(autouse=True)
def _no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langevin_sgd.simulation._report", lambda run, progress: None)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files of the study that one process made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("langevin_sgd.simulation._report", lambda run, progress: None)
        return simulated(ALONE, tmp_path_factory.mktemp("alone") / "run")


class _Backwards(Executor):
    """Runs what it is given in threads, and says that it is done the other way round."""

    def __init__(self) -> None:
        self._given: list[tuple[Future, object, object]] = []
        self._max_workers = 2

    def submit(self, function, /, *arguments):
        future: Future = Future()
        self._given.append((future, function, arguments))
        if len(self._given) == 6:  # all of them
            for own, function, arguments in reversed(self._given):
                own.set_result(function(*arguments))
        return future


@pytest.mark.parametrize("made", [lambda: ThreadPoolExecutor(2), _Backwards], ids=["threads", "backwards"])
def test_any_executor_makes_the_same_files(alone, tmp_path, made):
    with made() as executor:
        assert simulated(ALONE, tmp_path / "run", executor=executor) == alone


@pytest.mark.validate
@pytest.mark.usefixtures("own_modules")
def test_what_a_model_is_measured_on_goes_with_its_tasks(tmp_path):
    with ThreadPoolExecutor(2) as executor:
        by_threads = simulated(MEASURED, tmp_path / "threads", executor=executor)
    assert by_threads == simulated(MEASURED, tmp_path / "here")
    assert any(path.startswith("ou/mode_variance") for path in by_threads)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.validate)])
def test_workers_of_which_one_is_killed_make_the_same_files(alone, tmp_path, monkeypatch, workers):
    """Whatever the others are at is lost too: the pool ends with one of its workers, and is made anew."""
    killed = []
    start = pool.ProcessPoolExecutor

    def started(*given, **options):
        made = start(*given, **options)
        submit = made.submit

        def submitted(*arguments):
            future = submit(*arguments)
            if not killed:
                killed.append(next(iter(made._processes.values())).pid)
                os.kill(killed[0], signal.SIGKILL)
            return future

        made.submit = submitted
        return made

    monkeypatch.setattr(pool, "ProcessPoolExecutor", started)
    assert simulated(ALONE, tmp_path / "run", workers=workers) == alone
    assert killed


def test_workers_that_are_always_lost_are_given_up_in_one_line(tmp_path):
    class Lost(ThreadPoolExecutor):
        def submit(self, *_):
            future: Future = Future()
            future.set_exception(BrokenProcessPool("a child process terminated abruptly"))
            return future

    with Lost() as executor, pytest.raises(UserError, match=r"anharmonic: workers were lost 4 times in turn; look at"):
        lsgd.simulate(ALONE, output=tmp_path / "run", executor=executor)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("processes", [False, pytest.param(True, marks=pytest.mark.validate)])
def test_a_cluster_makes_the_same_files(alone, tmp_path, processes):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=processes, dashboard_address=None
    ) as cluster:
        assert simulated(ALONE, tmp_path / "run", scheduler=cluster.scheduler_address) == alone


@pytest.mark.validate
@pytest.mark.skipif(os.name != "posix", reason="sends SIGKILL")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("at", [0, 2, 4])
def test_a_cluster_that_loses_a_worker_makes_the_same_files(alone, tmp_path, monkeypatch, at):
    """One of two workers is killed when so many tasks are stored, in the midst of what it is at."""
    from langevin_sgd.storage.scan_group import ScanGroup

    distributed = pytest.importorskip("distributed")
    write, written = ScanGroup.write, []
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        before = client.run(os.getpid)

        def killing(group, *block, **attrs):
            if len(written) == at:
                os.kill(next(iter(before.values())), signal.SIGKILL)
            written.append(block)
            write(group, *block, **attrs)

        monkeypatch.setattr(ScanGroup, "write", killing)
        assert simulated(ALONE, tmp_path / "run", scheduler=cluster.scheduler_address) == alone
        assert len(written) == 6
        client.wait_for_workers(2)
        assert client.run(os.getpid) != before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"workers": 0}, "workers: expected a number of processes, 1 or more, got 0"),
        ({"workers": 2, "scheduler": "tcp://localhost:1"}, "workers and scheduler exclude each other"),
        ({"executor": "pool"}, "executor: expected a concurrent.futures.Executor, got str"),
    ],
)
def test_an_engine_that_will_not_do_is_refused_before_anything_is_written(tmp_path, options, said):
    with pytest.raises(UserError, match=said):
        lsgd.simulate(ALONE, output=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
@pytest.mark.parametrize("engine", ["here", "threads"])
def test_a_signal_to_stop_lets_what_is_under_way_end_and_is_gone_on_with(alone, tmp_path, monkeypatch, capfd, engine):
    from langevin_sgd.storage.scan_group import ScanGroup

    write, written = ScanGroup.write, []

    def signalled(group, *block, **attrs):
        written.append(block)
        if len(written) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        write(group, *block, **attrs)

    with monkeypatch.context() as patch, ThreadPoolExecutor(1) as threads:
        patch.setattr(ScanGroup, "write", signalled)
        with pytest.raises(KeyboardInterrupt):
            lsgd.simulate(ALONE, output=tmp_path / "run", executor=threads if engine == "threads" else None)
    assert "once more stops at once" in capfd.readouterr().err
    assert len(written) == 2 if engine == "here" else 2 <= len(written) <= 6
    assert lsgd.open_run(tmp_path / "run")["anharmonic"]["status"].values[:, 1].all()
    assert simulated(ALONE, tmp_path / "run", resume=True) == alone


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
def test_the_second_signal_stops_at_once():
    with finishing("it") as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


class _Cancels(_Backwards):
    """Cancels what it is given, as an executor does that somebody shuts down meanwhile."""

    def submit(self, function, /, *arguments):
        future: Future = Future()
        future.cancel()
        future.set_running_or_notify_cancel()
        return future


def test_an_executor_that_cancels_is_no_interruption(tmp_path):
    with pytest.raises(UserError, match="anharmonic: the executor cancelled a task; look at the executor"):
        lsgd.simulate(ALONE, output=tmp_path / "run", executor=_Cancels())


def test_an_engine_that_loses_points_is_told_so(monkeypatch, tmp_path):
    monkeypatch.setattr(pool.Pool, "run", lambda self, work: iter(()))
    with ThreadPoolExecutor(1) as executor, pytest.raises(RuntimeError, match="ended with 18 points not run"):
        lsgd.simulate(ALONE, output=tmp_path / "run", executor=executor)
