"""Commands that need no run: new, schema, info."""

from __future__ import annotations

import json

from langevin_sgd import cli


def test_new_lists_and_prints_templates(home, capsys):
    assert cli.main(["new"]) == 0
    listed = capsys.readouterr().out
    assert "side_by_side" in listed
    assert all(len(line.split(maxsplit=1)) == 2 for line in listed.splitlines())
    assert cli.main(["new", "side_by_side"]) == 0
    assert "name: side_by_side" in capsys.readouterr().out


def test_schema_is_json_that_knows_the_models(capsys):
    assert cli.main(["schema"]) == 0
    text = capsys.readouterr().out
    assert "models" in json.loads(text)["properties"]
    assert "ornstein_uhlenbeck" in text


def test_info_names_versions_devices_and_backends(capsys):
    assert cli.main(["info"]) == 0
    text = capsys.readouterr().out
    for part in ("langevin-sgd", "torch", "cpu", "cuda", "ornstein_uhlenbeck"):
        assert part in text


def test_a_reader_that_has_seen_enough_is_no_error(home, program):
    process = program("schema", cwd=home)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert err == ""
