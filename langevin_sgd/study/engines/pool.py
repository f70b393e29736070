"""Tasks in other processes, by any `concurrent.futures.Executor`: of this machine, of a cluster, or the user's own."""

from __future__ import annotations

import itertools
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from dataclasses import dataclass

import xarray as xr

from langevin_sgd import options
from langevin_sgd.cores import cores, share
from langevin_sgd.errors import UserError
from langevin_sgd.study.engines.elsewhere import Job, begin_worker, config_of, job, work
from langevin_sgd.study.engines.engine import Work
from langevin_sgd.study.plan import Task

_AHEAD = 4
"""Tasks a worker that are sent to it before they are begun, so that it need not wait for the next one."""

_SECONDS_BETWEEN_LOOKS = 0.5

_LOSSES = 3
"""How often in turn workers may be lost without a task that ends."""


@dataclass
class Pool:
    """An executor of `workers` workers, which `started` makes when it is first needed, and anew if workers are lost.

    `ended` ends one; it is told whether to do so at once. `mend` says what to do if workers are lost again and again,
    of which exceptions of the types `lost` tell.
    """

    started: Callable[[], Executor]
    ended: Callable[[Executor, bool], object]
    workers: int
    mend: str
    lost: tuple[type[Exception], ...] = (BrokenExecutor,)
    executor: Executor | None = None

    def run(self, given: Work) -> Iterator[tuple[Task, xr.Dataset]]:
        """The tasks side by side, each with its block as soon as it is there."""
        tasks, config = iter(given.tasks), config_of(given.study)
        under_way: dict[Future[xr.Dataset], Task] = {}
        losses = 0

        def send(task: Task) -> Future[xr.Dataset]:
            return self._submitted(job(given.study, config, task, given.finished(task), given.around.device))

        while True:
            if not given.stop.asked:
                more = itertools.islice(tasks, _AHEAD * self.workers - len(under_way))
                under_way.update((send(task), task) for task in more)
            if not under_way:
                return
            ended = wait(under_way, timeout=_SECONDS_BETWEEN_LOOKS, return_when=FIRST_COMPLETED).done
            given.waiting()
            if given.stop.asked:
                for each in under_way:
                    each.cancel()
            for future in [each for each in under_way if each in ended]:  # in the order in which they were sent
                task = under_way[future]
                try:
                    block = future.result()
                except CancelledError:
                    if not given.stop.asked:
                        raise UserError(f"{task.model}: the executor cancelled a task; {self.mend}") from None
                    del under_way[future]
                except self.lost:
                    losses += 1
                    self.close(at_once=True)
                    if given.stop.asked:
                        return
                    if losses > _LOSSES:
                        told = f"{task.model}: workers were lost {losses} times in turn; {self.mend}"
                        raise UserError(told) from None
                    under_way = {each if _finished(each) else send(lost): lost for each, lost in under_way.items()}
                    break
                else:
                    del under_way[future]
                    losses = 0
                    yield task, block

    def close(self, *, at_once: bool = False) -> None:
        """End the executor."""
        executor, self.executor = self.executor, None
        if executor is not None:
            self.ended(executor, at_once)

    def _submitted(self, given: Job) -> Future[xr.Dataset]:
        if self.executor is None:
            self.executor = self.started()
        try:
            return self.executor.submit(work, given)
        except BrokenExecutor as error:
            broken: Future[xr.Dataset] = Future()
            broken.set_exception(error)
            return broken


def _finished(future: Future[xr.Dataset]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def local(workers: int) -> Pool:
    """Processes of this machine, started anew and not forked, so that none inherits threads or locks."""

    def started() -> Executor:
        context = multiprocessing.get_context("spawn")
        made = ProcessPoolExecutor(
            workers, mp_context=context, initializer=begin_worker, initargs=(os.getpid(), share(workers))
        )
        # All workers start before the thread that looks after them, as they do where they are forked. A pool that
        # starts them one by one, as tasks are sent, loses that thread if a worker ends meanwhile.
        made._safe_to_dynamically_spawn_children = False  # type: ignore[attr-defined]
        return made

    return Pool(
        started,
        _end,
        workers,
        f"give fewer {options.option('workers')} if memory ran out, and go on with {options.flag('resume')}",
    )


def _end(executor: Executor, at_once: bool) -> None:
    processes = list((getattr(executor, "_processes", None) or {}).values())
    executor.shutdown(wait=not at_once, cancel_futures=True)
    for process in processes if at_once else ():
        process.kill()


def own(executor: Executor) -> Pool:
    """An executor of the user's own, which stays open."""
    workers = getattr(executor, "_max_workers", None)
    many = workers if isinstance(workers, int) else cores()
    return Pool(lambda: executor, lambda _, __: None, many, "look at the executor, and go on with resume=True")
