"""What was lost or altered in a store after it was written is seen; what zarr itself leaves out is not taken for it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.storage import zarr_index
from langevin_sgd.study import store
from langevin_sgd.study.store import StoreError


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


def shorten(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


LOST = {
    "a chunk": ("first/energy/c/0/0", Path.unlink, "its energy: the file energy/c/0/0 is missing"),
    "a chunk of a scalar": ("last/alignment/c", Path.unlink, "its alignment: the file alignment/c is missing"),
    "a coordinate's chunk": ("first/time/c/0", Path.unlink, "its time: the file time/c/0 is missing"),
    "all chunks of a variable": ("first/energy/c", shutil.rmtree, "its energy: the file energy/c/0/0 is missing"),
    "a variable": ("first/energy", shutil.rmtree, "its energy: the file energy/"),
    "a variable without chunks": ("first/censored", shutil.rmtree, "its censored: the file censored/zarr.json is"),
    "a column of the comparisons": ("checks/measured", shutil.rmtree, "its measured: the file measured/"),
    "the end of a chunk": ("first/energy/c/0/0", shorten, "its energy: the file energy/c/0/0 has "),
}  # fmt: skip


_SLOW = {"a chunk of a scalar", "a coordinate's chunk", "all chunks of a variable", "a column of the comparisons"}


@pytest.mark.parametrize("case", [pytest.param(case, marks=[pytest.mark.validate] * (case in _SLOW)) for case in LOST])
def test_what_is_lost_is_named_by_every_command(commands, copied, contents_of, case):
    name, damage, fault = LOST[case]
    damage(copied / "data.zarr" / name)
    before = contents_of(copied)
    with pytest.raises(StoreError) as error:
        store.open_run(copied)  # without reading the arrays
    group = copied / "data.zarr" / name.partition("/")[0]
    assert str(error.value).startswith(f"{group}: is damaged ({fault}")
    assert "put a copy back, or remove this folder, and `simulate(..., resume=True)` makes it anew" in str(error.value)
    words = {"check": [], "export": [copied.with_suffix(".nc")]}
    for command, more in words.items():
        code, said = commands.run(commands.command(command, copied, *more))
        assert (code, said.count("\n")) == (2, 1), said
        assert fault in said
    assert contents_of(copied) == before
    assert not copied.with_suffix(".nc").exists()


@pytest.mark.parametrize(
    "name",
    [
        "first/energy/c/0/0",
        *(pytest.param(name, marks=pytest.mark.validate) for name in ("first/time/c/0", "last/alignment/c")),
        "checks/measured/c/0",
    ],
)
def test_what_is_altered_is_named_as_soon_as_it_is_read(commands, copied, contents_of, name):
    flip(copied / "data.zarr" / name)
    before = contents_of(copied)
    variable = name.split("/")[1]
    assert store.open_run(copied).children
    with pytest.raises(StoreError, match=rf"is damaged \(its {variable}: the file {variable}/c.* was altered after"):
        store.open_run(copied, load=True)
    for words in (["check", copied], ["export", copied, copied.with_suffix(".nc")]):
        code, said = commands.run(commands.command(*words))
        assert (code, said.count("\n")) == (2, 1), said
    code, said = commands.run(commands.simulate(copied, "--resume"))
    assert (code, said.count("\n")) == (2, 1), said
    assert contents_of(copied) == before


def test_a_damaged_group_that_is_removed_is_made_anew(commands, copied, contents_of, whole):
    shutil.rmtree(copied / "data.zarr/first/energy")
    shutil.rmtree(copied / "data.zarr/first")
    code, said = commands.run(commands.simulate(copied, "--resume"))
    assert code == 1, said
    assert contents_of(copied) == contents_of(whole)


def test_a_chunk_that_holds_the_fill_value_is_left_out_and_not_missed(copied):
    assert not (copied / "data.zarr/first/censored/c").exists()
    tree = store.open_run(copied, load=True)
    np.testing.assert_array_equal(tree["first"].censored.values, np.zeros(4, dtype=bool))


def test_chunks_left_out_among_others_are_not_missed(tmp_path):
    values = np.zeros((4, 6), dtype=bool)
    values[2:, 3:] = True
    dataset = xr.Dataset({"half": (("x", "y"), values, {}, {"chunks": (2, 3)})})
    dataset.attrs["status"] = "done"
    run = store.prepare(tmp_path / "run", config="name: a\nmodels: {half: {}}\n")
    run.save_model("half", dataset)
    run.close()
    assert [file.name for file in (tmp_path / "run/data.zarr/half/half/c").rglob("*") if file.is_file()] == ["1"]
    read = store.open_run(tmp_path / "run", load=True)["half"].half
    np.testing.assert_array_equal(read.values, values)
    (tmp_path / "run/data.zarr/half/half/c/1/1").unlink()
    with pytest.raises(StoreError, match="its half: the file half/c/1/1 is missing"):
        store.open_run(tmp_path / "run")


def test_a_group_that_the_root_does_not_list_is_listed_by_the_next_writer(commands, copied, contents_of, whole):
    root = copied / "data.zarr/zarr.json"
    document = json.loads(root.read_text())
    del document["attributes"]["contents"]["last"]
    for name in [name for name in document["consolidated_metadata"]["metadata"] if name.startswith("last")]:
        del document["consolidated_metadata"]["metadata"][name]
    root.write_text(json.dumps(document))
    assert "last" in store.open_run(copied, load=True).children
    assert commands.run(commands.command("plot", copied))[0] == 0
    listed = json.loads(root.read_text())
    assert set(listed["attributes"]["contents"]) == {"first", "hot", "last", "checks"}
    assert listed["attributes"]["contents"]["last"] == ["energy", "censored", "alignment", "time"]
    assert "last/energy" in listed["consolidated_metadata"]["metadata"]
    assert commands.run(commands.simulate(copied, "--resume"))[0] == 1
    assert contents_of(copied) == contents_of(whole)


def test_a_run_of_an_older_version_has_no_index_and_opens(commands, copied):
    """Groups had no index and the order of variables stood in the root alone."""
    for group in ("first", "hot", "last", "checks"):
        file = copied / "data.zarr" / group / "zarr.json"
        document = json.loads(file.read_text())
        del document["attributes"][zarr_index.ATTRIBUTE]
        file.write_text(json.dumps(document))
    (copied / ".state" / "langevin-sgd.lock").unlink()
    tree = store.open_run(copied, load=True)
    assert list(tree["first"].data_vars) == ["energy", "censored", "alignment"]
    assert "unfinished" not in tree.attrs
    code, said = commands.run(commands.command("check", copied))
    assert (code, said.strip()) == (0, "shown")
    assert commands.run(commands.simulate(copied, "--resume"))[0] == 1
    assert list(store.open_run(copied)["first"].data_vars) == ["energy", "censored", "alignment"]


@pytest.mark.parametrize(
    "mark",
    [
        '{"format": 2}',
        *(pytest.param(mark, marks=pytest.mark.validate) for mark in ('{"format": 99, "starting": true}',)),
    ],
)
def test_a_run_of_a_newer_format_is_refused_in_one_line(commands, copied, contents_of, mark):
    (copied / ".state" / "run.json").write_text(mark)
    before = contents_of(copied)
    every = [[name, copied] for name in ("check", "report", "plot")]
    every += [["export", copied, copied.with_suffix(".nc")]]
    every += [["simulate", commands.config, "--output", copied, *flag] for flag in ([], ["--resume"], ["--overwrite"])]
    for words in every:
        code, said = commands.run(commands.command(*words))
        assert (code, said.count("\n")) == (2, 1), said
        assert "of a newer langevin-sgd than this one, which knows formats up to 1; update langevin-sgd" in said
    with pytest.raises(StoreError, match=f"has format {json.loads(mark)['format']}"):
        store.open_run(copied)
    assert contents_of(copied) == before
