"""A thousand broken configs, made of all examples: one exit code, few lines, no traceback, no wait.

Damage that leaves a sound config is told by the command coming as far as making the run directory; it is counted, and
not run.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from langevin_sgd import cli
from langevin_sgd.study import store

COUNT = 1000
SECONDS = 20.0
LINES = 12
MOST_ACCEPTED = 0.05
"""Part of the configs that may be sound after all."""


class Accepted(Exception):
    """The command is about to run the study."""


@contextmanager
def in_time() -> Iterator[None]:
    def late(*_: object) -> None:
        raise TimeoutError(f"took more than {SECONDS:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def outcome(text: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What is wrong with how a config was refused; empty if nothing is, "accepted" if it was not."""
    file = folder / "broken.yaml"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    try:
        with in_time():
            code = cli.main(["simulate", str(file), "--output", str(folder / "run"), "--device", "cpu"])
    except Accepted:
        capsys.readouterr()
        return "accepted"
    except BaseException as error:
        capsys.readouterr()
        return f"{type(error).__name__}: {error}"
    out, err = capsys.readouterr()
    lines = err.splitlines()
    if code != 2 or out or not 1 <= len(lines) <= LINES:
        return f"code {code}, {len(lines)} lines"
    bad = [line for line in lines if "Traceback" in line or len(line) > 1000 or not line.isprintable()]
    if bad:
        return f"a line that is none: {bad[0]!r:.300}"
    return "" if not (folder / "run").exists() else "left something"


@pytest.fixture
def refused(broken_config, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """A function that runs the configs of some numbers as far as their runs would begin."""

    def begin(*_: object, **_options: object) -> None:
        raise Accepted

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(store, "prepare", begin)

    def run(numbers: range) -> tuple[Counter[str], list[str], list[float]]:
        faults, accepted, seconds = [], Counter[str](), []
        for index in numbers:
            kind, text = broken_config(index)
            start = time.perf_counter()
            found = outcome(text, tmp_path, capsys)
            seconds.append(time.perf_counter() - start)
            if found == "accepted":
                accepted[kind] += 1
            elif found:
                faults.append(f"{index} ({kind}): {found}")
        return accepted, faults, seconds

    return run


def test_a_twentieth_of_the_broken_configs_is_refused(refused):
    accepted, faults, _ = refused(range(0, COUNT, 20))
    assert faults == []
    assert accepted.total() <= MOST_ACCEPTED * COUNT / 20, accepted


@pytest.mark.validate
def test_all_broken_configs_are_refused(refused):
    accepted, faults, seconds = refused(range(COUNT))
    print(f"accepted {accepted}, longest {max(seconds):.2f} s, mean {sum(seconds) / COUNT:.3f} s")
    assert faults == []
    assert accepted.total() <= MOST_ACCEPTED * COUNT, accepted


def test_every_kind_of_damage_occurs_and_configs_are_many(broken_config, kinds_of_damage):
    made = [broken_config(index) for index in range(0, COUNT, 20)]
    assert {kind for kind, _ in made} == kinds_of_damage
    assert len({text for _, text in made}) > 0.9 * len(made)
    assert broken_config(20) == made[1]
