"""The `npz` data set: arrays of numpy in one file."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import Text
from langevin_sgd.training.data.file_section import FileSection


class NpzData(FileSection):
    """Arrays from a file that numpy.savez wrote: inputs (samples, ...), targets, and a test set if it has one."""

    LOAD: ClassVar[str] = "langevin_sgd.training.data.read_npz:load"
    name: Literal["npz"]
    """Always `npz`."""
    inputs: Text = "inputs"
    """Name of the array of inputs."""
    labels: Text = "labels"
    """Name of the array of targets: (samples,), or real ones also (samples, k)."""
    test_inputs: Text | None = None
    """Name of the array of the test set's inputs. null: the samples are split by test_fraction."""
    test_labels: Text | None = None
    """Name of the array of its targets."""

    def problems(self, name: str, *, data: KeyPath, batch_size: int, batch_size_at: KeyPath) -> Faults:
        """Half a test set."""
        if (self.test_inputs is None) != (self.test_labels is None):
            missing = "test_labels" if self.test_labels is None else "test_inputs"
            yield (*data, missing), "missing; a test set is inputs and labels, give both or none"
        yield from super().problems(name, data=data, batch_size=batch_size, batch_size_at=batch_size_at)
