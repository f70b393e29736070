"""How many cores this process may compute on, threads of our own and of torch alike. No bit of a result hangs on it."""

from __future__ import annotations

import os
import re

_SETTING = "OMP_NUM_THREADS"  # which torch and BLAS obey too, and which dask sets in its workers


def cores() -> int:
    """The cores that the system lets this process use, of which the variable OMP_NUM_THREADS may allow fewer.

    A list in it, one number for each nested level as OpenMP has it, counts by its first. What is no number is ignored.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    allowed = re.match(r"\s*([1-9][0-9]*)", os.environ.get(_SETTING, ""))
    return min(affinity, int(allowed[1])) if allowed else affinity


def share(processes: int) -> int:
    """The cores of each of so many processes that compute for this one side by side: together no more than it has.

    One each if there are more processes than cores.
    """
    return max(1, cores() // processes)


def use(count: int) -> None:
    """Let this process and what it starts use so many cores; of libraries those that are loaded after this."""
    os.environ[_SETTING] = str(count)
