"""Configs from files and from Python: what is taken for what, and what cannot be read."""

import copy
from pathlib import Path

import numpy as np
import pytest
from made_up_configs import GIVEN, study

from langevin_sgd.config.errors import ConfigError
from langevin_sgd.study import loading as config

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


def test_whole_numbers_pass_as_numbers_and_yaml_1_2_floats_are_numbers(tmp_path: Path) -> None:
    text = "name: a\nseed: 0\nsgd: {learning_rate: 1e-3, batch_size: 1_6, weight_decay: 0}\nmodels:\n  ou:\n"
    text += "    kind: ornstein_uhlenbeck\n    hessian: {kind: diagonal, eigenvalues: [1, 2]}\n"
    text += "    noise: {kind: isotropic, scale: 1}\n    steps: 10\ndescription: no\n"
    path = tmp_path / "a.yaml"
    path.write_text(text)
    parsed = config.load(path)
    assert parsed.sgd.learning_rate == 0.001
    assert parsed.sgd.batch_size == 16
    assert parsed.description == "no"


def test_arrays_tuples_and_paths_may_stand_for_lists_and_text() -> None:
    given = {**GIVEN, "hessian": {"kind": "full", "matrix": np.diag([2.0, 1.0])}, "steps": np.int64(500)}
    parsed = config.parse(study(models={"given": given}, output=Path("runs") / "here"))
    assert parsed.models["given"].hessian.matrix == ((2.0, 0.0), (0.0, 1.0))
    assert parsed.models["given"].steps == 500
    assert parsed.run_directory == "runs/here"


def test_the_input_is_left_as_it_was() -> None:
    mapping = study()
    before = copy.deepcopy(mapping)
    config.parse(mapping, ["models.network.sgd.learning_rate=0.2", "checks=[]"])
    assert mapping == before


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_examples_load_and_open_with_a_question(path: Path) -> None:
    assert config.load(path).name == path.stem
    opening = path.read_text().split("\n#\n")[0]
    assert opening.startswith("# ")
    assert opening.endswith("?")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "side_by_side.yaml").write_text("name: a\n")
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    for name, expected in (
        ("side_by_sid.yaml", f'no such file; did you mean "{tmp_path / "side_by_side.yaml"}"?'),
        ("latin.yaml", "is not a text file in UTF-8"),
        (".", "is a directory"),
        ("missing/a.yaml", "no such file, and no such folder"),
    ):
        with pytest.raises(ConfigError) as caught:
            config.load(tmp_path / name)
        assert str(caught.value).startswith(f"{tmp_path / name}: {expected}")
    with pytest.raises(ConfigError, match=r"sidereal\.yaml: no such file$"):  # the ending alone makes no likeness
        config.load(tmp_path / "sidereal.yaml")
