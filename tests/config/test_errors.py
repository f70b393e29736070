"""What a bad config prints: at most ten faults and a count, and nothing that is quoted from it without end."""

import subprocess
import sys
from pathlib import Path

import pytest

from langevin_sgd import cli
from langevin_sgd.config.errors import ConfigError
from langevin_sgd.study import yaml_source
from langevin_sgd.study.loading import load, parse

OU = """\
    kind: ornstein_uhlenbeck
    hessian: {kind: diagonal, eigenvalues: [1.0]}
    noise: {kind: isotropic, scale: 1}
    steps: 100
"""
START = "name: x\nseed: 1\nsgd: {learning_rate: 0.1, batch_size: 4}\n"
LONG = "w" * 600


def printed(text: str, home: Path, capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    (home / "x.yaml").write_text(text, encoding="utf-8")
    assert cli.main(["simulate", str(home / "x.yaml"), "--output", str(home / "run"), *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert not (home / "run").exists()
    return err.splitlines()


@pytest.mark.parametrize(("faults", "last"), [(10, None), (11, "and 1 more fault;"), (40, "and 30 more faults;")])
def test_ten_faults_are_shown_and_the_rest_is_counted(tmp_path, capsys, faults, last):
    text = START + "models:\n  ou:\n" + OU + "".join(f"    odd{i}: 1\n" for i in range(faults))
    lines = printed(text, tmp_path, capsys)
    assert len(lines) == min(faults, 10) + (last is not None)
    assert [int(line.split(":")[1]) for line in lines[:10]] == list(range(10, 20))
    assert last is None or lines[-1].startswith(last)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "x.yaml")
    assert len(caught.value.lines()) == faults


def test_faults_of_every_kind_together_are_at_most_twelve_lines(tmp_path, capsys):
    for text in (
        START + "models: {ou: {kind: ornstein_uhlenbeck, steps: [" + ", ".join(["x"] * 50) + "]}}\n" + "a: 1\n",
        START + "models: {" + ", ".join(f"m{i}: {{kind: x}}" for i in range(300)) + "}\n",
        START + "models: {ou: 1}\nchecks: [" + ", ".join(f"c{i}" for i in range(60)) + "]\n",
    ):
        assert len(printed(text, tmp_path, capsys)) <= 12


@pytest.mark.parametrize(
    "text",
    [
        START.replace("x", LONG, 1) + "models:\n  ou:\n" + OU,
        START + f"models:\n  {LONG}-:\n" + OU,
        START + f"models:\n  ou:\n{OU}    {LONG}: 1\n",
        START + f"models:\n  ou: {{kind: ornstein_uhlenbeck, hessian: {{from: {LONG}}}, noise: {{from: {LONG}}}}}\n",
        START + f"models:\n  ou: {{kind: {LONG}}}\n",
        START + f"models:\n  ou:\n{OU}checks: [{{kind: equilibrium, models: [{LONG}]}}]\n",
        START + f"models:\n  ou:\n{OU}scan: {{models.{LONG}.steps: [1, 2]}}\n",
        START + f"models:\n  ou:\n{OU}scan: {{models.ou.{LONG}: [1, 2]}}\n",
        START + f"models:\n  ou:\n{OU}? [{LONG}]\n: 1\n",
        START + f"models:\n  ou:\n{OU}a: *{LONG}\n",
        START + f"models:\n  ou:\n{OU}a: !{LONG} 1\n",
        START + f"models:\n  ou: {{kind: langevin, potential: {{kind: expression, energy: '{LONG}'}}}}\n",
        START + f"models:\n  ou:\n{OU}{'and so on ' * 60}: 1\n",
        START + "models: {" + ", ".join(f"m{i}: {{kind: network}}" for i in range(300)) + "}\nchecks: [c]\n",
    ],
)
def test_long_names_are_shortened_wherever_they_are_quoted(tmp_path, capsys, text):
    for line in printed(text, tmp_path, capsys):
        assert len(line) - len(str(tmp_path)) < 420, line
        assert "w" * 101 not in line
        assert line.startswith((str(tmp_path / "x.yaml"), "and "))


def test_long_words_of_the_command_line_are_shortened(tmp_path, capsys):
    text = START + "models:\n  ou:\n" + OU
    for options in (["--set", f"models.ou.{LONG}=1"], ["--set", f"name={LONG}"], ["--device", LONG], [f"--{LONG}"]):
        (line,) = printed(text, tmp_path, capsys, *options)
        assert len(line) < 400
        assert "w" * 101 not in line


@pytest.mark.parametrize(
    "value",
    ["!!omap [a: 1]", "!!pairs [a: 1]", "!!set [1, 2]", "!own [1]", "!!omap {a: 1}", "!own {a: 1}", "!!null 5",
     "!!binary aGk=", "!!python/object:os.system x", "!!str [1]", "!!float [1]"],
)  # fmt: skip
def test_tags_that_change_what_is_written_are_refused(value):
    with pytest.raises(ConfigError, match=r"^x:2: b: the tag .* is not supported; remove it$"):
        yaml_source.parse_text(f"a: 1\nb: {value}\n", "x")


def test_a_tag_deep_in_an_example_is_refused(tmp_path, capsys):
    example = Path(__file__).parents[2] / "configs" / "high_dimension.yaml"
    text = example.read_text(encoding="utf-8")
    for key in ("models:", "checks:"):
        assert f"\n{key}" in text
        (line,) = printed(text.replace(f"\n{key}", f"\n{key} !!omap", 1), tmp_path, capsys)
        assert "the tag !!omap is not supported" in line


def test_tags_that_say_what_is_there_are_accepted():
    data = yaml_source.parse_text('a: !!float 1\nb: !!int "3"\nc: !!str 5\nd: !!seq [1]\ne: !!map {f: 1}\n', "x").data
    assert data == {"a": 1.0, "b": 3, "c": "5", "d": [1], "e": {"f": 1}}


def test_paths_keep_their_length():
    name = "/" + "/".join(["a" * 90] * 5) + "/x.yaml"
    with pytest.raises(ConfigError, match=name):
        load(name)
    with pytest.raises(ConfigError, match="missing"):
        parse({"seed": 1})


HEAVY = ("numpy", "scipy", "torch", "xarray", "zarr", "matplotlib", "numba", "sklearn", "pandas", "sympy")


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("malformed_tab", set()), ("from_circle", set()), ("hidden_zero_width", set()), ("alpha_two", set()),
        ("scan_unknown_model", {"sympy"}), ("basin_not_a_condition", {"sympy"}), ("basins_box_reversed", {"sympy"}),
    ],
)  # fmt: skip
def test_an_error_is_told_before_anything_heavy_is_imported(name, needed):
    config = Path(__file__).parents[1] / "broken_configs" / f"{name}.yaml"
    code = (
        f"import sys; from langevin_sgd import cli; assert cli.main(['simulate', {str(config)!r}]) == 2;"
        f"print(*({set(HEAVY)!r} & set(sys.modules)))"
    )
    package = str(Path(cli.__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", code], cwd=package, capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert imported - {"numpy" if needed else ""} <= needed
