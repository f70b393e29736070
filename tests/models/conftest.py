"""What the tests of models share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from langevin_sgd.reporting import html as html_report

CONFIG = """\
name: large
seed: 1
sgd: {learning_rate: 0.1, batch_size: 4}
models:
  ou:
    kind: ornstein_uhlenbeck
    hessian: {kind: diagonal, eigenvalues: [1.0, 0.5]}
    noise: {kind: isotropic, scale: 0.4}
    steps: 1000
    replicas: 256
"""


class _StopAfterSave:
    """A checkpoint that is always due and cuts the run off, as a user does, after a number of saves."""

    def __init__(self, saves: int) -> None:
        self.arrays: dict | None = None
        self.left = saves

    def load(self) -> dict | None:
        return self.arrays

    def due(self) -> bool:
        return True

    def part(self, name: str) -> _StopAfterSave:
        """Of a scan there is one launch alone, and of a launch one state."""
        return self

    def save(self, arrays: dict) -> None:
        self.arrays = {name: np.array(value) for name, value in arrays.items()}
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.fixture
def stop_after_save() -> Callable[[int], _StopAfterSave]:
    """A function that makes such a checkpoint."""
    return _StopAfterSave


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small study in `study.yaml`, of which no page is made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(html_report, "report", lambda run, **_options: Path(run))
    (tmp_path / "study.yaml").write_text(CONFIG, encoding="utf-8")
    return tmp_path
