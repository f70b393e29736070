"""Use several cores without changing a bit: every torch operation runs on one thread, and replicas are shared out.

Libraries split one matrix product over threads in ways that depend on their number, and sums then round differently.
Blocks of replicas (or of columns) in threads of their own do not have this fault, and they also scale better.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import torch

from langevin_sgd.one_thread import one_blas_thread, one_torch_thread
from langevin_sgd.training.kept_memory import keep_freed_memory

Item = TypeVar("Item")
Result = TypeVar("Result")

_UNIT = 16


def shares(replicas: int, workers: int) -> list[slice]:
    """Cut range(replicas) into at most `workers` nearly equal pieces, each starting at a multiple of sixteen.

    Matrix products round differently at other memory alignments. Sixteen replicas of anything fill whole cache lines,
    so a replica's numbers are aligned alike in every piece that it may be in.
    """
    units = max(1, replicas // _UNIT)
    pieces = max(1, min(workers, units))
    edges = [*(_UNIT * (units * i // pieces) for i in range(pieces)), replicas]
    return [slice(a, b) for a, b in pairwise(edges)]


class Workers:
    """A pool of threads, each of which runs torch operations on one core. Close it, or use it in a `with` statement."""

    def __init__(self, count: int) -> None:
        self.count = max(1, count)
        keep_freed_memory()
        self._pool = ThreadPoolExecutor(self.count - 1, initializer=_start) if self.count > 1 else None

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item], *, at_most: int | None = None
    ) -> list[Result]:
        """function(item) for every item, in order; the calling thread works too. Raises what the function raises.

        `at_most` so many threads work, by default all.
        """
        threads = min(self.count, len(items), self.count if at_most is None else at_most)
        if self._pool is None or threads <= 1:
            with one_blas_thread(), one_torch_thread(), torch.inference_mode():
                return [function(item) for item in items]
        results: dict[int, Result] = {}
        waiting = iter(range(len(items)))  # shared: every thread takes the next one

        def work() -> None:
            with torch.inference_mode():
                for index in waiting:
                    results[index] = function(items[index])

        others = [self._pool.submit(work) for _ in range(threads - 1)]
        # until all are done: the number of threads of matrix products is the process's, and with it their rounding
        with one_blas_thread(), one_torch_thread():
            try:
                work()
            finally:
                for _ in waiting:  # after an error nobody needs the rest
                    pass
            for other in others:
                other.result()
        return [results[index] for index in range(len(items))]

    def close(self) -> None:
        """Wait for the threads and end them."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _start() -> None:
    torch.set_num_threads(1)
