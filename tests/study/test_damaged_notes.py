"""Small files of a run that hold something else than they should: one line and a mend, or no matter; no traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.reporting import html as html_report
from langevin_sgd.reporting.plots import drawn as plots
from langevin_sgd.study import store

ATTRIBUTE = "data.zarr/zarr.json"
STATE = {
    "run.json": ["[]", "{}", '{"format": "1"}', '{"format": true}', "null", "\xff"],
    "writer.json": ["[]", "{}", '{"host": 1, "process": 2}', '{"host": "a", "process": "x"}', "7", "{"],
    "figures.json": ["{}", "[1]", '["../config.yaml"]', '"small.png"', "{"],
}
PROVENANCE = ["no json", "[]", '{"config": []}', '{"config": {"models": 3}}', '{"config": {"checks": {}}}', 7, None]


def every_command(commands, run: Path) -> list[list[object]]:
    shown: list[list[object]] = [[name, run] for name in ("check", "report", "plot")]
    shown.append(["export", run, run.with_suffix(".nc")])
    flags = ("--resume", "--overwrite")
    return shown + [["simulate", commands.config, "--output", run, "--quiet", flag] for flag in flags]


@pytest.mark.parametrize(("name", "content"), [(name, text) for name, texts in STATE.items() for text in texts[:1]])
def test_damaged_notes_are_named_or_no_matter(commands, copied, contents_of, name, content):
    file = copied / ".state" / name
    file.write_bytes(content.encode("latin-1"))
    before = contents_of(copied)
    refused = 0
    for words in every_command(commands, copied):
        code, said = commands.run(commands.command(*words))
        assert "Traceback" not in said
        assert code in (0, 2), said
        copied.with_suffix(".nc").unlink(missing_ok=True)
        if code == 2:
            refused += 1
            assert said.count("\n") == 1, said
            assert said.startswith(f"{file}: is damaged ("), said
            assert "remove it" in said or "put {" in said
            assert contents_of(copied) == before
    assert refused >= 2


@pytest.mark.validate
@pytest.mark.parametrize(("name", "content"), [(name, text) for name, texts in STATE.items() for text in texts[1:]])
def test_more_damaged_notes_are_named_or_no_matter(commands, copied, contents_of, name, content):
    test_damaged_notes_are_named_or_no_matter(commands, copied, contents_of, name, content)


@pytest.mark.parametrize(
    "value", [PROVENANCE[0], *(pytest.param(v, marks=pytest.mark.validate) for v in PROVENANCE[1:])]
)
def test_a_damaged_provenance_is_named_and_resuming_writes_it_anew(commands, copied, whole, contents_of, value):
    file = copied / ATTRIBUTE
    document = json.loads(file.read_text())
    document["attributes"]["provenance"] = value
    file.write_text(json.dumps(document))
    for words in every_command(commands, copied)[:4]:
        code, said = commands.run(commands.command(*words))
        assert (code, said.count("\n")) == (2, 1), said
        assert said.startswith(f"{file}: is damaged (")
        assert "`simulate ... --resume` writes it anew" in said
    code, said = commands.run(commands.simulate(copied, "--resume"))
    assert code == 1, said
    assert contents_of(copied) == contents_of(whole)


@pytest.mark.parametrize(
    "contents", [{"first": 3}, *(pytest.param(v, marks=pytest.mark.validate) for v in (7, [], {"first": [1]}, None))]
)
def test_a_damaged_list_of_contents_is_made_anew(commands, copied, whole, contents_of, contents):
    file = copied / ATTRIBUTE
    document = json.loads(file.read_text())
    document["attributes"]["contents"] = contents
    file.write_text(json.dumps(document))
    assert set(store.open_run(copied, load=True).children) == {"first", "hot", "last", "checks"}
    assert commands.run(commands.simulate(copied, "--resume"))[0] == 1
    assert contents_of(copied) == contents_of(whole)


@pytest.mark.parametrize("index", ["no json", "[]", '{"files": 3}', '{"variables": [], "files": {"a": 1}}', 7])
def test_a_damaged_index_is_damage_of_its_group(copied, index):
    file = copied / "data.zarr/first/zarr.json"
    document = json.loads(file.read_text())
    document["attributes"]["contents"] = index
    file.write_text(json.dumps(document))
    with pytest.raises(store.StoreError, match=r"data\.zarr/first: is damaged \(its attribute 'contents' is no index"):
        store.open_run(copied)


@pytest.mark.parametrize("summary", ["no json", "[]", "{}", '{"counts": 3}'])
def test_a_damaged_summary_is_one_line_in_the_report(make_tree, summary):
    tree = make_tree().copy()
    tree["checks"].attrs["summary"] = summary
    with pytest.raises(UserError, match="the summary of the comparisons is damaged"):
        html_report.page(tree, config="", pictures={})


@pytest.mark.parametrize("value", ["no json", '{"config": {"checks": [3]}}', '{"config": {"checks": [{}]}}'])
def test_figures_of_a_tree_with_a_damaged_provenance_are_refused(make_tree, value):
    tree = make_tree().copy()
    tree.attrs["provenance"] = value
    with pytest.raises(UserError, match="provenance"):
        plots.figures(tree)
