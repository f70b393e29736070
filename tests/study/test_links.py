"""Links in a run directory: what they lead to is the user's own, and is never removed or written over."""

from __future__ import annotations

import os

import pytest

from langevin_sgd.study import store

pytestmark = pytest.mark.skipif(os.name != "posix", reason="makes symbolic links")


def test_overwriting_leaves_what_a_linked_figures_folder_leads_to(commands, copied):
    elsewhere = commands.folder / "elsewhere"
    (copied / "figures").rename(elsewhere)
    (copied / "figures").symlink_to(elsewhere)
    for name in ("old.png", "small.png"):
        (elsewhere / name).write_text("mine")
    (copied / ".state" / "figures.json").write_text('["old.png", "small.png", "gone.png"]')
    store.prepare(copied, config=(copied / "config.yaml").read_text(), overwrite=True).close()
    assert {file.name: file.read_text() for file in elsewhere.iterdir()} == {"old.png": "mine", "small.png": "mine"}
    assert (copied / "figures").is_symlink()


@pytest.mark.parametrize(
    ("name", "flag"),
    [("figures/small.png", "--overwrite"), ("report.html", "--resume"), ("config.yaml", "--resume")],
)
def test_a_linked_file_of_a_run_is_replaced_and_not_followed(commands, copied, whole, contents_of, name, flag):
    elsewhere = commands.folder / "elsewhere"
    (copied / name).rename(elsewhere)
    before = elsewhere.read_bytes()
    (copied / name).symlink_to(elsewhere)
    code, said = commands.run(commands.simulate(copied, flag))
    assert code == 1, said
    assert elsewhere.read_bytes() == before
    assert not (copied / name).is_symlink()
    assert contents_of(copied) == contents_of(whole)


def test_a_folder_of_the_users_by_the_name_of_a_figure_stays(commands, copied):
    (copied / "figures" / "small.png").unlink()
    (copied / "figures" / "small.png").mkdir()
    (copied / "figures" / "small.png" / "notes").write_text("mine")
    store.prepare(copied, config=(copied / "config.yaml").read_text(), overwrite=True).close()
    assert (copied / "figures" / "small.png" / "notes").read_text() == "mine"


def test_data_that_are_a_link_are_left_where_they_are(commands, copied):
    elsewhere = commands.folder / "elsewhere"
    (copied / "data.zarr").rename(elsewhere)
    (copied / "data.zarr").symlink_to(elsewhere)
    code, said = commands.run(commands.simulate(copied, "--overwrite"))
    assert code == 1, said
    assert (elsewhere / "first" / "energy").is_dir()
    assert not (copied / "data.zarr").is_symlink()
