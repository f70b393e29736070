"""How long models will take, told as soon as they run, at the rate that was measured."""

from __future__ import annotations

import io

import pytest
from made_up_models import basins, langevin, network, potential, scanned

import langevin_sgd
from langevin_sgd import cli, machine_memory, progress
from langevin_sgd.integrators import fused_cpu
from langevin_sgd.models.context import Context
from langevin_sgd.models.finished import configured
from langevin_sgd.models.network import points as network_scan
from langevin_sgd.observables.schedule import log_spaced_steps
from langevin_sgd.storage import keeper
from langevin_sgd.study import loading as config


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_takes_long_is_said_once_at_the_measured_rate():
    clock, stream = Clock(), io.StringIO()
    shown = progress.Forecast(progress.QuietProgress(stream), "m", clock)
    shown.begin("m")
    for second, done in enumerate([0, 10, 110, 210, 310, 410, 510, 610]):  # the first ten while it was compiled
        clock.now = float(second)
        shown.update(done, 1_000_000)
    # measured from second 1 to 4, and again to 7: 100 a second; the 999,390 that are left take 9,994 s
    assert stream.getvalue() == "m: about 2 h 46 min to go, for 1,000,000 steps at 100 a second\n"
    shown.begin("m: Hessian", unit="columns")
    for second in range(10, 20):
        clock.now = float(second)
        shown.update(second, 500)
    assert stream.getvalue().count("\n") == 1  # eight minutes
    shown.begin("m: probe", unit="replicas")
    for second in range(10_000, 10_020, 5):  # when all was to be over
        clock.now = float(second)
        shown.update(second, 11_000)
    assert stream.getvalue().splitlines()[1:] == [
        "m: probe: about 16 min 25 s to go, for 11,000 replicas at 1.0 a second"
    ]


def test_records_that_are_dense_at_first_are_no_reason_for_alarm():
    """Sixty evaluations of 0.5 s, equally spaced in log step, among 6000 steps of 10 ms: a minute and a half in all.

    After three seconds it looks like a quarter of an hour; by the next few the rate has doubled, and again.
    """
    clock, stream = Clock(), io.StringIO()
    shown = progress.Forecast(progress.QuietProgress(stream), "m", clock)
    shown.begin("m")
    record = set(log_spaced_steps(6000, 60).tolist())
    early = []
    for step in range(6001):
        clock.now += 0.01 + 0.5 * (step in record)
        shown.update(step, 6000)
        if step and clock.now < 10.0:
            early.append(clock.now / step * 6000)
    assert early[-1] > progress.SECONDS_WORTH_A_NOTICE
    assert stream.getvalue() == ""


def test_looks_that_take_as_long_as_hundreds_of_steps_are_no_reason_either():
    """Twenty looks of three seconds, spaced logarithmically in 10,000 steps of 5 ms: less than two minutes in all."""
    clock, stream = Clock(), io.StringIO()
    shown = progress.Forecast(progress.QuietProgress(stream), "m", clock)
    shown.begin("m")
    looks = set(log_spaced_steps(10_000, 64)[::3].tolist())
    for step in range(10_001):
        clock.now += 0.005 + 3.0 * (step in looks)
        shown.update(step, 10_000)
    assert clock.now < 150
    assert stream.getvalue() == ""


def test_a_scan_of_networks_is_foretold_as_a_whole_and_once(monkeypatch):
    clock, stream = Clock(), io.StringIO()

    def train(points, *_others, name, progress, **_more):
        progress.begin(name)
        for step in range(901):
            clock.now += 1.0
            progress.update(step, 900)
        return [None] * len(points)

    monkeypatch.setattr(network_scan, "train", train)
    study_of_three = scanned(network(steps=900), "sgd.learning_rate", 3)
    study = config.parse(study_of_three)
    points = configured(study, "m")
    forecast = progress.Forecast(progress.QuietProgress(stream), "m", clock)
    network_scan.run_points(points, Context(study, "m", progress=forecast))
    # each step is one of three networks; the rate is told when a hundred are done: 102 of 3 x 900
    said = "m: about 14 min 26 s to go, for 2,700 steps at 3.0 a second\n"
    assert stream.getvalue() == said


@pytest.mark.parametrize("quiet", [True, False])
def test_a_long_model_gives_notice_on_the_command_line(home, capsys, monkeypatch, quiet):
    monkeypatch.setattr(progress, "SECONDS_OF_PROBE", 0.0)
    monkeypatch.setattr(progress, "SECONDS_WORTH_A_NOTICE", 0.0)
    monkeypatch.setattr(keeper, "SECONDS_A_SEGMENT", 0.0)
    assert cli.main(["simulate", "study.yaml", *(["--quiet"] if quiet else [])]) == 0
    assert [line[:21] for line in capsys.readouterr().err.splitlines()] == ["ou: exact jumps: about"[:21]]


def test_a_billion_steps_that_cost_nothing_are_no_long_run(home, capsys):
    assert cli.main(["simulate", "study.yaml", "--quiet", "--set", "models.ou.steps=1000000000"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.by_default("basins")
@pytest.mark.parametrize("given", [langevin(steps=10**9), basins(steps=10**9, laws=False)], ids=["langevin", "basins"])
def test_a_billion_steps_never_start_silently(given, monkeypatch):
    """The first word comes after a few launches, which are of a second and here shorter, not after a hundredth."""

    class Heard(Exception):
        pass

    class Listening(progress.NullProgress):
        def notice(self, text: str) -> None:
            raise Heard(text)

    monkeypatch.setattr(fused_cpu, "_LAUNCH", fused_cpu._LAUNCH // 50)
    monkeypatch.setattr(progress, "SECONDS_OF_PROBE", 0.02)
    monkeypatch.setattr(progress, "SECONDS_WORTH_A_NOTICE", 5.0)  # a large machine may be done in ten minutes
    with pytest.raises(Heard, match="1,000,000,000 steps"):
        langevin_sgd.simulate(given, progress=Listening())


def test_ten_million_disorders_never_start_silently(monkeypatch):
    class Heard(Exception):
        pass

    class Listening(progress.NullProgress):
        def notice(self, text: str) -> None:
            raise Heard(text)

    monkeypatch.setattr(progress, "SECONDS_OF_PROBE", 0.2)
    monkeypatch.setattr(progress, "SECONDS_WORTH_A_NOTICE", 5.0)  # a large machine may be done in ten minutes
    monkeypatch.setattr(machine_memory, "available", lambda: 1 << 50)
    given = potential(disorders=10**7, half_width=100, ln_time=[0.0, 0.5], record_times=2)
    with pytest.raises(Heard, match="10,000,000 disorders"):
        langevin_sgd.simulate(given, progress=Listening())
