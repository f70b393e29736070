"""Which engine runs a study, by what was asked for."""

from __future__ import annotations

from concurrent.futures import Executor

from langevin_sgd.errors import UserError
from langevin_sgd.study.engines import cluster, pool
from langevin_sgd.study.engines.engine import Engine, Here


def chosen(*, workers: int | None, scheduler: str | None, executor: Executor | None) -> Engine:
    """The engine that was asked for, this process by default.

    Raises `UserError` if more than one was, if there is none at that address, or if its package is not installed.
    """
    asked = [name for name, value in _named(workers, scheduler, executor) if value is not None]
    if len(asked) > 1:
        raise UserError(f"{' and '.join(asked)} exclude each other; give one of them")
    if workers is not None:
        if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
            raise UserError(f"workers: expected a number of processes, 1 or more, got {workers!r}")
        return pool.local(workers)
    if scheduler is not None:
        return cluster.connected(scheduler)
    if executor is not None:
        if not isinstance(executor, Executor):
            raise UserError(f"executor: expected a concurrent.futures.Executor, got {type(executor).__name__}")
        return pool.own(executor)
    return Here()


def _named(workers: object, scheduler: object, executor: object) -> list[tuple[str, object]]:
    return [("workers", workers), ("scheduler", scheduler), ("executor", executor)]
