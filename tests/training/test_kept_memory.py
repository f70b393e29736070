"""Freed memory is kept: an operation that is repeated takes no new pages from the system."""

import resource
import sys

import pytest
import torch

from langevin_sgd.training.kept_memory import keep_freed_memory
from langevin_sgd.training.threads import Workers


@pytest.mark.skipif(sys.platform != "linux", reason="of the GNU C library")
def test_results_of_some_megabytes_are_made_in_memory_that_is_there():
    def faults() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(20):
            x = torch.ones(1 << 20)  # 4 MB, 1,024 pages
            x = x + 1
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    with Workers(2):
        assert keep_freed_memory()
        faults()
        assert faults() < 5 * 1024  # handed back each time it would be 40 times 1,024
