"""What parts of a training cost, in seconds of CPU: an attribute of a model that has probes, of the run and no result.

Of two runs with the same bits it differs, as times do, so it is left out wherever results are compared.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

CPU_SECONDS = "cpu_seconds"
"""The attribute: JSON, seconds by what they went into."""

TRAINING, RECORDING, PROBE = "training", "recording", "probe "
"""What they go into: the steps, what is recorded in any case, and behind the last the kind of each probe."""


class CpuSeconds:
    """Seconds of CPU by what they go into, of all threads of the process.

    What several parts ask for at one step is evaluated once and counted with the one that asks first.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def add(self, what: str, seconds: float) -> None:
        """So many went into it."""
        self._seconds[what] = self._seconds.get(what, 0.0) + seconds

    @contextmanager
    def of(self, what: str) -> Iterator[None]:
        """Around what they go into."""
        began = time.process_time()
        try:
            yield
        finally:
            self.add(what, time.process_time() - began)

    def attributes(self) -> dict[str, str]:
        """As the attribute of a Dataset."""
        return _attributes(self._seconds)

    def state(self) -> dict[str, NDArray[Any]]:
        """What must be kept to go on counting from here."""
        return {what: np.asarray(seconds) for what, seconds in self._seconds.items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state saved before."""
        self._seconds = {what: float(seconds) for what, seconds in state.items()}


def cpu_seconds(attributes: Mapping[Any, Any]) -> dict[str, float]:
    """The seconds by what they went into, among the attributes of a model; empty if they were not counted."""
    return {str(what): float(each) for what, each in json.loads(attributes.get(CPU_SECONDS, "{}")).items()}


def summed(attributes: Iterable[Mapping[Any, Any]]) -> dict[str, str]:
    """Those of several parts of a model together, as the attribute; nothing if none has counted."""
    whole: dict[str, float] = {}
    for each in attributes:
        for what, seconds in cpu_seconds(each).items():
            whole[what] = whole.get(what, 0.0) + seconds
    return _attributes(whole)


def _attributes(seconds: Mapping[str, float]) -> dict[str, str]:
    return {CPU_SECONDS: json.dumps({what: round(each, 4) for what, each in seconds.items()})} if seconds else {}
