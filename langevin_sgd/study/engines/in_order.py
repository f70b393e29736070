"""The results of a scan in the order of its tasks, whatever the order in which they are ready."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import xarray as xr

from langevin_sgd.storage.scan_fragments import Fragments
from langevin_sgd.study.plan import Task


def in_order(
    tasks: Iterable[Task], ran: Iterator[tuple[Task, xr.Dataset]], kept: Fragments
) -> Iterator[tuple[Task, xr.Dataset]]:
    """The tasks in their order, each with its block: one that is `kept`, or that an engine has `ran`.

    A result that is ready before those in front of it is kept meanwhile, so no kill loses it, and forgotten once the
    next one is asked for, when it is stored. It ends before the first task that has none.
    """
    for task in tasks:
        block = kept.get(task.label)
        while block is None:
            found = next(ran, None)
            if found is None:
                return
            if found[0] == task:
                block = found[1]
            else:
                kept.put(found[0].label, found[1])
        yield task, block
        kept.remove(task.label)
