from __future__ import annotations

import io
import re

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
        "network: 2,000/9,000 steps, 100/s, 1 min 10 s left",
        "network: 3,000/9,000 steps, 100/s, 1 min 00 s left",
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


def test_time_left_is_unknown_before_anything_is_done_and_goes_down_while_nothing_is_heard():
    clock, stream = Clock(), io.StringIO()
    shown = progress.LineProgress(stream, clock)
    shown.begin("network", "points")
    shown.update(2, 12)  # those that were there before are not part of the rate
    for second in range(71):
        clock.now = float(second)
        shown.beside("1 failed" if second >= 19 else "")
        if second == 19:
            shown.update(3, 12)
    assert stream.getvalue().splitlines() == [
        "network: 2/12 points, time left unknown",
        "network: 3/12 points, 19 s each, 2 min 50 s left; 1 failed",
        "network: 3/12 points, 19 s each, 2 min 40 s left; 1 failed",
        "network: 3/12 points, 19 s each, 2 min 30 s left; 1 failed",
        "network: 3/12 points, 19 s each, 2 min 20 s left; 1 failed",
        "network: 3/12 points, 19 s each, 2 min 10 s left; 1 failed",
        "network: 3/12 points, 19 s each, 2 min 00 s left; 1 failed",
    ]


def test_points_that_take_longer_than_those_that_are_done_leave_more_time_than_none():
    told = progress.Told("network", "points")
    told.advance(0.0, 0, 3)
    told.advance(10.0, 2, 3)
    assert told.text(12.0) == "network: 2/3 points, 0.2/s, 3 s left"
    assert told.text(40.0) == "network: 2/3 points, 0.2/s, 20 s left"
    told.advance(40.0, 3, 3)
    assert told.text(50.0) == "network: 3/3 points, 13 s each"


@pytest.mark.parametrize("width", [60, 140])
def test_the_line_of_a_terminal_is_never_wrapped(width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    clock, stream = Clock(), Terminal()
    shown = progress.TerminalProgress(stream, clock)
    shown.begin("network", "points")
    shown.update(0, 24)
    clock.now = 60.0
    shown.update(12, 24)
    shown.beside("1 failed; point 13: Hessian, 120/2,000 columns, 100/s, 19 s left")
    shown.close()
    (*_, last) = stream.getvalue().replace("\r", "").strip().split("\x1b[2K")
    lines = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line).rstrip() for line in last.splitlines()]
    numbers, others = "network: 12/24 points, 0.2/s, 1 min 00 s left", "1 failed; point 13: Hessian, 120/2,000 columns"
    if width == 60:
        assert [line[:45] for line in lines if line] == [numbers, others[:45]]
    else:
        assert f"{numbers}; {others}" in lines[0]
    assert all(len(line) <= width for line in lines)


def test_the_display_fits_the_stream():
    assert isinstance(progress.choose(quiet=True), progress.NullProgress)
    assert isinstance(progress.choose(quiet=False, stream=Terminal()), progress.TerminalProgress)
    assert isinstance(progress.choose(quiet=False, stream=io.StringIO()), progress.LineProgress)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (3599, "59 min 59 s"), (7620, "2 h 07 min")]
)
def test_seconds_read_well(seconds, text):
    assert progress.format_seconds(seconds) == text
