"""Tasks on a cluster of dask.distributed, by the address of its scheduler.

A worker that is lost costs what it was computing: the scheduler gives it to another. Whoever wants cores used side by
side starts workers of one thread each, as a process runs one task at a time.
"""

from __future__ import annotations

import importlib
from concurrent.futures import BrokenExecutor, Executor
from typing import Any

from langevin_sgd import options
from langevin_sgd.errors import UserError
from langevin_sgd.study.engines.pool import Pool

_SECONDS_TO_CONNECT = 15


def connected(address: str) -> Pool:
    """The cluster whose scheduler is at `address`, such as tcp://10.0.0.1:8786.

    Raises `UserError` if it does not answer, has no worker, or if dask.distributed is not installed.
    """
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError:
        mend = f"install langevin-sgd[cluster], or use {options.option('workers', 'N')} on this machine"
        raise UserError(
            f"{options.option('scheduler')} needs the package distributed, which is not installed; {mend}"
        ) from None
    clients: list[Any] = []

    def started() -> Executor:
        try:
            client = distributed.Client(address, timeout=_SECONDS_TO_CONNECT, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{options.option('scheduler')}: no dask scheduler answers at {address} ({_line(error)})"
            ) from None
        clients.append(client)
        executor: Executor = client.get_executor(pure=False)
        return executor

    def ended(executor: Executor, at_once: bool) -> None:
        executor.shutdown(wait=not at_once)
        clients.pop().close()

    executor = started()
    workers = len(clients[-1].scheduler_info(n_workers=-1)["workers"])
    if not workers:
        ended(executor, True)
        raise UserError(f"{options.option('scheduler')}: the scheduler at {address} has no worker; start some")
    lost = (BrokenExecutor, distributed.scheduler.KilledWorker)
    mend = f"look at the cluster's logs, and go on with {options.flag('resume')}"
    return Pool(started, ended, workers, mend, lost, executor)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
