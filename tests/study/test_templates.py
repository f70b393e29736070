from __future__ import annotations

import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.study import loading as config
from langevin_sgd.study import templates


def test_every_template_is_a_valid_config_that_begins_with_its_question(tmp_path):
    known = templates.templates()
    assert "side_by_side" in known
    for name, question in known.items():
        assert question.endswith("?"), name
        file = tmp_path / f"{name}.yaml"
        file.write_text(templates.new(name), encoding="utf-8")
        assert config.load(file).models


def test_an_unknown_template_names_the_nearest():
    with pytest.raises(UserError, match='did you mean "side_by_side"'):
        templates.new("side_by_sied")
    with pytest.raises(UserError, match="there are: "):
        templates.new("zzz")


def test_a_broken_installation_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(templates, "__file__", str(tmp_path / "langevin_sgd" / "templates.py"))
    with pytest.raises(UserError, match="install it again"):
        templates.templates()
