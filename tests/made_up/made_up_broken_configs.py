"""Broken configs, made of all examples: the number of one gives the example, the kind of damage and its place."""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from langevin_sgd.study import yaml_source

EXAMPLES = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
Path_ = tuple[Any, ...]


# places in a config


def places(data: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Every value of a config with its path, outermost first."""
    if path:
        yield path, data
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inner:
        yield from places(value, (*path, key))


def holder(data: Any, path: Path_) -> Any:
    for part in path[:-1]:
        data = data[part]
    return data


def chosen(data: Any, rng: random.Random, fits: Callable[[Path_, Any], bool]) -> Path_:
    fitting = [path for path, value in places(data) if fits(path, value)]
    return rng.choice(fitting) if fitting else ("seed",)


def number(path: Path_, value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def section(path: Path_, value: Any) -> bool:
    return isinstance(value, dict)


def key(path: Path_, value: Any) -> bool:
    return isinstance(path[-1], str) and "description" not in path


def named(*names: str) -> Callable[[Path_, Any], bool]:
    return lambda path, value: path[-1] in names


def put(fits: Callable[[Path_, Any], bool], *values: Any) -> Callable[[Any, random.Random], None]:
    """Damage that puts one of `values` at a place that fits."""

    def damage(data: Any, rng: random.Random) -> None:
        path = chosen(data, rng, fits)
        holder(data, path)[path[-1]] = copy.deepcopy(rng.choice(values))

    return damage


# damage of the data


def misspelt(data: Any, rng: random.Random) -> None:
    path = chosen(
        data, rng, lambda path, value: key(path, value) and len(path[-1]) > 2 and path[:1] != ("description",)
    )  # fmt: skip
    inside = holder(data, path)
    place = rng.randrange(len(path[-1]) - 1)
    word = path[-1]
    wrong = rng.choice(
        [word[:place] + word[place + 1 :], word[:place] + word[place] * 2 + word[place + 1 :], word + "s"]
    )  # fmt: skip
    inside[wrong] = inside.pop(word)


def missing(data: Any, rng: random.Random) -> None:
    path = chosen(
        data, rng, named("name", "seed", "kind", "energy", "variables", "alpha", "models", "eigenvalues", "start")
    )  # fmt: skip
    del holder(data, path)[path[-1]]


def extra(data: Any, rng: random.Random) -> None:
    path = chosen(data, rng, lambda path, value: isinstance(value, dict) and "kind" in value)
    inside = holder(data, path)[path[-1]]
    inside[rng.choice(["colour", "Kind", "steps ", "größe", "x y", "", "0", "kind2", "-", "a.b"])] = rng.choice(
        [1, "x", None]
    )  # fmt: skip


def wrong_nesting(data: Any, rng: random.Random) -> None:
    path = chosen(data, rng, lambda path, value: isinstance(value, dict | list) and bool(value))
    inside = holder(data, path)
    value = inside[path[-1]]
    wrapped = [[value], {"value": value}, [value, value], {path[-1] if isinstance(path[-1], str) else "x": value}]
    inside[path[-1]] = rng.choice(wrapped)


def moved(data: Any, rng: random.Random) -> None:
    path = chosen(data, rng, lambda path, value: len(path) > 2 and key(path, value))
    value = holder(data, path).pop(path[-1])
    data[f"{path[-1]}" if path[-1] not in data else f"{path[-1]}_"] = value


def unknown_source(data: Any, rng: random.Random) -> None:
    name = rng.choice(list(data["models"]))
    data["models"]["copy"] = {
        "kind": "ornstein_uhlenbeck",
        "hessian": {"from": rng.choice(["nowhere", name + "x", "", "copy"])},
        "noise": {"from": rng.choice(["nowhere", "copy", 3, None])},
    }  # fmt: skip


def circle(data: Any, rng: random.Random) -> None:
    size = rng.randrange(1, 5)
    for i in range(size):
        following = {"from": f"round{(i + 1) % size}"}
        data["models"][f"round{i}"] = {"kind": "ornstein_uhlenbeck", "hessian": following, "noise": following}


def scanned(data: Any, rng: random.Random) -> None:
    name = rng.choice(list(data["models"]))
    wrong = {
        "nowhere.x": [1, 2], f"models.{name}": [1, 2], f"models.{name}x.temperature": [1, 2], "seed": [1, 2],
        f"models.{name}.replicas": [1, 2], f"models.{name}.nothing": [0.1, 0.2],
        "sgd.learning_rate": rng.choice(
            [
                [], [0.1, 0.1], "0.1", {"linear": [1, 2]}, {"linear": [1, 2, 1]}, {"geometric": [0, 1, 3]},
                {"geometric": [-1, 1, 3]}, {"linear": [0.1, 0.2, 10**6]}, [0.1, None], [True, False],
                {"log": [1, 2, 3]}, [math.nan], [0.1, math.inf], [[0.1]], {},
                {"linear": [0.1, 0.2, 3], "geometric": [1, 2, 3]}, [-0.1, 0.1],
            ]
        ),
        "": [1, 2], f"models.{name}.start.99": [1, 2], ".": [1], "sgd": [1],
    }  # fmt: skip
    where = rng.choice(list(wrong))
    data["scan"] = {where: wrong[where]}


FORMULAS = [
    "x +",
    "(",
    "x**", "__import__('os').system('true')", "lambda: 0", "x.real", "x[0]", "1/0", "sqrt(-1)", "exp(exp(exp(9)))",
    "q*x**2", "x**100000", "9**9**9**9", "abs(x)", "x > 0", "'x'", "sin", "sin(1, 2)", "x y",
    "(" * 500 + "x" + ")" * 500, "x" * 20_000, "", " ", "é**2 + ∞", "x = 1", "{}", "None", "1e999*x", "0x",
    "sin(" * 60 + "x" + ")" * 60, "x if x else 0", "f'{x}'", "x;y", "\\",
    "x**2 # c\n +",
    "[x for x in y]",
]  # fmt: skip


def formula(data: Any, rng: random.Random) -> None:
    path = chosen(data, rng, named("energy"))
    if path == ("seed",):
        data["models"]["well"] = {
            "kind": "langevin",
            "potential": {"kind": "expression", "energy": rng.choice(FORMULAS), "variables": ["x"]},
            "temperature": 1.0, "time_step": 0.01, "start": [0.0], "steps": 10,
        }  # fmt: skip
    else:
        holder(data, path)[path[-1]] = rng.choice(FORMULAS)


def import_path(data: Any, rng: random.Random) -> None:
    wrong = [
        "os:system", "subprocess:run", "no_such_module_at_all:make", "a", ":", "a:", ":b", "a:b:c", "a b:c",
        "../x:y", "builtins:eval", "torch.nn:Linear", "json:nothing", "a.b.c:d", "é:x", "1a:b", "langevin_sgd:load",
        "x" * 600 + ":y",
    ]  # fmt: skip
    data.setdefault("sgd", {"learning_rate": 0.1, "batch_size": 4})
    path = rng.choice(wrong)
    network: dict[str, Any] = {"kind": "network", "data": {"name": "digits"}, "steps": 10, "replicas": 2}
    if rng.random() < 0.5:
        network |= {"architecture": {"kind": "softmax"}, "data": {"name": path}}
    else:
        network |= {"architecture": {"kind": "module", "factory": path, "arguments": {"command": "true"}}}
    data["models"]["own"] = network


def long_list(data: Any, rng: random.Random) -> None:
    path = chosen(data, rng, lambda path, value: isinstance(value, list) or number(path, value))
    holder(data, path)[path[-1]] = rng.choice([[0.5] * 100_000, ["x"] * 20_000, [[0.5]] * 20_000, [None] * 20_000])


def many_keys(data: Any, rng: random.Random) -> None:
    path = chosen(data, rng, section)
    holder(data, path)[path[-1]] |= {f"key{i}": i for i in range(rng.choice([40, 2000]))}


def model_name(data: Any, rng: random.Random) -> None:
    name = rng.choice(list(data["models"]))
    wrong = rng.choice(
        ["a-b", "checks", "1x", "", " ", "a/b", "..", "class", "m" * 300, "é", "a\nb", "$x$", "<b>", "None", "x."]
    )  # fmt: skip
    data["models"] = {wrong if other == name else other: value for other, value in data["models"].items()}


def check(data: Any, rng: random.Random) -> None:
    name = rng.choice(list(data["models"]))
    data["checks"] = rng.choice(
        [
            ["nothing"], [{"kind": "equilibrium", "models": ["nowhere"]}], "equilibrium", [[]], [None],
            {"kind": "equilibrium"}, [{"models": [name]}], [{"kind": "equilibrium", "tolerance": -1}],
            [{"kind": "diffusion", "models": [name, name]}], [{"kind": "flatness", "models": []}],
            [{"kind": "occupancy", "tolerance": 0.05, "tol": 1}], [1], ["x" * 600], [{"kind": ["equilibrium"]}],
            ["equilibrum"] * 60,
        ]
    )  # fmt: skip


SIZES = ("steps", "replicas", "disorders", "batch_size", "record_times", "samples", "half_width", "features", "walkers")
DATA: dict[str, Callable[[Any, random.Random], None]] = {
    "text for a number": put(number, "many", "1,5", "0.1", "1e", "", "1_0_", "0x", "ten", "½", "1 2"),
    "true for a number": put(number, True, False),
    "null": put(lambda path, value: path[-1] in ("name", "seed", "models", "kind", "energy", "alpha", "steps"), None),
    "not a number": put(number, math.nan, math.inf, -math.inf),
    "huge number": put(number, 1e308, -1e308, 10**30, -(10**30), 10**400, 1e-320),
    "negative size": put(named(*SIZES), -1, 0, -(2**63), -0.5),
    "fraction of a size": put(named(*SIZES), 1.5, 1e300, 2**70, "7"),
    "list for a value": put(lambda path, value: not isinstance(value, list | dict), [], [1], [[1, 2]], ["x"]),
    "mapping for a value": put(
        lambda path, value: not isinstance(value, dict), {}, {"x": 1}, {"kind": "x"}, {"from": "x"}
    ),
    "value for a section": put(section, 1, "x", [], None, True, 1.5, [{}]),
    "unknown kind": put(
        named("kind"), "nothing", "Langevin", "networks", 3, None, [], {}, "", "x" * 600, "ornstein-uhlenbeck"
    ),
    "unknown word": put(
        named("scheme", "method", "landscape", "precision", "loss", "sampling", "start", "kind"), "nothing", 1
    ),
    "study name": put(named("name"), "", "a b", "a/b", "..", "x" * 200, 7, None, "é", "-", "a\nb", "$HOME", "~"),
    "seed": put(named("seed"), -1, 2**64, 1.5, "1", None, True, [], {}, math.nan),
    "misspelt key": misspelt, "missing key": missing, "unknown key": extra, "wrong nesting": wrong_nesting,
    "moved": moved, "unknown source": unknown_source, "circle": circle, "scan": scanned, "formula": formula,
    "import path": import_path, "long list": long_list, "many keys": many_keys, "model name": model_name,
    "check": check,
}  # fmt: skip


# damage of the text


def at_line(text: str, rng: random.Random, change: Callable[[str], str], fits: Callable[[str], bool]) -> str:
    lines = text.splitlines()
    able = [i for i, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#") and fits(line)]
    place = rng.choice(able)
    lines[place] = change(lines[place])
    return "\n".join(lines) + "\n"


def plain_key(line: str) -> bool:
    return ": " in line and "{" not in line.partition("#")[0] and not line.startswith("description")


def key_twice(text: str, rng: random.Random) -> str:
    return at_line(text, rng, lambda line: f"{line}\n{line}", plain_key)


def tabs(text: str, rng: random.Random) -> str:
    def change(line: str) -> str:
        return "\t" + line.lstrip() if rng.random() < 0.5 else line.replace(": ", ":\t", 1)

    return at_line(text, rng, change, lambda line: plain_key(line) and line.startswith(" "))


def no_space(text: str, rng: random.Random) -> str:
    return at_line(text, rng, lambda line: line.replace(": ", ":", 1), plain_key)


def unclosed(text: str, rng: random.Random) -> str:
    mark = rng.choice(["[", "{", '"', "'", "[1, 2", "{a: ", '"x'])
    return at_line(text, rng, lambda line: line.partition(":")[0] + ": " + mark, plain_key)


def indented(text: str, rng: random.Random) -> str:
    return at_line(text, rng, lambda line: rng.choice(["   ", " "]) + line, plain_key)


def tagged(text: str, rng: random.Random) -> str:
    tag = rng.choice(
        ["!!omap", "!!set", "!!python/object:os.system", "!own", "!!binary", "!!pairs", "!!str", "!!null", "!!seq"]
    )  # fmt: skip
    return at_line(text, rng, lambda line: f"{line.partition(':')[0]}: {tag}", lambda line: line.rstrip().endswith(":"))


def aliased(text: str, rng: random.Random) -> str:
    levels = rng.randrange(7, 30)
    nine = ["&l0 [1]", *(f"&l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, levels))]
    odd = rng.choice(
        [f"l: [{', '.join(nine)}]", "l: *nowhere", "l: &l [*l]", "l: &l {a: *l}", "<<: {a: 1}", "l: &a &b 1"]
    )  # fmt: skip
    return f"{text}\n{odd}\n"


def document(text: str, rng: random.Random) -> str:
    odd = [
        "---\na: 1\n---\n", "%YAML 3.0\n---\n", "- ", "? [a]\n: b\n", "...\nx: 1\n", "%TAG ! x\n",
        "]\n",
        "@a: 1\n",
        "`: 1\n",
    ]  # fmt: skip
    start = rng.choice(odd)
    return start + text if start in odd[:3] else text + "\n" + start


def noise(text: str, rng: random.Random) -> str:
    for _ in range(3):
        at = rng.randrange(len(text))
        text = (
            text[:at]
            + rng.choice(["\x00", "\x07", "\x1b[31m", "\ufffe", "{", "]", ": :", "\u2028", "&", "!<", "%"])
            + text[at:]
        )
    return text


def top(text: str, rng: random.Random) -> str:
    return rng.choice(
        ["", "# nothing\n", "1\n", "- a\n- b\n", "text\n", "null\n", "[]\n", "{}\n", "[" * 3000, "a: " * 50, "---\n"]
    )  # fmt: skip


def cut(text: str, rng: random.Random) -> str:
    models = text.index("models:")
    return text[: rng.randrange(1, models + 30)]


TEXT: dict[str, Callable[[str, random.Random], str]] = {
    "key twice": key_twice, "tabs": tabs, "no space": no_space, "unclosed": unclosed, "indented": indented,
    "tag": tagged, "alias": aliased, "document": document, "characters": noise, "top": top, "cut": cut,
}  # fmt: skip


def written(value: Any) -> str:
    """A value as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {written(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    return json.dumps(value)


def broken(index: int) -> tuple[str, str]:
    """The kind of damage and the text of a broken config."""
    rng = random.Random(f"broken config {index}")
    kinds = [*DATA, *TEXT]
    kind = kinds[index % len(kinds)]
    text = rng.choice(EXAMPLES).read_text(encoding="utf-8")
    if kind in TEXT:
        return kind, TEXT[kind](text, rng)
    data = yaml_source.parse_text(text, "example").data
    DATA[kind](data, rng)
    return kind, "\n".join(f"{json.dumps(key)}: {written(value)}" for key, value in data.items()) + "\n"


@pytest.fixture(scope="session")
def kinds_of_damage() -> set[str]:
    """All kinds of damage."""
    return {*DATA, *TEXT}


@pytest.fixture(scope="session")
def broken_config() -> Callable[[int], tuple[str, str]]:
    """`broken`, for the tests."""
    return broken
