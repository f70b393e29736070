"""Reading YAML in bounded time: aliases that stand for gigabytes, and lists of 10^5 numbers."""

import math
import time
from pathlib import Path

import pytest

from langevin_sgd.config.errors import ConfigError
from langevin_sgd.study import yaml_source
from langevin_sgd.study.loading import load


def bomb(levels: int, opening: str, closing: str) -> str:
    """Every level holds nine times the one before it."""
    lines = ["l0: &l0 [1]" if opening == "[" else "l0: &l0 {a: 1}"]
    for level in range(1, levels):
        inner = f"*l{level - 1}"
        entries = ", ".join([inner] * 9 if opening == "[" else [f"k{i}: {inner}" for i in range(9)])
        lines.append(f"l{level}: &l{level} {opening}{entries}{closing}")
    return "\n".join(lines) + "\n"


def refusal(text: str) -> str:
    start = time.process_time()
    with pytest.raises(ConfigError) as caught:
        yaml_source.parse_text(text, "x.yaml")
    assert time.process_time() - start < 1.0
    (line,) = caught.value.lines()
    return line


@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_aliases_that_multiply_are_refused_at_once(brackets: str) -> None:
    line = refusal(bomb(40, *brackets))
    # 9^6 = 531,441 is the first power of nine beyond the limit
    assert line.startswith("x.yaml:7: l6: aliases (*name) repeat more than 250,000 entries")


def test_a_long_list_repeated_often_is_refused() -> None:
    numbers = ", ".join(["0.5"] * 1000)
    line = refusal(f"a: &a [{numbers}]\nb: &b [{', '.join(['*a'] * 100)}]\nc: [*b, *b, *b]\n")
    assert line.startswith("x.yaml:3: c: aliases")


def test_a_value_that_holds_itself_is_refused() -> None:
    for text in ("a: &a [1, *a]\n", "a: &a {b: {c: *a}}\n", "a: &a\n  - x\n  - b: *a\n"):
        assert "alias (*name) stands inside the value that it names" in refusal(text)


def test_aliases_within_reason_are_followed() -> None:
    numbers = ", ".join(["0.5"] * 1000)
    data = yaml_source.parse_text(f"a: &a [{numbers}]\nb: [*a, *a]\nc: &c {{x: 1}}\nd: *c\n", "x").data
    assert data["b"] == [[0.5] * 1000] * 2
    assert data["d"] == {"x": 1}
    data["d"]["x"] = 2
    assert data["c"] == {"x": 1}


BIG = """\
name: big
seed: 1
sgd: {{learning_rate: 0.1, batch_size: 16}}
models:
  ou:
    kind: ornstein_uhlenbeck
    hessian:
      kind: diagonal
      eigenvalues: {values}
    noise: {{kind: isotropic, scale: 1}}
    steps: 1000
"""
COUNT = 100_000


@pytest.mark.parametrize("style", ["flow", "lines", "dashes", "columns"])
def test_a_list_of_a_hundred_thousand_numbers_loads_in_two_seconds(tmp_path: Path, style: str) -> None:
    words = [f"{1 + i * 1e-6:.6f}" for i in range(COUNT)]
    text = {
        "flow": f"[{', '.join(words)}]",
        "lines": "[" + ",\n        ".join(words) + "]",
        "dashes": "\n" + "\n".join(f"        - {word}" for word in words),
        "columns": "[" + ",\n   ".join(", ".join(words[i : i + 10]) for i in range(0, COUNT, 10)) + "\n  ]",
    }[style]
    file = tmp_path / "big.yaml"
    file.write_text(BIG.format(values=text), encoding="utf-8")
    start = time.process_time()
    study = load(file)
    assert time.process_time() - start < 2.0
    assert study.models["ou"].hessian.eigenvalues == tuple(map(float, words))


