"""Results in the order of their tasks, and none lost that was ready before its turn."""

from __future__ import annotations

import xarray as xr

from langevin_sgd.storage.scan_fragments import Fragments
from langevin_sgd.study.engines.in_order import in_order
from langevin_sgd.study.plan import Task

TASKS = [Task("model", (number,), (number + 1,)) for number in range(4)]


def block(task: Task) -> xr.Dataset:
    return xr.Dataset({"number": ((), task.start[0])})


def test_results_that_are_ready_too_early_wait_on_the_disk(tmp_path):
    kept = Fragments(tmp_path)
    ran = iter([(TASKS[number], block(TASKS[number])) for number in (3, 1, 0, 2)])
    got = in_order(TASKS, ran, kept)
    assert next(got)[0] == TASKS[0]
    assert [task.label in kept for task in TASKS] == [False, True, False, True]
    assert [(task, int(each["number"])) for task, each in got] == [(TASKS[number], number) for number in (1, 2, 3)]
    assert not list(tmp_path.iterdir())


def test_what_was_ready_when_the_writer_was_killed_is_not_run_again(tmp_path):
    kept = Fragments(tmp_path)
    for number in (1, 3):
        kept.put(TASKS[number].label, block(TASKS[number]))
    assert [task for task, _ in in_order(TASKS, iter([(TASKS[0], block(TASKS[0]))]), kept)] == TASKS[:2]
    assert TASKS[3].label in kept
