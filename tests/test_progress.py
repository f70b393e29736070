from __future__ import annotations

import io

import pytest

from langevin_sgd import progress


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_come_every_ten_seconds_with_rate_and_time_left():
    clock, stream = Clock(), io.StringIO()
    shown = progress.LineProgress(stream, clock)
    shown.begin("network")
    for second in range(26):
        clock.now = float(second)
        shown.update(1000 + 100 * second, 9000)  # a resumed run: its first 1000 steps are not part of the rate
    assert stream.getvalue().splitlines() == [
        "network: 2,000/9,000 steps (22%), 100 steps/s, 1 min 10 s left",
        "network: 3,000/9,000 steps (33%), 100 steps/s, 1 min 00 s left",
    ]


def test_a_new_task_starts_its_own_clock():
    clock, stream = Clock(), io.StringIO()
    shown = progress.LineProgress(stream, clock)
    for task in ("a", "b"):
        shown.begin(task)
        clock.now += 6.0
        shown.update(1, 2)
    assert stream.getvalue() == ""


def test_the_bar_appears_after_two_seconds_only():
    clock, stream = Clock(), Terminal()
    shown = progress.TerminalProgress(stream, clock)
    shown.begin("network")
    clock.now = 1.9
    shown.update(10, 100)
    assert stream.getvalue() == ""
    clock.now = 2.1
    shown.update(20, 100)
    shown.message("a word in between")
    shown.update(100, 100)
    shown.close()
    assert "network" in stream.getvalue()
    assert "100/100" in stream.getvalue()
    assert "a word in between" in stream.getvalue()


def test_the_display_fits_the_stream():
    assert isinstance(progress.choose(quiet=True), progress.NullProgress)
    assert isinstance(progress.choose(quiet=False, stream=Terminal()), progress.TerminalProgress)
    assert isinstance(progress.choose(quiet=False, stream=io.StringIO()), progress.LineProgress)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (3599, "59 min 59 s"), (7620, "2 h 07 min")]
)
def test_seconds_read_well(seconds, text):
    assert progress.format_seconds(seconds) == text
