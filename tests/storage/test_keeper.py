"""What a computation told last is saved when it is interrupted, and when code of the user's own fails in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.storage.checkpoint import Checkpoint
from langevin_sgd.storage.keeper import Keeper
from langevin_sgd.storage.zarr_groups import StoreError


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (KeyboardInterrupt(), True),
        (UserError("the rule of scheme mine failed"), True),
        (StoreError("the disk is full"), False),
        (ValueError("a fault of ours"), False),
    ],
)
def test_it_is_saved_where_it_can_go_on(tmp_path: Path, error: BaseException, kept: bool) -> None:
    checkpoint = Checkpoint(tmp_path / "model.npz")

    def fail() -> None:
        with Keeper(checkpoint) as keeper:
            keeper.tell(lambda: {"step": np.array(7)})
            raise error

    with pytest.raises(type(error)):
        fail()
    saved = checkpoint.load()
    assert (saved is not None) == kept
    if saved is not None:
        assert saved["step"] == 7