def test_rows_of_numbers_are_read_in_two_seconds() -> None:
    rows = ",\n  ".join(f"[{i}, {i / 2}]" for i in range(COUNT // 2))
    start = time.process_time()
    data = yaml_source.parse_text(f"a: [{rows}]\nb: 1\n", "x").data
    assert time.process_time() - start < 2.0
    assert data == {"a": [[i, i / 2] for i in range(COUNT // 2)], "b": 1}


WORDS = ["1", "-1", "+7", "0", "-0", "1.5", "-2.", "1e3", "1E-3", "3.25e+10", "0.1", "123456789012345678", "00.5"]
WORDS += ["1.7976931348623157e308", "5e-324"]


@pytest.mark.parametrize(
    "text",
    [
        f"a: [{', '.join(WORDS * 2)}]\nb: 2\n",
        f"a: [x, {', '.join(WORDS * 2)}, null, {', '.join(WORDS * 3)}, true]\n",
        f"a: [{', '.join(WORDS * 2)}, 3rd]\n",
        f"a: [{', '.join(WORDS * 2)}, 0x10, 0o17, 1_000, 12:30, .5, .inf]\n",
        f"a: [{', '.join(WORDS * 2)}, 123456789012345678901234567890, 1]\n",
        f"a: [{', '.join(WORDS * 2)} # and so on [{', '.join(WORDS * 2)}\n  , 1]\nb: c\n",
        f"a: [1,\n # 2, {', '.join(WORDS * 2)},\n 67, 68]\n",
        f"a: '[{', '.join(WORDS * 2)}]'\nb: [{', '.join(WORDS * 2)}]\n",
        f"a: |\n  [{', '.join(WORDS * 2)}]\nb: x, {', '.join(WORDS * 2)}, y\n",
        f"a: {{b: 1, {', '.join(str(i) for i in range(40))}, c: 2}}\n",
        "a:\n" + "".join(f"  - {word}\n" for word in WORDS * 2) + "  - x\nb: 1\n",
        "a: |\n" + "".join(f"  - {word}\n" for word in WORDS * 2) + "b: 1\n",
        "- x\n" + "".join(f"- {word}\n" for word in WORDS * 2) + "  - 3\n- 4\n",
        f"a: [[{', '.join(WORDS * 2)}], [{', '.join(WORDS * 2)}]]\nb: [{', '.join('[1, 2.5]' for _ in range(20))}]\n",
        f"a: &a [{', '.join(WORDS * 2)}]\nb: *a\n",
        "a: [" + ", ".join(["\ue0000\ue000", *WORDS * 2]) + "]\n",
    ],
)  # fmt: skip
def test_numbers_are_what_the_library_reads(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(text: str) -> object:
        try:
            return yaml_source.parse_text(text, "x").data
        except ConfigError as error:
            return str(error)

    def same(one: object, other: object) -> bool:
        if isinstance(one, dict) and isinstance(other, dict):
            return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
        if isinstance(one, list) and isinstance(other, list):
            return len(one) == len(other) and all(map(same, one, other))
        signs = math.copysign(1, one) == math.copysign(1, other) if isinstance(one, float) else True
        return type(one) is type(other) and one == other and signs

    found = told(text)
    monkeypatch.setattr("langevin_sgd.study.number_lists.fold", lambda text: (text, {}))
    assert same(found, told(text)), found


def test_lines_inside_a_long_list_are_still_known(tmp_path: Path) -> None:
    words = [f"{1 + i}.5" for i in range(50)]
    for text, first in (
        ("[" + ",\n   ".join(words) + "]", 9),
        ("\n" + "\n".join(f"        - {word}" for word in words), 10),
    ):
        source = yaml_source.parse_text(BIG.format(values=text), "x")
        assert source.find(("models", "ou", "hessian", "eigenvalues", 30)) == (first + 30, 5)
        assert source.find(("models", "ou", "steps")) == (first + 51, 3)
        assert source.find(("models", "ou", "hessian", "eigenvalues", 99))[1] == 4


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name:\tx\n", 1),
        ("a: 1\nb:\t1\n", 2),
        ("- a\n-\tb\n", 2),
        ("a\t: 1\n", 1),
        ("a: 1\t\n", 1),
        ("a: 1 \t# c\n", 1),
    ],
)
def test_a_tab_that_separates_gets_its_mend(text: str, line: int) -> None:
    told = refusal(text)
    assert told.startswith(f"x.yaml:{line}: malformed YAML")
    assert told.endswith("write a space for the tab")


@pytest.mark.parametrize(("text", "line"), [("a:\n\tb: 1\n", 2), ("\ta: 1\n", 1), ("a:\n  - 1\n\t- 2\n", 3)])
def test_a_tab_that_indents_gets_its_mend(text: str, line: int) -> None:
    told = refusal(text)
    assert told.startswith(f"x.yaml:{line}: malformed YAML")
    assert told.endswith("indent with spaces, not tabs")
