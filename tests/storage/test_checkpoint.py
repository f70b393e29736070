from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.storage.checkpoint import Checkpoint, NoCheckpoint


def test_saves_and_loads_every_kind_of_array(tmp_path):
    checkpoint = Checkpoint(tmp_path / "network.npz")
    arrays = {
        "weights": np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4),
        "step": np.int64(7),
        "done": np.array([True, False]),
        "name": np.array("ou"),
    }
    assert checkpoint.load() is None
    checkpoint.save(arrays)
    loaded = Checkpoint(tmp_path / "network.npz").load()
    assert loaded is not None
    assert loaded.keys() == arrays.keys()
    for name, value in arrays.items():
        assert loaded[name].dtype == np.asarray(value).dtype
        np.testing.assert_array_equal(loaded[name], value)
    assert [file.name for file in tmp_path.iterdir()] == ["network.npz"]


def test_is_due_by_the_clock(tmp_path):
    now = [0.0]
    checkpoint = Checkpoint(tmp_path / "a.npz", seconds_between=30.0, clock=lambda: now[0])
    assert not checkpoint.due()
    now[0] = 30.0
    assert checkpoint.due()
    checkpoint.save({"a": np.zeros(1)})
    assert not checkpoint.due()


def test_an_interrupted_save_leaves_the_last_one(tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path / "a.npz")
    checkpoint.save({"a": np.zeros(3)})

    def full(*_args: object, **_arrays: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(UserError, match=r"a\.npz: the checkpoint cannot be written: No space left on device"):
        checkpoint.save({"a": np.ones(3)})
    loaded = checkpoint.load()
    assert loaded is not None
    np.testing.assert_array_equal(loaded["a"], np.zeros(3))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half", b"no archive at all"])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.npz: the checkpoint cannot be read .*; remove it"):
        Checkpoint(tmp_path / "a.npz").load()


def test_how_far_it_got_is_known_without_reading_the_rest(tmp_path):
    checkpoint = Checkpoint(tmp_path / "a.npz")
    assert checkpoint.reached() is None
    checkpoint.save({"weights": np.zeros(3), "step": np.int64(7000)})
    assert checkpoint.reached() == "step 7,000"
    checkpoint.save({"weights": np.zeros(3), "disorders": np.array(1200)})
    assert checkpoint.reached() == "1,200 disorders"
    checkpoint.save({"weights": np.zeros(3)})
    with pytest.raises(UserError, match=r"a\.npz: the checkpoint cannot be read"):
        checkpoint.reached()


def test_removing_twice_is_fine(tmp_path):
    checkpoint = Checkpoint(tmp_path / "a.npz")
    checkpoint.save({"a": np.zeros(1)})
    checkpoint.remove()
    checkpoint.remove()
    assert checkpoint.load() is None


def test_no_checkpoint_keeps_nothing():
    nothing = NoCheckpoint()
    nothing.save({"a": np.zeros(1)})
    assert nothing.load() is None
    assert not nothing.due()
