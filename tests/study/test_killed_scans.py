"""A scan that is killed at any instant and gone on with: the same files as one that nobody disturbed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from langevin_sgd.observables.points_done import DONE, STATUS
from langevin_sgd.study import run_state, store

CONFIG = """\
name: killed
seed: 1
sgd: {learning_rate: 0.1, batch_size: 4}
models:
  ou:
    kind: ornstein_uhlenbeck
    hessian: {kind: diagonal, eigenvalues: [1.0, 0.5]}
    noise: {kind: isotropic, scale: 0.4}
    steps: 60
    replicas: 4
    record_times: 4
scan:
  models.ou.steps: [STEPS]
  sgd.learning_rate: {linear: [0.1, 0.19, RATES]}
"""


def files(run: Path) -> dict[str, bytes]:
    """Every file of the model's group."""
    group = run / "data.zarr" / "ou"
    return {file.relative_to(group).as_posix(): file.read_bytes() for file in group.rglob("*") if file.is_file()}


@pytest.mark.parametrize(
    ("kills", "blocks", "rates"), [(2, 8, 3), pytest.param(100, 20, 10, marks=pytest.mark.validate)]
)
def test_a_scan_that_is_killed_again_and_again_ends_with_the_same_files(commands, kills, blocks, rates) -> None:
    """Each life is killed once it has written up to four blocks of so many points, or none, and a moment on.

    After every kill the run opens, and each point that it calls done has the numbers of the undisturbed run.
    """
    config = commands.folder / "killed.yaml"
    steps = ", ".join(str(60 + more) for more in range(blocks))  # each is a launch of its own
    config.write_text(CONFIG.replace("STEPS", steps).replace("RATES", str(rates)))

    def simulate(run: Path, *flags: str):
        return commands.command("simulate", config, "--output", run, "--quiet", *flags)

    code, said = commands.run(simulate(commands.folder / "whole"))
    assert code == 0, said
    whole = store.open_run(commands.folder / "whole", load=True)["ou"].dataset
    expected = files(commands.folder / "whole")
    assert (whole[STATUS] == DONE).sum() == blocks * rates
    rng = np.random.default_rng(5)

    def written(run: Path) -> int:
        return len(list(run_state.marks(run, "ou").glob("*.json")))

    done, runs, seen = 0, 0, set()
    run = commands.folder / "run0"
    while done < kills:
        resumed = ["--resume"] if store.holds_run(run) else []
        enough = written(run) + int(rng.integers(0, 5))
        process, log = commands.begin(simulate(run, *resumed))
        ended = False
        while not (ended or written(run) >= enough):
            time.sleep(0.002)
            ended = os.waitpid(process, os.WNOHANG)[0] != 0
        if not ended:
            time.sleep(rng.uniform(0.0, 0.05 * rates))  # a block or a few
            ended = os.waitpid(process, os.WNOHANG)[0] != 0
        if ended:  # it was sooner at its end
            assert files(run) == expected, log.read_text()
            runs += 1
            run = commands.folder / f"run{runs}"
            continue
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        done += 1
        if store.holds_run(run) and "ou" in (tree := store.open_run(run, load=True)).children:
            found = tree["ou"].dataset
            there = (found[STATUS] == DONE).values
            seen.add(int(there.sum()))
            for name in ("energy", "mode_variance", "stationary_energy"):
                if name in found:
                    values = found[name].values
                    inner = tuple(slice(size) for size in values.shape[2:])
                    same = np.array_equal(values[there], whole[name].values[:, :, *inner][there], equal_nan=True)
                    assert same, name
    code, said = commands.run(simulate(run, *(["--resume"] if store.holds_run(run) else [])))
    assert code == 0, said
    assert files(run) == expected
    assert len(seen) >= 2  # kills fell on different places of the scan
